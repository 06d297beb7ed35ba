//! The law: a call changes only here.
//!
//! `decide` is given everything it may know and gives back everything it wants. It cannot fail, wait or be surprised:
//! every phase has an answer to every fact, even if the answer is that nothing changes.

use jiff::Timestamp;

use super::command::Command;
use super::event::Event;
use super::ids::LegNo;
use super::learn::{Change, Fact, learn};
use super::phase::Phase;
use super::remark::{EndWhy, Remark, StepWord};
use super::state::Call;
use super::turn::{Flow, Turn, later};
use super::{answer, birth, ending, ring, speech, talk, transfer};
use crate::routing::{Action, Outcome, Place, RejectWith, RingAsked, Rules, StepId};

/// What came of an event.
#[derive(Clone, Debug, PartialEq)]
pub struct Decision {
    /// The call as it is now.
    pub call: Call,
    /// What it wants done, in this order.
    pub commands: Vec<Command>,
    /// Why.
    pub remarks: Vec<Remark>,
}

/// Decides what an event means for a call, by its rules, at `now`.
pub fn decide(call: Call, event: &Event, rules: &Rules, now: Timestamp) -> Decision {
    let mut turn = Turn::new(call, &event.id, rules, now);
    let phase = std::mem::take(&mut turn.call.phase);
    turn.call.phase = if phase == Phase::Arriving {
        let flow = birth::first(event, &mut turn);
        follow(flow, None, &mut turn)
    } else {
        match learn(&mut turn, event) {
            Ok(fact) => react(phase, &fact, &mut turn),
            Err(why) => {
                turn.remark(Remark::Ignored { why });
                phase
            }
        }
    };
    ending::sweep(&mut turn);
    ending::close(&mut turn);
    turn.call.version += 1;
    Decision { call: turn.call, commands: turn.commands, remarks: turn.remarks }
}

/// When the call wants to be asked again if nothing happens before. Only an ended call does not.
pub fn deadline(call: &Call, rules: &Rules) -> Option<Timestamp> {
    let phase = match &call.phase {
        Phase::Arriving => Some(call.began),
        Phase::Discovered { since } => Some(birth::discovered_deadline(*since, call.began)),
        Phase::Foreign { .. } => Some(birth::foreign_deadline(call.began)),
        Phase::Answering(answering) => Some(answering.pickup.deadline()),
        Phase::Speaking(speaking) => Some(speaking.until),
        Phase::Ringing(ringing) => ring::deadline(ringing, call, rules),
        Phase::Transferring(transferring) => Some(transferring.until),
        Phase::Talking { looked, .. } => Some(talk::deadline(*looked)),
        Phase::Ending { since } => Some(ending::deadline(*since)),
        Phase::Ended { .. } => None,
    };
    let whole = call.phase.is_under_way().then(|| later(call.began, rules.defaults.max_call));
    phase.into_iter().chain(whole).chain(ending::sweep_deadline(call)).min()
}

/// What a fact means for the call in its phase.
fn react(phase: Phase, fact: &Fact, turn: &mut Turn<'_>) -> Phase {
    let with = phase.talks_with();
    let closing = matches!(phase, Phase::Ending { .. } | Phase::Ended { .. });
    if let Fact::Leg { no: LegNo::CALLER, change: Change::Ended(cause) } = fact
        && !closing
    {
        turn.remark(Remark::CallerGone { cause: *cause });
        return ending::begin(EndWhy::CallerGone, with, turn);
    }
    let too_long = turn.now >= later(turn.call.began, turn.rules.defaults.max_call);
    let waits = phase.is_under_way() && with.is_none();
    let flow = if matches!(fact, Fact::Due) && phase.is_under_way() && too_long {
        Flow::End(EndWhy::TooLong)
    } else if matches!(fact, Fact::Fault) && waits {
        Flow::End(EndWhy::Fault)
    } else if let Some(leg) = given_to(fact, turn).filter(|_| waits) {
        if let Phase::Ringing(mut ringing) = phase {
            ringing.silence(turn);
        }
        Flow::Talk(leg)
    } else {
        hear(phase, fact, turn)
    };
    follow(flow, with, turn)
}

/// The party a caller was given to, as he picks up: Telnyx joins them by itself, whatever the call does by then.
fn given_to(fact: &Fact, turn: &Turn<'_>) -> Option<LegNo> {
    match fact {
        Fact::Leg { no, change: Change::Answered } => turn.call.leg(*no).filter(|leg| leg.is_given()).map(|leg| leg.no),
        Fact::Leg { .. } | Fact::Settled(_) | Fact::Arrived { .. } | Fact::Due | Fact::Fault => None,
    }
}

