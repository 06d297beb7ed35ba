//! What a good routing file becomes: who rings and for how long, which step follows which, and what the checks have
//! to say of routes that can be read.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test")]

use jiff::Timestamp;
use switchhook::phone::{Number, Party};
use switchhook::routing::{Action, CallerId, Member, Order, Ring, Rules, Sources, Step, StepId, load};

fn sources(text: impl Into<String>) -> Sources {
    Sources { name: "routes.yaml".into(), text: text.into(), ..Sources::default() }
}

const PEOPLE: &str = "
version: 1
numbers: { '+12025550100': main }
defaults: { timeout: 30s }
people:
  anna: { dial: 'sip:anna@example.com', timeout: 12s }
  ben: 'sip:ben@example.com'
  cleo: 'sip:cleo@example.com'
";

fn ring(groups: &str, step: &str) -> Ring {
    let routes = format!("routes:\n  main:\n    - {step}\n    - say: Bye\n");
    let text = format!("{PEOPLE}ring_groups:\n{groups}\n{routes}");
    let rules = load(&sources(text)).unwrap_or_else(|problems| panic!("{problems}")).rules;
    let Action::Ring(ring) = &rules.steps[0].action else { panic!("{step} is no ring") };
    ring.clone()
}

/// `NAME DELAY+TIME` of each member.
fn plan(groups: &str, step: &str) -> String {
    let members = ring(groups, step).members;
    let one = |m: &Member| format!("{} {}+{}", m.name, m.delay.as_secs(), m.ring_for.as_secs());
    members.iter().map(one).collect::<Vec<_>>().join(", ")
}

#[test]
fn what_is_said_nearest_decides_how_long_one_rings() {
    let both = "  g: { members: [anna, ben] }";
    assert_eq!(plan(both, "ring: g"), "anna 0+12, ben 0+30");
    assert_eq!(plan(both, "{ ring: g, timeout: 25s }"), "anna 0+12, ben 0+25");
    assert_eq!(plan(both, "{ ring: g, timeout: 5s }"), "anna 0+5, ben 0+5");
    assert_eq!(plan(both, "{ ring: g, ring_each: 15s }"), "anna 0+15, ben 0+15");
    let each = "  g: { strategy: sequential, members: [anna, ben], ring_each: 9s, timeout: 15s }";
    assert_eq!(plan(each, "ring: g"), "anna 0+9, ben 0+9");
    assert_eq!(plan(each, "{ ring: g, ring_each: 8s }"), "anna 0+8, ben 0+8");
    assert_eq!(plan("  g: { members: [ben] }", "{ dial: anna, timeout: 7s }"), "anna 0+7");
    assert_eq!(
        plan("  g: { members: [ben] }", "dial: { dial: 'sip:x@example.com', timeout: 6s }"),
        "sip:x@example.com 0+6"
    );
}

#[test]
fn groups_in_groups_become_one() {
    let groups = "
  outer: { timeout: 40s, members: [anna, { group: inner, delay: 10s }] }
  inner: { timeout: 20s, ring_each: 18s, members: [{ person: ben, delay: 5s }, { group: last }, anna] }
  last: { members: [cleo], strategy: sequential }";
    assert_eq!(plan(groups, "ring: outer"), "anna 0+12, ben 15+15, cleo 10+18");
    let chain = "
  outer: { strategy: sequential, members: [cleo, { group: inner }] }
  inner: { strategy: sequential, members: [anna, cleo, ben], ring_each: 4s }";
    assert_eq!(plan(chain, "ring: outer"), "cleo 0+30, anna 0+4, ben 0+4");
}

#[test]
fn a_group_may_be_written_in_place() {
    assert_eq!(
        plan("", "{ ring: [anna, { number: 'sip:x@example.com', delay: 3s }], timeout: 10s }"),
        "anna 0+10, sip:x@example.com 3+7"
    );
    let ring = ring("", "{ ring: { members: [anna, ben], strategy: sequential, caller_id: called } }");
    assert_eq!((ring.order, ring.caller_id), (Order::Sequential, CallerId::Called));
}

#[test]
fn the_step_has_the_last_word() {
    let group = "  g: { members: [anna, ben], timeout: 20s, caller_id: called }";
    let asked = ring(group, "{ ring: g, strategy: sequential, timeout: 50s, caller_id: '+12025550100' }");
    assert_eq!(asked.order, Order::Sequential);
    assert_eq!(asked.timeout.map(|timeout| timeout.as_secs()), Some(50));
    assert_eq!(asked.caller_id.clone(), CallerId::Number(Number::parse("+12025550100").unwrap()));
    assert_eq!(ring(group, "ring: g").caller_id, CallerId::Called);
}

