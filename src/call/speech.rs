//! `say` and `play`: the caller listens, then the next step comes.

use std::time::Duration;

use super::command::Verb;
use super::event::{Refusal, Settled, Verdict};
use super::ids::LegNo;
use super::kind::Kind;
use super::learn::{Change, Fact};
use super::phase::{Leaving, Phase, Sound, Speaking, Taking};
use super::remark::Remark;
use super::turn::{Flow, Turn};
use crate::routing::{Action, Mailbox, Play, Prompt, Rules, Say, StepId, spoken};

/// How much longer than expected a speech may take before the call goes on without its end.
pub(super) const SLACK: Duration = Duration::from_secs(10);
/// How long something may go without word of it, and without being heard to begin, before the call goes on: two tries
/// that nobody answers, and what follows from there is heard soon after.
pub(super) const WORDLESS: Duration = Duration::from_secs(9);
/// How long something accepted may go without being heard to begin before it is asked for again; captures show 1.5 s.
pub(super) const BEGINS: Duration = Duration::from_secs(8);
/// The longest audio that is waited for; nobody tells its length beforehand.
pub(super) const LONGEST_PLAY: Duration = Duration::from_secs(600);

/// Speaks a text.
pub(super) fn enter_say(step: StepId, say: &Say, turn: &mut Turn<'_>) -> Flow {
    let Some((verb, _)) = speak(say, turn) else { return Flow::Advance(step, None) };
    listen(step, verb, turn)
}

/// Plays audio.
pub(super) fn enter_play(step: StepId, play: &Play, turn: &mut Turn<'_>) -> Flow {
    let Some((verb, _)) = audio(play, turn) else { return Flow::Advance(step, None) };
    listen(step, verb, turn)
}

fn listen(step: StepId, verb: Verb, turn: &mut Turn<'_>) -> Flow {
    if !turn.call.caller_is_answered() {
        return Flow::AnswerFor(step);
    }
    Flow::Stay(Phase::Speaking(begin(step, verb, turn)))
}

/// Begins to speak or play to a caller who is picked up.
pub(super) fn begin(step: StepId, verb: Verb, turn: &mut Turn<'_>) -> Speaking {
    let command = turn.command(LegNo::CALLER, verb);
    Speaking { step, command, sound: Sound::Asked, until: turn.after(WORDLESS) }
}

/// What a fact means for a caller who listens.
pub(super) enum Listening {
    /// He goes on listening.
    On(Speaking),
    /// It is over, or nothing comes of it.
    Over,
    /// He is not picked up after all, and has to be.
    PickUp,
}

/// Hears a fact while the caller listens.
pub(super) fn on(at: Speaking, fact: &Fact, turn: &mut Turn<'_>) -> Flow {
    let Some(heard) = verb_of(&at, turn) else {
        silence(&at, turn);
        return Flow::Advance(at.step, None);
    };
    let step = at.step;
    match hear(at, heard, fact, turn) {
        Listening::On(at) => Flow::Stay(Phase::Speaking(at)),
        Listening::Over => Flow::Advance(step, None),
        Listening::PickUp => Flow::AnswerFor(step),
    }
}

/// What a fact means for whoever listens to this, which takes so long at most.
pub(super) fn hear(at: Speaking, heard: (Verb, Duration), fact: &Fact, turn: &mut Turn<'_>) -> Listening {
    let (verb, length) = heard;
    let says = verb.kind() == Kind::Speak;
    match fact {
        Fact::Leg { no: LegNo::CALLER, change } => match change {
            Change::SpeechEnded if says => Listening::Over,
            Change::PlaybackEnded if !says => Listening::Over,
            Change::SpeechStarted if says => begun(at, length, turn),
            Change::PlaybackStarted if !says => begun(at, length, turn),
            Change::SpeechStarted | Change::SpeechEnded | Change::PlaybackStarted | Change::PlaybackEnded => stay(at),
            Change::Placed | Change::Answered | Change::Bridged | Change::Ended(_) | Change::Refused(_) => stay(at),
            Change::Pressed { .. } | Change::Gathered { .. } => stay(at),
            Change::Recorded | Change::RecordingFailed => stay(at),
            Change::Unsure | Change::Alive | Change::NotAlive => stay(at),
        },
        Fact::Settled(Settled { command, verdict, .. }) if *command == at.command => settled(at, verdict, turn),
        Fact::Due if turn.now >= at.until => overdue(at, verb, turn),
        Fact::Leg { .. } | Fact::Settled(_) | Fact::Due | Fact::Arrived { .. } | Fact::Fault => stay(at),
    }
}

