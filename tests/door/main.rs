//! The door for webhooks, over real sockets.

#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod house;

use std::collections::BTreeMap;
use std::io::Write;
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::{Signer, SigningKey};
use house::{
    Behaviour, Gate, Headers, House, Line, NOW, PATIENCE, chunked_request, closed, read_answer, request, send, sign,
};
use switchhook::http::{DoorLimits, Limits};
use tokio::time::Instant;

const BODY: &[u8] = include_bytes!("../fixtures/webhooks/call.initiated.json");
const SHORT: Duration = Duration::from_millis(50);

#[test]
fn a_genuine_webhook_is_taken_as_it_came() {
    let house = House::new();
    let answer = house.post(&sign(NOW, BODY), BODY);
    assert_eq!((answer.status, answer.body.as_slice()), (200, &b""[..]));
    let taken = house.intake.taken();
    assert_eq!(taken.len(), 1);
    assert_eq!(taken[0].1, BODY);
    assert!(!taken[0].0.stream.is_empty());
    assert_eq!(house.door.counts(), BTreeMap::from([("taken".to_owned(), 1)]));
}

#[test]
fn every_request_that_is_not_genuine_gets_the_same_answer() {
    let house = House::new();
    let good = sign(NOW, BODY);
    let mut altered = BODY.to_vec();
    altered[40] ^= 1;
    let signature = &good[0].1;
    let timestamp = &good[1].1;
    let other = SigningKey::from_bytes(&[8; 32]);
    let foreign = STANDARD.encode(other.sign(&[timestamp.as_bytes(), b"|", BODY].concat()).to_bytes());
    let headers = |signature: &str, timestamp: &str| {
        vec![("telnyx-signature-ed25519", signature.to_owned()), ("telnyx-timestamp", timestamp.to_owned())]
    };
    let cases: Vec<(&str, Headers, &[u8])> = vec![
        ("another key", headers(&foreign, timestamp), BODY),
        ("another body", good.clone(), &altered),
        ("another time", headers(signature, &(NOW + 1).to_string()), BODY),
        ("301 s old", sign(NOW - 301, BODY), BODY),
        ("301 s early", sign(NOW + 301, BODY), BODY),
        ("no headers", vec![], BODY),
        ("no signature", vec![good[1].clone()], BODY),
        ("no timestamp", vec![good[0].clone()], BODY),
        ("two signatures", vec![good[0].clone(), good[0].clone(), good[1].clone()], BODY),
        ("two timestamps", vec![good[0].clone(), good[1].clone(), good[1].clone()], BODY),
        ("empty signature", headers("", timestamp), BODY),
        ("no base64", headers("invalid_signature", timestamp), BODY),
        ("63 bytes", headers(&STANDARD.encode([1; 63]), timestamp), BODY),
        ("zeroes", headers(&STANDARD.encode([0; 64]), timestamp), BODY),
        ("a sign", headers(signature, &format!("+{timestamp}")), BODY),
        ("no number", headers(signature, "soon"), BODY),
        ("not ASCII", headers("ä", "١"), BODY),
        ("empty body", good.clone(), b""),
    ];
    let refused = cases.len() as u64;
    let mut first: Option<(u16, Vec<String>, Vec<u8>)> = None;
    for (what, headers, body) in cases {
        let answer = house.post(&headers, body);
        assert_eq!(answer.status, 401, "{what}");
        let told = (answer.status, answer.without_date(), answer.body);
        assert_eq!(*first.get_or_insert(told.clone()), told, "{what}");
    }
    assert!(house.intake.taken().is_empty() && house.intake.quarantined().is_empty());
    let counts = house.door.counts();
    assert_eq!(counts.values().sum::<u64>(), refused);
    for reason in ["missing", "doubled", "timestamp_form", "signature_form", "stale", "early", "no_match"] {
        assert!(counts.contains_key(reason), "{reason}");
    }
}

