//! Where in its life a call is. Each phase owns exactly what is true in it; its behaviour is in the file of its step.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::ids::{CommandId, LegNo, Mark};
use crate::phone::Key;
use crate::routing::{Outcome, StepId};

/// The phase of a call.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Nothing was decided yet. Never stored.
    #[default]
    Arriving,
    /// We saw something of a call whose beginning we did not see.
    Discovered {
        /// When we last saw a sign of it.
        since: Timestamp,
    },
    /// A leg that somebody else placed on our line: kept, never commanded.
    Foreign {
        /// When it began.
        since: Timestamp,
    },
    /// The caller is being picked up.
    Answering(Answering),
    /// The caller listens to a text or to audio.
    Speaking(Speaking),
    /// The caller hears a menu and chooses.
    Choosing(Choosing),
    /// The caller leaves a message.
    Recording(Leaving),
    /// Parties are being rung.
    Ringing(Ringing),
    /// The caller is being given away.
    Transferring(Transferring),
    /// The caller is told that something went wrong on our side.
    Apologising(Apology),
    /// The caller talks with somebody.
    Talking {
        /// With whom.
        with: LegNo,
        /// Since when.
        since: Timestamp,
        /// When we last made sure that both are still there.
        looked: Timestamp,
    },
    /// What is left is being hung up.
    Ending {
        /// Since when.
        since: Timestamp,
    },
    /// Nothing more is to come.
    Ended {
        /// Since when.
        since: Timestamp,
    },
}

/// A caller is being picked up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answering {
    /// The step that is to begin when he is.
    pub then: StepId,
    /// How the picking-up stands.
    pub pickup: PickUp,
}

/// How the picking-up of a caller stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PickUp {
    /// The last answer asked for.
    pub command: CommandId,
    /// When.
    pub asked: Timestamp,
    /// How many were.
    pub tries: u8,
    /// One before it was not refused, and may still work.
    #[serde(default)]
    pub open: bool,
}

/// The caller listens to something.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Speaking {
    /// The step.
    pub step: StepId,
    /// The command that speaks or plays.
    pub command: CommandId,
    /// How far that has come.
    #[serde(default)]
    pub sound: Sound,
    /// When it is looked after at the latest.
    pub until: Timestamp,
}

/// The caller hears a menu and chooses.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Choosing {
    /// The step.
    pub step: StepId,
    /// How often he was asked, this time included.
    pub tries: u8,
    /// Nothing came of this time, and it was asked for a second time.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub again: bool,
    /// What news of the last gather carries.
    pub mark: Mark,
    /// The last command.
    pub command: CommandId,
    /// What it is for.
    #[serde(default)]
    pub part: Asking,
    /// How far what he hears has come.
    #[serde(default)]
    pub sound: Sound,
    /// The first key that was heard since he was asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<Key>,
    /// When it is looked after at the latest.
    pub until: Timestamp,
}

/// What a caller in a menu is asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Asking {
    /// For a key.
    #[default]
    Key,
    /// For nothing: he is told that the last one leads nowhere.
    Nothing,
}

/// The caller leaves a message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Leaving {
    /// The step.
    pub step: StepId,
    /// How far that has come.
    pub part: Taking,
}

/// How far the taking of a message has come.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Taking {
    /// He hears the greeting.
    Greeting(Speaking),
    /// What another mailbox left under way is waited for.
    Clearing {
        /// Since when.
        since: Timestamp,
        /// Until when, as it stands.
        until: Timestamp,
    },
    /// A recording is asked for.
    Asked {
        /// The command.
        command: CommandId,
        /// When.
        at: Timestamp,
    },
    /// That was accepted: he speaks.
    Begun {
        /// When the longest message is over.
        until: Timestamp,
    },
    /// His message is saved sooner than that: he will have hung up.
    Saved {
        /// How long the news of it is waited for.
        until: Timestamp,
    },
}

/// How far what is spoken or played has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sound {
    /// It was asked for.
    #[default]
    Asked,
    /// That was accepted, and nothing was heard yet.
    Accepted,
    /// Nothing came of that, and it was asked for a second time.
    Again,
    /// It has begun: only its end is waited for.
    Begun,
}

/// Parties are being rung.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ringing {
    /// The step.
    pub step: StepId,
    /// When it began.
    pub since: Timestamp,
    /// What became of each member, in the order of the rules.
    pub chairs: Vec<Chair>,
    /// Whoever picked up first, while he is being joined with the caller.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub joining: Option<Joining>,
    /// He has waited for so long that he is being picked up before anybody takes him.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answering: Option<PickUp>,
    /// The caller hears ringing that we play.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub ringback: bool,
}

