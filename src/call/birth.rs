//! The first event of a call, and calls whose beginning we did not see.

use std::time::Duration;

use jiff::Timestamp;

use super::event::{Cause, Event, News, What, Who};
use super::ids::LegNo;
use super::learn::{Change, Fact};
use super::leg::{Leg, LegState, Role};
use super::missed::missed;
use super::phase::Phase;
use super::remark::{EndWhy, Remark};
use super::turn::{Flow, LOOK_EVERY, Turn, later};
use crate::phone::Party;
use crate::routing::{RejectWith, StepId};

/// How long a call whose beginning we did not see may wait for it: events that come swapped are close together.
const LATE: Duration = Duration::from_secs(10);
/// The longest a call that we do not run is kept without its end: Telnyx ends a leg after four hours.
const LONGEST: Duration = Duration::from_secs(5 * 3600);

/// Takes a call's first event.
pub(super) fn first(event: &Event, turn: &mut Turn<'_>) -> Flow {
    let now = turn.now;
    let (who, news) = match &event.what {
        What::Leg { who, news } => (who, news),
        What::Fault { who: Some(who), .. } => return stillborn(who, turn),
        What::Fault { who: None, .. } | What::Settled(_) | What::Due { .. } => {
            return Flow::Stay(Phase::Ended { since: now });
        }
    };
    let mut leg = Leg::new(LegNo::CALLER, Role::Caller, LegState::Ringing, now);
    leg.recognise(who);
    let phase = match news {
        News::Arrived { from, to, hops } => {
            turn.call.legs.push(leg);
            return arrived(from, to, *hops, turn);
        }
        News::Placed => Phase::Foreign { since: now },
        News::HungUp { cause } => {
            leg.end(now, *cause);
            turn.remark(Remark::Over);
            Phase::Ended { since: now }
        }
        News::Answered => {
            leg.state = LegState::Answered { at: now };
            Phase::Discovered { since: now }
        }
        News::Bridged | News::Other { .. } => Phase::Discovered { since: now },
        News::Pressed { .. } | News::Gathered { .. } => Phase::Discovered { since: now },
        News::Recorded(_) | News::RecordingFailed => Phase::Discovered { since: now },
        News::SpeechStarted | News::SpeechEnded | News::PlaybackStarted { .. } | News::PlaybackEnded { .. } => {
            Phase::Discovered { since: now }
        }
    };
    turn.call.legs.push(leg);
    Flow::Stay(phase)
}

/// Somebody calls us, and what that means cannot be decided: he is turned away rather than left ringing.
fn stillborn(who: &Who, turn: &mut Turn<'_>) -> Flow {
    let mut leg = Leg::new(LegNo::CALLER, Role::Caller, LegState::Ringing, turn.now);
    leg.recognise(who);
    turn.call.legs.push(leg);
    Flow::Stay(super::ending::reject(RejectWith::Busy, EndWhy::Fault, turn))
}

/// Somebody calls us: the rules say where the call begins.
pub(super) fn arrived(from: &Party, to: &Party, hops: u8, turn: &mut Turn<'_>) -> Flow {
    match routed(from, to, hops, turn) {
        Some(first) => Flow::Enter(first),
        None => Flow::Stay(super::ending::reject(RejectWith::Decline, EndWhy::NoRoute, turn)),
    }
}

/// Somebody called us, and it was over before we heard that it began: he is missed like everybody who leaves early.
pub(super) fn too_late(since: Timestamp, from: &Party, to: &Party, hops: u8, turn: &mut Turn<'_>) -> Flow {
    routed(from, to, hops, turn);
    let gone = turn.call.caller().is_some_and(Leg::has_ended);
    missed(if gone { EndWhy::CallerGone } else { EndWhy::Fault }, turn);
    super::ending::after(since, turn)
}

/// Takes in who calls whom, and the route that takes it: the step that it begins with.
fn routed(from: &Party, to: &Party, hops: u8, turn: &mut Turn<'_>) -> Option<StepId> {
    turn.call.hops = hops;
    turn.call.from = from.clone();
    turn.call.to = to.clone();
    let Some(entry) = turn.rules.entry(to) else {
        turn.remark(Remark::NoRoute);
        return None;
    };
    turn.remark(Remark::RouteChosen { route: entry.route.clone(), at: entry.at });
    turn.call.route = Some(entry.route.clone());
    Some(entry.first)
}

/// Hears a fact of a call whose beginning we did not see.
pub(super) fn discovered(since: Timestamp, fact: &Fact, turn: &mut Turn<'_>) -> Flow {
    match fact {
        Fact::Arrived { from, to, hops } => arrived(from, to, *hops, turn),
        Fact::Leg { change: Change::Alive | Change::Answered | Change::Bridged, .. } => {
            Flow::Stay(Phase::Discovered { since: turn.now })
        }
        // A leg without a handle cannot be looked at; nothing of it can be done either.
        Fact::Due if turn.caller_handle().is_none() || is_old(turn) => Flow::Stay(forget(turn)),
        Fact::Due => {
            turn.look(LegNo::CALLER);
            Flow::Stay(Phase::Discovered { since: turn.now })
        }
        Fact::Leg { .. } | Fact::Settled(_) | Fact::Fault => Flow::Stay(Phase::Discovered { since }),
    }
}

