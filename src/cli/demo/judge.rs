//! Whether a call came to what it must: the simulator's ledger says what happened, whatever we think of it.

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;

use super::names::Names;
use super::program::{Ending, Expect, LONGEST_DELAY};
use crate::sim::{CallOutcome, End, LONGEST_HELD};

/// How late a webhook may be: delayed, and then held until it changes places with the next.
const LATEST: Duration = LONGEST_DELAY.saturating_add(LONGEST_HELD);
/// The longest a phone may ring on after its caller has left: two seconds from when we can have heard of it.
const OUTLIVE: Duration = Duration::from_secs(2).saturating_add(LATEST);
/// The longest a phone may ring on after its caller was joined with somebody. We do not wait to hear of that: what
/// joins them is answered at once.
const RINGS_ON: Duration = Duration::from_secs(2);
/// The longest an answered caller may hear nothing: two seconds from when we can have heard that he is answered.
const SILENCE: Duration = Duration::from_secs(2).saturating_add(LATEST);

/// Everything that is not as it must be; nothing if all is well.
pub fn judge(expect: &Expect, outcome: &CallOutcome, joined: Option<Timestamp>, names: &Names) -> Vec<String> {
    let mut wrong = Vec::new();
    let end = outcome.end.map(ending);
    if end != Some(expect.end) {
        let was = end.map_or("still going on", Ending::word);
        wrong.push(format!("expected to be over as: {}; was: {was}", expect.end.word()));
    }
    let (expected, was) = (&expect.talks_with, &outcome.bridged_to);
    if expected != was {
        wrong.push(format!("expected to talk with {}; was {}", names.list(expected), names.list(was)));
    }
    let heard = outcome.heard.len() == expect.hears.len()
        && outcome.heard.iter().zip(&expect.hears).all(|(heard, words)| heard.contains(words));
    if !heard {
        wrong.push(format!("expected to hear {}; was {}", quoted(&expect.hears), quoted(&outcome.heard)));
    }
    let rang: BTreeSet<&String> =
        outcome.rings.iter().filter(|ring| ring.rang.is_some()).map(|ring| &ring.target).collect();
    let expected: BTreeSet<&String> = expect.rings.iter().collect();
    if rang != expected {
        wrong.push(format!("expected to ring {}; was {}", names.list(expected), names.list(rang)));
    }
    wrong.extend(ringing_on(outcome, joined, names));
    for silence in outcome.silences.iter().filter(|silence| silence.lasts() > SILENCE) {
        wrong.push(format!("the caller heard nothing for {:.1?}", silence.lasts()));
    }
    if outcome.most_effects > 1 {
        wrong.push(format!("a command took effect {} times", outcome.most_effects));
    }
    wrong
}

/// What the hook of the rules was not told as it must be: of a message where it is.
pub fn untold(expected: &[String], told: &[Value]) -> Option<String> {
    let kind = |notice: &Value| notice.get("type").and_then(Value::as_str).unwrap_or("?").to_owned();
    let kinds: Vec<String> = told.iter().map(kind).collect();
    if kinds != expected {
        return Some(format!("expected to be told: {}; was {}", quoted(expected), quoted(&kinds)));
    }
    let of_message = |notice: &&Value| kind(notice) == "call.voicemail";
    let linked = |notice: &Value| {
        let url = notice.pointer("/recording/url").and_then(Value::as_str);
        url.is_some_and(|url| url.starts_with("http"))
    };
    let bad = told.iter().find(|notice| of_message(notice) && !linked(notice))?;
    Some(format!("the notice does not say where the message is: {bad}"))
}

/// Whose phones rang although nobody waited any more: one answers, the others stop.
fn ringing_on(outcome: &CallOutcome, joined: Option<Timestamp>, names: &Names) -> Vec<String> {
    let mut wrong = Vec::new();
    for ring in outcome.rings.iter().filter(|ring| ring.rang.is_some() && ring.answered.is_none()) {
        let name = names.name(&ring.target);
        if ring.outlived > OUTLIVE {
            wrong.push(format!("{name} rang on for {:.1?} after the caller had left", ring.outlived));
        }
        let (Some(joined), Some(ended)) = (joined, ring.ended) else { continue };
        let after = Duration::try_from(ended.duration_since(joined)).unwrap_or_default();
        if after > RINGS_ON {
            wrong.push(format!("{name} rang on for {after:.1?} after the caller was joined"));
        }
    }
    wrong
}

/// How a caller's leg ended, in the words of the program.
pub fn ending(end: End) -> Ending {
    match end {
        End::Rejected(_) => Ending::Rejected,
        End::GaveUp => Ending::GivesUp,
        End::CallerLeft => Ending::Leaves,
        End::CalleeLeft => Ending::IsLeft,
        End::HungUp | End::Limit => Ending::HungUp,
    }
}

fn quoted(texts: &[String]) -> String {
    let texts: Vec<String> = texts.iter().map(|text| format!("“{text}”")).collect();
    if texts.is_empty() { "nothing".to_owned() } else { texts.join(", ") }
}
