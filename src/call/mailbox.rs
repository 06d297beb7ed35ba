//! Messages: a caller who comes to a mailbox is to leave one, and what came of it is told once.
//!
//! A recording is saved some time after it ended, and the word of it may come before that of the caller's hangup or long
//! after it: it is waited for, also by a call that is over by then. What comes later still takes the place of nothing.

use std::time::Duration;

use jiff::Timestamp;

use super::command::Verb;
use super::event::{Refusal, Settled, Verdict};
use super::ids::{CommandId, LegNo};
use super::kind::Kind;
use super::leg::LegState;
use super::message::{Came, Message, Tape};
use super::notice::Recording;
use super::phase::Phase;
use super::recorder;
use super::remark::{Ignored, Remark};
use super::state::Call;
use super::tell::{tell_missed, tell_voicemail};
use super::turn::{Turn, between, later};
use crate::routing::{Action, Mailbox, Place, Rules, StepId};

/// How long the word of a recording is waited for once the caller has left the mailbox. It is saved within seconds; where
/// our door was shut then, the last repeat that we ask Telnyx for comes some 80 s later.
const SAVED: Duration = Duration::from_secs(120);

/// How long the answer to a look-up may take: it is sent for 45 s.
const SOUGHT: Duration = Duration::from_secs(60);

/// The caller comes to a mailbox. One who had to be picked up anew for it comes to it once.
pub(super) fn open(step: StepId, turn: &mut Turn<'_>) {
    let since = turn.now;
    if waited(step, &turn.call).is_none() {
        turn.call.messages.push(Message::new(step, since));
    }
}

/// A recording is asked for.
pub(super) fn asked(step: StepId, command: CommandId, turn: &mut Turn<'_>) {
    let now = turn.now;
    let message = turn.call.messages.iter_mut().find(|message| message.step == step && message.came == Came::Waited);
    message.into_iter().for_each(|message| message.asked = Some((command, now)));
    turn.call.recorder.begin = Some(command);
}

/// Whether nothing came yet of the message that a mailbox takes.
pub(super) fn waits(step: StepId, call: &Call) -> bool {
    waited(step, call).is_some()
}

/// How long the message is that a mailbox took, if one came and that was told.
pub(super) fn lasts(step: StepId, call: &Call) -> Option<Duration> {
    let came = &call.messages.iter().rev().find(|message| message.step == step)?.came;
    let seconds = if let Came::Recorded(tape) = came { tape.seconds() } else { None };
    seconds.map(Duration::from_secs)
}

fn waited(step: StepId, call: &Call) -> Option<&Message> {
    call.messages.iter().find(|message| message.step == step && message.came == Came::Waited)
}

/// What became of a command: if it asked for a recording and that certainly does not begin, none is waited for. True: a
/// recording was found.
pub(super) fn settled(settled: &Settled, turn: &mut Turn<'_>) -> bool {
    recorder::settled(settled, turn);
    if settled.kind == Kind::Record {
        asked_for(settled, turn);
    }
    settled.kind == Kind::Recordings && sought(settled, turn)
}

/// Telnyx was asked for recordings of which no word came. What is not there is given up.
fn sought(settled: &Settled, turn: &mut Turn<'_>) -> bool {
    let tapes = if let Verdict::Recordings { tapes } = &settled.verdict { tapes.as_slice() } else { &[] };
    let leg = turn.call.caller().and_then(|leg| leg.id.clone());
    let mut found = false;
    // Who asks with a filter that is passed over gets those of strangers.
    for tape in tapes.iter().filter(|tape| tape.leg.is_none() || tape.leg == leg) {
        found |= saved(tape, turn).is_ok();
    }
    let left = |message: &Message| {
        message.came == Came::Waited && message.sought.is_some_and(|(command, _)| command == settled.command)
    };
    if let Some(index) = turn.call.messages.iter().position(left) {
        end(index, Came::Nothing, turn);
    }
    found
}

fn asked_for(settled: &Settled, turn: &mut Turn<'_>) {
    match &settled.verdict {
        // It may have begun by an earlier try, and ended with the call.
        Verdict::Refused { why: Refusal::Ended, .. } | Verdict::Void => {}
        Verdict::Refused { .. } => {
            asked_by(settled.command, turn).into_iter().for_each(|message| message.asked = None);
        }
        Verdict::Unknown => unsure(settled.command, turn),
        Verdict::Accepted { recording: Some(id), .. } => {
            let named = asked_by(settled.command, turn);
            named.into_iter().for_each(|message| message.recording = Some(id.clone()));
        }
        Verdict::Accepted { recording: None, .. }
        | Verdict::Found { .. }
        | Verdict::Listed { .. }
        | Verdict::Recordings { .. } => {}
    }
}