/// Hears a fact of somebody else's leg.
pub(super) fn foreign(since: Timestamp, turn: &mut Turn<'_>) -> Phase {
    if is_old(turn) { forget(turn) } else { Phase::Foreign { since } }
}

fn is_old(turn: &Turn<'_>) -> bool {
    turn.now >= later(turn.call.began, LONGEST)
}

/// Its end was missed. Its leg is taken for ended, not for lost: it was never ours to hang up.
fn forget(turn: &mut Turn<'_>) -> Phase {
    let now = turn.now;
    if let Some(leg) = turn.call.leg_mut(LegNo::CALLER)
        && !leg.has_ended()
    {
        leg.end(now, Cause::Normal);
    }
    turn.remark(Remark::Over);
    Phase::Ended { since: now }
}

/// When a discovered call is looked at: soon after its last sign, then now and then.
pub(super) fn discovered_deadline(since: Timestamp, began: Timestamp) -> Timestamp {
    if since == began { later(since, LATE) } else { later(since, LOOK_EVERY) }
}

pub(super) fn foreign_deadline(began: Timestamp) -> Timestamp {
    later(began, LONGEST)
}

#[cfg(test)]
mod tests {
    use super::super::kit::{CALLER, Life, NOTHING, OURS, rules, say};
    use super::super::{Handle, Ignored, Kind, Verb, Verdict, Who};
    use super::*;
    use crate::routing::{Entry, Hook, Place, Rules};

    fn arrives() -> News {
        News::Arrived { from: Party::read(CALLER), to: Party::read(OURS), hops: 0 }
    }

    fn hello() -> Rules {
        rules(vec![say("Hello.")], &[])
    }

    #[test]
    fn a_call_to_one_of_our_numbers_begins_at_its_route() {
        let mut rules = rules(vec![say("Anybody."), say("Sales.")], &[]);
        let at = Place { file: 0, line: 7 };
        let entry = Entry { route: "sales".into(), first: StepId(1), at, on_missed: Vec::new() };
        rules.numbers.insert(Party::read(OURS).number().unwrap().clone(), entry);
        let mut life = Life::begun(&rules);
        assert_eq!((life.wants(), life.call.route.as_deref()), (vec!["answer 0".into()], Some("sales")));
        assert_eq!(life.remarks.first(), Some(&Remark::RouteChosen { route: "sales".into(), at }));
        assert_eq!((life.call.from.as_str(), life.call.to.as_str()), (CALLER, OURS));
    }

    #[test]
    fn a_call_that_no_line_takes_is_declined() {
        let mut rules = hello();
        rules.rest = None;
        let mut life = Life::begun(&rules);
        assert_eq!((life.wants(), life.phase()), (vec!["reject 0".into()], "ending"));
        assert_eq!(life.remarks, [Remark::NoRoute, Remark::Ends { why: EndWhy::NoRoute }]);
    }

    #[test]
    fn a_second_beginning_is_none() {
        let rules = hello();
        let mut life = Life::begun(&rules);
        assert_eq!(life.wants(), ["answer 0"]);
        life.news(0, arrives());
        assert_eq!((life.wants(), life.phase()), (vec![], "answering"));
    }

    #[test]
    fn a_call_whose_end_comes_first_is_born_ended_and_missed_once_its_beginning_comes() {
        let mut rules = hello();
        rules.rest.as_mut().unwrap().on_missed = vec![Hook { url: "https://one.example/".into() }];
        for first in [None, Some(News::Answered), Some(News::SpeechEnded)] {
            // Given a call of which we hear only how it ended.
            let mut life = Life::new(&rules);
            first.iter().for_each(|news| life.news(0, news.clone()));
            life.hangs_up(0, Cause::Cancelled);
            assert_eq!((life.wants(), life.phase()), (vec![], "ended"), "{first:?}");

            // When the word of its beginning comes after all.
            life.news(0, arrives());

            // Then whoever is to hear of missed calls is told of it, with both numbers, and nothing else is done.
            assert_eq!((life.wants(), life.phase(), life.deadline()), (vec!["notify 0".into()], "ended", None));
            let Some(Verb::Notify { notice, .. }) = life.asked.last().map(|command| &command.verb) else { panic!() };
            assert_eq!((notice.from.as_str(), notice.to.as_str()), (CALLER, OURS));
            assert_eq!((notice.route.as_deref(), notice.why.as_str()), (Some("main"), "hung up"));
            assert_eq!((life.call.from.as_str(), life.call.route.as_deref()), (CALLER, Some("main")));

            // And it is told once.
            life.news(0, arrives());
            assert_eq!(life.remarks, [Remark::Ignored { why: Ignored::Late }]);
            assert_eq!(life.wants(), NOTHING);
        }
    }

