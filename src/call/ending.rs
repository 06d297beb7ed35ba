//! The end of a call: whatever is left is hung up, and it is over when nothing is.

use std::time::Duration;

use jiff::Timestamp;

use super::command::Verb;
use super::event::Cause;
use super::ids::{CommandId, LegNo};
use super::leg::{Leg, LegState, Role};
use super::missed::missed;
use super::phase::Phase;
use super::remark::{EndWhy, Remark};
use super::state::Call;
use super::turn::{Flow, Turn, later};
use crate::routing::RejectWith;

/// Telnyx hangs up the other side of a bridge by itself; this is how long it may take before we do.
const ITS_OWN: Duration = Duration::from_secs(3);
/// How long a hangup may go without the leg's end before it is asked for again.
const AGAIN: Duration = Duration::from_secs(5);
/// How often it is asked for so soon; after that the pauses are doubled.
const SOON: u8 = 4;
/// The longest pause: as long as one is sent again and again, so that somebody is always trying to hang up.
const LONGEST_AGAIN: Duration = Duration::from_secs(45);
/// How long a leg that is to be hung up may go without the answer to its dial before it is looked for: longer than one
/// try of that takes.
const SEEK: Duration = Duration::from_secs(6);
/// How often a leg is looked for at least before it is taken for gone: one that rings may not be in the list.
const SOUGHT: u8 = 2;
/// How long after the first look that says so a second one may say that a leg is over.
pub(super) const TWICE: Duration = Duration::from_secs(5);
/// How often a hangup is asked for, within most of an hour: nobody but us ends a leg that was picked up, and it costs.
const TRIES: u8 = 64;
/// When a leg of which no word came is taken for gone: past any time in which its dial can still be settled.
const BACKSTOP: Duration = Duration::from_secs(60);

/// Begins to bring the call to an end. `with`: the party the caller talked with, whom Telnyx hangs up by itself.
pub(super) fn begin(why: EndWhy, with: Option<LegNo>, turn: &mut Turn<'_>) -> Phase {
    turn.remark(Remark::Ends { why });
    if with.is_none() {
        missed(why, turn);
    }
    let now = turn.now;
    let by_itself = matches!(why, EndWhy::CallerGone | EndWhy::PartyGone);
    for leg in &mut turn.call.legs {
        // With the caller gone, Telnyx gives up on the party he was to be given to.
        let given_up = why == EndWhy::CallerGone && matches!(leg.role, Role::Given { .. }) && leg.handle.is_none();
        if given_up && !leg.has_ended() {
            leg.end(now, Cause::Cancelled);
        }
        if !leg.has_ended() {
            let bridged = with.is_some_and(|with| leg.no == with || leg.no == LegNo::CALLER);
            leg.stop_from(if by_itself && bridged { later(now, ITS_OWN) } else { now });
        }
    }
    Phase::Ending { since: now }
}

/// Turns the caller away: unanswered if that is still possible.
pub(super) fn reject(with: RejectWith, why: EndWhy, turn: &mut Turn<'_>) -> Phase {
    let unanswered = turn.call.caller().is_some_and(|leg| leg.state == LegState::Ringing);
    if unanswered && let Some(on) = turn.caller_handle() {
        let command = turn.command(LegNo::CALLER, Verb::Reject { on, with });
        let now = turn.now;
        turn.stop(LegNo::CALLER, now);
        asked(LegNo::CALLER, command, turn);
    }
    begin(why, None, turn)
}

/// Hears a fact while what is left is hung up.
pub(super) fn on(since: Timestamp, turn: &mut Turn<'_>) -> Flow {
    Flow::Stay(stop_all(since, turn))
}

/// Hears a fact after the end. A leg of ours that shows itself alive is hung up: then the end was not the end.
pub(super) fn after(since: Timestamp, turn: &mut Turn<'_>) -> Flow {
    let back = turn.call.legs.iter().any(Leg::is_live);
    Flow::Stay(if back { stop_all(turn.now, turn) } else { Phase::Ended { since } })
}

/// Whatever is alive is to be hung up, also what shows itself only now.
fn stop_all(since: Timestamp, turn: &mut Turn<'_>) -> Phase {
    let now = turn.now;
    turn.call.legs.iter_mut().filter(|leg| leg.is_live() && leg.stop.is_none()).for_each(|leg| leg.stop_from(now));
    Phase::Ending { since }
}

/// An ending is over when nothing is alive.
pub(super) fn close(turn: &mut Turn<'_>) {
    if matches!(turn.call.phase, Phase::Ending { .. }) && !turn.call.legs.iter().any(Leg::is_live) {
        turn.remark(Remark::Over);
        turn.call.phase = Phase::Ended { since: turn.now };
    }
}

