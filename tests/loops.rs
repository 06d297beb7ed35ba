//! Calls that come back: a phone passes what we ring on to a number of ours. They end, by the count that goes along in a
//! header, and where carriers take that off, by the count of the network.
//!
//! `SWITCHHOOK_LOOPS=10000 cargo test --test loops` walks through more graphs.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test")]

use std::fmt::Write as _;
use std::time::Duration;

use fastrand::Rng;
use switchhook::play::{Play, Played};
use switchhook::routing::{Rules, Sources, load};
use switchhook::sim::{Callee, MOST_PASSED_ON, Script, Settings};

const GRAPHS: u64 = 1_000;
/// What `max_call` says in the files below.
const LONGEST: Duration = Duration::from_secs(300);
const LINES: [&str; 4] = ["+12025550100", "+12025550101", "+12025550102", "+12025550103"];
const PHONES: [&str; 5] = ["+12025550141", "+12025550142", "+12025550143", "+12025550144", "sip:ben@example.com"];

fn rules(text: &str) -> Rules {
    let sources = Sources { name: "routes.yaml".into(), text: text.into(), ..Sources::default() };
    load(&sources).unwrap_or_else(|problems| panic!("{problems}\n{text}")).rules
}

fn settings(headers: &str) -> Settings {
    let mut settings = Settings::default();
    settings.switches.set(&format!("passed_on_headers={headers}")).unwrap();
    settings
}

fn passes_on(to: &str) -> Callee {
    Callee::PassesOn { after: Duration::from_secs(1), to: to.to_owned() }
}

/// How often a call was passed on before it came in, by its name.
fn depth(played: &Played) -> usize {
    played.calls.iter().map(|call| call.outcome.name.matches("passed on by").count()).max().unwrap()
}

/// A to B to A: what rings at A's phone goes on to B's line, and the other way round.
fn circle(hops: &str, headers: &str, step: &str) -> Played {
    let text = format!(
        "version: 1\nnumbers: {{\"{}\": a, \"{}\": b}}\nlimits: {{outbound: {{countries: [US]{hops}}}}}\nroutes:\n  \
         a: [{{{step}: \"{}\"}}, {{say: Nobody is there.}}, hangup]\n  b: [{{{step}: \"{}\"}}, {{say: Nobody is there.}}, hangup]\n",
        LINES[0], LINES[1], PHONES[0], PHONES[1]
    );
    let script = Script::call("a call", "+12025550177", LINES[0])
        .callee(PHONES[0], passes_on(LINES[1]))
        .callee(PHONES[1], passes_on(LINES[0]));
    Play::new(rules(&text), 1, settings(headers), &[script]).run()
}

#[test]
fn a_call_that_goes_round_in_circles_ends_by_its_count() {
    for step in ["dial", "transfer"] {
        for (hops, most) in [("", 3), (", hops: 1", 1), (", hops: 5", 5)] {
            let played = circle(hops, "kept", step);
            assert_eq!(played.broken, Vec::<String>::new(), "{step}{hops}");
            assert_eq!((played.calls.len(), depth(&played)), (most + 1, most), "{step}{hops}");
            let heard = |call: &switchhook::play::PlayedCall| call.outcome.heard.clone();
            let last = played.calls.last().unwrap();
            assert_eq!(heard(last), ["Nobody is there."], "{step}: the list of the last one goes on");
            assert!(last.story.contains("the call was passed on too often"), "{}", last.story);
            assert!(played.calls.iter().all(|call| call.outcome.ended.is_some()));
        }
    }
}

#[test]
fn where_the_count_is_taken_off_the_network_ends_it() {
    for step in ["dial", "transfer"] {
        let played = circle("", "lost", step);
        assert_eq!(played.broken, Vec::<String>::new(), "{step}");
        assert_eq!(depth(&played), usize::try_from(MOST_PASSED_ON).unwrap(), "{step}");
        assert!(played.calls.iter().all(|call| call.outcome.ended.is_some()));
    }
}

/// Lines whose steps ring phones, of which most pass the call on to some line.
fn graph(seed: u64) -> (Rules, u8, Script) {
    let mut rng = Rng::with_seed(seed);
    let hops = rng.u8(1..=3);
    let lines: Vec<String> = LINES.iter().enumerate().map(|(no, line)| format!("\"{line}\": r{no}")).collect();
    let mut text = format!(
        "version: 1\ndefaults: {{max_call: {}s, timeout: 12s}}\nnumbers: {{{}}}\nlimits: {{outbound: {{countries: US, hops: {hops}}}}}\nroutes:\n",
        LONGEST.as_secs(),
        lines.join(", ")
    );
    for no in 0..LINES.len() {
        writeln!(text, "  r{no}:").unwrap();
        let mut phones = PHONES.to_vec();
        rng.shuffle(&mut phones);
        for _ in 0..rng.u32(1..=2) {
            let (one, other) = (phones.pop().unwrap(), phones.pop().unwrap());
            match rng.u32(0..4) {
                0 => writeln!(text, "    - ring: [\"{one}\", \"{other}\"]"),
                1 => writeln!(text, "    - transfer: \"{one}\""),
                2 => writeln!(text, "    - ring: [\"{one}\", \"{other}\"]\n      strategy: sequential"),
                _ => writeln!(text, "    - dial: \"{one}\""),
            }
            .unwrap();
        }
        writeln!(text, "    - {}", ["say: Nobody is there.", "hangup", "say: Goodbye."][rng.usize(0..3)]).unwrap();
    }
    let mut script = Script::call("a call", "+12025550177", LINES[0]);
    for phone in PHONES {
        let after = Duration::from_millis(rng.u64(100..4_000));
        script = script.callee(
            phone,
            match rng.u32(0..10) {
                0 => Callee::answers(after),
                1 => Callee::Busy { after },
                2 => Callee::RingsOut,
                _ => Callee::PassesOn { after, to: LINES[rng.usize(0..LINES.len())].to_owned() },
            },
        );
    }
    (rules(&text), hops, script)
}

#[test]
fn every_graph_of_calls_that_come_back_ends_within_its_hops() {
    let graphs = std::env::var("SWITCHHOOK_LOOPS").ok().and_then(|graphs| graphs.parse().ok()).unwrap_or(GRAPHS);
    let (mut calls, mut deepest, mut cut) = (0, 0, 0);
    for seed in 0..graphs {
        let (rules, hops, script) = graph(seed);
        let played = Play::new(rules, seed, settings("kept"), &[script]).run();
        assert_eq!(played.broken, Vec::<String>::new(), "seed {seed}");
        let depth = depth(&played);
        assert!(depth <= usize::from(hops), "seed {seed}: {depth} times, and {hops} are the most");
        let began = played.calls[0].outcome.began.unwrap();
        for call in &played.calls {
            let ended = call.outcome.ended.unwrap_or_else(|| panic!("seed {seed}: {} never ends", call.outcome.name));
            let lasts = Duration::try_from(ended.duration_since(began)).unwrap();
            assert!(lasts <= 2 * LONGEST, "seed {seed}: {} lasts for {lasts:?}", call.outcome.name);
        }
        (calls, deepest) = (calls + played.calls.len(), deepest.max(depth));
        cut += usize::from(depth == usize::from(hops));
    }
    println!("{graphs} graphs, {calls} calls, passed on {deepest} times at most, {cut} to the end of their hops");
    assert!(graphs < GRAPHS || (deepest == 3 && cut > 100));
}