/// The audio whose begin is waited for.
pub(super) fn awaited<'r>(phase: &Phase, rules: &'r Rules) -> Option<&'r str> {
    let step = if let Phase::Speaking(at) = phase {
        at.step
    } else if let Phase::Recording(Leaving { step, part: Taking::Greeting(_) }) = phase {
        *step
    } else {
        return None;
    };
    let action = &rules.step(step)?.action;
    if let Action::Play(play) = action {
        Some(&play.url)
    } else if let Action::Voicemail(Mailbox { greeting: Some(Prompt::Play(play)), .. }) = action {
        Some(&play.url)
    } else {
        None
    }
}

/// Stops audio that would be waited for. A text ends soon by itself.
pub(super) fn silence(at: &Speaking, turn: &mut Turn<'_>) {
    let says = turn.rules.step(at.step).is_some_and(|step| matches!(step.action, Action::Say(_)));
    if !says {
        stop(turn);
    }
}

/// Stops audio.
pub(super) fn stop(turn: &mut Turn<'_>) {
    if let Some(on) = turn.caller_handle() {
        turn.command(LegNo::CALLER, Verb::StopPlay { on });
    }
}

fn begun(at: Speaking, length: Duration, turn: &Turn<'_>) -> Listening {
    stay(Speaking { sound: Sound::Begun, until: turn.after(length + SLACK), ..at })
}

fn settled(at: Speaking, verdict: &Verdict, turn: &mut Turn<'_>) -> Listening {
    match verdict {
        // What nobody answered may have been taken too.
        Verdict::Accepted { .. } | Verdict::Unknown if at.sound == Sound::Asked => {
            stay(Speaking { sound: Sound::Accepted, until: turn.after(BEGINS), ..at })
        }
        Verdict::Accepted { .. } | Verdict::Unknown if at.sound == Sound::Again => {
            stay(Speaking { until: turn.after(BEGINS), ..at })
        }
        Verdict::Refused { why: Refusal::NotAnswered, .. } if turn.caller_is_doubted() => Listening::PickUp,
        // The caller is being looked at; the next step would be for nobody.
        Verdict::Refused { why: Refusal::Ended, .. } => stay(at),
        Verdict::Refused { .. } | Verdict::Void => Listening::Over,
        Verdict::Accepted { .. }
        | Verdict::Unknown
        | Verdict::Found { .. }
        | Verdict::Listed { .. }
        | Verdict::Recordings { .. } => stay(at),
    }
}

/// What was accepted and never begins is asked for once more; what then never begins, or never ends, is left.
fn overdue(at: Speaking, verb: Verb, turn: &mut Turn<'_>) -> Listening {
    turn.remark(Remark::NothingCame { kind: verb.kind() });
    match at.sound {
        Sound::Accepted => {
            let command = turn.command(LegNo::CALLER, verb);
            stay(Speaking { command, sound: Sound::Again, until: turn.after(WORDLESS), ..at })
        }
        Sound::Asked | Sound::Again | Sound::Begun => Listening::Over,
    }
}

fn stay(at: Speaking) -> Listening {
    Listening::On(at)
}

/// What the step speaks or plays, and how long that takes at most.
fn verb_of(at: &Speaking, turn: &Turn<'_>) -> Option<(Verb, Duration)> {
    match &turn.rules.step(at.step)?.action {
        Action::Say(say) => speak(say, turn),
        Action::Play(play) => audio(play, turn),
        Action::Answer | Action::Ring(_) | Action::Transfer(_) | Action::Reject(_) | Action::Hangup => None,
        Action::Menu(_) | Action::Voicemail(_) | Action::Goto { .. } | Action::Do { .. } => None,
    }
}

/// A text or audio as a command, and how long it takes at most.
pub(super) fn prompt(prompt: &Prompt, turn: &Turn<'_>) -> Option<(Verb, Duration)> {
    match prompt {
        Prompt::Say(say) => speak(say, turn),
        Prompt::Play(play) => audio(play, turn),
    }
}

fn speak(say: &Say, turn: &Turn<'_>) -> Option<(Verb, Duration)> {
    let on = turn.caller_handle()?;
    let text = say.text.render(&turn.call.from, &turn.call.to);
    let length = spoken(&text);
    Some((Verb::Speak { on, text, voice: say.voice.clone(), language: say.language.clone() }, length))
}

fn audio(play: &Play, turn: &Turn<'_>) -> Option<(Verb, Duration)> {
    let on = turn.caller_handle()?;
    Some((Verb::Play { on, url: play.url.clone(), looped: false }, LONGEST_PLAY))
}

