//! Why a guard holds or does not, with the values that were compared.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::condition::{Condition, Match};
use super::list::Pattern;
use crate::phone::Party;

impl Condition {
    /// Why [`Condition::holds`] says what it does of a call from `from` to `to` at a moment.
    pub fn why(&self, from: &Party, to: &Party, now: Timestamp) -> String {
        let each = |conditions: &[Self], holds: bool| {
            // One that decides is enough; else all do.
            let decides = conditions.iter().find(|condition| condition.holds(from, to, now) == holds);
            let all = decides.map_or(conditions, std::slice::from_ref);
            all.iter().map(|condition| condition.why(from, to, now)).collect::<Vec<_>>().join(" and ")
        };
        match self {
            Self::From(pattern) => pattern.why(from),
            Self::To(pattern) => pattern.why(to),
            Self::Schedule { name, schedule } => {
                let open = if schedule.is_open(now) { "open" } else { "closed" };
                let name = if name.is_empty() { "the schedule".to_owned() } else { format!("schedule `{name}`") };
                format!("{name} is {open} on {}", moment(now, &schedule.zone))
            }
            Self::Not(condition) => condition.why(from, to, now),
            Self::All(conditions) => each(conditions, false),
            Self::Any(conditions) => each(conditions, true),
        }
    }
}

impl Match {
    fn why(&self, party: &Party) -> String {
        let fits = self.fits(party);
        let is = if fits { "is" } else { "is not" };
        let who = match party {
            Party::Withheld => "a withheld number",
            Party::Number(_) | Party::Sip(_) | Party::Other(_) => party.as_str(),
        };
        match self {
            Self::List { name, .. } if name.is_empty() => format!("{who} {is} on the list"),
            Self::List { name, .. } => format!("{who} {is} on list `{name}`"),
            Self::One(Pattern::Number(number)) => format!("{who} {is} {number}"),
            Self::One(Pattern::Prefix(prefix)) if fits => format!("{who} begins with {prefix}"),
            Self::One(Pattern::Prefix(prefix)) => format!("{who} does not begin with {prefix}"),
            Self::Country(country) => format!("{who} {is} of {country}"),
            Self::Anonymous if fits => "the number is withheld".to_owned(),
            Self::Anonymous => format!("{who} is not withheld"),
            Self::AnyOf(matches) => {
                let one = matches.iter().find(|one| one.fits(party));
                let all = one.map_or(matches.as_slice(), std::slice::from_ref);
                all.iter().map(|one| one.why(party)).collect::<Vec<_>>().join(" and ")
            }
        }
    }
}

/// A moment by the clock on the wall of a place: `Thursday 24 December 2026 12:00 America/New_York`.
pub fn moment(at: Timestamp, zone: &TimeZone) -> String {
    at.to_zoned(zone.clone()).strftime("%A %-d %B %Y %H:%M %Q").to_string()
}

#[cfg(test)]
mod tests {
    use super::super::{Sources, load};
    use super::*;

    /// Why `when: CONDITION` holds or not, for a call from a number at noon on Christmas Eve in New York.
    fn why(condition: &str, from: &str) -> (bool, String) {
        let text = format!(
            "version: 1\ntimezone: America/New_York\nnumbers: {{'+12025550100': main}}\nlists: {{vip: ['+12025550142', \
             '+1303*']}}\nschedules: {{office: {{weekly: {{mon-fri: '09:00-12:00'}}}}}}\nroutes:\n  main:\n    - when: \
             {condition}\n      reject: decline\n    - when: {{all: [{{from: {{list: vip}}}}, {{schedule: office}}]}}\n      \
             reject: busy\n    - hangup\n"
        );
        let sources = Sources { name: "routes.yaml".into(), text, ..Sources::default() };
        let rules = load(&sources).unwrap_or_else(|problems| panic!("{problems}")).rules;
        let when = rules.steps[0].when.as_ref().unwrap();
        let (from, to) = (Party::read(from), Party::read("+12025550100"));
        let at: Timestamp = "2026-12-24T17:00:00Z".parse().unwrap();
        (when.holds(&from, &to, at), when.why(&from, &to, at))
    }

    #[test]
    fn each_reason_names_what_was_compared() {
        let closed = "schedule `office` is closed on Thursday 24 December 2026 12:00 America/New_York";
        for (condition, from, holds, expected) in [
            ("{schedule: office}", "anonymous", false, closed),
            ("{not: {schedule: office}}", "anonymous", true, closed),
            ("{from: {list: vip}}", "+12025550142", true, "+12025550142 is on list `vip`"),
            ("{from: {list: vip}}", "anonymous", false, "a withheld number is not on list `vip`"),
            ("{from: {list: ['+13*']}}", "+13035550142", true, "+13035550142 is on the list"),
            ("{from: anonymous}", "anonymous", true, "the number is withheld"),
            ("{from: anonymous}", "sip:x@example.com", false, "sip:x@example.com is not withheld"),
            ("{from: '+12025550142'}", "+12025550142", true, "+12025550142 is +12025550142"),
            ("{from: {prefix: '+1303'}}", "+12025550142", false, "+12025550142 does not begin with +1303"),
            ("{from: {country: DE}}", "+12025550142", false, "+12025550142 is not of DE"),
            ("{to: {country: US}}", "anonymous", true, "+12025550100 is of US"),
            ("{from: [anonymous, {prefix: '+1202'}]}", "+12025550142", true, "+12025550142 begins with +1202"),
            (
                "{from: [anonymous, {country: DE}]}",
                "+12025550142",
                false,
                "+12025550142 is not withheld and +12025550142 is not of DE",
            ),
            ("{all: [{from: anonymous}, {schedule: office}]}", "anonymous", false, closed),
            (
                "{from: '+12025550142', to: '+12025550100'}",
                "+12025550142",
                true,
                "+12025550142 is +12025550142 and +12025550100 is +12025550100",
            ),
            ("{any: [{schedule: office}, {from: anonymous}]}", "anonymous", true, "the number is withheld"),
        ] {
            assert_eq!(why(condition, from), (holds, expected.to_owned()), "{condition}");
        }
    }
}
