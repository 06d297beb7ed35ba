//! What comes to the door: everything genuine is kept, nothing else leaves a trace.

use std::io::Write;
use std::thread;

use jiff::SignedDuration;
use serde_json::{Value, json};
use switchhook::sim::sign::KeyPair;

use crate::base::{Base, checkout, on_both};
use crate::post::{OLD_NUMBER, arrival, bytes, connect, fresh, now, post, send, send_part, signed, status};
use crate::server::{House, wait_for};
use crate::stub::Stub;

on_both! {
    nobody_else_can_sign
    a_signature_lasts_three_hundred_seconds
    a_body_cut_short_is_not_taken
    a_mebibyte_is_too_much
    what_cannot_be_read_is_kept_aside
    a_nul_harms_nothing
    an_event_of_tomorrow_is_kept_with_its_call
    another_event_under_the_same_id_is_kept_aside_and_told
    fifty_at_once_are_one
    every_event_ends_in_the_journal_under_its_call
    every_published_body_is_kept
}

fn nobody_else_can_sign(base: Base) {
    let stub = Stub::start();
    let house = House::new(base, &stub.url);
    let server = house.start();
    let body = bytes(&arrival(OLD_NUMBER));
    assert_eq!(post(server.address, &KeyPair::from_seed(0), &body), 401);
    let mut altered = signed(&house.key, now(), &body);
    *altered.last_mut().unwrap() ^= 1;
    assert_eq!(send(server.address, &altered), Some(401));
    let unsigned = String::from_utf8(signed(&house.key, now(), &body)).unwrap().replace("telnyx-", "x-");
    assert_eq!(send(server.address, unsigned.as_bytes()), Some(401));
    assert_eq!(house.base.kept(), 0);
    // A flood of refusals is one line.
    server.says("webhooks refused", 1);
    assert_eq!(post(server.address, &house.key, &body), 200);
    assert_eq!(house.base.journal().len(), 1);
}

fn a_signature_lasts_three_hundred_seconds(base: Base) {
    let stub = Stub::start();
    let house = House::new(base, &stub.url);
    let server = house.start();
    let body = bytes(&arrival(OLD_NUMBER));
    for seconds in [-301, 310] {
        let at = now().saturating_add(SignedDuration::from_secs(seconds)).unwrap();
        assert_eq!(send(server.address, &signed(&house.key, at, &body)), Some(401), "{seconds} s");
    }
    assert_eq!(house.base.kept(), 0);
    let at = now().saturating_add(SignedDuration::from_secs(-290)).unwrap();
    assert_eq!(send(server.address, &signed(&house.key, at, &body)), Some(200));
}

fn a_body_cut_short_is_not_taken(base: Base) {
    let stub = Stub::start();
    let house = House::new(base, &stub.url);
    let server = house.start();
    let body = bytes(&arrival(OLD_NUMBER));
    let whole = signed(&house.key, now(), &body);
    for missing in [1, body.len() / 2, body.len()] {
        let answer = send_part(server.address, &whole[..whole.len() - missing]);
        assert!(answer.is_none_or(|status| status == 400), "{answer:?}");
    }
    assert_eq!(house.base.kept(), 0);
    assert_eq!(send(server.address, &whole), Some(200));
}

fn a_mebibyte_is_too_much(base: Base) {
    let stub = Stub::start();
    let house = House::new(base, &stub.url);
    let server = house.start();
    let mut body = bytes(&arrival(OLD_NUMBER));
    body.resize(1024 * 1024, b' ');
    let request = signed(&house.key, now(), &body);
    let head = request.len() - body.len();
    // Refused on the strength of its head: nothing of the body is waited for.
    let mut line = connect(server.address).unwrap();
    line.write_all(&request[..head]).unwrap();
    assert_eq!(status(&mut line), Some(413));
    assert_eq!(house.base.kept(), 0);
}

