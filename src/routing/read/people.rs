//! `people`, and whoever a step can ring: a person by name, a number or an address.

use super::reader::Reader;
use super::said::{Callee, Person};
use super::{values, words};
use crate::phone::Target;
use crate::routing::problem::short;
use crate::yaml::{Map, Node, Value};

impl Reader<'_> {
    pub(super) fn read_people(&mut self, map: &Map) {
        for entry in &map.entries {
            self.check_name(entry);
            let person = self.person(&entry.value);
            self.people.add(&entry.key, entry.at, person);
        }
    }

    /// A target, or a map that says more.
    fn person(&mut self, node: &Node) -> Option<Person> {
        let Value::Map(map) = &node.value else {
            return Some(Person { target: self.target(node)?, timeout: None });
        };
        values::keys(&mut self.found, map, words::PERSON, words::PERSON_LATER);
        let timeout = map.get("timeout").and_then(|n| values::duration(&mut self.found, n, &values::RINGING));
        let dial = values::need(&mut self.found, node, map, words::PERSON, ["dial", "which number or address rings"])?;
        Some(Person { target: self.target(dial)?, timeout })
    }

    /// Whom a step or a member names.
    pub(super) fn callee(&mut self, node: &Node) -> Option<Callee> {
        if node.as_map().is_some() {
            let person = self.person(node)?;
            let name = person.target.as_str().to_owned();
            return Some(Callee { name, target: person.target, timeout: person.timeout });
        }
        let text = values::text(&mut self.found, node, "a person, a number or a SIP address")?;
        if !self.people.has(text) {
            if looks_like_target(text) {
                let target = self.target(node)?;
                return Some(Callee { name: text.to_owned(), target, timeout: None });
            }
            if self.is_no_person(node, text) {
                return None;
            }
        }
        let person = self.people.find(&mut self.found, node.at, text)?.clone();
        Some(Callee { name: text.to_owned(), target: person.target, timeout: person.timeout })
    }

    /// Whether a name that no person has means something else, which is then told.
    fn is_no_person(&mut self, node: &Node, name: &str) -> bool {
        if name.starts_with("switch:") {
            self.found.not_yet(node.at, "switch:");
            return true;
        }
        let group = self.groups.has(name);
        if group {
            let name = short(name);
            let message =
                format!("`{name}` is a ring group: a step rings it by `ring: {name}`, a member by `group: {name}`");
            self.found.error(node.at, message);
        }
        group
    }

    fn target(&mut self, node: &Node) -> Option<Target> {
        let text = values::text(&mut self.found, node, "a number or a SIP address")?;
        if text.starts_with("switch:") {
            self.found.not_yet(node.at, "switch:");
            return None;
        }
        match Target::parse(text) {
            Ok(target) => {
                self.targets.push((node.at, target.clone()));
                Some(target)
            }
            Err(bad) => {
                self.found.error(node.at, bad.to_string());
                None
            }
        }
    }
}

/// Whether a text is meant as a number or an address, good or bad.
pub fn looks_like_target(text: &str) -> bool {
    let dialled = |c: char| c.is_ascii_digit() || " ()-./".contains(c);
    text.starts_with('+') || text.starts_with("sip:") || text.starts_with("sips:") || text.chars().all(dialled)
}
