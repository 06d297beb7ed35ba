//! `menu`: the caller hears a greeting and presses a key.
//!
//! One gather asks for one key, and the tries are counted here. What the gather says counts; the key as it was heard
//! does only where that news is lost. Each gather gives the leg a mark that its news carries, so that what comes late of
//! an earlier one changes nothing.

use std::time::Duration;

use super::command::{Heard, Verb};
use super::event::{Entered, Refusal, Settled, Verdict};
use super::ids::{LegNo, Mark};
use super::learn::{Change, Fact};
use super::phase::{Asking, Choosing, Phase, Sound};
use super::remark::Remark;
use super::speech::{BEGINS, LONGEST_PLAY, SLACK, WORDLESS};
use super::turn::{Flow, Turn, later};
use crate::phone::Key;
use crate::routing::{Action, Leads, Menu, Outcome, Place, Prompt, StepId, spoken};

/// How long after a key was heard the end of its gather may take.
const ENDS: Duration = Duration::from_secs(3);

/// Asks the caller for a key.
pub(super) fn enter(step: StepId, menu: &Menu, turn: &mut Turn<'_>) -> Flow {
    if turn.call.caller_is_answered() { ask(step, menu, 1, false, turn) } else { Flow::AnswerFor(step) }
}

fn ask(step: StepId, menu: &Menu, tries: u8, again: bool, turn: &mut Turn<'_>) -> Flow {
    let (Some(on), Some(ends_with)) = (turn.caller_handle(), menu.free_key()) else {
        return Flow::Advance(step, Some(Outcome::Exhausted));
    };
    let (prompt, _) = heard(&menu.greeting, turn);
    let mark = Mark(turn.call.commands.saturating_add(1));
    let tag = turn.tag(LegNo::CALLER);
    let verb = Verb::Gather { on, tag, mark, prompt, timeout: menu.timeout, ends_with };
    let command = turn.command(LegNo::CALLER, verb);
    let until = turn.after(WORDLESS);
    let part = Asking::Key;
    stay(Choosing { step, tries, again, mark, command, part, sound: Sound::Asked, key: None, until })
}

/// Hears a fact while the caller chooses.
pub(super) fn on(at: Choosing, fact: &Fact, turn: &mut Turn<'_>) -> Flow {
    let rules = turn.rules;
    let Some((menu, place)) = menu_of(&at, rules) else { return Flow::Advance(at.step, None) };
    match fact {
        Fact::Leg { no: LegNo::CALLER, change } => match change {
            Change::Gathered { entered, mark } if at.asks() && at.is_of(*mark) => {
                gathered(at, menu, place, *entered, turn)
            }
            Change::Pressed { key, mark } if at.is_of(*mark) => pressed(at, menu, place, *key, turn),
            Change::SpeechStarted | Change::PlaybackStarted | Change::SpeechEnded | Change::PlaybackEnded => {
                heard_of(at, menu, *change, turn)
            }
            Change::Gathered { .. } | Change::Pressed { .. } | Change::Placed | Change::Answered => stay(at),
            Change::Recorded | Change::RecordingFailed => stay(at),
            Change::Bridged | Change::Ended(_) | Change::Refused(_) => stay(at),
            Change::Unsure | Change::Alive | Change::NotAlive => stay(at),
        },
        Fact::Settled(Settled { command, verdict, .. }) if *command == at.command => settled(at, menu, verdict, turn),
        Fact::Due if turn.now >= at.until => overdue(at, menu, place, turn),
        Fact::Leg { .. } | Fact::Settled(_) | Fact::Due | Fact::Arrived { .. } | Fact::Fault => stay(at),
    }
}

/// Stops audio that would be waited for. A text ends soon by itself.
pub(super) fn silence(at: &Choosing, turn: &mut Turn<'_>) {
    let plays = menu_of(at, turn.rules).and_then(|(menu, _)| prompt_of(at, menu)).is_some_and(is_audio);
    if plays && let Some(on) = turn.caller_handle() {
        turn.command(LegNo::CALLER, Verb::StopPlay { on });
    }
}

impl Choosing {
    fn asks(&self) -> bool {
        self.part == Asking::Key
    }

    /// Whether news is of the last gather. News that does not say so is.
    fn is_of(&self, mark: Option<Mark>) -> bool {
        mark.is_none_or(|mark| mark == self.mark)
    }
}

/// A gather has ended. A key that was heard counts where the gather has none: it was pressed a moment too late for it.
fn gathered(at: Choosing, menu: &Menu, place: Place, entered: Entered, turn: &mut Turn<'_>) -> Flow {
    let key = match entered {
        Entered::Key(key) => Some(key),
        Entered::Other | Entered::Nothing => at.key,
    };
    if key.is_none() && entered == Entered::Nothing {
        nothing(at, menu, place, turn)
    } else {
        choose(at, menu, place, key, turn)
    }
}

