//! The window: the answer to a command is lost, and what follows comes after 0.1 s to 2 minutes. Nothing happens twice.
//!
//! Every kind of command, with its effect and without, by a line that is cut and by a node that ends, with and without
//! the webhooks that would tell of it, under switches drawn by a seed. `SWITCHHOOK_WINDOW=100` for so many seeds of
//! each, `SWITCHHOOK_CASE=1234` for one of them, told.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test")]

use std::collections::BTreeMap;
use std::env::var;
use std::fmt::Write as _;
use std::thread;
use std::time::Duration;

use fastrand::Rng;
use jiff::Timestamp;
use switchhook::call::{CommandId, Kind, Verdict, What};
use switchhook::play::{Cut, House, Mute, Play, Played, PlayedCall, Trouble};
use switchhook::routing::{Sources, load};
use switchhook::sim::{Callee, CommandEntry, Fate, PostEntry, Ring, Script, Settings, Side, Switches};

const LINE: &str = "+12025550100";
const CALLER: &str = "+12025550142";
const ANNA: &str = "+12025550111";
const BEN: &str = "+12025550112";

const KINDS: [Kind; 10] = [
    Kind::Dial,
    Kind::Transfer,
    Kind::Bridge,
    Kind::Speak,
    Kind::Play,
    Kind::Gather,
    Kind::Record,
    Kind::Answer,
    Kind::Hangup,
    Kind::Reject,
];
/// When a repeat arrives, or another takes over, in milliseconds after the first try.
const MOMENTS: [u64; 8] = [100, 1_000, 30_000, 44_000, 46_000, 59_000, 61_000, 120_000];
/// Whether the node ends, and what runs on.
const ENDS: [Option<House>; 4] = [None, Some(House::Alone), Some(House::Machine), Some(House::Shared)];
const MUTES: [Mute; 3] = [Mute::Nothing, Mute::Begin, Mute::All];
/// Cases of one seed: kinds, moments, ends, effect or not, webhooks.
const CASES: u64 = 10 * 8 * 4 * 2 * 3;
const SEEDS: u64 = 4;
/// How long a leg may live on beside the next one to the same person: until its hangup has arrived.
const HANGING_UP: Duration = Duration::from_millis(500);
/// How many red cases are told.
const TOLD: usize = 3;

/// One case: what is cut, in which call, by which rules.
struct Case {
    cut: Cut,
    text: String,
    settings: Settings,
    script: Script,
    house: House,
}

/// The case of a number: every combination in turn, over and over, each time by another seed.
fn case(no: u64) -> Case {
    let mut rest = no;
    let mut next = |n: usize| {
        let n = u64::try_from(n).unwrap();
        let index = rest % n;
        rest /= n;
        usize::try_from(index).unwrap()
    };
    let kind = KINDS[next(KINDS.len())];
    let lasts = Duration::from_millis(MOMENTS[next(MOMENTS.len())]);
    let ends = ENDS[next(ENDS.len())];
    let done = next(2) == 0;
    let mute = MUTES[next(MUTES.len())];
    let mut rng = Rng::with_seed(no);
    let settings = Settings { switches: Switches::draw(&mut rng), ..Settings::default() };
    let steps = *rng.choice(rules(kind)).unwrap();
    let text = format!(
        "version: 1\ndefaults: {{voice: female}}\nlimits: {{outbound: {{countries: [US]}}}}\n{PEOPLE}numbers: {{\"{LINE}\": main}}\nroutes:\n  main:\n{steps}"
    );
    let talk = Duration::from_millis(rng.u64(1_000..200_000));
    let ends_talk = if rng.bool() { Side::Caller } else { Side::Callee };
    let mut script = Script::call("call", CALLER, LINE)
        .patience(Duration::from_millis(rng.u64(60_000..400_000)))
        .talk(talk, ends_talk);
    for target in [ANNA, BEN] {
        for _ in 0..2 {
            script = script.callee(target, callee(&mut rng));
        }
    }
    if kind == Kind::Gather && rng.bool() {
        script = script.press(Duration::from_millis(rng.u64(200..8_000)), *rng.choice(&['1', '2', '7']).unwrap());
    }
    if kind == Kind::Record {
        script = script.message(Duration::from_millis(rng.u64(1_000..25_000)));
    }
    let cut = Cut { kind, done, lasts, dies: ends.is_some(), mute };
    Case { cut, text, settings, script, house: ends.unwrap_or_default() }
}

