//! Things with a name: found by it, and told of when nobody uses them.

use std::collections::BTreeMap;

use crate::routing::problem::Findings;
use crate::yaml::Spot;

/// The things of one kind.
pub struct Register<T> {
    /// What one is called in messages: `person`.
    kind: &'static str,
    things: BTreeMap<String, Thing<T>>,
}

struct Thing<T> {
    at: Spot,
    used: bool,
    /// Nothing, if it could not be read: that has been told where it stands.
    value: Option<T>,
}

impl<T> Register<T> {
    pub fn new(kind: &'static str) -> Self {
        Self { kind, things: BTreeMap::new() }
    }

    pub fn add(&mut self, name: &str, at: Spot, value: Option<T>) {
        self.things.insert(name.to_owned(), Thing { at, used: false, value });
    }

    /// What a thing that was added before turned out to be.
    pub fn set(&mut self, name: &str, value: Option<T>) {
        if let Some(thing) = self.things.get_mut(name) {
            thing.value = value;
        }
    }

    pub fn has(&self, name: &str) -> bool {
        self.things.contains_key(name)
    }

    /// The thing that is used by this name at this place; an error if there is none.
    pub fn find(&mut self, found: &mut Findings, at: Spot, name: &str) -> Option<&T> {
        if !self.has(name) {
            found.unknown(at, self.kind, name, self.things.keys().map(String::as_str));
        }
        let thing = self.things.get_mut(name)?;
        thing.used = true;
        thing.value.as_ref()
    }

    /// Tells of those that nobody uses.
    pub fn tell_unused(&self, found: &mut Findings) {
        for thing in self.things.values().filter(|thing| !thing.used) {
            found.warning(thing.at, format!("this {} is not used", self.kind));
        }
    }
}
