//! Files that can be read at one sitting, functions that fit on a page, few dependencies.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test: what it cannot read fails it")]

mod source;

use std::collections::BTreeSet;

use source::Source;
use syn::spanned::Spanned;
use syn::visit::{self, Visit};

/// Lines of a file without its tests.
const LONGEST_FILE: usize = 400;
/// Lines of a function; it stays below.
const LONGEST_FUNCTION: usize = 60;
/// Lines of the file in the middle: files are near 150, and this is where that ends.
const LONGEST_MEDIAN: usize = 200;
/// Packages the library and the program name themselves.
const MOST_DEPENDENCIES: usize = 40;

/// The lines of one file, tests and functions told apart.
#[derive(Default)]
struct Lines {
    tests: BTreeSet<usize>,
    functions: Vec<(String, usize, usize)>,
}

impl Lines {
    fn of(source: &Source) -> Self {
        let mut lines = Self::default();
        lines.visit_file(&source.syntax);
        lines
    }

    fn function(&mut self, name: &syn::Ident, whole: proc_macro2::Span, start: proc_macro2::Span) {
        let first = start.start().line;
        self.functions.push((name.to_string(), first, whole.end().line + 1 - first));
    }

    fn test(&mut self, attributes: &[syn::Attribute], whole: proc_macro2::Span) -> bool {
        let test = source::is_test(attributes);
        if test {
            self.tests.extend(whole.start().line..=whole.end().line);
        }
        test
    }
}

/// Only functions outside tests are measured: a table of cases is no function to be understood.
impl<'ast> Visit<'ast> for Lines {
    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        if !self.test(&item.attrs, item.span()) {
            visit::visit_item_mod(self, item);
        }
    }

    fn visit_item_fn(&mut self, item: &'ast syn::ItemFn) {
        if !self.test(&item.attrs, item.span()) {
            self.function(&item.sig.ident, item.span(), item.sig.span());
            visit::visit_item_fn(self, item);
        }
    }

    fn visit_item_impl(&mut self, item: &'ast syn::ItemImpl) {
        if !self.test(&item.attrs, item.span()) {
            visit::visit_item_impl(self, item);
        }
    }

    fn visit_impl_item_fn(&mut self, item: &'ast syn::ImplItemFn) {
        if !self.test(&item.attrs, item.span()) {
            self.function(&item.sig.ident, item.span(), item.sig.span());
            visit::visit_impl_item_fn(self, item);
        }
    }

    fn visit_trait_item_fn(&mut self, item: &'ast syn::TraitItemFn) {
        self.function(&item.sig.ident, item.span(), item.sig.span());
        visit::visit_trait_item_fn(self, item);
    }
}

fn length(source: &Source) -> usize {
    source.text.lines().count() - Lines::of(source).tests.len()
}

fn long_files(sources: &[Source]) -> Vec<String> {
    let long = sources.iter().map(|source| (source, length(source))).filter(|(_, length)| *length > LONGEST_FILE);
    long.map(|(source, length)| format!("{}: {length} lines without its tests", source.path)).collect()
}

fn long_functions(sources: &[Source]) -> Vec<String> {
    let long = |source: &Source| {
        let functions = Lines::of(source).functions.into_iter().filter(|(_, _, lines)| *lines >= LONGEST_FUNCTION);
        functions.map(|(name, at, lines)| format!("{}:{at}: `{name}` has {lines} lines", source.path)).collect()
    };
    sources.iter().flat_map(|source| -> Vec<String> { long(source) }).collect()
}

fn without_docs(sources: &[Source]) -> Vec<String> {
    let bare = sources.iter().filter(|source| !source.text.starts_with("//! "));
    bare.map(|source| format!("{}: does not begin with a `//!` line", source.path)).collect()
}

/// The median length of the files that hold more than the way to others.
fn median(sources: &[Source]) -> usize {
    let leaf = |source: &&Source| !["mod.rs", "lib.rs", "main.rs"].iter().any(|name| source.path.ends_with(name));
    let mut lengths: Vec<usize> = sources.iter().filter(leaf).map(length).collect();
    lengths.sort_unstable();
    lengths.get(lengths.len() / 2).copied().unwrap_or_default()
}

