//! Wiring: from settings to a server that runs.

mod database;
mod run;
mod sources;

pub use database::{Opened, open};
pub use run::{App, Parts};
pub use sources::{BadRules, load_rules, read_sources};
