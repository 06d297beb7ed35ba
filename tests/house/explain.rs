//! Afterwards: what the database tells of a call, beside a server that runs.

use std::time::Duration;

use serde_json::Value;
use switchhook::sim::{Callee, Script, Side};

use crate::base::{Base, on_both};
use crate::life::Stage;

on_both! {
    a_call_is_explained
    what_is_no_call_is_said_so
}

const SECOND: Duration = Duration::from_secs(1);

/// What a command prints, and its exit code.
fn said(stage: &Stage, args: &[&str]) -> (Option<i32>, String, String) {
    let output = stage.house.command(args).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

fn a_call_is_explained(base: Base) {
    let stage = Stage::new(base);
    let script = Script::call("explained", "+12025550131", "+12025550101")
        .callee("+12025550111", Callee::answers(SECOND))
        .talk(SECOND, Side::Caller);
    stage.play(&script);
    let (code, list, _) = said(&stage, &["calls", "list"]);
    assert_eq!(code, Some(0));
    assert!(list.contains("+12025550131 to +12025550101, route"), "{list}");
    let beginning = list.split(' ').next().unwrap();
    assert_eq!(beginning.len(), 8);
    let (code, told, _) = said(&stage, &["explain", beginning]);
    assert_eq!(code, Some(0));
    assert!(told.starts_with("anna got the call, as "), "{told}");
    assert!(told.contains("\n   1  dial for leg 1: accepted\n"), "{told}");
    let (_, json, _) = said(&stage, &["explain", beginning, "--format", "json"]);
    let json: Value = serde_json::from_str(&json).unwrap();
    assert!(json["call"].as_str().unwrap().starts_with(beginning));
    assert!(json["events"][0]["why"][0].as_str().unwrap().starts_with("route `"), "{json:#}");
    let (code, shown, _) = said(&stage, &["calls", "show", beginning]);
    let shown: Value = serde_json::from_str(&shown).unwrap();
    assert_eq!((code, &shown["commands"][0]["kind"]), (Some(0), &Value::from("dial")));
    stage.end();
}

fn what_is_no_call_is_said_so(base: Base) {
    let stage = Stage::new(base);
    for nothing in ["0123456789", "%", "anna", ""] {
        let (code, told, why) = said(&stage, &["explain", nothing]);
        assert_eq!((code, told.as_str()), (Some(2), ""));
        assert!(why.contains("no call has an id that begins with"), "{why}");
    }
    let (code, told, _) = said(&stage, &["calls", "list"]);
    assert_eq!((code, told.as_str()), (Some(0), "there is no call yet\n"));
    stage.end();
}
