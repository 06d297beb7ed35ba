//! Names of things, and how they are derived: deciding the same twice gives the same ids.

use std::fmt;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::kind::Kind;

/// The root of every id we derive.
const ROOT: Uuid = Uuid::from_u128(0x5b1c_9f0e_7a53_4d0f_9a57_2d1f_0c6e_44a1);

/// A call of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CallId(pub Uuid);

/// A leg of a call, in the order in which they came to be; 0 is the caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct LegNo(pub u16);

/// A command; Telnyx ignores a second one with the same id for a minute.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CommandId(pub Uuid);

/// An event: the sender's id for a webhook, a derived one for our own.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct EventId(pub String);

/// What a leg is commanded by (Telnyx: `call_control_id`). Whoever has it can command the leg: never logged whole.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Handle(pub String);

/// What a leg carries to say whose it is: its call and its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Tag {
    /// The call.
    pub call: CallId,
    /// The leg.
    pub leg: LegNo,
}

impl CallId {
    /// The call that a first leg begins. `leg` is whatever names that leg for its whole life.
    pub fn of(leg: &str) -> Self {
        Self(Uuid::new_v5(&ROOT, leg.as_bytes()))
    }
}

/// What a leg says of itself beside its tag since a command that gave it: news that comes late carries an older one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Mark(pub u32);

impl LegNo {
    /// The caller's leg.
    pub const CALLER: Self = Self(0);
}

impl CommandId {
    /// The id of a call's `count`th command. The cause is part of it: a decision made again for another reason
    /// is another command.
    pub fn derive(call: CallId, count: u32, cause: &EventId, kind: Kind, leg: LegNo) -> Self {
        let name = format!("{count}/{}/{kind}/{}", cause.0, leg.0);
        Self(Uuid::new_v5(&call.0, name.as_bytes()))
    }
}

impl EventId {
    /// The id of a deadline that fell due: it holds the version of the call whose deadline it was.
    pub fn due(call: CallId, version: u64) -> Self {
        Self(Uuid::new_v5(&call.0, format!("due/{version}").as_bytes()).to_string())
    }

    /// The id of a command's outcome: it holds the verdict.
    pub fn settled(command: CommandId, verdict: &str) -> Self {
        Self(Uuid::new_v5(&command.0, format!("settled/{verdict}").as_bytes()).to_string())
    }

    /// The id of the news that an event could not be decided.
    pub fn fault(call: CallId, event: &Self) -> Self {
        Self(Uuid::new_v5(&call.0, format!("fault/{}", event.0).as_bytes()).to_string())
    }
}

impl Tag {
    /// The tag as one short line of text.
    pub fn to_text(self) -> String {
        format!("sw1:{}:{}", self.call.0.simple(), self.leg.0)
    }

    /// Reads what [`Tag::to_text`] wrote; `None` for any other text.
    pub fn parse(text: &str) -> Option<Self> {
        let (call, leg) = text.strip_prefix("sw1:")?.split_once(':')?;
        let leg = leg.split_once(':').map_or(leg, |(leg, _)| leg);
        Some(Self { call: CallId(Uuid::try_parse(call).ok()?), leg: LegNo(leg.parse().ok()?) })
    }
}

impl Mark {
    /// A tag with the mark behind it, as one short line of text: [`Tag::parse`] reads the tag of it.
    pub fn to_text(self, tag: Tag) -> String {
        format!("{}:{}", tag.to_text(), self.0)
    }

    /// The mark that [`Mark::to_text`] wrote; `None` for any other text.
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.strip_prefix("sw1:")?.splitn(3, ':');
        parts.nth(2)?.parse().ok().map(Self)
    }
}

impl fmt::Display for CallId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for CommandId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let head: String = self.0.chars().take(10).collect();
        write!(f, "{head}…")
    }
}

/// What serde is asked before it leaves a count out.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands a reference in")]
pub(super) fn is_zero(count: &u8) -> bool {
    *count == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_reads_back_and_nothing_else_does() {
        let tag = Tag { call: CallId::of("leg"), leg: LegNo(3) };
        assert_eq!(Tag::parse(&tag.to_text()), Some(tag));
        let marked = Mark(7).to_text(tag);
        assert_eq!((Tag::parse(&marked), Mark::parse(&marked)), (Some(tag), Some(Mark(7))));
        assert_eq!(Mark::parse(&tag.to_text()), None);
        for other in ["", "sw1:", "sw1:x:1", "sw2:0:1", "{\"route\":\"sales\"}"] {
            assert_eq!(Tag::parse(other), None, "{other}");
        }
    }

    #[test]
    fn ids_follow_from_what_they_name() {
        let call = CallId::of("leg");
        let cause = EventId("e1".into());
        let id = |count, cause: &EventId| CommandId::derive(call, count, cause, Kind::Answer, LegNo::CALLER);
        assert_eq!(id(1, &cause), id(1, &cause));
        assert_ne!(id(1, &cause), id(2, &cause));
        assert_ne!(id(1, &cause), id(1, &EventId("e2".into())));
    }
}
