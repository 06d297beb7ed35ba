//! Reading the list: one file for each mutant.
//!
//! ```text
//! A command is sent again for 90 s, though Telnyx forgets its id after 60 s.
//! breaks: I4
//! killer: lives
//! file: src/hall/courier.rs
//! - WINDOW.checked_sub(age)
//! + (WINDOW * 2).checked_sub(age)
//! ```
//!
//! What it does wrong, in one sentence; the invariant it breaks; who finds it; and the text that is there with the one
//! that is there instead. Several texts of several files may be changed. White space does not count, so that a formatter
//! breaks nothing.
//!
//! Who finds it: `lives`, by whatever law; `lives is rung twice at once`, by the law that says so, whatever else is
//! broken; or a test target and a part of the names of its tests: `lib hall::courier`.
//!
//! The text that is there is one expression, or whole statements (it ends with `;` or `}` then), or a part of a string.

use std::fs;
use std::path::{Path, PathBuf};

use super::killer::Killer;

/// A mistake made on purpose.
#[derive(Debug)]
pub struct Mutant {
    /// The name of its file.
    pub name: String,
    /// What it does wrong.
    pub what: String,
    /// The invariant it breaks: `I4`.
    pub breaks: String,
    /// Who finds it.
    pub killer: Killer,
    /// What it changes.
    pub patches: Vec<Patch>,
}

/// One text in the place of another.
#[derive(Debug)]
pub struct Patch {
    /// The file, from the root of the project.
    pub file: String,
    /// What is there.
    pub original: String,
    /// What is there instead.
    pub mutated: String,
}

impl Mutant {
    /// What to do about it if it survives.
    pub fn advice(&self) -> String {
        let places: Vec<String> = self
            .patches
            .iter()
            .map(|Patch { file, original, mutated }| format!("  in {file}: {original}\n  became: {mutated}"))
            .collect();
        format!(
            "{}\n  {} stays green all the same. Either it does not look at what {} says: name a test that does,\n  \
             or write one. Or the code makes no difference: then it can go, and so can the mutant.",
            places.join("\n"),
            self.killer,
            self.breaks,
        )
    }
}

/// Reads all of them, by name.
pub fn read(folder: &Path) -> Vec<Mutant> {
    let mut files: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files.iter().map(|file| parse(file)).collect()
}

fn parse(file: &Path) -> Mutant {
    let text = fs::read_to_string(file).unwrap();
    let name = file.file_stem().unwrap().to_string_lossy().into_owned();
    let bad = |why: &str| -> ! { panic!("{}: {why}; tests/mutants/list.rs tells how one is written", file.display()) };
    let mut lines = text.lines();
    let what = lines.next().filter(|what| what.ends_with('.')).unwrap_or_else(|| bad("no sentence at the top"));
    let (mut breaks, mut killer, mut at) = (None, None, None);
    let mut patches: Vec<Patch> = Vec::new();
    let mut before = ' ';
    for line in lines {
        let mark = line.chars().next().unwrap_or(' ');
        if let Some(word) = line.strip_prefix("breaks: ") {
            breaks = Some(word.to_owned());
        } else if let Some(words) = line.strip_prefix("killer: ") {
            killer = Killer::parse(words);
        } else if let Some(path) = line.strip_prefix("file: ") {
            at = Some(path.to_owned());
        } else if mark == '-' {
            if before != '-' {
                let file = at.clone().unwrap_or_else(|| bad("no `file:` before the first `-`"));
                patches.push(Patch { file, original: String::new(), mutated: String::new() });
            }
            add(&mut patches.last_mut().unwrap().original, line);
        } else if mark == '+' {
            let Some(patch) = patches.last_mut() else { bad("a `+` without a `-`") };
            add(&mut patch.mutated, line);
        } else {
            bad(&format!("nobody knows what this line is: {line}"));
        }
        before = mark;
    }
    let breaks = breaks.unwrap_or_else(|| bad("no `breaks:`"));
    let killer = killer.unwrap_or_else(|| bad("no `killer:`, or one that is not understood"));
    if patches.is_empty() {
        bad("it changes nothing");
    }
    Mutant { name, what: what.to_owned(), breaks, killer, patches }
}

/// Adds a line of a text, without its mark.
fn add(text: &mut String, line: &str) {
    if !text.is_empty() {
        text.push('\n');
    }
    text.push_str(line.get(1..).unwrap_or_default().trim());
}