#[test]
fn three_hundred_seconds_either_way_are_still_good() {
    let house = House::new();
    for time in [NOW - 300, NOW + 300] {
        assert_eq!(house.post(&sign(time, BODY), BODY).status, 200);
    }
}

#[test]
fn what_is_genuine_but_no_event_is_put_aside_and_answered() {
    let house = House::new();
    for body in [&b"{\"data\":{\"id\":"[..], b"\xff\xfe", b"", b"{\"event_type\":\"call_initiated\"}"] {
        assert_eq!(house.post(&sign(NOW, body), body).status, 200);
        let kept = house.intake.quarantined();
        let (raw, why) = kept.last().unwrap();
        assert_eq!(raw, body);
        assert!(!why.is_empty());
    }
    assert!(house.intake.taken().is_empty());
    assert_eq!(house.door.counts()["quarantined"], 4);
}

#[test]
fn a_body_has_a_greatest_size() {
    let house = House::new();
    let most = DoorLimits::default().bytes;
    let padded = |size: usize| {
        let mut body = BODY.to_vec();
        body.resize(size, b' ');
        body
    };
    for chunked in [false, true] {
        for (size, status) in [(most, 200), (most + 1, 413), (1024 * 1024, 413)] {
            let body = padded(size);
            let mut line = house.connect();
            let request =
                if chunked { chunked_request(&sign(NOW, &body), &body) } else { request(&sign(NOW, &body), &body) };
            // It may close on us while we still send.
            let _ = line.get_mut().write_all(&request);
            assert_eq!(read_answer(&mut line).unwrap().status, status, "{size} bytes, chunked: {chunked}");
        }
    }
    assert_eq!(house.intake.taken().len(), 2);
}

#[test]
fn a_stated_size_that_is_too_large_is_refused_before_the_body() {
    let house = House::new();
    let mut line = house.connect();
    let head = "POST /webhooks/telnyx HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 1048576\r\n\r\n";
    line.get_mut().write_all(head.as_bytes()).unwrap();
    assert_eq!(read_answer(&mut line).unwrap().status, 413);
}

#[test]
fn a_body_cut_short_is_not_taken() {
    let house = House::new();
    let whole = request(&sign(NOW, BODY), BODY);
    for end in [whole.len() - 1, whole.len() - BODY.len()] {
        let mut line = house.connect();
        line.get_mut().write_all(&whole[..end]).unwrap();
        line.get_mut().shutdown(std::net::Shutdown::Write).unwrap();
        assert_ne!(read_answer(&mut line).map(|answer| answer.status), Some(200));
    }
    assert!(house.intake.taken().is_empty() && house.intake.quarantined().is_empty());
}

#[test]
fn there_is_one_url_for_webhooks_and_one_way_to_post() {
    let house = House::new();
    let ask = |text: &str| {
        let mut line = house.connect();
        line.get_mut().write_all(text.as_bytes()).unwrap();
        read_answer(&mut line).unwrap()
    };
    assert_eq!(ask("GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n").body, b"ok\n");
    for (line, status) in [
        ("GET /webhooks/telnyx", 405),
        ("PUT /webhooks/telnyx", 405),
        ("DELETE /webhooks/telnyx?event_type=call.answered", 405),
        ("POST /healthz", 405),
        ("POST /webhooks/telnyx/", 404),
        ("GET /", 404),
        ("GET /metrics", 404),
        ("GET /api/v1/calls", 404),
    ] {
        assert_eq!(ask(&format!("{line} HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n\r\n")).status, status, "{line}");
    }
    for (kind, status) in [
        ("content-type: application/json\r\n", 200),
        ("content-type: Application/JSON; charset=utf-8\r\ncontent-encoding: identity\r\n", 200),
        ("content-type: application/x-www-form-urlencoded\r\n", 415),
        ("content-type: text/plain\r\n", 415),
        ("", 415),
        ("content-type: application/json\r\ncontent-encoding: gzip\r\n", 415),
        ("content-type: application/json\r\ncontent-encoding: identity\r\ncontent-encoding: br\r\n", 415),
    ] {
        let mut line = house.connect();
        let mut head = format!("POST /webhooks/telnyx HTTP/1.1\r\nhost: x\r\n{kind}content-length: {}\r\n", BODY.len());
        for (name, value) in sign(NOW, BODY) {
            head += &format!("{name}: {value}\r\n");
        }
        line.get_mut().write_all(&[head.as_bytes(), b"\r\n", BODY].concat()).unwrap();
        assert_eq!(read_answer(&mut line).unwrap().status, status, "{kind}");
    }
    assert_eq!(house.intake.taken().len(), 2);
}

