//! Running the demo and saying how it went.

use std::collections::BTreeMap;
use std::process::ExitCode;

use super::names::Names;
use super::program::{Act, acts};
use super::report::Report;
use super::screen::Screen;
use super::theatre::play;
use crate::cli::common::Format;
use crate::cli::failure::Failure;
use crate::routing::{Sources, load};

/// The routing file the demo runs by.
const ROUTES: &str = include_str!("../../../config/routes.yaml");

/// Play a dozen calls against a simulated Telnyx on this machine, and tell what became of each
#[derive(Clone, Debug, clap::Args)]
pub struct Demo {
    /// Chance: which webhooks come late, twice or swapped
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,
    /// How many times faster than the machine's the demo's clock runs, if the machine keeps up
    #[arg(long, value_name = "TIMES", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=100))]
    pub times: u32,
    /// How the result is printed
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub format: Format,
}

impl Demo {
    /// Plays all acts and prints how it went. The exit code is 0 only if every call ended as it must.
    ///
    /// # Errors
    /// Ports or files cannot be had, or the calls do not end.
    pub async fn run(self) -> Result<ExitCode, Failure> {
        let report = run(&acts(), &self).await?;
        match self.format {
            Format::Text => anstream::println!("{}", report.text()),
            Format::Json => anstream::println!("{:#}", report.json()),
        }
        Ok(ExitCode::from(report.exit_code()))
    }
}

/// Plays `acts`. Where the result is to be text for people, they see the calls on stdout as they run.
///
/// # Errors
/// Ports or files cannot be had, or the calls do not end.
pub async fn run(acts: &[Act], demo: &Demo) -> Result<Report, Failure> {
    let name = "config/routes.yaml".to_owned();
    let sources = Sources { name, text: ROUTES.to_owned(), files: BTreeMap::new(), env: BTreeMap::new() };
    let rules = load(&sources).map_err(Failure::config)?.rules;
    let names = Names::of(&rules);
    let mut screen = match demo.format {
        Format::Text => {
            introduce(demo);
            Screen::new(names.clone())
        }
        Format::Json => Screen::none(names.clone()),
    };
    let performance = play(acts, (sources, rules.clone()), demo.seed, demo.times, &mut screen).await;
    let performance = performance.map_err(|why| Failure::unavailable(format!("{why:#}")))?;
    Ok(Report::new(performance, rules, &names))
}

fn introduce(demo: &Demo) {
    let Demo { seed, times, .. } = demo;
    anstream::println!("The real server and a simulated Telnyx, on this machine alone.");
    anstream::println!("It is Monday, 10:00 in New York; the clock runs {times} times as fast as yours.");
    anstream::println!("Rules: config/routes.yaml. Chance: seed {seed}.\n");
}
