//! What listens: connections and their limits, every URL on one page, the door for webhooks, and a desk for whoever runs
//! the server.

mod admin;
mod guests;
mod limits;
mod metrics;
mod phase;
pub mod routes;
mod seldom;
mod server;
mod tally;
mod webhook;

pub use admin::{Desk, Token};
pub use limits::Limits;
pub use server::{listen, serve};
pub use tally::Tally;
pub use webhook::{Door, DoorLimits, Intake, NOT_GENUINE, Taken};
