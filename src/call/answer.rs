//! `answer`: picking the caller up, by itself or for a step that needs him picked up.

use std::time::Duration;

use jiff::Timestamp;

use super::command::Verb;
use super::event::{Refusal, Settled, Verdict};
use super::ids::LegNo;
use super::kind::Kind;
use super::learn::Fact;
use super::phase::{Answering, Phase, PickUp};
use super::remark::Remark;
use super::turn::{Flow, Turn, later};
use crate::routing::{Action, StepId};

/// How long an accepted answer may take to show; captures show less than a second.
const PATIENCE: Duration = Duration::from_secs(5);
/// How often it is asked for before the call goes on as if it had worked: the caller may be picked up and in silence,
/// with only the news of it lost, and a refusal may say no more than that.
const TRIES: u8 = 2;

/// What a fact means for a picking-up.
pub(super) enum Picked {
    /// It goes on.
    Waiting(PickUp),
    /// He is picked up, or as good as: it was asked for often enough, and nothing says otherwise.
    Up,
}

impl PickUp {
    /// Asks for it, or goes on with what the step before asked for. `None`: we cannot command this caller.
    pub(super) fn begin(turn: &mut Turn<'_>) -> Option<Self> {
        turn.pickup.take().or_else(|| Self::ask(turn, 1, false))
    }

    fn ask(turn: &mut Turn<'_>, tries: u8, open: bool) -> Option<Self> {
        let on = turn.caller_handle()?;
        let tag = turn.tag(LegNo::CALLER);
        let command = turn.command(LegNo::CALLER, Verb::Answer { on, tag });
        Some(Self { command, asked: turn.now, tries, open })
    }

    pub(super) fn deadline(&self) -> Timestamp {
        later(self.asked, PATIENCE)
    }

    /// Refused, or met with silence, it is asked for once more at once. If only the second one is refused, the first may have
    /// worked: he may be on his way.
    pub(super) fn hear(self, fact: &Fact, turn: &mut Turn<'_>) -> Picked {
        if turn.call.caller_is_answered() {
            return Picked::Up;
        }
        let overdue = matches!(fact, Fact::Due) && turn.now >= self.deadline();
        if !overdue && (self.open || !self.is_refused_by(fact)) {
            return Picked::Waiting(self);
        }
        if overdue {
            turn.remark(Remark::NothingCame { kind: Kind::Answer });
        }
        if self.tries < TRIES
            && let Some(again) = Self::ask(turn, self.tries + 1, overdue)
        {
            return Picked::Waiting(again);
        }
        // If he is not picked up after all, what is refused next says so.
        let now = turn.now;
        if let Some(caller) = turn.call.leg_mut(LegNo::CALLER) {
            caller.suppose_answered(now);
        }
        Picked::Up
    }

    /// Whether nothing will come of it. A caller who is said to be gone is looked at instead.
    fn is_refused_by(&self, fact: &Fact) -> bool {
        let Fact::Settled(Settled { command, verdict: Verdict::Refused { why, .. }, .. }) = fact else { return false };
        *command == self.command && *why != Refusal::Ended
    }
}

/// Begins to pick the caller up, so that `then` can begin.
pub(super) fn enter(then: StepId, turn: &mut Turn<'_>) -> Flow {
    match PickUp::begin(turn) {
        Some(pickup) => Flow::Stay(Phase::Answering(Answering { then, pickup })),
        None => begin(then, turn),
    }
}

