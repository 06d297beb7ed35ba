//! The command line: one file per command.

mod calls;
mod check;
mod common;
pub mod demo;
mod doctor;
mod explain;
mod failure;
mod health;
mod line;
mod migrate;
mod serve;
mod sim;

pub use common::{Common, Format};
pub use failure::Failure;
pub use line::Cli;
