//! One long tour through everything the simulator can do, and what must hold on every such tour.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use super::stage::{ANNA, BEN, CLEO, LINE, SECOND, Stage, answers, script};
use super::switches::{ParkedEvent, Switches};
use super::{Callee, Script};

const DORA: &str = "+12025550104";
const EVE: &str = "sip:eve@example.com";
const FINN: &str = "sip:finn@example.com";
const GUS: &str = "sip:gus@example.com";

/// Everything that was answered and sent, as text; and the webhooks.
fn tour(switches: Switches) -> (String, Vec<Value>) {
    let script = script()
        .patience(900 * SECOND)
        .talk(600 * SECOND, super::Side::Callee)
        .callee(ANNA, Callee::Answers { after: 3 * SECOND, hangs_up_after: Some(5 * SECOND) })
        .callee(BEN, Callee::RingsOut)
        .callee(CLEO, answers(1))
        .callee(DORA, Callee::Fails { after: SECOND })
        .callee(DORA, Callee::Refused { status: 403, code: "D13".to_owned() })
        .callee(EVE, answers(1))
        .callee(FINN, answers(1));
    let mut stage = Stage::with(&script, |settings| {
        settings.switches = switches;
        settings.first_command_timeout = Some(20 * SECOND);
        settings.dials_in_5_secs = 5;
    });
    let a = stage.a();
    let mut told = vec![format!("{:?}", stage.world.webhook_timeout())];
    let mut answered = unanswered(&mut stage, &a);
    answered.extend(parked(&mut stage, &a));
    answered.extend(others(&mut stage, &a));
    answered.extend(again(&mut stage));
    answered.extend(recorded(&mut stage));
    told.extend(answered.iter().map(|answer| format!("{answer:?}")));
    let sent = stage.seen.iter().map(|(delivery, body)| format!("{} {} {body}", delivery.at, delivery.stamp));
    told.extend(sent);
    (told.join("\n"), stage.seen.into_iter().map(|(_, body)| body).collect())
}

fn text() -> Value {
    json!({"payload": "Hello.", "voice": "female", "command_id": "early"})
}

/// While the caller is not answered: he is dialled for, and given away.
fn unanswered(stage: &mut Stage, a: &str) -> Vec<(u16, Value)> {
    let mut told = vec![stage.ask("GET", "/v2/calls/v3:nobody", &Value::Null), stage.act(a, "speak", text())];
    for retry in [true, false] {
        let mut dial = stage.dial_of(BEN);
        dial["retry_on_timeout"] = retry.into();
        told.push(stage.ask("POST", "/v2/calls", &dial));
        told.push(stage.ask("POST", "/v2/calls", &dial));
    }
    for limit in [45, 60] {
        let give = json!({"to": ANNA, "client_state": "QQ==", "target_leg_client_state": "Qg==",
            "park_after_unbridge": "self", "time_limit_secs": limit});
        told.push(stage.act(a, "transfer", give));
    }
    stage.run(SECOND);
    told.push(stage.ask("GET", "/v2/connections/2000000000000000001/active_calls", &Value::Null));
    let ringing = stage.payload("B call.initiated")["call_control_id"].as_str().unwrap().to_owned();
    told.push(stage.ask("GET", &format!("/v2/calls/{ringing}"), &Value::Null));
    stage.run(20 * SECOND);
    told
}

/// Once he is answered, and left alone: he hears things, is bridged twice, and hung up.
fn parked(stage: &mut Stage, a: &str) -> Vec<(u16, Value)> {
    let mut told = vec![stage.act(a, "answer", json!({}))];
    stage.run(2 * SECOND);
    told.push(stage.act(a, "speak", text()));
    told.push(stage.act(a, "playback_start", json!({"audio_url": "https://example.com/a.mp3", "loop": "infinity"})));
    stage.run(3 * SECOND);
    told.push(stage.act(a, "speak", json!({"payload": "Hello.", "voice": "female"})));
    told.push(stage.act(a, "speak", json!({"payload": "x".repeat(4000), "voice": "female"})));
    let (cleo, eve) = (stage.dial(CLEO), stage.dial(EVE));
    for pause in [1, 5] {
        stage.run(SECOND * pause + SECOND / 2);
        told.push(stage.act(a, "bridge", json!({"call_control_id": cleo})));
    }
    stage.run(5 * SECOND);
    told.push(stage.act(a, "bridge", json!({"call_control_id": eve})));
    stage.run(SECOND);
    told.push(stage.act(a, "transfer", json!({"to": FINN})));
    stage.run(3 * SECOND);
    stage.answers = Some(500);
    for _ in 0..2 {
        let dial = stage.dial_of(DORA);
        told.push(stage.ask("POST", "/v2/calls", &dial));
        stage.run(3 * SECOND);
    }
    told.push(stage.act(a, "playback_stop", json!({})));
    told.push(stage.act(a, "hangup", json!({})));
    stage.run(2 * SECOND);
    stage.answers = Some(200);
    told
}

