//! The caller talks with somebody. All we do is make sure, now and then, that both are still there.

use std::time::Duration;

use jiff::Timestamp;

use super::event::Settled;
use super::ids::LegNo;
use super::kind::Kind;
use super::learn::{Change, Fact};
use super::leg::Leg;
use super::phase::Phase;
use super::remark::{EndWhy, Remark};
use super::turn::{Flow, LOOK_EVERY, Turn, later};

/// How long after a look of which nothing came they are looked at again.
const LOOK_AGAIN: Duration = Duration::from_secs(60);
/// How long two may each be the one the caller talks with, before whoever shows no sign of it is hung up.
const UNDECIDED: Duration = Duration::from_secs(4);
/// When both are looked at in that time: Telnyx hangs up whoever has lost him at once.
const LOOK_SOON: Duration = Duration::from_secs(1);

/// The caller talks with `with`, and whoever else was tried for him is not wanted any more.
pub(super) fn begin(with: LegNo, turn: &mut Turn<'_>) -> Phase {
    turn.remark(Remark::Connected { name: turn.name(with) });
    turn.call.talked = true;
    let now = turn.now;
    turn.call.leg_mut(with).into_iter().for_each(|leg| leg.talked = true);
    for leg in turn.call.legs.iter_mut().filter(|leg| leg.no != LegNo::CALLER && !leg.has_ended()) {
        if leg.no == with {
            leg.stop = None;
        } else if leg.stop.is_none() {
            leg.stop_from(now);
        }
    }
    let looked = if turn.rival(with).is_some() { soon(now) } else { now };
    Phase::Talking { with, since: now, looked }
}

/// Leaves somebody alone for a moment who may be the one the caller talks with: to hang him up would be to hang up the
/// caller too. Telnyx hangs up the other one, and then it is known.
pub(super) fn spare(leg: LegNo, turn: &mut Turn<'_>) {
    let from = turn.after(UNDECIDED);
    if let Some(leg) = turn.call.leg_mut(leg).filter(|leg| leg.is_live()) {
        // A hangup that was asked for before that is not asked for again meanwhile.
        leg.stop = None;
        leg.stop_from(from);
    }
}

/// A last look so long ago that the next one is due soon.
fn soon(now: Timestamp) -> Timestamp {
    before(now, LOOK_SOON)
}

/// A last look so long ago that the next one is due in `span`.
fn before(now: Timestamp, span: Duration) -> Timestamp {
    now.checked_sub(LOOK_EVERY.saturating_sub(span)).unwrap_or(now)
}

pub(super) fn on(with: LegNo, since: Timestamp, looked: Timestamp, fact: &Fact, turn: &mut Turn<'_>) -> Flow {
    match fact {
        Fact::Leg { no, change: Change::Ended(_) } if *no == with => {
            turn.remark(Remark::PartyGone { name: turn.name(with) });
            match turn.rival(with) {
                Some(rival) => Flow::Talk(rival),
                None => Flow::End(EndWhy::PartyGone),
            }
        }
        // Somebody the caller was to be given to before, and who was taken for gone. Nobody says what Telnyx does as
        // he picks up now: it may take the caller out of this talk for him, hang him up, or leave him alone.
        Fact::Leg { no, change: Change::Answered } if *no != with && turn.call.leg(*no).is_some_and(Leg::is_given) => {
            spare(*no, turn);
            Flow::Stay(Phase::Talking { with, since, looked: soon(turn.now) })
        }
        Fact::Leg { no, change: Change::Answered } if *no != with && *no != LegNo::CALLER => {
            turn.stop(*no, turn.now);
            Flow::Stay(Phase::Talking { with, since, looked })
        }
        Fact::Due if turn.now >= deadline(looked) => {
            turn.look(LegNo::CALLER);
            turn.look(with);
            Flow::Stay(Phase::Talking { with, since, looked: turn.now })
        }
        // A look that came to nothing: else a talk whose end was lost would last until the next one.
        Fact::Settled(Settled { kind: Kind::Look, .. }) => {
            Flow::Stay(Phase::Talking { with, since, looked: looked.min(before(turn.now, LOOK_AGAIN)) })
        }
        Fact::Leg { .. } | Fact::Due | Fact::Arrived { .. } | Fact::Settled(_) | Fact::Fault => {
            Flow::Stay(Phase::Talking { with, since, looked })
        }
    }
}

pub(super) fn deadline(looked: Timestamp) -> Timestamp {
    later(looked, LOOK_EVERY)
}

