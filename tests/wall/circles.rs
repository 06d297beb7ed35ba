//! Circles: files that need each other.

use std::collections::{BTreeMap, BTreeSet};

use super::modules::House;

type Graph = BTreeMap<Vec<String>, BTreeMap<Vec<String>, usize>>;

/// The circles of imports between files, as `a.rs:3 -> b.rs:7 -> a.rs`: at least one for every knot of files.
///
/// A module that is only named is no import: what is then used of it is. Tests do not count: what they share looks
/// back at what it tests.
pub fn circles(house: &House) -> Vec<String> {
    let graph: Graph = house
        .files
        .keys()
        .map(|module| {
            let uses = house.uses(module).into_iter();
            let uses = uses.filter(|used| !(used.test || (used.bare && is_folder(house, &used.to))));
            (module.clone(), uses.map(|used| (used.to, used.line)).collect())
        })
        .collect();
    let mut done = BTreeSet::new();
    let mut found = Vec::new();
    for module in graph.keys() {
        walk(&graph, module, &mut Vec::new(), &mut done, &mut |circle| found.push(told(house, &graph, circle)));
    }
    found
}

fn is_folder(house: &House, module: &[String]) -> bool {
    house.files.get(module).is_some_and(|file| file.path.ends_with("mod.rs"))
}

fn walk(
    graph: &Graph,
    module: &Vec<String>,
    way: &mut Vec<Vec<String>>,
    done: &mut BTreeSet<Vec<String>>,
    found: &mut impl FnMut(&[Vec<String>]),
) {
    if let Some(start) = way.iter().position(|before| before == module) {
        return found(&way[start..]);
    }
    if done.contains(module) {
        return;
    }
    way.push(module.clone());
    for next in graph.get(module).into_iter().flat_map(BTreeMap::keys) {
        walk(graph, next, way, done, found);
    }
    way.pop();
    done.insert(module.clone());
}

fn told(house: &House, graph: &Graph, circle: &[Vec<String>]) -> String {
    let path = |module: &Vec<String>| house.files[module].path.clone();
    let mut steps: Vec<String> = (0..circle.len())
        .map(|n| {
            let (from, to) = (&circle[n], &circle[(n + 1) % circle.len()]);
            format!("{}:{}", path(from), graph[from][to])
        })
        .collect();
    steps.push(path(&circle[0]));
    steps.join(" -> ")
}
