//! What systems that are not Telnyx are told of a call. A notice is a command like any other, to somebody else.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::ids::{CallId, CommandId};
use super::message::Link;
use crate::phone::Party;

/// What somebody outside is told of a call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notice {
    /// What it is about.
    pub kind: NoticeKind,
    /// When it was decided.
    pub at: Timestamp,
    /// The call.
    pub call: CallId,
    /// Who called.
    pub from: Party,
    /// Which of our numbers.
    pub to: Party,
    /// The route that took the call.
    pub route: Option<String>,
    /// How it came to this, in plain words.
    pub why: String,
    /// The mailbox, if one is what it is about.
    pub mailbox: Option<String>,
    /// The message that was left.
    pub recording: Option<Recording>,
}

/// What a notice is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NoticeKind {
    /// Nobody talked with the caller.
    Missed,
    /// He left a message.
    Voicemail,
}

/// A message that was left.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recording {
    /// What names it (Telnyx: `recording_id`), if that was told: it can be found by that when its address leads nowhere.
    pub id: Option<String>,
    /// Where it can be heard, if that was told.
    pub url: Option<Link>,
    /// How long it is, in whole seconds, if that was told.
    pub seconds: Option<u64>,
}

/// A notice that was decided, as the call remembers it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notified {
    /// The command.
    pub command: CommandId,
    /// What it is about.
    pub kind: NoticeKind,
    /// The host that is told: the rest of the address may hold a secret.
    pub host: String,
    /// The whole address, by a name that does not tell it.
    pub hook: Uuid,
}

impl NoticeKind {
    /// Its word, as receivers read it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Missed => "call.missed",
            Self::Voicemail => "call.voicemail",
        }
    }
}
