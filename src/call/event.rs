//! What can happen to a call, in our words. A webhook, a settled command and a due deadline are all events.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::ids::{CommandId, EventId, Handle, LegNo, Mark, Tag};
use super::kind::Kind;
use super::message::Tape;
use crate::phone::Key;
use crate::phone::Party;

/// Something happened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// Its id: an event is taken once, whatever door it came through.
    pub id: EventId,
    /// When it happened, by whoever saw it; for people and the record, not for decisions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<Timestamp>,
    /// What.
    pub what: What,
}

/// The doors an event comes through.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum What {
    /// News of a leg, by webhook.
    Leg {
        /// Which leg.
        who: Who,
        /// What of it.
        news: News,
    },
    /// A command of ours has an outcome.
    Settled(Settled),
    /// A deadline fell due.
    Due {
        /// The version of the call whose deadline it was; a later version has later deadlines.
        version: u64,
    },
    /// An event of this call could not be decided and lies in quarantine.
    Fault {
        /// Which.
        event: EventId,
        /// The leg that it would have begun the call with.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        who: Option<Who>,
    },
}

/// Whom a webhook is about, as far as it says. Every field may be missing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Who {
    /// What we told the leg to say of itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tag: Option<Tag>,
    /// What it is commanded by.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub handle: Option<Handle>,
    /// What names it for its whole life (Telnyx: `call_leg_id`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub leg: Option<String>,
    /// What it shares with the legs it is joined with (Telnyx: `call_session_id`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<String>,
}

/// What a webhook can tell of a leg.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum News {
    /// Somebody calls us.
    Arrived {
        /// Who calls.
        from: Party,
        /// Which of our numbers.
        to: Party,
        /// How often the call was passed on before it came to us, as far as it says.
        #[serde(default, skip_serializing_if = "super::ids::is_zero")]
        hops: u8,
    },
    /// A leg that goes out exists, and rings or soon will.
    Placed,
    /// The leg was picked up.
    Answered,
    /// The leg is joined with another.
    Bridged,
    /// The leg is over.
    HungUp {
        /// Why.
        cause: Cause,
    },
    /// A text begins to be heard.
    SpeechStarted,
    /// A text was spoken to its end.
    SpeechEnded,
    /// Audio begins to be heard.
    PlaybackStarted {
        /// Which, if that is said.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        audio: Option<String>,
    },
    /// Audio was played to its end. Audio that was stopped has no end that anybody waits for.
    PlaybackEnded {
        /// Whether anything was heard: false if the file was not found or broken.
        played: bool,
    },
    /// A key was pressed.
    Pressed {
        /// Which.
        key: Key,
        /// The mark the leg has.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        mark: Option<Mark>,
    },
    /// A gather is over.
    Gathered {
        /// What came of it.
        entered: Entered,
        /// The mark the leg has.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        mark: Option<Mark>,
    },
    /// A recording is saved: told some time after it ended, perhaps after the leg did.
    Recorded(Tape),
    /// A recording could not be saved.
    RecordingFailed,
    /// Something we do nothing about; kept under the sender's name for it.
    Other {
        /// That name.
        name: String,
    },
}

/// What came of a gather.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Entered {
    /// This key, the first if there were several.
    Key(Key),
    /// Something that is no key: the one alone that ends an input.
    Other,
    /// Nothing: no key came in time.
    Nothing,
}

/// Why a leg ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// Hung up after a talk, or by us.
    Normal,
    /// Given up before it was answered.
    Cancelled,
    /// The line was busy.
    Busy,
    /// Turned away.
    Declined,
    /// Nobody answered.
    NoAnswer,
    /// The longest a leg may last was over.
    TimeLimit,
    /// Could not be reached.
    Failed,
}

/// The outcome of a command.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settled {
    /// Which command.
    pub command: CommandId,
    /// What it was.
    pub kind: Kind,
    /// The leg it was for.
    pub leg: LegNo,
    /// What became of it.
    pub verdict: Verdict,
}

/// What became of a command.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Taken. That is all it says: whether it did anything comes as news.
    Accepted {
        /// The leg that a dial made.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        made: Option<Made>,
        /// The recording that begins, if that is said (Telnyx: `recording_id`).
        #[serde(default, skip_serializing_if = "Option::is_none")]
        recording: Option<String>,
    },
    /// Refused for good.
    Refused {
        /// Why, in our words.
        why: Refusal,
        /// The code the refusal carried, for people.
        code: String,
    },
    /// No answer within the time in which asking again was safe: it may have happened.
    Unknown,
    /// Not sent: what it was for is over.
    Void,
    /// The answer to a look-up.
    Found {
        /// Whether the leg is alive. Says nothing of a leg that rings: those are never alive.
        alive: bool,
    },
    /// The answer to a look-up of the recordings that are saved of a leg.
    Recordings {
        /// Those on one channel.
        tapes: Vec<Tape>,
    },
    /// The answer to a search: a page of all that live. That a leg is not there proves nothing while it may ring.
    Listed {
        /// Those on it that say that they are of this call.
        legs: Vec<Who>,
        /// Where the next page begins, if there is one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        next: Option<String>,
    },
}

/// A leg that a dial made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Made {
    /// What it is commanded by.
    pub handle: Handle,
    /// What names it for its whole life.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub leg: Option<String>,
    /// Its session.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<String>,
}

/// Why a command was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Refusal {
    /// The leg is over already: the ordinary race with somebody who hung up.
    Ended,
    /// The leg is not answered yet.
    NotAnswered,
    /// No more channels, or too many dials.
    Limit,
    /// Our key is not good, or may not do this.
    Key,
    /// Not allowed or not valid: the destination, the number shown, an option.
    Invalid,
    /// Telnyx could not be reached, or took no more for now: it was certainly not done, and will not be.
    Unavailable,
    /// The operator has stopped it: it was not done.
    Stopped,
}

impl Verdict {
    /// Taken, and no more is said.
    pub fn accepted() -> Self {
        Self::Accepted { made: None, recording: None }
    }

    /// A short word for it, part of the outcome's id.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Accepted { .. } => "accepted",
            Self::Refused { .. } => "refused",
            Self::Unknown => "unknown",
            Self::Void => "void",
            Self::Found { alive: true } => "alive",
            Self::Found { alive: false } => "gone",
            Self::Listed { .. } => "listed",
            Self::Recordings { .. } => "recordings",
        }
    }
}
