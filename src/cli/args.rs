//! The command line as a whole: which command, and what becomes of it.

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use super::common::Common;
use super::failure::Failure;
use super::{calls, check, demo, doctor, explain, health, migrate, serve, sim};
use crate::telemetry;

/// Routes phone calls of a Telnyx Call Control application by a YAML file.
#[derive(Debug, Parser)]
#[command(version, arg_required_else_help = true)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    common: Common,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the server
    Serve(serve::Serve),
    /// Check a routing file
    Check(check::Check),
    /// Bring the database's tables up to this version
    Migrate(migrate::Migrate),
    /// List the latest calls, or show one
    Calls(calls::Calls),
    /// Tell why a call went as it did, or what one would meet
    Explain(explain::Explain),
    /// See whether everything around the server is as calls need it, and say what to do
    Doctor(doctor::Doctor),
    /// Ask a running server whether it answers; for container health checks
    Health(health::Health),
    /// Play some calls against a simulated Telnyx on this machine, and tell what became of each
    Demo(demo::Demo),
    /// Be a small Telnyx on this machine
    #[command(after_help = sim::more_help())]
    Sim(sim::SimArgs),
}

impl Cli {
    /// Does what the command line says. The exit code is 0 if all is fine, 1 if an expectation failed, 2 for a command
    /// line that makes no sense, 69 if a database, port or network is not available, 70 if a part of the server died, 78
    /// for bad configuration.
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
                Command::Calls(calls) => calls.run(&common).await,
                Command::Explain(explain) => explain.run(&common).await,
                Command::Doctor(doctor) => doctor.run(&common).await,
                Command::Health(health) => health.run(&common).await,
                Command::Demo(demo) => demo.run().await,
                Command::Sim(sim) => sim::run(sim).await,
            }
        });
        // A disk that hangs while a file is read holds nobody up.
        runtime.shutdown_background();
        done.unwrap_or_else(|failure| failure.report())
    }
}
