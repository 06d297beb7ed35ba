//! Joining the caller with whoever picked up: the caller is picked up first if he is not yet, then both are bridged.

use std::time::Duration;

use jiff::Timestamp;

use super::answer::Picked;
use super::command::Verb;
use super::event::{Refusal, Settled, Verdict};
use super::ids::{CommandId, LegNo};
use super::kind::Kind;
use super::learn::{Change, Fact};
use super::leg::Leg;
use super::phase::{Bridges, JoinStage, Joining, PickUp};
use super::remark::Remark;
use super::turn::{Turn, later};

/// How long an accepted bridge may take to show.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long to wait before a bridge that came too early is asked for again.
const TOO_EARLY: Duration = Duration::from_millis(500);
/// How often a bridge is asked for that comes too early.
const TRIES: u8 = 8;
/// How often one is asked for without anything to show for it.
const SILENT_TRIES: u8 = 3;
/// The same where one was accepted. One more does no harm to those who are joined, and the news of each may get through;
/// to those who are not it is the end of their silence.
const ACCEPTED_TRIES: u8 = 6;
/// How often one is asked for in all where one was accepted, with those that never left.
const MOST_TRIES: u8 = 12;
/// How many bridges may be refused as too early before the answer itself is doubted.
const DOUBTS_AFTER: u8 = 2;

/// What a fact means for a joining.
pub(super) enum Joined {
    /// It goes on.
    Waiting(Joining),
    /// They talk.
    Yes,
    /// It cannot be done with this leg.
    No,
}

impl Joining {
    /// Begins to join `leg` with the caller, who may be `answering` already.
    pub(super) fn begin(leg: LegNo, answering: Option<PickUp>, turn: &mut Turn<'_>) -> Self {
        let pickup = if turn.call.caller_is_answered() { None } else { answering.or_else(|| PickUp::begin(turn)) };
        match pickup {
            Some(pickup) => Self { leg, stage: JoinStage::PickingUp(pickup) },
            None => Self::bridge(leg, Bridges::default(), turn),
        }
    }

    fn bridge(leg: LegNo, before: Bridges, turn: &mut Turn<'_>) -> Self {
        let bridges = Bridges { tries: before.tries + 1, ..before };
        let other = turn.call.leg(leg).and_then(|leg| leg.handle.clone());
        let stage = match (turn.caller_handle(), other) {
            (Some(on), Some(with)) => {
                let command = turn.command(LegNo::CALLER, Verb::Bridge { on, with });
                JoinStage::Bridging { command, asked: turn.now, bridges }
            }
            // One of them cannot be commanded yet: his handle may come with the answer to the dial.
            _ => JoinStage::TooEarly { again: turn.after(TOO_EARLY), bridges },
        };
        Self { leg, stage }
    }

    /// The picking-up of the caller, while that is what it waits for.
    pub(super) fn picking_up(&self) -> Option<PickUp> {
        match &self.stage {
            JoinStage::PickingUp(pickup) => Some(pickup.clone()),
            JoinStage::Bridging { .. } | JoinStage::TooEarly { .. } => None,
        }
    }

    /// Whether the bridge was accepted: the others need not ring any longer.
    pub(super) fn is_accepted(&self) -> bool {
        match &self.stage {
            JoinStage::PickingUp(_) => false,
            JoinStage::Bridging { bridges, .. } | JoinStage::TooEarly { bridges, .. } => bridges.accepted,
        }
    }

    /// Whether a bridge was asked for: the caller may be talking with him.
    pub(super) fn is_asked(&self) -> bool {
        match &self.stage {
            JoinStage::PickingUp(_) => false,
            JoinStage::Bridging { .. } | JoinStage::TooEarly { .. } => true,
        }
    }

    pub(super) fn deadline(&self) -> Timestamp {
        match &self.stage {
            JoinStage::PickingUp(pickup) => pickup.deadline(),
            JoinStage::Bridging { asked, .. } => later(*asked, PATIENCE),
            JoinStage::TooEarly { again, .. } => *again,
        }
    }

