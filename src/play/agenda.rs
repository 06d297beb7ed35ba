//! What will happen on our side, by moment.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;

use super::trouble::Stray;
use crate::call::{CallId, CommandId, Verdict};
use crate::telnyx::answer::{Pulse, Reading};

/// Something that will happen.
#[derive(Clone, Debug)]
pub(super) enum Due {
    /// What was handed in is decided and kept.
    Commit,
    /// A request reaches Telnyx; the number tells one try from another.
    Reach(CommandId, u64),
    /// Word of a try comes back, or its time is over.
    Hear(CommandId, u64, Reading, Pulse),
    /// A notice reaches whoever it is for; the number tells one try from another.
    Told(CommandId, u64),
    /// The status of the answer to such a try comes back, or its time is over.
    Heard(CommandId, u64, Option<u16>),
    /// Something that waits for its turn may have it.
    Pace,
    /// A piece of the pause before a next try is over.
    Rested(CommandId),
    /// The process is killed.
    Die(Duration),
    /// It is started again.
    Rise,
    /// A webhook comes that is no news of a leg of ours.
    Stray(Stray),
    /// Leases of commands that nobody sends may be over.
    Lapse,
    /// The outcome of a command is handed in again.
    Settle(CommandId, Verdict),
    /// A deadline may be rung for again, if it is still due.
    Ring(CallId, u64),
}

/// Everything that will happen; of the same moment, in the order in which it was noted.
#[derive(Debug, Default)]
pub(super) struct Agenda {
    due: BTreeMap<(Timestamp, u64), Due>,
    count: u64,
}

impl Agenda {
    pub fn add(&mut self, at: Timestamp, due: Due) {
        self.count += 1;
        self.due.insert((at, self.count), due);
    }

    pub fn next(&self) -> Option<Timestamp> {
        self.due.keys().next().map(|(at, _)| *at)
    }

    /// The next one that is due by `now`.
    pub fn take(&mut self, now: Timestamp) -> Option<Due> {
        self.due.first_entry().filter(|slot| slot.key().0 <= now).map(|slot| slot.remove())
    }

    /// Forgets what only a living process would do.
    pub fn forget(&mut self) {
        self.due.retain(|_, due| match due {
            Due::Reach(..) | Due::Told(..) | Due::Die(_) | Due::Rise | Due::Lapse | Due::Stray(_) => true,
            Due::Commit | Due::Pace | Due::Hear(..) | Due::Heard(..) => false,
            Due::Rested(..) | Due::Settle(..) | Due::Ring(..) => false,
        });
    }
}

/// The moment `by` after `at`.
pub(super) fn later(at: Timestamp, by: Duration) -> Timestamp {
    at.saturating_add(by).unwrap_or(Timestamp::MAX)
}

/// How much later `end` is than `start`; nothing if it is not.
pub(super) fn between(start: Timestamp, end: Timestamp) -> Duration {
    Duration::try_from(end.duration_since(start)).unwrap_or_default()
}

/// A moment as our clock shows it: in whole milliseconds.
pub(super) fn whole(at: Timestamp) -> Timestamp {
    Timestamp::from_millisecond(at.as_millisecond()).unwrap_or(at)
}
