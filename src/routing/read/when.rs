//! `when:`: conditions over who calls and which number.

use std::sync::Arc;

use super::people::looks_like_target;
use super::reader::Reader;
use super::{lists, values, words};
use crate::phone::Country;
use crate::routing::condition::{Condition, Match};
use crate::routing::list::{List, Pattern};
use crate::routing::problem::{one_of, short};
use crate::yaml::{Entry, Map, Node, Value};

impl Reader<'_> {
    /// A map of conditions; all of them must hold.
    pub(super) fn condition(&mut self, node: &Node) -> Option<Condition> {
        let map = values::map(&mut self.found, node, "a condition like {from: anonymous}")?;
        values::keys(&mut self.found, map, words::CONDITIONS, words::CONDITIONS_LATER);
        if map.entries.is_empty() {
            let known = one_of(words::CONDITIONS);
            self.found.error(node.at, format!("the condition is empty: it says {known}"));
        }
        // Every one is read before any counts, so that every problem is told.
        let read: Vec<Option<Condition>> = map.entries.iter().map(|entry| self.one_condition(entry)).collect();
        let mut conditions: Vec<Condition> = read.into_iter().collect::<Option<_>>()?;
        match conditions.len() {
            0 => None,
            1 => conditions.pop(),
            _ => Some(Condition::All(conditions)),
        }
    }

    fn one_condition(&mut self, entry: &Entry) -> Option<Condition> {
        let node = &entry.value;
        match entry.key.as_str() {
            "from" => self.matching(node, true).map(Condition::From),
            "to" => self.matching(node, false).map(Condition::To),
            "schedule" => self.scheduled(node),
            "not" => self.condition(node).map(|condition| Condition::Not(Box::new(condition))),
            "all" => self.conditions(node).map(Condition::All),
            "any" => self.conditions(node).map(Condition::Any),
            _ => None,
        }
    }

    fn scheduled(&mut self, node: &Node) -> Option<Condition> {
        if matches!(node.value, Value::Map(_)) {
            let schedule = Arc::new(self.schedule(node.at, node)?);
            return Some(Condition::Schedule { name: String::new(), schedule });
        }
        let name = values::text(&mut self.found, node, "the name of a schedule")?;
        let schedule = self.schedules.find(&mut self.found, node.at, name)?.clone();
        Some(Condition::Schedule { name: name.to_owned(), schedule })
    }

    fn conditions(&mut self, node: &Node) -> Option<Vec<Condition>> {
        let items = values::list(&mut self.found, node, "a list of conditions")?;
        if items.is_empty() {
            self.found.error(node.at, "the list of conditions is empty");
            return None;
        }
        let read: Vec<Option<Condition>> = items.iter().map(|item| self.condition(item)).collect();
        read.into_iter().collect()
    }

    fn matching(&mut self, node: &Node, caller: bool) -> Option<Match> {
        match &node.value {
            Value::Text(_) => self.matching_text(node, caller),
            Value::Map(map) => self.matching_map(node, map),
            Value::List(items) if items.is_empty() => {
                self.found.error(node.at, "the list is empty: it would fit nobody");
                None
            }
            Value::List(items) => {
                let read: Vec<Option<Match>> = items.iter().map(|item| self.matching(item, caller)).collect();
                read.into_iter().collect::<Option<_>>().map(Match::AnyOf)
            }
        }
    }

    fn matching_text(&mut self, node: &Node, caller: bool) -> Option<Match> {
        let text = values::text(&mut self.found, node, "a number, anonymous, or a map like {list: NAME}")?;
        let message = match text {
            "anonymous" if caller => return Some(Match::Anonymous),
            "anonymous" => "the number called is never anonymous: this would never hold".to_owned(),
            _ if self.lists.has(text) => format!("`{0}` is a list: write {{list: {0}}}", short(text)),
            _ if looks_like_target(text) => match lists::pattern(text) {
                Ok(pattern) => return Some(Match::One(pattern)),
                Err(message) => message,
            },
            _ => format!(
                "`{}` is not known here: write a number, anonymous, {{list: NAME}}, {{prefix: \"+1202\"}} or {{country: US}}",
                short(text)
            ),
        };
        self.found.error(node.at, message);
        None
    }

    fn matching_map(&mut self, node: &Node, map: &Map) -> Option<Match> {
        values::keys(&mut self.found, map, words::PATTERNS, words::CONDITIONS_LATER);
        let [entry] = map.entries.as_slice() else {
            let known = one_of(words::PATTERNS);
            let message = format!("write one of {known} here; for any of several write a list [...]");
            self.found.error(node.at, message);
            return None;
        };
        let value = &entry.value;
        match entry.key.as_str() {
            "list" if matches!(&value.value, Value::List(items) if items.is_empty()) => {
                self.found.error(value.at, "the list is empty: it would fit nobody");
                None
            }
            "list" if matches!(value.value, Value::List(_)) => {
                let list = Arc::new(List::from_iter(self.patterns(value)?));
                Some(Match::List { name: String::new(), list })
            }
            "list" => {
                let name = values::text(&mut self.found, value, "the name of a list")?;
                let list = self.lists.find(&mut self.found, value.at, name)?.clone();
                Some(Match::List { name: name.to_owned(), list })
            }
            "number" => self.pattern(value, lists::pattern),
            "prefix" => self.pattern(value, |text| lists::prefix(text.strip_suffix('*').unwrap_or(text))),
            "country" => self.country(value).map(Match::Country),
            _ => None,
        }
    }

    fn pattern(&mut self, node: &Node, read: impl Fn(&str) -> Result<Pattern, String>) -> Option<Match> {
        let text = values::text(&mut self.found, node, "a number")?;
        read(text).map(Match::One).map_err(|message| self.found.error(node.at, message)).ok()
    }

    /// A country that has phone numbers.
    pub(super) fn country(&mut self, node: &Node) -> Option<Country> {
        let text = values::text(&mut self.found, node, "a country like US")?;
        let country = Country::parse(text).map_err(|bad| self.found.error(node.at, bad.to_string())).ok()?;
        if !country.has_numbers() {
            let message = format!("no country `{text}` has phone numbers: write the ISO code, like US or GB");
            self.found.error(node.at, message);
            return None;
        }
        Some(country)
    }
}