/// Hears a fact while the caller is being picked up.
pub(super) fn on(answering: Answering, fact: &Fact, turn: &mut Turn<'_>) -> Flow {
    let then = answering.then;
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

#[cfg(test)]
mod tests {
    use super::super::kit::{Life, NOTHING, rules, say, secs};
    use super::super::{Cause, Ignored, Kind, News, Refusal, Remark};
    use crate::routing::{Action, Rules};

    fn hello() -> Rules {
        rules(vec![Action::Answer, say("Hello."), Action::Hangup], &[])
    }

    #[test]
    fn a_caller_is_picked_up_and_the_next_step_begins() {
        let rules = hello();
        let mut life = Life::begun(&rules);
        assert_eq!((life.wants(), life.phase()), (vec!["answer 0".into()], "answering"));
        life.accept(Kind::Answer, 0);
        assert_eq!((life.wants(), life.phase()), (vec![], "answering"));
        life.news(0, News::Answered);
        assert_eq!((life.wants(), life.phase()), (vec!["speak 0".into()], "speaking"));
    }

    #[test]
    fn the_news_may_come_before_the_answer_to_the_command() {
        let rules = hello();
        let mut life = Life::begun(&rules);
        life.news(0, News::Answered);
        assert_eq!(life.wants(), ["answer 0", "speak 0"]);
        life.accept(Kind::Answer, 0);
        life.news(0, News::Answered);
        assert_eq!((life.wants(), life.phase()), (vec![], "speaking"));
        assert_eq!(life.remarks, [Remark::Ignored { why: Ignored::Twice }]);
    }

    #[test]
    fn nothing_that_comes_of_it_is_asked_for_once_more_and_then_taken_for_done() {
        let rules = hello();
        let mut life = Life::begun(&rules);
        let began = life.now;
        life.accept(Kind::Answer, 0);
        life.wait();
        assert_eq!(life.remarks, [Remark::NothingCame { kind: Kind::Answer }]);
        assert_eq!(life.wants(), ["answer 0", "answer 0"]);
        life.wait();
        assert_eq!((life.wants(), life.phase()), (vec!["speak 0".into()], "speaking"));
        assert_eq!(life.now.duration_since(began), secs(10).try_into().unwrap(), "he may have been in silence since");
    }

    #[test]
    fn refused_it_is_asked_for_again_at_once_and_then_taken_for_done() {
        for why in [Refusal::NotAnswered, Refusal::Limit, Refusal::Key, Refusal::Invalid, Refusal::Unavailable] {
            let rules = hello();
            let mut life = Life::begun(&rules);
            let first = life.clone();
            life.refuse(Kind::Answer, 0, why);
            assert_eq!((life.wants(), life.phase()), (vec!["answer 0".into(); 2], "answering"), "{why:?}");
            let second = life.asked.clone();
            life.asked = first.asked;
            life.refuse(Kind::Answer, 0, why);
            assert_eq!(life.phase(), "answering", "{why:?}: of the first, heard once more");
            life.asked = second;
            life.refuse(Kind::Answer, 0, why);
            assert_eq!((life.wants(), life.phase()), (vec!["speak 0".into()], "speaking"), "{why:?}");
            assert_eq!(life.now, first.now, "{why:?}: he waited for nothing");
        }
    }

    #[test]
    fn refused_after_one_that_may_work_it_is_waited_for() {
        let rules = hello();
        let mut life = Life::begun(&rules);
        life.accept(Kind::Answer, 0);
        life.wait();
        assert_eq!(life.wants(), ["answer 0", "answer 0"]);
        life.refuse(Kind::Answer, 0, Refusal::Invalid);
        assert_eq!((life.wants(), life.phase()), (vec![], "answering"), "he may be on his way to it");
        life.wait();
        assert_eq!((life.wants(), life.phase()), (vec!["speak 0".into()], "speaking"));
    }

    #[test]
    fn a_caller_who_is_said_to_be_gone_is_looked_at() {
        let rules = hello();
        let mut life = Life::begun(&rules);
        life.refuse(Kind::Answer, 0, Refusal::Ended);
        assert_eq!(life.wants(), ["answer 0", "look 0"]);
        let mut other = life.clone();
        life.found(0, false);
        assert_eq!((life.wants(), life.phase()), (vec![], "ended"));
        other.found(0, true);
        assert_eq!((other.wants(), other.phase()), (vec![], "answering"));
    }

    #[test]
    fn a_caller_who_leaves_first_ends_the_call() {
        let rules = hello();
        let mut life = Life::begun(&rules);
        life.hangs_up(0, Cause::Cancelled);
        assert_eq!((life.wants(), life.phase()), (vec!["answer 0".into()], "ended"));
        life.news(0, News::Answered);
        assert_eq!((life.wants(), life.remarks.clone()), (vec![], vec![Remark::Ignored { why: Ignored::Late }]));
    }

    #[test]
    fn who_is_picked_up_is_not_picked_up_again() {
        let rules = rules(vec![Action::Answer, Action::Answer, say("Hello.")], &[]);
        let mut life = Life::answered(&rules);
        assert_eq!(life.wants(), ["speak 0"]);
        life.news(0, News::Answered);
        assert_eq!(life.wants(), NOTHING);
    }
}