/// A recording that was asked for is left, and what became of that may not be known yet.
pub(super) fn leave(command: CommandId, turn: &mut Turn<'_>) {
    if turn.call.recorder.begin == Some(command) {
        unsure(command, turn);
    }
}

/// Nobody knows whether the recording that was asked for has begun, or will.
fn unsure(command: CommandId, turn: &mut Turn<'_>) {
    let until = recorder::unsure(turn);
    asked_by(command, turn).into_iter().for_each(|message| message.late = Some(until));
}

fn asked_by<'t>(command: CommandId, turn: &'t mut Turn<'_>) -> Option<&'t mut Message> {
    turn.call.messages.iter_mut().find(|message| message.asked.is_some_and(|(asked, _)| asked == command))
}

/// A recording is saved: of the message whose recording has that name. Where no names are known, it is of the one whose
/// recording was to begin nearest to when it did. One that has another name than what we asked for is somebody else's, such as
/// the account's own.
pub(super) fn saved(tape: &Tape, turn: &mut Turn<'_>) -> Result<(), Ignored> {
    let is_it = |message: &Message| match &message.came {
        Came::Recorded(known) => known.is(tape),
        Came::Waited | Came::Nothing => false,
    };
    if turn.call.messages.iter().any(is_it) {
        return Err(Ignored::Twice);
    }
    let named = tape.id.is_some() && turn.call.messages.iter().any(|message| message.recording == tape.id);
    let may_be = |message: &Message| {
        let other = tape.id.is_some() && message.recording.is_some() && message.recording != tape.id;
        !message.is_recorded() && !other && (!named || message.recording == tape.id)
    };
    let open = turn.call.messages.iter().enumerate().filter(|(_, message)| may_be(message));
    let open = open.filter_map(|(index, message)| Some((message.apart(message.asked?.1, tape.began), index)));
    let Some((_, index)) = open.min() else { return Err(Ignored::NothingToDo) };
    end(index, Came::Recorded(tape.clone()), turn);
    Ok(())
}

/// A recording could not be saved.
pub(super) fn failed(turn: &mut Turn<'_>) -> Result<(), Ignored> {
    let open = |message: &Message| message.came == Came::Waited && message.asked.is_some();
    let Some(index) = turn.call.messages.iter().position(open) else { return Err(Ignored::NothingToDo) };
    end(index, Came::Nothing, turn);
    Ok(())
}

/// Gives up on messages of which nothing can come any more, or came in time. Whoever their mailboxes name is told that the
/// call was missed as it begins to end: until then somebody may still talk with the caller.
pub(super) fn close(turn: &mut Turn<'_>) {
    let (now, here, closing) = (turn.now, here(&turn.call.phase), is_closing(&turn.call));
    for index in 0..turn.call.messages.len() {
        let left = |message: &&mut Message| message.came == Came::Waited && here != Some(message.step);
        let Some(message) = turn.call.messages.get_mut(index).filter(left) else { continue };
        message.over.get_or_insert(now);
        let (asked, due) = (message.asked.is_some(), message.deadline().is_some_and(|at| now >= at));
        if !asked || (closing && due && !seek(index, turn)) {
            end(index, Came::Nothing, turn);
        }
    }
    if closing && !turn.call.talked {
        tell_lost(turn);
    }
}

/// Nothing is done for the caller any more that a look-up could keep waiting.
fn is_closing(call: &Call) -> bool {
    matches!(call.phase, Phase::Ending { .. } | Phase::Ended { .. })
}

/// Asks Telnyx for the recording of a message, once: its word may be lost.
fn seek(index: usize, turn: &mut Turn<'_>) -> bool {
    let Some(leg) = turn.call.caller().and_then(|leg| leg.id.clone()) else { return false };
    let sought = turn.call.messages.get(index).is_some_and(|message| message.sought.is_some());
    if sought {
        return false;
    }
    let (command, now) = (turn.command(LegNo::CALLER, Verb::Recordings { leg }), turn.now);
    turn.call.messages.get_mut(index).into_iter().for_each(|message| message.sought = Some((command, now)));
    true
}

