//! `switchhook check`

use std::path::PathBuf;
use std::process::ExitCode;

use serde_json::json;

use super::common::{Common, Format, environment};
use super::failure::Failure;
use crate::app::{BadRules, load_rules};

/// Check a routing file
#[derive(Debug, clap::Args)]
pub struct Check {
    /// The routing file
    #[arg(value_name = "FILE")]
    routes: Option<PathBuf>,
    /// Warnings fail as well
    #[arg(long)]
    strict: bool,
    /// How the result is printed
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    format: Format,
}

impl Check {
    pub(super) fn run(self, common: &Common) -> Result<ExitCode, Failure> {
        let path = match self.routes {
            Some(path) => path,
            None => common.settings(&[])?.routes(),
        };
        let (errors, warnings) = match load_rules(&path, &environment()) {
            Ok((_, loaded)) => (Vec::new(), loaded.warnings),
            Err(BadRules::Wrong(problems)) => (problems.0, Vec::new()),
            Err(unreadable) => return Err(Failure::config(unreadable)),
        };
        let good = errors.is_empty() && (warnings.is_empty() || !self.strict);
        match self.format {
            Format::Json => {
                anstream::println!("{}", json!({ "good": good, "errors": errors, "warnings": warnings }));
            }
            Format::Text => {
                errors.iter().for_each(|error| anstream::println!("error: {error}"));
                warnings.iter().for_each(|warning| anstream::println!("warning: {warning}"));
                let (errors, warnings) = (errors.len(), warnings.len());
                let verdict = if good { "good" } else { "not good" };
                anstream::println!("{}: {verdict} ({errors} errors, {warnings} warnings)", path.display());
            }
        }
        Ok(if good { ExitCode::SUCCESS } else { ExitCode::from(1) })
    }
}
