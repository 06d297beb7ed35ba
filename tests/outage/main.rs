//! Telnyx' REST API is out of order for ten minutes of virtual time: in every manner, as a whole and in part.
//!
//! Callers come before, during and after it; some leave, some stay for ever. `SWITCHHOOK_OUTAGES=100` for so many seeds
//! of each, `SWITCHHOOK_CASE=17` for one case alone, told.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::wildcard_enum_match_arm,
    reason = "a test"
)]

mod laws;
mod people;

use std::env::var;
use std::thread;
use std::time::Duration;

use laws::{Case, Worst};
use people::{AT, LASTS, callers, crowd, rules};
use switchhook::call::Kind;
use switchhook::play::{Manner, Outage, Play, Played, Trouble};
use switchhook::sim::{Script, Settings};

const MANNERS: [Manner; 7] = [
    Manner::Refuses,
    Manner::Fails,
    Manner::Hangs,
    Manner::HangsDone,
    Manner::TooMany { after: None },
    Manner::TooMany { after: Some(2) },
    Manner::TooMany { after: Some(30) },
];
const EXTENTS: [&[Kind]; 4] = [
    &Kind::ALL,
    &[Kind::Dial, Kind::Transfer],
    &[Kind::Speak, Kind::Play, Kind::StopPlay, Kind::Record, Kind::StopRecord],
    &[Kind::Answer],
];
const CASES: u64 = 7 * 4;
const SEEDS: u64 = 2;
/// So many cases are tried with many callers: of the whole API, in every manner but those with a hint.
const STORMS: u64 = 5;
/// How many of these call again at once.
const CROWD: usize = 200;
/// How many red cases are told.
const TOLD: usize = 3;

fn outage(no: u64) -> Outage {
    let index = usize::try_from(no % CASES).unwrap();
    Outage { at: AT, lasts: LASTS, how: MANNERS[index % MANNERS.len()], of: EXTENTS[index / MANNERS.len()] }
}

fn play(seed: u64, scripts: &[Script], outage: Option<Outage>) -> Played {
    Play::new(rules(), seed, Settings::default(), scripts).troubled(Trouble { outage, ..Trouble::default() }).run()
}

/// Who calls in a case: somebody every eight seconds, or many.
fn scripts(seed: u64, many: bool) -> Vec<Script> {
    if many {
        return [callers(seed, Duration::from_secs(2)), crowd(seed, CROWD)].concat();
    }
    callers(seed, Duration::from_secs(8))
}

/// What is broken in a case, and what was measured.
fn judged(no: u64, many: bool) -> (Vec<String>, Worst) {
    let (seed, outage) = (no / CASES, outage(no));
    let scripts = scripts(seed, many);
    let (calm, played) = (play(seed, &scripts, None), play(seed, &scripts, Some(outage)));
    assert_eq!(calm.broken, Vec::<String>::new(), "without an outage");
    Case::new(outage, &scripts, &played, &calm).judged()
}

/// The calls of a case of which something is broken.
fn told(no: u64, many: bool, broken: &[String]) -> String {
    let (seed, outage) = (no / CASES, outage(no));
    let scripts = scripts(seed, many);
    let played = play(seed, &scripts, Some(outage));
    let red = |name: &str| broken.iter().any(|what| what.starts_with(&format!("{name}: ")));
    let stories =
        scripts.iter().zip(&played.calls).filter(|(script, _)| red(&script.name)).take(TOLD).map(|(script, call)| {
            format!("{}\n{}\n{:?}\n", serde_json::to_string(script).unwrap(), call.story, call.outcome)
        });
    format!("== SWITCHHOOK_CASE={no} cargo test --test outage\n{outage:?}\n{}", stories.collect::<String>())
}

/// Judges cases on all processors, prints what was measured, and gives back the red ones.
fn red(cases: impl Iterator<Item = u64> + Clone + Send, many: bool) -> Vec<(u64, Vec<String>)> {
    let threads = thread::available_parallelism().map_or(1, usize::from);
    let mut all: Vec<(u64, Vec<String>, Worst)> = thread::scope(|scope| {
        let work: Vec<_> = (0..threads)
            .map(|first| {
                let mine = cases.clone().skip(first).step_by(threads);
                scope.spawn(move || {
                    mine.map(|no| {
                        let (broken, worst) = judged(no, many);
                        (no, broken, worst)
                    })
                    .collect::<Vec<_>>()
                })
            })
            .collect();
        work.into_iter().flat_map(|work| work.join().unwrap()).collect()
    });
    all.sort_unstable_by_key(|(no, ..)| *no);
    all.iter().for_each(|(no, _, worst)| println!("{no:>4} {:?} of {:?}: {worst:?}", outage(*no).how, outage(*no).of));
    all.into_iter().map(|(no, broken, _)| (no, broken)).filter(|(_, broken)| !broken.is_empty()).collect()
}

fn none_is_red(cases: impl Iterator<Item = u64> + Clone + Send, many: bool) {
    let red = red(cases, many);
    let stories: String = red.iter().take(TOLD).map(|(no, broken)| told(*no, many, broken)).collect();
    let what: Vec<String> = red.iter().map(|(no, broken)| format!("{no}: {}", broken.join("\n    "))).collect();
    assert!(red.is_empty(), "{stories}\n{} cases are red:\n{}", red.len(), what.join("\n"));
}

#[test]
fn ten_minutes_out_of_order_are_put_right() {
    if let Some(no) = var("SWITCHHOOK_CASE").ok().and_then(|no| no.parse().ok()) {
        return none_is_red(std::iter::once(no), false);
    }
    let seeds = var("SWITCHHOOK_OUTAGES").ok().and_then(|seeds| seeds.parse().ok()).unwrap_or(SEEDS);
    none_is_red(0..CASES * seeds, false);
}

#[test]
fn many_callers_make_no_storm_of_it() {
    none_is_red(0..STORMS, true);
}
