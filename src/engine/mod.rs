//! The shell: moves values between the doors, the store and Telnyx, and decides nothing.
//!
//! `apply` takes events into the store, `dispatch` sends the commands that came of them, `notify` tells
//! others than Telnyx, `alarm` rings for deadlines.

mod alarm;
mod apply;
mod dispatch;
#[cfg(test)]
pub(crate) mod fake;
mod letter;
mod library;
mod notify;
mod queue;
mod rung;
mod sender;
mod start;
mod task;

pub use apply::{Inlet, Put};
pub use letter::rendered;
pub use library::{Library, Snapshot, read_rules};
pub use start::{Engine, House, Sending};
