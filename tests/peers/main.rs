//! Judges that are not ours: Telnyx' own SDKs. They verify and read what the simulator posts, drive its REST API, and
//! are asked the same as our door, which has to say the same.
//!
//! They come from their registries, in a version that is written down, and stay below `target/`. What cannot be had is
//! left out, and said so.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test")]

mod cases;
mod sdk;
mod simulator;

use std::process::Command;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use cases::{Case, cases, door_takes};
use serde_json::{Value, json};
use simulator::{API_KEY, CALLS, CONNECTION, Simulator};

/// What an SDK says of each case.
fn judged(judge: &mut Command, cases: &[Case]) -> Vec<Value> {
    let lines: Vec<String> = cases.iter().map(Case::line).collect();
    let told = sdk::Talk::begin(judge).finish(&lines.join("\n"));
    let told: Vec<Value> = told.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(told.len(), cases.len(), "an answer to each");
    told
}

/// Whatever is posted and whatever is forged: the SDK and our door take the same.
fn agree(judge: &mut Command, cases: &[Case]) {
    for (case, told) in cases.iter().zip(judged(judge, cases)) {
        assert_eq!(told["name"], json!(case.name));
        let taken = told["taken"].as_bool().unwrap();
        assert_eq!(taken, case.genuine, "{}: {told}", case.name);
        assert_eq!(door_takes(case), case.genuine, "{}: our door", case.name);
        if case.genuine {
            let body: Value = serde_json::from_slice(&case.body).unwrap();
            let data = body.get("data").unwrap_or(&body);
            assert_eq!((&told["event_type"], &told["id"]), (&data["event_type"], &data["id"]), "{}", case.name);
        }
    }
}

#[test]
fn the_python_sdk_takes_what_our_door_takes() {
    let Some(python) = sdk::python() else { return };
    agree(Command::new(python).arg(sdk::here("judge.py")), &cases());
}

#[test]
fn the_node_sdk_takes_what_our_door_takes() {
    let Some(folder) = sdk::node() else { return };
    agree(Command::new("node").arg(sdk::here("judge.mjs")).arg(folder), &cases());
}

/// What is not known of the wire, in its other forms.
const OTHERWISE: [&str; 7] = [
    "client_state_unset=missing",
    "meta_attempt=string",
    "error_code=number",
    "quality_unanswered=missing",
    "state_in_events=all",
    "normal_sip_cause=q850",
    "telnyx_error=object",
];

#[test]
fn the_python_sdk_drives_the_simulator() {
    let Some(python) = sdk::python() else { return };
    for switches in [&[][..], &OTHERWISE] {
        let mut driver = sdk::Talk::begin(Command::new(&python).arg(sdk::here("drive.py")));
        let simulator = Simulator::start(&driver.line(), switches);
        let calls: Value = serde_json::from_str(CALLS).unwrap();
        let who = json!({
            "answers": "+12025550111", "takes": "+12025550112", "busy": "+12025550113", "barred": "+12025550114",
        });
        let order = json!({
            "base_url": simulator.base_url(), "api_key": API_KEY, "key": simulator.key, "connection": CONNECTION,
            "script": calls, "who": who,
        });
        let told = driver.finish(&order.to_string());
        let mut told: Vec<Value> = told.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let done = told.pop().unwrap();
        assert_eq!(done["done"].as_array().unwrap().len(), 9, "every event the simulator has: {done}");
        assert!(done["twice"].as_u64().unwrap() > 0, "{done}");
        let ledger = simulator.ledger();
        assert!(ledger["counts"]["network.swap"].as_u64().unwrap() > 0, "{}", ledger["counts"]);
        for call in ledger["calls"].as_array().unwrap() {
            assert!(call["most_effects"].as_u64().unwrap() <= 1, "{call}");
        }
        // And our door takes every one of them, as it came over the wire.
        for webhook in told {
            let headers = webhook["headers"].as_object().unwrap();
            let headers = headers.iter().map(|(name, value)| (name.clone(), value.as_str().unwrap().to_owned()));
            let name = webhook["name"].as_str().unwrap().to_owned();
            let body = STANDARD.decode(webhook["body"].as_str().unwrap()).unwrap();
            let key = simulator.key.clone();
            assert!(door_takes(&Case { name, key, headers: headers.collect(), body, genuine: true }), "{webhook}");
        }
    }
}
