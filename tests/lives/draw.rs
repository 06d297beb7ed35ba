//! A life drawn by a seed: rules, calls, people, and what goes wrong.

use std::fmt::Write as _;
use std::time::Duration;

use fastrand::Rng;
use switchhook::call::Kind;
use switchhook::play::{Cut, Death, House, Manner, Mute, Outage, Trouble};
use switchhook::routing::{Rules, Sources, load};
use switchhook::sim::{Callee, Fault, Mishap, Rates, Script, Settings, Side, Switches};

use super::bounds::{Bounds, LIMITS};
use super::hooks::{ills, with_hooks};
use super::mailboxes::{speaks, troubled, with_mailboxes};
use super::menus::{presses, with_menus};

pub const LINE: &str = "+12025550100";
pub const OTHER_LINE: &str = "+12025550101";

/// Who can be rung: the name in the rules, and where.
const PEOPLE: [(&str, &str); 4] =
    [("anna", "+12025550111"), ("ben", "sip:ben@example.com"), ("cleo", "+12025550113"), ("dora", "+493023125010")];
const CALLERS: [&str; 7] =
    ["+12025550142", "+12025550143", "+493023125099", "anonymous", "sip:guest@example.net", "12345", "+13125550144"];

/// What of Telnyx may be out of order for long: all of it, who is rung, what is heard, picking up, hanging up.
const PARTS: [&[Kind]; 5] = [
    &Kind::ALL,
    &[Kind::Dial, Kind::Transfer],
    &[Kind::Speak, Kind::Play, Kind::Gather, Kind::StopPlay, Kind::Record, Kind::StopRecord],
    &[Kind::Answer],
    &[Kind::Hangup, Kind::Reject],
];
/// Where the chance of a long outage comes from: a stream of its own, so that what was drawn before stays as it was.
const LONG: u64 = 0x7e4d;

/// Everything a play needs.
pub struct Life {
    pub text: String,
    pub bounds: Bounds,
    pub rules: Rules,
    pub settings: Settings,
    pub scripts: Vec<Script>,
    pub trouble: Trouble,
}

pub fn draw(seed: u64) -> Life {
    let mut rng = Rng::with_seed(seed);
    let (text, rules) = rules(&mut rng);
    let mut settings = settings(&mut rng);
    let mut scripts: Vec<Script> = (0..calls(&mut rng)).map(|no| script(no, &mut rng)).collect();
    let mut trouble = trouble(&mut rng);
    // From streams of their own, so that what was drawn before stays as it was.
    let mut rng = Rng::with_seed(seed ^ 0x57a7);
    if one_in(10, &mut rng) {
        trouble.strays = rng.u32(1..=6);
    }
    let mut rng = Rng::with_seed(seed ^ 0x6d65_6e75);
    let (text, rules) = with_menus(text, rules, &mut rng);
    scripts.iter_mut().for_each(|script| presses(script, &mut rng));
    let mut rng = Rng::with_seed(seed ^ LONG);
    if one_in(40, &mut rng) {
        trouble.outage = Some(long_outage(&mut rng));
    }
    let mut rng = Rng::with_seed(seed ^ 0xc07);
    if one_in(10, &mut rng) {
        let kind = *pick(&[Kind::Dial, Kind::Transfer, Kind::Bridge, Kind::Speak, Kind::Play, Kind::Answer], &mut rng);
        let lasts = if rng.bool() { millis(rng.u64(100..60_000)) } else { secs(rng.u64(60..80)) };
        trouble.cut = Some(Cut { kind, done: rng.bool(), lasts, dies: rng.bool(), mute: Mute::Nothing });
    }
    let mut rng = Rng::with_seed(seed ^ 0xd0b7);
    if one_in(10, &mut rng) {
        (trouble.doubt, trouble.doubts) = (0.02 + 0.3 * rng.f64(), rng.u32(1..=4));
    }
    let mut rng = Rng::with_seed(seed ^ 0xfa017);
    if one_in(10, &mut rng) {
        (trouble.fault, trouble.faults) = (0.02 + 0.3 * rng.f64(), rng.u32(1..=2));
    }
    let mut rng = Rng::with_seed(seed ^ 0x6d61_696c);
    let (text, rules) = with_mailboxes(text, rules, &mut rng);
    if text.contains("voicemail:") {
        scripts.iter_mut().for_each(|script| speaks(script, &mut rng));
        troubled(&mut settings, &mut trouble, &mut rng);
    }
    let mut rng = Rng::with_seed(seed ^ 0x0007_e11d);
    let (text, rules) = with_hooks(text, rules, &mut rng);
    trouble.ills = ills(&mut rng);
    let life = Life { text, bounds: Bounds::default(), rules, settings, scripts, trouble };
    let mut rng = Rng::with_seed(seed ^ 0xb0a2d);
    if one_in(3, &mut rng) { bounded(life, &mut rng) } else { life }
}