const PEOPLE: &str = "people: {anna: \"+12025550111\", ben: \"+12025550112\"}\n";

/// Rules in which a command of this kind is sent.
fn rules(kind: Kind) -> &'static [&'static str] {
    match kind {
        Kind::Dial => &[
            "    - {dial: anna, timeout: 20s}\n    - {dial: anna, timeout: 8s}\n    - dial: ben\n    - hangup:\n",
            "    - answer:\n    - {dial: anna, timeout: 20s}\n    - {dial: anna, timeout: 8s}\n    - say: Nobody is here.\n    - hangup:\n",
            "    - ring: {strategy: sequential, ring_each: 15s, members: [anna, ben]}\n    - dial: anna\n    - hangup:\n",
            "    - ring: {members: [anna, ben], timeout: 20s}\n    - {dial: anna, timeout: 50s}\n    - reject: busy\n",
        ],
        Kind::Transfer => &[
            "    - answer:\n    - {transfer: anna, timeout: 20s}\n    - {transfer: anna, timeout: 8s}\n    - transfer: ben\n    - hangup:\n",
            "    - {transfer: anna, timeout: 20s}\n    - {transfer: ben, timeout: 50s}\n    - reject: busy\n",
        ],
        Kind::Bridge => &[
            "    - answer:\n    - dial: anna\n    - dial: ben\n    - hangup:\n",
            "    - ring: {members: [anna, ben], timeout: 20s}\n    - dial: anna\n    - hangup:\n",
        ],
        Kind::Speak => &[
            "    - say: The first text.\n    - say: The second text.\n    - dial: anna\n    - say: The last text.\n    - hangup:\n",
        ],
        Kind::Play => &[
            "    - play: https://example.com/one.mp3\n    - play: https://example.com/two.mp3\n    - dial: anna\n    - hangup:\n",
        ],
        Kind::Answer => &[
            "    - answer:\n    - say: The first text.\n    - dial: anna\n    - hangup:\n",
            "    - dial: anna\n    - dial: ben\n    - hangup:\n",
        ],
        Kind::Hangup => &[
            "    - answer:\n    - hangup:\n",
            "    - {dial: anna, timeout: 8s}\n    - {dial: anna, timeout: 8s}\n    - dial: ben\n    - hangup:\n",
        ],
        Kind::Reject => &["    - reject: busy\n", "    - {dial: anna, timeout: 8s}\n    - hangup:\n"],
        Kind::Gather => &[
            "    - menu: {greeting: {say: Press one or two.}, keys: {1: {dial: anna}, 2: {dial: ben}}, timeout: 4s, tries: 1}\n    - dial: anna\n    - hangup:\n",
            "    - menu: {greeting: {play: https://example.com/one.mp3}, keys: {1: {dial: anna}}, timeout: 4s, tries: 1}\n    - hangup:\n",
        ],
        Kind::Record => &[
            "    - voicemail: {max_length: 20s}\n    - dial: anna\n    - hangup:\n",
            "    - voicemail: {greeting: {say: Speak.}, max_length: 9s}\n    - voicemail: {max_length: 12s}\n    - hangup:\n",
        ],
        Kind::StopPlay | Kind::StopRecord | Kind::Look | Kind::Find => &[],
        Kind::Recordings | Kind::Notify => &[],
    }
}

fn callee(rng: &mut Rng) -> Callee {
    let after = Duration::from_millis(match rng.u32(0..3) {
        0 => rng.u64(200..3_000),
        1 => rng.u64(3_000..19_000),
        _ => *rng.choice(&[7_900, 8_100, 14_900, 15_100, 19_900, 20_100, 21_900]).unwrap(),
    });
    match rng.u32(0..8) {
        0 => Callee::RingsOut,
        1 => Callee::Busy { after },
        2 => Callee::Declines { after },
        3 => Callee::Answers { after, hangs_up_after: Some(Duration::from_secs(rng.u64(1..20))) },
        _ => Callee::answers(after),
    }
}

fn play(case: &Case, no: u64) -> Played {
    let sources = Sources { name: "routes.yaml".into(), text: case.text.clone(), ..Sources::default() };
    let rules = load(&sources).unwrap_or_else(|why| panic!("{why:?}\n{}", case.text)).rules;
    let trouble = Trouble { cut: Some(case.cut), house: case.house, ..Trouble::default() };
    Play::new(rules, no, case.settings.clone(), std::slice::from_ref(&case.script)).troubled(trouble).run()
}

