//! A call told as a story: what happened, what was decided and by which line of the rules, what was done.
//!
//! The journal alone is enough: its events are decided again, and what comes out is told.

use std::fmt::Write as _;

use jiff::Timestamp;

use super::command::{Command, Heard, Verb};
use super::decide::{Decision, decide};
use super::event::{Cause, Entered, Event, News, Refusal, Settled, Verdict, What};
use super::ids::{CallId, LegNo};
use super::leg::{Leg, Role};
use super::notice::{Notice, NoticeKind};
use super::remark::{EndWhy, Ignored, Remark};
use super::state::Call;
use crate::phone::Target;
use crate::routing::{Outcome, Place, Rules};

/// One event of a call and all that came of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Chapter {
    /// When it was decided.
    pub at: Timestamp,
    /// What happened.
    pub event: Event,
    /// What came of it.
    pub decision: Decision,
}

/// Decides a call's events again, as the journal has them, in order.
pub fn replay<'a>(id: CallId, rules: &Rules, journal: impl Iterator<Item = (Timestamp, &'a Event)>) -> Vec<Chapter> {
    let mut chapters: Vec<Chapter> = Vec::new();
    for (at, event) in journal {
        let call = match chapters.last() {
            Some(chapter) => chapter.decision.call.clone(),
            None => Call::new(id, rules.hash.clone(), at),
        };
        let decision = decide(call, event, rules, at);
        chapters.push(Chapter { at, event: event.clone(), decision });
    }
    chapters
}

/// Columns of a line.
const WIDTH: usize = 80;

/// The story in lines of 80 columns: seconds since the call began, then what happened, `-` why, `>` what was asked for.
/// Events that changed nothing are left out, and so is what another line says already.
pub fn story(chapters: &[Chapter], rules: &Rules) -> String {
    let mut text = String::new();
    let Some(first) = chapters.first() else { return text };
    for chapter in chapters {
        let Some(scene) = scene(chapter, rules) else { continue };
        let since = chapter.at.duration_since(first.at).as_secs_f64();
        put(&mut text, &format!("{since:>6.1}s  "), &scene.happened);
        scene.remarks.iter().for_each(|remark| put(&mut text, "         - ", remark));
        scene.commands.iter().for_each(|command| put(&mut text, "         > ", command));
    }
    text
}

/// A chapter in words.
struct Scene {
    happened: String,
    remarks: Vec<String>,
    commands: Vec<String>,
}

/// `None` if there is nothing to tell.
fn scene(chapter: &Chapter, rules: &Rules) -> Option<Scene> {
    let Decision { call, commands, remarks } = &chapter.decision;
    let happened = happened(&chapter.event, call);
    let ignored = remarks.iter().any(|remark| matches!(remark, Remark::Ignored { .. }));
    let remarks: Vec<String> = remarks
        .iter()
        .filter(|remark| !is_said(remark, &happened, &chapter.decision))
        .filter_map(|remark| told(remark, chapter, rules))
        .collect();
    let nothing_but_itself = remarks.is_empty() && is_minor(&chapter.event);
    if commands.is_empty() && (ignored || nothing_but_itself) {
        return None;
    }
    Some(Scene { happened, remarks, commands: commands.iter().map(|command| asked(command, call)).collect() })
}

/// Whether other lines of the same chapter say what this remark says.
fn is_said(remark: &Remark, happened: &str, decision: &Decision) -> bool {
    let dials = |verb: &Verb| matches!(verb, Verb::Dial { .. } | Verb::Transfer { .. });
    if let Remark::Takes { name } | Remark::Out { name, .. } = remark {
        return happened.strip_prefix(name.as_str()).is_some_and(|rest| rest.starts_with(' '));
    }
    if matches!(remark, Remark::Rings { .. }) {
        return decision.commands.iter().any(|command| dials(&command.verb));
    }
    let gone = matches!(remark, Remark::CallerGone { .. } | Remark::PartyGone { .. });
    gone && decision.remarks.iter().any(|other| matches!(other, Remark::Ends { .. }))
}

/// Whether an event is worth a line only for what came of it.
fn is_minor(event: &Event) -> bool {
    match &event.what {
        What::Due { .. } => true,
        What::Settled(settled) => matches!(settled.verdict, Verdict::Accepted { .. }),
        What::Leg { news, .. } => matches!(news, News::Bridged | News::Pressed { .. }),
        What::Fault { .. } => false,
    }
}

