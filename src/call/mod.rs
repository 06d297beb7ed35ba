//! The life of one call. Pure.

mod command;
mod event;
mod ids;

pub use command::{Command, Kind, Verb};
pub use event::{Cause, Event, Made, News, Refusal, Settled, Verdict, What, Who};
pub use ids::{CallId, CommandId, EventId, Handle, LegNo, Tag};
