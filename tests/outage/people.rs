//! Who calls before, during and after an outage, and by which rules.

use std::time::Duration;

use fastrand::Rng;
use switchhook::routing::{Rules, Sources, load};
use switchhook::sim::{Callee, Script, Side};

/// When Telnyx goes out of order, after the beginning.
pub const AT: Duration = Duration::from_secs(120);
/// How long it is.
pub const LASTS: Duration = Duration::from_secs(600);
/// How long callers go on calling after that.
const AFTER: Duration = Duration::from_secs(240);
/// Nobody who stays has waited for so long.
pub const FOR_EVER: Duration = Duration::from_secs(3_600);

const LINES: [&str; 6] =
    ["+12025550100", "+12025550101", "+12025550102", "+12025550103", "+12025550104", "+12025550105"];
/// Whoever is rung, and when he does something at the earliest: no two at the same moment, and nobody so soon that the
/// number shown may be to blame.
const PEOPLE: [(&str, u64); 4] =
    [("+12025550111", 3_600), ("+12025550112", 5_800), ("+12025550113", 8_500), ("+12025550114", 4_700)];

const ROUTES: &str = "version: 1
defaults: {voice: female, timeout: 20s}
limits: {outbound: {countries: [US]}}
people: {anna: '+12025550111', ben: '+12025550112', cleo: '+12025550113', dora: '+12025550114'}
ring_groups:
  desk: {members: [anna, ben, cleo], timeout: 20s}
  turns: {strategy: sequential, ring_each: 12s, members: [dora, anna, ben]}
numbers:
  {'+12025550100': desk, '+12025550101': turns, '+12025550102': chain, '+12025550103': given, '+12025550104': told,
   '+12025550105': recorded}
routes:
  desk:
    - say: Welcome.
    - ring: desk
    - say: Nobody is at the desk.
    - hangup:
  turns:
    - ring: turns
    - say: Nobody is here in turn.
    - hangup:
  chain:
    - answer:
    - dial: anna
      on:
        busy:
          - say: Anna is on the phone.
        failed:
          - say: Anna cannot be reached.
          - transfer: ben
    - dial: cleo
    - dial: dora
    - say: Nobody is here at last.
    - hangup:
  given:
    - say: One moment please.
    - transfer: anna
      on:
        failed:
          - say: Anna cannot be reached.
    - say: Nobody could be given.
    - hangup:
  told:
    - play: https://example.com/closed.mp3
    - say: We are closed.
    - hangup:
  recorded:
    - voicemail: {greeting: {say: Leave a message.}, max_length: 9s}
    - hangup:
";

pub fn rules() -> Rules {
    let sources = Sources { name: "routes.yaml".into(), text: ROUTES.into(), ..Sources::default() };
    load(&sources).unwrap_or_else(|why| panic!("{why}")).rules
}

/// Callers at every `pause` or so. Some leave soon, the others stay for ever.
pub fn callers(seed: u64, pause: Duration) -> Vec<Script> {
    let mut rng = Rng::with_seed(seed);
    let (mut at, mut scripts) = (Duration::ZERO, Vec::new());
    while at < AT + LASTS + AFTER {
        scripts.push(caller(scripts.len(), at, &mut rng));
        at += pause / 2 + pause.mul_f64(rng.f64());
    }
    scripts
}

/// So many who all call again within a second, soon after it.
pub fn crowd(seed: u64, many: usize) -> Vec<Script> {
    let mut rng = Rng::with_seed(!seed);
    let soon = AT + LASTS + Duration::from_secs(5);
    let one = |no| caller(10_000 + no, soon + Duration::from_millis(rng.u64(0..1_000)), &mut rng);
    (0..many).map(one).collect()
}

fn caller(no: usize, at: Duration, rng: &mut Rng) -> Script {
    let line = LINES[no % LINES.len()];
    let stays = rng.u32(0..3) > 0;
    let patience = if stays { FOR_EVER } else { Duration::from_millis(rng.u64(500..40_000)) };
    let ends = if rng.bool() { Side::Caller } else { Side::Callee };
    let talk = Duration::from_millis(rng.u64(2_000..120_000));
    let script = Script::call(&format!("call {no}"), "+12025550142", line).at(at).patience(patience).talk(talk, ends);
    let script = if stays { script } else { script.message(Duration::from_secs(4)) };
    PEOPLE.iter().fold(script, |script, (target, after)| script.callee(target, callee(*after, rng)))
}

fn callee(after: u64, rng: &mut Rng) -> Callee {
    let after = Duration::from_millis(after + rng.u64(0..1_000));
    match rng.u32(0..8) {
        0 => Callee::Busy { after },
        1 => Callee::Declines { after },
        2 => Callee::Fails { after },
        3 | 4 => Callee::RingsOut,
        _ => Callee::answers(after),
    }
}