/// Other callers: one hung up unanswered, one only dialled for, one never asked after.
fn others(stage: &mut Stage, a: &str) -> Vec<(u16, Value)> {
    let calls: Vec<_> = (0..3u32)
        .map(|n| {
            let other = Script::call("other", &format!("+1202555015{n}"), LINE).patience(60 * SECOND);
            stage.world.call_in(stage.now, &other)
        })
        .collect();
    stage.run(SECOND);
    let ids: Vec<_> = calls.iter().map(|call| stage.world.caller(*call).unwrap().to_owned()).collect();
    let looks = [a, &ids[1]].map(|leg| stage.ask("GET", &format!("/v2/calls/{leg}"), &Value::Null));
    let mut told = looks.to_vec();
    for _ in 0..2 {
        told.push(stage.act(&ids[0], "hangup", json!({})));
    }
    let (long, lines) = ("QUFB".repeat(40), "QUFB\nQUFB");
    for state in ["", "QUFB", lines, &long, "", ""] {
        let mut dial = stage.dial_of(BEN);
        (dial["link_to"], dial["client_state"]) = (ids[1].as_str().into(), state.into());
        let reply = stage.world.request(stage.now, "POST", "/v2/calls", dial.to_string().as_bytes()).unwrap();
        told.push((reply.status, json!({ "headers": format!("{:?}", reply.headers), "body": reply.body })));
    }
    stage.run(700 * SECOND);
    told.push(stage.ask("GET", &format!("/v2/calls/{a}"), &Value::Null));
    told
}

/// The same command id again and again, and for two things.
fn again(stage: &mut Stage) -> Vec<(u16, Value)> {
    let passes_on = Callee::PassesOn { after: SECOND, to: LINE.to_owned() };
    let other = Script::call("again", "+12025550160", LINE).patience(600 * SECOND).callee(GUS, passes_on);
    let call = stage.world.call_in(stage.now, &other);
    stage.run(SECOND);
    let leg = stage.world.caller(call).unwrap().to_owned();
    let mut told = vec![stage.act(&leg, "answer", json!({}))];
    let mut dial = stage.dial_of(GUS);
    (dial["link_to"], dial["custom_headers"]) = (leg.as_str().into(), json!([{"name": "X-Count", "value": "1"}]));
    told.push(stage.ask("POST", "/v2/calls", &dial));
    stage.run(3 * SECOND);
    let mut dial = stage.dial_of(BEN);
    (dial["link_to"], dial["command_id"]) = (leg.as_str().into(), "again".into());
    for pause in [40, 30, 70, 0] {
        told.push(stage.ask("POST", "/v2/calls", &dial));
        stage.run(SECOND * pause);
    }
    told.push(stage.act(&leg, "hangup", json!({"command_id": "again"})));
    stage.run(700 * SECOND);
    told
}

/// A caller who is recorded: twice at once, for a moment, and in vain.
fn recorded(stage: &mut Stage) -> Vec<(u16, Value)> {
    let other = Script::call("recorded", "+12025550161", LINE).patience(600 * SECOND);
    let call = stage.world.call_in(stage.now, &other);
    stage.run(SECOND);
    let leg = stage.world.caller(call).unwrap().to_owned();
    let tape = json!({"channels": "single", "format": "mp3", "max_length": 60});
    let mut told = vec![stage.act(&leg, "answer", json!({}))];
    stage.run(2 * SECOND);
    for action in ["record_stop", "record_start", "record_start", "record_stop", "record_start", "record_stop"] {
        let body = if action == "record_start" { tape.clone() } else { json!({}) };
        told.push(stage.act(&leg, action, body));
        stage.run(if action == "record_start" { SECOND } else { 20 * SECOND });
    }
    for (fails, lasts) in [(true, 3 * SECOND), (false, SECOND / 2)] {
        stage.world.settings.recordings_fail = fails;
        told.push(stage.act(&leg, "record_start", tape.clone()));
        stage.run(lasts);
        told.push(stage.act(&leg, "record_stop", json!({})));
        stage.run(20 * SECOND);
    }
    told.push(stage.act(&leg, "record_start", tape));
    stage.run(3 * SECOND);
    told.push(stage.act(&leg, "hangup", json!({})));
    stage.run(20 * SECOND);
    told
}

