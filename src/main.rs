//! The `switchhook` program.

use std::process::ExitCode;

use clap::Parser as _;
use switchhook::cli::Cli;

/// A webhook is many small values that live for a millisecond: the system's own allocator takes a sixth of its time.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    Cli::parse().run()
}