    pub(super) fn hear(self, fact: &Fact, turn: &mut Turn<'_>) -> Joined {
        let Self { leg, .. } = self;
        if !turn.call.leg(leg).is_some_and(Leg::is_live) {
            return Joined::No;
        }
        match self.stage {
            JoinStage::PickingUp(pickup) => match pickup.hear(fact, turn) {
                Picked::Waiting(pickup) => Joined::Waiting(Self { leg, stage: JoinStage::PickingUp(pickup) }),
                Picked::Up => Joined::Waiting(Self::bridge(leg, Bridges::default(), turn)),
            },
            JoinStage::TooEarly { again, bridges } if !matches!(fact, Fact::Due) || turn.now < again => {
                Joined::Waiting(Self { leg, stage: JoinStage::TooEarly { again, bridges } })
            }
            JoinStage::TooEarly { bridges, .. } if bridges.tries >= TRIES => Joined::No,
            JoinStage::TooEarly { bridges, .. } => Joined::Waiting(Self::bridge(leg, bridges, turn)),
            JoinStage::Bridging { command, asked, bridges } => Bridge { leg, command, asked, bridges }.hear(fact, turn),
        }
    }
}

/// A bridge under way.
struct Bridge {
    leg: LegNo,
    command: CommandId,
    asked: Timestamp,
    bridges: Bridges,
}

impl Bridge {
    fn hear(mut self, fact: &Fact, turn: &mut Turn<'_>) -> Joined {
        match fact {
            Fact::Leg { no, change: Change::Bridged } if *no == self.leg => Joined::Yes,
            Fact::Leg { no: LegNo::CALLER, change: Change::Bridged } if self.bridges.accepted || self.is_only(turn) => {
                Joined::Yes
            }
            Fact::Settled(Settled { command, verdict, .. }) if *command == self.command => self.settled(verdict, turn),
            Fact::Settled(Settled { command, verdict, .. }) if self.bridges.open.contains(command) => {
                self.bridges.accepted |= matches!(verdict, Verdict::Accepted { .. });
                // One that never left tells nothing of those who are to be joined: it does not count.
                let never_left = matches!(verdict, Verdict::Refused { why: Refusal::Unavailable, .. });
                if never_left && self.bridges.accepted && self.bridges.tries < MOST_TRIES {
                    self.bridges.silent = self.bridges.silent.saturating_sub(1);
                }
                if matches!(verdict, Verdict::Refused { .. } | Verdict::Void) {
                    self.bridges.open.retain(|open| open != command);
                }
                self.wait()
            }
            Fact::Due if turn.now >= later(self.asked, PATIENCE) => self.overdue(turn),
            Fact::Leg { .. } | Fact::Settled(_) | Fact::Due | Fact::Arrived { .. } | Fact::Fault => self.wait(),
        }
    }

    /// Whether the caller cannot be joined with anybody but this one. Else what he hears of a bridge may be of another:
    /// a transfer tells him too, and so does the bridge with somebody who left at once.
    fn is_only(&self, turn: &Turn<'_>) -> bool {
        let other = |leg: &&Leg| leg.no != LegNo::CALLER && leg.no != self.leg;
        !turn.call.legs.iter().filter(other).any(|leg| leg.is_given() || leg.answered_at().is_some())
    }

    fn wait(self) -> Joined {
        let Self { leg, command, asked, bridges } = self;
        Joined::Waiting(Joining { leg, stage: JoinStage::Bridging { command, asked, bridges } })
    }

