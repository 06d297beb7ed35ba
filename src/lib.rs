//! Switchhook: a webhook-driven call router for Telnyx Call Control.
//!
//! `ARCHITECTURE.md` tells how the rooms fit together; `tests/walls.rs` says which may use which.

pub mod call;
pub mod cli;
pub mod clock;
pub mod phone;
pub mod routing;
pub mod sim;
