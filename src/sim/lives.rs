//! Whole lives of calls, as they are published: which webhooks come, in which order, and what is in them.

use serde_json::{Value, json};

use super::stage::{ANNA, BEN, CALLER, CLEO, LINE, SECOND, Stage, answers, script};
use super::{Callee, End, Side};

fn has(payload: &Value, key: &str) -> bool {
    payload.as_object().unwrap().contains_key(key)
}

#[test]
fn a_caller_who_is_answered_hears_a_text_and_hangs_up() {
    let mut stage = Stage::new(&script().patience(20 * SECOND));
    stage.answer();
    let a = stage.a();
    stage.ok(&a, "speak", json!({"payload": "Welcome to the simulator.", "voice": "female"}));
    stage.run(30 * SECOND);
    let expected =
        ["A call.initiated", "A call.answered", "A call.speak.started", "A call.speak.ended", "A call.hangup"];
    assert_eq!(stage.story(), expected);

    let initiated = stage.payload("A call.initiated");
    assert_eq!(initiated["direction"], "incoming");
    assert_eq!(initiated["state"], "parked");
    assert_eq!((&initiated["from"], &initiated["to"]), (&json!(CALLER), &json!(LINE)));
    assert_eq!(initiated["start_time"], "2026-03-09T10:00:00.000000Z");
    assert_eq!(initiated["client_state"], Value::Null);
    let id = initiated["call_control_id"].as_str().unwrap();
    assert!(id.starts_with("v3:") && id.len() == 57, "{id}");

    let hangup = stage.payload("A call.hangup");
    assert_eq!(hangup["hangup_cause"], "normal_clearing");
    assert_eq!(hangup["hangup_source"], "caller");
    assert_eq!(hangup["sip_hangup_cause"], "200");
    assert_eq!(hangup["call_quality_stats"]["inbound"]["mos"], "4.50");
    assert_eq!(hangup["start_time"], initiated["start_time"]);
    assert!(has(&hangup, "end_time") && hangup["telnyx_error"].is_null());
    for line in expected {
        let payload = stage.payload(line);
        assert_eq!(has(&payload, "direction"), line == "A call.initiated", "{line}");
        assert_eq!(has(&payload, "state"), line == "A call.initiated", "{line}");
        assert_eq!(payload["call_control_id"], initiated["call_control_id"]);
        assert_eq!(payload["call_session_id"], initiated["call_session_id"]);
    }
    let outcome = stage.outcome();
    assert_eq!((outcome.end, outcome.heard), (Some(End::GaveUp), vec!["Welcome to the simulator.".to_owned()]));
}

#[test]
fn a_caller_nobody_answers_gives_up() {
    let mut stage = Stage::new(&script().patience(9 * SECOND));
    stage.run(20 * SECOND);
    assert_eq!(stage.story(), ["A call.initiated", "A call.hangup"]);
    let hangup = stage.payload("A call.hangup");
    let told = [&hangup["hangup_cause"], &hangup["hangup_source"], &hangup["sip_hangup_cause"]];
    assert_eq!(told, ["originator_cancel", "caller", "487"]);
    assert!(has(&hangup, "call_quality_stats") && hangup["call_quality_stats"].is_null());
    assert_eq!(stage.code(&stage.a(), "answer", json!({})), "90018");
    assert_eq!(stage.outcome().end, Some(End::GaveUp));
}

#[test]
fn a_caller_is_rejected() {
    for (cause, expected) in [("USER_BUSY", "user_busy"), ("CALL_REJECTED", "call_rejected")] {
        let mut stage = Stage::new(&script());
        stage.ok(&stage.a(), "reject", json!({"cause": cause}));
        stage.run(SECOND);
        assert_eq!(stage.story(), ["A call.initiated", "A call.hangup"]);
        assert_eq!(stage.payload("A call.hangup")["hangup_cause"], expected);
        assert_eq!(stage.outcome().end, Some(End::Rejected(expected)));
    }
}

