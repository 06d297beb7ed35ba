//! The life of one call. Pure.

mod command;
mod event;
mod ids;
mod kind;

pub use command::{Command, Verb};
pub use event::{Cause, Event, Made, News, Refusal, Settled, Verdict, What, Who};
pub use ids::{CallId, CommandId, EventId, Handle, LegNo, Tag};
pub use kind::Kind;
