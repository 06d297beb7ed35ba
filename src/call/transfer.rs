//! `transfer`: the caller is given away. Telnyx rings the party and joins them; we learn how it went.

use std::time::Duration;

use jiff::Timestamp;

use super::command::Verb;
use super::event::{Cause, Refusal, Settled, Verdict};
use super::ids::LegNo;
use super::kind::Kind;
use super::learn::{Change, Fact};
use super::leg::Role;
use super::phase::{Phase, Transferring};
use super::remark::Remark;
use super::ring::{outcome_of, refused_at_once};
use super::turn::{Flow, Turn, UNSEEN, between, later};
use crate::routing::{Action, Outcome, StepId, Transfer};

/// How much longer than Telnyx rings a transfer may go without an end before it is looked into.
const ENDLESS: Duration = Duration::from_secs(10);
/// How much longer than it was asked to Telnyx may ring.
const RINGS_LONGER: Duration = Duration::from_secs(3);
/// How long one of which nobody knows whether it was asked for at all: then it is looked for. With the lease of a node
/// that ended before, this is how long nothing is done for the caller.
const UNKNOWN: Duration = Duration::from_secs(3);
/// How long a look at a leg may take once that time is over: longer than a try that gets no answer.
const LAST_LOOK: Duration = Duration::from_secs(6);

/// Begins to give the caller away.
pub(super) fn enter(step: StepId, transfer: &Transfer, turn: &mut Turn<'_>) -> Flow {
    begin(step, transfer, None, turn)
}

/// `tried`: when it was tried before, if it was.
fn begin(step: StepId, transfer: &Transfer, tried: Option<Timestamp>, turn: &mut Turn<'_>) -> Flow {
    let (Some(on), Some(from)) = (turn.caller_handle(), turn.number_shown(&transfer.caller_id, tried.is_some())) else {
        return Flow::Advance(step, Some(Outcome::Failed));
    };
    if turn.forbids(&transfer.name, &transfer.target) {
        turn.remark(Remark::Out { name: transfer.name.clone(), outcome: Outcome::Failed });
        return Flow::Advance(step, Some(Outcome::Failed));
    }
    // Whoever may ring on a leg that nobody can hang up is not rung on another.
    if turn.rings_at(&transfer.target).and_then(|leg| turn.call.leg(leg)).is_some_and(|leg| leg.handle.is_none()) {
        turn.remark(Remark::Out { name: transfer.name.clone(), outcome: Outcome::NoAnswer });
        return Flow::Advance(step, Some(Outcome::NoAnswer));
    }
    let role = Role::Given { name: transfer.name.clone(), target: transfer.target.clone() };
    let Some(leg) = turn.add_leg(role) else { return Flow::Advance(step, Some(Outcome::Failed)) };
    turn.remark(Remark::Rings { name: transfer.name.clone(), leg });
    let ring_for = ring_for(leg, tried, transfer, turn);
    let verb = Verb::Transfer {
        on,
        to: transfer.target.clone(),
        from,
        ring_for,
        time_limit: turn.time_limit(),
        hops: turn.next_hop(),
        tag: turn.tag(LegNo::CALLER),
        target_tag: turn.tag(leg),
    };
    let command = turn.command(LegNo::CALLER, verb);
    let until = turn.after(if turn.call.caller_is_answered() { UNSEEN } else { rings_at_most(ring_for) + ENDLESS });
    let at = Transferring { step, leg, command, until, rings_since: None, tried, looked: false };
    Flow::Stay(Phase::Transferring(at))
}

/// How long the party is rung on a leg: a second try has what the first one left of the time.
fn ring_for(leg: LegNo, tried: Option<Timestamp>, transfer: &Transfer, turn: &Turn<'_>) -> Duration {
    let before = tried.and_then(|tried| Some(between(tried, turn.call.leg(leg)?.began)));
    transfer.ring_for.saturating_sub(before.unwrap_or_default())
}

