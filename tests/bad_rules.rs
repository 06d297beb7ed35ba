//! Every `tests/bad_rules/NAME.yaml` is a routing file with something wrong in it, and `NAME.txt` beside it holds
//! all that is said of it, word for word. Set `UPDATE=1` to write the texts anew, then read what changed.

#![allow(clippy::unwrap_used, reason = "a test")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use switchhook::routing::{self, Problem, Sources};

/// What `${env:...}` of the bad files finds.
const ENV: &[(&str, &str)] = &[("ANNA", "+12025550111"), ("NOTHING", ""), ("LINE", "+12025550100")];

#[test]
fn each_bad_file_is_told_what_is_wrong_with_it() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/bad_rules");
    let update = std::env::var_os("UPDATE").is_some();
    let files: Vec<PathBuf> = with_ending(&folder, "yaml");
    let mut wrong = Vec::new();
    for file in &files {
        let said = all_said(&folder, file);
        let beside = file.with_extension("txt");
        if update {
            fs::write(&beside, &said).unwrap();
        }
        let name = file.file_name().unwrap().to_string_lossy().into_owned();
        match fs::read_to_string(&beside) {
            Err(_) => wrong.push(format!("{name} has no text beside it")),
            Ok(expected) if expected != said => wrong.push(format!("{name}\n--- expected\n{expected}--- got\n{said}")),
            Ok(expected) if expected.is_empty() => wrong.push(format!("{name}: nothing is wrong with it")),
            Ok(_) => {}
        }
    }
    let named: BTreeSet<PathBuf> = files.iter().map(|file| file.with_extension("txt")).collect();
    let orphans = with_ending(&folder, "txt").into_iter().filter(|text| !named.contains(text));
    wrong.extend(orphans.map(|text| format!("{} has no file beside it", text.display())));
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(files.len() >= 80, "only {} bad files", files.len());
}

/// Errors and warnings, a line each, in the words an operator sees.
fn all_said(folder: &Path, file: &Path) -> String {
    let text = fs::read_to_string(file).unwrap();
    let wanted = routing::wanted(&text);
    // Lists lie beside the bad files; one that is wanted and not there is part of the test.
    let read = |name: &String| fs::read_to_string(folder.join(name)).ok().map(|text| (name.clone(), text));
    let files: BTreeMap<String, String> = wanted.files.iter().filter_map(read).collect();
    let env = ENV.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let name = file.file_name().unwrap().to_string_lossy().into_owned();
    let lines = |kind: &str, problems: &[Problem]| -> String {
        problems.iter().map(|problem| format!("{kind}: {problem}\n")).collect()
    };
    match routing::load(&Sources { name, text, files, env }) {
        Ok(loaded) => lines("warning", &loaded.warnings),
        Err(problems) => lines("error", &problems.0),
    }
}

fn with_ending(folder: &Path, ending: &str) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|found| found == ending))
        .collect();
    files.sort();
    files
}
