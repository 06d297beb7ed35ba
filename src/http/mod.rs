//! What listens: connections and their limits, every URL on one page, and the door for webhooks.

mod guests;
mod limits;
mod phase;
pub mod routes;
mod seldom;
mod server;
mod tally;
mod webhook;

pub use limits::Limits;
pub use server::serve;
pub use webhook::{Door, DoorLimits, Intake, NOT_GENUINE, Taken};
