//! The real server as a process of its own, on SQLite and on PostgreSQL: what must hold whatever comes.

#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod base;
mod commands;
mod explain;
mod intake;
mod life;
mod notices;
mod post;
mod receiver;
mod record;
mod server;
mod start;
mod stub;
mod trouble;
