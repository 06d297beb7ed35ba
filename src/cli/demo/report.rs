//! What the demo says at its end: each call as a story, or all of it as JSON.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use anstyle::{AnsiColor, Style};
use serde_json::{Value, json};

use super::judge::{ending, judge, untold};
use super::names::Names;
use super::program::Ending;
use super::theatre::{Performance, Played};
use crate::call::{Chapter, Leg, LegState, What, story, told};
use crate::routing::Rules;

/// How the demo went.
pub struct Report {
    performance: Performance,
    /// Of each act, what is not as it must be.
    wrong: Vec<Vec<String>>,
}

impl Report {
    /// Judges what was played.
    pub fn new(performance: Performance) -> Self {
        let names = Names::of(&performance.rules);
        let wrong = performance.acts.iter().map(|played| wrong(played, &names)).collect();
        Self { performance, wrong }
    }

    /// Whether every call ended as it must.
    pub fn is_good(&self) -> bool {
        self.wrong.iter().all(Vec::is_empty)
    }

    /// 0 if it is good, else 1.
    pub fn exit_code(&self) -> u8 {
        u8::from(!self.is_good())
    }

    /// The stories, for people; with colours.
    pub fn text(&self) -> String {
        let mut text = String::new();
        for (played, wrong) in self.acts() {
            // Writing to a string cannot fail.
            let _ = writeln!(text, "\n{BOLD}{}{BOLD:#} — {}", played.act.script.name, mark(wrong));
            text.push_str(&coloured(&story(played.chapters(), &self.performance.rules)));
            for line in wrong {
                let _ = writeln!(text, "      {RED}!! {line}{RED:#}");
            }
        }
        let (calls, good) = (self.wrong.len(), self.wrong.iter().filter(|wrong| wrong.is_empty()).count());
        let seconds = self.performance.took.as_secs_f64();
        let _ = writeln!(text, "\n{good} of {calls} calls ended as their scripts say, in {seconds:.1} s.");
        text + &on_the_way(&self.performance.counts)
    }

    /// All of it, for machines.
    pub fn json(&self) -> Value {
        let calls: Vec<Value> =
            self.acts().map(|(played, wrong)| call(played, wrong, &self.performance.rules)).collect();
        let [late, twice, swapped] = mishaps(&self.performance.counts);
        json!({
            "good": self.is_good(),
            "seconds": self.performance.took.as_secs_f64(),
            "calls": calls,
            "webhooks": { "late": late, "twice": twice, "swapped": swapped },
        })
    }

    fn acts(&self) -> impl Iterator<Item = (&Played, &[String])> {
        self.performance.acts.iter().zip(self.wrong.iter().map(Vec::as_slice))
    }
}

const BOLD: Style = Style::new().bold();
const DIM: Style = Style::new().dimmed();
const RED: Style = AnsiColor::Red.on_default().bold();
const GREEN: Style = AnsiColor::Green.on_default();
const CYAN: Style = AnsiColor::Cyan.on_default();

impl Played {
    fn chapters(&self) -> &[Chapter] {
        self.kept.as_ref().map_or(&[], |kept| &kept.chapters)
    }
}

fn wrong(played: &Played, names: &Names) -> Vec<String> {
    let mut wrong = judge(&played.act.expect, &played.outcome, played.joined, names);
    wrong.extend(untold(&played.act.expect.told, &played.told));
    match &played.kept {
        Some(kept) => {
            let differs = kept.differs.iter();
            wrong.extend(
                differs.map(|differs| format!("decided again from the journal it comes out otherwise: {differs}")),
            );
        }
        None => wrong.push("the journal knows nothing of it".to_owned()),
    }
    wrong
}

fn mark(wrong: &[String]) -> String {
    if wrong.is_empty() { format!("{GREEN}ok{GREEN:#}") } else { format!("{RED}NOT AS EXPECTED{RED:#}") }
}

/// A story with its reasons in the background, and its commands before it.
fn coloured(story: &str) -> String {
    let mut style = Style::new();
    let lines = story.lines().map(|line| {
        let told = line.trim_start();
        style = match told.chars().next() {
            Some('-') => DIM,
            Some('>') => CYAN,
            Some(first) if first.is_ascii_digit() && told.contains("s  ") => Style::new(),
            // The rest of a long line.
            Some(_) | None => style,
        };
        format!("{style}{line}{style:#}\n")
    });
    lines.collect()
}

/// How many webhooks came late, twice, and after the next.
fn mishaps(counts: &BTreeMap<String, u64>) -> [u64; 3] {
    ["delay", "duplicate", "swap"].map(|name| counts.get(&format!("network.{name}")).copied().unwrap_or(0))
}

/// What became of webhooks on their way.
fn on_the_way(counts: &BTreeMap<String, u64>) -> String {
    let [late, twice, swapped] = mishaps(counts);
    format!("Of their webhooks {late} came late, {twice} twice, and {swapped} changed places with the next.\n")
}

fn call(played: &Played, wrong: &[String], rules: &Rules) -> Value {
    let last = played.chapters().last().map(|chapter| &chapter.decision.call);
    let legs: Vec<Value> = last.map(|call| call.legs.iter().map(leg).collect()).unwrap_or_default();
    let events: Vec<Value> = played.chapters().iter().map(event).collect();
    let commands: Vec<Value> = played
        .kept
        .iter()
        .flat_map(|kept| &kept.commands)
        .map(|row| json!({ "id": row.id.to_string(), "command": row.kind.word(), "leg": row.leg.0, "result": row.status, "code": row.code }))
        .collect();
    json!({
        "script": played.act.script.name,
        "call": last.map(|call| call.id.to_string()),
        "from": played.act.script.from,
        "to": played.act.script.to,
        "good": wrong.is_empty(),
        "wrong": wrong,
        "outcome": {
            "end": played.outcome.end.map(|end| Ending::word(ending(end))),
            "talked_with": played.outcome.bridged_to,
            "heard": played.outcome.heard,
            "told": played.told,
        },
        "legs": legs,
        "commands": commands,
        "events": events,
        "decisions": decisions(played, rules),
    })
}

fn decisions(played: &Played, rules: &Rules) -> Vec<Value> {
    let mut decisions = Vec::new();
    for chapter in played.chapters() {
        for remark in &chapter.decision.remarks {
            let (Some(at), Some(text)) = (remark.place(), told(remark, chapter, rules)) else { continue };
            let (file, place) = (rules.files.get(usize::from(at.file)), format!(" ({})", rules.place(at)));
            let text = text.strip_suffix(&place).unwrap_or(&text);
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

fn event(chapter: &Chapter) -> Value {
    let Chapter { at, event, decision } = chapter;
    let leg = match &event.what {
        What::Leg { who, .. } => decision.call.legs.iter().find(|leg| leg.handle.is_some() && leg.handle == who.handle),
        What::Settled(settled) => decision.call.leg(settled.leg),
        What::Due { .. } | What::Fault { .. } => None,
    };
    let what = match &event.what {
        What::Leg { news, .. } => json!(news),
        What::Settled(settled) => json!({ "settled": settled.kind.word(), "verdict": settled.verdict.word() }),
        What::Due { .. } => json!("due"),
        What::Fault { .. } => json!("fault"),
    };
    json!({ "at": at.to_string(), "id": event.id.0, "leg": leg.map(|leg| leg.no.0), "event": what })
}