#[cfg(test)]
mod tests {
    use super::super::kit::{Life, NOTHING, dial, member, rules, secs, transfer};
    use super::super::{Cause, EventId, Kind, LegNo, News, Refusal, Remark, Verdict, What};
    use crate::routing::{Action, Rules};

    fn given_away() -> Rules {
        rules(vec![Action::Answer, transfer(member("anna", 141, 20)), Action::Hangup], &[])
    }

    fn talking(rules: &Rules) -> Life<'_> {
        let mut life = Life::answered(rules);
        life.news(1, News::Answered);
        assert_eq!((life.wants(), life.phase()), (vec!["transfer 0".into()], "talking"));
        life
    }

    #[test]
    fn a_look_that_comes_to_nothing_is_taken_again_sooner() {
        let rules = given_away();
        let mut life = talking(&rules);
        life.wait();
        life.found(0, true);
        life.sleep(45);
        life.settle(Kind::Look, 1, Verdict::Unknown);
        life.settle(Kind::Look, 0, Verdict::Refused { why: Refusal::Unavailable, code: "429".into() });
        assert!((life.next_in() - 60.0).abs() < 0.001);
        life.wait();
        assert_eq!(life.wants(), ["look 0", "look 1", "look 0", "look 1"]);
        assert!((life.next_in() - 300.0).abs() < 0.001);
    }

    #[test]
    fn both_are_looked_at_now_and_then() {
        let rules = given_away();
        let mut life = talking(&rules);
        for _ in 0..3 {
            assert!((life.next_in() - 300.0).abs() < 0.001);
            life.wait();
            assert_eq!(life.wants(), ["look 0", "look 1"]);
            life.found(0, true);
            life.found(1, true);
            assert_eq!((life.wants(), life.phase()), (vec![], "talking"));
        }
    }

    #[test]
    fn it_takes_two_looks_to_end_a_talk() {
        let rules = given_away();
        for gone in [0, 1] {
            let mut life = talking(&rules);
            life.wait();
            life.found(1 - gone, true);
            life.found(gone, false);
            assert_eq!((life.wants(), life.phase()), (vec!["look 0".into(), "look 1".into()], "talking"));
            assert_eq!(life.remarks[0], Remark::SaidGone { leg: LegNo(gone) });
            life.found(gone, false);
            assert_eq!(life.phase(), "talking", "the same moment says nothing new");
            assert!((life.next_in() - 5.0).abs() < 0.001);
            let mut heard = life.clone();
            life.wait();
            assert_eq!(life.wants(), [format!("look {gone}")]);
            let mut there = life.clone();
            life.found(gone, false);
            assert_eq!((life.wants(), life.phase()), (vec![], "ending"));
            there.found(gone, true);
            assert_eq!(there.phase(), "talking");
            heard.hangs_up(gone, Cause::Normal);
            assert_eq!(heard.phase(), "ending", "its own word is enough");
        }
    }

    #[test]
    fn who_is_left_alone_is_hung_up_unless_telnyx_does_it() {
        for (first, other) in [(0, 1), (1, 0)] {
            let rules = given_away();
            let mut life = talking(&rules);
            life.hangs_up(first, Cause::Normal);
            assert_eq!((life.wants(), life.phase()), (vec![], "ending"));
            let mut alone = life.clone();
            life.hangs_up(other, Cause::Normal);
            assert_eq!((life.wants(), life.phase()), (vec![], "ended"));
            assert!((alone.next_in() - 3.0).abs() < 0.001);
            alone.wait();
            assert_eq!(alone.wants(), [format!("hangup {other}")]);
        }
    }

    #[test]
    fn a_talk_lasts_as_long_as_a_call_may() {
        let mut rules = given_away();
        rules.defaults.max_call = secs(100);
        let mut life = talking(&rules);
        assert!((life.next_in() - 100.0).abs() < 0.001);
        life.wait();
        assert_eq!((life.wants(), life.phase()), (vec!["hangup 0".into(), "hangup 1".into()], "ending"));
    }

    #[test]
    fn nothing_else_disturbs_a_talk() {
        let rules = given_away();
        let mut life = talking(&rules);
        life.take(What::Fault { event: EventId("e".into()), who: None });
        life.take(What::Due { version: life.call.version });
        life.refuse(Kind::Transfer, 0, Refusal::Limit);
        for news in [News::Bridged, News::Answered, News::SpeechEnded, News::PlaybackEnded { played: true }] {
            life.news(0, news.clone());
            life.news(1, news);
        }
        assert_eq!((life.wants(), life.phase()), (vec![], "talking"));
    }

    #[test]
    fn whoever_picks_up_late_is_hung_up() {
        let rules = rules(
            vec![
                Action::Answer,
                dial(member("anna", 141, 20)),
                transfer(member("ben", 142, 20)),
                transfer(member("cleo", 143, 20)),
            ],
            &[],
        );
        let mut life = Life::answered(&rules);
        life.settle(Kind::Dial, 1, Verdict::Unknown);
        life.refuse(Kind::Transfer, 0, Refusal::Limit);
        life.news(3, News::Answered);
        assert_eq!(
            (life.wants(), life.phase()),
            (["dial 1", "find 1", "transfer 0", "transfer 0"].map(Into::into).to_vec(), "talking")
        );
        life.news(1, News::Answered);
        assert_eq!(life.wants(), ["hangup 1"]);
        life.hangs_up(1, Cause::Normal);
        assert_eq!((life.wants(), life.phase()), (NOTHING.map(String::from).to_vec(), "talking"));
    }

    /// The caller, given to Anna in vain, talks with Ben. Then Anna picks up.
    fn two_who_may_have_him(rules: &Rules) -> Life<'_> {
        let mut life = Life::answered(rules);
        life.accept(Kind::Transfer, 0);
        life.wait();
        life.absent(1);
        life.dialled(2);
        life.news(2, News::Answered);
        life.news(2, News::Bridged);
        assert_eq!((life.wants().len(), life.call.phase.talks_with()), (4, Some(LegNo(2))));
        life.news(1, News::Answered);
        assert_eq!((life.wants(), life.call.phase.talks_with()), (vec![], Some(LegNo(2))), "nobody is hung up yet");
        life
    }

    fn anna_then_ben() -> Rules {
        rules(vec![Action::Answer, transfer(member("anna", 141, 20)), dial(member("ben", 142, 20))], &[])
    }

    #[test]
    fn who_has_the_caller_taken_to_him_late_keeps_him() {
        let rules = anna_then_ben();
        let mut life = two_who_may_have_him(&rules);
        let mut lost = life.clone();
        life.hangs_up(2, Cause::Normal);
        assert_eq!((life.wants(), life.call.phase.talks_with()), (vec![], Some(LegNo(1))));
        assert!((life.next_in() - 300.0).abs() < 0.001, "nothing is left to be found out");
        life.hangs_up(1, Cause::Normal);
        assert_eq!((life.wants(), life.phase()), (vec![], "ending"));

        assert!((lost.next_in() - 1.0).abs() < 0.001, "the news of Ben's end may be lost");
        lost.wait();
        assert_eq!(lost.wants(), ["look 0", "look 2"]);
        lost.found(0, true);
        lost.found(2, false);
        assert_eq!((lost.wants(), lost.call.phase.talks_with()), (vec![], Some(LegNo(1))));
    }

    #[test]
    fn who_picks_up_late_and_does_not_get_the_caller_is_hung_up_in_the_end() {
        let rules = anna_then_ben();
        let mut life = two_who_may_have_him(&rules);
        let mut gone = life.clone();
        life.wait();
        life.found(0, true);
        life.found(2, true);
        assert_eq!(life.wants(), ["look 0", "look 2"]);
        assert!((life.next_in() - 3.0).abs() < 0.001);
        life.wait();
        assert_eq!((life.wants(), life.call.phase.talks_with()), (vec!["hangup 1".into()], Some(LegNo(2))));
        life.hangs_up(2, Cause::Normal);
        assert_eq!(life.phase(), "ending", "she is being hung up");
        gone.hangs_up(1, Cause::Normal);
        assert_eq!((gone.wants(), gone.call.phase.talks_with()), (vec![], Some(LegNo(2))));
    }

    #[test]
    fn one_whose_bridge_is_under_way_is_not_hung_up_for_one_who_picks_up_late() {
        let rules = anna_then_ben();
        let mut life = Life::answered(&rules);
        life.accept(Kind::Transfer, 0);
        life.wait();
        life.absent(1);
        life.news(2, News::Answered);
        assert_eq!(life.wants(), ["transfer 0", "find 1", "dial 2", "bridge 0"]);
        life.news(1, News::Answered);
        assert_eq!((life.wants(), life.call.phase.talks_with()), (vec![], Some(LegNo(1))));
        let mut hers = life.clone();
        life.hangs_up(1, Cause::Normal);
        assert_eq!((life.wants(), life.call.phase.talks_with()), (vec![], Some(LegNo(2))), "the bridge was first");
        hers.refuse(Kind::Bridge, 0, Refusal::Invalid);
        hers.wait();
        hers.wait();
        assert_eq!(hers.wants(), ["look 0", "look 1", "hangup 2"]);
        assert_eq!(hers.call.phase.talks_with(), Some(LegNo(1)));
    }
}