/// A key is heard. Over what is said of a wrong one a right one counts at once.
fn pressed(at: Choosing, menu: &Menu, place: Place, key: Key, turn: &mut Turn<'_>) -> Flow {
    match at.part {
        Asking::Key => {
            let until = at.until.min(turn.after(ENDS));
            stay(Choosing { key: at.key.or(Some(key)), until, ..at })
        }
        Asking::Nothing if menu.keys.contains_key(&key) => choose(at, menu, place, Some(key), turn),
        Asking::Nothing => stay(at),
    }
}

fn choose(at: Choosing, menu: &Menu, place: Place, key: Option<Key>, turn: &mut Turn<'_>) -> Flow {
    if let Some((key, choice)) = key.and_then(|key| Some((key, menu.keys.get(&key)?))) {
        turn.remark(Remark::KeyPressed { at: choice.at, key });
        return match choice.leads {
            Leads::To(first) => Flow::Enter(first),
            Leads::Again => once_more(at, menu, Outcome::Exhausted, turn),
        };
    }
    turn.remark(Remark::WrongKey { at: place, key });
    match &menu.invalid {
        Some(prompt) if at.tries < menu.tries => tell(at, menu, prompt, turn),
        Some(_) | None => once_more(at, menu, Outcome::Invalid, turn),
    }
}

fn nothing(at: Choosing, menu: &Menu, place: Place, turn: &mut Turn<'_>) -> Flow {
    turn.remark(Remark::NoKey { at: place });
    once_more(at, menu, Outcome::Exhausted, turn)
}

fn once_more(at: Choosing, menu: &Menu, outcome: Outcome, turn: &mut Turn<'_>) -> Flow {
    if at.tries < menu.tries {
        ask(at.step, menu, at.tries.saturating_add(1), false, turn)
    } else {
        Flow::Advance(at.step, Some(outcome))
    }
}

/// Tells him that the key leads nowhere, before he is asked again.
fn tell(at: Choosing, menu: &Menu, prompt: &Prompt, turn: &mut Turn<'_>) -> Flow {
    let Some(on) = turn.caller_handle() else { return once_more(at, menu, Outcome::Invalid, turn) };
    let (heard, _) = heard(prompt, turn);
    let verb = match heard {
        Heard::Text { text, voice, language } => Verb::Speak { on, text, voice, language },
        Heard::Audio { url } => Verb::Play { on, url, looped: false },
    };
    let command = turn.command(LegNo::CALLER, verb);
    let until = turn.after(WORDLESS);
    stay(Choosing { command, part: Asking::Nothing, sound: Sound::Asked, key: None, until, ..at })
}

/// Something begins or ends to be heard. Of a greeting that is spoken Telnyx says nothing.
fn heard_of(at: Choosing, menu: &Menu, change: Change, turn: &mut Turn<'_>) -> Flow {
    let Some(prompt) = prompt_of(&at, menu) else { return stay(at) };
    let begins = matches!(change, Change::SpeechStarted | Change::PlaybackStarted);
    let audio = matches!(change, Change::PlaybackStarted | Change::PlaybackEnded);
    if audio != is_audio(prompt) || at.key.is_some() || (at.asks() && !audio) {
        return stay(at);
    }
    let wait = if at.asks() { menu.timeout + SLACK } else { SLACK };
    if begins {
        let (_, length) = heard(prompt, turn);
        return stay(Choosing { sound: Sound::Begun, until: turn.after(length + wait), ..at });
    }
    if at.asks() {
        return stay(Choosing { sound: Sound::Begun, until: turn.after(wait), ..at });
    }
    once_more(at, menu, Outcome::Invalid, turn)
}

fn settled(at: Choosing, menu: &Menu, verdict: &Verdict, turn: &mut Turn<'_>) -> Flow {
    match verdict {
        Verdict::Accepted { .. } | Verdict::Unknown if at.sound == Sound::Asked => {
            // That a spoken greeting begins is not told.
            let is_told = !at.asks() || is_audio(&menu.greeting);
            let (_, length) = heard(&menu.greeting, turn);
            let until = match at.key {
                Some(_) => at.until,
                None if is_told => turn.after(BEGINS),
                // If it was taken, that was when it was sent: the time for it runs from there.
                None if *verdict == Verdict::Unknown => {
                    later(at.until, (length + menu.timeout + SLACK).saturating_sub(WORDLESS))
                }
                None => turn.after(length + menu.timeout + SLACK),
            };
            stay(Choosing { sound: Sound::Accepted, until, ..at })
        }
        Verdict::Refused { why: Refusal::NotAnswered, .. } if turn.caller_is_doubted() => Flow::AnswerFor(at.step),
        // The caller is being looked at; the next step would be for nobody.
        Verdict::Refused { why: Refusal::Ended, .. } => stay(at),
        Verdict::Refused { .. } | Verdict::Void if at.asks() => Flow::Advance(at.step, Some(Outcome::Exhausted)),
        Verdict::Refused { .. } | Verdict::Void => once_more(at, menu, Outcome::Invalid, turn),
        Verdict::Accepted { .. }
        | Verdict::Unknown
        | Verdict::Found { .. }
        | Verdict::Listed { .. }
        | Verdict::Recordings { .. } => stay(at),
    }
}

