//! The end of a call: whatever is left is hung up, and it is over when nothing is.

use std::time::Duration;

use jiff::Timestamp;

use super::command::Verb;
use super::event::Cause;
use super::ids::LegNo;
use super::learn::Fact;
use super::leg::{Leg, LegState, Role};
use super::phase::Phase;
use super::remark::{EndWhy, Remark};
use super::state::Call;
use super::turn::{Flow, Turn, later};
use crate::routing::RejectWith;

/// Telnyx hangs up the other side of a bridge by itself; this is how long it may take before we do.
const ITS_OWN: Duration = Duration::from_secs(3);
/// How long a hangup may go without the leg's end before it is asked for again.
const AGAIN: Duration = Duration::from_secs(5);
/// How often a hangup is asked for.
const TRIES: u8 = 4;
/// When everything of which no word came is taken for gone: past any time in which a dial can still be settled.
const BACKSTOP: Duration = Duration::from_secs(60);

/// Begins to bring the call to an end. `with`: the party the caller talked with, whom Telnyx hangs up by itself.
pub(super) fn begin(why: EndWhy, with: Option<LegNo>, turn: &mut Turn<'_>) -> Phase {
    turn.remark(Remark::Ends { why });
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
        if let Some(caller) = turn.call.leg_mut(LegNo::CALLER) {
            caller.stop_from(now);
            if let Some(stop) = &mut caller.stop {
                stop.asked = Some((command, now));
                stop.tries = 1;
            }
        }
    }
    begin(why, None, turn)
}

/// Hears a fact while what is left is hung up.
pub(super) fn on(since: Timestamp, fact: &Fact, turn: &mut Turn<'_>) -> Flow {
    if matches!(fact, Fact::Due) && turn.now >= later(since, BACKSTOP) {
        let waiting: Vec<LegNo> = turn.call.legs.iter().filter(|leg| leg.is_live()).map(|leg| leg.no).collect();
        for no in waiting {
            lose(no, turn);
        }
    }
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

/// Hangs up every leg whose time has come. A leg without a handle cannot be: it is, as soon as it has one.
pub(super) fn sweep(turn: &mut Turn<'_>) {
    let now = turn.now;
    let due: Vec<LegNo> =
        turn.call.legs.iter().filter(|leg| sweep_at(leg).is_some_and(|at| at <= now)).map(|leg| leg.no).collect();
    for no in due {
        let Some(leg) = turn.call.leg(no) else { continue };
        let tries = leg.stop.as_ref().map_or(0, |stop| stop.tries);
        match leg.handle.clone() {
            Some(on) if tries < TRIES => {
                let command = turn.command(no, Verb::Hangup { on });
                if let Some(stop) = turn.call.leg_mut(no).and_then(|leg| leg.stop.as_mut()) {
                    stop.asked = Some((command, now));
                    stop.tries += 1;
                }
            }
            _ => lose(no, turn),
        }
    }
}

/// When a leg is to be hung up, or hung up again.
fn sweep_at(leg: &Leg) -> Option<Timestamp> {
    let stop = leg.stop.as_ref().filter(|_| leg.is_live() && leg.handle.is_some())?;
    Some(stop.asked.as_ref().map_or(stop.from, |(_, asked)| later(*asked, AGAIN)))
}

/// When the legs of a call want to be seen to.
pub(super) fn sweep_deadline(call: &Call) -> Option<Timestamp> {
    call.legs.iter().filter_map(sweep_at).min()
}

/// When an ending wants to be asked again if nothing happens before.
pub(super) fn deadline(since: Timestamp) -> Timestamp {
    later(since, BACKSTOP)
}

fn lose(no: LegNo, turn: &mut Turn<'_>) {
    if let Some(leg) = turn.call.leg_mut(no) {
        leg.lost = true;
        turn.remark(Remark::LegLost { leg: no });
    }
}