/// Every switch set to every value, one at a time.
fn one_by_one() -> Vec<(String, Switches)> {
    let values = Switches::ALL.iter().flat_map(|(name, words)| words.iter().map(move |word| format!("{name}={word}")));
    values
        .map(|text| {
            let mut switches = Switches::default();
            switches.set(&text).unwrap();
            (text, switches)
        })
        .collect()
}

#[test]
fn every_value_of_a_switch_makes_a_difference() {
    let (plain, _) = tour(Switches::default());
    assert!(plain == tour(Switches::default()).0, "the same tour twice");
    let mut seen: BTreeMap<String, String> = BTreeMap::new();
    for (text, switches) in one_by_one() {
        let (told, _) = tour(switches);
        if switches == Switches::default() {
            assert!(told == plain, "{text}: other than the default");
        } else if let Some(other) = seen.insert(told.clone(), text.clone()) {
            panic!("{text} and {other} make no difference to each other");
        } else {
            assert!(told != plain, "{text} makes no difference");
        }
    }
}

#[test]
fn where_the_bridge_of_a_transfer_is_told_is_a_switch() {
    let story = |switch: &str| {
        let mut stage = Stage::switched(&script().callee(ANNA, answers(5)), switch);
        stage.answer();
        stage.ok(&stage.a(), "transfer", json!({"to": ANNA}));
        stage.run(3 * SECOND);
        let early = stage.story().len();
        stage.run(5 * SECOND);
        (early, stage.story().split_off(3).join(", "))
    };
    let expected = [
        ("transfer_bridged_on_b=at_answer", 3, "B call.bridged, B call.answered"),
        ("transfer_bridged_on_b=when_ringing", 4, "B call.bridged, B call.answered"),
        ("transfer_bridged_on_b=after_answer", 3, "B call.answered, B call.bridged"),
        ("transfer_bridged_on_a=before_answer", 3, "B call.bridged, A call.bridged, B call.answered"),
        ("transfer_bridged_on_a=after_answer", 3, "B call.bridged, B call.answered, A call.bridged"),
    ];
    for (switch, early, told) in expected {
        assert_eq!(story(switch), (early, told.to_owned()), "{switch}");
    }
}

#[test]
fn every_webhook_fits_its_published_schema() {
    let shared = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared");
    if !shared.exists() {
        println!("SKIPPED: there are no published schemas beside the checkout");
        return;
    }
    let text = fs::read_to_string(shared.join("telnyx/openapi-call-control.json")).unwrap();
    let published: Value = serde_json::from_str(&text).unwrap();
    let schemas = published["components"]["schemas"].as_object().unwrap();
    let mut validators = BTreeMap::new();
    for (name, schema) in schemas {
        let data = schema["properties"]["data"]["$ref"].as_str().and_then(|link| link.rsplit('/').next());
        let Some(kind) = data.and_then(|data| schemas[data]["properties"]["event_type"]["enum"][0].as_str()) else {
            continue;
        };
        let whole = json!({
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "$ref": format!("#/components/schemas/{name}"),
            "components": published["components"],
        });
        validators.insert(kind.to_owned(), jsonschema::validator_for(&whole).unwrap());
    }
    let mut checked = BTreeMap::<String, u32>::new();
    for (text, switches) in one_by_one() {
        for mut body in tour(switches).1 {
            let kind = body["data"]["event_type"].as_str().unwrap().to_owned();
            let payload = body["data"]["payload"].as_object_mut().unwrap();
            // Live bodies have it null, which the published type does not allow.
            if payload.get("client_state").is_some_and(Value::is_null) {
                payload.remove("client_state");
            }
            if kind == "call.parked" {
                assert_eq!(switches.parked_event, ParkedEvent::Yes, "the only event without a schema");
                continue;
            }
            let problems: Vec<_> = validators[&kind].iter_errors(&body).map(|error| error.to_string()).collect();
            assert!(problems.is_empty(), "{text}: {kind}: {problems:?}");
            *checked.entry(kind).or_default() += 1;
        }
    }
    assert_eq!(checked.len(), 10, "every event the simulator has: {checked:?}");
}
