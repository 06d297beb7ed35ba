//! What is kept of a call between two events: everything, and nothing of it anywhere else.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::ids::{CallId, LegNo};
use super::leg::Leg;
use super::message::{Message, Recorder};
use super::notice::Notified;
use super::phase::Phase;
use crate::phone::Party;
use crate::routing::{RulesHash, StepId};

/// A call, as stored.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Call {
    /// Its id.
    pub id: CallId,
    /// The rules it began with, and keeps.
    pub rules: RulesHash,
    /// How many events were decided.
    pub version: u64,
    /// How many commands were decided.
    pub commands: u32,
    /// When we learned of it.
    pub began: Timestamp,
    /// Who calls.
    pub from: Party,
    /// Which of our numbers.
    pub to: Party,
    /// How often it was passed on before it came to us.
    #[serde(default, skip_serializing_if = "super::ids::is_zero")]
    pub hops: u8,
    /// The route that took it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub route: Option<String>,
    /// The step it is at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<StepId>,
    /// The caller has talked with somebody.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub talked: bool,
    /// What others were told of it, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notices: Vec<Notified>,
    /// Its legs; the first is the caller's.
    pub legs: Vec<Leg>,
    /// The mailboxes that the caller came to, and what came of it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub messages: Vec<Message>,
    /// A leg of it has shown itself alive after its end: it ends more than once.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub back: bool,
    /// What is still under way of recordings that it has left behind.
    #[serde(default, skip_serializing_if = "Recorder::is_clear")]
    pub recorder: Recorder,
    /// Where in its life it is.
    pub phase: Phase,
}

impl Call {
    /// A call of which nothing is known yet.
    pub fn new(id: CallId, rules: RulesHash, now: Timestamp) -> Self {
        Self {
            id,
            rules,
            version: 0,
            commands: 0,
            began: now,
            from: Party::Withheld,
            to: Party::Withheld,
            hops: 0,
            route: None,
            step: None,
            talked: false,
            notices: Vec::new(),
            legs: Vec::new(),
            messages: Vec::new(),
            back: false,
            recorder: Recorder::default(),
            phase: Phase::Arriving,
        }
    }

    /// A leg by its number.
    pub fn leg(&self, no: LegNo) -> Option<&Leg> {
        self.legs.get(usize::from(no.0))
    }

    /// The caller's leg.
    pub fn caller(&self) -> Option<&Leg> {
        self.leg(LegNo::CALLER)
    }

    pub(super) fn leg_mut(&mut self, no: LegNo) -> Option<&mut Leg> {
        self.legs.get_mut(usize::from(no.0))
    }

    /// Whether the caller is picked up now.
    pub fn caller_is_answered(&self) -> bool {
        self.caller().is_some_and(Leg::is_answered)
    }

    /// Whether nothing more is to come of it.
    pub fn has_ended(&self) -> bool {
        matches!(self.phase, Phase::Ended { .. })
    }
}
