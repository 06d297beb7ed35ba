//! What is kept of a message that a caller leaves, or was to leave, and of the recordings it is made by.

use std::fmt;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::ids::CommandId;
use crate::routing::{Hook, StepId};

/// A caller came to a mailbox: what came of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// The step of the mailbox.
    pub step: StepId,
    /// When he came to it.
    pub since: Timestamp,
    /// The recording that was asked for and may have begun, and when that was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asked: Option<(CommandId, Timestamp)>,
    /// What names that recording, if we were told (Telnyx: `recording_id`): no other is this message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recording: Option<String>,
    /// Nobody knows whether that has begun, or will: until when it may.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub late: Option<Timestamp>,
    /// When he left it: its recording is waited for from then on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub over: Option<Timestamp>,
    /// No word of its recording came, and Telnyx was asked for it: by which command, and when.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sought: Option<(CommandId, Timestamp)>,
    /// What came of it.
    #[serde(default)]
    pub came: Came,
}

/// What came of a message.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Came {
    /// Nobody knows yet.
    #[default]
    Waited,
    /// This recording.
    Recorded(Tape),
    /// Nothing: none was made, or no word of one came in time. A recording that comes all the same takes its place.
    Nothing,
}

/// A recording that was saved.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tape {
    /// What names it (Telnyx: `recording_id`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Where it can be heard.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<Link>,
    /// When it began, by whoever made it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub began: Option<Timestamp>,
    /// When it ended, by whoever made it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended: Option<Timestamp>,
    /// The leg that it is said to be of where several are listed (Telnyx: `call_leg_id`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub leg: Option<String>,
}

/// What is still under way of recordings that a call has left behind.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recorder {
    /// The last begin of one that has no outcome yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub begin: Option<CommandId>,
    /// The last end of a recording that was asked for and has no outcome yet, and when that was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end: Option<(CommandId, Timestamp)>,
    /// The begin or the end of one may still come about, of which nobody will know: until when.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
    /// How often the end of that was asked for.
    #[serde(default, skip_serializing_if = "super::ids::is_zero")]
    pub swept: u8,
}

impl Recorder {
    /// Whether nothing is under way.
    pub fn is_clear(&self) -> bool {
        *self == Self::default()
    }

    /// Whether a command has no outcome yet.
    pub fn is_open(&self) -> bool {
        self.begin.is_some() || self.end.is_some()
    }
}

/// The address of a recording. Whoever has it can listen to it: people are shown
/// its host, and only whoever is told of the message gets all of it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Link(pub String);

impl Tape {
    /// Whether it is the same recording. Not every word of one has its name, nor the moment to the same part of a second.
    pub(super) fn is(&self, other: &Self) -> bool {
        match (&self.id, &other.id, self.began, other.began) {
            (Some(one), Some(another), _, _) => one == another,
            (_, _, Some(one), Some(another)) => one.duration_since(another).abs() < SignedDuration::from_secs(1),
            (_, _, one, another) => one == another,
        }
    }

    /// How many seconds it lasts, if that was told.
    pub fn seconds(&self) -> Option<u64> {
        let lasts = self.ended?.duration_since(self.began?);
        u64::try_from(lasts.as_millis()).ok().map(|millis| millis.div_ceil(1000))
    }
}

impl Link {
    /// The address without what may be secret in it: its scheme and host.
    pub fn shown(&self) -> Self {
        Self(Hook { url: self.0.clone() }.shown())
    }
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Link(..)")
    }
}
