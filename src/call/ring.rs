//! `dial` and `ring`: parties are rung, the first to pick up is joined with the caller, the others are hung up.

use std::time::Duration;

use jiff::Timestamp;

use super::command::Verb;
use super::event::{Cause, Refusal};
use super::ids::LegNo;
use super::join::Joined;
use super::learn::{Change, Fact};
use super::leg::{LegState, Role};
use super::phase::{Chair, Joining, Phase, Ringing};
use super::plan::{self, Seat};
use super::remark::Remark;
use super::state::Call;
use super::turn::{Flow, Turn, between};
use crate::routing::{Action, CallerId, Outcome, Ring, Rules, StepId};

/// A leg that fails as fast as this was refused by somebody on the way, perhaps for the number it showed.
const REFUSED_WITHIN: Duration = Duration::from_secs(3);

/// Begins to ring.
pub(super) fn enter(step: StepId, ring: &Ring, turn: &mut Turn<'_>) -> Flow {
    let chairs = vec![Chair::default(); ring.members.len()];
    let mut ringing = Ringing { step, since: turn.now, chairs, joining: None, ringback: false };
    if turn.call.caller_is_answered()
        && let (Some(on), Some(url)) = (turn.caller_handle(), turn.rules.defaults.ringback.clone())
    {
        turn.command(LegNo::CALLER, Verb::Play { on, url, looped: true });
        ringing.ringback = true;
    }
    proceed(ringing, ring, turn)
}

/// Hears a fact while parties ring.
pub(super) fn on(mut ringing: Ringing, fact: &Fact, turn: &mut Turn<'_>) -> Flow {
    let Some(ring) = ring_of(&ringing, turn.rules) else {
        return Flow::Advance(ringing.step, Some(Outcome::Failed));
    };
    if let Fact::Leg { no, change } = fact {
        ringing.leg_changed(*no, *change, ring, turn);
    }
    if let Some(joining) = ringing.joining.take() {
        let winner = joining.leg;
        match joining.hear(fact, turn) {
            Joined::Waiting(joining) => {
                if joining.is_accepted() {
                    ringing.stop_others(winner, turn);
                }
                ringing.joining = Some(joining);
            }
            Joined::Yes => {
                ringing.stop_others(winner, turn);
                return Flow::Talk(winner);
            }
            Joined::No => {
                turn.stop(winner, turn.now);
                ringing.out(winner, Outcome::Failed, turn);
            }
        }
    }
    proceed(ringing, ring, turn)
}

/// When a ring wants to be asked again if nothing happens before.
pub(super) fn deadline(ringing: &Ringing, call: &Call, rules: &Rules) -> Option<Timestamp> {
    let Some(ring) = ring_of(ringing, rules) else { return Some(ringing.since) };
    let seats = ringing.seats(call);
    let joining = ringing.joining.as_ref().map(Joining::deadline);
    plan::deadline(ring, ringing.since, &seats, joining.is_some()).into_iter().chain(joining).min()
}

fn ring_of<'a>(ringing: &Ringing, rules: &'a Rules) -> Option<&'a Ring> {
    match rules.step(ringing.step).map(|step| &step.action) {
        Some(Action::Ring(ring)) => Some(ring),
        Some(_) | None => None,
    }
}

fn proceed(mut ringing: Ringing, ring: &Ring, turn: &mut Turn<'_>) -> Flow {
    // A refused dial may empty a seat at once, so a plan may follow on a plan; each gives a seat its end or a leg.
    for _ in 0..=ring.members.len() {
        let seats = ringing.seats(&turn.call);
        let moves = plan::plan(ring, ringing.since, &seats, ringing.joining.is_some(), turn.now);
        for index in moves.stop {
            if let Some(leg) = ringing.chairs.get(index).and_then(|chair| chair.leg) {
                turn.stop(leg, turn.now);
                ringing.out(leg, Outcome::NoAnswer, turn);
            }
        }
        if let Some(winner) = moves.take.and_then(|index| ringing.chairs.get(index)).and_then(|chair| chair.leg) {
            turn.remark(Remark::Takes { name: turn.name(winner) });
            ringing.silence(turn);
            ringing.joining = Some(Joining::begin(winner, turn));
            break;
        }
        if let Some(outcome) = moves.over {
            ringing.silence(turn);
            return Flow::Advance(ringing.step, Some(outcome));
        }
        let placed = moves.dial.iter().all(|index| ringing.dial(*index, ring, turn));
        if placed {
            break;
        }
    }
    Flow::Stay(Phase::Ringing(ringing))
}