fn what_cannot_be_read_is_kept_aside(base: Base) {
    let stub = Stub::start();
    let house = House::new(base, &stub.url);
    let server = house.start();
    let bodies: [&[u8]; 6] = [
        br#"{"data": {"id": "1", "event_type": "call.answered", "payload": "#,
        b"\xff\xfe{}",
        b"",
        br#"{"data": {"event_type": "call.answered"}}"#,
        br#"[]"#,
        b"{\"data\": {\"id\": \"1\x00\", \"event_type\": \"call.answered\"}}",
    ];
    for body in bodies {
        for _ in 0..2 {
            assert_eq!(post(server.address, &house.key, body), 200, "{body:?}");
        }
        let aside = house.base.quarantine();
        let kept: Vec<_> = aside.iter().filter(|row| row.raw == body).collect();
        assert_eq!(kept.len(), 1, "once, and byte for byte: {aside:?}");
        assert!(!kept[0].why.is_empty());
    }
    assert!(house.base.journal().is_empty() && stub.seen().is_empty());
    wait_for("the log tells it", || (server.said("quarantine").len() >= bodies.len()).then_some(()));
}

fn a_nul_harms_nothing(base: Base) {
    let stub = Stub::start();
    let house = House::new(base, &stub.url);
    let server = house.start();
    for field in ["from", "to", "caller_id_name", "call_session_id", "call_control_id", "client_state", "connection_id"]
    {
        let mut arrival = arrival(OLD_NUMBER);
        arrival["data"]["payload"][field] = json!("a\u{0}b");
        let body = bytes(&arrival);
        assert!(String::from_utf8_lossy(&body).contains("\\u0000"));
        assert_eq!(post(server.address, &house.key, &body), 200, "{field}");
        assert!(house.base.journal().iter().any(|entry| entry.raw == body), "{field}");
    }
    let mut named = arrival(OLD_NUMBER);
    named["data"]["event_type"] = json!("call.\u{0}new");
    assert_eq!(post(server.address, &house.key, &bytes(&named)), 200);
    assert!(house.base.journal().iter().any(|entry| entry.raw == bytes(&named)));
    assert!(house.base.quarantine().is_empty());
}

fn an_event_of_tomorrow_is_kept_with_its_call(base: Base) {
    let stub = Stub::start();
    let house = House::new(base, &stub.url);
    let server = house.start();
    let first = arrival(OLD_NUMBER);
    let mut unknown = first.clone();
    unknown["data"]["id"] = json!(fresh());
    unknown["data"]["event_type"] = json!("call.telepathy.started");
    for body in [&first, &unknown] {
        assert_eq!(post(server.address, &house.key, &bytes(body)), 200);
    }
    let journal = house.base.journal();
    let calls: Vec<_> =
        [&first, &unknown].map(|body| &journal.iter().find(|entry| entry.raw == bytes(body)).unwrap().call).to_vec();
    assert_eq!(calls[0], calls[1], "under its call");
}

fn another_event_under_the_same_id_is_kept_aside_and_told(base: Base) {
    let stub = Stub::start();
    let house = House::new(base, &stub.url);
    let server = house.start();
    let first = arrival(OLD_NUMBER);
    let mut other = first.clone();
    other["data"]["event_type"] = json!("call.hangup");
    let mut again = first.clone();
    again["meta"]["attempt"] = json!(2);
    for body in [&first, &other, &again, &other] {
        assert_eq!(post(server.address, &house.key, &bytes(body)), 200);
    }
    let journal = house.base.journal();
    assert_eq!(journal.len(), 1, "{journal:?}");
    assert_eq!(journal[0].raw, bytes(&first), "the first one counts");
    let aside = house.base.quarantine();
    assert_eq!(aside.len(), 1, "what differs in the delivery alone is no conflict: {aside:?}");
    assert_eq!(aside[0].raw, bytes(&other));
    let id = first["data"]["id"].as_str().unwrap();
    let told = wait_for("the log tells of it", || server.said(id).into_iter().find(|line| line["level"] == "WARN"));
    assert!(told.to_string().contains("another event came under the same id"), "{told}");
}

