//! Finding a text in a file, and saying all that helps if it is not there.

use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};

use super::list::{Mutant, Patch};

/// How like the text a place must be to be worth a word.
const LIKE: f64 = 0.5;

/// The places of a text, white space aside. What stands in the tests of the file is no place.
pub fn places(code: &str, text: &str) -> Vec<Range<usize>> {
    let code = code.split("\n#[cfg(test)]\n").next().unwrap_or_default();
    let (mut plain, mut at) = (String::new(), Vec::new());
    for (index, letter) in code.char_indices().filter(|(_, letter)| !letter.is_whitespace()) {
        plain.push(letter);
        at.extend(std::iter::repeat_n(index, letter.len_utf8()));
    }
    let text = bare(text);
    let place = |(start, found): (usize, &str)| {
        let last = found.chars().next_back().map_or(0, char::len_utf8);
        Some(*at.get(start)?..at.get(start + found.len() - last)? + last)
    };
    plain.match_indices(&text).filter_map(place).collect()
}

/// The only place of a patch.
///
/// # Errors
/// There is none, or there are several: what is known about that.
pub fn place(source: &Path, mutant: &Mutant, patch: &Patch) -> Result<Range<usize>, String> {
    let Mutant { name, .. } = mutant;
    let Patch { file, original, .. } = patch;
    let head = format!("tests/mutants/list/{name}.txt: its original");
    let Ok(code) = fs::read_to_string(source.join(file)) else {
        return Err(format!("{head} is to be in {file}, and there is no such file.\n{}", elsewhere(source, patch)));
    };
    match &*places(&code, original) {
        [only] => Ok(only.clone()),
        [] => Err(format!("{head} is not in {file}:\n    {original}\n{}", nearby(source, &code, patch))),
        several => {
            let lines: Vec<String> = several.iter().map(|at| line(&code, at.start).to_string()).collect();
            Err(format!(
                "{head} is in {file} {} times, in the lines {}:\n    {original}\n  Make it longer, until it is there once.",
                several.len(),
                lines.join(", "),
            ))
        }
    }
}

/// Where a text that is gone may be now.
fn nearby(source: &Path, code: &str, patch: &Patch) -> String {
    let moved = elsewhere(source, patch);
    if !moved.is_empty() {
        return moved;
    }
    let (like, place) = likest(code, &patch.original);
    let file = &patch.file;
    if like < LIKE {
        return format!(
            "  Nothing like it is left. If {file} does the same in another way, make the mistake there; if it does no \
             such thing\n  any more, delete the mutant."
        );
    }
    let (first, last) = (line(code, place.start), line(code, place.end));
    let there: Vec<&str> = code.lines().skip(first - 1).take(last + 1 - first).collect();
    format!(
        "  Most like it is this, at {file}:{first}:\n{}\n  If that is it, write the original after it (and the mutated \
         text too); white space does not count.",
        there.join("\n"),
    )
}

/// The place that is most like a text, and how like it is: 1 is the same.
fn likest(code: &str, text: &str) -> (f64, Range<usize>) {
    let code: Vec<(usize, char)> = code.char_indices().filter(|(_, letter)| !letter.is_whitespace()).collect();
    let text = bare(text);
    let mut best = (0.0, 0..0);
    for window in code.windows(text.chars().count().clamp(1, code.len().max(1))).step_by(2) {
        let there: String = window.iter().map(|(_, letter)| letter).collect();
        let like = strsim::normalized_levenshtein(&text, &there);
        if like > best.0 {
            best = (like, window[0].0..window[window.len() - 1].0);
        }
    }
    best
}

/// The other files that have it.
fn elsewhere(source: &Path, patch: &Patch) -> String {
    let mut found = Vec::new();
    for path in files(&source.join("src")) {
        let code = fs::read_to_string(&path).unwrap_or_default();
        let file = path.strip_prefix(source).unwrap_or(&path).display().to_string();
        let here = places(&code, &patch.original);
        found.extend(here.iter().map(|at| format!("  It is at {file}:{} now: change `file:`.", line(&code, at.start))));
    }
    found.join("\n")
}

/// All files below a folder, in order.
pub fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten() {
        let path = entry.unwrap().path();
        if path.is_dir() { files.extend(self::files(&path)) } else { files.push(path) }
    }
    files.sort();
    files
}

/// A text without white space.
fn bare(text: &str) -> String {
    text.split_whitespace().collect()
}

/// The line of a place, counted from 1.
fn line(code: &str, at: usize) -> usize {
    code.get(..at).unwrap_or_default().matches('\n').count() + 1
}
