//! `switchhook demo`: the main job without account, database server or network.

mod day;
mod hook;
mod judge;
mod names;
mod program;
mod report;
mod run;
mod screen;
mod theatre;

pub use program::{Act, Ending, Expect, acts};
pub use report::Report;
pub use run::{Demo, perform};
pub use theatre::{Performance, Played};
