//! What the demo prints at its end: each call as a story, or all of it as JSON.

use serde_json::{Value, json};

use super::judge::{ending, judge};
use super::program::Ending;
use super::theatre::{Performance, Played};
use crate::call::{Leg, LegState, What, story, told};
use crate::routing::Rules;

/// Whether every call came to what it must.
pub fn is_good(performance: &Performance) -> bool {
    performance.acts.iter().all(|played| judge(&played.act.expect, &played.outcome).is_empty() && is_told(played))
}

/// A call without a journal was never ours.
fn is_told(played: &Played) -> bool {
    !played.chapters.is_empty()
}

/// The stories, for people.
pub fn text(performance: &Performance, rules: &Rules) -> String {
    let mut text = String::new();
    for played in &performance.acts {
        let wrong = judge(&played.act.expect, &played.outcome);
        let mark = if wrong.is_empty() && is_told(played) { "ok" } else { "NOT AS EXPECTED" };
        text.push_str(&format!("\n{} — {mark}\n", played.act.script.name));
        text.push_str(&story(&played.chapters, rules));
        for line in wrong {
            text.push_str(&format!("   !! {line}\n"));
        }
        if !is_told(played) {
            text.push_str("   !! the journal knows nothing of it\n");
        }
    }
    let mishaps: Vec<String> =
        performance.mishaps.iter().map(|(name, n)| format!("{} {n}", name.replace("network.", ""))).collect();
    let good = performance.acts.iter().filter(|played| judge(&played.act.expect, &played.outcome).is_empty()).count();
    text.push_str(&format!(
        "\n{good} of {} calls ended as their scripts say, in {:.1} s. Webhooks on the way: {}.\n",
        performance.acts.len(),
        performance.took.as_secs_f64(),
        if mishaps.is_empty() { "none late, doubled or swapped".to_owned() } else { mishaps.join(", ") },
    ));
    text
}

/// All of it, for machines.
pub fn json(performance: &Performance, rules: &Rules) -> Value {
    let calls: Vec<Value> = performance.acts.iter().map(|played| call(played, rules)).collect();
    json!({ "good": is_good(performance), "seconds": performance.took.as_secs_f64(), "calls": calls })
}

fn call(played: &Played, rules: &Rules) -> Value {
    let wrong = judge(&played.act.expect, &played.outcome);
    let last = played.chapters.last().map(|chapter| &chapter.decision.call);
    let legs: Vec<Value> = last.map(|call| call.legs.iter().map(leg).collect()).unwrap_or_default();
    let events: Vec<Value> = played
        .chapters
        .iter()
        .map(|chapter| json!({ "at": chapter.at.to_string(), "id": chapter.event.id.0, "event": word(&chapter.event.what) }))
        .collect();
    let commands: Vec<Value> = played
        .commands
        .iter()
        .map(|row| json!({ "id": row.id.to_string(), "command": row.kind.word(), "leg": row.leg.0, "result": row.status, "code": row.code }))
        .collect();
    json!({
        "script": played.act.script.name,
        "call": last.map(|call| call.id.to_string()),
        "from": played.act.script.from,
        "to": played.act.script.to,
        "good": wrong.is_empty() && is_told(played),
        "wrong": wrong,
        "outcome": {
            "end": played.outcome.end.map(|end| Ending::word(ending(end))),
            "talked_with": played.outcome.bridged_to,
            "heard": played.outcome.heard,
        },
        "legs": legs,
        "commands": commands,
        "events": events,
        "decisions": decisions(played, rules),
    })
}

fn decisions(played: &Played, rules: &Rules) -> Vec<Value> {
    let mut decisions = Vec::new();
    for chapter in &played.chapters {
        for remark in &chapter.decision.remarks {
            let (Some(at), Some(text)) = (remark.place(), told(remark, rules)) else { continue };
            let file = rules.files.get(usize::from(at.file));
            decisions.push(json!({ "at": chapter.at.to_string(), "file": file, "line": at.line, "decision": text }));
        }
    }
    decisions
}

fn leg(leg: &Leg) -> Value {
    let cause = match leg.state {
        LegState::Ended { cause, .. } => json!(cause),
        LegState::Dialled | LegState::Ringing | LegState::Answered { .. } => Value::Null,
    };
    json!({ "leg": leg.no.0, "name": leg.name(), "answered": leg.answered_at().is_some(), "ended": cause })
}

fn word(what: &What) -> Value {
    match what {
        What::Leg { news, .. } => json!(news),
        What::Settled(settled) => json!({ "settled": settled.kind.word(), "verdict": settled.verdict.word() }),
        What::Due { .. } => json!("due"),
        What::Fault { .. } => json!("fault"),
    }
}
