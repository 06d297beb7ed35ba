//! Whatever stands in a routing file, reading it ends well: with rules, or with problems that each have a place.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test")]

use proptest::prelude::*;
use switchhook::routing::{self, Sources};

const GOOD: &str = include_str!("../config/routes.yaml");

/// A file that uses everything the language has, so that a change in it meets every reader.
const FULL: &str = r#"
version: 1
timezone: Europe/Berlin
defaults: { caller_id: called, ringback: "https://example.com/r.mp3", answer_after: 30s, voice: female, language: de-DE, max_call: 1h, timeout: 15s }
numbers:
  "+12025550100": main
  "${env:LINE}": { route: other }
  "*": main
limits: { outbound: { countries: [US, DE] } }
lists: { vip: ["+12025550142", "+1202555017*"], blocked: { file: blocked.list } }
people: { anna: &anna { dial: "+12025550111", timeout: 10s }, ben: { <<: *anna, dial: "sip:ben@example.com" } }
ring_groups:
  desk: { strategy: simultaneous, caller_id: caller, timeout: 30s, members: [anna, { person: ben, delay: 5s }, { group: back, delay: 10s }] }
  back: { ring_each: 10s, members: [{ number: "+12025550112" }, "sip:cleo@example.com"] }
voicemail:
  office: { greeting: { say: "Leave a message." }, max_length: 5m, notify: [{ webhook: "https://example.com/${env:LINE}" }] }
routes:
  main:
    - when: { any: [{ from: { list: blocked } }, { all: [{ to: "+12025550100" }, { not: { from: [anonymous, { prefix: "+1202" }, { country: US }] } }] }] }
      reject: decline
    - answer
    - say: { text: "Hello {caller}, this is {called}.", voice: male, language: en-US }
    - play: https://example.com/hold.mp3
    - ring: desk
      ring_each: 12s
      on: { no_answer: [{ say: Sorry }, { dial: anna, on: { busy: { goto: other } } }], failed: hangup }
    - do: [{ ring: [anna, ben], strategy: sequential, timeout: 20s }, { say: "Nobody." }]
    - transfer: { dial: "+493023125010", timeout: 20s }
      caller_id: "+12025550100"
    - voicemail: office
    - voicemail: { beep: false, max_length: 30s }
    - hangup
  other:
    - when: { from: { list: vip } }
      dial: ben
    - say: "Bye."
"#;

fn sources(text: String) -> Sources {
    Sources {
        name: "routes.yaml".into(),
        text,
        files: [("blocked.list".to_owned(), "+12025550190 # him\n\n+1900*\n".to_owned())].into(),
        env: [("LINE".to_owned(), "+12025550101".to_owned())].into(),
    }
}

fn ends_well(text: String) {
    let wanted = routing::wanted(&text);
    assert!(wanted.files.len() + wanted.env.len() <= text.len());
    let problems = match routing::load(&sources(text)) {
        Ok(loaded) => {
            let rules = loaded.rules;
            let steps = u32::try_from(rules.steps.len()).unwrap();
            assert!(rules.steps.iter().filter_map(|step| step.next).all(|next| next.0 < steps));
            assert!(rules.numbers.values().chain(&rules.rest).all(|entry| entry.first.0 < steps));
            loaded.warnings
        }
        Err(problems) => {
            assert!(!problems.0.is_empty());
            problems.0
        }
    };
    for problem in &problems {
        assert!(problem.line > 0 && problem.column > 0 && !problem.message.is_empty(), "{problem}");
        assert!(!problem.file.is_empty() && !problem.to_string().contains('\n'), "{problem}");
    }
    let places: Vec<_> = problems.iter().filter(|p| p.file == "routes.yaml").map(|p| (p.line, p.column)).collect();
    assert!(places.is_sorted());
}

#[test]
fn the_full_file_is_good() {
    let loaded = routing::load(&sources(FULL.to_owned())).unwrap_or_else(|problems| panic!("{problems}"));
    assert_eq!(loaded.warnings, []);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text_ends_well(text in r#"([-\[\]{}:,?&*!|>'"%@#a <\n\t$]|\PC|routes:|numbers:|version: 1|\$\{env:|dial: ){0,120}"#) {
        ends_well(text);
    }

    #[test]
    fn any_change_of_a_good_file_ends_well(
        full in any::<bool>(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), 0..40_usize, r#"[-\[\]{}:,*&'"a1+\n ]{0,6}|<<: \*anna|null|\$\{env:X\}|goto: main|on: |when: |busy|do: |group: desk"#), 1..6),
    ) {
        let mut text: Vec<char> = if full { FULL } else { GOOD }.chars().collect();
        for (place, cut, put) in changes {
            let from = place.index(text.len() + 1);
            let to = (from + cut).min(text.len());
            text.splice(from..to, put.chars());
        }
        ends_well(text.into_iter().collect());
    }

    #[test]
    fn any_swap_of_lines_ends_well(full in any::<bool>(), swaps in prop::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>()), 1..5)) {
        let mut lines: Vec<&str> = if full { FULL } else { GOOD }.lines().collect();
        for (a, b) in swaps {
            let (a, b) = (a.index(lines.len()), b.index(lines.len()));
            lines.swap(a, b);
        }
        ends_well(lines.join("\n"));
    }
}
