//! The small commands: their output and exit codes.

use std::process::Output;

use serde_json::Value;
use switchhook::sim::Switches;

use crate::base::{Base, checkout, on_both};
use crate::post::{OLD_NUMBER, arrival, bytes, post};
use crate::server::{House, program};
use crate::stub::Stub;

on_both! {
    migrate_may_be_run_again
    migrate_beside_a_server
}

/// Nothing listens here.
const NOWHERE: &str = "http://127.0.0.1:1/v2";

fn run(args: &[&str]) -> Output {
    program(args).output().unwrap()
}

fn told(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

fn migrate_may_be_run_again(base: Base) {
    let house = House::new(base, NOWHERE);
    for _ in 0..2 {
        // It needs no keys, and no rules.
        let output = program(&["migrate"]).env("DATABASE_URL", house.base.url()).output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{}", told(&output));
        assert!(told(&output).contains("up to date"));
    }
    assert_eq!(house.base.kept(), 0);
    drop(house.start());
}

fn migrate_beside_a_server(base: Base) {
    let stub = Stub::start();
    let house = House::new(base, &stub.url);
    let server = house.start();
    let output = program(&["migrate"]).env("DATABASE_URL", house.base.url()).output().unwrap();
    // A file has one writer; a database server is there for many.
    let expected = if house.base.file().is_some() { 69 } else { 0 };
    assert_eq!(output.status.code(), Some(expected), "{}", told(&output));
    assert_eq!(post(server.address, &house.key, &bytes(&arrival(OLD_NUMBER))), 200);
}

#[test]
fn check_tells_people_and_machines() {
    let good = checkout("config/routes.yaml");
    let good = good.to_str().unwrap();
    let output = run(&["check", good]);
    assert_eq!(output.status.code(), Some(0));
    let text = told(&output);
    let first = format!(
        "{good} is good: 7 numbers, 7 routes, 24 steps.\n+12025550100  front-desk   a caller waits 25s at most;"
    );
    assert!(text.starts_with(&first) && text.lines().count() == 8, "{text}");
    let output = run(&["check", good, "--format", "json"]);
    assert_eq!(output.status.code(), Some(0));
    let json: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&json["good"], &json["errors"], &json["warnings"]), (&true.into(), &no(), &no()), "{json}");
    assert_eq!(json["numbers"][0]["longest_wait"]["seconds"], 25.0);
    assert_eq!((&json["numbers"][3]["longest_wait"], &json["notes"]), (&Value::Null, &no()));

    let bad = checkout("tests/bad_rules/steps.yaml");
    let bad = bad.to_str().unwrap();
    let output = run(&["check", bad]);
    assert_eq!(output.status.code(), Some(1));
    let text = told(&output);
    let output = run(&["check", bad, "--format", "json"]);
    assert_eq!(output.status.code(), Some(1));
    let json: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(json["good"], false);
    let errors = json["errors"].as_array().unwrap();
    assert!(!errors.is_empty());
    for error in errors {
        let place = format!("error: {bad}:{}:{}: ", error["line"], error["column"]);
        let line =
            text.lines().find(|line| line.starts_with(&place) && line.ends_with(error["message"].as_str().unwrap()));
        assert!(line.is_some() && error["file"] == bad, "{error}: {text}");
    }
    assert!(
        text.ends_with(&format!(
            "{bad}: not good ({} errors, {} warnings)\n",
            errors.len(),
            json["warnings"].as_array().unwrap().len()
        )),
        "{text}"
    );
}

fn no() -> Value {
    Value::Array(Vec::new())
}

#[test]
fn what_a_call_would_meet_is_told_without_a_database() {
    let file = checkout("config/routes.yaml");
    let file = file.to_str().unwrap();
    let ahead = |args: &[&str]| run(&[&["explain", "--routes", file, "--to", "+12025550100"], args].concat());
    let output = ahead(&["--at", "2026-12-24 12:00", "--from", "+19005550123"]);
    assert_eq!(output.status.code(), Some(0));
    let text = told(&output);
    let first = "A call from +19005550123 to +12025550100 on Thursday 24 December 2026 12:00 America/New_York takes route \
                 `front-desk`: turns the caller away as busy\n";
    assert!(text.starts_with(first) && text.contains("since +19005550123 is on list `blocked`"), "{text}");
    let now = told(&ahead(&[]));
    assert!(now.starts_with("A call from a withheld number to +12025550100 on "), "{now}");
    let output = ahead(&["--at", "2026-12-24T12:00:00+01:00", "--format", "json"]);
    let json: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&json["route"], &json["steps"][0]["holds"]), (&"front-desk".into(), &false.into()), "{json}");
    for bad in [&["--at", "noon"][..], &["--from", "+1"], &["0123"], &["--to", "anna"]] {
        let output = ahead(bad);
        assert_eq!(output.status.code(), Some(2), "{bad:?}: {}", told(&output));
    }
    assert_eq!(run(&["explain"]).status.code(), Some(2));
    assert_eq!(run(&["explain", "0123", "--from", "anonymous"]).status.code(), Some(2));
    let bad = checkout("tests/bad_rules/steps.yaml");
    let output = run(&["explain", "--to", "+12025550100", "--routes", bad.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(78), "{}", told(&output));
}

