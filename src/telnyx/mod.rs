//! The only room that knows Telnyx' words.

mod loose;
mod news;
pub mod signature;
pub mod webhook;