/// How long Telnyx rings at most: five seconds at least, and we ask for a little more than is wanted, since the time is
/// ours to end.
fn rings_at_most(ring_for: Duration) -> Duration {
    ring_for.saturating_add(Duration::from_secs(2)).max(Duration::from_secs(5))
}

/// Whether Telnyx has stopped ringing: a leg that is still alive was answered.
fn has_rung_out(at: &Transferring, transfer: &Transfer, turn: &Turn<'_>) -> bool {
    let since = at.rings_since.or_else(|| turn.call.leg(at.leg).map(|leg| leg.began));
    let ring_for = ring_for(at.leg, at.tried, transfer, turn);
    since.is_none_or(|since| turn.now >= later(since, rings_at_most(ring_for) + RINGS_LONGER))
}

/// Hears a fact while the caller is being given away. Only the new leg's answer settles it, in every phase alike: a
/// bridge before that is early media.
pub(super) fn on(at: Transferring, fact: &Fact, turn: &mut Turn<'_>) -> Flow {
    let step = at.step;
    let Some(Action::Transfer(transfer)) = turn.rules.step(step).map(|step| &step.action) else {
        return Flow::Advance(step, Some(Outcome::Failed));
    };
    let stopped = turn.call.leg(at.leg).is_some_and(|leg| leg.stop.is_some());
    match fact {
        Fact::Leg { no, change: Change::Ended(_) } if *no == at.leg && stopped => out(&at, Outcome::NoAnswer, turn),
        Fact::Leg { .. } if stopped => stay(at),
        Fact::Leg { no, change } if *no == at.leg => match change {
            Change::Alive if at.looked && has_rung_out(&at, transfer, turn) => Flow::Talk(at.leg),
            // It rings, or the news of its answer is late: whoever hangs it up now may hang up a talk.
            Change::Alive if at.looked => {
                let ring_for = ring_for(at.leg, at.tried, transfer, turn);
                let until = turn.after(rings_at_most(ring_for).saturating_sub(ring_for) + ENDLESS);
                stay(Transferring { until, looked: false, ..at })
            }
            Change::NotAlive if at.looked => given_up(at, turn),
            // Found among all that live, and nobody knows since when: it may have been picked up.
            Change::Placed | Change::Bridged if at.rings_since.is_none() && at.looked => {
                turn.look(at.leg);
                stay(Transferring { until: turn.after(LAST_LOOK), rings_since: Some(turn.now), ..at })
            }
            Change::Placed | Change::Bridged if at.rings_since.is_none() => {
                let until = turn.after(ring_for(at.leg, at.tried, transfer, turn));
                stay(Transferring { until, rings_since: Some(turn.now), ..at })
            }
            Change::Ended(cause) => {
                if at.tried.is_none() && refused_at_once(at.leg, *cause, &transfer.caller_id, turn) {
                    return once_more(&at, transfer, turn);
                }
                out(&at, outcome_of(*cause), turn)
            }
            Change::Placed | Change::Answered | Change::Bridged | Change::Refused(_) | Change::Unsure => stay(at),
            Change::SpeechStarted | Change::SpeechEnded | Change::PlaybackStarted | Change::PlaybackEnded => stay(at),
            Change::Pressed { .. } | Change::Gathered { .. } => stay(at),
            Change::Recorded | Change::RecordingFailed => stay(at),
            Change::Alive | Change::NotAlive => stay(at),
        },
        Fact::Settled(Settled { command, verdict, .. }) if *command == at.command => match verdict {
            Verdict::Refused { why, .. } => refused(at, *why, transfer, turn),
            Verdict::Accepted { .. } if is_unseen(&at, turn) && turn.call.caller_is_answered() => {
                stay(Transferring { until: turn.after(UNSEEN), ..at })
            }
            // It may never have left.
            Verdict::Unknown if is_unseen(&at, turn) => {
                stay(Transferring { until: at.until.min(turn.after(UNKNOWN)), ..at })
            }
            Verdict::Accepted { .. } | Verdict::Unknown | Verdict::Void => stay(at),
            Verdict::Found { .. } | Verdict::Listed { .. } | Verdict::Recordings { .. } => stay(at),
        },
        Fact::Due if turn.now >= at.until => overdue(at, turn),
        Fact::Leg { .. } | Fact::Settled(_) | Fact::Due | Fact::Arrived { .. } | Fact::Fault => stay(at),
    }
}

