//! What is wrong with a routing file: where, and what to do about it.

use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::yaml::{Node, Spot};

/// Something an operator should look at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// The routing file or one it includes.
    pub file: String,
    /// Line, from 1.
    pub line: u32,
    /// Column in characters, from 1.
    pub column: u32,
    /// The way there from the top, like `routes.main[2].ring`; empty for the top itself.
    pub path: String,
    /// What is wrong, and what to do.
    pub message: String,
}

/// Everything that is wrong with a routing file, in the order of the file. Never empty.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(transparent)]
pub struct Problems(pub Vec<Problem>);

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}: ", self.file, self.line, self.column)?;
        if !self.path.is_empty() {
            write!(f, "{}: ", self.path)?;
        }
        f.write_str(&self.message)
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{problem}")?;
        }
        Ok(())
    }
}

/// What has been found so far. Readers name the place only; the path to it is looked up at the end.
#[derive(Default)]
pub(super) struct Findings {
    errors: BTreeSet<(Spot, String)>,
    /// What can be read and is not accepted.
    objections: BTreeSet<(Spot, String)>,
    warnings: BTreeSet<(Spot, String)>,
    /// Places of which all is said.
    closed: BTreeSet<Spot>,
}

impl Findings {
    /// The file cannot be used.
    pub fn error(&mut self, at: Spot, message: impl Into<String>) {
        if !self.closed.contains(&at) {
            self.errors.insert((at, message.into()));
        }
    }

    /// The file can be read, but is not to be used. What is objected to may change from one release to the next, as the
    /// data on numbers does: calls that began with the file go on with it.
    pub fn objection(&mut self, at: Spot, message: impl Into<String>) {
        if !self.closed.contains(&at) {
            self.objections.insert((at, message.into()));
        }
    }

    /// As [`Findings::error`], and whatever else is found wrong at this place only follows from it.
    pub fn root_error(&mut self, at: Spot, message: impl Into<String>) {
        self.error(at, message);
        self.closed.insert(at);
    }

    /// The file can be used, but not all is as its author will have meant it.
    pub fn warning(&mut self, at: Spot, message: impl Into<String>) {
        self.warnings.insert((at, message.into()));
    }

    /// A word that nobody knows here, with the nearest one that is known.
    pub fn unknown<'a>(&mut self, at: Spot, what: &str, word: &str, known: impl IntoIterator<Item = &'a str>) {
        let hint = nearest(word, known).map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
        self.error(at, format!("unknown {what} `{}`{hint}", short(word)));
    }

    /// A word of the language that this version does not have.
    pub fn not_yet(&mut self, at: Spot, word: &str) {
        self.error(at, format!("this version does not have `{}` yet", short(word)));
    }

    pub fn has_errors(&self) -> bool {
        !self.errors.is_empty() || !self.objections.is_empty()
    }

    /// Forgets all but what keeps the file from being read.
    pub fn only_unreadable(&mut self) {
        self.objections.clear();
        self.warnings.clear();
    }

    /// Errors and warnings in the order of the files; `root` is the routing file, which is the first of `files`.
    pub fn told(mut self, root: &Node, files: &[String]) -> (Vec<Problem>, Vec<Problem>) {
        self.errors.append(&mut self.objections);
        let spots = self.errors.iter().chain(&self.warnings).map(|(at, _)| *at).collect();
        let paths = root.paths(&spots);
        let tell = |(at, message): (Spot, String)| Problem {
            file: files.get(usize::from(at.file)).cloned().unwrap_or_default(),
            line: at.line,
            column: at.column,
            path: paths.get(&at).cloned().unwrap_or_default(),
            message,
        };
        (self.errors.into_iter().map(tell).collect(), self.warnings.into_iter().map(tell).collect())
    }
}

/// A word of the file, cut to a length one can read.
pub(super) fn short(word: &str) -> String {
    word.chars().take(60).map(|c| if c.is_control() { '?' } else { c }).collect()
}

/// `a, b or c`.
pub(super) fn one_of(words: &[&str]) -> String {
    match words {
        [] => String::new(),
        [only] => (*only).to_owned(),
        [first @ .., last] => format!("{} or {last}", first.join(", ")),
    }
}

/// The known word that is most likely meant: at most a third of its letters are other ones.
fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    const MOST: usize = 500;
    let word: String = word.chars().take(40).flat_map(char::to_lowercase).collect();
    let letters = word.chars().count();
    known
        .into_iter()
        .take(MOST)
        .filter(|near| near.len() <= 80 && near.chars().count().abs_diff(letters) <= 3)
        .map(|near| (strsim::osa_distance(&word, &near.to_lowercase()), near))
        .filter(|(distance, near)| *distance <= 3 && *distance * 3 <= near.chars().count().max(3))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, near)| near)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_word_is_near() {
        let known = ["ring", "reject", "timeout", "no_answer"];
        assert_eq!(nearest("rign", known), Some("ring"));
        assert_eq!(nearest("no-answer", known), Some("no_answer"));
        assert_eq!(nearest("Timeout", known), Some("timeout"));
        assert_eq!(nearest("frobnicate", known), None);
        assert_eq!(nearest("", known), None);
    }

    #[test]
    fn a_problem_reads_like_a_compilers() {
        let mut problem = Problem {
            file: "routes.yaml".into(),
            line: 12,
            column: 5,
            path: "routes.main[2]".into(),
            message: "unknown key `rign`; did you mean `ring`?".into(),
        };
        assert_eq!(problem.to_string(), "routes.yaml:12:5: routes.main[2]: unknown key `rign`; did you mean `ring`?");
        problem.path.clear();
        assert_eq!(problem.to_string(), "routes.yaml:12:5: unknown key `rign`; did you mean `ring`?");
    }
}