/// A gather of which no word comes is over by now, or never began. If no key was heard, he is asked once more, unless
/// nobody knows yet whether he was asked at all: that may be under way.
fn overdue(at: Choosing, menu: &Menu, place: Place, turn: &mut Turn<'_>) -> Flow {
    if !at.asks() {
        return once_more(at, menu, Outcome::Invalid, turn);
    }
    turn.remark(Remark::NothingCame { kind: super::kind::Kind::Gather });
    match at.key {
        Some(key) => choose(at, menu, place, Some(key), turn),
        None if at.again || at.sound == Sound::Asked => nothing(at, menu, place, turn),
        None => ask(at.step, menu, at.tries, true, turn),
    }
}

fn stay(at: Choosing) -> Flow {
    Flow::Stay(Phase::Choosing(at))
}

fn menu_of<'r>(at: &Choosing, rules: &'r crate::routing::Rules) -> Option<(&'r Menu, Place)> {
    let step = rules.step(at.step)?;
    if let Action::Menu(menu) = &step.action { Some((menu, step.at)) } else { None }
}

/// What is being heard.
fn prompt_of<'m>(at: &Choosing, menu: &'m Menu) -> Option<&'m Prompt> {
    if at.asks() { Some(&menu.greeting) } else { menu.invalid.as_ref() }
}

fn is_audio(prompt: &Prompt) -> bool {
    matches!(prompt, Prompt::Play(_))
}

/// What is heard, and how long that takes at most.
fn heard(prompt: &Prompt, turn: &Turn<'_>) -> (Heard, Duration) {
    match prompt {
        Prompt::Say(say) => {
            let text = say.text.render(&turn.call.from, &turn.call.to);
            let length = spoken(&text);
            (Heard::Text { text, voice: say.voice.clone(), language: say.language.clone() }, length)
        }
        Prompt::Play(play) => (Heard::Audio { url: play.url.clone() }, LONGEST_PLAY),
    }
}

#[cfg(test)]
mod tests {
    use super::super::kit::{Life, NOTHING, rules, say, spoken};
    use super::super::{Entered, Kind, Mark, News, Refusal, Remark, Verdict};
    use crate::phone::Key;
    use crate::routing::{Action, Choice, Leads, Menu, Outcome, Place, Play, Prompt, Rules, StepId};

    fn key(tone: char) -> Key {
        Key::of(tone).unwrap()
    }

    /// Two tries; 1 leads to step 2, `*` to the greeting again; nothing chosen leads to step 3.
    fn menu(greeting: Prompt, invalid: Option<Prompt>) -> Rules {
        let choice = |leads| Choice { at: Place { file: 0, line: 9 }, leads };
        let keys = [(key('1'), choice(Leads::To(StepId(2)))), (key('*'), choice(Leads::Again))];
        let timeout = super::super::kit::secs(5);
        let menu = Menu { name: String::new(), greeting, keys: keys.into(), timeout, tries: 2, invalid };
        rules(vec![Action::Answer, Action::Menu(menu), Action::Hangup, say("Goodbye.")], &[(1, Outcome::Exhausted, 3)])
    }

    fn said(text: &str) -> Prompt {
        Prompt::Say(spoken(text))
    }

    fn ended(life: &mut Life<'_>, entered: Entered, mark: Option<u32>) {
        life.news(0, News::Gathered { entered, mark: mark.map(Mark) });
    }

    #[test]
    fn a_key_leads_to_its_steps() {
        let rules = menu(said("Press 1."), None);
        let mut life = Life::answered(&rules);
        assert_eq!((life.wants(), life.phase()), (vec!["gather 0".into()], "choosing"));
        life.accept(Kind::Gather, 0);
        life.news(0, News::Pressed { key: key('1'), mark: Some(Mark(2)) });
        assert_eq!(life.wants(), NOTHING, "the end of the gather counts");
        ended(&mut life, Entered::Key(key('1')), Some(2));
        assert_eq!((life.wants(), life.phase()), (vec!["hangup 0".into()], "ending"));
        assert!(life.remarks.iter().any(|remark| matches!(remark, Remark::KeyPressed { .. })));
    }