/// Hangs up every leg whose time has come. A leg without a handle cannot be: it is looked for, hung up as soon as it has
/// one, and taken for gone if it never gets one.
pub(super) fn sweep(turn: &mut Turn<'_>) {
    let now = turn.now;
    let due: Vec<LegNo> =
        turn.call.legs.iter().filter(|leg| sweep_at(leg).is_some_and(|at| at <= now)).map(|leg| leg.no).collect();
    for no in due {
        let Some(leg) = turn.call.leg(no) else { continue };
        let tries = leg.stop.as_ref().map_or(0, |stop| stop.tries);
        let command = match leg.handle.clone() {
            Some(on) if tries < TRIES => Some(turn.command(no, Verb::Hangup { on })),
            None if tries < SOUGHT || now < later(leg.began, BACKSTOP) => turn.look(no),
            Some(_) | None => None,
        };
        match command {
            Some(command) => asked(no, command, turn),
            None => lose(no, turn),
        }
    }
    look_again(turn);
}

/// Looks for a leg of which nobody knows whether its dial made it. It is hung up if it turns up: by then somebody else
/// rings, or the caller hears what comes next.
pub(super) fn seek(no: LegNo, turn: &mut Turn<'_>) {
    turn.stop(no, turn.now);
    if let Some(command) = turn.look(no) {
        asked(no, command, turn);
    }
}

fn asked(no: LegNo, command: CommandId, turn: &mut Turn<'_>) {
    let now = turn.now;
    if let Some(stop) = turn.call.leg_mut(no).and_then(|leg| leg.stop.as_mut()) {
        stop.asked = Some((command, now));
        stop.tries = stop.tries.saturating_add(1);
    }
}

/// Looks once more at legs of which a look-up said that they are over.
fn look_again(turn: &mut Turn<'_>) {
    let now = turn.now;
    let due: Vec<LegNo> =
        turn.call.legs.iter().filter(|leg| again_at(leg).is_some_and(|at| at <= now)).map(|leg| leg.no).collect();
    for no in due {
        turn.look(no);
        turn.call.leg_mut(no).and_then(|leg| leg.said_gone.as_mut()).into_iter().for_each(|said| said.asked = true);
    }
}

fn again_at(leg: &Leg) -> Option<Timestamp> {
    leg.said_gone.filter(|said| leg.is_live() && !said.asked).map(|said| later(said.at, TWICE))
}

/// When a leg is to be hung up or looked for, for the first time or again, or given up.
fn sweep_at(leg: &Leg) -> Option<Timestamp> {
    let stop = leg.stop.as_ref().filter(|_| leg.is_live())?;
    let first = if leg.handle.is_some() { stop.from } else { later(leg.began, SEEK).max(stop.from) };
    let Some((_, asked)) = &stop.asked else { return Some(first) };
    let again = later(*asked, pause(stop.tries));
    // What is to be taken for gone is so at its time, however long the pauses have become.
    let gone = later(leg.began, BACKSTOP).max(later(*asked, AGAIN));
    Some(if leg.handle.is_none() && stop.tries >= SOUGHT { again.min(gone) } else { again })
}

/// How long after the last hangup or search of so many the next one is asked for.
fn pause(tries: u8) -> Duration {
    AGAIN.saturating_mul(1 << tries.saturating_sub(SOON).min(8)).min(LONGEST_AGAIN)
}

/// When the legs of a call want to be seen to.
pub(super) fn sweep_deadline(call: &Call) -> Option<Timestamp> {
    call.legs.iter().flat_map(|leg| sweep_at(leg).into_iter().chain(again_at(leg))).min()
}

fn lose(no: LegNo, turn: &mut Turn<'_>) {
    if let Some(leg) = turn.call.leg_mut(no) {
        leg.lost = true;
        turn.remark(Remark::LegLost { leg: no });
    }
}

#[cfg(test)]
mod tests {
    use super::super::kit::{Life, NOTHING, dial, member, ring, rules, say};
    use super::super::{Ignored, Kind, News, Refusal, Verdict};
    use super::*;
    use crate::routing::{Action, Order, Rules};

    fn hangs_up() -> Rules {
        rules(vec![Action::Answer, Action::Hangup], &[])
    }

    fn rejects(with: RejectWith) -> Rules {
        rules(vec![Action::Reject(with)], &[])
    }

    fn dials() -> Rules {
        rules(vec![dial(member("anna", 141, 20))], &[])
    }

    #[test]
    fn a_call_that_is_hung_up_is_over_when_the_caller_is_gone() {
        let rules = hangs_up();
        let mut life = Life::answered(&rules);
        assert_eq!((life.wants(), life.phase()), (vec!["hangup 0".into()], "ending"));
        life.accept(Kind::Hangup, 0);
        assert_eq!((life.wants(), life.phase()), (vec![], "ending"));
        life.hangs_up(0, Cause::Normal);
        assert_eq!((life.wants(), life.phase(), life.deadline()), (vec![], "ended", None));
        assert_eq!(life.remarks, [Remark::Over]);
    }

