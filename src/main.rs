//! The `switchhook` program.

use std::process::ExitCode;

use clap::Parser as _;
use switchhook::cli::Cli;

fn main() -> ExitCode {
    Cli::parse().run()
}
