//! The only room that knows Telnyx' words: commands into requests, answers into verdicts, and the wire between.

pub mod answer;
pub mod client;
pub mod request;
