//! Wiring: from settings to a server that runs.

mod again;
mod database;
mod gaze;
mod record;
mod run;
mod sources;
mod told;
mod watch;

pub use again::{Again, decide_again};
pub use database::{Opened, open};
pub use record::Recorder;
pub use run::{Admin, App, Parts};
pub use sources::{BadRules, load_rules, read_sources};
pub use told::{NotTold, Told, tell_call};
pub use watch::{Files, gate_of};
