//! `voicemail`: the caller hears a greeting and a beep, and what he says is recorded until he hangs up.
//!
//! Nothing tells that a recording begins, so one that was accepted counts as begun. What it comes to is told much later:
//! that is for `mailbox` to wait for. If he does not hang up, the call goes on when the longest time is over. Where another
//! mailbox left something under way, that is waited for first (`recorder`).

use std::time::Duration;

use jiff::Timestamp;

use super::command::Verb;
use super::event::{Refusal, Settled, Verdict};
use super::ids::LegNo;
use super::kind::Kind;
use super::learn::{Change, Fact};
use super::phase::{Leaving, Phase, Taking};
use super::remark::Remark;
use super::speech::{self, Listening, WORDLESS};
use super::turn::{Flow, Turn, later};
use super::{mailbox, recorder};
use crate::routing::{Action, Mailbox, Prompt, Rules, StepId};

/// How much longer than the longest message a recording may take from when it was asked for: it begins a moment later, with
/// a beep. Not from when that was accepted: an earlier try may have begun it, and whoever is not recorded any more hears
/// nothing.
const LONGER: Duration = Duration::from_secs(3);
/// How long after a recording that is saved early the caller's hangup may take, which will have ended it.
const HANGS_UP: Duration = Duration::from_secs(2);
/// How long he waits for what another mailbox left under way: the end of that, and once more what may come late.
const CLEARS: Duration = Duration::from_secs(20);

/// Begins to take a message.
pub(super) fn enter(step: StepId, to: &Mailbox, turn: &mut Turn<'_>) -> Flow {
    // Whoever hangs up while he is being picked up for it has come to it, too.
    mailbox::open(step, turn);
    if !turn.call.caller_is_answered() {
        return Flow::AnswerFor(step);
    }
    match to.greeting.as_ref().and_then(|prompt| speech::prompt(prompt, turn)) {
        Some((verb, _)) => {
            let greeting = speech::begin(step, verb, turn);
            stay(step, Taking::Greeting(greeting))
        }
        None => record(step, to, turn.now, turn),
    }
}

/// Asks for the recording, once nothing can come any more of one that was asked for before.
fn record(step: StepId, to: &Mailbox, since: Timestamp, turn: &mut Turn<'_>) -> Flow {
    if let Some(until) = recorder::waits(since, turn) {
        return stay(step, Taking::Clearing { since, until });
    }
    let Some(on) = turn.caller_handle() else { return Flow::Advance(step, None) };
    let tag = turn.tag(LegNo::CALLER);
    let verb = Verb::Record { on, tag, beep: to.beep, max_length: to.max_length };
    let command = turn.command(LegNo::CALLER, verb);
    mailbox::asked(step, command, turn);
    stay(step, Taking::Asked { command, at: turn.now })
}

/// Hears a fact while the caller is in a mailbox.
pub(super) fn on(at: Leaving, fact: &Fact, turn: &mut Turn<'_>) -> Flow {
    let rules = turn.rules;
    let Some(to) = mailbox_of(&at, rules) else {
        silence(&at, turn);
        return Flow::Advance(at.step, None);
    };
    let Leaving { step, part } = at;
    let (command, until) = match part {
        Taking::Greeting(greeting) => {
            let Some(heard) = to.greeting.as_ref().and_then(|prompt| speech::prompt(prompt, turn)) else {
                return record(step, to, turn.now, turn);
            };
            return match speech::hear(greeting, heard, fact, turn) {
                Listening::On(greeting) => stay(step, Taking::Greeting(greeting)),
                Listening::Over => record(step, to, turn.now, turn),
                Listening::PickUp => Flow::AnswerFor(step),
            };
        }
        Taking::Clearing { since, until } => {
            let stuck = turn.call.recorder.is_open() && turn.now >= until;
            if matches!(fact, Fact::Due) && (stuck || turn.now >= later(since, CLEARS)) {
                turn.remark(Remark::NothingCame { kind: Kind::StopRecord });
                return Flow::Advance(step, None);
            }
            return record(step, to, since, turn);
        }
        Taking::Asked { command, at } => (Some((command, at)), later(at, WORDLESS)),
        Taking::Begun { until } | Taking::Saved { until } => (None, until),
    };
    match fact {
        Fact::Leg { no: LegNo::CALLER, change: Change::Recorded } if !mailbox::waits(step, &turn.call) => {
            saved(step, to, turn)
        }
        Fact::Leg { no: LegNo::CALLER, change: Change::RecordingFailed } if !mailbox::waits(step, &turn.call) => {
            leave(&part, turn);
            Flow::Advance(step, None)
        }
        Fact::Settled(Settled { command: settled, verdict, .. }) => match command {
            Some((command, at)) if command == *settled => {
                let begun = Taking::Begun { until: later(at, to.max_length + LONGER) };
                asked(step, part, begun, verdict, turn)
            }
            Some(_) | None => stay(step, part),
        },
        Fact::Due if turn.now >= until => overdue(step, &part, turn),
        Fact::Leg { .. } | Fact::Due | Fact::Arrived { .. } | Fact::Fault => stay(step, part),
    }
}

