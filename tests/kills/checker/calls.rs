//! Calls: every one comes to its end, here as there, and its books agree.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;

use crate::report::Report;
use crate::sources::{Call, Orders, Sources};

pub fn check(sources: &Sources, orders: &Orders, report: &mut Report) {
    every_call_has_a_deadline(sources, report);
    every_call_is_whole(sources, report);
    what_ended_there_ended_here(sources, orders, report);
}

/// I6: a call that lives has a deadline; and in the end none lives.
fn every_call_has_a_deadline(sources: &Sources, report: &mut Report) {
    for Call { id, phase, wake_at, .. } in &sources.calls {
        let over = phase == "ended";
        report.must(over || wake_at.is_some(), || format!("I6: call {id} is {phase} and has no deadline"));
        report.must(over && wake_at.is_none(), || format!("I6: call {id} is {phase} and waits for {wake_at:?}"));
    }
}

/// I16: versions of a call are numbered without a gap; and a call that has ended has a row for each of its legs.
fn every_call_is_whole(sources: &Sources, report: &mut Report) {
    let mut versions: BTreeMap<&str, Vec<i64>> = BTreeMap::new();
    for entry in &sources.journal {
        versions.entry(&entry.call).or_default().push(entry.version);
    }
    let (mut legs, mut hangups) = (0, 0);
    for call in &sources.calls {
        let decided = versions.remove(call.id.as_str()).unwrap_or_default();
        report.must(decided == (1..=call.version).collect::<Vec<_>>(), || {
            format!("I16: call {} is at version {}, and its journal has {decided:?}", call.id, call.version)
        });
        for leg in call.state.get("legs").and_then(Value::as_array).into_iter().flatten() {
            let no = leg.get("no").and_then(Value::as_i64).unwrap_or(-1);
            let ended = leg.pointer("/state/ended").is_some();
            // Asked for, never heard of, and given up: there is nothing to tell of it.
            if leg.get("lost").is_some_and(|lost| lost == true) && leg.get("handle").is_none() && !ended {
                report.count("legs that never were", 1);
                continue;
            }
            legs += 1;
            hangups += usize::from(no == 0 && ended);
            report.must(ended && sources.legs.contains(&(call.id.clone(), no)), || {
                format!("I16: leg {no} of call {} has not ended, or has no row of its own: {}", call.id, call.state)
            });
        }
    }
    report.must(versions.is_empty(), || "I16: there are decisions of calls that are not there".to_owned());
    report.must(legs == sources.legs.len(), || {
        format!("I16: the calls have {legs} legs, and there are {} rows of legs", sources.legs.len())
    });
    let ended = sources.calls.iter().filter(|call| call.phase == "ended").count();
    report.must(ended == hangups, || format!("I16: {ended} calls have ended, and {hangups} callers' legs"));
    report.count("calls", sources.calls.len());
    report.count("calls ended", ended);
    report.count("legs", legs);
    report.count("decisions", sources.journal.len());
}

/// I6: a caller who is gone there is gone here soon after, or soon after the last harm; and all are gone there.
fn what_ended_there_ended_here(sources: &Sources, orders: &Orders, report: &mut Report) {
    let heard_of: BTreeSet<&str> =
        sources.posts.iter().filter(|post| post.acknowledged()).map(|post| post.session.as_str()).collect();
    let mut ours: BTreeMap<&str, &Call> = BTreeMap::new();
    for call in &sources.calls {
        if let Some(session) = call.state.pointer("/legs/0/session").and_then(Value::as_str) {
            ours.insert(session, call);
        }
    }
    let ended: BTreeMap<u32, Timestamp> =
        sources.ledger.entries.iter().filter(|entry| entry.is("hung_up")).map(|entry| (entry.leg, entry.at)).collect();
    let legs: BTreeSet<u32> = sources.ledger.entries.iter().map(|entry| entry.leg).collect();
    report.must(legs.iter().all(|leg| ended.contains_key(leg)), || "I6: somebody is still there".to_owned());
    let (mut callers, mut longest) = (0, Duration::ZERO);
    for arrived in sources.ledger.entries.iter().filter(|entry| entry.is("arrived")) {
        let session = arrived.session.as_str();
        callers += 1;
        let Some(call) = ours.get(session) else {
            report.must(!heard_of.contains(session), || format!("I6: session {session} is no call of ours"));
            report.count("callers we were never told of", 1);
            continue;
        };
        let since = call.state.pointer("/phase/ended/since").and_then(Value::as_str);
        let Some(since) = since.and_then(|since| since.parse::<Timestamp>().ok()) else { continue };
        let Some(ended) = ended.get(&arrived.leg) else { continue };
        let known_by = orders.calm_since.map_or(*ended, |calm| calm.max(*ended));
        let late = Duration::try_from(since.duration_since(known_by)).unwrap_or_default();
        longest = longest.max(late);
        report.must(late <= orders.ended_within, || {
            format!("I6: call {} ended {late:?} after its caller was gone and all was well", call.id)
        });
    }
    report.count("callers", callers);
    report.count(
        "ms after a caller's end, or the last harm, ours came, at most",
        usize::try_from(longest.as_millis()).unwrap(),
    );
}