fn fifty_at_once_are_one(base: Base) {
    let stub = Stub::start();
    let house = House::new(base, &stub.url);
    let server = house.start();
    let body = bytes(&arrival(OLD_NUMBER));
    let statuses: Vec<u16> = thread::scope(|scope| {
        let posts: Vec<_> = (0..50).map(|_| scope.spawn(|| post(server.address, &house.key, &body))).collect();
        posts.into_iter().map(|post| post.join().unwrap()).collect()
    });
    assert_eq!(statuses, [200; 50]);
    assert_eq!(house.base.journal().len(), 1);
    let outbox = house.base.outbox();
    assert_eq!(outbox.iter().map(|row| row.kind.as_str()).collect::<Vec<_>>(), ["answer"]);
    wait_for("the command is settled", || house.base.outbox().iter().all(|row| row.status == "accepted").then_some(()));
    assert_eq!(stub.commands().len(), 1, "{:?}", stub.seen());
    assert!(house.base.quarantine().is_empty());
}

/// The bodies below a folder, by file.
fn bodies(folder: &std::path::Path) -> Vec<(String, Vec<u8>)> {
    let files = std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().path());
    let files = files.filter(|file| file.extension().is_some_and(|end| end == "json"));
    files.map(|file| (file.file_name().unwrap().to_str().unwrap().to_owned(), std::fs::read(&file).unwrap())).collect()
}

fn every_event_ends_in_the_journal_under_its_call(base: Base) {
    let stub = Stub::start();
    let house = House::new(base, &stub.url);
    let server = house.start();
    let mut bodies = bodies(&checkout("tests/fixtures/webhooks"));
    assert!(bodies.len() >= 59, "{}", bodies.len());
    // All of them tell of one call, which the first begins.
    bodies.sort_by_key(|(file, _)| (file != "call.initiated.json", file.clone()));
    for (file, body) in &bodies {
        assert_eq!(post(server.address, &house.key, body), 200, "{file}");
    }
    let journal = house.base.journal();
    let call = &journal.iter().find(|entry| entry.raw == bodies[0].1).unwrap().call;
    for (file, body) in &bodies {
        let told: Value = serde_json::from_slice(body).unwrap();
        let id = told.pointer("/data/id").or(told.get("id")).unwrap();
        let entry = journal.iter().find(|entry| id == entry.event.as_str());
        assert!(entry.is_some_and(|entry| entry.call == *call && entry.raw == *body), "{file}: {entry:?}");
    }
    assert_eq!(journal.len(), bodies.len());
    assert!(house.base.quarantine().is_empty());
}

fn every_published_body_is_kept(base: Base) {
    if !checkout("../shared").exists() {
        println!("SKIPPED: no published bodies beside the checkout");
        return;
    }
    let folder = checkout("../shared/telnyx/webhooks");
    let stub = Stub::start();
    let house = House::new(base, &stub.url);
    let server = house.start();
    let bodies = bodies(&folder);
    assert!(bodies.len() > 80, "{}", bodies.len());
    let (mut taken, mut aside) = (0, 0);
    for (file, body) in bodies {
        let mut body: Value = serde_json::from_slice(&body).unwrap();
        let inner = if body.get("data").is_some() { &mut body["data"] } else { &mut body };
        inner["id"] = json!(fresh());
        let session =
            ["call_session_id", "creator_call_session_id"].into_iter().find(|key| inner["payload"][key].is_string());
        if let Some(key) = session {
            inner["payload"][key] = json!(fresh());
        }
        let body = bytes(&body);
        assert_eq!(post(server.address, &house.key, &body), 200, "{file}");
        let journal = house.base.journal().iter().any(|entry| entry.raw == body && !entry.call.is_empty());
        let quarantine = house.base.quarantine().iter().any(|row| row.raw == body && !row.why.is_empty());
        assert!(journal != quarantine, "{file}: journal {journal}, quarantine {quarantine}");
        taken += usize::from(journal);
        aside += usize::from(quarantine);
    }
    assert!(taken > 70 && aside < 10, "{taken} taken, {aside} aside");
}
