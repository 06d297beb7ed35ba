//! A command on its way out.

use std::time::Duration;

use crate::call::{CallId, CommandId, Kind, LegNo};
use crate::clock::BootTime;
use crate::telnyx::request::Request;

/// A command that was committed and may be sent.
#[derive(Clone, Debug)]
pub struct Letter {
    /// The call.
    pub call: CallId,
    /// The leg it is for.
    pub leg: LegNo,
    /// The command.
    pub id: CommandId,
    /// What it is.
    pub kind: Kind,
    /// Its bytes.
    pub request: Request,
    /// By the boot clock: before its first byte can have been sent. `None`: nobody can say.
    pub first: Option<Duration>,
}

impl Letter {
    /// Time since its first byte may have been sent.
    pub fn age(&self, now: &BootTime) -> Option<Duration> {
        self.first.and_then(|first| now.since.checked_sub(first))
    }
}
