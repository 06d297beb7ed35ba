//! Lists of numbers and of beginnings of numbers. Asking costs the same for ten entries and for a hundred thousand.

use std::collections::BTreeSet;

use crate::phone::{Number, Party};

/// A number or the beginning of one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pattern {
    /// This number.
    Number(Number),
    /// All numbers that begin with this text, `+` and digits. SIP and short callers never match.
    Prefix(String),
}

/// What is on a list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct List {
    numbers: BTreeSet<Number>,
    prefixes: BTreeSet<String>,
}

impl Pattern {
    pub(super) fn fits(&self, party: &Party) -> bool {
        let Some(number) = party.number() else { return false };
        match self {
            Self::Number(wanted) => number == wanted,
            Self::Prefix(prefix) => number.as_str().starts_with(prefix),
        }
    }
}

impl List {
    /// Whether a number is on it, by itself or by its beginning.
    pub fn has(&self, number: &Number) -> bool {
        let text = number.as_str();
        let mut beginnings = (1..=text.len()).filter_map(|length| text.get(..length));
        self.numbers.contains(number)
            || (!self.prefixes.is_empty() && beginnings.any(|beginning| self.prefixes.contains(beginning)))
    }
}

impl FromIterator<Pattern> for List {
    fn from_iter<I: IntoIterator<Item = Pattern>>(patterns: I) -> Self {
        let mut list = Self::default();
        for pattern in patterns {
            match pattern {
                Pattern::Number(number) => drop(list.numbers.insert(number)),
                Pattern::Prefix(prefix) => drop(list.prefixes.insert(prefix)),
            }
        }
        list
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_on_it_by_itself_or_by_its_beginning() {
        let number = |text| Number::parse(text).unwrap();
        let list: List =
            [Pattern::Number(number("+12025550142")), Pattern::Prefix("+1202555017".into())].into_iter().collect();
        assert!(list.has(&number("+12025550142")));
        assert!(list.has(&number("+12025550170")));
        assert!(!list.has(&number("+12025550143")));
        assert!(!list.has(&number("+1202555")));
        assert!(!List::default().has(&number("+12025550142")));
    }
}
