//! Why a decision was what it was. Remarks are values: logged, counted, kept and told by others.

use serde::{Deserialize, Serialize};

use super::event::Cause;
use super::ids::LegNo;
use super::kind::Kind;
use crate::phone::Key;
use crate::phone::masked;
use crate::routing::{Outcome, Place};

/// One reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Remark {
    /// A line under `numbers:` took the call.
    RouteChosen {
        /// The route.
        route: String,
        /// The line.
        at: Place,
    },
    /// No line takes calls to this number.
    NoRoute,
    /// A step began.
    StepBegan {
        /// The step's line.
        at: Place,
        /// The step's key.
        step: StepWord,
    },
    /// A step was passed over, since its `when:` did not hold.
    StepSkipped {
        /// The step's line.
        at: Place,
    },
    /// A step ended without connecting the caller.
    StepEnded {
        /// The step's line.
        at: Place,
        /// How.
        outcome: Outcome,
    },
    /// A key of a menu was pressed.
    KeyPressed {
        /// The key's line.
        at: Place,
        /// Which.
        key: Key,
    },
    /// What was pressed in a menu leads nowhere.
    WrongKey {
        /// The step's line.
        at: Place,
        /// Which; nothing, if it was only the one that ends an input.
        key: Option<Key>,
    },
    /// No key was pressed in a menu.
    NoKey {
        /// The step's line.
        at: Place,
    },
    /// The caller left a message.
    MessageLeft {
        /// The mailbox's line: that of its step.
        at: Place,
        /// How long it is, if that was told.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        seconds: Option<u64>,
    },
    /// The caller came to a mailbox, and no message came of it.
    MessageLost {
        /// The mailbox's line: that of its step.
        at: Place,
    },
    /// The list of steps ended with the caller unconnected.
    ListEnded {
        /// The last step's line.
        at: Place,
    },
    /// Somebody is rung.
    Rings {
        /// Who.
        name: String,
        /// On which leg.
        leg: LegNo,
    },
    /// Somebody rung is out of it.
    Out {
        /// Who.
        name: String,
        /// How.
        outcome: Outcome,
    },
    /// Somebody picked up and is being joined with the caller.
    Takes {
        /// Who.
        name: String,
    },
    /// The caller talks with somebody.
    Connected {
        /// With whom.
        name: String,
    },
    /// Refused at once: tried once more, as plainly as possible.
    OnceMore {
        /// Whom.
        name: String,
        /// The number called is shown now, and another was before; else what was changed is that the leg is not linked to
        /// the caller's.
        #[serde(default)]
        own_number: bool,
    },
    /// The caller has heard it ring for so long that he is picked up before anybody takes him.
    WaitedLong,
    /// Something went wrong on our side, and the caller is told so.
    Apologises,
    /// The caller is gone.
    CallerGone {
        /// Why.
        cause: Cause,
    },
    /// The other party hung up.
    PartyGone {
        /// Who.
        name: String,
    },
    /// The call is brought to an end.
    Ends {
        /// Why.
        why: EndWhy,
    },
    /// Nothing more is to come of it.
    Over,
    /// A command was refused.
    Refused {
        /// Which.
        kind: Kind,
        /// The code of the refusal.
        code: String,
    },
    /// No answer to a command: it may or may not have happened.
    Unanswered {
        /// Which.
        kind: Kind,
    },
    /// A command was taken, but nothing came of it in time.
    NothingCame {
        /// Which.
        kind: Kind,
    },
    /// A leg of which no word came is taken for gone.
    LegLost {
        /// Which.
        leg: LegNo,
    },
    /// A leg that was taken for gone shows itself, and is hung up.
    LegFound {
        /// Which.
        leg: LegNo,
    },
    /// A look-up says that a leg is over, while the caller talks: it is looked at once more.
    SaidGone {
        /// Which.
        leg: LegNo,
    },
    /// The event changes nothing.
    Ignored {
        /// Why.
        why: Ignored,
    },
}

/// The key of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StepWord {
    /// `answer`
    Answer,
    /// `say`
    Say,
    /// `play`
    Play,
    /// `dial`
    Dial,
    /// `ring`
    Ring,
    /// `transfer`
    Transfer,
    /// `menu`
    Menu,
    /// `voicemail`
    Voicemail,
    /// `reject`
    Reject,
    /// `hangup`
    Hangup,
    /// `goto`
    Goto,
    /// `do`
    Do,
}

/// Why a call is brought to an end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EndWhy {
    /// The caller is gone.
    CallerGone,
    /// The party he talked with is gone.
    PartyGone,
    /// A `hangup` or `reject` step says so.
    Step,
    /// The steps ended.
    ListEnded,
    /// No line takes the number.
    NoRoute,
    /// It lasted as long as a call may.
    TooLong,
    /// An event of it could not be decided, or its rules are lost.
    Fault,
}

/// Why an event changes nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ignored {
    /// The leg is further on than that.
    Late,
    /// We know it already.
    Twice,
    /// It is of a leg that is not one of this call's.
    NotOurs,
    /// Nothing depends on it.
    NothingToDo,
    /// It answers a question that is no longer asked.
    Stale,
}

impl Remark {
    /// The line of the rules that decided, if one did.
    pub fn place(&self) -> Option<Place> {
        match self {
            Self::RouteChosen { at, .. }
            | Self::StepBegan { at, .. }
            | Self::StepSkipped { at }
            | Self::StepEnded { at, .. }
            | Self::KeyPressed { at, .. }
            | Self::WrongKey { at, .. }
            | Self::NoKey { at }
            | Self::MessageLeft { at, .. }
            | Self::MessageLost { at }
            | Self::ListEnded { at } => Some(*at),
            Self::NoRoute
            | Self::Rings { .. }
            | Self::Out { .. }
            | Self::Takes { .. }
            | Self::Connected { .. }
            | Self::OnceMore { .. }
            | Self::WaitedLong
            | Self::Apologises
            | Self::CallerGone { .. }
            | Self::PartyGone { .. }
            | Self::Ends { .. }
            | Self::Over
            | Self::Refused { .. }
            | Self::Unanswered { .. }
            | Self::NothingCame { .. }
            | Self::LegLost { .. }
            | Self::LegFound { .. }
            | Self::SaidGone { .. }
            | Self::Ignored { .. } => None,
        }
    }

    /// As JSON with all numbers masked.
    pub fn for_logs(&self) -> String {
        masked(&serde_json::to_string(self).unwrap_or_default())
    }

    /// Whether it is worth a line in everyday logs: where a call went, and how it ended.
    pub fn is_a_milestone(&self) -> bool {
        let message = matches!(self, Self::MessageLeft { .. } | Self::MessageLost { .. });
        message || matches!(self, Self::RouteChosen { .. } | Self::NoRoute | Self::Connected { .. } | Self::Ends { .. })
    }
}

impl StepWord {
    /// The key as written in the file.
    pub fn word(self) -> &'static str {
        match self {
            Self::Answer => "answer",
            Self::Say => "say",
            Self::Play => "play",
            Self::Dial => "dial",
            Self::Ring => "ring",
            Self::Transfer => "transfer",
            Self::Menu => "menu",
            Self::Voicemail => "voicemail",
            Self::Reject => "reject",
            Self::Hangup => "hangup",
            Self::Goto => "goto",
            Self::Do => "do",
        }
    }
}
