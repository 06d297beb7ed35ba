//! Logs: to stderr, as text on a terminal and as JSON otherwise, so that stdout belongs to what a command prints.

use std::io::{IsTerminal as _, stderr};

use tracing::warn;
use tracing_subscriber::EnvFilter;

/// How logs look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum LogFormat {
    /// Text on a terminal, JSON otherwise.
    #[default]
    Auto,
    /// Lines for people.
    Text,
    /// One JSON object per line.
    Json,
}

/// Begins to log. `level`: what is logged where `RUST_LOG` does not say otherwise.
pub fn init(format: LogFormat, level: &str) {
    let asked = std::env::var_os("RUST_LOG").filter(|asked| !asked.is_empty());
    let asked = asked.map(|asked| EnvFilter::try_new(asked.to_string_lossy()).map_err(|why| (asked, why)));
    let (filter, broken) = match asked {
        Some(Ok(filter)) => (filter, None),
        Some(Err(broken)) => (EnvFilter::new(level), Some(broken)),
        None => (EnvFilter::new(level), None),
    };
    let logs = tracing_subscriber::fmt().with_env_filter(filter).with_writer(stderr);
    let terminal = stderr().is_terminal();
    // A second call, as tests make, leaves the first in force.
    let _ = match format {
        LogFormat::Json => logs.json().flatten_event(true).try_init(),
        LogFormat::Auto if !terminal => logs.json().flatten_event(true).try_init(),
        LogFormat::Auto | LogFormat::Text => logs.with_ansi(terminal).with_target(false).try_init(),
    };
    if let Some((asked, why)) = broken {
        warn!("RUST_LOG is `{}`: {why}; the log is kept at `{level}`", asked.to_string_lossy());
    }
}
