//! `answer`: picking the caller up, by itself or for a step that needs him picked up.

use std::time::Duration;

use jiff::Timestamp;

use super::command::Verb;
use super::event::{Refusal, Settled, Verdict};
use super::ids::LegNo;
use super::kind::Kind;
use super::learn::{Change, Fact};
use super::leg::LegState;
use super::phase::{Answering, Phase, PickUp};
use super::remark::Remark;
use super::turn::{Flow, Turn, later};
use crate::routing::{Action, StepId};

/// How long an accepted answer may take to show; captures show less than a second.
const PATIENCE: Duration = Duration::from_secs(5);
/// How often it is asked for before the call goes on as if it had worked.
const TRIES: u8 = 3;

/// What a fact means for a picking-up.
pub(super) enum Picked {
    /// It goes on.
    Waiting(PickUp),
    /// He is picked up, or as good as: it was asked for often enough, and nothing says otherwise.
    Up,
}

impl PickUp {
    /// Asks for it. `None`: we cannot command this caller.
    pub(super) fn ask(turn: &mut Turn<'_>, tries: u8) -> Option<Self> {
        let on = turn.caller_handle()?;
        let tag = turn.tag(LegNo::CALLER);
        let command = turn.command(LegNo::CALLER, Verb::Answer { on, tag });
        Some(Self { command, asked: turn.now, tries })
    }

    pub(super) fn deadline(&self) -> Timestamp {
        later(self.asked, PATIENCE)
    }

    pub(super) fn hear(self, fact: &Fact, turn: &mut Turn<'_>) -> Picked {
        if turn.call.caller_is_answered() {
            return Picked::Up;
        }
        let refused = matches!(fact, Fact::Settled(Settled { command, verdict: Verdict::Refused { why, .. }, .. })
            if *command == self.command && *why != Refusal::Ended);
        let overdue = matches!(fact, Fact::Due) && turn.now >= self.deadline();
        if refused || (overdue && self.tries >= TRIES) {
            // He is alive and was asked for often enough. If he is not picked up after all, the next command says so.
            let now = turn.now;
            if let Some(caller) = turn.call.leg_mut(LegNo::CALLER) {
                caller.state = LegState::Answered { at: now };
            }
            return Picked::Up;
        }
        if !overdue {
            return Picked::Waiting(self);
        }
        turn.remark(Remark::NothingCame { kind: Kind::Answer });
        turn.look(LegNo::CALLER);
        Self::ask(turn, self.tries + 1).map_or(Picked::Up, Picked::Waiting)
    }
}

/// Begins to pick the caller up, so that `then` can begin.
pub(super) fn enter(then: StepId, turn: &mut Turn<'_>) -> Flow {
    match PickUp::ask(turn, 1) {
        Some(pickup) => Flow::Stay(Phase::Answering(Answering { then, pickup })),
        None => begin(then, turn),
    }
}

/// Hears a fact while the caller is being picked up.
pub(super) fn on(answering: Answering, fact: &Fact, turn: &mut Turn<'_>) -> Flow {
    let then = answering.then;
    if matches!(fact, Fact::Leg { no: LegNo::CALLER, change: Change::Answered }) {
        return begin(then, turn);
    }
    match answering.pickup.hear(fact, turn) {
        Picked::Waiting(pickup) => Flow::Stay(Phase::Answering(Answering { then, pickup })),
        Picked::Up => begin(then, turn),
    }
}

fn begin(then: StepId, turn: &Turn<'_>) -> Flow {
    match turn.rules.step(then).map(|step| &step.action) {
        Some(Action::Answer) | None => Flow::Advance(then, None),
        Some(_) => Flow::Enter(then),
    }
}