/// The same life where less may be dialled. What is not to be taken is offered first: if it is, it is what is played.
fn bounded(life: Life, rng: &mut Rng) -> Life {
    let mut bounds = Bounds::draw(rng);
    let (mut text, mut scripts) = (bounds.forbidden(&life.text), life.scripts);
    bounds.refused = read(&text).is_none();
    if bounds.refused {
        text = bounds.allowed(&life.text);
        bounds.recast(&mut scripts);
    }
    let rules = read(&text).unwrap();
    Life { text, bounds, rules, scripts, ..life }
}

/// Texts until one is taken: some of those drawn lead nowhere.
fn rules(rng: &mut Rng) -> (String, Rules) {
    loop {
        let text = Author { rng, text: String::new() }.file();
        if let Some(rules) = read(&text) {
            return (text, rules);
        }
    }
}

pub fn read(text: &str) -> Option<Rules> {
    let sources = Sources { name: "routes.yaml".into(), text: text.to_owned(), ..Sources::default() };
    load(&sources).ok().map(|loaded| loaded.rules)
}

pub fn secs(n: u64) -> Duration {
    Duration::from_secs(n)
}

pub fn millis(n: u64) -> Duration {
    Duration::from_millis(n)
}

pub fn one_in(n: u32, rng: &mut Rng) -> bool {
    rng.u32(0..n) == 0
}

pub fn pick<'a, T>(from: &'a [T], rng: &mut Rng) -> &'a T {
    &from[rng.usize(0..from.len())]
}

/// Writes a routing file.
struct Author<'r> {
    rng: &'r mut Rng,
    text: String,
}

