//! Routing files that nobody would write: good and bad ones, torn, mixed, nested, repeated. Reading each ends soon, without a
//! panic, and with rules, or with problems that say something at a place that is there.
//!
//! `SWITCHHOOK_FUZZ=1000000 cargo test --test fuzz` reads more of them, `SWITCHHOOK_SEED=17` one alone and shows it.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test")]
#![expect(clippy::disallowed_methods, reason = "what a file takes is measured in real time")]

use std::collections::BTreeMap;
use std::env::var;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use fastrand::Rng;
use switchhook::routing::{self, Problem, Sources};

const CASES: u64 = 4_000;
/// The longest that one file may take. Most take less than a thousandth of it; a machine that is busy takes its time.
const LONGEST: Duration = Duration::from_secs(20);
/// The most memory that the process may have needed, in KiB.
const MOST_MEMORY: u64 = 1 << 20;
/// The largest file that is made: past 1 MiB none is read.
const LARGEST: usize = 1_100_000;

/// Pieces that mean something, or look as if they did.
const TOKENS: [&str; 64] = [
    ":",
    ": ",
    "- ",
    "-",
    "?",
    "? ",
    "[",
    "]",
    "{",
    "}",
    ",",
    "&a ",
    "*a",
    "<<: *a",
    "<<: [*a, *a]",
    "!",
    "!!str ",
    "|",
    ">-",
    "\"",
    "'",
    "#",
    " #",
    "%",
    "@",
    "`",
    "---\n",
    "...\n",
    "\t",
    "\r",
    "\r\n",
    "\n\n",
    "\u{feff}",
    "\u{0}",
    "\u{85}",
    "\u{2028}",
    "\u{202e}",
    "\u{fffd}",
    "e\u{301}",
    "\u{1f4de}",
    "null",
    "~",
    "no",
    "0x10",
    "1e999",
    "-0",
    "18446744073709551616",
    "+12025550100",
    "+1900*",
    "sip:a@b",
    "911",
    "20s",
    "99999999999h",
    "\"22:00-06:00\"",
    "${env:LINE}",
    "${env:NOBODY}",
    "${file:x}",
    "${",
    "goto: main",
    "version: 1",
    "routes:",
    "numbers:",
    "menu: main",
    "{person: anna, delay: 5s}",
];

/// Files to begin with.
struct Corpus {
    all: Vec<String>,
    /// How many of them are good: the first ones.
    good: usize,
}

fn corpus() -> Corpus {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = Vec::new();
    for folder in ["config", "config/examples", "tests/bad_rules", "tests/fixtures"] {
        let Ok(entries) = fs::read_dir(here.join(folder)) else { continue };
        files.extend(entries.map(|entry| entry.unwrap().path()));
    }
    let bad = |path: &PathBuf| path.to_string_lossy().contains("bad_rules");
    files.retain(|path| path.extension().is_some_and(|ending| ending == "yaml") && !path.ends_with("switchhook.yaml"));
    files.sort_by_key(|path| (bad(path), path.clone()));
    let good = files.iter().filter(|path| !bad(path)).count();
    assert!(good > 1 && files.len() > 60, "only {} files to begin with", files.len());
    Corpus { all: files.iter().map(|path| fs::read_to_string(path).unwrap()).collect(), good }
}

/// A file of a seed, and what it includes.
fn case(corpus: &Corpus, seed: u64) -> Sources {
    let mut rng = Rng::with_seed(seed);
    // Every other one is a good file with a change or two: it is looked at to its end.
    let Corpus { all: corpus, good } = corpus;
    let (from, changes) = if rng.bool() { (&corpus[..*good], rng.u32(1..=2)) } else { (&corpus[..], rng.u32(1..=6)) };
    let mut text = pick(from, &mut rng).clone();
    for _ in 0..changes {
        text = changed(text, corpus, &mut rng);
        if text.len() > LARGEST {
            text = cut(&text, LARGEST).to_owned();
        }
    }
    let wanted = routing::wanted(&text);
    assert!(wanted.files.len() + wanted.env.len() <= text.len());
    let some = |name: String, rng: &mut Rng| match rng.u32(0..3) {
        0 => (name, changed(pick(corpus, rng).clone(), corpus, rng)),
        _ => (name, "+12025550190 # him\n\n+1900*\n".to_owned()),
    };
    let files: BTreeMap<_, _> = wanted.files.into_iter().take(5).map(|name| some(name, &mut rng)).collect();
    let mut value = || if rng.bool() { "+12025550101" } else { *pick(&TOKENS, &mut rng) };
    let env: BTreeMap<_, _> = wanted.env.into_iter().map(|name| (name, value().to_owned())).collect();
    Sources { name: "routes.yaml".into(), text, files, env }
}

fn pick<'a, T>(from: &'a [T], rng: &mut Rng) -> &'a T {
    &from[rng.usize(0..from.len())]
}

