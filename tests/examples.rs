//! The examples: each is good without a warning, and calls by it come to what its comments say.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test")]

use std::path::{Path, PathBuf};
use std::time::Duration;

use switchhook::app::load_rules;
use switchhook::play::Play;
use switchhook::routing::Rules;
use switchhook::sim::{CallOutcome, Callee, End, Press, Script, Settings, Side};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("config/examples")
}

/// The rules of an example, with something in place of what it takes from outside.
fn rules(name: &str) -> Rules {
    let env = ["VOICEMAIL_HOOK", "MISSED_HOOK"].map(|name| (name.to_owned(), "https://hooks.example/a".to_owned()));
    let loaded = load_rules(&folder().join(name), &env.into()).unwrap_or_else(|bad| panic!("{bad}"));
    assert_eq!(loaded.1.warnings, [], "{name}");
    loaded.1.rules
}

/// What becomes of a call on a Monday at 10:00 in New York.
fn play(example: &str, script: Script) -> CallOutcome {
    let played = Play::new(rules(example), 1, Settings::default(), &[script]).run();
    assert!(played.broken.is_empty(), "{}\n{}", played.broken.join("\n"), played.calls[0].story);
    played.calls[0].outcome.clone()
}

fn answers(after: u64) -> Callee {
    Callee::answers(secs(after))
}

fn secs(n: u64) -> Duration {
    Duration::from_secs(n)
}

fn call(from: &str, to: &str) -> Script {
    Script::call("a call", from, to).talk(secs(20), Side::Caller)
}

fn pressing(mut script: Script, keys: &[char]) -> Script {
    script.presses = keys.iter().map(|key| Press { after: secs(3), key: *key }).collect();
    script
}

#[test]
fn every_example_is_good_without_a_warning() {
    let mut seen = 0;
    for file in std::fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().path()) {
        if file.extension().is_some_and(|end| end == "yaml") {
            rules(file.file_name().unwrap().to_str().unwrap());
            seen += 1;
        }
    }
    assert_eq!(seen, 3);
}

const ACME: &str = "+12025550100";
const BEN: &str = "sip:ben@example.sip.telnyx.com";
const CLEO: &str = "+12025550113";

#[test]
fn at_the_small_business_a_key_leads_to_somebody() {
    let outcome = play("small-business.yaml", pressing(call("+12025550131", ACME), &['1']).callee(BEN, answers(4)));
    assert_eq!((outcome.end, outcome.bridged_to), (Some(End::CallerLeft), vec![BEN.to_owned()]));
    let outcome = play("small-business.yaml", pressing(call("+12025550131", ACME), &['2']).callee(CLEO, answers(4)));
    assert_eq!(outcome.bridged_to, [CLEO]);
    assert_eq!(outcome.rings[0].target, BEN, "he is first in support");
}

#[test]
fn at_the_small_business_some_are_turned_away_and_some_need_no_menu() {
    let outcome = play("small-business.yaml", call("+12025550190", ACME));
    assert!(matches!(outcome.end, Some(End::Rejected(_))), "{outcome:?}");
    let outcome = play("small-business.yaml", call("+12025550142", ACME).callee(BEN, answers(4)));
    assert!(outcome.bridged_to == [BEN] && outcome.heard.is_empty(), "{outcome:?}");
}

const PRACTICE: &str = "+13125550100";
const RECEPTION: &str = "+13125550110";

/// It is nine o'clock in Chicago: the practice is open.
#[test]
fn at_the_doctors_reception_answers_while_it_is_open() {
    let outcome = play("doctor-after-hours.yaml", call("+13125550177", PRACTICE).callee(RECEPTION, answers(30)));
    assert_eq!(outcome.bridged_to, [RECEPTION]);
    let outcome = play(
        "doctor-after-hours.yaml",
        call("+13125550177", PRACTICE).callee(RECEPTION, Callee::Busy { after: secs(1) }),
    );
    assert!(outcome.end == Some(End::HungUp) && outcome.heard[1].contains("9 1 1"), "{outcome:?}");
}

const TOM: &str = "+493023125010";
const DESK: &str = "sip:tom@example.sip.telnyx.com";
const MOBILE: &str = "+491713920001";

/// It is three o'clock in Berlin.
#[test]
fn tom_is_followed_from_the_desk_to_his_mobile() {
    let outcome = play("follow-me.yaml", call("+491713920055", TOM).callee(MOBILE, answers(4)));
    let rang: Vec<&str> = outcome.rings.iter().map(|ring| ring.target.as_str()).take(2).collect();
    assert_eq!((rang, outcome.bridged_to), (vec![DESK, MOBILE], vec![MOBILE.to_owned()]));
    let busy = call("+491713920055", TOM).callee(DESK, Callee::Busy { after: secs(1) });
    let outcome = play("follow-me.yaml", busy.callee("+491713920002", answers(2)));
    assert_eq!(outcome.bridged_to, ["+491713920002"], "his colleague");
}

#[test]
fn who_reaches_nobody_leaves_a_message() {
    let at_acme = pressing(call("+12025550131", ACME), &['1']).message(secs(9));
    let outcome = play("small-business.yaml", at_acme);
    assert!(outcome.recorded.len() == 1 && outcome.recorded[0] >= secs(9), "{outcome:?}");
    let outcome = play("follow-me.yaml", call("+491713920055", TOM).message(secs(5)));
    assert!(outcome.recorded.len() == 1 && outcome.heard[0].contains("leave a message"), "{outcome:?}");
}