    #[test]
    fn a_hangup_is_asked_for_again_and_in_the_end_the_leg_is_taken_for_gone() {
        let rules = hangs_up();
        let mut life = Life::answered(&rules);
        assert_eq!(life.wants(), ["hangup 0"]);
        let mut pauses = Vec::new();
        for _ in 1..TRIES {
            life.accept(Kind::Hangup, 0);
            pauses.push(life.next_in().round());
            life.wait();
            assert_eq!((life.wants(), life.phase()), (vec!["hangup 0".into()], "ending"));
        }
        assert_eq!(pauses[..10], [5.0, 5.0, 5.0, 5.0, 10.0, 20.0, 40.0, 45.0, 45.0, 45.0]);
        life.wait();
        assert_eq!((life.wants(), life.phase()), (vec![], "ended"));
        assert_eq!(life.remarks, [Remark::LegLost { leg: LegNo::CALLER }, Remark::Over]);
    }

    #[test]
    fn hangups_that_did_not_arrive_are_no_reason_to_wait_once_one_does() {
        let rules = hangs_up();
        let mut life = Life::answered(&rules);
        for verdict in [Verdict::Unknown, Verdict::Refused { why: Refusal::Unavailable, code: "429".into() }] {
            for _ in 0..10 {
                life.settle(Kind::Hangup, 0, verdict.clone());
                life.wait();
            }
        }
        assert!((life.next_in() - 45.0).abs() < 0.001);
        for _ in 0..SOON {
            life.accept(Kind::Hangup, 0);
            assert!((life.next_in() - 5.0).abs() < 0.001);
            life.wait();
        }
        life.accept(Kind::Hangup, 0);
        assert!((life.next_in() - 10.0).abs() < 0.001, "those that did nothing are");
    }

    #[test]
    fn a_leg_that_cannot_be_hung_up_for_it_is_over_has_ended() {
        let rules = hangs_up();
        let mut life = Life::answered(&rules);
        life.refuse(Kind::Hangup, 0, Refusal::Ended);
        assert_eq!((life.wants(), life.phase()), (vec!["hangup 0".into()], "ended"));
        for why in [Refusal::Invalid, Refusal::Key, Refusal::Limit, Refusal::NotAnswered] {
            let mut life = Life::answered(&rules);
            life.refuse(Kind::Hangup, 0, why);
            assert_eq!((life.wants(), life.phase()), (vec!["hangup 0".into()], "ending"), "{why:?}");
        }
    }

    #[test]
    fn a_caller_is_turned_away_unanswered() {
        for with in [RejectWith::Busy, RejectWith::Decline] {
            let rules = rejects(with);
            let mut life = Life::begun(&rules);
            assert_eq!((life.wants(), life.phase()), (vec!["reject 0".into()], "ending"));
            let Some(Verb::Reject { with: told, .. }) = life.asked.last().map(|command| &command.verb) else {
                panic!()
            };
            assert_eq!(*told, with);
            life.accept(Kind::Reject, 0);
            life.hangs_up(0, Cause::Declined);
            assert_eq!((life.wants(), life.phase()), (vec![], "ended"));
        }
    }

    #[test]
    fn a_rejection_that_does_not_work_becomes_a_hangup() {
        let rules = rejects(RejectWith::Busy);
        for settle in [Some(Refusal::Invalid), None] {
            let mut life = Life::begun(&rules);
            match settle {
                // He is picked up: at once.
                Some(why) => life.refuse(Kind::Reject, 0, why),
                None => {
                    life.accept(Kind::Reject, 0);
                    life.wait();
                }
            }
            assert_eq!(life.wants(), ["reject 0", "hangup 0"]);
        }
    }

    #[test]
    fn a_caller_who_is_picked_up_as_he_is_turned_away_is_not_left_in_silence() {
        let rules = dials();
        let mut life = Life::begun(&rules);
        life.news(1, News::Answered);
        life.hangs_up(1, Cause::Normal);
        assert_eq!(life.wants(), ["dial 1", "answer 0", "reject 0"]);
        life.accept(Kind::Reject, 0);
        life.news(0, News::Answered);
        assert_eq!((life.wants(), life.phase()), (vec!["hangup 0".into()], "ending"));
    }

    #[test]
    fn who_is_picked_up_is_hung_up_instead_of_turned_away() {
        let rules = rules(vec![Action::Answer, Action::Reject(RejectWith::Busy)], &[]);
        let mut life = Life::answered(&rules);
        assert_eq!(life.wants(), ["hangup 0"]);
    }

