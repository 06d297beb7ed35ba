//! The life of one call. Pure.
//!
//! [`decide()`] is the law of the house: a call changes only there. A leg moves forward and knows nothing of steps
//! ([`Leg`]); what an event means for a leg is in `learn`; each step of the rules has a file with its phase.

mod answer;
mod birth;
mod command;
mod decide;
mod ended;
mod ending;
mod event;
#[cfg(test)]
mod explore;
mod gist;
mod ids;
mod join;
mod kind;
#[cfg(test)]
pub(crate) mod kit;
mod learn;
mod leg;
mod mailbox;
mod menu;
mod message;
mod missed;
mod notice;
mod phase;
mod plan;
mod recorder;
mod remark;
mod ring;
mod sorry;
mod speech;
mod state;
#[cfg(test)]
mod stories;
#[cfg(test)]
mod storm;
mod story;
mod talk;
mod tell;
mod transfer;
mod turn;
mod voicemail;

pub use command::{Command, Heard, Verb};
pub use decide::{Decision, deadline, decide};
pub use event::{Cause, Entered, Event, Made, News, Refusal, Settled, Verdict, What, Who};
pub use gist::gist;
pub use ids::{CallId, CommandId, EventId, Handle, LegNo, Mark, Tag};
pub use kind::Kind;
pub use leg::{Leg, LegState, Role, SaidGone, Stop};
pub use message::{Came, Link, Message, Recorder, Tape};
pub use notice::{Notice, NoticeKind, Notified, Recording};
pub use phase::{
    Answering, Apology, Asking, Bridges, Chair, Choosing, JoinStage, Joining, Leaving, Phase, PickUp, Ringing, Sound,
    Speaking, Taking, Transferring,
};
pub use remark::{EndWhy, Ignored, Remark, StepWord};
pub use state::Call;
pub use story::{Chapter, replay, story, told};
