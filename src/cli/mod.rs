//! The command line: one file per command.

mod check;
pub mod demo;
mod failure;
mod health;
mod migrate;
mod serve;
mod sim;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::config::Settings;
use crate::telemetry::{self, LogFormat};

pub use failure::Failure;

/// Routes phone calls of a Telnyx Call Control application by a YAML file.
#[derive(Debug, Parser)]
#[command(version, arg_required_else_help = true)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    common: Common,
}

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

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the server
    Serve(serve::Serve),
    /// Check a routing file
    Check(check::Check),
    /// Bring the database's tables up to this version
    Migrate(migrate::Migrate),
    /// Ask a running server whether it is well; for container health checks
    Health(health::Health),
    /// Play a dozen calls against a simulated Telnyx on this machine, and tell what became of each
    Demo(demo::Demo),
    /// Be a small Telnyx on this machine
    Sim(sim::SimArgs),
}

impl Cli {
    /// Does what the command line says. The exit code is 0 if all is fine, 1 if an expectation failed, 2 for a command
    /// line that makes no sense, 69 if a database, port or network is not available, 78 for bad configuration.
    pub fn run(self) -> ExitCode {
        let Self { command, common } = self;
        // The demo is to be looked at: its log says only what went wrong.
        let level = if matches!(command, Command::Demo(_)) { "error" } else { "info" };
        telemetry::init(common.log_format, level);
        let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
            Ok(runtime) => runtime,
            Err(why) => return Failure::unavailable(format!("the program cannot start: {why}")).report(),
        };
        let done = runtime.block_on(async {
            match command {
                Command::Serve(serve) => serve.run(&common).await,
                Command::Check(check) => check.run(&common),
                Command::Migrate(migrate) => migrate.run(&common).await,
                Command::Health(health) => health.run().await,
                Command::Demo(demo) => demo.run().await,
                Command::Sim(sim) => sim::run(sim).await.map_err(|why| Failure::unavailable(format!("{why:#}"))),
            }
        });
        done.unwrap_or_else(|failure| failure.report())
    }
}

impl Common {
    /// Collects the settings; `flags` are what the command line says itself.
    ///
    /// # Errors
    /// The settings are malformed: exit code 78.
    pub fn settings(&self, flags: &[(&'static str, Option<String>)]) -> Result<Settings, Failure> {
        let file = self.config.clone().unwrap_or_else(|| "config/switchhook.yaml".into());
        let env = std::env::vars().collect();
        Settings::collect(&file, self.config.is_some(), &env, flags).map_err(Failure::config)
    }
}
