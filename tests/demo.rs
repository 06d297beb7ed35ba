//! The demo: it succeeds by its own expectations, and only by them.

#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::process::{Command, Output};
use std::sync::Arc;

use jiff::SignedDuration;
use serde_json::Value;
use switchhook::cli::Format;
use switchhook::cli::demo::{Act, Demo, Ending, Played, Report, acts, perform};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

/// The rules of the demo.
const ROUTES: &str = include_str!("../config/routes.yaml");
/// How many are played side by side.
const SIDE_BY_SIDE: usize = 3;

/// As fast as the machine keeps up with, and without a screen.
fn quick(seed: u64) -> Demo {
    Demo { seed, times: 100, routes: None, format: Format::Json }
}

/// Plays every case, a few side by side.
async fn play<T: Send + 'static>(cases: Vec<(T, Vec<Act>, u64)>) -> Vec<(T, Report)> {
    let places = Arc::new(Semaphore::new(SIDE_BY_SIDE));
    let mut playing = JoinSet::new();
    for (case, acts, seed) in cases {
        let places = places.clone();
        playing.spawn(async move {
            let _place = places.acquire_owned().await.unwrap();
            (case, Report::new(perform(&acts, &quick(seed)).await.unwrap()))
        });
    }
    playing.join_all().await
}

