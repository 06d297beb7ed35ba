//! Running the demo and saying how it went.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use super::names::Names;
use super::program::{Act, acts};
use super::report::Report;
use super::screen::Screen;
use super::theatre::{Performance, play};
use crate::app::load_rules;
use crate::cli::common::{Format, environment};
use crate::cli::failure::Failure;
use crate::routing::{Rules, Sources, load};

/// The routing file the demo runs by, where no other is named.
const NAME: &str = "config/routes.yaml";
const ROUTES: &str = include_str!("../../../config/routes.yaml");

/// Play some calls against a simulated Telnyx on this machine, and tell what became of each
#[derive(Clone, Debug, clap::Args)]
pub struct Demo {
    /// Chance: which webhooks come late, twice or swapped
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,
    /// How many times faster than the machine's the demo's clock runs, if the machine keeps up
    #[arg(long, value_name = "TIMES", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=100))]
    pub times: u32,
    /// The routing file they are played by, in place of config/routes.yaml as it came with the program
    #[arg(long, value_name = "FILE")]
    pub routes: Option<PathBuf>,
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
        let report = Report::new(perform(&acts(), &self).await?);
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
/// The routing file is wrong, ports or files cannot be had, or the calls do not end.
pub async fn perform(acts: &[Act], demo: &Demo) -> Result<Performance, Failure> {
    let (sources, rules) = rules(demo.routes.as_deref())?;
    let names = Names::of(&rules);
    let mut screen = match demo.format {
        Format::Text => {
            introduce(demo, &sources.name);
            Screen::new(names)
        }
        Format::Json => Screen::none(names),
    };
    let performance = play(acts, (sources, rules), demo.seed, demo.times, &mut screen).await;
    performance.map_err(|why| Failure::unavailable(format!("{why:#}")))
}

fn rules(file: Option<&Path>) -> Result<(Sources, Rules), Failure> {
    if let Some(file) = file {
        let (sources, loaded) = load_rules(file, &environment()).map_err(Failure::config)?;
        return Ok((sources, loaded.rules));
    }
    let sources = Sources { name: NAME.to_owned(), text: ROUTES.to_owned(), ..Sources::default() };
    let rules = load(&sources).map_err(Failure::config)?.rules;
    Ok((sources, rules))
}

fn introduce(demo: &Demo, routes: &str) {
    let Demo { seed, times, .. } = demo;
    anstream::println!("The real server and a simulated Telnyx, on this machine alone.");
    anstream::println!("It is Monday, 10:00 in New York; the clock runs {times} times as fast as yours.");
    anstream::println!("Rules: {routes}. Chance: seed {seed}.\n");
}