/// Everything that must not be, a sentence each.
fn broken(played: &Played) -> Vec<String> {
    let mut broken = played.broken.clone();
    for call in &played.calls {
        twice_at_once(call, &mut broken);
        said_twice(call, &mut broken);
        accepted_is_done(call, &mut broken);
    }
    broken
}

/// Nobody has two live legs to one person.
fn twice_at_once(call: &PlayedCall, broken: &mut Vec<String>) {
    let span = |ring: &Ring| Some((ring.rang?, ring.ended.unwrap_or(Timestamp::MAX)));
    let rings = &call.outcome.rings;
    for (index, one) in rings.iter().enumerate() {
        for other in rings[index + 1..].iter().filter(|other| other.target == one.target) {
            let (Some((a, b)), Some((c, d))) = (span(one), span(other)) else { continue };
            let together = b.min(d).duration_since(a.max(c));
            if together > HANGING_UP.try_into().unwrap() {
                broken.push(format!("{} has two legs at once for {together:.1?}", one.target));
            }
        }
    }
}

/// What was heard once is not said again, unless no word of its beginning ever reached us, or of the end of a gather,
/// which is all that is told of it: then nobody can know.
fn said_twice(call: &PlayedCall, broken: &mut Vec<String>) {
    let begins = |post: &&PostEntry| {
        matches!(post.event_type, "call.speak.started" | "call.playback.started" | "call.gather.ended")
    };
    let lost = call.posts.iter().filter(begins).filter(|post| matches!(post.fate, Fate::GivenUp(_))).count();
    let mut heard: BTreeMap<&str, usize> = BTreeMap::new();
    call.outcome.heard.iter().for_each(|text| *heard.entry(text).or_default() += 1);
    for (text, times) in heard.iter().filter(|(_, times)| **times > 1 + lost) {
        broken.push(format!("the caller hears `{text}` {times} times"));
    }
}

/// What was accepted took effect once. A text or a bridge may come to nothing where a leg ends meanwhile, and what is
/// asked for again may have nothing left to do.
fn accepted_is_done(call: &PlayedCall, broken: &mut Vec<String>) {
    let mut tries: BTreeMap<&str, Vec<&CommandEntry>> = BTreeMap::new();
    for entry in &call.requests {
        tries.entry(entry.command_id.as_deref().unwrap_or_default()).or_default().push(entry);
    }
    let ends: Vec<Timestamp> =
        call.outcome.rings.iter().filter_map(|ring| ring.ended).chain(call.outcome.ended).collect();
    for (id, kind) in accepted(call) {
        let id = id.to_string();
        let Some(tries) = tries.get(id.as_str()) else {
            broken.push(format!("{kind} {id} was accepted, and Telnyx never saw it"));
            continue;
        };
        let done = tries.iter().filter(|entry| entry.took_effect.is_some()).count();
        let soon =
            |at: &Timestamp| tries.iter().any(|entry| (-1.0..3.0).contains(&at.duration_since(entry.at).as_secs_f64()));
        let excused = match kind {
            // Refused first, unheard, and its repeat was told that it is ignored.
            _ if tries.iter().any(|entry| entry.code.is_some()) => true,
            Kind::Dial | Kind::Transfer => false,
            Kind::Speak | Kind::Play | Kind::Gather | Kind::Record | Kind::Bridge => ends.iter().any(soon),
            Kind::Answer | Kind::Reject | Kind::Hangup | Kind::StopPlay | Kind::Look | Kind::Find => true,
            Kind::StopRecord | Kind::Recordings => true,
            Kind::Notify => true,
        };
        if done > 1 || (done == 0 && !excused) {
            broken.push(format!("{kind} {id} was accepted, and took effect {done} times"));
        }
    }
}

fn accepted(call: &PlayedCall) -> Vec<(CommandId, Kind)> {
    let settled = call.chapters.iter().filter_map(|chapter| match &chapter.event.what {
        What::Settled(settled) => Some(settled),
        What::Leg { .. } | What::Due { .. } | What::Fault { .. } => None,
    });
    let accepted = settled.filter(|settled| matches!(settled.verdict, Verdict::Accepted { .. }));
    accepted.map(|settled| (settled.command, settled.kind)).collect()
}

