//! `transfer`: the caller is given away. Telnyx rings the party and joins them; we learn how it went.

use std::time::Duration;

use super::command::Verb;
use super::event::{Cause, Refusal, Settled, Verdict};
use super::ids::LegNo;
use super::kind::Kind;
use super::learn::{Change, Fact};
use super::leg::Role;
use super::phase::{Phase, Transferring};
use super::remark::Remark;
use super::ring::{outcome_of, refused_at_once};
use super::turn::{Flow, Turn};
use crate::routing::{Action, Outcome, StepId, Transfer};

/// How much longer than its ring time a transfer may go without an end.
const BACKSTOP: Duration = Duration::from_secs(10);
/// How long an accepted transfer may go without any word of the new leg while the caller hears nothing.
const UNSEEN: Duration = Duration::from_secs(10);
/// How long a look at a leg may take once that time is over: longer than a try that gets no answer.
const LAST_LOOK: Duration = Duration::from_secs(6);

/// Begins to give the caller away.
pub(super) fn enter(step: StepId, transfer: &Transfer, turn: &mut Turn<'_>) -> Flow {
    begin(step, transfer, false, turn)
}

fn begin(step: StepId, transfer: &Transfer, own: bool, turn: &mut Turn<'_>) -> Flow {
    let (Some(on), Some(from)) = (turn.caller_handle(), turn.number_shown(&transfer.caller_id, own)) else {
        return Flow::Advance(step, Some(Outcome::Failed));
    };
    let role = Role::Given { name: transfer.name.clone(), target: transfer.target.clone() };
    let Some(leg) = turn.add_leg(role) else { return Flow::Advance(step, Some(Outcome::Failed)) };
    turn.remark(Remark::Rings { name: transfer.name.clone(), leg });
    let verb = Verb::Transfer {
        on,
        to: transfer.target.clone(),
        from,
        ring_for: transfer.ring_for,
        time_limit: turn.time_limit(),
        tag: turn.tag(LegNo::CALLER),
        target_tag: turn.tag(leg),
    };
    let command = turn.command(LegNo::CALLER, verb);
    let until = turn.after(rings_for(transfer) + BACKSTOP);
    Flow::Stay(Phase::Transferring(Transferring { step, leg, command, until, own, looked: false }))
}

/// Telnyx rings for five seconds at least.
fn rings_for(transfer: &Transfer) -> Duration {
    transfer.ring_for.max(Duration::from_secs(5))
}

/// Hears a fact while the caller is being given away. Only the new leg's answer settles it, in every phase alike: a
/// bridge before that is early media.
pub(super) fn on(at: Transferring, fact: &Fact, turn: &mut Turn<'_>) -> Flow {
    let step = at.step;
    let Some(Action::Transfer(transfer)) = turn.rules.step(step).map(|step| &step.action) else {
        return Flow::Advance(step, Some(Outcome::Failed));
    };
    match fact {
        Fact::Leg { no, change } if *no == at.leg => match change {
            // Found alive after its time to ring: it was answered.
            Change::Alive if at.looked => Flow::Talk(at.leg),
            Change::NotAlive if at.looked => given_up(at, turn),
            Change::Placed | Change::Bridged if !at.looked => {
                stay(Transferring { until: turn.after(rings_for(transfer) + BACKSTOP), ..at })
            }
            Change::Ended(cause) => {
                if !at.own && refused_at_once(at.leg, *cause, &transfer.caller_id, turn) {
                    return once_more(&at, transfer, turn);
                }
                out(&at, outcome_of(*cause), turn)
            }
            Change::Placed | Change::Answered | Change::Bridged | Change::Refused(_) | Change::Unsure => stay(at),
            Change::SpeechStarted | Change::SpeechEnded | Change::PlaybackStarted | Change::PlaybackEnded => stay(at),
            Change::Alive | Change::NotAlive => stay(at),
        },
        Fact::Settled(Settled { command, verdict, .. }) if *command == at.command => match verdict {
            Verdict::Refused { why, .. } => refused(at, *why, transfer, turn),
            Verdict::Accepted { .. } if is_unseen(&at, turn) && turn.call.caller_is_answered() => {
                stay(Transferring { until: turn.after(UNSEEN), ..at })
            }
            Verdict::Accepted { .. } | Verdict::Unknown | Verdict::Void | Verdict::Found { .. } => stay(at),
        },
        Fact::Due if turn.now >= at.until => overdue(at, turn),
        Fact::Leg { .. } | Fact::Settled(_) | Fact::Due | Fact::Arrived { .. } | Fact::Fault => stay(at),
    }
}

fn refused(at: Transferring, why: Refusal, transfer: &Transfer, turn: &mut Turn<'_>) -> Flow {
    match why {
        // The caller is being looked at; if he is alive after all, the deadline goes on with the next step.
        Refusal::Ended => stay(Transferring { until: turn.after(LAST_LOOK), looked: true, ..at }),
        Refusal::NotAnswered if !turn.call.caller_is_answered() => {
            end_leg(at.leg, turn);
            Flow::AnswerFor(at.step)
        }
        Refusal::Invalid | Refusal::Key if !at.own => once_more(&at, transfer, turn),
        Refusal::Invalid | Refusal::NotAnswered | Refusal::Limit | Refusal::Key => {
            end_leg(at.leg, turn);
            out(&at, Outcome::Failed, turn)
        }
    }
}

fn once_more(at: &Transferring, transfer: &Transfer, turn: &mut Turn<'_>) -> Flow {
    end_leg(at.leg, turn);
    turn.remark(Remark::OnceMore { name: transfer.name.clone() });
    begin(at.step, transfer, true, turn)
}

fn overdue(at: Transferring, turn: &mut Turn<'_>) -> Flow {
    turn.remark(Remark::NothingCame { kind: Kind::Transfer });
    if at.looked || is_unseen(&at, turn) {
        return given_up(at, turn);
    }
    turn.look(at.leg);
    stay(Transferring { until: turn.after(LAST_LOOK), looked: true, ..at })
}

/// The caller goes on. A leg that never showed itself is taken for gone.
fn given_up(at: Transferring, turn: &mut Turn<'_>) -> Flow {
    turn.stop(at.leg, turn.now);
    if is_unseen(&at, turn)
        && let Some(leg) = turn.call.leg_mut(at.leg)
    {
        leg.lost = true;
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
