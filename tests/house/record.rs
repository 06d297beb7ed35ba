//! `serve --record-contract`: what goes to Telnyx and what comes from there is written down, and names nobody.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};
use switchhook::sim::{Callee, Script, Side};

use crate::base::Base;
use crate::life::Stage;
use crate::server::{API_KEY, House, LINE};
use crate::stub::Stub;

const SECOND: Duration = Duration::from_secs(1);
const CALLER: &str = "+12025550131";
const ANNAS_LINE: &str = "+12025550101";
const ANNA: &str = "+12025550111";

fn recording(folder: &Path) -> Stage {
    Stage::serving(Base::sqlite(), |house| {
        let mut serve = house.serve();
        serve.arg("--record-contract").arg(folder);
        serve
    })
}

fn call() -> Script {
    Script::call("recorded", CALLER, ANNAS_LINE).callee(ANNA, Callee::answers(SECOND)).talk(SECOND, Side::Caller)
}

/// Everything that could tell who called, or be used by another: of the settings, the webhooks and the commands.
fn secrets(stage: &Stage) -> Vec<String> {
    let base = &stage.house.base;
    let mut secrets: Vec<String> = [CALLER, ANNAS_LINE, ANNA].map(|number| number[2..].to_owned()).to_vec();
    secrets.extend([API_KEY, LINE].map(str::to_owned));
    secrets.extend([stage.house.key.public_base64(), stage.server.address.to_string()]);
    for entry in base.journal() {
        let body: Value = serde_json::from_slice(&entry.raw).unwrap();
        let ids = ["call_control_id", "call_leg_id", "call_session_id", "client_state"];
        let ids = ids.iter().filter_map(|id| body["data"]["payload"][id].as_str().map(str::to_owned));
        secrets.extend(ids.chain([entry.event, entry.call]));
    }
    for row in base.outbox() {
        let handle = row.path.split('/').nth(2).map(str::to_owned);
        secrets.extend(handle.into_iter().chain([row.id]));
    }
    secrets
}

fn files(folder: &Path) -> BTreeMap<String, String> {
    let files = fs::read_dir(folder).unwrap().map(|file| file.unwrap());
    files.map(|file| (file.file_name().into_string().unwrap(), fs::read_to_string(file.path()).unwrap())).collect()
}

#[test]
fn what_is_recorded_names_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path().join("contract");
    let stage = recording(&folder);
    stage.play(&call());
    // Once this is known, all of it has been told.
    assert!(stage.differs().is_empty());
    let (secrets, told) = (secrets(&stage), stage.house.base.journal().len());
    assert!(secrets.len() > 30 && secrets.iter().all(|secret| secret.len() > 9), "{secrets:?}");
    stage.end();
    let files = files(&folder);
    for (name, text) in &files {
        for secret in &secrets {
            assert!(!name.contains(secret) && !text.contains(secret), "{name} tells {secret}: {text}");
        }
    }
    // The number of a file follows what began it: the run.
    let names: Vec<&str> = files.keys().map(|name| name.splitn(3, '-').nth(2).unwrap()).collect();
    for (name, times) in [("dial.json", 1), ("answer.json", 1), ("bridge.json", 1), ("webhook-call.bridged.json", 2)] {
        assert_eq!(names.iter().filter(|other| **other == name).count(), times, "{name}: {names:?}");
    }
    assert_eq!(names.iter().filter(|name| name.starts_with("webhook-")).count(), told);
    assert_eq!(names[0], "webhook-call.initiated.json");

    let page = |name: &str| -> Value {
        let (_, text) = files.iter().find(|(other, _)| other.ends_with(&format!("-{name}.json"))).unwrap();
        serde_json::from_str(text).unwrap()
    };
    let (arrival, dial, bridge) = (page("webhook-call.initiated"), page("dial"), page("bridge"));
    assert_eq!((&arrival["form"], &dial["form"]), (&json!(1), &json!(1)));
    let payload = &arrival["webhook"]["body"]["data"]["payload"];
    assert_eq!((&payload["direction"], &payload["state"]), (&json!("incoming"), &json!("parked")));
    let signed: jiff::Timestamp = arrival["webhook"]["signed_at"].as_str().unwrap().parse().unwrap();
    let noted: jiff::Timestamp = arrival["at"].as_str().unwrap().parse().unwrap();
    assert!(noted.duration_since(signed).as_secs() < 60, "{arrival:#}");
    assert_eq!((&dial["request"]["method"], &dial["request"]["path"]), (&json!("POST"), &json!("/calls")));
    assert_eq!((&dial["answer"]["status"], &dial["answer"]["body"]["data"]["is_alive"]), (&json!(200), &json!(false)));
    assert_eq!(dial["answer"]["headers"], json!({"content-type": "application/json"}));
    assert_eq!(dial["request"]["body"]["link_to"], payload["call_control_id"], "one thing has one name");
    let (caller, anna) = (payload["call_control_id"].as_str().unwrap(), &dial["answer"]["body"]["data"]);
    assert_eq!(bridge["request"]["path"], format!("/calls/{caller}/actions/bridge"));
    assert_eq!(bridge["request"]["body"]["call_control_id"], anna["call_control_id"]);
}

#[test]
fn a_call_does_not_need_the_disk_that_is_recorded_to() {
    let folder = tempfile::tempdir().unwrap();
    let stage = recording(folder.path());
    drop(folder);
    let outcome = stage.play(&call());
    assert_eq!(outcome.bridged_to, [ANNA]);
    assert_eq!(stage.server.says("an exchange cannot be recorded", 1)[0]["level"], "WARN");
    stage.end();
}

#[test]
fn a_folder_that_cannot_be_made_is_told_at_the_start() {
    let stub = Stub::start();
    let house = House::new(Base::sqlite(), &stub.url);
    let output = house.serve().args(["--record-contract", "/dev/null/contract"]).output().unwrap();
    let told = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(78), "{told}");
    assert!(told.contains("--record-contract: the folder /dev/null/contract cannot be made"), "{told}");
}