#[test]
fn one_error_is_one_error() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("one.yaml");
    std::fs::write(&file, "version: 1\nnumbers: { '*': main }\nroutes: { main: [ { rign: x } ] }\n").unwrap();
    let output = run(&["check", file.to_str().unwrap()]);
    let text = told(&output);
    assert!(text.ends_with(&format!("{}: not good (1 error, 0 warnings)\n", file.display())), "{text}");
}

#[test]
fn help_for_the_simulator_names_all_that_can_be_said() {
    let text = told(&run(&["sim", "--help"]));
    for (name, values) in Switches::ALL {
        let line = text.lines().find(|line| line.trim_start().starts_with(&format!("{name}=")));
        assert!(line.is_some_and(|line| line.ends_with(&values.join("|"))), "{name} {values:?}: {text}");
    }
    let script = include_str!("../../config/calls.json");
    assert!(script.lines().all(|line| text.contains(line.trim())), "{text}");
}

#[test]
fn warnings_fail_only_where_they_are_meant_to() {
    let file = checkout("tests/bad_rules/unused-things.yaml");
    let file = file.to_str().unwrap();
    let output = run(&["check", file]);
    assert!(told(&output).contains(&format!("warning: {file}:")), "{}", told(&output));
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(run(&["check", file, "--strict"]).status.code(), Some(1));
}

#[test]
fn a_file_to_check_that_is_not_there_is_bad_configuration() {
    for args in [&["check", "/no/such.yaml"][..], &["check", "/no/such.yaml", "--format", "json"]] {
        let output = run(args);
        assert_eq!(output.status.code(), Some(78));
        assert!(told(&output).contains("/no/such.yaml cannot be read"), "{}", told(&output));
    }
}

#[test]
fn health_is_what_the_server_says() {
    let house = House::new(Base::sqlite(), NOWHERE);
    let server = house.start();
    let url = format!("http://{}/healthz", server.address);
    let well = run(&["health", "--url", &url]);
    assert_eq!(well.status.code(), Some(0), "{}", told(&well));
    let wrong = run(&["health", "--url", &format!("http://{}/elsewhere", server.address)]);
    assert_eq!(wrong.status.code(), Some(69), "{}", told(&wrong));
    assert!(told(&wrong).contains("404"), "{}", told(&wrong));
    server.terminate();
    let gone = run(&["health", "--url", &url]);
    assert_eq!(gone.status.code(), Some(69), "{}", told(&gone));
    assert!(told(&gone).contains(&format!("{url} does not answer")), "{}", told(&gone));
}

#[test]
fn health_asks_where_the_server_listens() {
    let house = House::new(Base::sqlite(), NOWHERE);
    let server = house.start();
    let listen = format!("0.0.0.0:{}", server.address.port());
    let well = |mut asks: std::process::Command| {
        let output = asks.output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{}", told(&output));
    };
    well(program(&["health", "--listen", &listen]));
    let mut asks = program(&["health"]);
    asks.env("SWITCHHOOK_SERVER__LISTEN", &listen);
    well(asks);
    let folder = tempfile::tempdir().unwrap();
    let settings = folder.path().join("settings.yaml");
    std::fs::write(&settings, format!("server:\n  listen: {listen}\n")).unwrap();
    well(program(&["health", "--config", settings.to_str().unwrap()]));
    let output = run(&["health", "--config", "/no/such.yaml"]);
    assert_eq!(output.status.code(), Some(78), "{}", told(&output));
    let output = program(&["health"]).env("SWITCHHOOK_SERVER__LISTEN", "here").output().unwrap();
    assert!(output.status.code() == Some(78) && told(&output).contains("server.listen"), "{}", told(&output));
}

#[test]
fn every_command_has_help() {
    let help = run(&["--help"]);
    assert_eq!(help.status.code(), Some(0));
    let text = told(&help);
    let list = text.split("Commands:").nth(1).unwrap().split("Options:").next().unwrap();
    let commands: Vec<&str> = list
        .lines()
        .filter(|line| line.starts_with("  ") && !line.starts_with("   "))
        .filter_map(|line| line.split_whitespace().next())
        .collect();
    for command in ["serve", "check", "migrate", "health", "demo", "sim"] {
        assert!(commands.contains(&command), "{text}");
    }
    for command in commands.into_iter().filter(|command| *command != "help") {
        let output = run(&[command, "--help"]);
        assert_eq!(output.status.code(), Some(0), "{command}");
        assert!(told(&output).contains("Usage: switchhook"), "{}", told(&output));
    }
    let version = run(&["--version"]);
    assert_eq!(told(&version), concat!("switchhook ", env!("CARGO_PKG_VERSION"), "\n"));
}

#[test]
fn a_line_that_makes_no_sense_is_usage() {
    for args in
        [&["frobnicate"][..], &["serve", "--lisen", "x"], &["check", "--format", "xml"], &["demo", "--times", "0"], &[]]
    {
        let output = run(args);
        assert_eq!(output.status.code(), Some(2), "{args:?}");
        assert!(told(&output).contains("Usage:") || told(&output).contains("--help"), "{}", told(&output));
    }
}
