//! Every way in which callers come to every step: answered or not, spoken to or not. States are walked, not ways, so that
//! no file takes long; of each the shortest way there is kept.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use super::layout::Table;
use super::passage::{Passage, told};
use super::rules::{Action, Step, StepId};
use super::ways::{Led, Way};

/// How a caller comes to a step.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Caller {
    pub answered: bool,
    /// Whether the last thing was a text or audio.
    pub spoken_to: bool,
    /// The longest that phones can have rung while he was not answered.
    waited: Duration,
}

const NEW: Caller = Caller { answered: false, spoken_to: false, waited: Duration::ZERO };

/// A caller at a step, and what led him on from there.
#[derive(Clone, Copy)]
struct Came {
    from: StepId,
    caller: Caller,
    led: Led,
}

/// Every way in which callers come to every step.
pub(super) struct Walk<'t> {
    table: &'t Table,
    /// When a caller who waits is picked up, if he is.
    answer_after: Option<Duration>,
    /// Of each caller at each step, where he came from.
    met: BTreeMap<StepId, BTreeMap<Caller, Option<Came>>>,
    /// Steps after which the list is over, with whom, and who came there.
    ends: BTreeMap<StepId, BTreeMap<Caller, Came>>,
}

impl<'t> Walk<'t> {
    pub fn new(table: &'t Table, answer_after: Option<Duration>) -> Self {
        Self { table, answer_after, met: BTreeMap::new(), ends: BTreeMap::new() }
    }

    pub fn from(&mut self, first: StepId) {
        let mut waiting = VecDeque::from([(first, NEW, None)]);
        while let Some((id, caller, came)) = waiting.pop_front() {
            let met = self.met.entry(id).or_default();
            if met.contains_key(&caller) {
                continue;
            }
            met.insert(caller, came);
            let Some(step) = self.table.step(id) else { continue };
            for (way, after) in leads(step, caller, self.answer_after) {
                let came = Came { from: id, caller, led: way.by };
                match way.to {
                    Some(next) => waiting.push_back((next, after, Some(came))),
                    None => drop(self.ends.entry(id).or_default().entry(after).or_insert(came)),
                }
            }
        }
    }

    /// Whether callers come there at all.
    pub fn meets(&self, id: StepId) -> bool {
        self.met.contains_key(&id)
    }

    /// Every step with those who come there.
    pub fn met(&self) -> impl Iterator<Item = (StepId, Vec<Caller>)> {
        self.met.iter().map(|(id, callers)| (*id, callers.keys().copied().collect()))
    }

    /// Every step after which the list is over, with those for whom it is.
    pub fn ends(&self) -> impl Iterator<Item = (StepId, Vec<Caller>)> {
        self.ends.iter().map(|(id, callers)| (*id, callers.keys().copied().collect()))
    }

    /// The way to the end of the list after a step, as this caller goes it.
    pub fn way(&self, id: StepId, caller: Caller, file: &str) -> String {
        let mut way = Vec::new();
        let mut came = self.ends.get(&id).and_then(|callers| callers.get(&caller)).copied();
        while let Some(Came { from, caller, led }) = came {
            let does = self.table.step(from).map_or("?", |step| step.action.word()).to_owned();
            way.push(Passage { line: self.table.line(from), does, led });
            came = self.met.get(&from).and_then(|callers| callers.get(&caller)).copied().flatten();
        }
        way.reverse();
        told(file, &way, true)
    }
}

/// Where a step leads a caller, and how he is then.
fn leads(step: &Step, caller: Caller, answer_after: Option<Duration>) -> Vec<(Way, Caller)> {
    let after = after(&step.action, caller, answer_after);
    let on = |way: Way| match way.by {
        Led::Passed => vec![(way, caller)],
        Led::Done | Led::Outcome(_) | Led::Key(_) => after.iter().map(|caller| (way, *caller)).collect(),
    };
    step.ways().into_iter().flat_map(on).collect()
}

/// How a caller can be once a step is done with.
fn after(action: &Action, caller: Caller, answer_after: Option<Duration>) -> Vec<Caller> {
    let answered = Caller { answered: true, ..NEW };
    match action {
        Action::Answer => vec![answered],
        // A message is an end that a caller may be left with.
        Action::Say(_) | Action::Play(_) | Action::Menu(_) | Action::Voicemail(_) => {
            vec![Caller { spoken_to: true, ..answered }]
        }
        Action::Ring(ring) => after_waiting(ring.takes(), true, caller, answer_after),
        Action::Transfer(transfer) => after_waiting(transfer.takes(), false, caller, answer_after),
        Action::Goto { .. } | Action::Do { .. } => vec![caller],
        Action::Reject(_) | Action::Hangup => Vec::new(),
    }
}

/// How a caller can be when phones have rung for him: in a ring that is long enough, he may have been picked up.
fn after_waiting(rung: Duration, can_pick_up: bool, caller: Caller, answer_after: Option<Duration>) -> Vec<Caller> {
    let Some(answer_after) = answer_after.filter(|_| !caller.answered) else {
        return vec![Caller { spoken_to: false, ..caller }];
    };
    let waited = (caller.waited + rung).min(answer_after);
    let mut ways = vec![Caller { waited, ..NEW }];
    if can_pick_up && waited == answer_after {
        ways.push(Caller { answered: true, ..NEW });
    }
    ways
}