fn tell_lost(turn: &mut Turn<'_>) {
    let rules = turn.rules;
    let lost = turn.call.messages.iter().filter(|message| message.came == Came::Nothing);
    let told = lost.filter_map(|message| Some((mailbox_of(message, rules)?, why_lost(message, &turn.call))));
    for (to, why) in told.collect::<Vec<_>>() {
        tell_missed(&to.notify, name(to), why, turn);
    }
}

/// When the first message is given up that is waited for.
pub(super) fn deadline(call: &Call) -> Option<Timestamp> {
    let waits = call.messages.iter().filter(|message| message.came == Came::Waited);
    waits.filter_map(Message::deadline).min().filter(|_| is_closing(call))
}

/// The mailbox that the caller is in.
fn here(phase: &Phase) -> Option<StepId> {
    match phase {
        Phase::Recording(recording) => Some(recording.step),
        Phase::Answering(answering) => Some(answering.then),
        Phase::Arriving | Phase::Discovered { .. } | Phase::Foreign { .. } | Phase::Speaking(_) => None,
        Phase::Choosing(_) | Phase::Ringing(_) | Phase::Transferring(_) | Phase::Apologising(_) => None,
        Phase::Talking { .. } | Phase::Ending { .. } | Phase::Ended { .. } => None,
    }
}

fn end(index: usize, came: Came, turn: &mut Turn<'_>) {
    let Some(message) = turn.call.messages.get_mut(index) else { return };
    message.came = came;
    let message = message.clone();
    told(&message, turn);
}

/// What came of a message is known. Every message comes here once; a second time, if its recording comes after it was
/// given up. Whoever the mailbox names is told of a message.
fn told(message: &Message, turn: &mut Turn<'_>) {
    let rules = turn.rules;
    let at = rules.step(message.step).map_or_else(Place::default, |step| step.at);
    match &message.came {
        Came::Waited => {}
        Came::Recorded(tape) => {
            turn.remark(Remark::MessageLeft { at, seconds: tape.seconds() });
            let recording = Recording { id: tape.id.clone(), url: tape.link.clone(), seconds: tape.seconds() };
            if let Some(to) = mailbox_of(message, rules) {
                tell_voicemail(&to.notify, name(to), &recording, turn);
            }
        }
        Came::Nothing => turn.remark(Remark::MessageLost { at }),
    }
}

fn mailbox_of<'r>(message: &Message, rules: &'r Rules) -> Option<&'r Mailbox> {
    if let Action::Voicemail(to) = &rules.step(message.step)?.action { Some(to) } else { None }
}

/// What a mailbox is called, if it has a name.
fn name(mailbox: &Mailbox) -> Option<&str> {
    Some(mailbox.name.as_str()).filter(|name| !name.is_empty())
}

fn why_lost(message: &Message, call: &Call) -> &'static str {
    // He may have gone on from there, and hung up later.
    let there = |at: Timestamp| message.over.is_none_or(|over| at <= over);
    let hung_up = call.caller().is_none_or(|leg| matches!(leg.state, LegState::Ended { at, .. } if there(at)));
    match (message.asked, hung_up) {
        (Some(_), _) => "no recording of a message came",
        (None, true) => "hung up before a message could be left",
        (None, false) => "no message could be recorded",
    }
}

impl Message {
    fn new(step: StepId, since: Timestamp) -> Self {
        let (asked, recording, late, over, sought) = (None, None, None, None, None);
        Self { step, since, asked, recording, late, over, sought, came: Came::Waited }
    }

    /// When it is looked for, or given up.
    fn deadline(&self) -> Option<Timestamp> {
        Some(self.sought.map_or(later(self.over?, SAVED), |(_, at)| later(at, SOUGHT)))
    }

    fn is_recorded(&self) -> bool {
        matches!(self.came, Came::Recorded(_))
    }

    /// How far a recording began from when this one's was to: when it was asked for, or until it may have begun of which
    /// nobody knows.
    fn apart(&self, asked: Timestamp, began: Option<Timestamp>) -> Duration {
        began.map_or(Duration::ZERO, |began| between(began, asked).max(between(self.late.unwrap_or(asked), began)))
    }
}
