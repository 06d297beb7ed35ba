//! What must hold of messages: each that was saved is kept and is what was asked for, nobody is recorded twice for one, for
//! longer than he may be or while he talks with somebody.

use std::time::Duration;

use jiff::Timestamp;

use super::agenda::later;
use super::judge::{Bound, Case};
use super::memory::Kept;
use crate::call::{Call, Came, Chapter, Message, Verb, Verdict, What as Happened};
use crate::sim::{Entry, What};

/// A recording that goes on once it is to be over, or while the caller talks with somebody.
const RECORDED_ON: Bound = Bound::secs(3, 12);

/// One recording of the caller.
struct Stretch {
    from: Timestamp,
    to: Timestamp,
    /// How long it may last, if we asked for it.
    most: Option<Duration>,
}

pub(super) fn messages(case: &Case<'_>, kept: Option<&Kept>, broken: &mut Vec<String>) {
    let stretches = stretches(case);
    for stretch in &stretches {
        let Some(most) = stretch.most else {
            broken.push("a caller is recorded, and nobody has asked for it".to_owned());
            continue;
        };
        if !case.keeps(later(stretch.from, most), stretch.to, RECORDED_ON) {
            broken.push(format!("a caller is recorded for more than {most:.1?}"));
        }
        let talks = case.entries.iter().filter(|entry| Some(entry.leg) == case.caller);
        let talks = talks.filter(|entry| matches!(entry.what, What::Bridged { .. })).map(|entry| entry.at);
        let within = |at: &Timestamp| *at < stretch.to;
        if talks.filter(within).any(|at| !case.keeps(at.max(stretch.from), stretch.to, RECORDED_ON)) {
            broken.push("a caller is recorded while he talks with somebody".to_owned());
        }
    }
    let Some(kept) = kept else { return };
    let messages = &kept.call.messages;
    if stretches.len() > messages.len() {
        broken.push(format!("a caller is recorded {} times for {} messages", stretches.len(), messages.len()));
    }
    let recorded = messages.iter().filter(|message| matches!(message.came, Came::Recorded(_))).count();
    if recorded < case.saved {
        broken.push(format!("of {} messages that were saved, {recorded} are kept", case.saved));
    }
    if messages.iter().any(|message| message.came == Came::Waited) {
        broken.push("a message is waited for, and the call is at rest".to_owned());
    }
    if (0..messages.len()).any(|index| is_of_another(case, index)) {
        broken.push("a recording that nobody asked for is kept as a message".to_owned());
    }
    if messages.iter().any(|message| is_left_there(case, &kept.call, message)) {
        broken.push("a message is given up that could be found at Telnyx".to_owned());
    }
}

/// Whether nothing was kept of a message that was saved by the time its look-up was asked for and answered, or was to be.
fn is_left_there(case: &Case<'_>, call: &Call, message: &Message) -> bool {
    let Some((command, _)) = message.asked.filter(|_| message.came == Came::Nothing) else { return false };
    let by_it = |at| case.took_effect(at, "record_start").contains(&command.to_string());
    let begun = case
        .entries
        .iter()
        .filter(|entry| by_it(entry.at))
        .find_map(|entry| if let What::Records { recording } = entry.what { Some(recording) } else { None });
    let saved = |entry: &&&Entry| matches!(entry.what, What::RecordingSaved { recording } if Some(recording) == begun);
    let Some(saved) = case.entries.iter().find(saved).map(|entry| entry.at) else { return false };
    let Some((lookup, asked)) = message.sought else {
        // Nothing can be looked for that has no name.
        return call.caller().is_some_and(|leg| leg.id.is_some());
    };
    let answered = |chapter: &Chapter| match &chapter.event.what {
        Happened::Settled(settled) => {
            settled.command == lookup && matches!(settled.verdict, Verdict::Recordings { .. })
        }
        Happened::Leg { .. } | Happened::Due { .. } | Happened::Fault { .. } => false,
    };
    saved < asked && case.chapters.iter().any(answered)
}

/// Whether something was taken for a message that we never asked for, once we had been told what we asked for.
fn is_of_another(case: &Case<'_>, index: usize) -> bool {
    let came = |chapter: &Chapter| {
        let message = chapter.decision.call.messages.get(index)?;
        if let Came::Recorded(tape) = &message.came { Some((message.asked?.0, tape.id.clone()?)) } else { None }
    };
    let Some(at) = case.chapters.iter().position(|chapter| came(chapter).is_some()) else { return false };
    let Some((command, id)) = case.chapters.get(at).and_then(came) else { return false };
    let ours = |entry: &Entry| matches!(entry.what, What::Records { recording } if recording.to_string() == id);
    let named = |chapter: &Chapter| match &chapter.event.what {
        Happened::Settled(settled) if settled.command == command => {
            matches!(settled.verdict, Verdict::Accepted { recording: Some(_), .. })
        }
        Happened::Settled(_) | Happened::Leg { .. } | Happened::Due { .. } | Happened::Fault { .. } => false,
    };
    case.chapters.iter().take(at).any(named) && !case.entries.iter().any(|entry| ours(entry))
}

fn stretches(case: &Case<'_>) -> Vec<Stretch> {
    let begins = case.entries.iter().filter_map(|entry| {
        if let What::Records { recording } = entry.what { Some((entry.at, recording)) } else { None }
    });
    let ends = |recording| {
        let end = |what: &What| *what == What::RecordingEnded { recording };
        case.entries.iter().find(|entry| end(&entry.what)).map_or(Timestamp::MAX, |entry| entry.at)
    };
    begins.map(|(from, recording)| Stretch { from, to: ends(recording), most: most(case, from) }).collect()
}

/// The longest message that was asked for by the command which took effect then.
fn most(case: &Case<'_>, at: Timestamp) -> Option<Duration> {
    let ids = case.took_effect(at, "record_start");
    let commands = case.chapters.iter().flat_map(|chapter| &chapter.decision.commands);
    commands
        .filter(|command| ids.contains(&command.id.to_string()))
        .find_map(|command| if let Verb::Record { max_length, .. } = &command.verb { Some(*max_length) } else { None })
}