/// Adds a line, in several if it is long.
fn put(text: &mut String, head: &str, line: &str) {
    let indent = head.chars().count();
    text.push_str(head);
    let mut column = indent;
    for (index, word) in line.split(' ').enumerate() {
        let length = word.chars().count();
        if index > 0 && column + 1 + length > WIDTH {
            // Writing to a string cannot fail.
            let _ = write!(text, "\n{:indent$}", "");
            column = indent;
        } else if index > 0 {
            text.push(' ');
            column += 1;
        }
        text.push_str(word);
        column += length;
    }
    text.push('\n');
}

fn name(call: &Call, leg: LegNo) -> &str {
    call.leg(leg).map_or("somebody", |leg| leg.name())
}

/// `anna (+12025550111)`, or the number alone where nobody has given it a name.
fn at(name: &str, target: &Target) -> String {
    if name == target.as_str() { name.to_owned() } else { format!("{name} ({target})") }
}

fn happened(event: &Event, call: &Call) -> String {
    match &event.what {
        What::Due { .. } => "time is up".to_owned(),
        What::Fault { .. } => "an event could not be decided".to_owned(),
        What::Settled(settled) => outcome(settled, call),
        What::Leg { who, news } => {
            let known = call.legs.iter().find(|leg| leg.handle.is_some() && leg.handle == who.handle);
            news_of(news, known)
        }
    }
}

fn news_of(news: &News, leg: Option<&Leg>) -> String {
    let who = leg.map_or("somebody", |leg| leg.name());
    let is_caller = leg.is_some_and(|leg| leg.role == Role::Caller);
    let by_us = leg.is_some_and(|leg| leg.stop.as_ref().is_some_and(|stop| stop.asked.is_some()));
    let unheard = leg.is_some_and(|leg| leg.answered_at().is_none());
    match news {
        News::Arrived { from, to, hops: 0 } => format!("{from} calls {to}"),
        News::Arrived { from, to, hops: 1 } => format!("{from} calls {to}, passed on to us once"),
        News::Arrived { from, to, hops } => format!("{from} calls {to}, passed on to us {hops} times"),
        News::Placed => format!("{who} is being rung"),
        News::Answered if is_caller => format!("{who} is answered"),
        News::Answered => format!("{who} picks up"),
        News::Bridged => format!("{who} is joined"),
        News::HungUp { .. } if by_us && is_caller && unheard => format!("{who} is turned away"),
        News::HungUp { .. } if by_us => format!("{who} is hung up"),
        News::HungUp { cause: Cause::Cancelled } if !is_caller => format!("{who} rings no more"),
        News::HungUp { cause } => format!("{who} {}", ended(*cause)),
        News::SpeechStarted => "the text is being spoken".to_owned(),
        News::SpeechEnded => "the text has been spoken".to_owned(),
        News::PlaybackStarted { .. } => "the audio is being played".to_owned(),
        News::PlaybackEnded { played: true } => "the audio has been played".to_owned(),
        News::PlaybackEnded { played: false } => "the audio could not be played".to_owned(),
        News::Pressed { key, .. } => format!("{who} presses {key}"),
        News::Gathered { entered: Entered::Key(key), .. } => format!("{who} has pressed {key}"),
        News::Gathered { entered: Entered::Other, .. } => format!("{who} has pressed something"),
        News::Gathered { entered: Entered::Nothing, .. } => format!("{who} has pressed nothing"),
        News::Recorded(_) => "the recording is saved".to_owned(),
        News::RecordingFailed => "the recording could not be saved".to_owned(),
        News::Other { name } => name.clone(),
    }
}

fn outcome(settled: &Settled, call: &Call) -> String {
    let (kind, whom) = (settled.kind, name(call, settled.leg));
    if let Some(notice) = call.notices.iter().find(|notice| notice.command == settled.command) {
        let host = &notice.host;
        return match &settled.verdict {
            Verdict::Refused { code, .. } => format!("{host} could not be told ({code})"),
            Verdict::Accepted { .. } | Verdict::Void | Verdict::Unknown => format!("{host} is told"),
            Verdict::Found { .. } | Verdict::Listed { .. } | Verdict::Recordings { .. } => format!("{host} is told"),
        };
    }
    match &settled.verdict {
        Verdict::Accepted { .. } => format!("{kind} for {whom} accepted"),
        Verdict::Refused { why, code } => format!("{kind} for {whom} refused: {} ({code})", refusal(*why)),
        Verdict::Unknown => format!("{kind} for {whom}: no answer"),
        Verdict::Void => format!("{kind} for {whom}: not needed any more"),
        Verdict::Listed { legs, .. } => format!("legs of this call that live: {}", legs.len()),
        Verdict::Recordings { tapes } => format!("recordings of {whom} that are saved: {}", tapes.len()),
        Verdict::Found { alive } => format!("{whom} is {}", if *alive { "still there" } else { "gone" }),
    }
}