fn plain(report: &Report) -> String {
    anstream::adapter::strip_str(&report.text()).to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_chance_ends_well() {
    for (seed, report) in play((1..=20).map(|seed| (seed, acts(), seed)).collect()).await {
        assert!(report.is_good() && report.exit_code() == 0, "seed {seed}:\n{}", plain(&report));
    }
}

/// One thing expected otherwise, and what the report says of it.
type Alter = (fn(&mut Act), &'static str);

const ALTERED: [Alter; 5] = [
    (
        |act| act.expect.end = if act.expect.end == Ending::GivesUp { Ending::HungUp } else { Ending::GivesUp },
        "expected to be over as",
    ),
    (|act| act.expect.talks_with.push("+12025550112".to_owned()), "expected to talk with"),
    (|act| act.expect.hears.push("words that nobody speaks".to_owned()), "expected to hear"),
    (|act| act.expect.rings.push("+12025550199".to_owned()), "expected to ring"),
    (|act| act.expect.told.push("call.missed".to_owned()), "expected to be told"),
];

#[tokio::test(flavor = "multi_thread")]
async fn whatever_was_to_be_otherwise_is_named() {
    let mut cases = Vec::new();
    for act in acts() {
        for (alter, told) in ALTERED {
            let mut altered = act.clone();
            alter(&mut altered);
            assert_ne!(altered.expect, act.expect);
            cases.push(((act.script.name.clone(), told), vec![altered], 1));
        }
    }
    for ((name, told), report) in play(cases).await {
        let text = plain(&report);
        assert!(!report.is_good() && report.exit_code() == 1, "{name}, {told}:\n{text}");
        assert!(text.contains(&format!("{name} — NOT AS EXPECTED")), "{text}");
        let complaints: Vec<&str> = text.lines().filter(|line| line.contains("!! ")).collect();
        assert!(complaints.len() == 1 && complaints[0].contains(told), "{name}, {told}: {complaints:?}");
        assert!(text.contains("0 of 1 calls ended as their scripts say"), "{text}");
        let call = &report.json()["calls"][0];
        assert!(call["good"] == false && call["wrong"][0].as_str().unwrap().contains(told), "{call}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_goes_otherwise_fails_the_whole() {
    let mut altered = acts();
    altered[2].expect.talks_with = vec!["+12025550113".to_owned()];
    let (_, report) = play(vec![((), altered, 1)]).await.remove(0);
    assert_eq!(report.exit_code(), 1);
    let text = plain(&report);
    assert!(text.contains("three ring at once, one answers — NOT AS EXPECTED"), "{text}");
    assert!(text.contains("!! expected to talk with cleo; was ben"), "people have names: {text}");
    assert!(text.contains("14 of 15 calls ended as their scripts say"), "{text}");
}

/// Act `no` of one performance, altered after it was played: what the report complains of.
async fn complaints(no: usize, alter: impl FnOnce(&mut Played)) -> Vec<String> {
    let mut performance = perform(&acts()[no..=no], &quick(1)).await.unwrap();
    alter(&mut performance.acts[0]);
    let report = Report::new(performance);
    let text = plain(&report);
    let complaints: Vec<String> =
        text.lines().filter_map(|line| Some(line.trim().strip_prefix("!! ")?.to_owned())).collect();
    assert_eq!(report.exit_code(), u8::from(!complaints.is_empty()), "{text}");
    complaints
}

#[tokio::test(flavor = "multi_thread")]
async fn who_rings_on_although_another_has_answered_is_named() {
    let ring_on = |lasts: i64| {
        move |played: &mut Played| {
            let until = played.joined.unwrap() + SignedDuration::from_millis(lasts);
            let cleo = played.outcome.rings.iter_mut().find(|ring| ring.target == "+12025550113").unwrap();
            assert!(cleo.answered.is_none() && cleo.ended.unwrap() < until, "she stops sooner");
            cleo.ended = Some(until);
        }
    };
    assert_eq!(complaints(2, ring_on(2_000)).await, Vec::<String>::new());
    assert_eq!(complaints(2, ring_on(2_500)).await, ["cleo rang on for 2.5s after the caller was joined"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_is_not_what_its_journal_says_is_named() {
    let differs = |played: &mut Played| played.kept.as_mut().unwrap().differs.push("event 1: another remarks".into());
    let told = "decided again from the journal it comes out otherwise: event 1: another remarks";
    assert_eq!(complaints(2, differs).await, [told]);
    assert_eq!(complaints(2, |played| played.kept = None).await, ["the journal knows nothing of it"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_told_of_a_message_is_told_where_it_is() {
    let no = acts().iter().position(|act| !act.expect.told.is_empty()).unwrap();
    assert_eq!(complaints(no, |_| ()).await, Vec::<String>::new());
    let lost = |played: &mut Played| played.told[0]["recording"] = Value::Null;
    let complaints = complaints(no, lost).await;
    assert!(complaints.len() == 1 && complaints[0].contains("does not say where the message is"), "{complaints:?}");
}

fn program(args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_switchhook"));
    command.env_clear().arg("demo").args(args).output().unwrap()
}

fn demo(args: &[&str]) -> Output {
    let output = program(args);
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stdout));
    output
}

#[test]
fn by_other_rules_it_goes_otherwise_and_the_exit_code_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("other.yaml");
    let path = file.to_str().unwrap();
    let altered = ROUTES.replace("members: [anna, ben, cleo]", "members: [anna, cleo]");
    assert_ne!(altered, ROUTES);
    std::fs::write(&file, altered).unwrap();
    let output = program(&["--times", "100", "--routes", path]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!((output.status.code(), output.stderr), (Some(1), Vec::new()), "{text}");
    assert!(text.contains("three ring at once, one answers — NOT AS EXPECTED"), "{text}");
    assert!(text.contains("!! expected to talk with ben; was nobody"), "{text}");
    assert!(text.contains("12 of 15 calls ended as their scripts say"), "{text}");
    std::fs::write(&file, "version: 1\n").unwrap();
    let output = program(&["--routes", path]);
    assert_eq!(output.status.code(), Some(78));
    assert!(String::from_utf8_lossy(&output.stderr).contains("other.yaml:"), "{output:?}");
}

#[test]
fn what_it_prints_fits_a_terminal() {
    // At its own speed, as a newcomer runs it.
    let output = demo(&["--seed", "7"]);
    let text = String::from_utf8(output.stdout).unwrap();
    for line in text.lines() {
        assert!(line.chars().count() <= 80, "{line}");
        assert!(!line.contains(char::is_control), "colours are for a terminal: {line:?}");
    }
    assert!(text.contains("15 of 15 calls ended as their scripts say"), "{text}");
    for act in acts() {
        assert!(text.contains(&format!("{} — ok", act.script.name)), "{text}");
    }
    let mishaps: Vec<&str> = text.lines().filter(|line| line.starts_with("Of their webhooks ")).collect();
    let counts = mishaps[0].split(|other: char| !other.is_ascii_digit()).filter_map(|word| word.parse::<u64>().ok());
    let counts: Vec<u64> = counts.collect();
    assert!(counts.len() == 3 && counts.iter().all(|count| *count > 0), "late, twice and swapped: {mishaps:?}");
    for name in ["rings anna, ben and cleo", "talks with ben", "dial anna (+12025550111)"] {
        assert!(text.contains(name), "{name}: {text}");
    }
}

#[test]
fn for_machines_all_of_it_is_json() {
    let output = demo(&["--format", "json", "--times", "100"]);
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["good"], true);
    assert!(report["seconds"].as_f64().unwrap() > 0.0);
    for mishap in ["late", "twice", "swapped"] {
        assert!(report["webhooks"][mishap].as_u64().unwrap() > 0, "{mishap}: {}", report["webhooks"]);
    }
    let calls = report["calls"].as_array().unwrap();
    let acts = acts();
    assert_eq!(calls.len(), acts.len());
    for (call, act) in calls.iter().zip(&acts) {
        assert_eq!((&call["good"], &call["wrong"]), (&true.into(), &Value::Array(vec![])));
        assert_eq!(call["script"], act.script.name.as_str());
        assert_eq!((&call["from"], &call["to"]), (&act.script.from.as_str().into(), &act.script.to.as_str().into()));
        let outcome = &call["outcome"];
        assert_eq!(outcome["end"], act.expect.end.word());
        assert_eq!(outcome["talked_with"], Value::from(act.expect.talks_with.clone()));
        assert_eq!(outcome["heard"].as_array().unwrap().len(), act.expect.hears.len());
        legs_and_commands(call, act);
        decisions(call, act);
    }
}

fn list<'a>(call: &'a Value, key: &str) -> &'a Vec<Value> {
    call[key].as_array().unwrap_or_else(|| panic!("no {key}: {call}"))
}

fn legs_and_commands(call: &Value, act: &Act) {
    let legs = list(call, "legs");
    assert!(legs.len() > act.expect.rings.len(), "{legs:?}");
    for (no, leg) in legs.iter().enumerate() {
        assert_eq!(leg["leg"], no);
        assert!(leg["name"].is_string() && leg["answered"].is_boolean() && leg["ended"].is_string(), "{leg}");
    }
    assert!(act.expect.talks_with.is_empty() != legs[1..].iter().any(|leg| leg["answered"] == true), "{legs:?}");
    let names: Vec<&str> = list(call, "commands").iter().map(|command| command["command"].as_str().unwrap()).collect();
    let rings = names.iter().filter(|name| ["dial", "transfer"].contains(name)).count();
    assert!(rings >= act.expect.rings.len(), "{names:?}");
    let heard = names.iter().filter(|name| ["speak", "play", "gather"].iter().any(|word| name.starts_with(word)));
    assert_eq!(heard.count(), act.expect.hears.len(), "{names:?}");
    for command in list(call, "commands") {
        assert!(command["id"].is_string() && command["leg"].as_u64().unwrap() < legs.len() as u64, "{command}");
        assert_ne!(command["result"], "open", "{command}");
    }
    let events = list(call, "events");
    assert_eq!(events[0]["event"]["arrived"]["from"], act.script.from.as_str());
    assert!(events.iter().all(|event| event["at"].is_string() && event["id"].is_string()), "{events:?}");
}

/// Every decision names the line of the rules it was made by: what it tells of stands there.
fn decisions(call: &Value, act: &Act) {
    let decisions = list(call, "decisions");
    assert_eq!(decisions.is_empty(), act.script.to == "+12025550177", "only an unknown number has no line: {call}");
    for decision in decisions {
        assert_eq!(decision["file"], "config/routes.yaml");
        let line = usize::try_from(decision["line"].as_u64().unwrap()).unwrap();
        // A step stands on its first line, which may be its `when:`.
        let step: Vec<&str> = ROUTES.lines().skip(line - 1).take(2).collect();
        let step = step.join("\n");
        let told = decision["decision"].as_str().unwrap();
        if ["the step ends: ", "passed over: ", "a message of "].iter().any(|begin| told.starts_with(begin)) {
            continue;
        }
        let named = told.strip_suffix('`').and_then(|told| told.split_once(" `"));
        assert!(
            named.is_some_and(|(what, word)| ["route", "step", "key"].contains(&what) && step.contains(word)),
            "{told}: {step}"
        );
    }
}
