//! Whole calls in memory: the hall and a simulated Telnyx face to face on one virtual clock. Pure.
//!
//! [`Play`] runs the same `fold`, `decide`, desk, requests and webhooks as the engine does, with a store that is a
//! few maps and a network that is a list of moments. What it says of a call is read off the simulator's ledger.

mod agenda;
mod check;
mod crash;
mod cut;
mod diary;
mod doubt;
mod fault;
mod faults;
mod hearsay;
mod hops;
mod judge;
mod memory;
mod messages;
mod notices;
mod order;
mod outage;
mod played;
mod sender;
mod stage;
mod stray;
mod trouble;

pub use diary::{Heard, Try};
pub use played::{Played, PlayedCall};
pub use stage::Play;
pub use trouble::{Cut, Death, House, Ill, Illness, Manner, Mute, Outage, Trouble};