fn refusal(why: Refusal) -> &'static str {
    match why {
        Refusal::Ended => "the leg is over",
        Refusal::NotAnswered => "not answered yet",
        Refusal::Limit => "no more channels",
        Refusal::Key => "our key may not",
        Refusal::Invalid => "not allowed or not valid",
        Refusal::Unavailable => "it could not be done for now",
        Refusal::Stopped => "the operator has stopped it",
    }
}

fn ended(cause: Cause) -> &'static str {
    match cause {
        Cause::Normal => "hangs up",
        Cause::Cancelled => "gives up",
        Cause::Busy => "is busy",
        Cause::Declined => "declines",
        Cause::NoAnswer => "does not answer",
        Cause::TimeLimit => "has talked as long as a call may last",
        Cause::Failed => "cannot be reached",
    }
}

fn asked(command: &Command, call: &Call) -> String {
    let leg = name(call, command.leg);
    match &command.verb {
        Verb::Answer { .. } => "answer the caller".to_owned(),
        Verb::Reject { .. } => "reject the caller".to_owned(),
        Verb::Hangup { .. } => format!("hang up {leg}"),
        Verb::Dial { to, from, .. } => format!("dial {}, showing {from}", at(leg, to)),
        Verb::Bridge { with, .. } => {
            let other = call.legs.iter().find(|leg| leg.handle.as_ref() == Some(with)).map_or("?", |leg| leg.name());
            format!("bridge the caller with {other}")
        }
        Verb::Transfer { to, from, target_tag, .. } => {
            format!("transfer to {}, showing {from}", at(name(call, target_tag.leg), to))
        }
        Verb::Speak { text, .. } => format!("say “{text}”"),
        Verb::Play { url, .. } => format!("play {url}"),
        Verb::Gather { prompt: Heard::Text { text, .. }, timeout, .. } => {
            format!("say “{text}” and wait {}s for a key", timeout.as_secs())
        }
        Verb::Gather { prompt: Heard::Audio { url }, timeout, .. } => {
            format!("play {url} and wait {}s for a key", timeout.as_secs())
        }
        Verb::Record { max_length, .. } => format!("record a message of {}s at most", max_length.as_secs()),
        Verb::StopRecord { .. } => "stop the recording".to_owned(),
        Verb::StopPlay { .. } => "stop the audio".to_owned(),
        Verb::Look { .. } => format!("ask whether {leg} is still there"),
        Verb::Find { .. } => format!("look for {leg} among all that live"),
        Verb::Recordings { .. } => format!("ask which recordings of {leg} are saved"),
        Verb::Notify { to, notice } => format!("tell {} {}", to.host(), of_what(notice)),
    }
}

fn of_what(notice: &Notice) -> String {
    let mailbox = notice.mailbox.as_ref().map(|name| format!(" in `{name}`")).unwrap_or_default();
    match notice.kind {
        NoticeKind::Missed => format!("that the call was missed{mailbox}: {}", notice.why),
        NoticeKind::Voicemail => format!("of a message{mailbox}"),
    }
}