#[test]
fn heads_are_bounded() {
    let house = House::new();
    for extra in ["x: y\r\n".repeat(65), format!("x: {}\r\n", "y".repeat(17 * 1024))] {
        let mut line = house.connect();
        let _ = line.get_mut().write_all(format!("GET /healthz HTTP/1.1\r\n{extra}\r\n").as_bytes());
        assert_eq!(read_answer(&mut line).unwrap().status, 431);
        assert!(closed(&mut line));
    }
    let mut line = house.connect();
    let extra = "x: y\r\n".repeat(64);
    line.get_mut().write_all(format!("GET /healthz HTTP/1.1\r\n{extra}\r\n").as_bytes()).unwrap();
    assert_eq!(read_answer(&mut line).unwrap().status, 200);
}

#[test]
fn a_slow_head_is_not_waited_for() {
    let house = House::with(Behaviour::Keep, Limits { head: SHORT, ..Limits::default() }, DoorLimits::default());
    for begun in ["", "POST /webhooks/telnyx HTTP/1.1\r\nhost:"] {
        let start = Instant::now();
        let mut line = house.connect();
        line.get_mut().write_all(begun.as_bytes()).unwrap();
        assert!(closed(&mut line));
        assert!(start.elapsed() >= SHORT / 2, "{begun:?}: closed at once");
    }
    // One byte now and then does not help.
    let mut line = house.connect();
    let start = Instant::now();
    while line.get_mut().write_all(b"G").is_ok() {
        assert!(start.elapsed() < PATIENCE, "still open");
        std::thread::yield_now();
    }
}

#[test]
fn a_connection_may_rest_longer_than_a_head_may_take_but_not_for_ever() {
    // Long enough for a busy machine to send a head within it.
    let head = Duration::from_millis(300);
    let house = House::with(Behaviour::Keep, Limits { head, ..Limits::default() }, DoorLimits::default());
    let mut line = house.connect();
    assert_eq!(house.post_on(&mut line, &sign(NOW, BODY), BODY).status, 200);
    // The time that a head may take has passed when another connection was closed for it.
    assert!(closed(&mut house.connect()));
    assert_eq!(house.post_on(&mut line, &sign(NOW, BODY), BODY).status, 200);
    // And a head that begins after a rest has its own time, no more.
    line.get_mut().write_all(b"POST /webh").unwrap();
    assert!(closed(&mut line));

    let house = House::with(Behaviour::Keep, Limits { idle: SHORT, ..Limits::default() }, DoorLimits::default());
    let mut line = house.connect();
    assert_eq!(house.post_on(&mut line, &sign(NOW, BODY), BODY).status, 200);
    assert!(closed(&mut line));
}

#[test]
fn a_slow_body_is_not_waited_for() {
    let house = House::with(Behaviour::Keep, Limits::default(), DoorLimits { body: SHORT, ..DoorLimits::default() });
    let whole = request(&sign(NOW, BODY), BODY);
    let mut line = house.connect();
    line.get_mut().write_all(&whole[..whole.len() - 1]).unwrap();
    assert_eq!(read_answer(&mut line).unwrap().status, 408);
    assert!(closed(&mut line));
    assert!(house.intake.taken().is_empty());
}

