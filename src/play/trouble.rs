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
    /// How likely it is that it is killed at any one step of a batch or of a command's way, 0 to 1.
    pub crash: f64,
    /// How often at most.
    pub crashes: u32,
    /// What runs on when it is killed.
    pub house: House,
    /// The first webhook of each of these types never comes: `call.answered`.
    pub lost: Vec<&'static str>,
    /// How many webhooks come that are no news of a leg of ours.
    pub strays: u32,
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

/// How the process is run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum House {
    /// Alone: it is started again, and whatever was under way is its own at once.
    #[default]
    Alone,
    /// Alone, and the machine is started again with it: nobody can say how old anything is.
    Machine,
    /// One of several on one database: another goes on at once, and takes over what the first one left when its lease
    /// is over.
    Shared,
}

/// Where a node can end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// A batch is handed in, and nothing of it is kept.
    BeforeCommit,
    /// A batch is kept, and nobody knows.
    AfterCommit,
    /// A command has its turn, and does not leave.
    BeforeSend,
    /// A command leaves, and nobody waits for its answer.
    AfterSend,
    /// A command is answered, and that is not kept.
    BeforeSettle,
}

impl Step {
    pub fn word(self) -> &'static str {
        match self {
            Self::BeforeCommit => "crash.before_commit",
            Self::AfterCommit => "crash.after_commit",
            Self::BeforeSend => "crash.before_send",
            Self::AfterSend => "crash.after_send",
            Self::BeforeSettle => "crash.before_settle",
        }
    }
}
