//! `${env:NAME}` and `${file:NAME}`: the values are put in before anything is read.

use std::collections::BTreeSet;

use super::problem::{Findings, short};
use super::sources::{Reference, Sources, list_files, pieces};
use crate::yaml::{MAX_BYTES, Node, Spot, Value};

/// Puts the values in, in keys and texts alike. What is put in is not looked through again.
pub(super) fn expand(root: &mut Node, sources: &Sources, found: &mut Findings) {
    for file in list_files(root).filter(|node| node.as_text().is_some_and(|name| name.contains("${"))) {
        found.root_error(file.at, "the name of an included file is written out, without `${...}`");
    }
    Expand { sources, found, room: MAX_BYTES }.node(root);
}

struct Expand<'a> {
    sources: &'a Sources,
    found: &'a mut Findings,
    /// How many bytes may still be put in.
    room: usize,
}

impl Expand<'_> {
    fn node(&mut self, node: &mut Node) {
        match &mut node.value {
            Value::Text(text) => self.text(&mut text.text, node.at),
            Value::List(items) => items.iter_mut().for_each(|item| self.node(item)),
            Value::Map(map) => {
                let mut keys = BTreeSet::new();
                for entry in &mut map.entries {
                    self.text(&mut entry.key, entry.at);
                    if !keys.insert(entry.key.clone()) {
                        self.found.error(entry.at, format!("duplicate key `{}`", short(&entry.key)));
                    }
                    self.node(&mut entry.value);
                }
            }
        }
    }

    fn text(&mut self, text: &mut String, at: Spot) {
        if !text.contains("${") {
            return;
        }
        let mut whole = String::new();
        for (words, reference) in pieces(text) {
            whole.push_str(words);
            if let Some(value) = reference.and_then(|reference| self.value(reference, at)) {
                whole.push_str(value);
            }
        }
        *text = whole;
    }

    fn value(&mut self, reference: Reference<'_>, at: Spot) -> Option<&str> {
        let (value, message) = match reference {
            Reference::Env(name) => {
                let unset = format!("the environment variable `{}` is not set", short(name));
                (self.sources.env.get(name).map(String::as_str), unset)
            }
            Reference::File(name) => {
                let value = self.sources.files.get(name).map(|text| text.trim_end_matches(['\r', '\n']));
                (value, format!("the file `{}` is not there or cannot be read", short(name)))
            }
            Reference::Unknown(inside) => {
                (None, format!("`${{{}}}` stands for nothing: write ${{env:NAME}} or ${{file:NAME}}", short(inside)))
            }
            Reference::Open => (None, "`${` is never closed with `}`".to_owned()),
        };
        let Some(value) = value else {
            self.found.root_error(at, message);
            return None;
        };
        match self.room.checked_sub(value.len()) {
            Some(room) => self.room = room,
            None => {
                self.found.root_error(at, "the values put in for `${...}` are larger than 1 MiB together");
                return None;
            }
        }
        Some(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::yaml::parse;

    fn expanded(text: &str, env: &[(&str, &str)]) -> (Node, Vec<String>) {
        let sources = Sources {
            env: env.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect(),
            files: [("pin".to_owned(), "1234\r\n".to_owned())].into(),
            ..Sources::default()
        };
        let mut found = Findings::default();
        let mut root = parse(text, 0).unwrap().root;
        expand(&mut root, &sources, &mut found);
        let errors = found.told(&root, &[]).0.into_iter().map(|problem| problem.message).collect();
        (root, errors)
    }

    #[test]
    fn values_are_put_in_once() {
        let (root, errors) = expanded("'${env:A}': 'x ${env:B} ${file:pin}!'", &[("A", "key"), ("B", "${env:A}")]);
        assert_eq!(errors, Vec::<String>::new());
        assert_eq!(root.as_map().unwrap().get("key").unwrap().as_text(), Some("x ${env:A} 1234!"));
    }

    #[test]
    fn what_is_not_there_is_named() {
        let (_, errors) = expanded("[ '${env:NO}', '${file:no}', '${x}', '${env:', '$x {caller}' ]", &[]);
        assert_eq!(errors.len(), 4);
        assert_eq!(errors[0], "the environment variable `NO` is not set");
        assert_eq!(errors[3], "`${` is never closed with `}`");
    }

    #[test]
    fn a_large_value_cannot_be_put_in_for_ever() {
        let value = "x".repeat(MAX_BYTES / 2);
        let (_, errors) = expanded("['${env:A}', '${env:A}', '${env:A}', '${env:A}']", &[("A", &value)]);
        assert_eq!(errors.len(), 2);
    }

    #[test]
    fn keys_can_become_the_same() {
        let (_, errors) = expanded("{'${env:A}': 1, '${env:B}': 2}", &[("A", "x"), ("B", "x")]);
        assert_eq!(errors, ["duplicate key `x`"]);
    }
}
