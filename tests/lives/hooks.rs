//! Lives whose lines tell others of missed calls, and how those others do.

use fastrand::Rng;
use switchhook::play::{Ill, Illness};
use switchhook::routing::Rules;

use super::draw::{millis, one_in, pick, read, secs};

pub const HOSTS: [&str; 3] = ["one.example.com", "two.example.com:8443", "127.0.0.1:8090"];

/// In some lives one line or both tell somebody, or several, of calls that were missed.
pub fn with_hooks(text: String, rules: Rules, rng: &mut Rng) -> (String, Rules) {
    if one_in(2, rng) {
        return (text, rules);
    }
    let list = |rng: &mut Rng| {
        let hooks: Vec<String> = (0..rng.u32(1..=3))
            .map(|_| format!("{{webhook: \"https://{}/{}\"}}", pick(&HOSTS, rng), rng.u32(0..2)))
            .collect();
        hooks.join(", ")
    };
    let (first, second) = (list(rng), list(rng));
    let line = |route: &str, hooks: &str| format!("{{route: {route}, on_missed: [{hooks}]}}");
    let mut told = text.clone();
    for route in ["main", "chosen"] {
        let (old, new) = (format!("\"+12025550100\": {route},"), format!("\"+12025550100\": {},", line(route, &first)));
        told = told.replace(&old, &new);
    }
    if rng.bool() {
        told = told.replace("\"+12025550101\": other}", &format!("\"+12025550101\": {}}}", line("other", &second)));
    }
    let rules = read(&told).unwrap();
    (told, rules)
}

/// Who of them is not well, and for how long: some for longer than anybody tries to tell them.
pub fn ills(rng: &mut Rng) -> Vec<Illness> {
    let ways = [Ill::Dead, Ill::Hangs, Ill::Fails, Ill::Gone, Ill::Slow, Ill::LosesAnswers];
    let mut ills = Vec::new();
    for host in HOSTS {
        if one_in(2, rng) {
            let lasts = match rng.u32(0..4) {
                0 => secs(3 * 3600),
                1 => secs(rng.u64(60..3_000)),
                _ => millis(rng.u64(500..60_000)),
            };
            ills.push(Illness { host, at: millis(rng.u64(0..40_000)), lasts, how: *pick(&ways, rng) });
        }
    }
    ills
}