fn refused(at: Transferring, why: Refusal, transfer: &Transfer, turn: &mut Turn<'_>) -> Flow {
    match why {
        // The caller is being looked at; if he is alive after all, the deadline goes on with the next step.
        Refusal::Ended => stay(Transferring { until: turn.after(LAST_LOOK), looked: true, ..at }),
        Refusal::NotAnswered if !turn.call.caller_is_answered() || turn.caller_is_doubted() => {
            end_leg(at.leg, turn);
            Flow::AnswerFor(at.step)
        }
        Refusal::Invalid if at.tried.is_none() && turn.has_another_number(&transfer.caller_id) => {
            once_more(&at, transfer, turn)
        }
        Refusal::Invalid
        | Refusal::NotAnswered
        | Refusal::Limit
        | Refusal::Key
        | Refusal::Unavailable
        | Refusal::Stopped => {
            end_leg(at.leg, turn);
            out(&at, Outcome::Failed, turn)
        }
    }
}

fn once_more(at: &Transferring, transfer: &Transfer, turn: &mut Turn<'_>) -> Flow {
    let first = turn.call.leg(at.leg).map_or(turn.now, |leg| leg.began);
    end_leg(at.leg, turn);
    turn.remark(Remark::OnceMore { name: transfer.name.clone(), own_number: true });
    begin(at.step, transfer, Some(first), turn)
}

fn overdue(at: Transferring, turn: &mut Turn<'_>) -> Flow {
    turn.remark(Remark::NothingCame { kind: Kind::Transfer });
    if at.looked || turn.look(at.leg).is_none() {
        return given_up(at, turn);
    }
    stay(Transferring { until: turn.after(LAST_LOOK), looked: true, ..at })
}

/// The caller goes on as soon as the leg is gone: he who picks up at this moment has him after all. A leg that never
/// showed itself is taken for gone.
fn given_up(at: Transferring, turn: &mut Turn<'_>) -> Flow {
    let unseen = is_unseen(&at, turn);
    let now = turn.now;
    if let Some(leg) = turn.call.leg_mut(at.leg) {
        if leg.stop.is_none() && !unseen {
            leg.stop_from(now);
            return stay(Transferring { until: turn.after(LAST_LOOK), looked: true, ..at });
        }
        leg.stop_from(now);
        leg.lost |= unseen;
    }
    out(&at, Outcome::NoAnswer, turn)
}

fn is_unseen(at: &Transferring, turn: &Turn<'_>) -> bool {
    turn.call.leg(at.leg).is_none_or(|leg| leg.handle.is_none())
}

fn out(at: &Transferring, outcome: Outcome, turn: &mut Turn<'_>) -> Flow {
    turn.remark(Remark::Out { name: turn.name(at.leg), outcome });
    Flow::Advance(at.step, Some(outcome))
}

/// A leg that Telnyx was to make and did not.
fn end_leg(leg: LegNo, turn: &mut Turn<'_>) {
    let now = turn.now;
    if let Some(leg) = turn.call.leg_mut(leg)
        && !leg.has_ended()
    {
        leg.end(now, Cause::Failed);
    }
}

fn stay(at: Transferring) -> Flow {
    Flow::Stay(Phase::Transferring(at))
}

#[cfg(test)]
mod tests {
    use super::super::kit::{CALLER, Life, OURS, dial, member, ring, rules, transfer};
    use super::super::{Handle, News, Tag, What, Who};
    use super::*;
    use crate::phone::Party;
    use crate::routing::{CallerId, Order, Rules};