    #[test]
    fn what_comes_late_of_an_earlier_try_changes_nothing() {
        let rules = menu(said("Press 1."), None);
        let mut life = Life::answered(&rules);
        ended(&mut life, Entered::Nothing, Some(2));
        assert_eq!(life.wants(), ["gather 0", "gather 0"]);
        life.accept(Kind::Gather, 0);
        for entered in [Entered::Key(key('1')), Entered::Other, Entered::Nothing] {
            ended(&mut life, entered, Some(2));
            life.news(0, News::Pressed { key: key('1'), mark: Some(Mark(2)) });
        }
        life.news(0, News::SpeechEnded);
        assert_eq!((life.wants(), life.phase()), (vec![], "choosing"));
        assert!(life.next_in() > 15.0, "nor does it shorten anything");
        ended(&mut life, Entered::Nothing, Some(3));
        assert_eq!(life.wants(), ["speak 0"], "nothing chosen");
    }

    #[test]
    fn a_gather_without_a_word_is_asked_for_once_more_and_then_was_no_key() {
        let rules = menu(said("Press 1."), None);
        let mut life = Life::answered(&rules);
        for asked in ["gather 0"; 4] {
            assert_eq!(life.wants(), [asked]);
            life.accept(Kind::Gather, 0);
            life.wait();
        }
        assert_eq!(life.wants(), ["speak 0"], "two tries, each of them twice");
    }

    #[test]
    fn a_key_that_was_heard_counts_where_the_end_is_lost() {
        let rules = menu(said("Press 1."), None);
        let mut life = Life::answered(&rules);
        life.news(0, News::Pressed { key: key('1'), mark: None });
        assert!((life.next_in() - 3.0).abs() < 0.001);
        life.wait();
        assert_eq!(life.wants(), ["gather 0", "hangup 0"]);
    }

    #[test]
    fn what_is_said_of_a_wrong_key_can_be_cut_by_a_right_one() {
        let rules = menu(said("Press 1."), Some(said("No.")));
        let mut life = Life::answered(&rules);
        ended(&mut life, Entered::Key(key('7')), Some(2));
        assert_eq!((life.wants(), life.phase()), (vec!["gather 0".into(), "speak 0".into()], "choosing"));
        let (mut right, mut refused) = (life.clone(), life.clone());
        right.news(0, News::Pressed { key: key('7'), mark: Some(Mark(2)) });
        right.news(0, News::Pressed { key: key('1'), mark: Some(Mark(2)) });
        assert_eq!(right.wants(), ["hangup 0"]);
        refused.refuse(Kind::Speak, 0, Refusal::Invalid);
        assert_eq!(refused.wants(), ["gather 0"]);
        life.news(0, News::SpeechEnded);
        ended(&mut life, Entered::Key(key('7')), None);
        assert_eq!(life.wants(), ["gather 0", "hangup 0"], "no word of it after the last try");
        assert_eq!(life.phase(), "ending", "a wrong key at last is another outcome, and falls through");
    }

    #[test]
    fn hearing_it_again_counts_as_a_try() {
        let rules = menu(said("Press 1."), None);
        let mut life = Life::answered(&rules);
        ended(&mut life, Entered::Key(key('*')), Some(2));
        ended(&mut life, Entered::Key(key('*')), Some(3));
        assert_eq!(life.wants(), ["gather 0", "gather 0", "speak 0"]);
    }

    #[test]
    fn a_refused_gather_is_as_if_nothing_was_chosen() {
        for why in [Refusal::NotAnswered, Refusal::Limit, Refusal::Key, Refusal::Invalid] {
            let rules = menu(said("Press 1."), None);
            let mut life = Life::answered(&rules);
            life.refuse(Kind::Gather, 0, why);
            assert_eq!(life.wants(), ["gather 0", "speak 0"], "{why:?}");
        }
    }

    #[test]
    fn a_greeting_that_is_played_tells_when_it_begins_and_ends() {
        let rules = menu(Prompt::Play(Play { url: "https://example.com/a.mp3".into() }), None);
        let mut life = Life::answered(&rules);
        life.settle(Kind::Gather, 0, Verdict::Unknown);
        assert!((life.next_in() - 8.0).abs() < 0.001, "{}", life.next_in());
        life.news(0, News::PlaybackStarted { audio: None });
        assert!((life.next_in() - 615.0).abs() < 0.001, "{}", life.next_in());
        life.news(0, News::PlaybackEnded { played: true });
        assert!((life.next_in() - 15.0).abs() < 0.001, "{}", life.next_in());
    }
}