#[test]
fn a_dial_ends_as_the_one_who_is_rung_wants() {
    let after = SECOND;
    let ends = [
        (Callee::Busy { after }, "user_busy", "486"),
        (Callee::Declines { after }, "call_rejected", "603"),
        (Callee::NotFound { after }, "not_found", "404"),
        (Callee::Fails { after }, "unspecified", "503"),
        (Callee::RingsOut, "timeout", "487"),
    ];
    for (callee, cause, sip) in ends {
        let mut stage = Stage::new(&script().callee(ANNA, callee.clone()));
        let b = stage.dial(ANNA);
        stage.run(40 * SECOND);
        assert_eq!(stage.story(), ["A call.initiated", "B call.initiated", "B call.hangup"], "{callee:?}");
        let hangup = stage.payload("B call.hangup");
        assert_eq!((&hangup["hangup_cause"], &hangup["sip_hangup_cause"]), (&json!(cause), &json!(sip)));
        assert!(!stage.alive(&b));
        assert!(stage.alive(&stage.a()), "the caller still waits");
    }
}

#[test]
fn a_dialled_leg_tells_who_it_is() {
    let mut stage = Stage::new(&script().callee(ANNA, answers(3)));
    let mut body = stage.dial_of(ANNA);
    body["client_state"] = json!("bGVnIDE=");
    let (_, answer) = stage.ask("POST", "/calls", &body);
    assert_eq!((&answer["data"]["record_type"], &answer["data"]["is_alive"]), (&json!("call"), &json!(false)));
    stage.run_to("B call.answered");
    let initiated = stage.payload("B call.initiated");
    assert_eq!((&initiated["direction"], &initiated["state"]), (&json!("outgoing"), &json!("bridging")));
    assert_eq!(initiated["client_state"], "bGVnIDE=");
    assert_eq!(initiated["call_session_id"], stage.payload("A call.initiated")["call_session_id"]);
    assert_eq!(initiated["call_control_id"], answer["data"]["call_control_id"]);
    let answered = stage.payload("B call.answered");
    assert_eq!(answered["client_state"], "bGVnIDE=");
    assert!(!has(&answered, "direction") && !has(&answered, "state"));
}

#[test]
fn a_ring_without_repeats_ends_as_no_answer() {
    let mut stage = Stage::new(&script());
    let mut body = stage.dial_of(ANNA);
    body["timeout_secs"] = json!(12);
    body["retry_on_timeout"] = json!(false);
    stage.ask("POST", "/v2/calls", &body);
    stage.run(12 * SECOND);
    assert_eq!(stage.story(), ["A call.initiated", "B call.initiated"]);
    stage.run(SECOND);
    assert_eq!(stage.payload("B call.hangup")["hangup_cause"], "no_answer");
}

#[test]
fn a_transfer_tells_of_the_new_leg_only() {
    let mut stage = Stage::new(&script().callee(ANNA, answers(4)).talk(10 * SECOND, Side::Callee));
    stage.answer();
    let state = json!({"to": ANNA, "client_state": "QQ==", "target_leg_client_state": "Qg=="});
    stage.ok(&stage.a(), "transfer", state);
    stage.run(20 * SECOND);
    assert_eq!(
        stage.story(),
        [
            "A call.initiated",
            "A call.answered",
            "B call.initiated",
            "B call.bridged",
            "B call.answered",
            "B call.hangup",
            "A call.hangup"
        ]
    );
    let (a, b) = (stage.payload("A call.hangup"), stage.payload("B call.initiated"));
    assert_eq!((&a["client_state"], &b["client_state"]), (&json!("QQ=="), &json!("Qg==")));
    assert_eq!(a["call_session_id"], b["call_session_id"]);
    assert_ne!(a["call_leg_id"], b["call_leg_id"]);
    assert_eq!((&b["from"], &b["to"]), (&json!(LINE), &json!(ANNA)), "it shows the number called");
    assert_eq!((&a["hangup_cause"], &a["hangup_source"]), (&json!("normal_clearing"), &json!("callee")));
    let outcome = stage.outcome();
    assert_eq!((outcome.end, outcome.bridged_to), (Some(End::CalleeLeft), vec![ANNA.to_owned()]));
}