    /// The caller, picked up, is given to Anna, and is hung up if that fails.
    fn given() -> Rules {
        rules(vec![Action::Answer, transfer(member("anna", 141, 20)), Action::Hangup], &[])
    }

    /// The same for a caller who is not picked up.
    fn unanswered() -> Rules {
        rules(vec![transfer(member("anna", 141, 20)), Action::Hangup], &[])
    }

    fn shown(life: &Life<'_>) -> String {
        let Some(Verb::Transfer { from, .. }) = life.asked.last().map(|command| &command.verb) else { panic!() };
        from.to_string()
    }

    #[test]
    fn a_caller_is_given_to_nobody_whom_the_rules_forbid() {
        let mut rules = unanswered();
        let arrives = |hops| News::Arrived { from: Party::read(CALLER), to: Party::read(OURS), hops };
        let mut life = Life::new(&rules);
        life.news(0, arrives(2));
        let Some(Verb::Transfer { hops: 3, .. }) = life.asked.last().map(|command| &command.verb) else { panic!() };
        let mut round = Life::new(&rules);
        round.news(0, arrives(3));
        assert_eq!((round.wants(), round.phase()), (vec!["hangup 0".into()], "ending"));
        rules.outbound.countries.clear();
        let mut life = Life::begun(&rules);
        assert_eq!((life.wants(), life.call.legs.len()), (vec!["hangup 0".into()], 1));
        let step_ended = |remark: &Remark| matches!(remark, Remark::StepEnded { outcome: Outcome::Failed, .. });
        assert!(life.remarks.iter().any(step_ended));
    }

    #[test]
    fn both_legs_are_told_who_they_are() {
        let rules = given();
        let mut life = Life::answered(&rules);
        assert_eq!((life.wants(), life.phase()), (vec!["transfer 0".into()], "transferring"));
        let Some(Verb::Transfer { tag, target_tag, .. }) = life.asked.last().map(|command| &command.verb) else {
            panic!()
        };
        assert_eq!((tag.leg, target_tag.leg), (LegNo::CALLER, LegNo(1)));
        assert_eq!(shown(&life), CALLER);
    }

    #[test]
    fn only_the_answer_of_the_new_leg_is_one() {
        for rules in [given(), unanswered()] {
            let mut life = Life::begun(&rules);
            life.news(0, News::Answered);
            life.accept(Kind::Transfer, 0);
            life.wants();
            life.news(1, News::Placed);
            life.news(1, News::Bridged);
            life.news(0, News::Bridged);
            assert_eq!((life.wants(), life.phase()), (vec![], "transferring"), "early media");
            life.news(1, News::Answered);
            assert_eq!((life.wants(), life.call.phase.talks_with()), (vec![], Some(LegNo(1))));
        }
    }

    #[test]
    fn whoever_does_not_pick_up_leaves_the_caller_for_the_next_step() {
        for cause in [Cause::Busy, Cause::Declined, Cause::NoAnswer, Cause::Normal] {
            let rules = given();
            let mut life = Life::answered(&rules);
            life.news(1, News::Placed);
            life.news(1, News::Bridged);
            life.hangs_up(1, cause);
            assert_eq!((life.wants(), life.phase()), (vec!["transfer 0".into(), "hangup 0".into()], "ending"));
            let at = crate::routing::Place { file: 0, line: 2 };
            assert!(life.remarks.contains(&Remark::StepEnded { at, outcome: outcome_of(cause) }), "{cause:?}");
        }
    }

