//! Mistakes made on purpose in the product's own code: each must turn the lives or a named test red. A test that
//! cannot fail is found by what it lets pass.
//!
//!     cargo test --features kill_points --test mutants -- --only window_of_90_s
//!
//! `list/` has one file for each: what it breaks, where, and who finds it. All of them are woven into one copy of the
//! project, which is built once; the environment of a process says which one it is. With none of them, all who are to
//! find them must be green.

#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]
#![expect(clippy::disallowed_methods, reason = "what a run takes is told in real time")]

mod build;
mod copy;
mod find;
mod killer;
mod list;
mod weave;

use std::collections::BTreeSet;
use std::path::Path;
use std::process::exit;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use build::Built;
use killer::{Killer, Verdict};
use list::Mutant;

/// How many there are at least.
const FEWEST: usize = 25;
/// What each of them is to break at least once. I13 (no connection is left in a transaction) has none: a write on
/// PostgreSQL is one statement, and SQLite's connections were not seen to be left in one, whoever lets them go.
const INVARIANTS: [&str; 15] =
    ["I1", "I2", "I3", "I4", "I5", "I6", "I7", "I8", "I9", "I10", "I11", "I12", "I14", "I15", "I16"];

fn main() {
    let Some(only) = asked_for(std::env::args().skip(1)) else { return };
    let source = Path::new(env!("CARGO_MANIFEST_DIR"));
    let all = list::read(&source.join("tests/mutants/list"));
    complete(&all);
    let woven = weave::weave(source, &all);
    let mutants: Vec<&Mutant> =
        all.iter().filter(|mutant| only.as_ref().is_none_or(|only| mutant.name == *only)).collect();
    let mutants = with_a_database(mutants);
    if mutants.is_empty() {
        give_up("there is no such mutant in tests/mutants/list, or its database is missing");
    }
    let built = build::build(source, &woven, &killers(&mutants));
    sound(&built, &mutants);
    let since = Instant::now();
    let dead = side_by_side(&mutants, |mutant| dies(&built, mutant));
    let survivors: Vec<&Mutant> =
        mutants.iter().zip(dead).filter(|(_, dead)| !dead).map(|(mutant, _)| *mutant).collect();
    println!("{} mutants, {} survive, {:.1} s", mutants.len(), survivors.len(), since.elapsed().as_secs_f64());
    for mutant in &survivors {
        println!("\nSURVIVES {}: {}\n{}", mutant.name, mutant.what, mutant.advice());
    }
    if !survivors.is_empty() {
        exit(1);
    }
}

/// The only mutant, if there is to be but one. None: the arguments ask for tests of other names. What is meant for the
/// usual harness is let pass.
fn asked_for(mut args: impl Iterator<Item = String>) -> Option<Option<String>> {
    let mut only = None;
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "--only" => only = Some(args.next().unwrap_or_else(|| panic!("--only needs the name of a mutant"))),
            "--list" => return None,
            word if !word.starts_with('-') && !"mutants".contains(word) => return None,
            _ => {}
        }
    }
    Some(only)
}

/// Every invariant has its mutants.
fn complete(all: &[Mutant]) {
    assert!(all.len() >= FEWEST, "{} mutants are too few: {FEWEST} at least", all.len());
    let broken: BTreeSet<&str> = all.iter().map(|mutant| mutant.breaks.as_str()).collect();
    for invariant in INVARIANTS {
        assert!(broken.contains(invariant), "no mutant breaks {invariant}");
    }
    for invariant in broken {
        assert!(INVARIANTS.contains(&invariant), "{invariant} is not among the invariants that mutants break");
    }
}

/// Those that can be looked for: the tests of the store are to run on PostgreSQL too.
fn with_a_database(mutants: Vec<&Mutant>) -> Vec<&Mutant> {
    if std::env::var_os("SWITCHHOOK_TEST_DATABASE_URL").is_some() {
        return mutants;
    }
    let (of_store, others): (Vec<_>, Vec<_>) = mutants.into_iter().partition(|mutant| mutant.killer.run().0 == "store");
    if !of_store.is_empty() {
        assert!(std::env::var_os("CI").is_none(), "SWITCHHOOK_TEST_DATABASE_URL is not set: run ./test");
        println!("SKIPPED: {} mutants of the store: SWITCHHOOK_TEST_DATABASE_URL is not set", of_store.len());
    }
    others
}

fn killers<'a>(mutants: &[&'a Mutant]) -> BTreeSet<&'a Killer> {
    mutants.iter().map(|mutant| &mutant.killer).collect()
}

/// Without any mutant, all who are to find one are green: what is red with one is so because of it.
fn sound(built: &Built, mutants: &[&Mutant]) {
    let since = Instant::now();
    let targets: Vec<(&str, Vec<&str>)> = killer::by_target(&killers(mutants)).into_iter().collect();
    let verdicts = side_by_side(&targets, |(target, filters)| built.run(target, filters, None));
    for ((target, _), verdict) in targets.iter().zip(verdicts) {
        if let Verdict::Red(why) = verdict {
            give_up(&format!("{target} is red without any mutant; it must be green first:\n{why}"));
        }
    }
    println!("green without any of them, {:.1} s", since.elapsed().as_secs_f64());
}

/// Does the same with each, as many at once as there are processors, and gives what came of it in their order.
fn side_by_side<T: Sync, R: Send>(all: &[T], work: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let next = AtomicUsize::new(0);
    let hand = || -> Vec<(usize, R)> {
        let mine = std::iter::from_fn(|| Some(next.fetch_add(1, Ordering::Relaxed)).filter(|index| *index < all.len()));
        mine.map(|index| (index, work(&all[index]))).collect()
    };
    let mut done: Vec<(usize, R)> = thread::scope(|scope| {
        let hands = thread::available_parallelism().map_or(1, usize::from);
        let hands: Vec<_> = (0..hands).map(|_| scope.spawn(hand)).collect();
        hands.into_iter().flat_map(|hand| hand.join().unwrap()).collect()
    });
    done.sort_by_key(|(index, _)| *index);
    done.into_iter().map(|(_, result)| result).collect()
}

/// Whether it is found.
fn dies(built: &Built, mutant: &Mutant) -> bool {
    let since = Instant::now();
    let (target, filters) = mutant.killer.run();
    let verdict = built.run(target, &filters, Some(&mutant.name));
    let words = if target == killer::LIVES { filters } else { Vec::new() };
    let seconds = since.elapsed().as_secs_f64();
    let Mutant { name, breaks, killer, .. } = mutant;
    match verdict {
        Verdict::Red(why) => {
            println!("red   {seconds:5.1} s  {breaks:<4} {name:<32} {killer}: {}", killer::reason(&why, &words));
            true
        }
        Verdict::Green => {
            println!("GREEN {seconds:5.1} s  {breaks:<4} {name:<32} {killer}");
            false
        }
    }
}

/// The list or the code must be put right first.
fn give_up(why: &str) -> ! {
    eprintln!("\nmutants: {why}\n");
    exit(1)
}

/// How long one process may take.
const PATIENCE: Duration = Duration::from_secs(180);
