//! What was noted on the way: when something went wrong, how often what happened, and what must never happen.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::Timestamp;

use crate::call::{CallId, CommandId, Kind, LegNo};

/// A stretch in which something went wrong that a call may suffer from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Upset {
    /// Whose; `None`: everybody's.
    pub call: Option<CallId>,
    pub from: Timestamp,
    pub to: Timestamp,
}

/// A command as it left us, whether it arrived or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Try {
    /// After the beginning.
    pub at: Duration,
    /// Of which call.
    pub call: CallId,
    /// For which of its legs.
    pub leg: LegNo,
    /// Of which kind.
    pub kind: Kind,
}

/// A notice as somebody heard it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heard {
    /// When.
    pub at: Timestamp,
    /// At which address.
    pub url: String,
    /// What it said of itself: its id.
    pub id: String,
    /// What it was about.
    pub kind: String,
    /// Of which call.
    pub call: String,
    /// It was taken, whether that was heard or not.
    pub taken: bool,
}

/// What was noted on the way.
#[derive(Debug, Default)]
pub(super) struct Diary {
    pub upsets: Vec<Upset>,
    /// When nobody can be picked up.
    pub unanswerable: Option<(Timestamp, Timestamp)>,
    /// Commands that were said to be taken and never reached Telnyx.
    pub ignored: BTreeSet<CommandId>,
    /// Calls that something was taken for which came from no leg of ours.
    pub strangers: BTreeSet<CallId>,
    pub tries: Vec<Try>,
    /// By those who are told of calls.
    pub heard: Vec<Heard>,
    /// Events that could not be decided.
    pub spoiled: BTreeSet<String>,
    pub counts: BTreeMap<String, u64>,
    pub broken: Vec<String>,
}

impl Diary {
    pub fn upset(&mut self, call: Option<CallId>, from: Timestamp, to: Timestamp) {
        self.upsets.push(Upset { call, from, to });
    }

    pub fn count(&mut self, what: &str) {
        *self.counts.entry(what.to_owned()).or_default() += 1;
    }

    pub fn broken(&mut self, what: String) {
        self.broken.push(what);
    }
}