#[test]
fn whoever_does_nothing_makes_room() {
    let limits = Limits { connections: 8, connections_per_source: 8, ..Limits::default() };
    let house = House::with(Behaviour::Keep, limits, DoorLimits::default());
    let mut silent: Vec<Line> = (0..50).map(|_| house.connect()).collect();
    for _ in 0..20 {
        assert_eq!(house.post(&sign(NOW, BODY), BODY).status, 200);
    }
    assert!(closed(&mut silent[0]));
}

#[test]
fn a_house_full_of_slow_bodies_takes_what_is_genuine() {
    let limits = Limits { connections: 200, connections_per_source: 200, ..Limits::default() };
    let house = House::with(Behaviour::Keep, limits, DoorLimits { body: PATIENCE, ..DoorLimits::default() });
    let forged = vec![
        ("telnyx-signature-ed25519", STANDARD.encode([1; 64])),
        ("telnyx-timestamp", NOW.to_string()),
        ("expect", "100-continue".to_owned()),
    ];
    let whole = request(&forged, BODY);
    let slow = || {
        let mut line = house.connect();
        line.get_mut().write_all(&whole[..whole.len() - BODY.len()]).unwrap();
        // Its body is waited for.
        assert_eq!(read_answer(&mut line).unwrap().status, 100);
        line
    };
    let mut lines: Vec<Line> = (0..200).map(|_| slow()).collect();
    for _ in 0..20 {
        assert_eq!(house.post(&sign(NOW, BODY), BODY).status, 200);
        lines.push(slow());
    }
    assert!(closed(&mut lines[0]), "the oldest made room");
    assert_eq!(house.intake.taken().len(), 20);
    assert_eq!(
        house.door.counts(),
        BTreeMap::from([("taken".to_owned(), 20)]),
        "none of them was waited for to its end"
    );
}

#[test]
fn a_flood_does_not_stop_what_is_genuine_from_the_same_source() {
    let limits = Limits { refusals: 20, ..Limits::default() };
    let house = House::with(Behaviour::Keep, limits, DoorLimits::default());
    let forged = vec![("telnyx-signature-ed25519", STANDARD.encode([1; 64])), ("telnyx-timestamp", NOW.to_string())];
    let flood = [request(&forged, BODY), request(&[], BODY)];
    // Until each refusal costs a connection.
    let mut tries = 0;
    while !send(house.address, &flood[0]).closes() {
        tries += 1;
        assert!(tries < 10_000, "refusals are not counted");
    }
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for request in flood.iter().cycle().take(4) {
            scope.spawn(|| {
                while !over.load(Ordering::Relaxed) {
                    assert_eq!(send(house.address, request).status, 401);
                }
            });
        }
        let statuses: Vec<u16> = (0..50).map(|_| house.post(&sign(NOW, BODY), BODY).status).collect();
        over.store(true, Ordering::Relaxed);
        assert_eq!(statuses, [200; 50]);
    });
    assert!(!house.post(&sign(NOW, BODY), BODY).closes());
    assert_eq!(house.intake.taken().len(), 51);
}

#[test]
fn genuine_requests_are_never_counted_against_their_source() {
    let limits = Limits { refusals: 1, refusals_per_second: 0, ..Limits::default() };
    let house = House::with(Behaviour::Keep, limits, DoorLimits::default());
    let mut line = house.connect();
    for _ in 0..50 {
        assert_eq!(house.post_on(&mut line, &sign(NOW, BODY), BODY).status, 200);
        assert_eq!(house.post_on(&mut line, &sign(NOW, b"{"), b"{").status, 200);
    }
    assert!(!house.post_on(&mut line, &[], BODY).closes());
    assert!(house.post_on(&mut line, &[], BODY).closes());
    assert!(closed(&mut line));
}

#[test]
fn who_cannot_keep_it_says_so() {
    let house = House::with(Behaviour::Busy, Limits::default(), DoorLimits::default());
    for body in [BODY, b"{"] {
        let answer = house.post(&sign(NOW, body), body);
        assert_eq!(answer.status, 503);
        assert!(answer.head.contains(&"retry-after: 1".to_owned()), "{:?}", answer.head);
    }
    assert_eq!(house.door.counts()["busy"], 2);
}

