//! The command line: one file per command.

mod args;
mod calls;
mod check;
mod common;
pub mod demo;
mod doctor;
mod explain;
mod failure;
mod health;
mod migrate;
mod serve;
mod sim;

pub use args::Cli;
pub use common::{Common, Format};
pub use failure::Failure;
