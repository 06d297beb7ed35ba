//! Wiring: from settings to a server that runs.

mod again;
mod database;
mod record;
mod run;
mod sources;
mod told;

pub use again::{Again, decide_again};
pub use database::{Opened, open};
pub use record::Recorder;
pub use run::{App, Parts};
pub use sources::{BadRules, load_rules, read_sources};
pub use told::{NotTold, Told, tell_call};
