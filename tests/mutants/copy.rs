//! The copy of the project that the mutants are built in.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use super::find::files;
use super::weave::Woven;

/// What is built, and what its tests read.
const PARTS: [&str; 5] = ["src", "tests", "migrations", "config", "benches"];
const FILES: [&str; 3] = ["Cargo.toml", "Cargo.lock", "build.rs"];

/// Brings the copy up to date. What is as it was is not written again, so that it need not be built again.
pub fn update(source: &Path, tree: &Path, woven: &Woven) {
    let mut wanted: BTreeMap<String, Vec<u8>> = BTreeMap::new();
    let parts = PARTS.iter().flat_map(|part| files(&source.join(part)));
    for path in parts.chain(FILES.iter().map(|file| source.join(file))) {
        let name = path.strip_prefix(source).unwrap().display().to_string();
        if !name.starts_with("tests/mutants/list/") {
            wanted.insert(name, fs::read(&path).unwrap());
        }
    }
    wanted.extend(woven.iter().map(|(name, text)| (name.clone(), text.clone().into_bytes())));
    for path in files(tree) {
        if !wanted.contains_key(&path.strip_prefix(tree).unwrap().display().to_string()) {
            fs::remove_file(path).unwrap();
        }
    }
    for (name, bytes) in wanted {
        let path = tree.join(name);
        if fs::read(&path).ok().as_ref() != Some(&bytes) {
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, bytes).unwrap();
        }
    }
}