/// The beginning of a text, up to a number of bytes.
fn cut(text: &str, most: usize) -> &str {
    let end = (0..=most.min(text.len())).rev().find(|end| text.is_char_boundary(*end));
    &text[..end.unwrap()]
}

/// Where a text can be taken apart.
fn place(text: &str, rng: &mut Rng) -> usize {
    cut(text, rng.usize(0..=text.len())).len()
}

/// A text with one thing done to it.
fn changed(mut text: String, corpus: &[String], rng: &mut Rng) -> String {
    match rng.u32(0..16) {
        0 => {
            let mut bytes = text.into_bytes();
            for _ in 0..rng.usize(1..8) {
                let at = rng.usize(0..=bytes.len());
                match rng.u32(0..3) {
                    0 => bytes.insert(at, rng.u8(..)),
                    1 if at < bytes.len() => drop(bytes.remove(at)),
                    _ => bytes.iter_mut().skip(at).take(1).for_each(|byte| *byte ^= 1 << rng.u32(0..8)),
                }
            }
            String::from_utf8_lossy(&bytes).into_owned()
        }
        1 => cut(&text, rng.usize(0..=text.len())).to_owned(),
        2 => text[place(&text, rng)..].to_owned(),
        3 | 4 => {
            let (at, token) = (place(&text, rng), *pick(&TOKENS, rng));
            text.insert_str(at, token);
            text
        }
        5 | 6 => {
            let (from, token) = (place(&text, rng), *pick(&TOKENS, rng));
            let to = from + place(cut(&text[from..], 12), rng);
            text.replace_range(from..to, token);
            text
        }
        7 | 8 => with_lines(&text, rng),
        9 => {
            let other = pick(corpus, rng);
            let (here, there) = (place(&text, rng), place(other, rng));
            text[..here].to_owned() + &other[there..]
        }
        10 => {
            let other: Vec<&str> = pick(corpus, rng).lines().collect();
            let mut lines: Vec<&str> = text.lines().collect();
            let (at, from) = (rng.usize(0..=lines.len()), rng.usize(0..=other.len()));
            let some = other[from..].iter().take(rng.usize(0..9)).copied();
            lines.splice(at..at, some.collect::<Vec<_>>());
            lines.join("\n") + "\n"
        }
        11 => {
            let (open, close) =
                *pick(&[("[", "]"), ("{a: ", "}"), ("- ", ""), ("? ", ""), ("[{a: [", "]}]"), ("\"", "\"")], rng);
            let (at, depth) = (place(&text, rng), *pick(&[2, 17, 63, 65, 300, 20_000], rng));
            text.insert_str(at, &(open.repeat(depth) + "x" + &close.repeat(depth)));
            text
        }
        12 => {
            let at = place(&text, rng);
            let digits = pick(&["9", "0", "1234567890"], rng).repeat(rng.usize(1..400));
            text.insert_str(at, &digits);
            text
        }
        13 => {
            // A text that grows tenfold with each line, if nobody counts.
            let mut bomb = String::from("b0: &b0 [x, x, x, x, x, x, x, x, x, x]\n");
            for no in 1..rng.usize(2..12) {
                let before = no - 1;
                bomb += &format!("b{no}: &b{no} [{}]\n", vec![format!("*b{before}"); 10].join(", "));
            }
            text + &bomb
        }
        14 => {
            let (from, times) = (place(&text, rng), *pick(&[2, 10, 300, 3_000], rng));
            let piece = cut(&text[from..], rng.usize(0..300)).repeat(times);
            text.insert_str(from, &piece);
            text
        }
        _ => {
            let anchor = *pick(&["&a ", "*a ", "&anna ", "*anna "], rng);
            let spaces: Vec<usize> = text.match_indices(' ').map(|(at, _)| at + 1).collect();
            if !spaces.is_empty() {
                text.insert_str(*pick(&spaces, rng), anchor);
            }
            text
        }
    }
}

/// A text whose lines are swapped, doubled, left out or moved in and out.
fn with_lines(text: &str, rng: &mut Rng) -> String {
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    for _ in 0..rng.usize(1..5) {
        if lines.is_empty() {
            break;
        }
        let (one, other) = (rng.usize(0..lines.len()), rng.usize(0..lines.len()));
        match rng.u32(0..5) {
            0 => lines.swap(one, other),
            1 => drop(lines.remove(one)),
            2 => lines.insert(other, lines[one].clone()),
            3 => lines[one].insert_str(0, &" ".repeat(rng.usize(1..6))),
            _ => lines[one] = lines[one].trim_start().to_owned(),
        }
    }
    lines.join(if rng.u32(0..8) == 0 { "\r\n" } else { "\n" })
}

