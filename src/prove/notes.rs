//! What is worth knowing of a file that is good: times of its schedules at which clocks are put forward or back.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::routing::{Condition, Odd, Rules, Schedule, moment};

/// How far ahead is looked, in days.
const AHEAD: u16 = 366;

/// Beginnings and ends of hours within the next twelve months that do not exist on their day, or exist twice, a sentence
/// each.
pub fn notes(rules: &Rules, now: Timestamp) -> Vec<String> {
    let mut schedules: BTreeMap<&str, Vec<&Schedule>> = BTreeMap::new();
    rules.steps.iter().filter_map(|step| step.when.as_ref()).for_each(|when| collect(when, &mut schedules));
    let mut notes = Vec::new();
    for (name, schedules) in schedules {
        let name =
            if name.is_empty() { "a schedule written in its place".to_owned() } else { format!("schedule `{name}`") };
        for schedule in schedules {
            let from = now.to_zoned(schedule.zone.clone()).date();
            notes.extend(schedule.oddities(from, AHEAD).iter().map(|odd| note(&name, odd, schedule)));
        }
    }
    notes
}

fn collect<'r>(when: &'r Condition, schedules: &mut BTreeMap<&'r str, Vec<&'r Schedule>>) {
    match when {
        Condition::Schedule { name, schedule } => {
            let known = schedules.entry(name).or_default();
            // One with a name is the same wherever it is used.
            if !known.contains(&schedule.as_ref()) {
                known.push(schedule);
            }
        }
        Condition::Not(condition) => collect(condition, schedules),
        Condition::All(conditions) | Condition::Any(conditions) => {
            conditions.iter().for_each(|condition| collect(condition, schedules));
        }
        Condition::From(_) | Condition::To(_) => {}
    }
}

fn note(name: &str, odd: &Odd, schedule: &Schedule) -> String {
    let zone = schedule.zone.iana_name().unwrap_or("its zone");
    let Odd { date, wall, twice, taken } = odd;
    let exists = if *twice { "comes twice" } else { "does not exist" };
    let taken =
        if *twice { "the first is taken".to_owned() } else { format!("{} is taken", moment(*taken, &schedule.zone)) };
    format!("{name}: {wall} on {date} {exists} in {zone}: {taken}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::routing::{Sources, load};

    #[test]
    fn hours_that_fall_on_a_change_of_the_clocks_are_told() {
        let text = "version: 1\ntimezone: Europe/Berlin\nnumbers: {'+12025550100': main}\nschedules: {night: {weekly: \
                    {sun: '02:30-06:00'}}}\nroutes:\n  main:\n    - when: {not: {schedule: night}}\n      say: Day\n    - \
                    when: {any: [{schedule: night}, {schedule: {weekly: {mon: '09:00-12:00'}}}]}\n      say: Night\n    - \
                    hangup\n";
        let sources = Sources { name: "routes.yaml".into(), text: text.into(), ..Sources::default() };
        let rules = load(&sources).unwrap_or_else(|problems| panic!("{problems}")).rules;
        assert_eq!(
            notes(&rules, "2026-03-01T00:00:00Z".parse().unwrap()),
            [
                "schedule `night`: 02:30 on 2026-03-29 does not exist in Europe/Berlin: Sunday 29 March 2026 03:00 \
                 Europe/Berlin is taken",
                "schedule `night`: 02:30 on 2026-10-25 comes twice in Europe/Berlin: the first is taken",
            ]
        );
    }
}
