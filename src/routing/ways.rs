//! Where a step leads a caller whom it does not connect.

use std::fmt;

use super::rules::{Action, Leads, Outcome, RingAsked, Rules, Step, StepId};
use crate::phone::Key;

/// A way on from a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Way {
    /// What leads there.
    pub by: Led,
    /// The step that follows; `None`: the list ends.
    pub to: Option<StepId>,
}

/// What leads a caller on from a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Led {
    /// The step is done with, or leads to others by itself.
    Done,
    /// Its guard does not hold.
    Passed,
    /// It ends so.
    Outcome(Outcome),
    /// This key is pressed.
    Key(Key),
}

impl Step {
    /// Every way on from it. A conversation, a rejection and a hangup lead nowhere.
    pub fn ways(&self) -> Vec<Way> {
        let way = |by, to| Way { by, to };
        let mut ways: Vec<Way> = match &self.action {
            Action::Answer | Action::Say(_) | Action::Play(_) | Action::Voicemail(_) => {
                vec![way(Led::Done, self.next)]
            }
            Action::Goto { first, .. } | Action::Do { first } => vec![way(Led::Done, Some(*first))],
            Action::Menu(menu) => {
                let keys = menu.keys.iter().filter_map(|(key, choice)| match choice.leads {
                    Leads::To(first) => Some(way(Led::Key(*key), Some(first))),
                    Leads::Again => None,
                });
                keys.collect()
            }
            Action::Ring(_) | Action::Transfer(_) | Action::Reject(_) | Action::Hangup => Vec::new(),
        };
        let outcome = |outcome: &Outcome| way(Led::Outcome(*outcome), self.on.get(outcome).copied().or(self.next));
        ways.extend(self.action.outcomes().iter().map(outcome));
        ways.extend(self.when.as_ref().map(|_| way(Led::Passed, self.next)));
        ways
    }
}

impl Action {
    /// How it can end without the caller being connected.
    pub fn outcomes(&self) -> &'static [Outcome] {
        match self {
            Self::Ring(ring) if ring.asked != RingAsked::Dial => {
                &[Outcome::NoAnswer, Outcome::Declined, Outcome::Failed]
            }
            Self::Ring(_) | Self::Transfer(_) => {
                &[Outcome::NoAnswer, Outcome::Busy, Outcome::Declined, Outcome::Failed]
            }
            Self::Menu(_) => &[Outcome::Exhausted, Outcome::Invalid],
            Self::Answer | Self::Say(_) | Self::Play(_) | Self::Voicemail(_) | Self::Reject(_) => &[],
            Self::Hangup | Self::Goto { .. } | Self::Do { .. } => &[],
        }
    }

    /// Its key in the file.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Answer => "answer",
            Self::Say(_) => "say",
            Self::Play(_) => "play",
            Self::Ring(ring) if ring.asked == RingAsked::Dial => "dial",
            Self::Ring(_) => "ring",
            Self::Transfer(_) => "transfer",
            Self::Menu(_) => "menu",
            Self::Voicemail(_) => "voicemail",
            Self::Reject(_) => "reject",
            Self::Hangup => "hangup",
            Self::Goto { .. } => "goto",
            Self::Do { .. } => "do",
        }
    }
}

impl Rules {
    /// Each step that can be reached from one, before all those that it leads to.
    pub fn in_order(&self, first: StepId) -> Vec<StepId> {
        let mut order = from_the_end(&self.steps, [first]);
        order.reverse();
        order
    }
}

/// Each step that can be reached from `firsts`, after all those that it leads to. Where ways go round in circles, some of
/// them are not.
pub(super) fn from_the_end(steps: &[Step], firsts: impl IntoIterator<Item = StepId>) -> Vec<StepId> {
    let mut seen = vec![false; steps.len()];
    let mut order = Vec::new();
    let mut stack: Vec<(StepId, bool)> = firsts.into_iter().map(|first| (first, false)).collect();
    while let Some((id, left)) = stack.pop() {
        if left {
            order.push(id);
            continue;
        }
        let index = usize::try_from(id.0).unwrap_or(usize::MAX);
        let (Some(step), Some(seen)) = (steps.get(index), seen.get_mut(index)) else { continue };
        if !std::mem::replace(seen, true) {
            stack.push((id, true));
            stack.extend(step.ways().into_iter().filter_map(|way| Some((way.to?, false))));
        }
    }
    order
}

impl fmt::Display for Led {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Done => Ok(()),
            Self::Passed => f.write_str("passed over"),
            Self::Outcome(outcome) => write!(f, "{outcome}"),
            Self::Key(key) => write!(f, "key {key}"),
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Busy => "busy",
            Self::NoAnswer => "no_answer",
            Self::Declined => "declined",
            Self::Failed => "failed",
            Self::Invalid => "invalid",
            Self::Exhausted => "exhausted",
        })
    }
}
