//! Switchhook: a webhook-driven call router for Telnyx Call Control.
//!
//! `ARCHITECTURE.md` tells how the rooms fit together; `tests/walls.rs` says which may use which.

pub mod app;
pub mod call;
pub mod cli;
pub mod clock;
pub mod config;
pub mod engine;
pub mod hall;
pub mod http;
pub mod kill;
pub mod outside;
pub mod phone;
pub mod play;
pub mod routing;
pub mod sim;
pub mod store;
pub mod telemetry;
pub mod telnyx;
pub mod yaml;
