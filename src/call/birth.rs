//! The first event of a call, and calls whose beginning we did not see.

use std::time::Duration;

use jiff::Timestamp;

use super::event::{Cause, Event, News, What};
use super::ids::LegNo;
use super::learn::{Change, Fact};
use super::leg::{Leg, LegState, Role};
use super::phase::Phase;
use super::remark::{EndWhy, Remark};
use super::turn::{Flow, Turn, later};
use crate::phone::Party;
use crate::routing::RejectWith;

/// How long a call whose beginning we did not see may wait for it: events that come swapped are close together.
const LATE: Duration = Duration::from_secs(10);
/// How long it may then go without a sign before it is looked at again.
const LOOK_EVERY: Duration = Duration::from_secs(300);
/// The longest a call that we do not run is kept without its end: Telnyx ends a leg after four hours.
const LONGEST: Duration = Duration::from_secs(5 * 3600);

/// Takes a call's first event.
pub(super) fn first(event: &Event, turn: &mut Turn<'_>) -> Flow {
    let What::Leg { who, news } = &event.what else {
        return Flow::Stay(Phase::Ended { since: turn.now });
    };
    let now = turn.now;
    let mut leg = Leg::new(LegNo::CALLER, Role::Caller, LegState::Ringing, now);
    leg.recognise(who);
    let phase = match news {
        News::Arrived { from, to } => {
            turn.call.legs.push(leg);
            return arrived(from, to, turn);
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
        News::SpeechStarted | News::SpeechEnded | News::PlaybackStarted | News::PlaybackEnded { .. } => {
            Phase::Discovered { since: now }
        }
    };
    turn.call.legs.push(leg);
    Flow::Stay(phase)
}

/// Somebody calls us: the rules say where the call begins.
pub(super) fn arrived(from: &Party, to: &Party, turn: &mut Turn<'_>) -> Flow {
    turn.call.from = from.clone();
    turn.call.to = to.clone();
    match turn.rules.entry(to) {
        Some(entry) => {
            turn.remark(Remark::RouteChosen { route: entry.route.clone(), at: entry.at });
            turn.call.route = Some(entry.route.clone());
            Flow::Enter(entry.first)
        }
        None => {
            turn.remark(Remark::NoRoute);
            Flow::Stay(super::ending::reject(RejectWith::Decline, EndWhy::NoRoute, turn))
        }
    }
}

/// Hears a fact of a call whose beginning we did not see.
pub(super) fn discovered(since: Timestamp, fact: &Fact, turn: &mut Turn<'_>) -> Flow {
    match fact {
        Fact::Arrived { from, to } => arrived(from, to, turn),
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