#[test]
fn an_unanswered_caller_may_be_transferred() {
    for (switch, told) in [("event", true), ("silent", false)] {
        let script = script().callee(ANNA, answers(2));
        let mut stage = Stage::switched(&script, &format!("transfer_answers_caller={switch}"));
        stage.ok(&stage.a(), "transfer", json!({"to": ANNA}));
        stage.run_to("B call.answered");
        stage.run(SECOND);
        assert_eq!(stage.story().contains(&"A call.answered".to_owned()), told, "{switch}");
        assert!(stage.outcome().answered.is_some());
    }
}

#[test]
fn a_transfer_nobody_takes_leaves_the_caller_for_the_next() {
    let script = script().callee(ANNA, Callee::Busy { after: SECOND }).callee(BEN, answers(1));
    let mut stage = Stage::new(&script);
    stage.ok(&stage.a(), "transfer", json!({"to": ANNA}));
    stage.run_to("B call.hangup");
    assert_eq!(stage.payload("B call.hangup")["hangup_cause"], "user_busy");
    assert!(stage.alive(&stage.a()));
    stage.ok(&stage.a(), "transfer", json!({"to": BEN}));
    stage.run_to("C call.answered");
    assert_eq!(stage.outcome().bridged_to, [BEN]);
}

#[test]
fn a_leg_that_parks_survives_its_peer() {
    let script = script().callee(ANNA, Callee::Answers { after: SECOND, hangs_up_after: Some(5 * SECOND) });
    let mut stage = Stage::new(&script.patience(60 * SECOND));
    stage.answer();
    stage.ok(&stage.a(), "transfer", json!({"to": ANNA, "park_after_unbridge": "self"}));
    stage.run_to("B call.hangup");
    stage.run(10 * SECOND);
    assert!(stage.alive(&stage.a()), "parked");
    assert!(!stage.story().contains(&"A call.hangup".to_owned()));
    stage.run(60 * SECOND);
    assert!(!stage.alive(&stage.a()), "and not for ever: his patience runs again");
}

#[test]
fn one_side_of_a_bridge_takes_the_other_along() {
    for (side, first) in [(Side::Caller, "A call.hangup"), (Side::Callee, "B call.hangup")] {
        let mut stage = Stage::new(&script().callee(ANNA, answers(1)).talk(9 * SECOND, side));
        stage.answer();
        let b = stage.dial(ANNA);
        stage.run_to("B call.answered");
        stage.ok(&stage.a(), "bridge", json!({"call_control_id": b}));
        stage.run(20 * SECOND);
        let story = stage.story();
        assert_eq!(story[story.len() - 2], first);
        assert!(story.contains(&"A call.hangup".to_owned()) && story.contains(&"B call.hangup".to_owned()));
        assert_eq!(stage.payload("B call.hangup")["hangup_cause"], "normal_clearing");
        assert_eq!(stage.world.next_due(), None, "nothing is left to happen");
    }
}

#[test]
fn a_caller_who_leaves_cancels_the_ring_of_a_transfer_only() {
    let mut stage = Stage::new(&script().patience(8 * SECOND));
    stage.ok(&stage.a(), "transfer", json!({"to": ANNA}));
    let dialled = stage.dial(BEN);
    stage.run(10 * SECOND);
    let expected = ["A call.initiated", "B call.initiated", "C call.initiated", "A call.hangup"];
    let story = stage.story();
    assert_eq!(story.len(), 5);
    assert!(expected.iter().all(|line| story.contains(&(*line).to_owned())), "{story:?}");
    let transferred = if story.contains(&"B call.hangup".to_owned()) { "B" } else { "C" };
    let hangup = stage.payload(&format!("{transferred} call.hangup"));
    assert_eq!((&hangup["hangup_cause"], &hangup["to"]), (&json!("originator_cancel"), &json!(ANNA)));
    assert!(stage.alive(&dialled), "a dial has to be hung up by whoever dialled");
    let rings = stage.outcome().rings;
    let outlived: Vec<_> = rings.iter().map(|ring| (ring.target.as_str(), ring.outlived > SECOND)).collect();
    assert_eq!(outlived, [(ANNA, false), (BEN, true)]);
}