/// One line for a step: what it does, where it leads, and where its outcomes do.
fn shown(rules: &Rules) -> Vec<String> {
    let number = |id: Option<StepId>| id.map_or("end".to_owned(), |id| id.0.to_string());
    let line = |(index, step): (usize, &Step)| {
        let does = match &step.action {
            Action::Answer => "answer".to_owned(),
            Action::Say(_) => "say".to_owned(),
            Action::Play(_) => "play".to_owned(),
            Action::Ring(_) => "ring".to_owned(),
            Action::Transfer(_) => "transfer".to_owned(),
            Action::Menu(menu) => {
                let keys: String = menu.keys.iter().map(|(key, choice)| format!(" {key}:{:?}", choice.leads)).collect();
                format!("menu{keys}")
            }
            Action::Voicemail(_) => "voicemail".to_owned(),
            Action::Reject(_) => "reject".to_owned(),
            Action::Hangup => "hangup".to_owned(),
            Action::Goto { first, .. } => format!("goto {}", first.0),
            Action::Do { first } => format!("do {}", first.0),
        };
        let on: String = step.on.iter().map(|(outcome, id)| format!(" {outcome}:{}", id.0)).collect();
        format!("{index} {does}{on} -> {}", number(step.next))
    };
    rules.steps.iter().enumerate().map(line).collect()
}

#[test]
fn what_stands_under_a_step_leads_to_the_step_after_it() {
    let text = "
version: 1
numbers: { '+12025550100': main }
routes:
  main:
    - dial: sip:anna@example.com
      on:
        busy:
          - say: Busy
          - dial: sip:ben@example.com
            on: { failed: { say: Gone } }
        no_answer: hangup
    - when: { from: anonymous }
      do:
        - say: Hello
        - goto: other
    - say: Bye
  other:
    - transfer: sip:cleo@example.com
    - say: Nobody
";
    assert_eq!(
        shown(&load(&sources(text)).unwrap().rules),
        [
            "0 ring busy:1 no_answer:4 -> 5",
            "1 say -> 2",
            "2 ring failed:3 -> 5",
            "3 say -> 5",
            "4 hangup -> 5",
            "5 do 6 -> 8",
            "6 say -> 7",
            "7 goto 9 -> 8",
            "8 say -> end",
            "9 transfer -> 10",
            "10 say -> end",
        ]
    );
}

/// What is said of routes whose calls begin at `main`.
fn told(routes: &str) -> Vec<String> {
    let text = format!("version: 1\nnumbers: {{ '+12025550100': main }}\nroutes:\n{routes}");
    let problems = load(&sources(text)).map_or_else(|problems| problems.0, |loaded| loaded.warnings);
    problems.into_iter().map(|problem| format!("{}: {}", problem.line, problem.message)).collect()
}

#[test]
fn two_ways_to_one_route_are_no_circle() {
    let routes = "
  main:
    - { when: { from: anonymous }, goto: bye }
    - dial: sip:anna@example.com
      on: { busy: { goto: bye }, failed: [ { goto: other } ] }
    - goto: other
  other: [ { goto: bye } ]
  bye: [ { say: Bye } ]
";
    assert_eq!(told(routes), Vec::<String>::new());
}

#[test]
fn a_guard_lets_others_pass() {
    let routes = "
  main:
    - { when: { from: anonymous }, hangup: }
    - { when: { from: { country: DE } }, reject: busy }
    - { when: { from: { country: FR } }, do: [ { say: Bye }, hangup ] }
    - { say: Hello }
";
    assert_eq!(told(routes), Vec::<String>::new());
}

#[test]
fn a_ring_does_not_pick_the_caller_up() {
    let routes = "
  main:
    - dial: sip:anna@example.com
    - transfer: sip:ben@example.com
    - reject: busy
";
    assert_eq!(told(routes), Vec::<String>::new());
    let late = told(&routes.replace("- reject", "- play: https://example.com/a.mp3\n    - reject"));
    assert_eq!(late, ["9: the call is answered by now and cannot be rejected: use `hangup`"]);
}

#[test]
fn the_last_thing_a_caller_meets_is_a_word_or_a_person() {
    assert_eq!(told("  main: [ { dial: sip:a@example.com, on: { busy: hangup } }, { say: Bye } ]\n").len(), 0);
    let refused = |routes: &str| {
        load(&sources(format!("version: 1\nnumbers: {{ '+12025550100': main }}\nroutes:\n{routes}"))).unwrap_err().0
    };
    for silent in [
        "  main: [ { say: Hello }, { dial: sip:a@example.com } ]\n",
        "  main: [ answer ]\n",
        "  main: [ answer, { when: { from: anonymous }, say: Hello } ]\n",
    ] {
        let silent = refused(silent);
        assert!(silent.len() == 1 && silent[0].message.contains("an answered caller is hung up on"), "{silent:?}");
    }
    assert_eq!(told("  main: [ answer, hangup ]\n").len(), 0, "that is meant");
    let passed_over = told("  main: [ { when: { from: anonymous }, say: Hello } ]\n");
    assert!(passed_over.len() == 1 && passed_over[0].contains("without a word"), "{passed_over:?}");
}