    #[test]
    fn a_call_that_no_line_takes_is_not_missed_when_its_end_comes_first() {
        let mut rules = hello();
        rules.rest = None;
        let mut life = Life::new(&rules);
        life.hangs_up(0, Cause::Cancelled);
        life.news(0, arrives());
        assert_eq!((life.wants(), life.phase(), life.remarks.clone()), (vec![], "ended", vec![Remark::NoRoute]));
        assert_eq!((life.call.to.as_str(), life.call.route.as_deref()), (OURS, None));
    }

    #[test]
    fn a_call_whose_beginning_comes_second_begins_then() {
        for first in [News::Answered, News::Other { name: "call.something".into() }, News::SpeechEnded] {
            let rules = hello();
            let mut life = Life::new(&rules);
            life.news(0, first.clone());
            assert_eq!((life.wants(), life.phase()), (vec![], "discovered"), "{first:?}");
            life.news(0, arrives());
            let (wanted, phase) =
                if first == News::Answered { ("speak 0", "speaking") } else { ("answer 0", "answering") };
            assert_eq!((life.wants(), life.phase()), (vec![wanted.into()], phase), "{first:?}");
        }
    }

    #[test]
    fn a_call_whose_beginning_never_comes_is_looked_at_and_not_commanded() {
        let rules = hello();
        let mut life = Life::new(&rules);
        life.news(0, News::Answered);
        assert!((life.next_in() - 10.0).abs() < 0.001);
        for _ in 0..3 {
            life.wait();
            assert_eq!((life.wants(), life.phase()), (vec!["look 0".into()], "discovered"));
            life.found(0, true);
            assert!((life.next_in() - 300.0).abs() < 0.001);
        }
        life.settle(Kind::Look, 0, Verdict::Unknown);
        assert_eq!((life.wants(), life.phase()), (vec![], "discovered"));
        let mut gone = life.clone();
        gone.found(0, false);
        assert_eq!((gone.wants(), gone.phase()), (vec![], "ended"));
        life.sleep(5 * 3600);
        life.wait();
        assert_eq!((life.wants(), life.phase()), (vec![], "ended"), "no leg lives for five hours");
    }

    #[test]
    fn a_call_that_cannot_be_looked_at_is_forgotten() {
        let rules = hello();
        let mut life = Life::new(&rules);
        let who = Who { session: Some("s".into()), ..Who::default() };
        life.take(What::Leg { who, news: News::Other { name: "conference.created".into() } });
        assert_eq!((life.wants(), life.phase()), (vec![], "discovered"));
        life.wait();
        assert_eq!((life.wants(), life.phase()), (vec![], "ended"));
        assert!(life.leg(0).has_ended());
    }

    #[test]
    fn a_leg_of_somebody_else_is_kept_and_never_commanded() {
        let rules = hello();
        let mut life = Life::new(&rules);
        life.news(0, News::Placed);
        assert_eq!(life.phase(), "foreign");
        for news in [News::Answered, News::Bridged, arrives(), News::PlaybackEnded { played: true }] {
            life.news(0, news);
            assert_eq!((life.wants(), life.phase()), (vec![], "foreign"));
        }
        assert!((life.next_in() - 5.0 * 3600.0).abs() < 0.001);
        let mut forgotten = life.clone();
        life.hangs_up(0, Cause::Normal);
        assert_eq!((life.wants(), life.phase()), (vec![], "ended"));

        forgotten.wait();
        assert_eq!(forgotten.phase(), "ended");
        for news in [News::Bridged, News::Answered, News::Placed, News::HungUp { cause: Cause::Normal }] {
            forgotten.news(0, news);
            assert_eq!((forgotten.wants(), forgotten.phase()), (vec![], "ended"), "it was never ours to hang up");
        }
    }

    #[test]
    fn a_leg_that_nobody_knows_in_a_call_that_nobody_began_is_ignored() {
        let rules = hello();
        let mut life = Life::new(&rules);
        life.news(0, News::Answered);
        let who = Who { handle: Some(Handle("v3:other".into())), session: Some("s".into()), ..Who::default() };
        life.take(What::Leg { who, news: News::HungUp { cause: Cause::Normal } });
        assert_eq!(life.remarks, [Remark::Ignored { why: Ignored::NotOurs }]);
        assert_eq!((life.wants(), life.phase()), (NOTHING.map(String::from).to_vec(), "discovered"));
    }

    #[test]
    fn an_event_of_our_own_begins_nothing() {
        let rules = hello();
        let mut life = Life::new(&rules);
        life.take(What::Due { version: 0 });
        assert_eq!((life.wants(), life.phase()), (vec![], "ended"));
    }
}