    fn settled(mut self, verdict: &Verdict, turn: &mut Turn<'_>) -> Joined {
        let Bridges { tries, accepted: before, .. } = self.bridges;
        match verdict {
            Verdict::Accepted { .. } => {
                self.bridges.accepted = true;
                self.wait()
            }
            // Refused although one like it was accepted before, or may have been: they are joined already, and the
            // news was lost.
            Verdict::Refused { why: Refusal::Invalid, .. } if before || !self.bridges.open.is_empty() => Joined::Yes,
            // Not once, which the moment after an answer explains, but again: it is the caller who is not picked up.
            Verdict::Refused { why: Refusal::NotAnswered, .. } if tries > DOUBTS_AFTER && turn.caller_is_doubted() => {
                Joined::Waiting(Joining::begin(self.leg, None, turn))
            }
            // That was found out so often that nobody can be joined with him.
            Verdict::Refused { why: Refusal::NotAnswered, .. } if tries > DOUBTS_AFTER && turn.caller_is_supposed() => {
                Joined::No
            }
            Verdict::Refused { why: Refusal::NotAnswered | Refusal::Ended, .. } if tries < TRIES => {
                turn.look(self.leg);
                let stage = JoinStage::TooEarly { again: turn.after(TOO_EARLY), bridges: self.bridges };
                Joined::Waiting(Joining { leg: self.leg, stage })
            }
            Verdict::Refused { .. } | Verdict::Void => Joined::No,
            Verdict::Unknown | Verdict::Found { .. } | Verdict::Listed { .. } | Verdict::Recordings { .. } => {
                self.wait()
            }
        }
    }

    /// Nothing came of a bridge: it is asked for again. Where that was accepted and nothing ever comes, the news is
    /// more likely lost than the bridge.
    fn overdue(self, turn: &mut Turn<'_>) -> Joined {
        turn.remark(Remark::NothingCame { kind: Kind::Bridge });
        let Self { leg, command, mut bridges, .. } = self;
        bridges.silent += 1;
        bridges.open.push(command);
        if bridges.silent < if bridges.accepted { ACCEPTED_TRIES } else { SILENT_TRIES } {
            return Joined::Waiting(Joining::bridge(leg, bridges, turn));
        }
        if bridges.accepted { Joined::Yes } else { Joined::No }
    }
}

#[cfg(test)]
mod tests {
    use super::super::kit::{Life, NOTHING, dial, member, ring, rules, say, secs, transfer};
    use super::super::{Cause, News};
    use super::*;
    use crate::routing::{Action, Order, Rules};

    fn two() -> Rules {
        let members = vec![member("anna", 141, 60), member("ben", 142, 60)];
        rules(vec![Action::Answer, ring(Order::Simultaneous, members), Action::Hangup], &[])
    }

