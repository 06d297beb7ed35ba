//! What calls would meet, told beforehand: files and calls above, what is said in `snapshots`.
//!
//! After a change of the words, `INSTA_UPDATE=always cargo test --test ahead` writes them anew; then read.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test")]

use jiff::Timestamp;
use switchhook::phone::Party;
use switchhook::prove::Ahead;
use switchhook::routing::{Loaded, Sources, load};

/// What a call by these rules would meet.
fn ahead(text: &str, from: &str, to: &str, at: &str) -> Ahead {
    let sources = Sources { name: "routes.yaml".into(), text: text.into(), ..Sources::default() };
    let Loaded { rules, timezone, .. } = load(&sources).unwrap_or_else(|problems| panic!("{problems}"));
    let at: Timestamp = at.parse().unwrap();
    Ahead::of(&rules, &Party::read(from), &Party::read(to), at, &timezone)
}

const NOON: &str = "2026-12-24T17:00:00Z";
const EXAMPLE: &str = include_str!("../../config/routes.yaml");

/// An office with hours, a menu in a menu, and a list of people who are put through.
const OFFICE: &str = r#"version: 1
timezone: America/New_York
numbers: { "+12025550100": main, "+12025550101": direct }
lists: { vip: ["+12025550142"] }
schedules: { office: { weekly: { mon-fri: "09:00-12:00" } } }
people: { anna: "+12025550111", ben: "+12025550112", cleo: "+12025550113" }
menus:
  office:
    greeting: { say: "For sales press 1, for Anna press 2." }
    tries: 2
    keys:
      1:
        - ring: { strategy: sequential, members: [ben, cleo], ring_each: 15s }
        - say: "Sales cannot take your call."
      2: { goto: direct }
      3: { menu: { greeting: { play: "https://example.com/more.mp3" }, keys: { 0: { goto: direct } }, tries: 1 } }
      star: { repeat: true }
routes:
  main:
    - when: { from: { list: vip } }
      ring: [anna, { person: ben, delay: 8s }]
      timeout: 20s
    - when: { all: [{ schedule: office }, { not: { from: anonymous } }] }
      do:
        - menu: office
        - say: "You have chosen nothing, {caller}."
        - hangup
    - when: { not: { schedule: office } }
      say: "We are closed."
    - hangup
  direct:
    - dial: anna
      on:
        busy: [{ say: "Anna is on the phone." }, { dial: ben, on: { declined: hangup } }]
        no_answer: { transfer: cleo, timeout: 12s }
    - say: "Anna cannot take your call."
"#;

#[test]
fn a_call_to_the_front_desk() {
    insta::assert_snapshot!(ahead(EXAMPLE, "+12025550142", "+12025550100", NOON));
}

#[test]
fn a_call_that_is_blocked() {
    insta::assert_snapshot!(ahead(EXAMPLE, "+19005550123", "+12025550100", NOON));
}

#[test]
fn a_call_with_another_way_for_an_outcome() {
    insta::assert_snapshot!(ahead(EXAMPLE, "anonymous", "+12025550101", NOON));
}

#[test]
fn a_call_that_no_line_takes() {
    insta::assert_snapshot!(ahead(EXAMPLE, "+12025550142", "+12025550199", NOON));
}

#[test]
fn a_call_while_the_office_is_closed() {
    insta::assert_snapshot!(ahead(OFFICE, "+13035550123", "+12025550100", NOON));
}

#[test]
fn a_call_while_the_office_is_open() {
    insta::assert_snapshot!(ahead(OFFICE, "+13035550123", "+12025550100", "2026-12-24T16:59:59Z"));
}

#[test]
fn a_call_by_somebody_on_a_list() {
    insta::assert_snapshot!(ahead(OFFICE, "+12025550142", "+12025550100", NOON));
}

#[test]
fn a_call_whose_branches_meet_again() {
    insta::assert_snapshot!(ahead(OFFICE, "+13035550123", "+12025550101", NOON));
}

#[test]
fn the_same_for_machines() {
    let json = serde_json::to_string_pretty(&ahead(EXAMPLE, "anonymous", "+12025550101", NOON)).unwrap();
    insta::assert_snapshot!(json);
}

#[test]
fn routes_that_lead_to_each_other_are_told_once() {
    // As a tree it would be told two to the power of forty times.
    let routes: String = (0..40)
        .map(|n| {
            let next = n + 1;
            format!("  r{n}:\n    - dial: sip:a@example.com\n      on: {{ busy: {{ goto: r{next} }} }}\n    - goto: r{next}\n")
        })
        .collect();
    let text = format!("version: 1\nnumbers: {{ '+12025550100': r0 }}\nroutes:\n{routes}  r40: [ {{ say: Bye }} ]\n");
    let told = ahead(&text, "anonymous", "+12025550100", NOON).to_string();
    assert!(told.lines().count() < 400, "{}", told.lines().count());
}
