//! What we can ask of Telnyx, in our words. A command is a value: it is sent after the commit, by somebody else.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::ids::{CommandId, Handle, LegNo, Mark, Tag};
use super::kind::Kind;
use super::notice::Notice;
use crate::phone::Key;
use crate::phone::{Number, Target};
use crate::routing::{Hook, RejectWith};

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
        /// How often the call was passed on once it rings there.
        #[serde(default)]
        hops: u8,
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
        /// How often the call was passed on once it rings there.
        #[serde(default)]
        hops: u8,
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
    /// Speaks or plays, and asks for one key, which cuts what is heard.
    Gather {
        /// Whom.
        on: Handle,
        /// What the leg says of itself from now on.
        tag: Tag,
        /// And the mark behind it.
        mark: Mark,
        /// What is heard.
        prompt: Heard,
        /// How long the key may take after that.
        timeout: Duration,
        /// A key that ends the input without being one.
        ends_with: Key,
    },
    /// Records what is said, until it is stopped or the leg ends.
    Record {
        /// Who speaks.
        on: Handle,
        /// What the leg says of itself.
        tag: Tag,
        /// Whether a beep is heard first.
        beep: bool,
        /// The longest it may last.
        max_length: Duration,
    },
    /// Ends a recording.
    StopRecord {
        /// Of whom.
        on: Handle,
        /// Which, if we were told its name; else whichever there is.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        recording: Option<String>,
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
    /// Looks for a leg of which nobody knows whether its dial made it, among all that live.
    Find {
        /// Where the last page ended, if this is not the first.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        after: Option<String>,
    },
    /// Asks which recordings of a leg are saved.
    Recordings {
        /// What names the leg for its whole life.
        leg: String,
    },
    /// Tells a system that is not Telnyx. It does nothing to its leg.
    Notify {
        /// Where it is told.
        to: Hook,
        /// What.
        notice: Notice,
    },
}

/// What is heard while a key is asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Heard {
    /// A text.
    Text {
        /// The text, 3,000 characters at most.
        text: String,
        /// The voice.
        voice: String,
        /// The language, for voices that want one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        language: Option<String>,
    },
    /// Audio.
    Audio {
        /// Address of the audio.
        url: String,
    },
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
            Self::Gather { .. } => Kind::Gather,
            Self::Record { .. } => Kind::Record,
            Self::StopRecord { .. } => Kind::StopRecord,
            Self::StopPlay { .. } => Kind::StopPlay,
            Self::Look { .. } => Kind::Look,
            Self::Find { .. } => Kind::Find,
            Self::Recordings { .. } => Kind::Recordings,
            Self::Notify { .. } => Kind::Notify,
        }
    }
}
