//! The shell: moves values between the doors, the store and Telnyx, and decides nothing.
//!
//! `apply` takes events into the store, `dispatch` sends the commands that came of them, `notify` tells others than
//! Telnyx, `alarm` rings for deadlines, `takeover` goes on with what other nodes have left, `reload` puts other rules
//! in force.

mod alarm;
mod apply;
mod counts;
mod dispatch;
#[cfg(test)]
pub(crate) mod fake;
mod letter;
mod library;
mod life;
mod notify;
mod queue;
mod reload;
mod rung;
mod sender;
mod start;
mod takeover;
mod task;

pub use apply::{Inlet, Put};
pub use counts::Counts;
pub use letter::rendered;
pub use library::{Library, Snapshot, read_rules};
pub use life::Life;
pub use reload::{InForce, NotInForce, Reload, Reloads, Report, Stand, keep_rules};
pub use start::{Engine, House, Sending};
