//! Everything a version of the rules is read from, as text. Whoever has a disk and an environment hands it in.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::rules::RulesHash;
use crate::yaml::{self, Node, Value};

/// A routing file with all it refers to. Stored as it is, it gives the same rules for ever.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sources {
    /// The routing file's name, for messages.
    pub name: String,
    /// Its text.
    pub text: String,
    /// Texts of the files it includes, by the names it uses for them. A missing one is an error of the rules.
    #[serde(default)]
    pub files: BTreeMap<String, String>,
    /// Values it takes from the environment. A missing one is an error of the rules.
    #[serde(default)]
    pub env: BTreeMap<String, String>,
}

/// What a routing file refers to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    /// Files, by the names it uses for them: `{file: NAME}` of a list, and `${file:NAME}`.
    pub files: BTreeSet<String>,
    /// Environment variables: `${env:NAME}`.
    pub env: BTreeSet<String>,
}

/// What the text of a routing file refers to. Nothing, if it is not YAML: reading it will say so.
pub fn wanted(text: &str) -> Wanted {
    yaml::parse(text, 0).map(|tree| wanted_by(&tree.root)).unwrap_or_default()
}

/// What a tree refers to, before anything is put in for it.
pub(super) fn wanted_by(root: &Node) -> Wanted {
    let mut wanted = Wanted::default();
    collect(root, &mut wanted);
    wanted.files.extend(list_files(root).filter_map(|node| node.as_text().map(str::to_owned)));
    wanted
}

/// The names under `lists: {x: {file: NAME}}`.
pub(super) fn list_files(root: &Node) -> impl Iterator<Item = &Node> {
    let lists = root.as_map().and_then(|map| map.get("lists")).and_then(Node::as_map);
    let entries = lists.map(|map| map.entries.as_slice()).unwrap_or_default();
    entries.iter().filter_map(|entry| entry.value.as_map()?.get("file"))
}

impl Sources {
    /// Only what is wanted: what the rules do not refer to does not make another version of them.
    pub fn only(&self, wanted: &Wanted) -> Self {
        let keep = |from: &BTreeMap<String, String>, names: &BTreeSet<String>| {
            from.iter().filter(|(name, _)| names.contains(*name)).map(|(k, v)| (k.clone(), v.clone())).collect()
        };
        Self {
            name: self.name.clone(),
            text: self.text.clone(),
            files: keep(&self.files, &wanted.files),
            env: keep(&self.env, &wanted.env),
        }
    }

    /// Names this version: SHA-256 over the JSON of all but the name, whose order is fixed. Nodes that have the same
    /// rules in different places have the same rules.
    pub(super) fn hash(&self) -> RulesHash {
        // Texts and maps of texts have a JSON form; there is nothing in them that could fail.
        let json = serde_json::to_vec(&(&self.text, &self.files, &self.env)).unwrap_or_default();
        RulesHash(Sha256::digest(json).iter().map(|byte| format!("{byte:02x}")).collect())
    }
}

/// What `${...}` can stand for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reference<'a> {
    /// `${env:NAME}`
    Env(&'a str),
    /// `${file:NAME}`
    File(&'a str),
    /// Anything else in the braces.
    Unknown(&'a str),
    /// No `}` follows.
    Open,
}

/// A text cut at its references: words, then perhaps a reference, and so on.
pub(super) fn pieces(text: &str) -> impl Iterator<Item = (&str, Option<Reference<'_>>)> {
    let mut rest = Some(text);
    std::iter::from_fn(move || {
        let text = rest.take()?;
        let Some((words, after)) = text.split_once("${") else { return Some((text, None)) };
        let Some((inside, after)) = after.split_once('}') else { return Some((words, Some(Reference::Open))) };
        rest = Some(after);
        let reference = match inside.split_once(':') {
            Some(("env", name)) if !name.is_empty() => Reference::Env(name),
            Some(("file", name)) if !name.is_empty() => Reference::File(name),
            Some(_) | None => Reference::Unknown(inside),
        };
        Some((words, Some(reference)))
    })
}

fn collect(node: &Node, wanted: &mut Wanted) {
    let mut note = |text: &str| {
        for (_, reference) in pieces(text) {
            match reference {
                Some(Reference::Env(name)) => drop(wanted.env.insert(name.to_owned())),
                Some(Reference::File(name)) => drop(wanted.files.insert(name.to_owned())),
                Some(Reference::Unknown(_) | Reference::Open) | None => {}
            }
        }
    };
    match &node.value {
        Value::Text(text) => note(&text.text),
        Value::List(items) => items.iter().for_each(|item| collect(item, wanted)),
        Value::Map(map) => {
            map.entries.iter().for_each(|entry| note(&entry.key));
            map.entries.iter().for_each(|entry| collect(&entry.value, wanted));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_says_what_it_wants() {
        let got = wanted(
            "lists: {a: {file: blocked.txt}, b: ['+1202*']}\npeople: {anna: '${env:ANNA}'}\n\
             numbers: {'${env:LINE}': main}\nsay: 'Hello ${file:greeting.txt}, ${env:ANNA} ${nothing} ${env:'\n",
        );
        assert_eq!(got.files, ["blocked.txt", "greeting.txt"].map(String::from).into());
        assert_eq!(got.env, ["ANNA", "LINE"].map(String::from).into());
        assert_eq!(wanted("a: [1\n"), Wanted::default());
    }

    #[test]
    fn the_hash_is_over_what_is_wanted_only() {
        let mut sources =
            Sources { name: "r.yaml".into(), text: "people: {a: '${env:A}'}".into(), ..Sources::default() };
        sources.env.insert("A".into(), "+12025550111".into());
        let trimmed = |sources: &Sources| sources.only(&wanted(&sources.text)).hash();
        let elsewhere = Sources { name: "/etc/elsewhere.yaml".into(), ..sources.clone() };
        assert_eq!(trimmed(&sources), trimmed(&elsewhere));
        let before = trimmed(&sources);
        assert_eq!(before.0.len(), 64);
        sources.env.insert("HOME".into(), "/root".into());
        assert_eq!(trimmed(&sources), before);
        sources.env.insert("A".into(), "+12025550112".into());
        assert_ne!(trimmed(&sources), before);
        let mut sources = Sources { text: "lists: {a: {file: a.list}}".into(), ..Sources::default() };
        sources.files.insert("a.list".into(), "+12025550111".into());
        let before = trimmed(&sources);
        sources.files.insert("b.list".into(), "+12025550111".into());
        assert_eq!(trimmed(&sources), before);
        sources.files.insert("a.list".into(), "+12025550112".into());
        assert_ne!(trimmed(&sources), before);
    }
}
