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
    /// [`Verb::Record`](super::Verb::Record)
    Record,
    /// [`Verb::StopRecord`](super::Verb::StopRecord)
    StopRecord,
    /// [`Verb::StopPlay`](super::Verb::StopPlay)
    StopPlay,
    /// [`Verb::Look`](super::Verb::Look)
    Look,
    /// [`Verb::Find`](super::Verb::Find)
    Find,
    /// [`Verb::Recordings`](super::Verb::Recordings)
    Recordings,
    /// [`Verb::Notify`](super::Verb::Notify)
    Notify,
}

impl Kind {
    /// Whether sending it twice, even long after, does no harm: those need no look before they are repeated. Whoever gets a
    /// notice twice knows it by its id.
    pub fn may_come_twice(self) -> bool {
        match self {
            Self::Answer | Self::Reject | Self::Hangup | Self::StopPlay | Self::StopRecord => true,
            Self::Look | Self::Find | Self::Recordings | Self::Notify => true,
            Self::Dial | Self::Bridge | Self::Transfer | Self::Speak | Self::Play | Self::Gather => false,
            Self::Record => false,
        }
    }

    /// Whether it does no harm after what follows it on its leg. The end of audio would end what is heard by then, that of
    /// a recording the next one.
    pub fn may_come_late(self) -> bool {
        match self {
            Self::Answer | Self::Reject | Self::Hangup | Self::Look | Self::Find | Self::Recordings | Self::Notify => {
                true
            }
            Self::Dial | Self::Bridge | Self::Transfer | Self::Speak | Self::Play | Self::Gather => false,
            Self::Record | Self::StopRecord | Self::StopPlay => false,
        }
    }

    /// Whether it is given up for what is to follow it on its leg, rather than tried until it has its outcome. Where looped
    /// audio does not end, nothing else is heard.
    pub fn gives_way(self) -> bool {
        match self {
            Self::StopPlay => false,
            Self::Answer
            | Self::Reject
            | Self::Hangup
            | Self::Dial
            | Self::Bridge
            | Self::Transfer
            | Self::Speak
            | Self::Play
            | Self::Gather
            | Self::Record
            | Self::StopRecord
            | Self::Look
            | Self::Find
            | Self::Recordings
            | Self::Notify => true,
        }
    }

    /// Whether somebody may be in silence for as long as it is put off.
    pub fn is_waited_for(self) -> bool {
        match self {
            Self::Dial | Self::Transfer | Self::Speak | Self::Play | Self::Gather | Self::Record => true,
            Self::Answer | Self::Reject | Self::Hangup | Self::Bridge | Self::StopPlay | Self::StopRecord => false,
            Self::Look | Self::Find | Self::Recordings | Self::Notify => false,
        }
    }

    /// Whether it rings somebody.
    pub fn rings(self) -> bool {
        matches!(self, Self::Dial | Self::Transfer)
    }

    /// Whether it does nothing to its leg: nothing comes too late for it, and it comes before nothing.
    pub fn leaves_its_leg_alone(self) -> bool {
        matches!(self, Self::Look | Self::Find | Self::Recordings | Self::Notify)
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
            Self::Record => "record",
            Self::StopRecord => "stop_record",
            Self::StopPlay => "stop_play",
            Self::Look => "look",
            Self::Find => "find",
            Self::Recordings => "recordings",
            Self::Notify => "notify",
        }
    }

    /// Reads what [`Kind::word`] wrote.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.word() == word)
    }

    /// Every kind.
    pub const ALL: [Self; 16] = [
        Self::Answer,
        Self::Reject,
        Self::Hangup,
        Self::Dial,
        Self::Bridge,
        Self::Transfer,
        Self::Speak,
        Self::Play,
        Self::Gather,
        Self::Record,
        Self::StopRecord,
        Self::StopPlay,
        Self::Look,
        Self::Find,
        Self::Recordings,
        Self::Notify,
    ];
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}