    #[test]
    fn a_refusal_of_what_can_be_changed_is_tried_once_more() {
        let rules = given();
        let mut life = Life::answered(&rules);
        life.refuse(Kind::Transfer, 0, Refusal::Invalid);
        assert_eq!((life.wants(), shown(&life)), (vec!["transfer 0".into(); 2], OURS.into()));
        life.refuse(Kind::Transfer, 0, Refusal::Invalid);
        assert_eq!((life.wants(), life.phase()), (vec!["hangup 0".into()], "ending"));
        let mut rules = given();
        let Action::Transfer(transfer) = &mut rules.steps[1].action else { panic!() };
        transfer.caller_id = CallerId::Called;
        let mut life = Life::answered(&rules);
        life.refuse(Kind::Transfer, 0, Refusal::Invalid);
        assert_eq!(life.wants(), ["transfer 0", "hangup 0"], "it would be the same again");
        let rules = given();
        let mut life = Life::answered(&rules);
        life.news(1, News::Placed);
        life.sleep(3);
        life.hangs_up(1, Cause::Failed);
        assert_eq!((life.wants(), shown(&life)), (vec!["transfer 0".into(); 2], OURS.into()));
        life.news(2, News::Placed);
        assert!((life.next_in() - 17.0).abs() < 0.001, "20 s in all: {}", life.next_in());
        life.hangs_up(2, Cause::Failed);
        assert_eq!((life.wants(), life.phase()), (vec!["hangup 0".into()], "ending"));
    }

    #[test]
    fn other_refusals_are_an_outcome() {
        for why in [Refusal::Limit, Refusal::NotAnswered, Refusal::Key, Refusal::Unavailable, Refusal::Stopped] {
            let rules = given();
            let mut life = Life::answered(&rules);
            life.refuse(Kind::Transfer, 0, why);
            assert_eq!(
                (life.wants(), life.phase()),
                (vec!["transfer 0".into(), "hangup 0".into()], "ending"),
                "{why:?}"
            );
        }
    }

    #[test]
    fn a_caller_who_must_be_picked_up_first_is() {
        let rules = unanswered();
        let mut life = Life::begun(&rules);
        life.refuse(Kind::Transfer, 0, Refusal::NotAnswered);
        assert_eq!((life.wants(), life.phase()), (vec!["transfer 0".into(), "answer 0".into()], "answering"));
        life.news(0, News::Answered);
        assert_eq!((life.wants(), life.phase()), (vec!["transfer 0".into()], "transferring"));
        life.news(2, News::Answered);
        assert_eq!(life.call.phase.talks_with(), Some(LegNo(2)));
    }

    #[test]
    fn a_caller_who_is_said_to_be_gone_is_looked_at() {
        let rules = given();
        let mut life = Life::answered(&rules);
        life.refuse(Kind::Transfer, 0, Refusal::Ended);
        assert_eq!(life.wants(), ["transfer 0", "look 0"]);
        let mut there = life.clone();
        life.found(0, false);
        assert_eq!((life.wants(), life.phase()), (vec![], "ended"));
        there.found(0, true);
        there.wait();
        assert_eq!((there.wants(), there.phase()), (vec!["hangup 0".into()], "ending"));
    }

    #[test]
    fn after_its_time_the_new_leg_is_looked_at_and_hung_up() {
        for ring_for in [1, 4, 20, 60] {
            let rules =
                rules(vec![Action::Answer, transfer(member("anna", 141, ring_for)), dial(member("ben", 142, 20))], &[]);
            let mut life = Life::answered(&rules);
            life.accept(Kind::Transfer, 0);
            life.sleep(3);
            life.news(1, News::Placed);
            life.news(1, News::Bridged);
            let rung = Duration::from_secs(ring_for).as_secs_f64();
            assert!((life.next_in() - rung).abs() < 0.001, "from when it rings");
            life.wait();
            assert_eq!(life.wants(), ["transfer 0", "look 1"]);
            life.found(1, false);
            assert_eq!((life.wants(), life.phase()), (vec!["hangup 1".into()], "transferring"));
            let (mut late, mut silent) = (life.clone(), life.clone());
            late.news(1, News::Answered);
            assert_eq!((late.wants(), late.phase()), (vec![], "talking"), "he has the caller, if only for a moment");
            silent.accept(Kind::Hangup, 1);
            silent.wait();
            assert_eq!((silent.wants(), silent.phase()), (vec!["hangup 1".into()], "transferring"));
            silent.wait();
            assert_eq!((silent.wants(), silent.phase()), (vec!["dial 2".into()], "ringing"), "the caller waited 6 s");
            life.hangs_up(1, Cause::Cancelled);
            assert_eq!((life.wants(), life.phase()), (vec!["dial 2".into()], "ringing"));
            assert!(life.remarks.contains(&Remark::Out { name: "anna".into(), outcome: Outcome::NoAnswer }));
        }
    }

