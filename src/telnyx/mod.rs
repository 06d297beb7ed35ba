//! The only room that knows Telnyx' words: its signature, its webhooks, our commands as its requests, its answers as
//! verdicts, and the wire between.

pub mod answer;
pub mod client;
mod listed;
mod loose;
mod news;
pub mod request;
pub mod signature;
pub mod webhook;
