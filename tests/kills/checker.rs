//! The checker: what the simulator says it was answered and what took effect there, against what is in the database.
//! It knows nothing of the server but its tables.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::left::{Left, Row};

/// What was counted, and what was found broken.
#[derive(Debug, Default)]
pub struct Report {
    pub counts: BTreeMap<&'static str, usize>,
    pub breaches: Vec<String>,
}

impl Report {
    fn count(&mut self, what: &'static str, n: usize) {
        self.counts.insert(what, n);
    }

    fn must(&mut self, holds: bool, breach: impl FnOnce() -> String) {
        if !holds {
            self.breaches.push(breach());
        }
    }
}

/// Checks everything.
pub fn check(told: &Value, left: &Left) -> Report {
    let mut report = Report::default();
    let ledger = &told["ledger"];
    no_event_is_lost(ledger, left, &mut report);
    every_call_is_whole(left, &mut report);
    no_effect_is_doubled(ledger, left, &mut report);
    nobody_is_rung_twice(ledger, left, &mut report);
    nothing_is_open(told, left, &mut report);
    report
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// I1, I16: every webhook that was answered with 200 is in the journal once; and nothing is there that was never sent.
fn no_event_is_lost(ledger: &Value, left: &Left, report: &mut Report) {
    let posts = list(&ledger["posts"]);
    let sent: BTreeSet<&str> = posts.iter().map(|post| text(&post["event_id"])).collect();
    let taken: BTreeSet<&str> =
        posts.iter().filter(|post| post["fate"] == "taken").map(|post| text(&post["event_id"])).collect();
    let mut kept: BTreeMap<&str, usize> = BTreeMap::new();
    for (_, _, event, _) in left.journal.iter().filter(|(_, _, _, by_webhook)| *by_webhook) {
        *kept.entry(event).or_default() += 1;
    }
    for event in &taken {
        report.must(kept.contains_key(event), || format!("I1: event {event} was answered with 200 and is not kept"));
    }
    for (event, times) in &kept {
        report.must(*times == 1, || format!("I1: event {event} is in the journal {times} times"));
        report.must(sent.contains(event), || format!("I16: event {event} was never sent"));
    }
    report.must(left.aside == 0, || format!("I1: {} bodies were put aside", left.aside));
    report.count("events answered with 200", taken.len());
    report.count("events kept", kept.len());
    report.must(!taken.is_empty(), || "nothing was taken at all".to_owned());
}

/// I2, I16: versions of a call are numbered without a gap, and so are its commands.
fn every_call_is_whole(left: &Left, report: &mut Report) {
    let mut versions: BTreeMap<&str, Vec<i64>> = BTreeMap::new();
    for (call, version, _, _) in &left.journal {
        versions.entry(call).or_default().push(*version);
    }
    let mut places: BTreeMap<&str, Vec<i64>> = BTreeMap::new();
    for row in &left.outbox {
        places.entry(&row.call).or_default().push(row.seq);
    }
    for (call, (_, version, _)) in &left.calls {
        let decided = versions.remove(call.as_str()).unwrap_or_default();
        report.must(decided == (1..=*version).collect::<Vec<_>>(), || {
            format!("I16: call {call} is at version {version}, and its journal has {decided:?}")
        });
        let commands = places.remove(call.as_str()).unwrap_or_default();
        report.must((1..).zip(&commands).all(|(place, seq)| place == *seq), || {
            format!("I16: the commands of call {call} are numbered {commands:?}")
        });
    }
    report.must(versions.is_empty() && places.is_empty(), || "I16: rows of calls that are not there".to_owned());
    report.count("calls", left.calls.len());
    report.count("decisions", left.journal.len());
}

/// I4: no command took effect twice, none came from nowhere, and what is said to be accepted was.
fn no_effect_is_doubled(ledger: &Value, left: &Left, report: &mut Report) {
    let rows: BTreeMap<&str, &Row> = left.outbox.iter().map(|row| (row.id.as_str(), row)).collect();
    let empty = serde_json::Map::new();
    for (id, times) in ledger["effects"].as_object().unwrap_or(&empty) {
        report.must(times.as_u64() <= Some(1), || format!("I4: command {id} took effect {times} times"));
    }
    let mut accepted: BTreeSet<&str> = BTreeSet::new();
    let mut repeated = 0;
    for command in list(&ledger["commands"]) {
        let Some(id) = command["command_id"].as_str() else { continue };
        let known = rows.get(id).is_some_and(|row| row.kind == text(&command["verb"]));
        report.must(known, || format!("I4: command {id} {} is not in the outbox", command["verb"]));
        if command["status"].as_u64().is_some_and(|status| (200..300).contains(&status)) {
            accepted.insert(id);
        }
        repeated += usize::from(command["repeated"] == true);
    }
    for row in left.outbox.iter().filter(|row| row.status == "accepted" && row.kind != "look") {
        report.must(accepted.contains(row.id.as_str()), || format!("I4: command {} was never accepted", row.id));
    }
    report.count("commands", left.outbox.len());
    report.count("repeats that Telnyx ignored", repeated);
}

/// I4 again, whatever the ids: no step of these rules rings the same person a second time, so no call may.
fn nobody_is_rung_twice(ledger: &Value, left: &Left, report: &mut Report) {
    let took_effect: BTreeSet<&str> = list(&ledger["commands"])
        .iter()
        .filter(|command| !command["took_effect"].is_null())
        .filter_map(|command| command["command_id"].as_str())
        .collect();
    let mut rung: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    for row in left.outbox.iter().filter(|row| took_effect.contains(row.id.as_str())) {
        if let Some(to) = &row.to {
            *rung.entry((&row.call, to)).or_default() += 1;
        }
    }
    for ((call, to), times) in &rung {
        report.must(*times == 1, || format!("I4: call {call} rang {to} {times} times"));
    }
    report.count("people rung", rung.len());
}

/// I6: everything came to its end, here and there.
fn nothing_is_open(told: &Value, left: &Left, report: &mut Report) {
    for (call, (phase, _, wake_at)) in &left.calls {
        report.must(phase == "ended" && wake_at.is_none(), || format!("I6: call {call} is {phase}"));
    }
    for row in &left.outbox {
        report.must(row.status != "open", || format!("I16: command {} is open", row.id));
    }
    for call in list(&told["calls"]) {
        report.must(!call["ended"].is_null(), || format!("I6: caller {} is still there", call["call"]));
    }
    report.count("callers", list(&told["calls"]).len());
}