/// The names under `[dependencies]` and its likes for one target; those for tests and builds are not in the program.
fn dependencies(manifest: &str) -> BTreeSet<&str> {
    let mut counted = false;
    let mut names = BTreeSet::new();
    for line in manifest.lines() {
        if let Some(section) = line.strip_prefix('[') {
            let section = section.trim_end_matches(']');
            counted = section == "dependencies" || section.ends_with(".dependencies");
            names.extend(section.strip_prefix("dependencies."));
        } else if counted && line.starts_with(|first: char| first.is_ascii_alphanumeric()) {
            names.extend(line.split(['=', '.', ' ']).next());
        }
    }
    names
}

fn none(found: &[String]) {
    assert!(found.is_empty(), "\n  {}", found.join("\n  "));
}

#[test]
fn no_file_is_too_long() {
    none(&long_files(&source::house()));
}

#[test]
fn no_function_is_too_long() {
    none(&long_functions(&source::house()));
}

#[test]
fn every_file_says_what_it_is() {
    none(&without_docs(&source::house()));
}

#[test]
fn the_file_in_the_middle_is_short() {
    let median = median(&source::house());
    println!("median of the files: {median} lines without tests");
    assert!(median <= LONGEST_MEDIAN, "the median file has {median} lines");
}

#[test]
fn the_direct_dependencies_are_few() {
    let manifest = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml")).unwrap();
    let names = dependencies(&manifest);
    assert!(names.contains("serde") && names.len() <= MOST_DEPENDENCIES, "{} dependencies: {names:?}", names.len());
}

#[test]
fn lines_are_counted_without_tests() {
    let test = "#[cfg(test)]\nmod tests {\n    fn f() {}\n}\n";
    let of = |text: &str| length(&Source::of("a.rs", text));
    assert_eq!(of(&format!("//! A.\n\n{test}fn g() {{}}\n")), 3);
    assert_eq!(of("//! A.\nmod tests {\n}\n"), 3);
    let long = format!("//! A.\n{}", "const A: u8 = 1;\n".repeat(400));
    assert_eq!(long_files(&[Source::of("a.rs", &long)]), ["a.rs: 401 lines without its tests"]);
    assert!(long_files(&[Source::of("a.rs", &format!("//! A.\n{}", "\n".repeat(399)))]).is_empty());
    let sources: Vec<Source> =
        [("a.rs", 9), ("b.rs", 5), ("c.rs", 7), ("x/mod.rs", 1)].map(|(p, n)| Source::of(p, &"\n".repeat(n))).into();
    assert_eq!(median(&sources), 7);
}

#[test]
fn functions_are_measured_wherever_they_stand() {
    let body = |lines: usize| format!("{{{}}}", "\n".repeat(lines - 1));
    let found = |text: String| long_functions(&[Source::of("a.rs", &text)]).join("; ");
    assert_eq!(found(format!("fn f() {}", body(59))), "");
    assert_eq!(found(format!("\nfn f() {}", body(60))), "a.rs:2: `f` has 60 lines");
    assert_eq!(found(format!("/// Says.\n#[inline]\nfn f() {}", body(59))), "");
    assert_eq!(found(format!("impl S {{ fn f() {} }}", body(60))), "a.rs:1: `f` has 60 lines");
    assert_eq!(found(format!("trait T {{ fn f() {} }}", body(61))), "a.rs:1: `f` has 61 lines");
    assert_eq!(found(format!("fn g() {{ fn f() {} }}", body(58))), "");
    assert_eq!(found(format!("#[cfg(test)] mod tests {{ fn f() {} }}", body(90))), "");
}

#[test]
fn dependencies_are_counted_in_every_form() {
    let manifest = "[package]\nname = \"x\"\n[dependencies]\na = \"1\"\n# b = \"1\"\nc.workspace = true\nd-e = { features = [\n  \"f\",\n] }\n\
                    [dependencies.g]\nversion = \"1\"\n[target.'cfg(unix)'.dependencies]\nh = \"1\"\n\
                    [dev-dependencies]\ni = \"1\"\n[build-dependencies]\nj = \"1\"\n";
    assert_eq!(dependencies(manifest).into_iter().collect::<Vec<_>>(), ["a", "c", "d-e", "g", "h"]);
}

#[test]
fn a_file_without_docs_is_found() {
    let found = without_docs(&[Source::of("a.rs", "//! A.\n"), Source::of("b.rs", "use a::B;\n//\n")]);
    assert_eq!(found, ["b.rs: does not begin with a `//!` line"]);
}
