//! Running the demo and saying how it went.

use std::collections::BTreeMap;
use std::process::ExitCode;

use super::program::{Act, acts};
use super::report;
use super::screen::Screen;
use super::theatre::{begin, play};
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
    /// How many times faster than the machine's the demo's clock runs
    #[arg(long, value_name = "TIMES", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=100))]
    pub times: u32,
    /// How the result is printed
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub format: Format,
}

impl Demo {
    /// Plays all acts.
    ///
    /// # Errors
    /// Ports or files cannot be had.
    pub async fn run(self) -> Result<ExitCode, Failure> {
        run(&acts(), &self).await
    }
}

/// Plays `acts` and prints how it went. The exit code is 0 only if every one ended as it must.
///
/// # Errors
/// Ports or files cannot be had, or the calls do not end.
pub async fn run(acts: &[Act], demo: &Demo) -> Result<ExitCode, Failure> {
    let name = "config/routes.yaml".to_owned();
    let sources = Sources { name, text: ROUTES.to_owned(), files: BTreeMap::new(), env: BTreeMap::new() };
    let rules = load(&sources).map_err(Failure::config)?.rules;
    let unavailable = |why: anyhow::Error| Failure::unavailable(format!("{why:#}"));
    if demo.format == Format::Text {
        let day = begin().map_err(unavailable)?;
        anstream::println!(
            "A simulated Telnyx and the real server, on this machine alone. It is Monday, 10:00 in New York ({day});"
        );
        anstream::println!(
            "the clock runs {} times as fast as yours. Rules: config/routes.yaml. Seed {}.\n",
            demo.times,
            demo.seed
        );
    }
    let mut screen = Screen::new(demo.format == Format::Json);
    let performance =
        play(acts, (sources, rules.clone()), demo.seed, demo.times, &mut screen).await.map_err(unavailable)?;
    match demo.format {
        Format::Text => anstream::println!("{}", report::text(&performance, &rules)),
        Format::Json => anstream::println!("{:#}", report::json(&performance, &rules)),
    }
    Ok(if report::is_good(&performance) { ExitCode::SUCCESS } else { ExitCode::from(1) })
}
