//! What is still under way of recordings that a call has left behind.
//!
//! A command that was not answered may come about some time after nobody sends it any more: the begin of a recording would
//! be taken for that of the next mailbox, the end of one would end the next. Which of them an end is of Telnyx may not be
//! able to tell. So the next recording is asked for only once nothing of that kind can come, and whatever it may have begun is
//! ended.

use std::time::Duration;

use jiff::Timestamp;

use super::command::Verb;
use super::event::{Refusal, Settled, Verdict};
use super::ids::LegNo;
use super::kind::Kind;
use super::message::Recorder;
use super::state::Call;
use super::turn::{Turn, between, later};

/// How long a try that was not answered may be on its way once it was given up.
const LATE: Duration = Duration::from_secs(6);
/// How long the end of a recording may go without its outcome: two tries.
const UNHEARD: Duration = Duration::from_secs(9);
/// How often the end of what may have come about is asked for while Telnyx does not answer.
const MOST_SWEPT: u8 = 3;
/// An outcome that comes sooner is that of the first try, or of one right after it.
const ONE_TRY: Duration = Duration::from_secs(4);

/// Ends what may be recorded of the caller for a message: the recording that was asked for last.
pub(super) fn end(turn: &mut Turn<'_>) {
    if let Some(on) = turn.caller_handle() {
        let last = turn.call.messages.iter().rev().find(|message| message.asked.is_some());
        let recording = last.and_then(|message| message.recording.clone());
        let command = turn.command(LegNo::CALLER, Verb::StopRecord { on, recording });
        turn.call.recorder.end = Some((command, turn.now));
    }
}

/// Nobody knows whether a recording that was asked for has begun, or will. Until when it may.
pub(super) fn unsure(turn: &mut Turn<'_>) -> Timestamp {
    let until = turn.after(LATE);
    turn.call.recorder.until = Some(until);
    until
}

/// When the end of what may have come about by then is asked for: else he would be recorded while he talks. Not before he
/// does: what he is to hear first would wait for it.
pub(super) fn deadline(call: &Call) -> Option<Timestamp> {
    let Recorder { until, swept, .. } = call.recorder;
    until.filter(|_| call.phase.talks_with().is_some() && !call.recorder.is_open() && swept < MOST_SWEPT)
}

/// Asks for that.
pub(super) fn sweep(turn: &mut Turn<'_>) {
    if deadline(&turn.call).is_some_and(|until| until <= turn.now) {
        turn.call.recorder.swept += 1;
        end(turn);
    }
}

/// Until when the next recording, which waits `since` then, is to wait before this is asked again; `None`: it need not. Asks
/// for the end of whatever came about meanwhile.
pub(super) fn waits(since: Timestamp, turn: &mut Turn<'_>) -> Option<Timestamp> {
    let recorder = &turn.call.recorder;
    if recorder.is_open() {
        let asked = recorder.end.map_or(since, |(_, asked)| asked.max(since));
        return Some(later(asked, UNHEARD));
    }
    let until = recorder.until?;
    if turn.now < until {
        return Some(until);
    }
    end(turn);
    Some(turn.after(UNHEARD))
}

/// What became of a command, if it was to begin or end a recording.
pub(super) fn settled(settled: &Settled, turn: &mut Turn<'_>) {
    turn.call.recorder.begin.take_if(|command| *command == settled.command);
    if settled.kind != Kind::StopRecord {
        return;
    }
    let Recorder { end: open, until, .. } = turn.call.recorder;
    let asked = open.filter(|(command, _)| *command == settled.command).map(|(_, asked)| asked);
    if asked.is_some() {
        turn.call.recorder.end = None;
    }
    let alone = asked.is_some_and(|asked| between(asked, turn.now) < ONE_TRY);
    if !is_done(&settled.verdict, alone) {
        unsure(turn);
    } else if asked.is_some_and(|asked| until.is_some_and(|until| until <= asked)) {
        (turn.call.recorder.until, turn.call.recorder.swept) = (None, 0);
    }
}

/// Whether nothing is recorded any more, and no try is under way that could end what will be. `alone`: there was one only.
fn is_done(verdict: &Verdict, alone: bool) -> bool {
    match verdict {
        Verdict::Accepted { .. } | Verdict::Void => true,
        // There was nothing to be ended: but an earlier try may come yet, and is not known there.
        Verdict::Refused { why: Refusal::Invalid | Refusal::NotAnswered | Refusal::Ended, .. } => alone,
        Verdict::Refused { why: Refusal::Unavailable | Refusal::Limit | Refusal::Key | Refusal::Stopped, .. } => false,
        Verdict::Unknown => false,
        Verdict::Found { .. } | Verdict::Listed { .. } | Verdict::Recordings { .. } => true,
    }
}
