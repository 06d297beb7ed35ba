//! What the program says of itself: logs as it goes, and figures for whoever asks.

mod logs;
mod meter;

pub use logs::{LogFormat, init};
pub use meter::{Counter, Family, Histogram, Label, Page};