    #[test]
    fn a_leg_that_may_have_been_answered_is_not_hung_up_before_telnyx_has_stopped_ringing() {
        for (ring_for, telnyx) in [(1, 5.0), (20, 22.0)] {
            let rules = rules(vec![Action::Answer, transfer(member("anna", 141, ring_for)), Action::Hangup], &[]);
            let mut life = Life::answered(&rules);
            life.news(1, News::Placed);
            let rang = life.now;
            life.wait();
            life.found(1, true);
            assert_eq!((life.wants(), life.phase()), (vec!["transfer 0".into(), "look 1".into()], "transferring"));
            let mut over = life.clone();
            over.hangs_up(1, Cause::NoAnswer);
            assert_eq!(over.wants(), ["hangup 0"]);
            life.wait();
            assert!((life.now.duration_since(rang).as_secs_f64() - telnyx - 10.0).abs() < 0.001);
            let (mut gone, mut unknown) = (life.clone(), life.clone());
            life.found(1, true);
            assert_eq!((life.wants(), life.phase()), (vec!["look 1".into()], "talking"), "the news of it was lost");
            gone.found(1, false);
            assert_eq!(gone.wants(), ["look 1", "hangup 1"]);
            gone.refuse(Kind::Hangup, 1, Refusal::Ended);
            assert_eq!(gone.wants(), ["hangup 0"]);
            unknown.settle(Kind::Look, 1, Verdict::Unknown);
            unknown.wait();
            assert_eq!(unknown.wants(), ["look 1", "hangup 1"]);
        }
    }

    #[test]
    fn a_look_without_an_answer_is_not_waited_for_for_long() {
        let rules = given();
        let mut life = Life::answered(&rules);
        life.news(1, News::Placed);
        life.wait();
        assert_eq!(life.wants(), ["transfer 0", "look 1"]);
        let mut unknown = life;
        assert!((unknown.next_in() - 6.0).abs() < 0.001);
        unknown.wait();
        assert_eq!(unknown.wants(), ["hangup 1"]);
    }

    #[test]
    fn a_transfer_of_which_nothing_shows_leaves_nobody_in_silence() {
        let rules = given();
        let mut life = Life::answered(&rules);
        assert!((life.next_in() - 7.0).abs() < 0.001);
        let mut unheard = life.clone();
        unheard.wait();
        assert_eq!((unheard.wants(), unheard.phase()), (vec!["transfer 0".into(), "find 1".into()], "transferring"));
        life.sleep(5);
        life.accept(Kind::Transfer, 0);
        assert!((life.next_in() - 7.0).abs() < 0.001);
        life.wait();
        assert_eq!((life.wants(), life.phase()), (vec!["transfer 0".into(), "find 1".into()], "transferring"));
        let mut silent = life.clone();
        life.absent(1);
        assert_eq!((life.wants(), life.phase()), (vec!["hangup 0".into()], "ending"));
        assert!((silent.next_in() - 6.0).abs() < 0.001);
        silent.wait();
        assert_eq!((silent.wants(), silent.phase()), (vec!["hangup 0".into()], "ending"));

        let rules = unanswered();
        let mut life = Life::begun(&rules);
        assert!((life.next_in() - 32.0).abs() < 0.001);
        life.accept(Kind::Transfer, 0);
        assert!((life.next_in() - 32.0).abs() < 0.001, "he hears it ring");
    }

