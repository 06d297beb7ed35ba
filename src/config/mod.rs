//! Settings: where they come from, what they mean, and what is wrong with them.
//!
//! A flag is believed before the environment, the environment before the file, the file before the default. The API
//! key comes from the environment or from a file of its own, never from the settings file.

mod bad;
mod database;
mod known;
mod server;
mod settings;

pub use bad::BadSettings;
pub use database::Database;
pub use server::{Admin, Limits, Server, Telnyx};
pub use settings::{Origin, Settings};