#[test]
fn what_has_a_name_may_stand_in_its_place() {
    let text = "
version: 1
numbers:
  '+12025550100':
    - when: { from: { list: ['+12025550142', '+1202555017*'] } }
      goto:
        - say: Hello
        - dial: sip:anna@example.com
          on: { busy: { goto: [ { say: Busy } ] } }
        - say: Nobody
    - reject: busy
  '+12025550101': { route: [ hangup ] }
  '*': [ { goto: main } ]
routes:
  main: [ hangup ]
";
    let loaded = load(&sources(text)).unwrap_or_else(|problems| panic!("{problems}"));
    let expected = [
        "0 hangup -> end",
        "1 goto 2 -> 7",
        "2 say -> 3",
        "3 ring busy:4 -> 6",
        "4 goto 5 -> 6",
        "5 say -> end",
        "6 say -> end",
        "7 reject -> end",
        "8 hangup -> end",
        "9 goto 0 -> end",
    ];
    assert_eq!(shown(&loaded.rules), expected);
    let silent = |warning: &&switchhook::routing::Problem| !warning.message.contains("hears nothing");
    assert_eq!(loaded.warnings.iter().filter(silent).count(), 0, "{:?}", loaded.warnings);
    let begins = |to: &str| {
        let entry = loaded.rules.entry(&Party::read(to)).unwrap();
        (entry.route.clone(), entry.first.0)
    };
    assert_eq!(begins("+12025550100"), ("+12025550100".to_owned(), 1));
    assert_eq!(begins("+12025550101"), ("+12025550101".to_owned(), 8));
    assert_eq!(begins("+12025550199"), ("*".to_owned(), 9));
    let when = loaded.rules.steps[1].when.clone().unwrap();
    let holds = |from: &str| when.holds(&Party::read(from), &Party::read("+12025550100"), Timestamp::UNIX_EPOCH);
    assert!(holds("+12025550142") && holds("+12025550170") && !holds("+12025550143"));
}

#[test]
fn where_we_may_dial_is_said_or_follows_from_our_numbers() {
    let dial = |top: &str, target: &str| {
        load(&sources(format!("version: 1\n{top}\nroutes: {{ main: [ {{ dial: '{target}' }}, {{ say: Bye }} ] }}\n")))
            .is_ok()
    };
    let ours = "numbers: { '+12025550100': main, '+493023125010': main }";
    assert!(dial(ours, "+12025550111") && dial(ours, "+491713920010") && dial(ours, "sip:anna@example.com"));
    assert!(!dial(ours, "+442079460000") && !dial(ours, "+12025550100") && !dial(ours, "+19005550100"));
    let named = "numbers: { '*': main }\nlimits: { outbound: { countries: GB } }";
    assert!(dial(named, "+442079460000") && !dial(named, "+12025550111"));
    assert!(dial("numbers: { '*': main }", "sip:anna@example.com") && !dial("numbers: { '*': main }", "+12025550111"));
}

#[test]
fn an_included_list_has_its_bounds() {
    let text = "version: 1\nnumbers: { '*': main }\nlists: { blocked: { file: b } }\nroutes:\n  main:\n    \
                - { when: { from: { list: blocked } }, reject: busy }\n    - say: Hello\n";
    let mut sources = sources(text);
    let entries: String = (0..70_000).map(|n| format!("+1202{n:07}\n")).collect();
    sources.files.insert("b".into(), entries.clone());
    assert_eq!(load(&sources).unwrap().rules.files, ["routes.yaml", "b"]);
    sources.files.insert("b".into(), entries.repeat(2));
    assert!(load(&sources).unwrap_err().to_string().ends_with("the file `b` is larger than 1 MiB"));
}

#[test]
fn a_file_full_of_mistakes_is_told_in_time() {
    let people: String = (0..3500).map(|n| format!("  person{n}: sip:p{n}@example.com\n")).collect();
    let steps: String = (0..3500).map(|n| format!("    - dial: persona{n}\n")).collect();
    let text = format!("version: 1\nnumbers: {{ '*': main }}\npeople:\n{people}routes:\n  main:\n{steps}");
    assert_eq!(load(&sources(text)).unwrap_err().0.len(), 3500);
}