    #[test]
    fn a_party_who_has_the_caller_and_of_whom_no_word_came_is_found() {
        let rules = given();
        let mut life = Life::answered(&rules);
        life.settle(Kind::Transfer, 0, Verdict::Unknown);
        life.wait();
        assert_eq!(life.wants(), ["transfer 0", "find 1"]);
        // Her leg may have come without its own tag.
        let Who { tag, .. } = Who { tag: Some(Tag { call: life.call.id, leg: LegNo::CALLER }), ..Who::default() };
        let legs = vec![life.who(0), Who { tag, ..life.who(1) }];
        life.settle(Kind::Find, 1, Verdict::Listed { legs, next: None });
        assert_eq!((life.wants(), life.phase()), (vec!["look 1".into()], "transferring"));
        let (mut rings, mut gone) = (life.clone(), life.clone());
        while life.phase() == "transferring" {
            life.found(1, true);
            if life.phase() == "transferring" {
                life.wait();
            }
        }
        assert_eq!(life.call.phase.talks_with(), Some(LegNo(1)));
        assert!(!life.wants().contains(&"hangup 1".to_owned()), "nobody is hung up");
        rings.found(1, false);
        assert_eq!((rings.wants(), rings.phase()), (vec!["hangup 1".into()], "transferring"));
        gone.hangs_up(1, Cause::Busy);
        assert_eq!(gone.wants(), ["hangup 0"]);
    }

    #[test]
    fn nobody_is_given_a_caller_who_may_ring_for_him_already() {
        let actions =
            vec![Action::Answer, dial(member("anna", 141, 20)), transfer(member("anna", 141, 20)), Action::Hangup];
        let rules = rules(actions, &[]);
        let mut life = Life::answered(&rules);
        life.settle(Kind::Dial, 1, Verdict::Unknown);
        assert_eq!((life.wants(), life.phase()), (["dial 1", "find 1", "hangup 0"].map(Into::into).to_vec(), "ending"));
    }

