//! Webhooks: what was acknowledged is kept, once and byte for byte; what is genuine is never turned away.

use std::collections::{BTreeMap, BTreeSet};

use crate::report::Report;
use crate::sources::{Post, Sources};

/// How far the stamp of a webhook may be from our time.
const TOLERANCE_SECS: i64 = 300;

pub fn check(sources: &Sources, report: &mut Report) {
    let mut posts: BTreeMap<&str, Vec<&Post>> = BTreeMap::new();
    for post in &sources.posts {
        posts.entry(&post.event).or_default().push(post);
    }
    acknowledged_is_kept(sources, &posts, report);
    kept_was_sent(sources, &posts, report);
    genuine_is_let_in(sources, report);
}

/// I1: every event that was answered 2xx is kept exactly once, with the bytes of a post that came before that answer.
fn acknowledged_is_kept(sources: &Sources, posts: &BTreeMap<&str, Vec<&Post>>, report: &mut Report) {
    let mut kept: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for entry in &sources.journal {
        if let Some(sha256) = &entry.sha256 {
            kept.entry(&entry.event).or_default().push(sha256);
        }
    }
    let mut acknowledged = 0;
    for (event, posts) in posts {
        let Some(first) = posts.iter().filter(|post| post.acknowledged()).map(|post| post.answered_at).min() else {
            continue;
        };
        acknowledged += 1;
        let sent: BTreeSet<&str> =
            posts.iter().filter(|post| post.sent_at <= first).map(|post| post.sha256.as_str()).collect();
        let aside = sources.aside.iter().map(String::as_str).filter(|sha256| sent.contains(sha256));
        let rows: Vec<&str> = kept.get(event).into_iter().flatten().copied().chain(aside).collect();
        report.must(rows.len() == 1, || format!("I1: event {event} was acknowledged and is kept {} times", rows.len()));
        report.must(rows.iter().all(|sha256| sent.contains(sha256)), || {
            format!("I1: event {event} is kept with other bytes than were sent")
        });
    }
    report.must(acknowledged > 0, || "I1: nothing was acknowledged at all".to_owned());
    report.count("events acknowledged", acknowledged);
}

/// I16: what is kept was sent: acknowledged events, and those whose sender did not hear of it. None is kept in part.
fn kept_was_sent(sources: &Sources, posts: &BTreeMap<&str, Vec<&Post>>, report: &mut Report) {
    let calls: BTreeSet<&str> = sources.calls.iter().map(|call| call.id.as_str()).collect();
    let (mut heard, mut unheard) = (0, 0);
    for entry in &sources.journal {
        report.must(calls.contains(entry.call.as_str()), || {
            format!("I1: event {} is kept, and its call {} is not", entry.event, entry.call)
        });
        let Some(sha256) = &entry.sha256 else { continue };
        let of_event = posts.get(entry.event.as_str()).map(Vec::as_slice).unwrap_or_default();
        let sent = of_event.iter().any(|post| post.sha256 == *sha256);
        report.must(sent, || format!("I16: event {} is kept as nobody sent it", entry.event));
        if of_event.iter().any(|post| post.acknowledged()) {
            heard += 1;
        } else {
            unheard += 1;
        }
    }
    let sent: BTreeSet<&str> = sources.posts.iter().map(|post| post.sha256.as_str()).collect();
    for sha256 in &sources.aside {
        report.must(sent.contains(sha256.as_str()), || format!("I16: a body {sha256} was put aside and never sent"));
    }
    report.count("events kept and acknowledged", heard);
    report.count("events kept, their sender none the wiser", unheard);
    report.count("bodies put aside", sources.aside.len());
    let acknowledged = posts.values().filter(|posts| posts.iter().any(|post| post.acknowledged())).count();
    report.must(heard + sources.aside.len() >= acknowledged, || {
        format!("I16: {acknowledged} events were acknowledged, {heard} of them are in the journal")
    });
}

/// I2: nothing genuine whose stamp is inside the tolerance is answered 4xx.
fn genuine_is_let_in(sources: &Sources, report: &mut Report) {
    for post in &sources.posts {
        let inside = (post.stamp - post.sent_at / 1_000).abs() <= TOLERANCE_SECS;
        let refused = post.status.is_some_and(|status| (400..500).contains(&status));
        report.must(!(inside && refused), || format!("I2: event {} was answered {:?}", post.event, post.status));
        let word = post.status.map_or("without an answer".to_owned(), |status| format!("answered {status}"));
        report.count(format!("posts {word}"), 1);
    }
}
