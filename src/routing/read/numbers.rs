//! `numbers`: our lines, and the routes their calls begin at.

use super::reader::Reader;
use super::said::{Line, Numbers};
use super::{values, words};
use crate::phone::Number;
use crate::yaml::{Map, Node, Value};

impl Reader<'_> {
    pub(super) fn read_numbers(&mut self, root: &Node, map: &Map) -> Numbers {
        let mut numbers = Numbers::default();
        let what = "which of our numbers leads to which route";
        let Some(map) = self.needed(root, map, "numbers", what) else { return numbers };
        for entry in &map.entries {
            let route = match route_in_place(&entry.value) {
                Some(steps) => {
                    numbers.routes.push((entry.key.clone(), entry.at, self.list_of_steps(steps)));
                    self.line_keys(&entry.value);
                    Some(entry.key.clone())
                }
                None => self.route_of(&entry.value),
            };
            let on_missed = entry.value.as_map().and_then(|map| map.get("on_missed"));
            let on_missed = on_missed.map(|node| self.hooks(node)).unwrap_or_default();
            let line = Line { at: entry.at, route, on_missed };
            if entry.key == "*" {
                numbers.rest = Some(line);
                continue;
            }
            match Number::parse(&entry.key) {
                Ok(number) => drop(numbers.lines.insert(number, line)),
                Err(bad) => {
                    self.found.error(entry.at, bad.to_string());
                    numbers.broken = true;
                }
            }
        }
        numbers
    }

    fn route_of(&mut self, node: &Node) -> Option<String> {
        match &node.value {
            Value::Text(_) | Value::List(_) => self.route_named(node),
            Value::Map(map) => {
                self.line_keys(node);
                let what = ["route", "which route the calls of this number take"];
                let route = values::need(&mut self.found, node, map, words::LINE, what)?;
                self.route_named(route)
            }
        }
    }

    fn line_keys(&mut self, node: &Node) {
        if let Value::Map(map) = &node.value {
            values::keys(&mut self.found, map, words::LINE, words::LINE_LATER);
        }
    }

    /// The name of a route that exists.
    pub(super) fn route_named(&mut self, node: &Node) -> Option<String> {
        let name = values::text(&mut self.found, node, "the name of a route")?;
        self.routes.find(&mut self.found, node.at, name)?;
        Some(name.to_owned())
    }
}

/// The steps of a line that has its route in its place.
fn route_in_place(node: &Node) -> Option<&Node> {
    match &node.value {
        Value::List(_) => Some(node),
        Value::Map(map) => map.get("route").filter(|route| matches!(route.value, Value::List(_))),
        Value::Text(_) => None,
    }
}
