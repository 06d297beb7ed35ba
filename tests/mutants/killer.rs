//! Who finds a mutant.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// The longest reason that is told.
const LONGEST: usize = 150;

/// Who finds a mutant: tests of one target.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Killer {
    target: String,
    /// What their names contain; nothing, for the lives.
    filter: Option<String>,
}

/// What came of running a killer.
pub enum Verdict {
    /// All went well.
    Green,
    /// It did not; all that it said.
    Red(String),
}

impl Verdict {
    pub fn is_red(&self) -> bool {
        matches!(self, Self::Red(_))
    }
}

impl Killer {
    /// Reads `lives`, or a target and a part of a name.
    pub fn parse(words: &str) -> Option<Self> {
        match words.split(' ').collect::<Vec<_>>()[..] {
            ["lives"] => Some(Self { target: "lives".to_owned(), filter: None }),
            [target, filter] => Some(Self { target: target.to_owned(), filter: Some(filter.to_owned()) }),
            _ => None,
        }
    }

    /// Its target, and what the names of its tests contain.
    pub fn run(&self) -> (&str, Vec<&str>) {
        (&self.target, self.filter.iter().map(String::as_str).collect())
    }
}

impl fmt::Display for Killer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words: Vec<&str> = std::iter::once(self.target.as_str()).chain(self.filter.as_deref()).collect();
        f.write_str(&words.join(" "))
    }
}

/// All that is to be run of each target.
pub fn by_target<'a>(killers: &BTreeSet<&'a Killer>) -> BTreeMap<&'a str, Vec<&'a str>> {
    let mut targets: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for killer in killers {
        let (target, filters) = killer.run();
        targets.entry(target).or_default().extend(filters);
    }
    targets
}

/// Why something was red, in one line: the law that a life broke, else the tests that failed.
pub fn reason(said: &str) -> String {
    let law = said.lines().find_map(|line| line.strip_prefix("!! ")).map(str::to_owned);
    let failed = |line: &str| Some(line.strip_prefix("test ")?.strip_suffix(" ... FAILED")?.to_owned());
    let failed = || said.lines().filter_map(failed).collect::<Vec<_>>().join(", ");
    let never = || said.lines().find(|line| line.contains("never came about")).map(str::to_owned);
    law.or_else(never).unwrap_or_else(failed).chars().take(LONGEST).collect()
}