/// All that is known of a case.
fn told(no: u64) -> String {
    let case = case(no);
    let played = play(&case, no);
    let mut text =
        format!("== SWITCHHOOK_CASE={no} cargo test --test window\n{:?} {:?}\n{}", case.cut, case.house, case.text);
    let usual = Switches::default().values();
    let unusual = case.settings.switches.values().into_iter().filter(|value| !usual.contains(value));
    let switches: Vec<String> = unusual.map(|(name, word)| format!("{name}={word}")).collect();
    writeln!(text, "{}\n{}", switches.join(" "), serde_json::to_string(&case.script).unwrap()).unwrap();
    for call in &played.calls {
        writeln!(text, "\n{}", call.story).unwrap();
        let Some(began) = call.outcome.began else { continue };
        let since = |at: Timestamp| format!("{:.3}s", at.duration_since(began).as_secs_f64());
        for request in &call.requests {
            let took = request.took_effect.map_or("no effect".to_owned(), |at| format!("effect {}", since(at)));
            let (leg, repeated) = (request.leg, if request.repeated { " repeated" } else { "" });
            writeln!(
                text,
                "  {:>9} {} {leg:?}: {:?} {:?} {took}{repeated}",
                since(request.at),
                request.verb,
                request.status,
                request.code
            )
            .unwrap();
        }
        for ring in &call.outcome.rings {
            let at = |at: Option<Timestamp>| at.map_or("-".to_owned(), since);
            writeln!(
                text,
                "  leg {} {}: rang {} answered {} ended {} {:?}",
                ring.leg.0,
                ring.target,
                at(ring.rang),
                at(ring.answered),
                at(ring.ended),
                ring.cause
            )
            .unwrap();
        }
        let ended = call.outcome.ended.map_or("-".to_owned(), since);
        writeln!(text, "  heard {:?}; caller ended {ended} {:?}", call.outcome.heard, call.outcome.end).unwrap();
    }
    writeln!(text, "\n!! {}", broken(&played).join("\n!! ")).unwrap();
    text
}

/// The cases of one thread: how often each kind was cut off, and the red ones.
fn some(cases: impl Iterator<Item = u64>) -> (BTreeMap<Kind, u64>, Vec<(u64, String)>) {
    let (mut cut, mut red) = (BTreeMap::new(), Vec::new());
    for no in cases {
        let case = case(no);
        let played = play(&case, no);
        *cut.entry(case.cut.kind).or_default() += played.counts.get("us.cut").copied().unwrap_or(0);
        red.extend(broken(&played).into_iter().next().map(|what| (no, what)));
    }
    (cut, red)
}

#[test]
fn a_command_of_which_nobody_knows_takes_effect_once_at_most() {
    if let Some(no) = var("SWITCHHOOK_CASE").ok().and_then(|no| no.parse().ok()) {
        println!("{}", told(no));
        let case = case(no);
        assert_eq!(broken(&play(&case, no)), Vec::<String>::new());
        return;
    }
    let seeds: u64 = var("SWITCHHOOK_WINDOW").ok().and_then(|seeds| seeds.parse().ok()).unwrap_or(SEEDS);
    let threads = thread::available_parallelism().map_or(1, |n| n.get() as u64);
    let (mut cut, mut red) = (BTreeMap::<Kind, u64>::new(), Vec::new());
    thread::scope(|scope| {
        let work: Vec<_> = (0..threads)
            .map(|first| scope.spawn(move || some((first..CASES * seeds).step_by(usize::try_from(threads).unwrap()))))
            .collect();
        for (counts, bad) in work.into_iter().map(|work| work.join().unwrap()) {
            counts.into_iter().for_each(|(kind, times)| *cut.entry(kind).or_default() += times);
            red.extend(bad);
        }
    });
    println!("cut off: {cut:?}");
    red.sort_unstable();
    let stories: Vec<String> = red.iter().take(TOLD).map(|(no, _)| told(*no)).collect();
    let all: Vec<String> = red.iter().map(|(no, what)| format!("{no} {:?}: {what}", case(*no).cut)).collect();
    assert!(red.is_empty(), "{}\n{} of {} are red:\n{}", stories.join("\n"), red.len(), CASES * seeds, all.join("\n"));
    assert!(KINDS.iter().all(|kind| cut.get(kind).is_some_and(|times| *times > CASES * seeds / 16 / 2)), "{cut:?}");
}