#[test]
fn an_answer_that_takes_too_long_is_503() {
    let (gate, _entered) = Gate::new();
    let house =
        House::with(Behaviour::Wait(gate), Limits::default(), DoorLimits { answer: SHORT, ..DoorLimits::default() });
    let start = Instant::now();
    assert_eq!(house.post(&sign(NOW, BODY), BODY).status, 503);
    assert!(start.elapsed() >= SHORT);
}

#[test]
fn two_requests_sent_at_once_have_two_answers() {
    let house = House::new();
    let mut line = house.connect();
    let one = request(&sign(NOW, BODY), BODY);
    line.get_mut().write_all(&[one.clone(), one].concat()).unwrap();
    for _ in 0..2 {
        assert_eq!(read_answer(&mut line).unwrap().status, 200);
    }
}

#[test]
fn a_sender_who_leaves_does_no_harm() {
    let (gate, entered) = Gate::new();
    let house = House::with(Behaviour::Wait(gate.clone()), Limits::default(), DoorLimits::default());
    let mut line = house.connect();
    line.get_mut().write_all(&request(&sign(NOW, BODY), BODY)).unwrap();
    entered.recv_timeout(PATIENCE).unwrap();
    drop(line);
    gate.open();
    assert_eq!(house.post(&sign(NOW, BODY), BODY).status, 200);
}

#[test]
fn a_stop_lets_requests_finish_and_takes_no_new_ones() {
    let (gate, entered) = Gate::new();
    let mut house = House::with(
        Behaviour::Wait(gate.clone()),
        Limits::default(),
        DoorLimits { answer: PATIENCE, ..DoorLimits::default() },
    );
    let mut resting = house.connect();
    resting.get_mut().write_all(b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n").unwrap();
    assert_eq!(read_answer(&mut resting).unwrap().status, 200);
    let mut line = house.connect();
    line.get_mut().write_all(&request(&sign(NOW, BODY), BODY)).unwrap();
    entered.recv_timeout(PATIENCE).unwrap();
    house.stop();
    // The listener has gone before the resting connection is closed.
    assert!(closed(&mut resting));
    assert!(TcpStream::connect(house.address).is_err());
    gate.open();
    let answer = read_answer(&mut line).unwrap();
    assert_eq!(answer.status, 200);
    assert!(closed(&mut line));
    assert_eq!(house.ended(), 0);
}

#[test]
fn whoever_had_connected_before_a_stop_may_still_ask() {
    let mut house = House::new();
    // Let in, or still waiting for it: nobody knows, and it is all the same.
    let mut lines: Vec<Line> = (0..20).map(|_| house.connect()).collect();
    let silent = house.connect();
    house.stop();
    for line in &mut lines {
        line.get_mut().write_all(&request(&sign(NOW, BODY), BODY)).unwrap();
    }
    for line in &mut lines {
        assert_eq!(read_answer(line).unwrap().status, 200);
        assert!(closed(line));
    }
    assert_eq!(house.ended(), 0, "who says nothing is not waited for");
    assert!(TcpStream::connect(house.address).is_err());
    drop(silent);
}

#[test]
fn a_stop_does_not_wait_for_ever() {
    let (gate, entered) = Gate::new();
    let limits = Limits { grace: SHORT, ..Limits::default() };
    let mut house =
        House::with(Behaviour::Wait(gate), limits, DoorLimits { answer: PATIENCE, ..DoorLimits::default() });
    let mut line = house.connect();
    line.get_mut().write_all(&request(&sign(NOW, BODY), BODY)).unwrap();
    entered.recv_timeout(PATIENCE).unwrap();
    house.stop();
    assert_eq!(house.ended(), 1);
    assert!(closed(&mut line));
}
