//! Commands: each is sent as it was decided, takes effect at most once, and none comes from nowhere.

use std::collections::{BTreeMap, BTreeSet};

use jiff::SignedDuration;

use crate::report::Report;
use crate::sources::{Row, Sent, Sources};

/// How long after it was accepted a command may still find that there is nothing left for it to do.
const LAG: SignedDuration = SignedDuration::from_secs(5);
/// What may become of a command.
const STATUSES: [&str; 8] = ["accepted", "refused", "unknown", "void", "alive", "gone", "listed", "recordings"];

pub fn check(sources: &Sources, report: &mut Report) {
    let rows: BTreeMap<&str, &Row> = sources.outbox.iter().map(|row| (row.id.as_str(), row)).collect();
    report.must(rows.len() == sources.outbox.len(), || "I4: two commands have one id".to_owned());
    let sent = came_from_the_outbox(sources, &rows, report);
    took_effect_once(sources, &rows, &sent, report);
    nobody_is_rung_twice(sources, &sent, report);
    decisions_agree(sources, report);
}

/// Whether this is how Telnyx calls a kind of command.
fn is_called(kind: &str, verb: &str) -> bool {
    match kind {
        "record" => verb == "record_start",
        "stop_record" => verb == "record_stop",
        _ => kind == verb,
    }
}

/// I4: what came to Telnyx is in the outbox, with the same bytes for the same address.
fn came_from_the_outbox<'s>(
    sources: &'s Sources,
    rows: &BTreeMap<&str, &Row>,
    report: &mut Report,
) -> BTreeMap<&'s str, Vec<&'s Sent>> {
    let mut sent: BTreeMap<&str, Vec<&Sent>> = BTreeMap::new();
    for command in &sources.ledger.commands {
        let id = command.command_id.as_deref().unwrap_or_default();
        match rows.get(id) {
            None => report.breaches.push(format!("I4: {} {id:?} came to Telnyx out of nowhere", command.verb)),
            Some(row) => {
                let path = command.path.strip_prefix("/v2").unwrap_or(&command.path);
                report.must(
                    row.sha256 == command.sha256 && row.path == path && is_called(&row.kind, &command.verb),
                    || format!("I4: command {id} was sent otherwise than it is in the outbox: {} {path}", command.verb),
                );
                sent.entry(id).or_default().push(command);
            }
        }
    }
    let times = |times: usize| sent.values().filter(|sent| sent.len() == times).count();
    report.count("commands sent once", times(1));
    report.count("commands sent again", sent.len() - times(1));
    report.count("repeats that Telnyx ignored", sources.ledger.commands.iter().filter(|sent| sent.repeated).count());
    sent
}

/// I4: no command takes effect twice; one that was accepted did once, unless there was nothing left to do.
fn took_effect_once(
    sources: &Sources,
    rows: &BTreeMap<&str, &Row>,
    sent: &BTreeMap<&str, Vec<&Sent>>,
    report: &mut Report,
) {
    for (id, times) in &sources.ledger.effects {
        report.must(*times <= 1, || format!("I4: command {id} took effect {times} times"));
    }
    for (id, row) in rows {
        let sent = sent.get(id).map(Vec::as_slice).unwrap_or_default();
        let effects = sent.iter().filter(|command| command.took_effect.is_some()).count();
        report.must(effects <= 1, || format!("I4: command {id} took effect {effects} times"));
        report.count(format!("effects of those {}", row.status), effects);
        // A notice is not for Telnyx.
        if row.status != "accepted" || row.kind == "notify" {
            continue;
        }
        report.must(sent.iter().any(|command| command.accepted()), || format!("I4: command {id} was never accepted"));
        if effects == 1 {
        } else if sent.iter().any(|command| command.swallowed) {
            report.count("accepted and swallowed by Telnyx", 1);
        } else if sent.iter().any(|command| was_so(sources, command)) {
            report.count("accepted, and it was so already", 1);
        } else if sent.iter().any(|command| nothing_left(sources, row, command)) {
            report.count("accepted, and their leg ended first", 1);
        } else {
            report.breaches.push(format!("I4: {} {id} was accepted and took no effect", row.kind));
        }
    }
}

