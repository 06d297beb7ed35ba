//! Notices: whoever is to be told of a missed call is told, under one id however often, and what the outbox says of it
//! is what he heard.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::report::Report;
use crate::sources::{Call, Row, Sources};

/// Lines whose missed calls somebody is told of.
const WATCHED: [&str; 2] = ["+12025550100", "+12025550101"];

pub fn check(sources: &Sources, report: &mut Report) {
    let mut heard: BTreeMap<&str, BTreeMap<&str, bool>> = BTreeMap::new();
    for notice in &sources.notices {
        let text = |name: &str| notice.body.get(name).and_then(Value::as_str).unwrap_or_default();
        report.must(text("id") == notice.key && text("type") == "call.missed", || {
            format!("I16: a notice is known as {}, and says {}", notice.key, notice.body)
        });
        let taken = notice.status.is_some_and(|status| (200..300).contains(&status));
        *heard.entry(text("call")).or_default().entry(&notice.key).or_default() |= taken;
    }
    report.count("notices heard", sources.notices.len());
    let rows: Vec<&Row> = sources.outbox.iter().filter(|row| row.kind == "notify").collect();
    for row in &rows {
        let taken = heard.get(row.call.as_str()).and_then(|ids| ids.get(row.id.as_str())).copied().unwrap_or_default();
        report.must(row.status == "accepted" && taken, || {
            format!("I16: notice {} of call {} is {}, and was taken: {taken}", row.id, row.call, row.status)
        });
    }
    let bridged: BTreeSet<&str> =
        sources.ledger.entries.iter().filter(|entry| entry.is("bridged")).map(|entry| entry.session.as_str()).collect();
    for call in &sources.calls {
        let ids = heard.remove(call.id.as_str()).map_or(0, |ids| ids.len());
        report.must(ids <= 1, || format!("I4: call {} was told of under {ids} ids", call.id));
        let text = |at: &str| call.state.pointer(at).and_then(Value::as_str).unwrap_or_default();
        let talked = bridged.contains(text("/legs/0/session"));
        let watched = WATCHED.contains(&text("/to"));
        report.must(watched || ids == 0, || format!("I16: call {} is nobody's, and was told of", call.id));
        report.must(!watched || talked || ids == 1, || missing(call));
        report.count("missed calls told of", ids);
    }
    report.must(heard.is_empty(), || "I16: somebody was told of calls that are not there".to_owned());
}

fn missing(call: &Call) -> String {
    format!("I16: nobody talked in call {}, and nobody was told: {}", call.id, call.state)
}
