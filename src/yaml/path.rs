//! The way from the root to a place, like `routes.main[2].ring`, for messages.

use std::collections::{BTreeMap, BTreeSet};

use super::node::{Node, Spot, Value};

impl Node {
    /// The paths of some places. A key counts as its map; a place that is written once and taken in by aliases
    /// has the path of its first use.
    pub fn paths(&self, wanted: &BTreeSet<Spot>) -> BTreeMap<Spot, String> {
        let mut found = BTreeMap::new();
        let mut path = String::new();
        walk(self, wanted, &mut path, &mut found);
        found
    }
}

fn walk(node: &Node, wanted: &BTreeSet<Spot>, path: &mut String, found: &mut BTreeMap<Spot, String>) {
    let mut note = |at: Spot, path: &str| {
        if wanted.contains(&at) {
            found.entry(at).or_insert_with(|| path.to_owned());
        }
    };
    note(node.at, path);
    let length = path.len();
    match &node.value {
        Value::Text(_) => {}
        Value::List(items) => {
            for (index, item) in items.iter().enumerate() {
                path.push_str(&format!("[{index}]"));
                walk(item, wanted, path, found);
                path.truncate(length);
            }
        }
        Value::Map(map) => {
            for entry in &map.entries {
                note(entry.at, path);
            }
            for entry in &map.entries {
                if length > 0 {
                    path.push('.');
                }
                // A path is for people: a key as long as a page does not help them.
                path.extend(entry.key.chars().filter(|c| !c.is_control()).take(60));
                walk(&entry.value, wanted, path, found);
                path.truncate(length);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::parse;
    use super::*;

    #[test]
    fn a_place_has_its_path_and_a_key_that_of_its_map() {
        let root = parse("routes:\n  main:\n    - answer\n    - ring: sales\n      rign: x\n", 0).unwrap().root;
        let at = |line, column| Spot { file: 0, line, column };
        let wanted = [at(3, 7), at(4, 13), at(5, 7)].into();
        let paths: Vec<String> = root.paths(&wanted).into_values().collect();
        assert_eq!(paths, ["routes.main[0]", "routes.main[1].ring", "routes.main[1]"]);
    }
}
