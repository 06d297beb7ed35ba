//! What we can ask of Telnyx, in our words. A command is a value: it is sent after the commit, by somebody else.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::ids::{CommandId, Handle, LegNo, Tag};
use crate::phone::{Number, Target};
use crate::routing::RejectWith;

/// One thing we want done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Command {
    /// Its id.
    pub id: CommandId,
    /// The leg it is for; sent in order, leg by leg.
    pub leg: LegNo,
    /// What to do.
    pub verb: Verb,
}

/// What a command does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verb {
    /// Picks a caller up.
    Answer {
        /// The caller.
        on: Handle,
        /// What the leg says of itself from now on.
        tag: Tag,
    },
    /// Turns a caller away unanswered.
    Reject {
        /// The caller.
        on: Handle,
        /// What he hears.
        with: RejectWith,
    },
    /// Ends a leg.
    Hangup {
        /// The leg.
        on: Handle,
    },
    /// Rings somebody.
    Dial {
        /// Whom.
        to: Target,
        /// The number he sees.
        from: Number,
        /// How long to ring.
        ring_for: Duration,
        /// The longest the leg may last.
        time_limit: Duration,
        /// A leg whose session the new one is to share.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        link_to: Option<Handle>,
        /// What the new leg says of itself.
        tag: Tag,
    },
    /// Joins two answered legs.
    Bridge {
        /// One.
        on: Handle,
        /// The other.
        with: Handle,
    },
    /// Gives a leg away: Telnyx rings somebody and joins them.
    Transfer {
        /// The leg given away.
        on: Handle,
        /// Whom it is given to.
        to: Target,
        /// The number he sees.
        from: Number,
        /// How long to ring.
        ring_for: Duration,
        /// The longest the new leg may last.
        time_limit: Duration,
        /// What the leg given away says of itself.
        tag: Tag,
        /// What the new leg says of itself.
        target_tag: Tag,
    },
    /// Speaks a text.
    Speak {
        /// To whom.
        on: Handle,
        /// The text, 3,000 characters at most.
        text: String,
        /// The voice.
        voice: String,
        /// The language, for voices that want one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        language: Option<String>,
    },
    /// Plays audio.
    Play {
        /// To whom.
        on: Handle,
        /// Address of the audio.
        url: String,
        /// Over and over, until it is stopped.
        looped: bool,
    },
    /// Stops audio.
    StopPlay {
        /// For whom.
        on: Handle,
    },
    /// Asks whether a leg is alive.
    Look {
        /// The leg.
        on: Handle,
    },
}

/// A [`Verb`] without its particulars.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// [`Verb::Answer`]
    Answer,
    /// [`Verb::Reject`]
    Reject,
    /// [`Verb::Hangup`]
    Hangup,
    /// [`Verb::Dial`]
    Dial,
    /// [`Verb::Bridge`]
    Bridge,
    /// [`Verb::Transfer`]
    Transfer,
    /// [`Verb::Speak`]
    Speak,
    /// [`Verb::Play`]
    Play,
    /// [`Verb::StopPlay`]
    StopPlay,
    /// [`Verb::Look`]
    Look,
}

impl Verb {
    /// What kind of command it is.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Answer { .. } => Kind::Answer,
            Self::Reject { .. } => Kind::Reject,
            Self::Hangup { .. } => Kind::Hangup,
            Self::Dial { .. } => Kind::Dial,
            Self::Bridge { .. } => Kind::Bridge,
            Self::Transfer { .. } => Kind::Transfer,
            Self::Speak { .. } => Kind::Speak,
            Self::Play { .. } => Kind::Play,
            Self::StopPlay { .. } => Kind::StopPlay,
            Self::Look { .. } => Kind::Look,
        }
    }
}

impl Kind {
    /// Whether sending it again, even long after, does no harm: those need no look before they are repeated.
    pub fn repeatable(self) -> bool {
        match self {
            Self::Answer | Self::Reject | Self::Hangup | Self::StopPlay | Self::Look => true,
            Self::Dial | Self::Bridge | Self::Transfer | Self::Speak | Self::Play => false,
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
            Self::StopPlay => "stop_play",
            Self::Look => "look",
        }
    }

    /// Reads what [`Kind::word`] wrote.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.word() == word)
    }

    /// Every kind.
    pub const ALL: [Self; 10] = [
        Self::Answer,
        Self::Reject,
        Self::Hangup,
        Self::Dial,
        Self::Bridge,
        Self::Transfer,
        Self::Speak,
        Self::Play,
        Self::StopPlay,
        Self::Look,
    ];
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}