/// Whether somebody was asked to pick up who had been, or was by then; or a recording was to end that had ended by then, or
/// never begun.
fn was_so(sources: &Sources, command: &Sent) -> bool {
    let entries = sources.ledger.entries.iter();
    let mut of_leg =
        entries.filter(|entry| Some(entry.leg) == command.leg && entry.at.duration_since(command.at) <= LAG);
    match command.verb.as_str() {
        "answer" => of_leg.any(|entry| entry.is("answered")),
        "record_stop" => {
            let last = of_leg.rfind(|entry| entry.is("records") || entry.is("recording_ended"));
            last.is_none_or(|last| last.is("recording_ended"))
        }
        _ => false,
    }
}

/// Whether a leg that the command is about ended before it can have been carried out: its own, and for a bridge the one
/// it is to be joined with. A dial is about none.
fn nothing_left(sources: &Sources, row: &Row, command: &Sent) -> bool {
    let joined = row.with.as_deref().and_then(|handle| sources.leg(handle));
    let about: Vec<u32> =
        if command.verb == "dial" { Vec::new() } else { command.leg.into_iter().chain(joined).collect() };
    let mut ends = sources.ledger.entries.iter().filter(|entry| entry.is("hung_up") && about.contains(&entry.leg));
    ends.any(|end| end.at >= command.at && end.at.duration_since(command.at) <= LAG)
}

/// I4 again, whatever the ids: no step of these rules rings the same person a second time, so no call may.
fn nobody_is_rung_twice(sources: &Sources, sent: &BTreeMap<&str, Vec<&Sent>>, report: &mut Report) {
    let mut rung: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    for row in &sources.outbox {
        let sent = sent.get(row.id.as_str()).map(Vec::as_slice).unwrap_or_default();
        if let Some(to) = row.to.as_deref().filter(|_| sent.iter().any(|command| command.took_effect.is_some())) {
            *rung.entry((&row.call, to)).or_default() += 1;
        }
    }
    for ((call, to), times) in &rung {
        report.must(*times == 1, || format!("I4: call {call} rang {to} {times} times"));
    }
    report.count("people rung", rung.len());
}

/// I16: the commands of a call are as many as it says it wanted, numbered without a gap, each of a decision that is in
/// the journal; and each of them has come to something.
fn decisions_agree(sources: &Sources, report: &mut Report) {
    let mut rows: BTreeMap<&str, Vec<&Row>> = BTreeMap::new();
    for row in &sources.outbox {
        rows.entry(&row.call).or_default().push(row);
        report.must(STATUSES.contains(&row.status.as_str()), || format!("I16: command {} is {}", row.id, row.status));
        report.count(format!("commands {}", row.status), 1);
    }
    let decided: BTreeSet<(&str, i64)> =
        sources.journal.iter().map(|entry| (entry.call.as_str(), entry.version)).collect();
    let mut wanted = 0;
    for call in &sources.calls {
        let rows = rows.remove(call.id.as_str()).unwrap_or_default();
        let says = call.state.get("commands").and_then(serde_json::Value::as_u64).unwrap_or(u64::MAX);
        wanted += usize::try_from(says).unwrap();
        report.must((1..).zip(&rows).all(|(place, row)| place == row.seq) && rows.len() as u64 == says, || {
            format!("I16: call {} wanted {says} commands, and has {}", call.id, rows.len())
        });
        report.must(rows.iter().all(|row| decided.contains(&(call.id.as_str(), row.version))), || {
            format!("I16: a command of call {} belongs to no decision", call.id)
        });
    }
    report.must(rows.is_empty(), || "I16: there are commands of calls that are not there".to_owned());
    report.must(wanted == sources.outbox.len(), || {
        format!("I16: {wanted} commands were decided, and {} are in the outbox", sources.outbox.len())
    });
    report.count("commands decided", wanted);
}