    /// A caller who is picked up and Anna who picked up; Ben rings.
    fn bridging(rules: &Rules) -> Life<'_> {
        let mut life = Life::answered(rules);
        life.news(1, News::Answered);
        life.news(2, News::Placed);
        assert_eq!(life.wants(), ["dial 1", "dial 2", "bridge 0"]);
        life
    }

    fn talks_with(life: &Life<'_>) -> Option<u16> {
        life.call.phase.talks_with().map(|leg| leg.0)
    }

    #[test]
    fn news_of_the_one_rung_is_enough_and_may_come_first() {
        let rules = two();
        let mut life = bridging(&rules);
        life.news(1, News::Bridged);
        assert_eq!((life.wants(), talks_with(&life)), (vec!["hangup 2".into()], Some(1)));
        life.accept(Kind::Bridge, 0);
        life.news(0, News::Bridged);
        assert_eq!((life.wants(), talks_with(&life)), (vec![], Some(1)));
    }

    #[test]
    fn news_of_the_caller_is_enough_too_and_may_come_first() {
        let rules = two();
        let mut life = bridging(&rules);
        life.news(0, News::Bridged);
        assert_eq!((life.wants(), talks_with(&life)), (vec!["hangup 2".into()], Some(1)));
    }

    /// A caller who talks with nobody yet, after a transfer of which no word came.
    fn bridging_after_a_transfer(rules: &Rules) -> Life<'_> {
        let mut life = Life::answered(rules);
        life.accept(Kind::Transfer, 0);
        life.wait();
        life.absent(1);
        life.news(2, News::Answered);
        assert_eq!(life.wants(), ["transfer 0", "find 1", "dial 2", "bridge 0"]);
        life
    }

    #[test]
    fn where_he_was_given_to_somebody_before_the_callers_news_counts_once_the_bridge_is_accepted() {
        let actions = vec![Action::Answer, transfer(member("anna", 141, 20)), dial(member("ben", 142, 20))];
        let rules = rules(actions, &[]);
        let mut life = bridging_after_a_transfer(&rules);
        life.news(0, News::Bridged);
        assert_eq!(talks_with(&life), None, "it may be of the transfer");
        life.accept(Kind::Bridge, 0);
        life.news(0, News::Bridged);
        assert_eq!(talks_with(&life), Some(2));
    }

    #[test]
    fn where_another_picked_up_and_left_the_callers_news_may_be_of_him() {
        let rules = two();
        let mut life = bridging(&rules);
        life.news(2, News::Answered);
        life.hangs_up(1, Cause::Normal);
        assert_eq!(life.wants(), ["bridge 0"]);
        life.news(0, News::Bridged);
        assert_eq!(talks_with(&life), None);
    }

    #[test]
    fn a_bridge_refused_after_one_that_may_have_been_taken_says_that_they_are_joined() {
        let rules = two();
        let mut life = bridging(&rules);
        life.settle(Kind::Bridge, 0, Verdict::Unknown);
        life.wait();
        life.refuse(Kind::Bridge, 0, Refusal::Invalid);
        assert_eq!(talks_with(&life), Some(1));
        // Where the one before is known to have been refused, it says nothing of the kind.
        let mut life = bridging(&rules);
        let first = life.asked.last().unwrap().id;
        life.wait();
        let verdict = Verdict::Refused { why: Refusal::Limit, code: "0".into() };
        let settled = Settled { command: first, kind: Kind::Bridge, leg: LegNo::CALLER, verdict };
        life.take(super::super::What::Settled(settled));
        life.refuse(Kind::Bridge, 0, Refusal::Invalid);
        assert_eq!(talks_with(&life), None);
    }

    /// A caller of whom no word came that he is picked up, and Anna who picked up.
    fn supposed(rules: &Rules) -> Life<'_> {
        let mut life = Life::begun(rules);
        life.news(1, News::Answered);
        life.wait();
        life.wait();
        assert_eq!(life.wants(), ["dial 1", "answer 0", "answer 0", "bridge 0"]);
        life
    }

    #[test]
    fn a_caller_who_was_only_supposed_to_be_picked_up_is_picked_up_again() {
        let rules = rules(vec![dial(member("anna", 141, 20))], &[]);
        let mut life = supposed(&rules);
        for _ in 0..DOUBTS_AFTER {
            life.refuse(Kind::Bridge, 0, Refusal::NotAnswered);
            life.wait();
            assert_eq!(life.wants(), ["look 1", "bridge 0"], "too early after an answer, perhaps");
        }
        life.refuse(Kind::Bridge, 0, Refusal::NotAnswered);
        assert_eq!(life.wants(), ["answer 0"]);
        life.news(0, News::Answered);
        assert_eq!(life.wants(), ["bridge 0"]);
    }

    #[test]
    fn nobody_is_kept_waiting_for_a_caller_who_cannot_be_picked_up() {
        let rules = rules(vec![dial(member("anna", 141, 20))], &[]);
        let mut life = Life::begun(&rules);
        life.news(1, News::Answered);
        let mut bridges = 0;
        while life.phase() == "ringing" {
            life.wait();
            let asks = life.wants().contains(&"bridge 0".to_owned());
            bridges = if asks { bridges + 1 } else { bridges };
            if asks {
                life.refuse(Kind::Bridge, 0, Refusal::NotAnswered);
            }
        }
        assert_eq!(life.wants(), ["hangup 0", "hangup 1"]);
        assert_eq!(bridges % u32::from(DOUBTS_AFTER + 1), 0, "the last one is not asked for more often than the first");
    }

    #[test]
    fn news_of_another_is_no_bridge() {
        let rules = two();
        let mut life = bridging(&rules);
        life.news(2, News::Bridged);
        assert_eq!((life.wants(), talks_with(&life)), (vec![], None));
    }

    #[test]
    fn what_comes_too_early_is_asked_for_again_and_in_the_end_given_up() {
        let rules = two();
        let mut life = bridging(&rules);
        for _ in 1..TRIES {
            life.refuse(Kind::Bridge, 0, Refusal::NotAnswered);
            assert_eq!(life.wants(), ["look 1"]);
            assert!((life.next_in() - 0.5).abs() < 0.001);
            life.wait();
            assert_eq!(life.wants(), ["bridge 0"]);
        }
        life.refuse(Kind::Bridge, 0, Refusal::NotAnswered);
        assert_eq!((life.wants(), life.phase()), (vec!["hangup 1".into()], "ringing"), "Ben rings on");
    }

    #[test]
    fn whoever_is_found_gone_is_out() {
        let rules = two();
        let mut life = bridging(&rules);
        life.refuse(Kind::Bridge, 0, Refusal::Ended);
        assert_eq!(life.wants(), ["look 0", "look 1"]);
        life.found(1, false);
        assert_eq!((life.wants(), life.phase()), (vec![], "ringing"));
        life.wait();
        assert_eq!(life.wants(), ["hangup 0", "hangup 2"], "Ben's time was over too");
    }

    #[test]
    fn a_caller_who_waits_is_not_looked_at_for_what_may_mean_the_one_rung() {
        let rules = rules(vec![dial(member("anna", 141, 20))], &[]);
        let mut life = supposed(&rules);
        life.refuse(Kind::Bridge, 0, Refusal::Ended);
        assert_eq!(life.wants(), ["look 1"], "a look-up may find whoever waits not alive");
    }

    #[test]
    fn a_refusal_for_good_is_the_end_of_it() {
        for why in [Refusal::Invalid, Refusal::Limit, Refusal::Key, Refusal::Unavailable] {
            let rules = two();
            let mut life = bridging(&rules);
            life.refuse(Kind::Bridge, 0, why);
            assert_eq!((life.wants(), life.phase()), (vec!["hangup 1".into()], "ringing"), "{why:?}");
        }
    }

    #[test]
    fn an_accepted_bridge_that_does_not_show_is_asked_for_again() {
        let rules = two();
        let mut life = bridging(&rules);
        life.accept(Kind::Bridge, 0);
        assert_eq!(life.wants(), ["hangup 2"]);
        life.sleep(5);
        life.wait();
        assert_eq!(life.remarks, [Remark::NothingCame { kind: Kind::Bridge }]);
        assert_eq!(life.wants(), ["bridge 0", "hangup 2"]);
        let mut refused = life.clone();
        refused.refuse(Kind::Bridge, 0, Refusal::Invalid);
        assert_eq!(talks_with(&refused), Some(1), "they are joined already");
        life.hangs_up(2, Cause::Cancelled);
        for _ in 2..ACCEPTED_TRIES {
            life.accept(Kind::Bridge, 0);
            life.wait();
            assert_eq!((life.wants(), talks_with(&life)), (vec!["bridge 0".into()], None), "it may have done nothing");
        }
        life.wait();
        assert_eq!((life.wants(), talks_with(&life)), (vec![], Some(1)), "the news is lost, not the bridge");
    }

    #[test]
    fn a_bridge_without_any_answer_is_given_up() {
        let rules = two();
        let mut life = bridging(&rules);
        life.settle(Kind::Bridge, 0, Verdict::Unknown);
        for _ in 1..SILENT_TRIES {
            life.wait();
            assert_eq!(life.wants(), ["bridge 0"]);
        }
        life.wait();
        assert_eq!((life.wants(), life.phase()), (vec!["hangup 1".into()], "ringing"));
    }

    #[test]
    fn what_came_too_early_before_does_not_make_a_silent_bridge_a_talk() {
        let rules = two();
        let mut life = bridging(&rules);
        for _ in 0..4 {
            life.refuse(Kind::Bridge, 0, Refusal::NotAnswered);
            life.wait();
        }
        life.accept(Kind::Bridge, 0);
        let asked = life.asked.len();
        life.sleep(5);
        life.wait();
        assert_eq!(talks_with(&life), None);
        assert!(life.asked[asked..].iter().any(|command| command.verb.kind() == Kind::Bridge));
    }

    #[test]
    fn the_answer_to_an_earlier_bridge_is_none_to_this_one() {
        let rules = two();
        let mut life = bridging(&rules);
        let first = life.asked.last().unwrap().id;
        life.wait();
        let settled = Settled {
            command: first,
            kind: Kind::Bridge,
            leg: LegNo::CALLER,
            verdict: Verdict::Refused { why: Refusal::Limit, code: "0".into() },
        };
        life.take(super::super::What::Settled(settled));
        assert_eq!((life.wants(), life.phase()), (vec!["bridge 0".into()], "ringing"));
    }

    #[test]
    fn a_caller_who_is_slow_to_be_picked_up_is_bridged_when_he_is() {
        let rules = rules(vec![dial(member("anna", 141, 20))], &[]);
        let mut life = Life::begun(&rules);
        let began = life.now;
        life.news(1, News::Answered);
        life.accept(Kind::Answer, 0);
        assert_eq!(life.wants(), ["dial 1", "answer 0"]);
        life.wait();
        assert_eq!(life.wants(), ["answer 0"]);
        life.wait();
        assert_eq!(life.wants(), ["bridge 0"]);
        assert_eq!(life.now.duration_since(began), secs(10).try_into().unwrap());
        life.news(0, News::Answered);
        assert_eq!(life.wants(), NOTHING);
    }

    #[test]
    fn a_bridge_that_was_given_up_and_is_carried_out_all_the_same_is_a_talk() {
        let rules = rules(
            vec![
                Action::Answer,
                dial(member("anna", 141, 60)),
                say("Nobody is here."),
                dial(member("ben", 142, 60)),
                Action::Hangup,
            ],
            &[],
        );
        let mut life = Life::answered(&rules);
        life.news(1, News::Answered);
        for _ in 0..SILENT_TRIES {
            life.wait();
        }
        assert_eq!(life.phase(), "speaking");
        let mut next = life.clone();
        life.news(1, News::Bridged);
        assert_eq!(talks_with(&life), Some(1));
        let asked = life.asked.len();
        life.sleep(10);
        life.take(super::super::What::Due { version: life.call.version });
        assert!(life.asked[asked..].iter().all(|command| command.verb.kind() != Kind::Hangup), "not asked for again");

        next.news(0, News::SpeechEnded);
        next.news(2, News::Answered);
        next.news(1, News::Bridged);
        assert_eq!((next.phase(), talks_with(&next)), ("ringing", None), "another may take the caller from her");
    }

    #[test]
    fn bridges_that_never_left_do_not_make_a_talk_of_an_accepted_one() {
        let rules = two();
        let mut life = bridging(&rules);
        let wait = |life: &mut Life<'_>, left: bool| {
            let command = life.asked.iter().rev().find(|command| command.verb.kind() == Kind::Bridge).unwrap().id;
            life.wait();
            let verdict = Verdict::Refused { why: Refusal::Unavailable, code: "0".into() };
            if !left {
                let (kind, leg) = (Kind::Bridge, LegNo::CALLER);
                life.take(super::super::What::Settled(Settled { command, kind, leg, verdict }));
            }
        };
        life.accept(Kind::Bridge, 0);
        wait(&mut life, true);
        for _ in 2..MOST_TRIES {
            wait(&mut life, false);
            assert_eq!(talks_with(&life), None);
        }
        for _ in 1..ACCEPTED_TRIES {
            life.wait();
        }
        assert_eq!(talks_with(&life), Some(1), "it comes to an end");
    }
}