/// What is wrong with what is said of a file.
fn faults(problem: &Problem, sources: &Sources) -> Option<String> {
    let text = if problem.file == sources.name { Some(&sources.text) } else { sources.files.get(&problem.file) };
    let Some(text) = text else { return Some(format!("no such file: {problem}")) };
    // Lines as YAML counts them.
    let lines: Vec<&str> =
        text.split('\n').flat_map(|line| line.strip_suffix('\r').unwrap_or(line).split('\r')).collect();
    let line = usize::try_from(problem.line).unwrap();
    let Some(found) = line.checked_sub(1).and_then(|line| lines.get(line)) else {
        return Some(format!("of {} lines it is in none: {problem}", lines.len()));
    };
    let columns = found.chars().count() + 1;
    if problem.column == 0 || usize::try_from(problem.column).unwrap() > columns {
        return Some(format!("its line has {columns} columns: {problem}"));
    }
    let message = &problem.message;
    let unsaid =
        message.trim().is_empty() || message.chars().count() > 600 || problem.to_string().contains(['\n', '\r', '\0']);
    unsaid.then(|| format!("that is no message: {problem:?}"))
}

/// Reads one; tells what is wrong with that, and how long it took.
fn read(sources: &Sources) -> (Option<String>, Duration) {
    let began = Instant::now();
    let loaded = catch_unwind(AssertUnwindSafe(|| (routing::load(sources), routing::recall(sources).is_ok())));
    let took = began.elapsed();
    let fault = match loaded {
        Err(_) => Some("it panics".to_owned()),
        Ok((Ok(loaded), recalled)) => {
            let rules = loaded.rules;
            let steps = u32::try_from(rules.steps.len()).unwrap();
            let nexts = rules.steps.iter().flat_map(|step| step.next.iter().chain(step.on.values()));
            let nowhere = nexts
                .chain(rules.numbers.values().chain(&rules.rest).map(|entry| &entry.first))
                .any(|step| step.0 >= steps);
            let nowhere = nowhere.then(|| "a step leads nowhere".to_owned());
            let forgotten = (!recalled).then(|| "it is good, and cannot be read again".to_owned());
            nowhere.or(forgotten).or_else(|| loaded.warnings.iter().find_map(|problem| faults(problem, sources)))
        }
        Ok((Err(problems), _)) if problems.0.is_empty() => Some("it is refused without a word".to_owned()),
        Ok((Err(problems), _)) => problems.0.iter().find_map(|problem| faults(problem, sources)),
    };
    let slow = (took > LONGEST).then(|| format!("it takes {took:?}"));
    (fault.or(slow), took)
}

/// The most memory this process ever had, in KiB, where the system tells it.
fn memory() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB")?.parse().ok())
}

#[test]
fn whatever_stands_in_a_file_reading_it_ends_well() {
    let corpus = corpus();
    if let Some(seed) = var("SWITCHHOOK_SEED").ok().and_then(|seed| seed.parse().ok()) {
        let sources = case(&corpus, seed);
        println!("{}\n== {} files, {:?}", sources.text, sources.files.len(), sources.env);
        assert_eq!(read(&sources).0, None);
        return;
    }
    let cases: u64 = var("SWITCHHOOK_FUZZ").ok().and_then(|cases| cases.parse().ok()).unwrap_or(CASES);
    let (next, good) = (AtomicU64::new(0), AtomicU64::new(0));
    let began = Instant::now();
    let work = || {
        let (mut slowest, mut bad) = ((Duration::ZERO, 0), BTreeMap::new());
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= cases {
                return (slowest, bad);
            }
            let sources = case(&corpus, seed);
            let (fault, took) = read(&sources);
            slowest = slowest.max((took, seed));
            good.fetch_add(u64::from(routing::load(&sources).is_ok()), Ordering::Relaxed);
            bad.extend(fault.map(|fault| (seed, fault)));
        }
    };
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let (mut slowest, mut bad) = ((Duration::ZERO, 0), BTreeMap::new());
    std::thread::scope(|scope| {
        let hands: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        for (slow, found) in hands.into_iter().map(|hand| hand.join().unwrap()) {
            slowest = slowest.max(slow);
            bad.extend(found);
        }
    });
    let (took, memory) = (began.elapsed().as_secs_f64(), memory());
    let good = good.into_inner();
    println!(
        "{cases} files, {good} of them good, {:.0} a second, the slowest {:?} (seed {})",
        cases as f64 / took,
        slowest.0,
        slowest.1
    );
    println!("memory {memory:?} KiB, {} findings", bad.len());
    let told: Vec<String> = bad.iter().take(20).map(|(seed, what)| format!("seed {seed}: {what}")).collect();
    assert!(bad.is_empty(), "{}", told.join("\n"));
    assert!(memory.is_none_or(|memory| memory < MOST_MEMORY), "{memory:?} KiB");
    assert!(
        cases < CASES || good > cases / 100,
        "only {good} are good: the rest is not looked at further than its first mistake"
    );
}