#[cfg(test)]
mod tests {
    use super::super::kit::{Life, NOTHING, RINGBACK, play, rules, say};
    use super::super::{Cause, Kind, News, Refusal, Remark, Verdict};
    use crate::routing::{Action, Rules};

    const AUDIO: &str = "https://example.com/closed.mp3";

    fn says(text: &str) -> Rules {
        rules(vec![Action::Answer, say(text), Action::Hangup], &[])
    }

    fn plays() -> Rules {
        rules(vec![Action::Answer, play(AUDIO), Action::Hangup], &[])
    }

    #[test]
    fn the_next_step_comes_when_the_text_has_been_spoken() {
        let rules = says("We are closed.");
        let mut life = Life::answered(&rules);
        assert_eq!((life.wants(), life.phase()), (vec!["speak 0".into()], "speaking"));
        life.news(0, News::SpeechStarted);
        life.accept(Kind::Speak, 0);
        life.news(0, News::PlaybackStarted { audio: None });
        life.news(0, News::PlaybackEnded { played: true });
        assert_eq!((life.wants(), life.phase()), (vec![], "speaking"), "that was other audio");
        life.news(0, News::SpeechEnded);
        assert_eq!((life.wants(), life.phase()), (vec!["hangup 0".into()], "ending"));
    }

    #[test]
    fn ringing_that_begins_late_is_not_what_is_waited_for() {
        let mut rules = plays();
        rules.defaults.ringback = Some(RINGBACK.into());
        let mut life = Life::answered(&rules);
        let begins = |audio: &str| News::PlaybackStarted { audio: Some(audio.into()) };
        life.news(0, begins(RINGBACK));
        life.accept(Kind::Play, 0);
        assert!((life.next_in() - 8.0).abs() < 0.001, "it has not begun: {}", life.next_in());
        life.news(0, begins(AUDIO));
        assert!((life.next_in() - 610.0).abs() < 0.001, "{}", life.next_in());
    }

    #[test]
    fn the_next_step_comes_when_the_audio_has_been_played_or_cannot_be() {
        for played in [true, false] {
            let rules = plays();
            let mut life = Life::answered(&rules);
            assert_eq!(life.wants(), ["play 0"]);
            life.news(0, News::SpeechStarted);
            life.news(0, News::SpeechEnded);
            assert_eq!((life.wants(), life.phase()), (vec![], "speaking"), "that was a text");
            life.news(0, News::PlaybackEnded { played });
            assert_eq!(life.wants(), ["hangup 0"]);
        }
    }

    #[test]
    fn a_caller_who_is_not_picked_up_is_first() {
        let rules = rules(vec![say("Hello.")], &[]);
        let mut life = Life::begun(&rules);
        assert_eq!(life.wants(), ["answer 0"]);
        life.news(0, News::Answered);
        assert_eq!((life.wants(), life.phase()), (vec!["speak 0".into()], "speaking"));
    }

    #[test]
    fn what_begins_and_never_ends_is_waited_for_as_long_as_it_can_take() {
        for (text, expected) in [("x".repeat(50), 14.0), ("あ".repeat(50), 25.0)] {
            let rules = says(&text);
            let mut life = Life::answered(&rules);
            life.accept(Kind::Speak, 0);
            life.news(0, News::SpeechStarted);
            assert!((life.next_in() - expected).abs() < 0.001, "{text}: {}", life.next_in());
            life.wait();
            assert_eq!(life.wants(), ["speak 0", "hangup 0"]);
        }
        let rules = plays();
        let mut life = Life::answered(&rules);
        life.news(0, News::PlaybackStarted { audio: None });
        assert!((life.next_in() - 610.0).abs() < 0.001);
    }

    #[test]
    fn what_was_accepted_and_never_begins_is_asked_for_once_more() {
        let rules = says(&"x".repeat(500));
        let mut life = Life::answered(&rules);
        assert!((life.next_in() - 9.0).abs() < 0.001, "nobody knows yet whether it was taken");
        life.accept(Kind::Speak, 0);
        assert!((life.next_in() - 8.0).abs() < 0.001);
        life.wait();
        assert_eq!(life.wants(), ["speak 0", "speak 0"]);
        assert_eq!(life.remarks, [Remark::NothingCame { kind: Kind::Speak }]);
        life.accept(Kind::Speak, 0);
        assert!((life.next_in() - 8.0).abs() < 0.001);
        let mut begun = life.clone();
        life.wait();
        assert_eq!(life.wants(), ["hangup 0"], "the call goes on without it");
        begun.news(0, News::SpeechStarted);
        assert!((begun.next_in() - 50.0).abs() < 0.001);
    }

