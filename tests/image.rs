//! The image is built from what `.dockerignore` leaves: cargo must find everything there that the manifest speaks of,
//! also what the image does not use.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test")]

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

#[test]
fn cargo_can_read_what_the_image_is_built_from() {
    let house = Path::new(env!("CARGO_MANIFEST_DIR"));
    let ignored = fs::read_to_string(house.join(".dockerignore")).unwrap();
    let ignored: Vec<&str> = ignored.lines().filter(|line| !line.starts_with("**/")).collect();
    let context = tempfile::tempdir().unwrap();
    for entry in fs::read_dir(house).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        if !ignored.contains(&name.as_str()) {
            std::os::unix::fs::symlink(entry.path(), context.path().join(name)).unwrap();
        }
    }
    for needed in ["src", "migrations", "config", "Cargo.lock", "build.rs", ".cargo"] {
        assert!(context.path().join(needed).exists(), "the image is built without {needed}");
    }
    assert_eq!(targets(context.path()), targets(house), "a target that is not there stops every build");
}

/// The names of all that cargo sees to build in a folder.
fn targets(folder: &Path) -> BTreeSet<String> {
    let told = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version=1", "--no-deps", "--offline", "--locked"])
        .current_dir(folder)
        .output()
        .unwrap();
    assert!(told.status.success(), "{}", String::from_utf8_lossy(&told.stderr));
    let told: serde_json::Value = serde_json::from_slice(&told.stdout).unwrap();
    let targets = told["packages"][0]["targets"].as_array().unwrap().iter();
    targets.map(|target| format!("{} {}", target["kind"], target["name"])).collect()
}
