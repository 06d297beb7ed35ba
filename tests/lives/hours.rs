//! Lives whose first step is for some hours only, which begin or end while callers are in the line; and a judge who reckons
//! by minutes and knows nothing of calendars.

use std::fmt::Write as _;

use fastrand::Rng;
use jiff::Timestamp;
use switchhook::call::Remark;
use switchhook::play::Played;
use switchhook::routing::Rules;

use super::draw::{one_in, pick, read};

/// Zones, and how far their clocks are ahead of UTC, in minutes, on the day of all plays.
const ZONES: [(&str, i64); 7] = [
    ("America/New_York", -240),
    ("Europe/Berlin", 60),
    ("Asia/Kolkata", 330),
    ("Asia/Tokyo", 540),
    ("Pacific/Auckland", 780),
    ("Pacific/Honolulu", -600),
    ("UTC", 0),
];
/// The Monday on which all plays begin, at 14:00 UTC.
const MONDAY: &str = "2026-03-09T00:00:00Z";
const BEGIN: i64 = 14 * 60;
const DAY: i64 = 24 * 60;

/// The hours of a step.
pub struct Hours {
    /// Its line.
    line: u32,
    /// From when to when it is open, in seconds after that Monday began in UTC.
    open: (i64, i64),
}

/// In some lives calls begin at a step that is for some hours.
pub fn with_hours(text: String, rules: Rules, rng: &mut Rng) -> (String, Rules, Option<Hours>) {
    const HEAD: &str = "routes:\n  main:\n";
    let Some((before, after)) = text.split_once(HEAD).filter(|_| one_in(4, rng)) else { return (text, rules, None) };
    let (zone, ahead) = *pick(&ZONES, rng);
    let edge = BEGIN + ahead + rng.i64(-2..6);
    let (from, to) = match rng.u32(0..4) {
        0 => (edge, edge + rng.i64(1..4)),
        1 => (edge, edge + 600),
        2 => (edge - rng.i64(1..DAY), edge),
        // Long over by then, or long before it.
        _ => (edge + 2 * DAY, edge + 2 * DAY + 60),
    };
    let action = *pick(&["say: We are open.", "dial: cleo", "ring: desk", "goto: other", "hangup:"], rng);
    let step = format!("    - when: {{schedule: office}}\n      {action}\n");
    let line = u32::try_from(before.lines().count() + HEAD.lines().count() + 1).unwrap();
    let mut changed = format!("{before}{HEAD}{step}{after}");
    let days = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
    let day = days[usize::try_from(from.div_euclid(DAY).rem_euclid(7)).unwrap()];
    let wall = |minute: i64| format!("{:02}:{:02}", minute.rem_euclid(DAY) / 60, minute.rem_euclid(DAY) % 60);
    let weekly = format!("weekly: {{{day}: \"{}-{}\"}}", wall(from), wall(to));
    if rng.bool() {
        writeln!(changed, "timezone: {zone}\nschedules: {{office: {{{weekly}}}}}").unwrap();
    } else {
        let other = pick(&ZONES, rng).0;
        writeln!(changed, "timezone: {other}\nschedules: {{office: {{timezone: {zone}, {weekly}}}}}").unwrap();
    }
    let open = ((from - ahead) * 60, (to - ahead) * 60);
    // Some steps may not come first there.
    match read(&changed) {
        Some(rules) => (changed, rules, Some(Hours { line, open })),
        None => (text, rules, None),
    }
}

impl Hours {
    /// Adds what a life broke of it, and how often the step was met.
    pub fn judge(&self, played: &mut Played) {
        let monday: Timestamp = MONDAY.parse().unwrap();
        let mut broken = Vec::new();
        for chapter in played.calls.iter().flat_map(|call| &call.chapters) {
            let after = chapter.at.as_millisecond() - monday.as_millisecond();
            let open = (self.open.0 * 1000..self.open.1 * 1000).contains(&after);
            for remark in &chapter.decision.remarks {
                let begins = matches!(remark, Remark::StepBegan { at, .. } if at.line == self.line);
                if !begins && !matches!(remark, Remark::StepSkipped { at } if at.line == self.line) {
                    continue;
                }
                *played.counts.entry(format!("hours.{}", if begins { "open" } else { "closed" })).or_default() += 1;
                if begins != open {
                    let what = if open { "passed over while it is open" } else { "taken while it is closed" };
                    broken.push(format!("a step of some hours is {what}, at {}", chapter.at));
                }
            }
        }
        played.broken.extend(broken);
    }
}
