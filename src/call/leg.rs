//! One leg of a call: dialled, ringing, answered, ended, and never back, unless one of these was only concluded. A leg
//! knows nothing of steps.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::event::{Cause, Refusal, Verdict, Who};
use super::ids::{CommandId, Handle, LegNo};
use crate::phone::Target;

/// How often a supposed answer may turn out wrong before that is no reason to ask again.
const MOST_DOUBTS: u8 = 3;

/// A leg of a call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Leg {
    /// Its number in the call.
    pub no: LegNo,
    /// Who is at the other end.
    pub role: Role,
    /// When we learned of it, or asked for it.
    pub began: Timestamp,
    /// How far it has come.
    pub state: LegState,
    /// What it is commanded by, once we know.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub handle: Option<Handle>,
    /// What names it for its whole life, once we know.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Its session, once we know.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<String>,
    /// A webhook told of it. An accepted dial alone is no sign that anything rings.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub heard: bool,
    /// Its answer is only supposed: it was asked for often enough, and no word of it came.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub supposed: bool,
    /// How often what was supposed turned out wrong.
    #[serde(default, skip_serializing_if = "super::ids::is_zero")]
    pub doubts: u8,
    /// That it is to be hung up, and how far that has come.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stop: Option<Stop>,
    /// How often it was looked for among all that live.
    #[serde(default, skip_serializing_if = "super::ids::is_zero")]
    pub sought: u8,
    /// When a look-up said that it is over, while the caller talks: it is looked at once more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub said_gone: Option<SaidGone>,
    /// The caller was taken to talk with it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub talked: bool,
    /// No word of it came in time: taken for gone, until it shows itself.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub lost: bool,
}

/// Who is at the other end of a leg.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Whoever called us.
    Caller,
    /// Somebody we rang.
    Rung {
        /// The person's name in the rules, or the target itself.
        name: String,
        /// Where we rang.
        target: Target,
    },
    /// Somebody the caller is given to.
    Given {
        /// The person's name in the rules, or the target itself.
        name: String,
        /// Where it rings.
        target: Target,
    },
}

/// How far a leg has come.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LegState {
    /// We asked for it.
    Dialled,
    /// It exists.
    Ringing,
    /// It was picked up.
    Answered {
        /// When.
        at: Timestamp,
    },
    /// It is over.
    Ended {
        /// When.
        at: Timestamp,
        /// Why.
        cause: Cause,
        /// When it had been picked up, if it was.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        answered: Option<Timestamp>,
    },
}

/// A leg of which a look-up said that it is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SaidGone {
    /// When.
    pub at: Timestamp,
    /// The second look was asked for.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub asked: bool,
}

/// A leg that is to be hung up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stop {
    /// From when on.
    pub from: Timestamp,
    /// The last hangup asked for, or the last search for a leg that cannot be commanded yet, and when.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asked: Option<(CommandId, Timestamp)>,
    /// How many were asked for.
    #[serde(default)]
    pub tries: u8,
    /// How many of them did not arrive, as far as is known, since one was taken.
    #[serde(default, skip_serializing_if = "super::ids::is_zero")]
    pub missed: u8,
}

impl Stop {
    /// What came of a hangup. Once one is taken, those that did not arrive before it are no reason to wait for long.
    pub(super) fn hear(&mut self, verdict: &Verdict) {
        match verdict {
            Verdict::Unknown | Verdict::Refused { why: Refusal::Unavailable, .. } => {
                self.missed = self.missed.saturating_add(1);
            }
            Verdict::Accepted { .. } => {
                self.tries = self.tries.saturating_sub(std::mem::take(&mut self.missed)).max(1);
            }
            Verdict::Refused { .. }
            | Verdict::Void
            | Verdict::Found { .. }
            | Verdict::Listed { .. }
            | Verdict::Recordings { .. } => {}
        }
    }
}

