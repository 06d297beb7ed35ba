//! The only room that knows Telnyx' words: its signature, its webhooks, our commands as its requests, its answers as
//! verdicts, the wire between, and what is told of it to those who are to learn from it.

pub mod answer;
pub mod application;
pub mod client;
mod listed;
mod loose;
pub mod mask;
mod news;
pub mod record;
mod recordings;
pub mod request;
mod retries;
pub mod signature;
pub mod webhook;