    #[test]
    fn what_no_word_comes_of_is_left_soon() {
        for rules in [says(&"x".repeat(500)), plays()] {
            let mut life = Life::answered(&rules);
            let first = life.wants();
            life.wait();
            assert_eq!((first.len(), life.wants()), (1, vec!["hangup 0".into()]));
        }
        let rules = plays();
        let mut life = Life::answered(&rules);
        life.accept(Kind::Play, 0);
        life.wait();
        assert_eq!(life.wants(), ["play 0", "play 0"]);
        assert!((life.next_in() - 9.0).abs() < 0.001, "the second one as well");
    }

    #[test]
    fn what_is_refused_is_passed_over() {
        for why in [Refusal::NotAnswered, Refusal::Limit, Refusal::Key, Refusal::Invalid] {
            let rules = says("We are closed.");
            let mut life = Life::answered(&rules);
            life.refuse(Kind::Speak, 0, why);
            assert_eq!(life.wants(), ["speak 0", "hangup 0"], "{why:?}");
        }
    }

    #[test]
    fn nothing_begins_for_a_caller_who_may_be_gone() {
        let rules = says("We are closed.");
        let mut life = Life::answered(&rules);
        life.refuse(Kind::Speak, 0, Refusal::Ended);
        assert_eq!((life.wants(), life.phase()), (vec!["speak 0".into(), "look 0".into()], "speaking"));
        life.found(0, false);
        assert_eq!((life.wants(), life.phase()), (vec![], "ended"));
    }

    #[test]
    fn an_unknown_outcome_is_waited_for_like_an_accepted_one() {
        let rules = says("We are closed.");
        let mut life = Life::answered(&rules);
        life.settle(Kind::Speak, 0, Verdict::Unknown);
        assert_eq!((life.wants(), life.phase()), (vec!["speak 0".into()], "speaking"));
        life.wait();
        assert_eq!((life.wants(), life.phase()), (vec!["speak 0".into()], "speaking"));
        life.settle(Kind::Speak, 0, Verdict::Unknown);
        life.wait();
        assert_eq!(life.wants(), ["hangup 0"]);
    }

    #[test]
    fn a_caller_who_was_only_supposed_to_be_picked_up_is_picked_up_again_for_it() {
        let rules = says("We are closed.");
        let mut life = Life::begun(&rules);
        life.wait();
        life.wait();
        assert_eq!(life.wants(), ["answer 0", "answer 0", "speak 0"]);
        life.refuse(Kind::Speak, 0, Refusal::NotAnswered);
        assert_eq!((life.wants(), life.phase()), (vec!["answer 0".into()], "answering"));
        life.news(0, News::Answered);
        assert_eq!((life.wants(), life.phase()), (vec!["speak 0".into()], "speaking"));
        life.refuse(Kind::Speak, 0, Refusal::NotAnswered);
        assert_eq!(life.wants(), ["hangup 0"], "that he is picked up is known now");
    }

    #[test]
    fn a_caller_who_is_never_picked_up_is_not_asked_for_for_ever() {
        let rules = says("We are closed.");
        let mut life = Life::begun(&rules);
        for doubts in 0..4 {
            life.wait();
            life.wait();
            assert_eq!((life.leg(0).supposed, life.leg(0).doubts), (true, doubts));
            life.wants();
            life.refuse(Kind::Speak, 0, Refusal::NotAnswered);
        }
        assert_eq!((life.wants(), life.phase()), (vec!["hangup 0".into()], "ending"));
    }

    #[test]
    fn the_outcome_of_an_earlier_text_says_nothing_of_this_one() {
        let rules = rules(vec![Action::Answer, say("One."), say("Two.")], &[]);
        let mut life = Life::answered(&rules);
        let first = life.clone();
        life.news(0, News::SpeechEnded);
        assert_eq!(life.wants(), ["speak 0", "speak 0"]);
        life.asked = first.asked;
        life.refuse(Kind::Speak, 0, Refusal::Invalid);
        assert_eq!((life.remarks.len(), life.phase()), (1, "speaking"));
    }

    #[test]
    fn a_caller_who_hangs_up_ends_it() {
        let rules = says("We are closed.");
        let mut life = Life::answered(&rules);
        life.hangs_up(0, Cause::Normal);
        life.news(0, News::SpeechEnded);
        assert_eq!((life.wants(), life.phase()), (vec!["speak 0".into()], "ended"));
        life.accept(Kind::Speak, 0);
        assert_eq!(life.wants(), NOTHING);
    }
}
