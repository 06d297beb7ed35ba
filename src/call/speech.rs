//! `say` and `play`: the caller listens, then the next step comes.

use std::time::Duration;

use super::command::Verb;
use super::event::{Settled, Verdict};
use super::ids::LegNo;
use super::learn::{Change, Fact};
use super::phase::{Phase, Speaking};
use super::turn::{Flow, Turn};
use crate::routing::{Play, Say, StepId};

/// How much longer than expected a speech may take before the call goes on without its end.
const SLACK: Duration = Duration::from_secs(10);
/// A slow voice: time per character of a text.
const PER_CHARACTER: Duration = Duration::from_millis(100);
/// The longest audio that is waited for; nobody tells its length beforehand.
const LONGEST_PLAY: Duration = Duration::from_secs(600);

/// Speaks a text.
pub(super) fn enter_say(step: StepId, say: &Say, turn: &mut Turn<'_>) -> Flow {
    let Some(on) = turn.caller_handle() else { return Flow::Advance(step, None) };
    if !turn.call.caller_is_answered() {
        return Flow::AnswerFor(step);
    }
    let text = say.text.render(&turn.call.from, &turn.call.to);
    let length = PER_CHARACTER.saturating_mul(u32::try_from(text.chars().count()).unwrap_or(u32::MAX));
    let verb = Verb::Speak { on, text, voice: say.voice.clone(), language: say.language.clone() };
    listen(step, verb, length, turn)
}

/// Plays audio.
pub(super) fn enter_play(step: StepId, play: &Play, turn: &mut Turn<'_>) -> Flow {
    let Some(on) = turn.caller_handle() else { return Flow::Advance(step, None) };
    if !turn.call.caller_is_answered() {
        return Flow::AnswerFor(step);
    }
    listen(step, Verb::Play { on, url: play.url.clone(), looped: false }, LONGEST_PLAY, turn)
}

fn listen(step: StepId, verb: Verb, length: Duration, turn: &mut Turn<'_>) -> Flow {
    let command = turn.command(LegNo::CALLER, verb);
    Flow::Stay(Phase::Speaking(Speaking { step, command, until: turn.after(length + SLACK) }))
}

/// Hears a fact while the caller listens.
pub(super) fn on(speaking: Speaking, fact: &Fact, turn: &mut Turn<'_>) -> Flow {
    let over = match fact {
        Fact::Leg { no: LegNo::CALLER, change: Change::SpeechEnded | Change::PlaybackEnded } => true,
        Fact::Settled(Settled { command, verdict, .. }) => {
            *command == speaking.command && matches!(verdict, Verdict::Refused { .. } | Verdict::Void)
        }
        Fact::Due => turn.now >= speaking.until,
        Fact::Leg { .. } | Fact::Arrived { .. } | Fact::Fault => false,
    };
    if over { Flow::Advance(speaking.step, None) } else { Flow::Stay(Phase::Speaking(speaking)) }
}