    #[test]
    fn a_leg_whose_dial_is_not_settled_is_waited_for() {
        let rules = dials();
        let mut life = Life::begun(&rules);
        life.hangs_up(0, Cause::Cancelled);
        assert_eq!((life.wants(), life.phase()), (vec!["dial 1".into()], "ending"));
        let (mut refused, mut void, mut silent) = (life.clone(), life.clone(), life.clone());
        life.dialled(1);
        assert_eq!((life.wants(), life.phase()), (vec!["hangup 1".into()], "ending"));
        refused.refuse(Kind::Dial, 1, Refusal::Limit);
        void.settle(Kind::Dial, 1, Verdict::Void);
        for life in [&mut refused, &mut void] {
            assert_eq!((life.wants(), life.phase()), (vec![], "ended"));
        }
        assert!((silent.next_in() - 6.0).abs() < 0.001, "its answer may be on its way");
        silent.wait();
        assert_eq!((silent.wants(), silent.phase()), (vec!["find 1".into()], "ending"));
        let mut found = silent.clone();
        silent.absent(1);
        while silent.phase() == "ending" {
            silent.wait();
        }
        assert!(silent.now.duration_since(silent.leg(1).began) >= BACKSTOP.try_into().unwrap());
        assert_eq!(silent.wants(), ["find 1"; 6]);
        assert!(silent.leg(1).lost);

        let legs = vec![found.who(1)];
        found.settle(Kind::Find, 1, Verdict::Listed { legs, next: None });
        assert_eq!((found.wants(), found.phase()), (vec!["hangup 1".into()], "ending"));
        found.hangs_up(1, Cause::Cancelled);
        assert_eq!((found.wants(), found.phase()), (vec![], "ended"));
    }

    #[test]
    fn a_leg_of_which_no_word_came_for_long_is_not_waited_for() {
        let members = vec![member("anna", 141, 20), member("ben", 142, 20)];
        let rules = rules(vec![ring(Order::Simultaneous, members)], &[]);
        let mut life = Life::begun(&rules);
        life.news(1, News::Answered);
        life.news(0, News::Answered);
        life.news(1, News::Bridged);
        life.sleep(120);
        life.hangs_up(0, Cause::Normal);
        life.hangs_up(1, Cause::Normal);
        assert_eq!(life.wants(), ["dial 1", "dial 2", "answer 0", "bridge 0", "find 2"]);
        life.wait();
        assert_eq!((life.wants(), life.phase()), (vec!["find 2".into()], "ending"), "once may be by chance");
        life.wait();
        assert_eq!((life.wants(), life.phase()), (vec![], "ended"));
        assert!(life.leg(2).lost);
    }

    #[test]
    fn a_leg_that_shows_itself_after_the_end_is_hung_up() {
        for (verdict, shows) in [(Some(Verdict::Unknown), true), (None, false)] {
            let rules = dials();
            let mut life = Life::begun(&rules);
            life.hangs_up(0, Cause::Cancelled);
            verdict.into_iter().for_each(|verdict| life.settle(Kind::Dial, 1, verdict));
            while life.phase() == "ending" {
                life.wait();
            }
            assert_eq!((life.wants()[..2].to_vec(), life.phase()), (vec!["dial 1".into(), "find 1".into()], "ended"));
            if shows {
                life.news(1, News::Answered);
            } else {
                life.dialled(1);
            }
            assert_eq!((life.wants(), life.phase()), (vec!["hangup 1".into()], "ending"));
            life.hangs_up(1, Cause::Normal);
            assert_eq!((life.wants(), life.phase()), (vec![], "ended"));
        }
    }

    #[test]
    fn what_comes_after_the_end_changes_nothing() {
        let rules = hangs_up();
        let mut life = Life::answered(&rules);
        life.hangs_up(0, Cause::Normal);
        life.wants();
        life.hangs_up(0, Cause::Busy);
        assert_eq!(life.remarks, [Remark::Ignored { why: Ignored::Twice }]);
        life.news(0, News::Answered);
        assert_eq!(life.remarks, [Remark::Ignored { why: Ignored::Late }]);
        life.accept(Kind::Answer, 0);
        life.take(super::super::What::Fault { event: super::super::EventId("e".into()), who: None });
        assert_eq!((life.wants(), life.phase()), (vec![], "ended"));
    }

    #[test]
    fn steps_that_end_with_the_caller_unconnected_turn_him_away() {
        let rules = rules(vec![say("Nobody is here.")], &[]);
        let mut life = Life::begun(&rules);
        life.news(0, News::Answered);
        life.news(0, News::SpeechEnded);
        assert_eq!(
            (life.wants(), life.phase()),
            (vec!["answer 0".into(), "speak 0".into(), "hangup 0".into()], "ending")
        );
        assert!(life.remarks.contains(&Remark::Ends { why: EndWhy::ListEnded }));
        assert_eq!(life.wants(), NOTHING);
    }
}
