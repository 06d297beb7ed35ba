//! Who finds a mutant.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// The longest reason that is told.
const LONGEST: usize = 150;
/// The target that is told by its laws.
pub const LIVES: &str = "lives";

/// Who finds a mutant: tests of one target, or the lives by a law that one of them breaks.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Killer {
    target: String,
    /// What the names of the tests contain; for the lives, what is said of the law, if it is to be that one.
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
    /// Whether something is red, and if words of a law are given, because of that law.
    pub fn is_red_by(&self, words: &[&str]) -> bool {
        match self {
            Self::Red(said) => words.iter().all(|words| laws(said).any(|law| law.contains(words))),
            Self::Green => false,
        }
    }
}

impl Killer {
    /// Reads `lives`, alone or with words of a law, or a target and a part of a name.
    pub fn parse(words: &str) -> Option<Self> {
        let (target, filter) = words.split_once(' ').map_or((words, None), |(target, filter)| (target, Some(filter)));
        let good = match filter {
            None => target == LIVES,
            Some(filter) => target == LIVES || !filter.contains(' '),
        };
        good.then(|| Self { target: target.to_owned(), filter: filter.map(str::to_owned) })
    }

    /// Its target, and what the names of its tests contain, or what is to be said of the law.
    pub fn run(&self) -> (&str, Vec<&str>) {
        (&self.target, self.filter.iter().map(String::as_str).collect())
    }
}

/// What lives said of the laws they broke.
fn laws(said: &str) -> impl Iterator<Item = &str> {
    said.lines().filter_map(|line| line.strip_prefix("!! ").or_else(|| line.strip_prefix("seed ")))
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

/// Why something was red, in one line: the law that a life broke, with these words if there is one, else the tests that
/// failed.
pub fn reason(said: &str, words: &[&str]) -> String {
    let wanted = laws(said).find(|law| words.iter().all(|words| law.contains(words)));
    let law = wanted.or_else(|| laws(said).next()).map(str::to_owned);
    let failed = |line: &str| Some(line.strip_prefix("test ")?.strip_suffix(" ... FAILED")?.to_owned());
    let failed = || said.lines().filter_map(failed).collect::<Vec<_>>().join(", ");
    let never = || said.lines().find(|line| line.contains("never came about")).map(str::to_owned);
    law.or_else(never).unwrap_or_else(failed).chars().take(LONGEST).collect()
}
