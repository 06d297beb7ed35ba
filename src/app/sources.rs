//! The routing file and what it refers to, read from disk and environment.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::Path;

use crate::routing::{Loaded, Problems, Sources, load, wanted};

/// Reads a routing file with all it refers to. What is missing of it is for the loader to say.
///
/// # Errors
/// The file itself cannot be read.
pub fn read_sources(path: &Path, env: &BTreeMap<String, String>) -> io::Result<Sources> {
    let text = fs::read_to_string(path)?;
    let name = path.display().to_string();
    let wanted = wanted(&text);
    let beside = path.parent().unwrap_or(Path::new(""));
    let files =
        wanted.files.into_iter().filter_map(|file| Some((file.clone(), fs::read_to_string(beside.join(file)).ok()?)));
    let files = files.collect();
    let env = wanted.env.into_iter().filter_map(|name| Some((name.clone(), env.get(&name)?.clone()))).collect();
    Ok(Sources { name, text, files, env })
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
    #[error("the routing file {0} cannot be read: {1}")]
    Unreadable(String, io::Error),
    /// It is wrong.
    #[error(transparent)]
    Wrong(#[from] Problems),
}