    /// Anna was given up without a word of her; Ben rings.
    fn given_up(rules: &Rules) -> Life<'_> {
        let mut life = Life::answered(rules);
        life.accept(Kind::Transfer, 0);
        life.wait();
        life.absent(1);
        life.dialled(2);
        assert_eq!((life.wants()[1..].to_vec(), life.phase()), (vec!["find 1".into(), "dial 2".into()], "ringing"));
        life
    }

    #[test]
    fn a_leg_that_was_given_up_is_hung_up_when_it_rings() {
        let rules = rules(vec![Action::Answer, transfer(member("anna", 141, 20)), dial(member("ben", 142, 20))], &[]);
        let mut life = given_up(&rules);
        life.news(1, News::Placed);
        assert_eq!((life.wants(), life.phase()), (vec!["hangup 1".into()], "ringing"));
    }

    #[test]
    fn a_leg_that_was_given_up_and_is_joined_has_a_moment_to_be_picked_up() {
        let rules = rules(vec![Action::Answer, transfer(member("anna", 141, 20)), dial(member("ben", 142, 20))], &[]);
        let mut life = given_up(&rules);
        life.news(1, News::Bridged);
        assert_eq!((life.wants(), life.phase()), (vec![], "ringing"));
        assert!((life.next_in() - 2.0).abs() < 0.001);
        let mut early_media = life.clone();
        early_media.wait();
        assert_eq!((early_media.wants(), early_media.phase()), (vec!["hangup 1".into()], "ringing"));
        life.news(1, News::Answered);
        assert_eq!((life.wants(), life.phase()), (vec!["hangup 2".into()], "talking"));
    }

    #[test]
    fn a_transfer_of_which_nobody_knows_is_not_waited_for_as_long_as_anybody_rings() {
        let rules = rules(vec![transfer(member("anna", 141, 60)), dial(member("ben", 142, 20))], &[]);
        let mut life = Life::begun(&rules);
        life.settle(Kind::Transfer, 0, Verdict::Unknown);
        assert!((life.next_in() - 3.0).abs() < 0.001);
        let mut seen = life.clone();
        life.wait();
        life.absent(1);
        assert_eq!(life.wants(), ["transfer 0", "find 1", "dial 2"]);
        seen.news(1, News::Placed);
        assert!((seen.next_in() - 60.0).abs() < 0.001);
    }

    #[test]
    fn a_refused_transfer_that_rings_all_the_same_is_hung_up_even_without_its_tag() {
        let rules = rules(vec![transfer(member("anna", 141, 20)), dial(member("ben", 142, 20))], &[]);
        let mut life = Life::begun(&rules);
        life.refuse(Kind::Transfer, 0, Refusal::Limit);
        life.dialled(2);
        assert_eq!(life.wants(), ["transfer 0", "dial 2"]);
        let mut who = life.who(1);
        who.tag = life.who(0).tag;
        life.take(super::super::What::Leg { who, news: News::Placed });
        assert_eq!((life.wants(), life.phase()), (vec!["hangup 1".into()], "ringing"));
    }

    #[test]
    fn of_two_who_were_given_up_the_last_is_the_one_who_comes_without_his_tag() {
        let actions = [("anna", 141), ("ben", 142), ("cleo", 143)].map(|(name, last)| transfer(member(name, last, 20)));
        let rules = rules([vec![Action::Answer], actions.to_vec()].concat(), &[]);
        let mut life = Life::answered(&rules);
        for leg in 1..=2 {
            life.accept(Kind::Transfer, 0);
            life.wait();
            life.absent(leg);
        }
        life.news(3, News::Placed);
        let mut who = life.who(9);
        who.tag = life.who(0).tag;
        life.take(super::super::What::Leg { who, news: News::Answered });
        assert_eq!(life.call.phase.talks_with(), Some(LegNo(2)));
    }

    #[test]
    fn a_leg_that_was_given_up_and_is_answered_has_the_caller() {
        let members = vec![member("ben", 142, 20), member("cleo", 143, 20)];
        let rules =
            rules(vec![Action::Answer, transfer(member("anna", 141, 20)), ring(Order::Simultaneous, members)], &[]);
        let mut life = Life::answered(&rules);
        life.accept(Kind::Transfer, 0);
        life.wait();
        life.absent(1);
        life.dialled(2);
        life.wants();
        life.news(1, News::Answered);
        assert_eq!((life.wants(), life.call.phase.talks_with()), (vec!["hangup 2".into()], Some(LegNo(1))));
        life.dialled(3);
        assert_eq!((life.wants(), life.phase()), (vec!["hangup 3".into()], "talking"));
    }

    #[test]
    fn the_new_leg_may_come_without_its_own_tag() {
        let rules = given();
        let mut life = Life::answered(&rules);
        let tag = Some(Tag { call: life.call.id, leg: LegNo::CALLER });
        let handle = Some(Handle("v3:new".into()));
        let who = Who { tag, handle: handle.clone(), leg: Some("new".into()), ..life.who(0) };
        life.take(What::Leg { who: who.clone(), news: News::Placed });
        assert_eq!(life.leg(1).handle, handle);
        life.take(What::Leg { who, news: News::HungUp { cause: Cause::Busy } });
        assert_eq!((life.wants(), life.phase()), (vec!["transfer 0".into(), "hangup 0".into()], "ending"));
    }

    #[test]
    fn a_caller_who_leaves_is_given_to_nobody() {
        let rules = given();
        let mut life = Life::answered(&rules);
        let mut rings = life.clone();
        life.hangs_up(0, Cause::Normal);
        assert_eq!((life.wants(), life.phase()), (vec!["transfer 0".into()], "ended"), "Telnyx gives up on Anna");
        rings.news(1, News::Placed);
        rings.hangs_up(0, Cause::Normal);
        assert_eq!((rings.wants(), rings.phase()), (vec!["transfer 0".into(), "hangup 1".into()], "ending"));
    }
}
