//! `schedules`: the hours of a week.

use std::sync::Arc;

use jiff::tz::{TimeZone, TimeZoneDatabase};

use super::reader::Reader;
use super::{values, words};
use crate::routing::problem::{one_of, short};
use crate::routing::schedule::{Hours, Schedule, Wall};
use crate::yaml::{Entry, Map, Node, Spot, Value};

/// The days of a week.
const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

impl Reader<'_> {
    pub(super) fn read_schedules(&mut self, map: &Map) {
        for entry in &map.entries {
            self.check_name(entry);
            let schedule = self.schedule(entry.at, &entry.value).map(Arc::new);
            self.schedules.add(&entry.key, entry.at, schedule);
        }
    }

    /// A schedule: with a name, or in its place.
    pub(super) fn schedule(&mut self, at: Spot, node: &Node) -> Option<Schedule> {
        let map = values::map(&mut self.found, node, "a map like {weekly: {mon-fri: \"08:30-17:30\"}}")?;
        values::keys(&mut self.found, map, words::SCHEDULE, words::SCHEDULE_LATER);
        let zone = match map.get("timezone") {
            Some(node) => self.zone(node),
            None if self.timezone.is_none() => {
                let message = "whose clock is it? Write `timezone: America/New_York` at the top of the file";
                self.found.error(at, message);
                None
            }
            None => self.timezone.clone(),
        };
        let weekly = values::need(&mut self.found, node, map, words::SCHEDULE, ["weekly", "the hours of each day"])?;
        let days = values::map(&mut self.found, weekly, "a map like {mon-fri: \"08:30-17:30\", sat: \"09:00-12:00\"}")?;
        if days.entries.is_empty() {
            self.found.error(weekly.at, "there are no hours here: it would never be open");
        }
        let mut week: [Vec<Hours>; 7] = Default::default();
        for entry in &days.entries {
            self.day(entry, &mut week);
        }
        Some(Schedule { zone: zone?, week })
    }

    /// The zones are those built in: what a file means must not hang on the machine that reads it.
    pub(super) fn zone(&mut self, node: &Node) -> Option<TimeZone> {
        let name = values::text(&mut self.found, node, "a zone like Europe/Berlin")?;
        let zones = TimeZoneDatabase::bundled();
        let known: Vec<String> = zones.available().map(|zone| zone.to_string()).collect();
        if !known.iter().any(|zone| zone == name) {
            self.found.unknown(node.at, "time zone", name, known.iter().map(String::as_str));
            return None;
        }
        zones.get(name).ok()
    }

    fn day(&mut self, entry: &Entry, week: &mut [Vec<Hours>; 7]) {
        let hours = self.hours(&entry.value);
        for day in self.days(entry) {
            let Some(said) = week.get_mut(day) else { continue };
            if !said.is_empty() {
                let name = DAYS.get(day).copied().unwrap_or_default();
                let message = format!("the hours of {name} are said in two places: say all of them in one");
                self.found.error(entry.at, message);
                return;
            }
            said.clone_from(&hours);
        }
    }

    /// `sat`, `mon-fri`, also over the end of the week: `fri-mon`.
    fn days(&mut self, entry: &Entry) -> Vec<usize> {
        let (first, last) = entry.key.split_once('-').unwrap_or((&entry.key, &entry.key));
        let mut index = |word: &str| {
            let found = DAYS.iter().position(|name| *name == word.trim());
            if found.is_none() {
                let known = one_of(&DAYS);
                let message = format!("`{}` is no day: write {known}, or several like mon-fri", short(word.trim()));
                self.found.error(entry.at, message);
            }
            found
        };
        let (Some(first), Some(last)) = (index(first), index(last)) else { return Vec::new() };
        let count = (last + 7 - first) % 7 + 1;
        (first..first + count).map(|day| day % 7).collect()
    }

    /// `"09:00-17:30"`, or a list of such.
    fn hours(&mut self, node: &Node) -> Vec<Hours> {
        let nodes = match &node.value {
            Value::List(items) => items.as_slice(),
            Value::Text(_) | Value::Map(_) => std::slice::from_ref(node),
        };
        if nodes.is_empty() {
            self.found.error(node.at, "there are no hours here: a day that is not named is closed");
        }
        let mut all: Vec<Hours> = Vec::new();
        for node in nodes {
            let Some(text) = values::text(&mut self.found, node, "hours like \"09:00-17:30\"") else { continue };
            match span(text) {
                Ok(hours) if all.iter().any(|other| overlap(*other, hours)) => {
                    self.found.error(node.at, format!("`{}` overlaps with hours of the same day", short(text)));
                }
                Ok(hours) => all.push(hours),
                Err(message) => self.found.error(node.at, message),
            }
        }
        all
    }
}

fn overlap(one: Hours, other: Hours) -> bool {
    // Hours over midnight last until the end of this day, and then some.
    let end = |hours: Hours| if hours.to > hours.from { hours.to } else { Wall(Wall::END.0 + hours.to.0) };
    one.from < end(other) && other.from < end(one)
}

fn span(text: &str) -> Result<Hours, String> {
    let bad = || {
        let hint = if text.eq_ignore_ascii_case("closed") { "; a day that is not named is closed" } else { "" };
        format!("`{}` are no hours: write them like \"09:00-17:30\"{hint}", short(text))
    };
    let (from, to) = text.split_once('-').ok_or_else(bad)?;
    let from = wall(from.trim()).filter(|from| *from < Wall::END).ok_or_else(bad)?;
    let to = wall(to.trim()).ok_or_else(bad)?;
    if from == to {
        return Err(format!("`{}` lasts no time: for a whole day write \"00:00-24:00\"", short(text)));
    }
    Ok(Hours { from, to })
}

fn wall(text: &str) -> Option<Wall> {
    let (hour, minute) = text.split_once(':')?;
    let digits = |text: &str, most: u16| {
        let good = text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit());
        good.then(|| text.parse().ok()).flatten().filter(|number: &u16| *number <= most)
    };
    let (hour, minute) = (digits(hour, 24)?, digits(minute, 59)?);
    Some(Wall(hour * 60 + minute)).filter(|wall| *wall <= Wall::END)
}
