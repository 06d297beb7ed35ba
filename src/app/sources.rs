//! The routing file and what it refers to, read from disk and environment.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::routing::{Loaded, Problems, Sources, Wanted, load, wanted};

/// A routing file on the disk, that is read again and again.
pub(super) struct Disk {
    path: PathBuf,
    env: BTreeMap<String, String>,
    /// The text it had when it was read last, and what that refers to.
    last: (String, Wanted),
}

impl Disk {
    /// The file of that name, and the environment that it takes values from.
    pub fn new(path: &Path, env: &BTreeMap<String, String>) -> Self {
        Self { path: path.to_owned(), env: env.clone(), last: Default::default() }
    }

    /// Reads it with all it refers to. What is missing of it is for the loader to say.
    ///
    /// # Errors
    /// The file itself cannot be read.
    pub fn read(&mut self) -> io::Result<Sources> {
        let text = fs::read_to_string(&self.path)?;
        if self.last.0 != text {
            self.last = (text.clone(), wanted(&text));
        }
        let wanted = &self.last.1;
        let beside = self.path.parent().unwrap_or(Path::new(""));
        let file = |name: &String| Some((name.clone(), fs::read_to_string(beside.join(name)).ok()?));
        let value = |name: &String| Some((name.clone(), self.env.get(name)?.clone()));
        let files = wanted.files.iter().filter_map(file).collect();
        let env = wanted.env.iter().filter_map(value).collect();
        Ok(Sources { name: self.path.display().to_string(), text, files, env })
    }
}

/// Reads a routing file with all it refers to. What is missing of it is for the loader to say.
///
/// # Errors
/// The file itself cannot be read.
pub fn read_sources(path: &Path, env: &BTreeMap<String, String>) -> io::Result<Sources> {
    Disk::new(path, env).read()
}

/// Reads and checks a routing file.
///
/// # Errors
/// The file cannot be read, or everything that is wrong with it.
pub fn load_rules(path: &Path, env: &BTreeMap<String, String>) -> Result<(Sources, Loaded), BadRules> {
    let sources = read_sources(path, env).map_err(|why| BadRules::Unreadable(path.display().to_string(), why))?;
    let loaded = load(&sources)?;
    Ok((sources, loaded))
}

/// Why a routing file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum BadRules {
    /// It cannot be read.
    #[error("{}", unreadable(.0, .1))]
    Unreadable(String, io::Error),
    /// It is wrong.
    #[error(transparent)]
    Wrong(#[from] Problems),
}

/// Says that a routing file cannot be read.
pub(super) fn unreadable(name: &str, why: &io::Error) -> String {
    format!("the routing file {name} cannot be read: {why}")
}