/// Ends what he hears, if it would be waited for, and what is recorded.
pub(super) fn silence(at: &Leaving, turn: &mut Turn<'_>) {
    let plays = mailbox_of(at, turn.rules).is_none_or(|to| matches!(to.greeting, Some(Prompt::Play(_))));
    match &at.part {
        Taking::Greeting(_) if plays => speech::stop(turn),
        Taking::Greeting(_) | Taking::Clearing { .. } => {}
        Taking::Asked { .. } | Taking::Begun { .. } | Taking::Saved { .. } => leave(&at.part, turn),
    }
}

impl Leaving {
    pub(super) fn deadline(&self) -> Timestamp {
        match &self.part {
            Taking::Greeting(greeting) => greeting.until,
            Taking::Clearing { since, until } => later(*since, CLEARS).min(*until),
            Taking::Asked { at, .. } => later(*at, WORDLESS),
            Taking::Begun { until } | Taking::Saved { until } => *until,
        }
    }
}

/// His message is saved. If it is as long as it may be, he is still there; else he will have hung up, and the next step
/// would be for nobody.
fn saved(step: StepId, to: &Mailbox, turn: &Turn<'_>) -> Flow {
    let is_whole = mailbox::lasts(step, &turn.call).is_some_and(|lasts| lasts >= to.max_length);
    if is_whole { Flow::Advance(step, None) } else { stay(step, Taking::Saved { until: turn.after(HANGS_UP) }) }
}

fn asked(step: StepId, part: Taking, begun: Taking, verdict: &Verdict, turn: &mut Turn<'_>) -> Flow {
    match verdict {
        Verdict::Accepted { .. } => stay(step, begun),
        Verdict::Refused { why: Refusal::NotAnswered, .. } if turn.caller_is_doubted() => Flow::AnswerFor(step),
        // The caller is being looked at; the next step would be for nobody.
        Verdict::Refused { why: Refusal::Ended, .. } => stay(step, part),
        Verdict::Refused { .. } | Verdict::Void => Flow::Advance(step, None),
        // He may be speaking to nobody.
        Verdict::Unknown => {
            stop(&part, turn);
            Flow::Advance(step, None)
        }
        Verdict::Found { .. } | Verdict::Listed { .. } | Verdict::Recordings { .. } => stay(step, part),
    }
}

fn overdue(step: StepId, part: &Taking, turn: &mut Turn<'_>) -> Flow {
    if matches!(part, Taking::Asked { .. }) {
        turn.remark(Remark::NothingCame { kind: Kind::Record });
    }
    leave(part, turn);
    Flow::Advance(step, None)
}

/// Ends a recording that may be under way, or may begin yet.
fn leave(part: &Taking, turn: &mut Turn<'_>) {
    if let Taking::Asked { command, .. } = part {
        mailbox::leave(*command, turn);
    }
    stop(part, turn);
}

/// Ends a recording that may be under way: what follows is not for the mailbox.
fn stop(part: &Taking, turn: &mut Turn<'_>) {
    if matches!(part, Taking::Asked { .. } | Taking::Begun { .. }) {
        recorder::end(turn);
    }
}

fn stay(step: StepId, part: Taking) -> Flow {
    Flow::Stay(Phase::Recording(Leaving { step, part }))
}

fn mailbox_of<'r>(at: &Leaving, rules: &'r Rules) -> Option<&'r Mailbox> {
    if let Action::Voicemail(to) = &rules.step(at.step)?.action { Some(to) } else { None }
}

#[cfg(test)]
#[expect(clippy::wildcard_enum_match_arm, reason = "whatever a test does not name it does not want")]
mod tests {
    use super::super::kit::{Life, NOTHING, dial, member, rules, say, spoken, voicemail};
    use super::super::{Came, Cause, Ignored, Kind, Link, News, Refusal, Remark, Tape, Verb, Verdict};
    use crate::routing::{Action, Hook, Play, Prompt, Rules};

    fn beep() -> Rules {
        rules(vec![Action::Answer, voicemail(None), say("Goodbye.")], &[])
    }

    fn greets(greeting: Prompt) -> Rules {
        rules(vec![Action::Answer, voicemail(Some(greeting)), say("Goodbye.")], &[])
    }

    /// Two mailboxes, one behind the other.
    fn two() -> Rules {
        rules(vec![Action::Answer, voicemail(None), voicemail(None), say("Goodbye.")], &[])
    }

