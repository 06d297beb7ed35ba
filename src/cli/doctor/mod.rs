//! `switchhook doctor`: whether everything around the program is as calls need it.
//!
//! [`look`] asks files, database, Telnyx and the webhook address; what it learns are plain values, and the pure files
//! beside it say what they mean.

mod application;
mod finding;
mod look;
mod own;
mod run;
mod telnyx;
mod webhook;

pub use run::Doctor;
