//! What goes wrong on our own side; what goes wrong on the other is in the simulator's settings.

use std::time::Duration;

use crate::call::Kind;

/// What goes wrong on our own side.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Trouble {
    /// How likely it is that a request is slow on its way, 0 to 1.
    pub slow: f64,
    /// When the process is killed.
    pub deaths: Vec<Death>,
    /// The first webhook of each of these types never comes: `call.answered`.
    pub lost: Vec<&'static str>,
    /// The first command of each of these kinds is taken and does nothing.
    pub ignored: Vec<Kind>,
}

/// The process is killed, and started again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Death {
    /// After the beginning.
    pub at: Duration,
    /// How long nothing runs.
    pub down: Duration,
}
