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
use super::phase::{Joining, PickUp, Stage};
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
    /// Begins to join `leg` with the caller.
    pub(super) fn begin(leg: LegNo, turn: &mut Turn<'_>) -> Self {
        let pickup = if turn.call.caller_is_answered() { None } else { PickUp::ask(turn, 1) };
        match pickup {
            Some(pickup) => Self { leg, stage: Stage::PickingUp(pickup) },
            None => Self::bridge(leg, Asked::default(), turn),
        }
    }

    fn bridge(leg: LegNo, asked: Asked, turn: &mut Turn<'_>) -> Self {
        let Asked { tries, silent, accepted } = asked;
        let other = turn.call.leg(leg).and_then(|leg| leg.handle.clone());
        let stage = match (turn.caller_handle(), other) {
            (Some(on), Some(with)) => {
                let command = turn.command(LegNo::CALLER, Verb::Bridge { on, with });
                Stage::Bridging { command, asked: turn.now, tries: tries + 1, silent, accepted }
            }
            // One of them cannot be commanded yet: his handle may come with the answer to the dial.
            _ => Stage::TooEarly { again: turn.after(TOO_EARLY), tries: tries + 1, silent, accepted },
        };
        Self { leg, stage }
    }

    /// Whether the bridge was accepted: the others need not ring any longer.
    pub(super) fn is_accepted(&self) -> bool {
        match &self.stage {
            Stage::PickingUp(_) => false,
            Stage::Bridging { accepted, .. } | Stage::TooEarly { accepted, .. } => *accepted,
        }
    }

    pub(super) fn deadline(&self) -> Timestamp {
        match &self.stage {
            Stage::PickingUp(pickup) => pickup.deadline(),
            Stage::Bridging { asked, .. } => later(*asked, PATIENCE),
            Stage::TooEarly { again, .. } => *again,
        }
    }

    pub(super) fn hear(self, fact: &Fact, turn: &mut Turn<'_>) -> Joined {
        let leg = self.leg;
        if !turn.call.leg(leg).is_some_and(Leg::is_live) {
            return Joined::No;
        }
        match self.stage {
            Stage::PickingUp(pickup) => match pickup.hear(fact, turn) {
                Picked::Waiting(pickup) => Joined::Waiting(Self { leg, stage: Stage::PickingUp(pickup) }),
                Picked::Up => Joined::Waiting(Self::bridge(leg, Asked::default(), turn)),
            },
            Stage::TooEarly { again, tries, silent, accepted } => {
                if !matches!(fact, Fact::Due) || turn.now < again {
                    return Joined::Waiting(self);
                }
                if tries >= TRIES {
                    return Joined::No;
                }
                Joined::Waiting(Self::bridge(leg, Asked { tries, silent, accepted }, turn))
            }
            Stage::Bridging { command, asked, tries, silent, accepted } => {
                self.bridging(command, asked, Asked { tries, silent, accepted }, fact, turn)
            }
        }
    }

    fn bridging(self, last: CommandId, at: Timestamp, asked: Asked, fact: &Fact, turn: &mut Turn<'_>) -> Joined {
        match fact {
            Fact::Leg { no, change: Change::Bridged } if *no == self.leg => Joined::Yes,
            // The caller may still hear of an earlier bridge, one that came of a transfer.
            Fact::Leg { no: LegNo::CALLER, change: Change::Bridged } if asked.accepted => Joined::Yes,
            Fact::Settled(Settled { command, verdict, .. }) if *command == last => self.settled(asked, verdict, turn),
            Fact::Due if turn.now >= later(at, PATIENCE) => self.overdue(asked, turn),
            Fact::Leg { .. } | Fact::Settled(_) | Fact::Due | Fact::Arrived { .. } | Fact::Fault => {
                Joined::Waiting(self)
            }
        }
    }

    fn settled(mut self, asked: Asked, verdict: &Verdict, turn: &mut Turn<'_>) -> Joined {
        let Asked { tries, silent, accepted: before } = asked;
        match verdict {
            Verdict::Accepted { .. } => {
                if let Stage::Bridging { accepted, .. } = &mut self.stage {
                    *accepted = true;
                }
                Joined::Waiting(self)
            }
            // Refused although one like it was accepted before: they are joined already, and the news was lost.
            Verdict::Refused { why: Refusal::Invalid, .. } if before => Joined::Yes,
            Verdict::Refused { why: Refusal::NotAnswered | Refusal::Ended, .. } if tries < TRIES => {
                turn.look(self.leg);
                let again = turn.after(TOO_EARLY);
                Joined::Waiting(Self { stage: Stage::TooEarly { again, tries, silent, accepted: before }, ..self })
            }
            Verdict::Refused { .. } | Verdict::Void => Joined::No,
            Verdict::Unknown | Verdict::Found { .. } => Joined::Waiting(self),
        }
    }

    /// Nothing came of a bridge: it is asked for again. Where that was accepted and nothing ever comes, the news is
    /// more likely lost than the bridge.
    fn overdue(self, asked: Asked, turn: &mut Turn<'_>) -> Joined {
        turn.remark(Remark::NothingCame { kind: Kind::Bridge });
        let silent = asked.silent + 1;
        if silent < SILENT_TRIES {
            return Joined::Waiting(Self::bridge(self.leg, Asked { silent, ..asked }, turn));
        }
        if asked.accepted { Joined::Yes } else { Joined::No }
    }
}

/// The bridges asked for so far.
#[derive(Clone, Copy, Default)]
struct Asked {
    tries: u8,
    /// Of how many nothing came in time.
    silent: u8,
    /// One of them was accepted.
    accepted: bool,
}

#[cfg(test)]
mod tests {
    use super::super::kit::{Life, NOTHING, dial, member, ring, rules, secs};
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
    fn news_of_the_caller_counts_once_the_bridge_is_accepted() {
        let rules = two();
        let mut life = bridging(&rules);
        life.news(0, News::Bridged);
        assert_eq!((life.wants(), talks_with(&life)), (vec![], None), "it may be of an earlier transfer");
        life.accept(Kind::Bridge, 0);
        assert_eq!(life.wants(), ["hangup 2"]);
        life.news(0, News::Bridged);
        assert_eq!((life.wants(), talks_with(&life)), (vec![], Some(1)));
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
    fn a_refusal_for_good_is_the_end_of_it() {
        for why in [Refusal::Invalid, Refusal::Limit, Refusal::Key] {
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
        life.accept(Kind::Bridge, 0);
        life.wait();
        assert_eq!(life.wants(), ["bridge 0"]);
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
}
