//! One leg: a line between Telnyx and one phone.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use fastrand::Rng;
use jiff::Timestamp;
use uuid::Uuid;

use super::ids::{control_id, uuid};
use super::ledger::{CallNo, LegNo};
use super::script::{Callee, Header};

/// A line between Telnyx and one phone.
#[derive(Clone, Debug)]
pub(super) struct Leg {
    pub no: LegNo,
    /// The call it belongs to; `None` for a dial nobody could tell the call of.
    pub call: Option<CallNo>,
    pub control_id: String,
    pub leg_id: Uuid,
    pub session: Uuid,
    pub way: Way,
    pub from: String,
    pub to: String,
    pub client_state: Option<String>,
    pub state: State,
    pub began: Timestamp,
    pub answered: Option<Timestamp>,
    pub ended: Option<Timestamp>,
    /// Nothing asked of it takes effect before this: its commands stay in order.
    pub settled: Timestamp,
    /// An answer was accepted and is under way.
    pub picking_up: bool,
    /// It has had a command.
    pub commanded: bool,
    pub peer: Option<LegNo>,
    /// Which of its conversations it is in, counted up by each bridge.
    pub talk: u32,
    /// Stays when the other end of its bridge leaves.
    pub parks: bool,
    pub media: Media,
    /// What is asked of it.
    pub gather: Option<Gather>,
    /// How many gathers it had.
    pub gathers: u32,
    /// What is being recorded of it.
    pub tape: Option<Tape>,
    /// How many recordings it had.
    pub tapes: u32,
    /// Legs that ring on its behalf, by transfers.
    pub ringing: Vec<LegNo>,
    /// What is to happen to it and loses its sense when it ends.
    pub timers: Vec<(Timestamp, u64)>,
    /// What repeats of failed deliveries wait for, by event type.
    pub retries: BTreeMap<String, Vec<Duration>>,
    /// The headers it was dialled with, or came in with.
    pub headers: Vec<Header>,
    /// The other half of a call that a phone passed on: the leg that was dialled, or the one that came in.
    pub other_half: Option<LegNo>,
}

/// Which way a leg was set up.
#[derive(Clone, Debug)]
pub(super) enum Way {
    /// By a caller.
    In,
    /// By a dial or a transfer.
    Out(Outbound),
}

/// How an outbound leg came about.
#[derive(Clone, Debug)]
pub(super) struct Outbound {
    pub callee: Callee,
    pub ring_for: Duration,
    pub retry_on_timeout: bool,
    pub time_limit: Duration,
    pub purpose: Purpose,
}

/// What becomes of an outbound leg once it is answered.
#[derive(Clone, Debug)]
pub(super) enum Purpose {
    /// It waits for commands.
    Wait,
    /// It is joined with a leg that was given away.
    Take { given: LegNo, early_media: bool },
    /// It is joined with the leg it is linked to, if that is answered and free.
    Join(LegNo),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    Ringing,
    Answered,
    Ended,
}

/// What is being played to a leg, and what waits.
#[derive(Clone, Debug, Default)]
pub(super) struct Media {
    pub current: Option<Playing>,
    pub waiting: VecDeque<Item>,
    /// Counts what was begun, so that an end that comes too late finds nothing.
    pub begun: u32,
}

#[derive(Clone, Debug)]
pub(super) struct Playing {
    pub item: Item,
    /// `speak_id` or `playback_id`.
    pub id: String,
}

/// Something to hear.
#[derive(Clone, Debug)]
pub(super) enum Item {
    Speech {
        text: String,
        lasts: Option<Duration>,
    },
    Audio {
        source: Source,
        lasts: Option<Duration>,
    },
    /// What is heard of a gather, by its number.
    Prompt {
        of: u32,
        heard: Box<Item>,
    },
}

/// Where audio is.
#[derive(Clone, Debug)]
pub(super) enum Source {
    Url(String),
    Name(String),
    Inline,
}

/// A recording that is under way.
#[derive(Clone, Debug)]
pub(super) struct Tape {
    /// Which of the leg's recordings it is; 0: the account's own.
    pub no: u32,
    /// `recording_id`.
    pub id: Uuid,
    /// `single` or `dual`.
    pub channels: &'static str,
    /// `mp3` or `wav`.
    pub format: &'static str,
    pub began: Timestamp,
    /// A command to end it is under way.
    pub stops: bool,
}

impl Tape {
    /// Whether what ends this recording is meant for it.
    pub fn is_meant(&self, only: Option<Uuid>) -> bool {
        only.is_none_or(|only| only == self.id)
    }
}

/// A recording that is saved.
#[derive(Clone, Debug)]
pub(super) struct Kept {
    pub leg: LegNo,
    pub tape: Tape,
    pub ended: Timestamp,
    pub saved: Timestamp,
}

/// What a gather asks for, and what came so far.
#[derive(Clone, Debug)]
pub(super) struct Gather {
    /// Which of the leg's gathers it is.
    pub no: u32,
    pub prompt: Item,
    /// How long a key is waited for when the prompt is over.
    pub timeout: Duration,
    pub least: usize,
    pub most: usize,
    pub valid: String,
    pub terminating: String,
    /// How often the prompt may still be heard anew.
    pub tries: u64,
    pub digits: String,
}

impl Leg {
    /// A leg that begins now, with ids of its own; of no call until it is told.
    pub fn new(no: LegNo, way: Way, from: String, to: String, now: Timestamp, rng: &mut Rng) -> Self {
        Self {
            no,
            call: None,
            control_id: control_id(rng),
            leg_id: uuid(rng),
            session: uuid(rng),
            way,
            from,
            to,
            client_state: None,
            state: State::Ringing,
            began: now,
            answered: None,
            ended: None,
            settled: now,
            picking_up: false,
            commanded: false,
            peer: None,
            talk: 0,
            parks: false,
            media: Media::default(),
            gather: None,
            gathers: 0,
            tape: None,
            tapes: 0,
            ringing: Vec::new(),
            timers: Vec::new(),
            retries: BTreeMap::new(),
            headers: Vec::new(),
            other_half: None,
        }
    }

    pub fn incoming(&self) -> bool {
        matches!(self.way, Way::In)
    }

    pub fn outbound(&self) -> Option<&Outbound> {
        match &self.way {
            Way::Out(outbound) => Some(outbound),
            Way::In => None,
        }
    }

    pub fn live(&self) -> bool {
        self.state != State::Ended
    }
}

impl Item {
    /// How long it lasts; `None` if until it is stopped.
    pub fn lasts(&self) -> Option<Duration> {
        match self {
            Self::Speech { lasts, .. } | Self::Audio { lasts, .. } => *lasts,
            Self::Prompt { heard, .. } => heard.lasts(),
        }
    }

    pub fn is_audio(&self) -> bool {
        match self {
            Self::Audio { .. } => true,
            Self::Speech { .. } => false,
            Self::Prompt { heard, .. } => heard.is_audio(),
        }
    }

    pub fn is_prompt(&self) -> bool {
        matches!(self, Self::Prompt { .. })
    }
}

impl Source {
    pub fn text(&self) -> &str {
        match self {
            Self::Url(text) | Self::Name(text) => text,
            Self::Inline => "inline",
        }
    }
}