/// A remark of a chapter as a sentence, with its line of the rules; `None` for those that only confirm what happened.
pub fn told(remark: &Remark, chapter: &Chapter, rules: &Rules) -> Option<String> {
    let place = |at: &Place| rules.place(*at);
    Some(match remark {
        Remark::RouteChosen { route, at } => format!("route `{route}` ({})", place(at)),
        Remark::NoRoute => "no line takes calls to this number".to_owned(),
        Remark::StepBegan { at, step } => format!("step `{}` ({})", step.word(), place(at)),
        Remark::StepSkipped { at } => format!("passed over: {} ({})", why_skipped(*at, chapter, rules), place(at)),
        Remark::StepEnded { at, outcome } => format!("the step ends: {} ({})", outcome_word(*outcome), place(at)),
        Remark::KeyPressed { at, key } => format!("key `{key}` ({})", place(at)),
        Remark::WrongKey { at, key: Some(key) } => format!("key {key} leads nowhere ({})", place(at)),
        Remark::WrongKey { at, key: None } => format!("no key that leads anywhere ({})", place(at)),
        Remark::NoKey { at } => format!("no key ({})", place(at)),
        Remark::MessageLeft { at, seconds: Some(n) } => format!("a message of {n}s is left ({})", place(at)),
        Remark::MessageLeft { at, seconds: None } => format!("a message is left ({})", place(at)),
        Remark::MessageLost { at } => format!("no message is left ({})", place(at)),
        Remark::ListEnded { at } => format!("no step is left ({})", place(at)),
        Remark::Rings { name, .. } => format!("{name} is to be rung"),
        Remark::Forbidden { name, why } => format!("{name} may not be rung: {why} ({})", why.code()),
        Remark::Out { name, outcome } => format!("{name}: {}", outcome_word(*outcome)),
        Remark::Takes { name } => format!("{name} takes the call"),
        Remark::Connected { name } => format!("the caller talks with {name}"),
        Remark::OnceMore { name, own_number: true } => {
            format!("{name} is tried once more, with our own number shown")
        }
        Remark::OnceMore { name, own_number: false } => {
            format!("{name} is tried once more, not linked to the caller")
        }
        Remark::WaitedLong => "it has rung for long: the caller is picked up to hear ringing from us".to_owned(),
        Remark::Apologises => "something went wrong on our side: the caller is told so".to_owned(),
        Remark::CallerGone { .. } => "the caller is gone".to_owned(),
        Remark::PartyGone { name } => format!("{name} is gone"),
        Remark::Ends { why } => format!("the call ends: {}", end(*why)),
        Remark::Over => "the call is over".to_owned(),
        Remark::Refused { .. } | Remark::Unanswered { .. } => return None,
        Remark::NothingCame { kind } => format!("nothing came of {kind}"),
        Remark::LegLost { leg } => format!("no word of leg {}: taken for gone", leg.0),
        Remark::SaidGone { leg } => format!("leg {} may be over: it is looked at once more", leg.0),
        Remark::LegFound { leg } => format!("leg {} shows itself after all, and is hung up", leg.0),
        Remark::Ignored { why } => format!("ignored: {}", ignored(*why)),
    })
}

/// Why the guard of a step did not hold. Where several steps of a line may be meant, only that it did not.
fn why_skipped(at: Place, chapter: &Chapter, rules: &Rules) -> String {
    let (from, to) = (&chapter.decision.call.from, &chapter.decision.call.to);
    let guards = rules.steps.iter().filter(|step| step.at == at).filter_map(|step| step.when.as_ref());
    let failed = guards.filter(|when| !when.holds(from, to, chapter.at));
    let mut reasons: Vec<String> = failed.map(|when| when.why(from, to, chapter.at)).collect();
    reasons.dedup();
    match reasons.as_slice() {
        [only] => only.clone(),
        [] | [_, ..] => "its `when` does not hold".to_owned(),
    }
}

fn ignored(why: Ignored) -> &'static str {
    match why {
        Ignored::Late => "it comes late",
        Ignored::Twice => "it is known already",
        Ignored::NotOurs => "it is of a leg that is not ours",
        Ignored::NothingToDo => "nothing depends on it",
        Ignored::Stale => "nobody waits for it any more",
    }
}

fn outcome_word(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Busy => "busy",
        Outcome::NoAnswer => "no answer",
        Outcome::Declined => "declined",
        Outcome::Failed => "not reached",
        Outcome::Invalid => "a wrong key at last",
        Outcome::Exhausted => "nothing chosen",
    }
}

fn end(why: EndWhy) -> &'static str {
    match why {
        EndWhy::CallerGone => "the caller is gone",
        EndWhy::PartyGone => "the other party is gone",
        EndWhy::Step => "the rules say so",
        EndWhy::ListEnded => "no step is left",
        EndWhy::NoRoute => "no line takes it",
        EndWhy::TooLong => "it lasted as long as a call may",
        EndWhy::Fault => "something went wrong on our side",
    }
}
