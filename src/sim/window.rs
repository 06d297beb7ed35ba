//! The window of a command id: for a minute after its first use the same id, for the same leg, is ignored.
//! How long, from when and among what is not published in so many words: three switches.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use jiff::Timestamp;

use super::ledger::LegNo;
use super::moment::between;
use super::reply::Reply;
use super::switches::{CommandWindow, Switches, WindowFrom, WindowScope};

const WINDOW: Duration = Duration::from_secs(60);

/// The leg a command is for, none for a dial, and its id.
pub(super) type Key = (Option<LegNo>, String);

/// Every command id that is still remembered, with what its first use was answered.
#[derive(Debug, Default)]
pub(super) struct Windows {
    used: BTreeMap<Key, (Timestamp, Reply)>,
    order: VecDeque<(Timestamp, Key)>,
}

impl Windows {
    /// Under what an id is remembered.
    pub fn key(leg: Option<LegNo>, id: &str, switches: &Switches) -> Key {
        match switches.window_scope {
            WindowScope::Leg => (leg, id.to_owned()),
            WindowScope::Account => (None, id.to_owned()),
        }
    }

    /// What the first use of this id was answered, if it is within the window.
    pub fn first(&mut self, key: &Key, now: Timestamp, switches: &Switches) -> Option<Reply> {
        if switches.command_window == CommandWindow::Minute {
            while let Some((at, old)) = self.order.pop_front_if(|(at, _)| between(*at, now) >= WINDOW) {
                // One that was used again meanwhile stands in the queue once more.
                if self.used.get(&old).is_some_and(|(used, _)| *used == at) {
                    self.used.remove(&old);
                }
            }
        }
        let (at, reply) = self.used.get_mut(key)?;
        if switches.window_from == WindowFrom::Last && *at != now {
            *at = now;
            self.order.push_back((now, key.clone()));
        }
        Some(reply.clone())
    }

    /// Opens the window of an id that is not in use.
    pub fn open(&mut self, key: Key, now: Timestamp, reply: Reply) {
        self.order.push_back((now, key.clone()));
        self.used.insert(key, (now, reply));
    }
}