impl Leg {
    /// A leg we know of or ask for at `now`.
    pub fn new(no: LegNo, role: Role, state: LegState, now: Timestamp) -> Self {
        Self {
            no,
            role,
            began: now,
            state,
            handle: None,
            id: None,
            session: None,
            heard: false,
            supposed: false,
            doubts: 0,
            stop: None,
            sought: 0,
            said_gone: None,
            talked: false,
            lost: false,
        }
    }

    /// Whether somebody may be at it.
    pub fn is_live(&self) -> bool {
        !self.lost && !self.has_ended()
    }

    /// Whether it is known to be over.
    pub fn has_ended(&self) -> bool {
        matches!(self.state, LegState::Ended { .. })
    }

    /// Whether it is picked up now.
    pub fn is_answered(&self) -> bool {
        self.is_live() && matches!(self.state, LegState::Answered { .. })
    }

    /// Whether it is of somebody the caller was given to: Telnyx made it, and joins them.
    pub fn is_given(&self) -> bool {
        matches!(self.role, Role::Given { .. })
    }

    /// When it was picked up, if ever.
    pub fn answered_at(&self) -> Option<Timestamp> {
        match self.state {
            LegState::Answered { at } => Some(at),
            LegState::Ended { answered, .. } => answered,
            LegState::Dialled | LegState::Ringing => None,
        }
    }

    /// Whether his phone may ring on it.
    pub(super) fn is_to(&self, target: &Target) -> bool {
        match &self.role {
            Role::Caller => false,
            Role::Rung { target: rung, .. } | Role::Given { target: rung, .. } => rung == target && !self.has_ended(),
        }
    }

    /// The name people know its party by.
    pub fn name(&self) -> &str {
        match &self.role {
            Role::Caller => "the caller",
            Role::Rung { name, .. } | Role::Given { name, .. } => name,
        }
    }

    /// Notes what a webhook says of who it is.
    pub(super) fn recognise(&mut self, who: &Who) {
        if self.handle.is_none() && who.handle.is_some() {
            self.handle.clone_from(&who.handle);
            // Whatever was asked for so far was to find it.
            self.stop.iter_mut().for_each(|stop| (stop.asked, stop.tries) = (None, 0));
        }
        if self.id.is_none() {
            self.id.clone_from(&who.leg);
        }
        if self.session.is_none() {
            self.session.clone_from(&who.session);
        }
    }

    /// Ends it.
    pub(super) fn end(&mut self, at: Timestamp, cause: Cause) {
        let answered = self.answered_at();
        self.state = LegState::Ended { at, cause, answered };
        self.lost = false;
    }

    /// Supposes that it was picked up.
    pub(super) fn suppose_answered(&mut self, at: Timestamp) {
        self.state = LegState::Answered { at };
        self.supposed = true;
    }

    /// Takes it that it was not picked up after all, where that was only supposed. False: it was, or this was found
    /// out too often to go on with it.
    pub(super) fn doubt_answer(&mut self) -> bool {
        let doubted = self.supposed && self.is_answered() && self.doubts < MOST_DOUBTS;
        if doubted {
            self.state = LegState::Ringing;
            self.supposed = false;
            self.doubts += 1;
        }
        doubted
    }

    /// Whether its dial was taken for one that made no leg, and nothing ever told otherwise.
    pub(super) fn never_was(&self) -> bool {
        let given_up = self.is_given() && matches!(self.state, LegState::Ended { cause: Cause::Cancelled, .. });
        self.has_ended() && self.handle.is_none() && !self.heard && !given_up
    }

    /// Takes it for a leg that is there after all, and that nobody waits for.
    pub(super) fn turn_up(&mut self) {
        self.state = LegState::Dialled;
        self.lost = true;
    }

    /// Wants it hung up from `from` on; an earlier wish stands.
    pub(super) fn stop_from(&mut self, from: Timestamp) {
        match &mut self.stop {
            Some(stop) => stop.from = stop.from.min(from),
            None => self.stop = Some(Stop { from, asked: None, tries: 0, missed: 0 }),
        }
    }
}
