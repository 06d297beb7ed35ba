//! The house as modules: which file is which module, and where a path leads through the re-exports.

use std::collections::BTreeMap;

use super::paths::{Import, Speech, Spoken, listen};
use crate::source::Source;

/// Re-exports of re-exports are followed so far.
const DEEPEST: usize = 8;

/// The library's files as modules.
pub struct House {
    /// The files, by their module path: `["telnyx", "client"]`; nothing for `lib.rs`.
    pub files: BTreeMap<Vec<String>, File>,
}

/// One file of the house.
pub struct File {
    /// Its path below `src/`.
    pub path: String,
    /// The file, parsed.
    pub syntax: syn::File,
    /// Whether it is declared for tests only.
    pub test: bool,
    speech: Speech,
}

/// A use that one file makes of another.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Use {
    /// The line it stands on.
    pub line: usize,
    /// The module it leads to.
    pub to: Vec<String>,
    /// Whether it names the module itself and nothing in it.
    pub bare: bool,
    /// Whether it stands in code for tests only.
    pub test: bool,
}

impl House {
    /// Reads files as modules. The program's `main.rs` is another crate, and none of it.
    pub fn of(sources: Vec<Source>) -> Self {
        let mut files = BTreeMap::new();
        for source in sources.into_iter().filter(|source| source.path != "main.rs") {
            let speech = listen(&source.syntax);
            let file = File { path: source.path, syntax: source.syntax, test: false, speech };
            files.insert(module(&file.path), file);
        }
        let mut house = Self { files };
        house.mark_tests();
        house
    }

    /// A file is for tests only if it is declared so, or is below one that is.
    fn mark_tests(&mut self) {
        let declared: Vec<Vec<String>> = self
            .files
            .iter()
            .flat_map(|(module, file)| {
                let tests = file.speech.declared.iter().filter(|(_, test)| **test);
                tests.map(|(name, _)| [module.as_slice(), std::slice::from_ref(name)].concat())
            })
            .collect();
        for (module, file) in &mut self.files {
            file.test = declared.iter().any(|test| module.starts_with(test));
        }
    }

    /// Every use that a file makes of the house, itself left out.
    pub fn uses(&self, module: &[String]) -> Vec<Use> {
        let Some(file) = self.files.get(module) else { return Vec::new() };
        let imports = file.speech.imports.iter().map(|import| (&import.path, import.name == "*"));
        let paths = file.speech.paths.iter().map(|path| (path, false));
        let mut uses = Vec::new();
        for (spoken, all_names) in imports.chain(paths) {
            let Some(path) = self.absolute(module, spoken, DEEPEST) else { continue };
            for (to, bare) in self.ends(&path, DEEPEST) {
                let test = spoken.test || file.test;
                let shown = if all_names && bare { self.shown(&to) } else { Vec::new() };
                let ends = shown.into_iter().chain([(to, bare)]);
                uses.extend(ends.map(|(to, bare)| Use { line: spoken.line, to, bare, test }));
            }
        }
        uses.retain(|used| used.to != module && !used.to.is_empty());
        uses.sort();
        uses.dedup();
        uses
    }

    /// The files whose names a module shows as its own.
    fn shown(&self, module: &[String]) -> Vec<(Vec<String>, bool)> {
        let public = self.imports(module).filter(|import| import.public);
        let paths = public.filter_map(|import| self.absolute(module, &import.path, DEEPEST));
        paths.flat_map(|path| self.ends(&path, DEEPEST)).collect()
    }

    /// A path from the root of the crate, if it leads into the house.
    fn absolute(&self, module: &[String], spoken: &Spoken, depth: usize) -> Option<Vec<String>> {
        let mut here = [module, &spoken.within].concat();
        let words = spoken.words.as_slice();
        let (first, rest) = words.split_first()?;
        match first.as_str() {
            "crate" => Some(rest.to_vec()),
            "self" | "super" => {
                let ups = words.iter().position(|word| word != "super" && word != "self").unwrap_or(words.len());
                for _ in words[..ups].iter().filter(|word| *word == "super") {
                    here.pop();
                }
                Some([here.as_slice(), &words[ups..]].concat())
            }
            name => {
                let child = [here.as_slice(), &[name.to_owned()]].concat();
                if self.files.contains_key(&child) {
                    return Some([child.as_slice(), rest].concat());
                }
                let import = self.imports(module).find(|import| {
                    import.name == name && import.path.within == spoken.within && import.path.words != [name]
                })?;
                let path = self.absolute(module, &import.path, depth.checked_sub(1)?)?;
                Some([path.as_slice(), rest].concat())
            }
        }
    }

    fn imports(&self, module: &[String]) -> impl Iterator<Item = &Import> {
        self.files.get(module).into_iter().flat_map(|file| &file.speech.imports)
    }

    /// The files a path from the root ends in: more than one only where a re-export takes all names.
    fn ends(&self, path: &[String], depth: usize) -> Vec<(Vec<String>, bool)> {
        let known = (0..=path.len()).rev().find(|n| self.files.contains_key(&path[..*n])).unwrap_or(0);
        let (module, rest) = path.split_at(known);
        let here = vec![(module.to_vec(), rest.is_empty())];
        let (Some((name, after)), Some(depth)) = (rest.split_first(), depth.checked_sub(1)) else { return here };
        let through = |import: &Import, after: &[String]| {
            let path = self.absolute(module, &import.path, depth)?;
            Some(self.ends(&[path.as_slice(), after].concat(), depth))
        };
        let public = || self.imports(module).filter(|import| import.public && import.path.within.is_empty());
        if let Some(import) = public().find(|import| import.name == *name) {
            return through(import, after).unwrap_or(here);
        }
        let all: Vec<_> = public().filter(|i| i.name == "*").filter_map(|i| through(i, rest)).flatten().collect();
        if all.is_empty() { here } else { all }
    }
}

/// The module a file is: `a/mod.rs` and `a.rs` are `a`.
fn module(path: &str) -> Vec<String> {
    let stem = path.trim_end_matches(".rs");
    let mut words: Vec<String> = stem.split('/').map(str::to_owned).collect();
    if words.last().is_some_and(|last| last == "mod") || stem == "lib" {
        words.pop();
    }
    words
}
