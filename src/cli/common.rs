//! What every command takes, and how its result is printed.

use std::collections::BTreeMap;
use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::failure::Failure;
use crate::config::{BadSettings, Origin, Settings};
use crate::telemetry::LogFormat;

/// What every command takes.
#[derive(Clone, Debug, Args)]
pub struct Common {
    /// The settings file; it need not exist unless it is named
    #[arg(long, global = true, value_name = "FILE", env = "SWITCHHOOK_CONFIG")]
    pub config: Option<PathBuf>,
    /// How logs look (they go to stderr)
    #[arg(long, global = true, value_name = "FORMAT", default_value = "auto")]
    pub log_format: LogFormat,
}

/// How a result is printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people.
    #[default]
    Text,
    /// For machines.
    Json,
}

impl Common {
    /// Collects the settings; `flags` are what the command line says itself.
    ///
    /// # Errors
    /// The settings are malformed: exit code 78.
    pub fn settings(&self, flags: &[(&'static str, Option<String>)]) -> Result<Settings, Failure> {
        self.collected(flags).map_err(Failure::config)
    }

    /// The same, for whoever tells himself what is wrong with them.
    ///
    /// # Errors
    /// The settings are malformed.
    pub fn collected(&self, flags: &[(&'static str, Option<String>)]) -> Result<Settings, BadSettings> {
        self.origin(flags).settings()
    }

    /// Where the settings come from; `flags` are what the command line says itself.
    pub fn origin(&self, flags: &[(&'static str, Option<String>)]) -> Origin {
        let file = self.config.clone().unwrap_or_else(|| "config/switchhook.yaml".into());
        Origin { file, asked: self.config.is_some(), env: environment(), flags: flags.to_vec() }
    }
}

/// The environment. What is no UTF-8 in it is replaced, so that whoever wants a text of that name refuses it.
pub fn environment() -> BTreeMap<String, String> {
    std::env::vars_os()
        .map(|(name, value)| (name.to_string_lossy().into_owned(), value.to_string_lossy().into_owned()))
        .collect()
}