/// What became of one member.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Chair {
    /// The leg that rings him.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub leg: Option<LegNo>,
    /// When that leg was known to ring.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rings_since: Option<Timestamp>,
    /// When he was tried first, if this is the second try: it shows our own number and is not linked to the caller's leg.
    /// His time runs from the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tried: Option<Timestamp>,
    /// His leg was not linked to the caller's: that was refused.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub alone: bool,
    /// Another leg to him may still ring: which, and how long its end is waited for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held: Option<(LegNo, Timestamp)>,
    /// How he is out of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub out: Option<Outcome>,
}

/// Somebody who picked up is being joined with the caller.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Joining {
    /// His leg.
    pub leg: LegNo,
    /// How far it has come.
    pub stage: JoinStage,
}

/// How far a joining has come.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum JoinStage {
    /// The caller is being picked up.
    PickingUp(PickUp),
    /// Both are being bridged.
    Bridging {
        /// The last bridge asked for.
        command: CommandId,
        /// When.
        asked: Timestamp,
        /// It and those before it.
        #[serde(flatten)]
        bridges: Bridges,
    },
    /// A bridge came too early, and is asked for again at a moment.
    TooEarly {
        /// When.
        again: Timestamp,
        /// Those asked for so far.
        #[serde(flatten)]
        bridges: Bridges,
    },
}

/// The bridges asked for to join the same two.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bridges {
    /// How many there were.
    pub tries: u8,
    /// How many of them nothing came of in time.
    #[serde(default)]
    pub silent: u8,
    /// One of them was accepted.
    #[serde(default)]
    pub accepted: bool,
    /// Those before the last one whose outcome nobody knows.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub open: Vec<CommandId>,
}

/// The caller is being given away.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Transferring {
    /// The step.
    pub step: StepId,
    /// The leg that Telnyx makes.
    pub leg: LegNo,
    /// The command.
    pub command: CommandId,
    /// When it is looked into at the latest.
    pub until: Timestamp,
    /// When the new leg was known to ring.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rings_since: Option<Timestamp>,
    /// When it was tried first, if this is the second try: it shows our own number. Its time runs from the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tried: Option<Timestamp>,
    /// It has been looked into.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub looked: bool,
}

/// The caller is told that something went wrong on our side.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Apology {
    /// He is being picked up for it.
    PickingUp(PickUp),
    /// It is being said.
    Saying {
        /// The command that says it.
        command: CommandId,
        /// When he is hung up at the latest.
        until: Timestamp,
    },
}

impl Phase {
    /// Its word, as stored and shown.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Arriving => "arriving",
            Self::Discovered { .. } => "discovered",
            Self::Foreign { .. } => "foreign",
            Self::Answering(_) => "answering",
            Self::Speaking(_) => "speaking",
            Self::Choosing(_) => "choosing",
            Self::Recording(_) => "recording",
            Self::Ringing(_) => "ringing",
            Self::Transferring(_) => "transferring",
            Self::Apologising(_) => "apologising",
            Self::Talking { .. } => "talking",
            Self::Ending { .. } => "ending",
            Self::Ended { .. } => "ended",
        }
    }

    /// Whom the caller talks with.
    pub fn talks_with(&self) -> Option<LegNo> {
        match self {
            Self::Talking { with, .. } => Some(*with),
            Self::Arriving | Self::Discovered { .. } | Self::Foreign { .. } | Self::Answering(_) => None,
            Self::Speaking(_) | Self::Ringing(_) | Self::Transferring(_) | Self::Apologising(_) => None,
            Self::Choosing(_) | Self::Recording(_) | Self::Ending { .. } | Self::Ended { .. } => None,
        }
    }

    /// Whether the caller is in our hands: in a step, or in a talk that came of one.
    pub fn is_under_way(&self) -> bool {
        match self {
            Self::Answering(_) | Self::Speaking(_) | Self::Ringing(_) | Self::Transferring(_) => true,
            Self::Apologising(_) | Self::Choosing(_) | Self::Recording(_) | Self::Talking { .. } => true,
            Self::Arriving | Self::Discovered { .. } | Self::Foreign { .. } => false,
            Self::Ending { .. } | Self::Ended { .. } => false,
        }
    }
}
