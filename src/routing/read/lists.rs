//! `lists`: numbers and beginnings of numbers, in the file or in one of their own.

use std::sync::Arc;

use super::reader::Reader;
use super::{values, words};
use crate::phone::Number;
use crate::routing::list::{List, Pattern};
use crate::routing::problem::short;
use crate::yaml::{MAX_BYTES, Map, Node, Spot, Value};

impl Reader<'_> {
    pub(super) fn read_lists(&mut self, map: &Map) {
        for entry in &map.entries {
            self.check_name(entry);
            let patterns = match &entry.value.value {
                Value::Map(map) => self.included(&entry.value, map),
                Value::List(_) => self.patterns(&entry.value),
                Value::Text(_) => values::wrong(&mut self.found, &entry.value, "a list of numbers, or {file: NAME}"),
            };
            let list = patterns.map(|patterns| Arc::new(List::from_iter(patterns)));
            self.lists.add(&entry.key, entry.at, list);
        }
    }

    /// A list in its place: what cannot be read is left out.
    pub(super) fn patterns(&mut self, node: &Node) -> Option<Vec<Pattern>> {
        let items = values::list(&mut self.found, node, "a list of numbers")?;
        Some(items.iter().filter_map(|item| self.entry(item)).collect())
    }

    fn entry(&mut self, node: &Node) -> Option<Pattern> {
        let text = values::text(&mut self.found, node, "a number")?;
        pattern(text).map_err(|message| self.found.error(node.at, message)).ok()
    }

    /// `{file: NAME}`: one entry in a line, what follows a `#` is a comment.
    fn included(&mut self, node: &Node, map: &Map) -> Option<Vec<Pattern>> {
        values::keys(&mut self.found, map, words::LIST, &[]);
        let file = values::need(&mut self.found, node, map, words::LIST, ["file", "which file holds the list"])?;
        let name = values::text(&mut self.found, file, "the name of a file")?;
        let Some(text) = self.sources.files.get(name) else {
            self.found.error(file.at, format!("the file `{}` is not there or cannot be read", short(name)));
            return None;
        };
        if text.len() > MAX_BYTES {
            self.found.error(file.at, format!("the file `{}` is larger than 1 MiB", short(name)));
            return None;
        }
        let number = self.number_of(name);
        let mut patterns = Vec::new();
        for (index, line) in text.trim_start_matches('\u{feff}').lines().enumerate() {
            let words = line.split('#').next().unwrap_or_default().trim();
            let line = u32::try_from(index).unwrap_or(u32::MAX - 1) + 1;
            match pattern(words) {
                _ if words.is_empty() => {}
                Ok(pattern) => patterns.push(pattern),
                Err(message) => self.found.error(Spot { file: number, line, column: 1 }, message),
            }
        }
        Some(patterns)
    }

    /// The number that places in an included file have. A file that is included twice has one.
    fn number_of(&mut self, name: &str) -> u16 {
        let known = self.files.iter().skip(1).position(|file| file == name);
        let index = known.map_or(self.files.len(), |index| index + 1);
        if known.is_none() {
            self.files.push(name.to_owned());
        }
        // A routing file has fewer entries than that.
        u16::try_from(index).unwrap_or(u16::MAX)
    }
}

/// A number, or the beginning of one with a `*` after it.
pub fn pattern(text: &str) -> Result<Pattern, String> {
    match text.strip_suffix('*') {
        Some(beginning) => prefix(beginning),
        None => Number::parse(text).map(Pattern::Number).map_err(|bad| bad.to_string()),
    }
}

/// The beginning of a number.
pub fn prefix(text: &str) -> Result<Pattern, String> {
    let digits = text.strip_prefix('+').unwrap_or_default();
    let good =
        (1..=15).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit()) && !digits.starts_with('0');
    if good {
        return Ok(Pattern::Prefix(text.to_owned()));
    }
    Err(format!("`{}` is not the beginning of a number: write + and digits, like +1202", short(text)))
}