impl Author<'_> {
    fn file(mut self) -> String {
        self.text.push_str("version: 1\n");
        let defaults = [
            ("ringback: https://example.com/ring.mp3, answer_after: 9s", 3),
            ("max_call: 2m", 12),
            ("timeout: 12s", 3),
            ("caller_id: called", 6),
        ];
        let mut said: Vec<&str> =
            defaults.iter().filter(|(_, n)| one_in(*n, self.rng)).map(|(text, _)| *text).collect();
        said.push("voice: female");
        writeln!(self.text, "defaults: {{{}}}", said.join(", ")).unwrap();
        self.text.push_str("people:\n");
        for (name, target) in PEOPLE {
            match self.rng.u32(0..3) {
                0 => writeln!(self.text, "  {name}: {{dial: \"{target}\", timeout: {}s}}", self.rng.u32(5..25)),
                _ => writeln!(self.text, "  {name}: \"{target}\""),
            }
            .unwrap();
        }
        self.text.push_str("ring_groups:\n  desk:\n");
        let group = self.group();
        writeln!(self.text, "    {group}").unwrap();
        writeln!(self.text, "{LIMITS}").unwrap();
        writeln!(self.text, "numbers: {{\"{LINE}\": main, \"{OTHER_LINE}\": other}}").unwrap();
        self.text.push_str("routes:\n  main:\n");
        self.steps(2, 0, true);
        self.text.push_str("  other:\n");
        self.steps(2, 0, false);
        self.text
    }

    fn group(&mut self) -> String {
        let sequential = one_in(3, self.rng);
        let mut people: Vec<&str> = PEOPLE.iter().map(|(name, _)| *name).collect();
        self.rng.shuffle(&mut people);
        people.truncate(self.rng.usize(1..=4));
        let members: Vec<String> = people
            .iter()
            .map(|name| match self.rng.u32(0..4) {
                0 if !sequential => format!("{{person: {name}, delay: {}s}}", self.rng.u32(1..12)),
                _ => (*name).to_owned(),
            })
            .collect();
        let strategy = if sequential { "sequential" } else { "simultaneous" };
        let mut group = format!("{{strategy: {strategy}, members: [{}]", members.join(", "));
        if one_in(2, self.rng) {
            write!(group, ", timeout: {}s", self.rng.u32(8..30)).unwrap();
        }
        if one_in(3, self.rng) {
            write!(group, ", ring_each: {}s", self.rng.u32(5..15)).unwrap();
        }
        group + "}"
    }

    fn steps(&mut self, indent: usize, depth: u32, may_go: bool) {
        for _ in 0..self.rng.u32(1..=if depth == 0 { 4 } else { 2 }) {
            self.step(indent, depth, may_go);
        }
        let last = match self.rng.u32(0..6) {
            0 => return,
            1 if may_go => "goto: other",
            2 => "say: Goodbye.",
            3 => "reject: busy",
            _ => "hangup:",
        };
        self.line(indent, "- ", last);
    }

    fn line(&mut self, indent: usize, dash: &str, text: &str) {
        writeln!(self.text, "{}{dash}{text}", " ".repeat(2 * indent)).unwrap();
    }

    fn step(&mut self, indent: usize, depth: u32, may_go: bool) {
        let mut dash = "- ";
        if one_in(6, self.rng) {
            let conditions = [
                "{from: anonymous}",
                "{from: {country: DE}}",
                "{from: {prefix: \"+1202\"}}",
                "{not: {from: \"+12025550142\"}}",
                "{to: \"+12025550100\"}",
                "{any: [{from: anonymous}, {from: {country: US}}]}",
            ];
            let when = format!("when: {}", pick(&conditions, self.rng));
            self.line(indent, dash, &when);
            dash = "  ";
        }
        match self.rng.u32(0..12) {
            0 => self.line(indent, dash, "answer:"),
            1 => {
                let texts = ["Welcome.", "One moment please.", "Nobody can take your call at the moment, {caller}."];
                let say = format!("say: \"{}\"", pick(&texts, self.rng));
                self.line(indent, dash, &say);
            }
            2 if one_in(2, self.rng) => self.line(indent, dash, "play: https://example.com/music.mp3"),
            3..=5 => self.rings(indent, dash, depth, may_go, "dial"),
            6 | 7 => self.rings(indent, dash, depth, may_go, "transfer"),
            8 if depth == 0 => {
                self.line(indent, dash, "do:");
                self.steps(indent + 2, depth + 1, may_go);
            }
            9 => {
                let group = self.group();
                self.line(indent, dash, &format!("ring: {group}"));
                self.on(indent, depth, may_go, &["no_answer", "declined", "failed"]);
            }
            _ => {
                self.line(indent, dash, "ring: desk");
                self.on(indent, depth, may_go, &["no_answer", "declined", "failed"]);
            }
        }
    }

    fn rings(&mut self, indent: usize, dash: &str, depth: u32, may_go: bool, action: &str) {
        let (name, _) = *pick(&PEOPLE, self.rng);
        self.line(indent, dash, &format!("{action}: {name}"));
        if one_in(2, self.rng) {
            let timeout = format!("timeout: {}s", self.rng.u32(5..25));
            self.line(indent, "  ", &timeout);
        }
        if one_in(5, self.rng) {
            let caller_id = *pick(&["caller", "called", "\"+12025550100\""], self.rng);
            self.line(indent, "  ", &format!("caller_id: {caller_id}"));
        }
        self.on(indent, depth, may_go, &["busy", "no_answer", "declined", "failed"]);
    }

    fn on(&mut self, indent: usize, depth: u32, may_go: bool, outcomes: &[&str]) {
        if depth > 1 || !one_in(3, self.rng) {
            return;
        }
        self.line(indent, "  ", "on:");
        let outcome = *pick(outcomes, self.rng);
        self.line(indent, "    ", &format!("{outcome}:"));
        self.steps(indent + 3, depth + 1, may_go);
    }
}

fn calls(rng: &mut Rng) -> u32 {
    match rng.u32(0..10) {
        0 => 3,
        1 | 2 => 2,
        _ => 1,
    }
}

fn script(no: u32, rng: &mut Rng) -> Script {
    let to = match rng.u32(0..20) {
        0 => "+12025550177",
        1..=6 => OTHER_LINE,
        _ => LINE,
    };
    let from = if one_in(2, rng) { CALLERS[0] } else { *pick(&CALLERS, rng) };
    let ends = if rng.bool() { Side::Caller } else { Side::Callee };
    let lasts = match rng.u32(0..8) {
        0 => secs(rng.u64(280..900)),
        1 => millis(rng.u64(0..3000)),
        _ => millis(rng.u64(2_000..90_000)),
    };
    let patience = if one_in(3, rng) { millis(rng.u64(500..30_000)) } else { millis(rng.u64(20_000..240_000)) };
    let mut script = Script::call(&format!("call {no}"), from, to).patience(patience).talk(lasts, ends);
    if no > 0 {
        script = script.at(millis(rng.u64(0..40_000)));
    }
    // Some pick up at nearly the same moment.
    let together = rng.u64(500..15_000);
    for (_, target) in PEOPLE {
        for _ in 0..rng.u32(1..=2) {
            script = script.callee(target, callee(together, rng));
        }
    }
    script
}