fn hear(phase: Phase, fact: &Fact, turn: &mut Turn<'_>) -> Flow {
    match phase {
        Phase::Arriving => Flow::Stay(phase),
        Phase::Discovered { since } => birth::discovered(since, fact, turn),
        Phase::Foreign { since } => Flow::Stay(birth::foreign(since, turn)),
        Phase::Answering(answering) => answer::on(answering, fact, turn),
        Phase::Speaking(speaking) => speech::on(speaking, fact, turn),
        Phase::Ringing(ringing) => ring::on(ringing, fact, turn),
        Phase::Transferring(transferring) => transfer::on(transferring, fact, turn),
        Phase::Talking { with, since, looked } => talk::on(with, since, looked, fact, turn),
        Phase::Ending { since } => ending::on(since, fact, turn),
        Phase::Ended { since } => ending::after(since, turn),
    }
}

/// Walks from step to step until one of them waits for something. The loader refuses rules that go in circles, so no
/// step is met twice on the way, and each takes three turns here at most; this ends whatever it may have missed.
fn follow(mut flow: Flow, with: Option<LegNo>, turn: &mut Turn<'_>) -> Phase {
    for _ in 0..turn.rules.steps.len().saturating_mul(3).saturating_add(3) {
        flow = match flow {
            Flow::Stay(phase) => return phase,
            Flow::Talk(leg) => return talk::begin(leg, turn),
            Flow::End(why) => return ending::begin(why, with, turn),
            Flow::AnswerFor(step) => answer::enter(step, turn),
            Flow::Enter(step) => enter(step, turn),
            Flow::Advance(step, outcome) => match advance(step, outcome, turn) {
                Some(next) => Flow::Enter(next),
                None => return list_ended(step, turn),
            },
        };
    }
    ending::begin(EndWhy::Fault, with, turn)
}

fn advance(step: StepId, outcome: Option<Outcome>, turn: &mut Turn<'_>) -> Option<StepId> {
    let rules = turn.rules;
    let found = rules.step(step)?;
    if let Some(outcome) = outcome {
        turn.remark(Remark::StepEnded { at: found.at, outcome });
    }
    outcome.and_then(|outcome| found.on.get(&outcome).copied()).or(found.next)
}

/// The steps are over and the caller is with nobody: he is not kept waiting for nothing.
fn list_ended(last: StepId, turn: &mut Turn<'_>) -> Phase {
    let at = turn.rules.step(last).map_or_else(Place::default, |step| step.at);
    turn.remark(Remark::ListEnded { at });
    ending::reject(RejectWith::Busy, EndWhy::ListEnded, turn)
}

fn enter(id: StepId, turn: &mut Turn<'_>) -> Flow {
    let rules = turn.rules;
    let Some(step) = rules.step(id) else { return Flow::End(EndWhy::Fault) };
    if step.when.as_ref().is_some_and(|when| !when.holds(&turn.call.from, &turn.call.to)) {
        turn.remark(Remark::StepSkipped { at: step.at });
        return match step.next {
            Some(next) => Flow::Enter(next),
            None => Flow::Stay(list_ended(id, turn)),
        };
    }
    // A step that had to wait for the caller to be picked up has been told already.
    if turn.call.step != Some(id) {
        turn.remark(Remark::StepBegan { at: step.at, step: word(&step.action) });
        turn.call.step = Some(id);
    }
    match &step.action {
        Action::Answer if turn.call.caller_is_answered() => Flow::Advance(id, None),
        Action::Answer => Flow::AnswerFor(id),
        Action::Say(say) => speech::enter_say(id, say, turn),
        Action::Play(play) => speech::enter_play(id, play, turn),
        Action::Ring(ring) => ring::enter(id, ring, turn),
        Action::Transfer(transfer) => transfer::enter(id, transfer, turn),
        Action::Reject(with) => Flow::Stay(ending::reject(*with, EndWhy::Step, turn)),
        Action::Hangup => Flow::Stay(ending::begin(EndWhy::Step, None, turn)),
        Action::Goto { first, .. } | Action::Do { first } => Flow::Enter(*first),
    }
}

fn word(action: &Action) -> StepWord {
    match action {
        Action::Answer => StepWord::Answer,
        Action::Say(_) => StepWord::Say,
        Action::Play(_) => StepWord::Play,
        Action::Ring(ring) if ring.asked == RingAsked::Dial => StepWord::Dial,
        Action::Ring(_) => StepWord::Ring,
        Action::Transfer(_) => StepWord::Transfer,
        Action::Reject(_) => StepWord::Reject,
        Action::Hangup => StepWord::Hangup,
        Action::Goto { .. } => StepWord::Goto,
        Action::Do { .. } => StepWord::Do,
    }
}