impl Ringing {
    fn seats(&self, call: &Call) -> Vec<Seat> {
        self.chairs
            .iter()
            .map(|chair| match (chair.out, chair.leg.and_then(|no| call.leg(no))) {
                (Some(outcome), _) => Seat::Out(outcome),
                (None, None) => Seat::Waiting,
                (None, Some(leg)) => match leg.state {
                    LegState::Dialled => Seat::Dialled(leg.began),
                    LegState::Ringing => Seat::Ringing(chair.rings_since.unwrap_or(leg.began)),
                    LegState::Answered { .. } => Seat::Answered,
                    LegState::Ended { .. } => Seat::Out(Outcome::Failed),
                },
            })
            .collect()
    }

    /// Dials a member. False: he cannot be dialled, and is out.
    fn dial(&mut self, index: usize, ring: &Ring, turn: &mut Turn<'_>) -> bool {
        let (Some(member), Some(chair)) = (ring.members.get(index), self.chairs.get_mut(index)) else { return false };
        let Some(from) = turn.number_shown(&ring.caller_id, chair.own) else {
            chair.out = Some(Outcome::Failed);
            turn.remark(Remark::Out { name: member.name.clone(), outcome: Outcome::Failed });
            return false;
        };
        let role = Role::Rung { name: member.name.clone(), target: member.target.clone() };
        let leg = turn.add_leg(role);
        chair.leg = Some(leg);
        chair.rings_since = None;
        turn.remark(Remark::Rings { name: member.name.clone(), leg });
        // Where linking is what was refused, the second try must do without.
        let link_to = if chair.own { None } else { turn.caller_handle() };
        let (tag, time_limit) = (turn.tag(leg), turn.time_limit());
        let to = member.target.clone();
        turn.command(leg, Verb::Dial { to, from, ring_for: member.ring_for, time_limit, link_to, tag });
        true
    }

    fn leg_changed(&mut self, no: LegNo, change: Change, ring: &Ring, turn: &mut Turn<'_>) {
        let Some(chair) = self.chairs.iter_mut().find(|chair| chair.leg == Some(no) && chair.out.is_none()) else {
            return;
        };
        match change {
            Change::Placed => chair.rings_since = Some(turn.now),
            Change::Refused(why) => {
                let again = why == Refusal::Invalid && self.once_more(no, ring, turn);
                if !again {
                    self.out(no, Outcome::Failed, turn);
                }
            }
            Change::Unsure => self.out(no, Outcome::Failed, turn),
            Change::Ended(cause) => {
                let again = refused_at_once(no, cause, &ring.caller_id, turn) && self.once_more(no, ring, turn);
                if !again {
                    self.out(no, outcome_of(cause), turn);
                }
            }
            Change::Answered | Change::Bridged | Change::SpeechEnded | Change::PlaybackEnded | Change::Alive => {}
        }
    }

    /// Rings a member again, once, with our own number shown and without linking: what may have been refused.
    fn once_more(&mut self, no: LegNo, ring: &Ring, turn: &mut Turn<'_>) -> bool {
        let Some(index) = self.chairs.iter().position(|chair| chair.leg == Some(no)) else { return false };
        let Some(chair) = self.chairs.get_mut(index).filter(|chair| !chair.own) else { return false };
        chair.own = true;
        turn.remark(Remark::OnceMore { name: turn.name(no) });
        self.dial(index, ring, turn)
    }

    fn out(&mut self, no: LegNo, outcome: Outcome, turn: &mut Turn<'_>) {
        if let Some(chair) = self.chairs.iter_mut().find(|chair| chair.leg == Some(no) && chair.out.is_none()) {
            chair.out = Some(outcome);
            turn.remark(Remark::Out { name: turn.name(no), outcome });
        }
    }

    fn stop_others(&mut self, winner: LegNo, turn: &mut Turn<'_>) {
        for leg in self.chairs.iter().filter_map(|chair| chair.leg).filter(|leg| *leg != winner) {
            turn.stop(leg, turn.now);
        }
    }

    /// Stops the ringing that we play.
    fn silence(&mut self, turn: &mut Turn<'_>) {
        if std::mem::take(&mut self.ringback)
            && let Some(on) = turn.caller_handle()
        {
            turn.command(LegNo::CALLER, Verb::StopPlay { on });
        }
    }
}

/// Whether a leg failed so fast that the number it showed may be to blame, and there is another to show.
pub(super) fn refused_at_once(no: LegNo, cause: Cause, wanted: &CallerId, turn: &Turn<'_>) -> bool {
    let fast = turn.call.leg(no).is_some_and(|leg| between(leg.began, turn.now) <= REFUSED_WITHIN);
    cause == Cause::Failed && fast && turn.number_shown(wanted, true) != turn.number_shown(wanted, false)
}

/// What the end of an unanswered leg means for the one who rang it.
pub(super) fn outcome_of(cause: Cause) -> Outcome {
    match cause {
        Cause::Busy => Outcome::Busy,
        Cause::Declined => Outcome::Declined,
        Cause::NoAnswer | Cause::Normal | Cause::Cancelled | Cause::TimeLimit => Outcome::NoAnswer,
        Cause::Failed => Outcome::Failed,
    }
}
