//! `when:`: structured, so that it can be decided for every call ahead of time.

use std::sync::Arc;

use jiff::Timestamp;

use super::list::{List, Pattern};
use super::schedule::Schedule;
use crate::phone::{Country, Number, Party};

/// A guard over a call.
#[derive(Clone, Debug, PartialEq)]
pub enum Condition {
    /// The caller matches.
    From(Match),
    /// The number called matches.
    To(Match),
    /// It is open at the moment at which the step is reached: `schedule: NAME`.
    Schedule {
        /// The schedule's name; empty where it is written in its place.
        name: String,
        /// Its hours.
        schedule: Arc<Schedule>,
    },
    /// The condition does not hold.
    Not(Box<Condition>),
    /// Every one holds.
    All(Vec<Condition>),
    /// At least one holds.
    Any(Vec<Condition>),
}

/// A pattern over a party.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Match {
    /// On the list: `{list: NAME}`.
    List {
        /// The list's name; empty where it is written in its place.
        name: String,
        /// What is on it. Shared: a list may be long, and asked for in many steps.
        list: Arc<List>,
    },
    /// This number: `"+12025550100"`, or a prefix of digits: `{prefix: "+1202"}`.
    One(Pattern),
    /// A number of this country: `{country: US}`.
    Country(Country),
    /// Withheld or empty: `anonymous`.
    Anonymous,
    /// At least one of these.
    AnyOf(Vec<Match>),
}

impl Condition {
    /// Whether it holds for a call from `from` to `to` at a moment.
    pub fn holds(&self, from: &Party, to: &Party, now: Timestamp) -> bool {
        match self {
            Self::From(pattern) => pattern.fits(from),
            Self::To(pattern) => pattern.fits(to),
            Self::Schedule { schedule, .. } => schedule.is_open(now),
            Self::Not(condition) => !condition.holds(from, to, now),
            Self::All(conditions) => conditions.iter().all(|c| c.holds(from, to, now)),
            Self::Any(conditions) => conditions.iter().any(|c| c.holds(from, to, now)),
        }
    }
}

impl Match {
    pub(super) fn fits(&self, party: &Party) -> bool {
        match self {
            Self::List { list, .. } => party.number().is_some_and(|number| list.has(number)),
            Self::One(pattern) => pattern.fits(party),
            Self::Country(country) => party.number().and_then(Number::country) == Some(*country),
            Self::Anonymous => *party == Party::Withheld,
            Self::AnyOf(matches) => matches.iter().any(|m| m.fits(party)),
        }
    }
}