    /// A recording that was made by now.
    fn saved(life: &Life<'_>, id: &str, seconds: i64) -> News {
        let began = life.now.checked_sub(jiff::SignedDuration::from_secs(seconds)).unwrap();
        let link = Some(Link(format!("https://example.com/{id}")));
        News::Recorded(Tape { id: Some(id.into()), link, began: Some(began), ended: Some(life.now), leg: None })
    }

    fn left(life: &Life<'_>) -> bool {
        life.remarks.iter().any(|remark| matches!(remark, Remark::MessageLeft { .. }))
    }

    fn lost(life: &Life<'_>) -> bool {
        life.remarks.iter().any(|remark| matches!(remark, Remark::MessageLost { .. }))
    }

    /// Whoever speaks.
    fn speaking(rules: &Rules) -> Life<'_> {
        let mut life = Life::answered(rules);
        life.accept(Kind::Record, 0);
        assert_eq!((life.wants(), life.phase()), (vec!["record 0".into()], "recording"));
        life
    }

    #[test]
    fn a_caller_hears_the_greeting_and_is_recorded_until_he_hangs_up() {
        let rules = greets(Prompt::Say(spoken("Leave a message.")));
        let mut life = Life::answered(&rules);
        assert_eq!((life.wants(), life.phase()), (vec!["speak 0".into()], "recording"));
        life.accept(Kind::Speak, 0);
        life.news(0, News::SpeechStarted);
        life.news(0, News::SpeechEnded);
        assert_eq!((life.wants(), life.phase()), (vec!["record 0".into()], "recording"));
        life.accept(Kind::Record, 0);
        assert!((life.next_in() - 63.0).abs() < 0.001, "{}", life.next_in());
        life.sleep(12);
        life.hangs_up(0, Cause::Normal);
        assert_eq!((life.wants(), life.phase(), lost(&life)), (vec![], "ended", false));
        assert!((life.next_in() - 120.0).abs() < 0.001, "the recording is waited for");
        life.sleep(3);
        life.news(0, saved(&life, "one", 12));
        assert_eq!(life.remarks.len(), 1);
        assert!(matches!(life.remarks[0], Remark::MessageLeft { seconds: Some(12), .. }));
        assert_eq!((life.wants(), life.phase(), life.deadline()), (vec![], "ended", None));
        assert!(matches!(&life.call.messages[0].came, Came::Recorded(tape) if tape.link.is_some()));
        life.news(0, saved(&life, "one", 12));
        assert_eq!((life.call.messages.len(), left(&life)), (1, false), "once");
    }

    #[test]
    fn a_recording_finds_its_caller_by_whatever_it_says_of_him() {
        let rules = beep();
        for what in 0..3 {
            let mut life = speaking(&rules);
            life.hangs_up(0, Cause::Normal);
            let mut who = super::super::Who { handle: None, ..life.who(0) };
            if what > 0 {
                who.leg = None;
            }
            who.tag = (what == 1).then_some(super::super::Tag { call: life.call.id, leg: super::LegNo::CALLER });
            let news = saved(&life, "one", 9);
            life.take(super::super::What::Leg { who, news });
            assert!(left(&life), "{what}");
        }
        let mut life = speaking(&rules);
        let who = super::super::Who { handle: Some(super::super::Handle("v3:other".into())), ..Default::default() };
        let news = saved(&life, "one", 9);
        life.take(super::super::What::Leg { who, news });
        assert_eq!(life.remarks, [Remark::Ignored { why: Ignored::NotOurs }]);
    }

    #[test]
    fn a_message_of_which_no_word_comes_is_given_up_and_taken_all_the_same_if_it_comes_later() {
        let rules = beep();
        let mut life = speaking(&rules);
        life.hangs_up(0, Cause::Normal);
        life.wait();
        assert_eq!((life.wants(), lost(&life)), (vec!["recordings 0".into()], false));
        let mut unheard = life.clone();
        life.settle(Kind::Recordings, 0, Verdict::Recordings { tapes: vec![] });
        assert_eq!((lost(&life), life.deadline()), (true, None));
        life.sleep(600);
        life.news(0, saved(&life, "one", 12));
        assert_eq!((left(&life), life.wants(), life.phase()), (true, vec![], "ended"));
        assert!((unheard.next_in() - 60.0).abs() < 0.001);
        unheard.wait();
        assert_eq!((unheard.wants(), lost(&unheard), unheard.deadline()), (vec![], true, None), "asked once");
    }

    #[test]
    fn a_message_whose_word_is_lost_is_found_where_it_is_saved() {
        // Given a caller of whose message no word came.
        let rules = beep();
        let mut life = Life::answered(&rules);
        life.records("ours");
        life.sleep(9);
        life.hangs_up(0, Cause::Normal);
        let tapes = ["the account's", "ours"].map(|id| saved(&life, id, 9));
        let tapes = tapes.map(|news| if let News::Recorded(tape) = news { tape } else { Tape::default() });
        life.wait();

        // When Telnyx is asked for it and has it, then it is the message.
        life.settle(Kind::Recordings, 0, Verdict::Recordings { tapes: tapes.into() });
        assert_eq!((left(&life), lost(&life), life.deadline()), (true, false, None));
        assert!(matches!(&life.call.messages[0].came, Came::Recorded(tape) if tape.id.as_deref() == Some("ours")));
    }

    #[test]
    fn what_is_a_message_already_is_not_found_for_another() {
        // Given two messages: of the first a word came, with its name and without it.
        for name in [Some("first".to_owned()), None] {
            let rules = two();
            let mut life = speaking(&rules);
            life.wait();
            life.accept(Kind::StopRecord, 0);
            life.accept(Kind::Record, 0);
            let News::Recorded(tape) = saved(&life, "first", 63) else { panic!() };
            life.news(0, News::Recorded(Tape { id: name, ..tape.clone() }));
            life.hangs_up(0, Cause::Normal);
            life.wait();
            // When Telnyx has that one only, told a little otherwise, then the second is lost.
            let began = tape.began.map(|at| at.round(jiff::Unit::Second).unwrap());
            life.settle(Kind::Recordings, 0, Verdict::Recordings { tapes: vec![Tape { began, ..tape }] });
            assert_eq!((life.call.messages[1].came.clone(), lost(&life)), (Came::Nothing, true));
        }
    }

    #[test]
    fn what_telnyx_refuses_to_tell_is_given_up() {
        for verdict in [Verdict::Unknown, Verdict::Refused { why: Refusal::Ended, code: "10005".into() }] {
            let rules = beep();
            let mut life = speaking(&rules);
            life.hangs_up(0, Cause::Normal);
            life.wait();
            life.settle(Kind::Recordings, 0, verdict);
            assert_eq!((lost(&life), life.deadline()), (true, None));
        }
    }

    #[test]
    fn whoever_hangs_up_during_the_greeting_leaves_nothing() {
        for greeting in [Prompt::Say(spoken("Hello.")), Prompt::Play(Play { url: "https://example.com/a.mp3".into() })]
        {
            let rules = greets(greeting);
            let mut life = Life::answered(&rules);
            life.wants();
            life.hangs_up(0, Cause::Normal);
            assert_eq!((lost(&life), life.wants(), life.deadline()), (true, vec![], None));
        }
    }

    #[test]
    fn a_greeting_that_cannot_be_heard_is_passed_over() {
        let rules = greets(Prompt::Say(spoken("Hello.")));
        let mut life = Life::answered(&rules);
        life.refuse(Kind::Speak, 0, Refusal::Invalid);
        assert_eq!(life.wants(), ["speak 0", "record 0"]);
    }

    #[test]
    fn who_has_spoken_for_as_long_as_he_may_goes_on() {
        let rules = beep();
        let mut life = speaking(&rules);
        let mut saved_first = life.clone();
        life.wait();
        assert_eq!((life.wants(), life.phase()), (vec!["stop_record 0".into(), "speak 0".into()], "speaking"));
        life.news(0, saved(&life, "one", 60));
        assert_eq!((left(&life), life.phase()), (true, "speaking"));

        saved_first.sleep(61);
        saved_first.news(0, saved(&saved_first, "one", 60));
        assert_eq!((left(&saved_first), saved_first.wants()), (true, vec!["speak 0".into()]));
    }

    #[test]
    fn what_is_saved_early_was_ended_by_a_hangup_that_is_on_its_way() {
        let rules = beep();
        let mut life = speaking(&rules);
        life.sleep(10);
        life.news(0, saved(&life, "one", 10));
        assert_eq!((left(&life), life.wants(), life.phase()), (true, vec![], "recording"));
        let mut stays = life.clone();
        life.hangs_up(0, Cause::Normal);
        assert_eq!((life.wants(), life.phase(), life.deadline()), (vec![], "ended", None));
        assert!((stays.next_in() - 2.0).abs() < 0.001);
        stays.wait();
        assert_eq!((stays.wants(), stays.phase()), (vec!["speak 0".into()], "speaking"));
    }

    #[test]
    fn a_recording_that_is_refused_is_no_message() {
        for why in [Refusal::NotAnswered, Refusal::Limit, Refusal::Key, Refusal::Invalid, Refusal::Unavailable] {
            let rules = beep();
            let mut life = Life::answered(&rules);
            life.refuse(Kind::Record, 0, why);
            assert_eq!((life.wants(), lost(&life)), (vec!["record 0".into(), "speak 0".into()], true), "{why:?}");
        }
        let rules = beep();
        let mut life = Life::answered(&rules);
        life.refuse(Kind::Record, 0, Refusal::Ended);
        life.found(0, false);
        assert_eq!((life.phase(), lost(&life)), ("ended", false), "an earlier try may have begun it");
        let mut void = Life::answered(&rules);
        void.hangs_up(0, Cause::Normal);
        void.settle(Kind::Record, 0, Verdict::Void);
        assert_eq!(
            (void.phase(), lost(&void)),
            ("ended", false),
            "as long as nobody had its outcome it may have been sent"
        );
        void.news(0, saved(&void, "one", 4));
        assert_eq!((left(&void), void.deadline()), (true, None));
    }

    #[test]
    fn a_recording_of_which_nobody_knows_is_ended_and_waited_for() {
        let rules = beep();
        for answered in [true, false] {
            let mut life = Life::answered(&rules);
            if answered {
                life.settle(Kind::Record, 0, Verdict::Unknown);
            } else {
                assert!((life.next_in() - 9.0).abs() < 0.001);
                life.wait();
            }
            assert_eq!(
                (life.wants(), lost(&life)),
                (vec!["record 0".into(), "stop_record 0".into(), "speak 0".into()], false)
            );
            life.news(0, saved(&life, "one", 4));
            assert_eq!((left(&life), life.wants()), (true, vec![]));
        }
    }

    #[test]
    fn a_recording_that_fails_is_no_message_and_the_call_goes_on() {
        let rules = beep();
        let mut life = speaking(&rules);
        let mut gone = life.clone();
        life.news(0, News::RecordingFailed);
        assert_eq!((lost(&life), life.wants()), (true, vec!["stop_record 0".into(), "speak 0".into()]));
        gone.hangs_up(0, Cause::Normal);
        gone.news(0, News::RecordingFailed);
        assert_eq!((lost(&gone), gone.deadline()), (true, None));
    }

    #[test]
    fn of_two_messages_each_is_the_one_that_was_being_spoken_when_it_began() {
        let rules = two();
        let mut life = speaking(&rules);
        life.wait();
        assert_eq!(life.wants(), ["stop_record 0"]);
        life.accept(Kind::StopRecord, 0);
        assert_eq!(life.wants(), ["record 0"]);
        life.accept(Kind::Record, 0);
        life.sleep(20);
        life.hangs_up(0, Cause::Normal);
        life.sleep(1);
        life.news(0, saved(&life, "second", 21));
        life.news(0, saved(&life, "first", 83));
        let ids = life.call.messages.iter().map(|message| match &message.came {
            Came::Recorded(tape) => tape.id.clone().unwrap(),
            Came::Waited | Came::Nothing => String::new(),
        });
        assert_eq!(ids.collect::<Vec<_>>(), ["first", "second"]);
    }

    #[test]
    fn a_recording_that_began_late_is_of_the_mailbox_that_asked_for_it() {
        // Given a caller whose first recording nobody knows of, and who is recorded anew then.
        let rules = two();
        let mut life = Life::answered(&rules);
        life.wait();
        life.settle(Kind::Record, 0, Verdict::Unknown);
        life.accept(Kind::StopRecord, 0);
        life.wait();
        life.accept(Kind::StopRecord, 0);
        life.accept(Kind::Record, 0);

        // When the first had begun a moment before the second was asked for.
        life.sleep(3);
        life.news(0, saved(&life, "first", 5));

        // Then it is the first mailbox's, and he goes on speaking.
        let came = |life: &Life<'_>, at: usize| matches!(life.call.messages[at].came, Came::Recorded(_));
        assert_eq!((came(&life, 0), came(&life, 1), life.phase()), (true, false, "recording"));
        life.hangs_up(0, Cause::Normal);
        life.news(0, saved(&life, "second", 3));
        assert!(came(&life, 1));
    }

    #[test]
    fn the_next_recording_waits_until_nothing_of_the_last_can_come_any_more() {
        // Given a caller whose recording nobody knows of, and who comes to the next mailbox.
        let rules = two();
        let mut life = Life::answered(&rules);
        life.settle(Kind::Record, 0, Verdict::Unknown);
        assert_eq!((life.wants(), life.phase()), (vec!["record 0".into(), "stop_record 0".into()], "recording"));

        // When its end is accepted, it may begin after that all the same.
        life.accept(Kind::StopRecord, 0);
        assert_eq!(life.wants(), NOTHING);
        assert!((life.next_in() - 6.0).abs() < 0.001);

        // Then it is ended once more, and only then the next one is asked for.
        life.wait();
        assert_eq!(life.wants(), ["stop_record 0"]);
        life.accept(Kind::StopRecord, 0);
        assert_eq!(
            (life.wants(), life.call.recorder.end, life.call.recorder.until),
            (vec!["record 0".into()], None, None)
        );
        life.accept(Kind::Record, 0);
        assert!((life.next_in() - 63.0).abs() < 0.001);
    }

    #[test]
    fn the_next_recording_waits_for_the_outcome_of_the_last_also_where_its_end_has_one() {
        // Given a caller whose recording is asked for by a node that does not answer, and ended by another.
        let rules = two();
        let mut life = Life::answered(&rules);
        life.wait();
        assert_eq!(life.wants(), ["record 0", "stop_record 0"]);
        life.sleep(1);
        life.accept(Kind::StopRecord, 0);
        let mut never = life.clone();

        // When the first node says that it does not know, then what it did may still come.
        life.sleep(6);
        life.settle(Kind::Record, 0, Verdict::Unknown);
        assert_eq!(life.wants(), NOTHING);
        assert!((life.next_in() - 6.0).abs() < 0.001);
        life.wait();
        life.accept(Kind::StopRecord, 0);
        assert_eq!(life.wants(), ["stop_record 0", "record 0"]);

        // When it says nothing, then no message is taken, whatever else is ended.
        let mut wants = Vec::new();
        while never.phase() == "recording" {
            never.wait();
            wants.extend(never.wants());
            if wants.last().is_some_and(|last| last == "stop_record 0") {
                never.accept(Kind::StopRecord, 0);
                wants.extend(never.wants());
            }
        }
        assert!(!wants.contains(&"record 0".to_owned()), "{wants:?}");
        assert_eq!(never.call.messages[1].asked, None);
    }

    #[test]
    fn an_end_of_which_nobody_knows_is_not_let_come_into_the_next_recording() {
        let rules = two();
        let invalid = || Verdict::Refused { why: Refusal::Invalid, code: "0".into() };
        let not_done = Verdict::Refused { why: Refusal::Unavailable, code: "0".into() };
        for (after, verdict, waits) in
            [(0, Verdict::Unknown, true), (0, not_done, true), (0, invalid(), false), (5, invalid(), true)]
        {
            let mut life = speaking(&rules);
            life.wait();
            assert_eq!(life.wants(), ["stop_record 0"]);
            life.sleep(after);
            life.settle(Kind::StopRecord, 0, verdict.clone());
            if waits {
                assert_eq!(life.wants(), NOTHING, "{after} {verdict:?}");
                life.wait();
                assert_eq!(life.wants(), ["stop_record 0"], "{after} {verdict:?}");
                life.accept(Kind::StopRecord, 0);
            }
            assert_eq!(life.wants(), ["record 0"], "{after} {verdict:?}");
        }
    }

    #[test]
    fn a_mailbox_behind_one_whose_recording_cannot_be_ended_takes_no_message() {
        let rules = two();
        for answered in [false, true] {
            let mut life = speaking(&rules);
            life.wait();
            let began = life.now;
            while life.phase() == "recording" {
                if answered && life.call.recorder.end.is_some() {
                    life.sleep(2);
                    life.settle(Kind::StopRecord, 0, Verdict::Unknown);
                } else {
                    life.wait();
                }
            }
            let waited = life.now.duration_since(began).as_secs();
            assert_eq!((waited, life.phase()), (if answered { 20 } else { 9 }, "speaking"));
            assert!(!life.wants().contains(&"record 0".to_owned()));
            assert_eq!((life.call.messages[1].asked, lost(&life)), (None, true));
        }
    }

    #[test]
    fn only_the_recording_that_was_asked_for_is_the_message() {
        // Given a caller whose recording we know by its name, on an account that records every call by itself.
        let rules = beep();
        let mut life = Life::answered(&rules);
        life.records("ours");
        life.sleep(9);
        life.hangs_up(0, Cause::Normal);

        // When the account's own is saved first, then it is passed over.
        life.news(0, saved(&life, "the account's", 9));
        assert_eq!(
            (left(&life), life.remarks.as_slice()),
            (false, &[Remark::Ignored { why: Ignored::NothingToDo }][..])
        );

        // And ours is the message, whatever it says of its time.
        life.news(0, saved(&life, "ours", 4000));
        assert_eq!((left(&life), life.deadline()), (true, None));
    }

    #[test]
    fn what_has_the_name_of_one_recording_is_no_other_message() {
        let rules = two();
        let mut life = Life::answered(&rules);
        life.records("first");
        life.wait();
        life.accept(Kind::StopRecord, 0);
        life.accept(Kind::Record, 0);
        life.hangs_up(0, Cause::Normal);
        life.news(0, saved(&life, "first", 0));
        assert!(matches!(life.call.messages[0].came, Came::Recorded(_)));
        life.news(0, saved(&life, "second", 60));
        assert!(matches!(life.call.messages[1].came, Came::Recorded(_)));
    }

    #[test]
    fn the_end_of_a_recording_says_which() {
        for name in [None, Some("ours".to_owned())] {
            let rules = beep();
            let mut life = Life::answered(&rules);
            life.settle(Kind::Record, 0, Verdict::Accepted { made: None, recording: name.clone() });
            life.wait();
            let ended = life.asked.iter().find_map(|command| match &command.verb {
                Verb::StopRecord { recording, .. } => Some(recording.clone()),
                _ => None,
            });
            assert_eq!(ended, Some(name));
        }
    }

    #[test]
    fn a_recording_of_somebody_else_is_no_message() {
        let rules = rules(vec![Action::Answer, dial(member("anna", 141, 20))], &[]);
        let mut life = Life::answered(&rules);
        life.dialled(1);
        life.wants();
        for leg in [0, 1] {
            life.news(leg, saved(&life, "whole call", 5));
            assert_eq!(life.remarks, [Remark::Ignored { why: Ignored::NothingToDo }]);
        }
        assert_eq!(life.wants(), NOTHING);
    }

    #[test]
    fn a_caller_who_is_only_supposed_to_be_picked_up_comes_to_the_mailbox_once() {
        let rules = rules(vec![voicemail(None)], &[]);
        let mut life = Life::begun(&rules);
        life.wait();
        life.wait();
        assert_eq!(life.wants(), ["answer 0", "answer 0", "record 0"]);
        life.refuse(Kind::Record, 0, Refusal::NotAnswered);
        assert_eq!((life.wants(), life.phase(), lost(&life)), (vec!["answer 0".into()], "answering", false));
        life.news(0, News::Answered);
        assert_eq!((life.wants(), life.call.messages.len()), (vec!["record 0".into()], 1));
    }

    #[test]
    fn somebody_who_has_the_caller_after_all_is_not_recorded() {
        let transfer = super::super::kit::transfer(member("anna", 141, 20));
        let rules = rules(vec![Action::Answer, transfer, voicemail(None)], &[]);
        let mut life = Life::answered(&rules);
        life.news(1, News::Placed);
        for _ in 0..20 {
            if life.phase() != "recording" {
                life.wait();
            }
        }
        life.accept(Kind::Record, 0);
        life.wants();
        life.news(1, News::Answered);
        assert_eq!(life.phase(), "talking");
        assert!(life.wants().contains(&"stop_record 0".to_owned()));
        assert_eq!(life.call.messages[0].came, Came::Waited, "it is looked for once they have talked");
        life.sleep(200);
        life.hangs_up(0, Cause::Normal);
        assert!(life.wants().contains(&"recordings 0".to_owned()));
    }

    #[test]
    fn what_may_begin_late_is_ended_once_the_caller_talks() {
        // Given a recording of which nobody knows whether it was begun, and a caller who goes on.
        let rules = rules(vec![Action::Answer, voicemail(None), dial(member("anna", 141, 20))], &[]);
        let mut life = Life::answered(&rules);
        life.wait();
        assert_eq!(
            (life.wants(), life.phase()),
            (vec!["record 0".into(), "stop_record 0".into(), "dial 1".into()], "ringing")
        );
        life.settle(Kind::Record, 0, Verdict::Unknown);
        life.accept(Kind::StopRecord, 0);
        life.news(1, News::Answered);
        life.accept(Kind::Bridge, 0);
        life.news(1, News::Bridged);
        assert_eq!((life.wants(), life.phase()), (vec!["bridge 0".into()], "talking"));
        // When an earlier try may have come, then it is ended; as often as Telnyx says nothing to that, a few times.
        for _ in 0..3 {
            assert!((life.next_in() - 6.0).abs() < 0.001, "{}", life.next_in());
            life.wait();
            assert_eq!(life.wants(), ["stop_record 0"]);
            life.settle(Kind::StopRecord, 0, Verdict::Unknown);
        }
        life.wait();
        assert!(!life.wants().contains(&"stop_record 0".to_owned()));
    }

    /// What each hook was told, in order.
    fn told(life: &Life<'_>) -> Vec<String> {
        let told = life.asked.iter().filter_map(|command| match &command.verb {
            Verb::Notify { to, notice } => {
                let recording = notice.recording.as_ref().map(|one| (one.url.is_some(), one.seconds));
                let mailbox = notice.mailbox.clone().unwrap_or_default();
                Some(format!("{} {} {mailbox} {recording:?}", to.url, notice.kind.word()))
            }
            _ => None,
        });
        told.collect()
    }

    #[test]
    fn whoever_the_mailbox_names_is_told_once_of_a_message_or_that_there_is_none() {
        let (one, two) = ("https://one.example/secret", "https://two.example/");
        let mut rules = beep();
        let Action::Voicemail(to) = &mut rules.steps[1].action else { panic!() };
        to.notify = [one, two, one].map(|url| Hook { url: url.into() }).to_vec();
        rules.rest.as_mut().unwrap().on_missed = vec![Hook { url: two.into() }];
        let mut left = speaking(&rules);
        let mut none = left.clone();
        left.hangs_up(0, Cause::Normal);
        left.news(0, saved(&left, "one", 12));
        left.news(0, saved(&left, "one", 12));
        let expected = [
            format!("{two} call.missed  None"),
            format!("{one} call.voicemail office Some((true, Some(12)))"),
            format!("{two} call.voicemail office Some((true, Some(12)))"),
        ];
        assert_eq!(told(&left), expected);
        none.hangs_up(0, Cause::Normal);
        none.wait();
        none.settle(Kind::Recordings, 0, Verdict::Recordings { tapes: vec![] });
        assert_eq!(told(&none), [format!("{two} call.missed  None"), format!("{one} call.missed office None")]);
    }

    /// Rules of these steps, with somebody to be told in each mailbox.
    fn told_of(actions: Vec<Action>) -> Rules {
        let mut rules = rules(actions, &[]);
        for step in &mut rules.steps {
            if let Action::Voicemail(to) = &mut step.action {
                to.notify = vec![Hook { url: "https://one.example/".into() }];
            }
        }
        rules
    }

    /// Why somebody was told last that the call was missed.
    fn why<'l>(life: &'l Life<'_>) -> Option<&'l str> {
        life.asked.iter().rev().find_map(|command| match &command.verb {
            Verb::Notify { notice, .. } => Some(notice.why.as_str()),
            _ => None,
        })
    }

    #[test]
    fn whoever_hangs_up_while_he_is_picked_up_for_a_mailbox_is_missed() {
        // Given a caller who comes to a mailbox and is being picked up for it.
        let rules = told_of(vec![dial(member("anna", 141, 20)), voicemail(None)]);
        let mut life = Life::begun(&rules);
        life.hangs_up(1, Cause::Busy);
        assert_eq!((life.phase(), why(&life)), ("answering", None));

        // When he hangs up before that.
        life.hangs_up(0, Cause::Cancelled);

        // Then whoever the mailbox names is told.
        assert_eq!(told(&life), ["https://one.example/ call.missed office None"]);
        assert_eq!((lost(&life), why(&life)), (true, Some("hung up before a message could be left")));
        assert_eq!((life.phase(), life.deadline()), ("ended", None));
    }

    #[test]
    fn nobody_is_told_that_a_call_was_missed_whose_caller_talks_with_somebody_after_a_mailbox() {
        let transfer = super::super::kit::transfer(member("anna", 141, 20));
        let rules = told_of(vec![Action::Answer, transfer, voicemail(Some(Prompt::Say(spoken("Hello."))))]);
        for asked in [false, true] {
            // Given a caller in a mailbox, after he was given to Anna in vain.
            let mut life = Life::answered(&rules);
            life.news(1, News::Placed);
            for _ in 0..20 {
                if life.phase() != "recording" {
                    life.wait();
                }
            }
            if asked {
                life.accept(Kind::Speak, 0);
                life.news(0, News::SpeechEnded);
                life.accept(Kind::Record, 0);
            }

            // When Anna picks up late, and they talk, and hang up; and no recording comes.
            life.news(1, News::Answered);
            assert_eq!((life.phase(), lost(&life)), ("talking", !asked));
            life.hangs_up(1, Cause::Normal);
            life.hangs_up(0, Cause::Normal);
            while life.deadline().is_some() {
                life.wait();
            }

            // Then nothing was missed.
            assert_eq!((life.phase(), told(&life)), ("ended", vec![]), "{asked}");
            assert!(life.call.messages.iter().all(|message| message.came == Came::Nothing));
        }
    }

    #[test]
    fn a_mailbox_that_takes_no_message_is_told_of_only_once_nobody_can_take_the_call_any_more() {
        let rules = told_of(vec![Action::Answer, voicemail(None), dial(member("anna", 141, 20)), Action::Hangup]);
        // Given a caller whose recording is refused, and who waits for Anna then.
        let mut life = Life::answered(&rules);
        life.refuse(Kind::Record, 0, Refusal::Invalid);
        life.dialled(1);
        assert_eq!((life.phase(), lost(&life), told(&life)), ("ringing", false, vec![]));
        let mut taken = life.clone();

        // When she does not take the call, then it was missed.
        life.sleep(2);
        life.hangs_up(1, Cause::Busy);
        assert_eq!(told(&life), ["https://one.example/ call.missed office None"]);
        assert_eq!(why(&life), Some("no message could be recorded"));
        life.hangs_up(0, Cause::Normal);
        assert_eq!((life.phase(), told(&life).len()), ("ended", 1));

        // When she does, then not.
        taken.news(1, News::Answered);
        taken.accept(Kind::Bridge, 0);
        taken.news(1, News::Bridged);
        assert_eq!(taken.phase(), "talking");
        taken.hangs_up(0, Cause::Normal);
        taken.hangs_up(1, Cause::Normal);
        assert_eq!((taken.phase(), told(&taken)), ("ended", vec![]));
    }
}
