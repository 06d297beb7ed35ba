//! `switchhook check`

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use serde_json::{Value, json};

use super::common::{Common, Format, environment};
use super::failure::Failure;
use crate::app::{BadRules, load_rules};
use crate::clock::Clock;
use crate::prove::{Line, lines, notes};
use crate::routing::{Loaded, Problem, Rules};

/// Check a routing file: all that is wrong with it; and of a good one, for each number how long its callers can wait for
/// somebody and where they are answered
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
        let (rules, errors, warnings) = match load_rules(&path, &environment()) {
            Ok((_, Loaded { rules, warnings, .. })) => (Some(rules), Vec::new(), warnings),
            Err(BadRules::Wrong(problems)) => (None, problems.0, Vec::new()),
            Err(unreadable) => return Err(Failure::config(unreadable)),
        };
        let good = errors.is_empty() && (warnings.is_empty() || !self.strict);
        let notes = rules.as_ref().map(|rules| notes(rules, Clock::system().now())).unwrap_or_default();
        match self.format {
            Format::Json => {
                let numbers: Vec<Value> = rules.iter().flat_map(lines).map(|line| line.json()).collect();
                let all = json!({
                    "good": good, "errors": errors, "warnings": warnings, "notes": notes, "numbers": numbers,
                });
                anstream::println!("{all}");
            }
            Format::Text => {
                errors.iter().for_each(|error| anstream::println!("error: {error}"));
                warnings.iter().for_each(|warning| anstream::println!("warning: {warning}"));
                notes.iter().for_each(|note| anstream::println!("note: {note}"));
                anstream::println!("{}", verdict(&path, good, &errors, &warnings, rules.as_ref()));
                rules.iter().for_each(|rules| table(&lines(rules)));
            }
        }
        Ok(if good { ExitCode::SUCCESS } else { ExitCode::from(1) })
    }
}

fn verdict(path: &Path, good: bool, errors: &[Problem], warnings: &[Problem], rules: Option<&Rules>) -> String {
    let path = path.display();
    let warned = counted(warnings.len(), "warning");
    match rules.filter(|_| good) {
        Some(rules) => {
            let numbers = counted(rules.numbers.len() + rules.rest.iter().count(), "number");
            let (routes, steps) = (counted(rules.routes.len(), "route"), counted(rules.steps.len(), "step"));
            let but = if warnings.is_empty() { String::new() } else { format!(" ({warned})") };
            format!("{path} is good: {numbers}, {routes}, {steps}{but}.")
        }
        None => format!("{path}: not good ({}, {warned})", counted(errors.len(), "error")),
    }
}

/// A line for each number.
fn table(lines: &[Line<'_>]) {
    let number = lines.iter().map(|line| line.number.chars().count()).max().unwrap_or_default();
    let route = lines.iter().map(|line| line.entry.route.chars().count()).max().unwrap_or_default();
    for line in lines {
        anstream::println!("{:<number$}  {:<route$}  {line}", line.number, line.entry.route);
    }
}

/// `1 error`, `2 errors`.
fn counted(count: usize, of: &str) -> String {
    format!("{count} {of}{}", if count == 1 { "" } else { "s" })
}