#[test]
fn inbound_dial_and_bridge() {
    let mut stage = Stage::new(&script().callee(ANNA, answers(5)));
    stage.answer();
    let b = stage.dial(ANNA);
    stage.run(2 * SECOND);
    assert_eq!(stage.code(&stage.a(), "bridge", json!({"call_control_id": b})), "90034");
    stage.run_to("B call.answered");
    stage.ok(&stage.a(), "bridge", json!({"call_control_id": b}));
    stage.run(SECOND);
    assert_eq!(
        stage.story(),
        [
            "A call.initiated",
            "A call.answered",
            "B call.initiated",
            "B call.answered",
            "A call.bridged",
            "B call.bridged"
        ]
    );
    let bridged = stage.payload("A call.bridged");
    assert!(has(&bridged, "start_time") && !has(&bridged, "state") && !has(&bridged, "direction"));
    assert_eq!(stage.outcome().bridged_to, [ANNA]);
}

#[test]
fn a_dial_may_bridge_by_itself() {
    let mut stage = Stage::new(&script().callee(ANNA, answers(1)));
    stage.answer();
    let mut body = stage.dial_of(ANNA);
    body["bridge_on_answer"] = json!(true);
    stage.ask("POST", "/v2/calls", &body);
    stage.run_to("B call.bridged");
    assert_eq!(stage.outcome().bridged_to, [ANNA]);
}

#[test]
fn three_ring_and_one_answers() {
    let script = script().callee(ANNA, Callee::RingsOut).callee(BEN, answers(4)).callee(CLEO, answers(9));
    let mut stage = Stage::new(&script);
    stage.answer();
    let legs = [ANNA, BEN, CLEO].map(|target| stage.dial(target));
    stage.run(5 * SECOND);
    for loser in [&legs[0], &legs[2]] {
        stage.ok(loser, "hangup", json!({}));
    }
    stage.ok(&stage.a(), "bridge", json!({"call_control_id": legs[1]}));
    stage.run(SECOND);
    assert_eq!(legs.each_ref().map(|leg| stage.alive(leg)), [false, true, false]);
    let outcome = stage.outcome();
    assert_eq!(outcome.bridged_to, [BEN]);
    let causes: Vec<_> = outcome.rings.iter().map(|ring| ring.cause).collect();
    assert_eq!(causes, [Some("originator_cancel"), None, Some("originator_cancel")]);
}

#[test]
fn one_who_picks_up_may_be_gone_at_once() {
    let mut stage = Stage::new(&script().callee(ANNA, Callee::Vanishes { after: SECOND }));
    stage.dial(ANNA);
    stage.run(3 * SECOND);
    assert_eq!(stage.story(), ["A call.initiated", "B call.initiated", "B call.answered", "B call.hangup"]);
}

#[test]
fn a_leg_lasts_no_longer_than_its_limit() {
    let mut stage = Stage::new(&script().callee(ANNA, answers(1)));
    let mut body = stage.dial_of(ANNA);
    body["time_limit_secs"] = json!(30);
    stage.ask("POST", "/v2/calls", &body);
    stage.run(30 * SECOND);
    assert!(!stage.story().contains(&"B call.hangup".to_owned()));
    stage.run(3 * SECOND);
    assert_eq!(stage.payload("B call.hangup")["hangup_cause"], "time_limit");
}

#[test]
fn a_caller_without_a_first_command_is_hung_up() {
    let first_command = |settings: &mut super::Settings| settings.first_command_timeout = Some(5 * SECOND);
    let mut stage = Stage::with(&script(), first_command);
    stage.run(6 * SECOND);
    assert_eq!(stage.payload("A call.hangup")["hangup_cause"], "timeout");
    assert_eq!(stage.outcome().end, Some(End::Limit));

    let mut stage = Stage::with(&script(), first_command);
    stage.ok(&stage.a(), "transfer", json!({"to": ANNA}));
    stage.run(10 * SECOND);
    assert!(stage.alive(&stage.a()));
}

#[test]
fn a_hangup_before_the_first_ring_comes_after_it() {
    let mut stage = Stage::new(&script());
    let b = stage.dial(ANNA);
    stage.ok(&b, "hangup", json!({}));
    stage.run(SECOND);
    assert_eq!(stage.story(), ["A call.initiated", "B call.initiated", "B call.hangup"]);
    let hangup = stage.payload("B call.hangup");
    assert_eq!((&hangup["hangup_cause"], &hangup["hangup_source"]), (&json!("originator_cancel"), &json!("caller")));
}
