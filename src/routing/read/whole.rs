//! Reads a whole routing file: the named things first, then the steps that use them.

use super::reader::Reader;
use super::said::{Draft, Said};
use super::{values, words};
use crate::yaml::{Entry, Map, Node, Spot};

impl Reader<'_> {
    /// Reads everything. What is wrong is in `found` afterwards; what could be read is returned nevertheless.
    pub fn read(&mut self, root: &Node) -> Option<Said> {
        let map = values::map(&mut self.found, root, "a map with `version`, `numbers` and `routes`")?;
        values::keys(&mut self.found, map, words::TOP, words::TOP_LATER);
        self.settings(root, map);
        for (key, read) in [
            ("lists", Self::read_lists as fn(&mut Self, &Map)),
            ("schedules", Self::read_schedules),
            ("people", Self::read_people),
            ("ring_groups", Self::read_groups),
            ("voicemail", Self::read_mailboxes),
        ] {
            if let Some(map) = self.section(map, key) {
                read(self, map);
            }
        }
        let mut routes = self.read_routes(root, map);
        let mut numbers = self.read_numbers(root, map);
        routes.append(&mut numbers.routes);
        let outbound = self.read_outbound(map, &numbers);
        self.schedules.tell_unused(&mut self.found);
        self.lists.tell_unused(&mut self.found);
        self.people.tell_unused(&mut self.found);
        self.groups.tell_unused(&mut self.found);
        self.mailboxes.tell_unused(&mut self.found);
        self.menus.tell_unused(&mut self.found);
        Some(Said { defaults: self.defaults.clone(), numbers, outbound, routes })
    }

    fn read_routes(&mut self, root: &Node, map: &Map) -> Vec<(String, Spot, Vec<Draft>)> {
        let routes = self.needed(root, map, "routes", "where calls go, step by step");
        for entry in routes.into_iter().flat_map(|routes| &routes.entries) {
            self.check_name(entry);
            self.routes.add(&entry.key, entry.at, Some(()));
        }
        // Keys of a menu may lead to any route, and steps of any route to a menu.
        if let Some(menus) = self.section(map, "menus") {
            self.read_menus(menus);
        }
        let Some(routes) = routes else { return Vec::new() };
        let read = |entry: &Entry| (entry.key.clone(), entry.at, self.list_of_steps(&entry.value));
        routes.entries.iter().map(read).collect()
    }
}
