//! What kinds of command there are: their words, and which may be sent again without a thought.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A [`Verb`](super::Verb) without its particulars.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// [`Verb::Answer`](super::Verb::Answer)
    Answer,
    /// [`Verb::Reject`](super::Verb::Reject)
    Reject,
    /// [`Verb::Hangup`](super::Verb::Hangup)
    Hangup,
    /// [`Verb::Dial`](super::Verb::Dial)
    Dial,
    /// [`Verb::Bridge`](super::Verb::Bridge)
    Bridge,
    /// [`Verb::Transfer`](super::Verb::Transfer)
    Transfer,
    /// [`Verb::Speak`](super::Verb::Speak)
    Speak,
    /// [`Verb::Play`](super::Verb::Play)
    Play,
    /// [`Verb::Gather`](super::Verb::Gather)
    Gather,
    /// [`Verb::StopPlay`](super::Verb::StopPlay)
    StopPlay,
    /// [`Verb::Look`](super::Verb::Look)
    Look,
}

impl Kind {
    /// Whether sending it again, even long after, does no harm: those need no look before they are repeated.
    pub fn repeatable(self) -> bool {
        match self {
            Self::Answer | Self::Reject | Self::Hangup | Self::StopPlay | Self::Look => true,
            Self::Dial | Self::Bridge | Self::Transfer | Self::Speak | Self::Play | Self::Gather => false,
        }
    }

    /// Its word, as stored and shown.
    pub fn word(self) -> &'static str {
        match self {
            Self::Answer => "answer",
            Self::Reject => "reject",
            Self::Hangup => "hangup",
            Self::Dial => "dial",
            Self::Bridge => "bridge",
            Self::Transfer => "transfer",
            Self::Speak => "speak",
            Self::Play => "play",
            Self::Gather => "gather",
            Self::StopPlay => "stop_play",
            Self::Look => "look",
        }
    }

    /// Reads what [`Kind::word`] wrote.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.word() == word)
    }

    /// Every kind.
    pub const ALL: [Self; 11] = [
        Self::Answer,
        Self::Reject,
        Self::Hangup,
        Self::Dial,
        Self::Bridge,
        Self::Transfer,
        Self::Speak,
        Self::Play,
        Self::Gather,
        Self::StopPlay,
        Self::Look,
    ];
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}