fn callee(together: u64, rng: &mut Rng) -> Callee {
    let soon = millis(rng.u64(0..4_000));
    let after = if one_in(3, rng) {
        millis(together + rng.u64(0..900))
    } else if one_in(3, rng) {
        // At the moment when a ring ends.
        secs(rng.u64(5..25)) + millis(rng.u64(0..400)).saturating_sub(millis(200))
    } else {
        millis(rng.u64(500..20_000))
    };
    match rng.u32(0..16) {
        0 => Callee::Vanishes { after },
        1 | 2 => Callee::Busy { after: soon },
        3 => Callee::Declines { after },
        4 | 5 => Callee::RingsOut,
        6 => Callee::NotFound { after: soon },
        7 => Callee::Fails { after: soon },
        8 => {
            let refusals = [(403, "D13"), (403, "10010"), (422, "10016"), (422, "90041"), (403, "D38")];
            let (status, code) = *pick(&refusals, rng);
            Callee::Refused { status, code: code.to_owned() }
        }
        9 => Callee::Answers { after, hangs_up_after: Some(millis(rng.u64(0..20_000))) },
        _ => Callee::answers(after),
    }
}

fn settings(rng: &mut Rng) -> Settings {
    let mut settings = Settings { audio_length: millis(rng.u64(500..8_000)), ..Settings::default() };
    if !one_in(5, rng) {
        settings.switches = Switches::draw(rng);
    }
    settings.longest_delay = millis(rng.u64(500..15_000));
    let faults = [Fault::Error, Fault::ErrorDone, Fault::TooMany, Fault::Hang, Fault::HangDone, Fault::Ignored];
    let mishaps = [Mishap::Delay, Mishap::Duplicate, Mishap::Swap, Mishap::Drop, Mishap::Lose];
    match rng.u32(0..10) {
        0..=3 => {}
        4 | 5 => settings.faults = Rates::default().with(*pick(&faults, rng), 0.02 + 0.2 * rng.f64()),
        6 | 7 => settings.network = Rates::default().with(*pick(&mishaps, rng), 0.02 + 0.2 * rng.f64()),
        _ => {
            let most = 0.01 + 0.06 * rng.f64();
            settings.faults = faults.iter().fold(Rates::default(), |rates, fault| rates.with(*fault, most * rng.f64()));
            settings.network =
                mishaps.iter().fold(Rates::default(), |rates, mishap| rates.with(*mishap, 2.0 * most * rng.f64()));
        }
    }
    match rng.u32(0..30) {
        0 => settings.channel_limit = Some(rng.usize(0..3)),
        1 => settings.dials_in_5_secs = rng.usize(1..3),
        2 => settings.requests_per_minute = Some(rng.u32(15..40)),
        3 => settings.first_command_timeout = Some(secs(rng.u64(10..40))),
        _ => {}
    }
    settings
}

/// Telnyx is out of order for ten minutes, as a whole or in part.
fn long_outage(rng: &mut Rng) -> Outage {
    let manners = [
        Manner::Refuses,
        Manner::Fails,
        Manner::Hangs,
        Manner::HangsDone,
        Manner::TooMany { after: None },
        Manner::TooMany { after: Some(rng.u8(1..40)) },
    ];
    let of = PARTS[rng.usize(0..PARTS.len())];
    Outage { at: millis(rng.u64(0..60_000)), lasts: secs(600), how: *pick(&manners, rng), of }
}

fn trouble(rng: &mut Rng) -> Trouble {
    let mut trouble = Trouble::default();
    if one_in(5, rng) {
        trouble.slow = 0.02 + 0.2 * rng.f64();
    }
    if one_in(8, rng) {
        for _ in 0..rng.u32(1..4) {
            let down = if one_in(5, rng) { secs(rng.u64(30..90)) } else { millis(rng.u64(50..8_000)) };
            trouble.deaths.push(Death { at: millis(rng.u64(0..40_000)), down });
        }
    }
    trouble.house = *pick(&[House::Alone, House::Alone, House::Machine, House::Shared, House::Shared], rng);
    if one_in(6, rng) {
        trouble.crash = 0.002 + 0.05 * rng.f64();
        trouble.crashes = rng.u32(1..4);
    }
    if one_in(20, rng) {
        let (at, lasts) = (millis(rng.u64(0..30_000)), millis(rng.u64(1_000..30_000)));
        let how = if rng.bool() { Manner::Refuses } else { Manner::Hangs };
        trouble.outage = Some(Outage { at, lasts, how, of: &Kind::ALL });
    }
    if one_in(20, rng) {
        trouble.nodes = rng.u32(5..100);
    }
    if one_in(20, rng) {
        let (_, target) = *pick(&PEOPLE, rng);
        (trouble.stopped, trouble.stops) = (one_in(4, rng), vec![target, "+49*"]);
    }
    if one_in(12, rng) {
        // Often enough for what is done only after several of them.
        let kind = *pick(&[Kind::Answer, Kind::Bridge, Kind::Speak, Kind::Play, Kind::Hangup], rng);
        trouble.ignored = vec![kind; rng.usize(1..=4)];
    }
    trouble
}
