//! The window of a command id: for a minute after its first use the same id, for the same leg, is ignored.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use jiff::Timestamp;

use super::ledger::LegNo;
use super::moment::between;
use super::reply::Reply;

const WINDOW: Duration = Duration::from_secs(60);

/// The leg a command is for, none for a dial, and its id.
pub(super) type Key = (Option<LegNo>, String);

/// Every command id used within the last minute, with what its first use was answered.
#[derive(Debug, Default)]
pub(super) struct Windows {
    used: BTreeMap<Key, Reply>,
    order: VecDeque<(Timestamp, Key)>,
}

impl Windows {
    /// What the first use of this id was answered, if it is within the window.
    pub fn first(&mut self, key: &Key, now: Timestamp) -> Option<&Reply> {
        while let Some((_, old)) = self.order.pop_front_if(|(at, _)| between(*at, now) >= WINDOW) {
            self.used.remove(&old);
        }
        self.used.get(key)
    }

    /// Opens the window of an id that is not in use.
    pub fn open(&mut self, key: Key, now: Timestamp, reply: Reply) {
        self.order.push_back((now, key.clone()));
        self.used.insert(key, reply);
    }
}
