//! `switchhook demo`: the main job without account, database server or network.

mod judge;
mod program;
mod report;
mod run;
mod screen;
mod theatre;

pub use program::{Act, Ending, Expect, acts};
pub use run::{Demo, run};
