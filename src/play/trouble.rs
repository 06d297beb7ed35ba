//! What goes wrong on our own side; what goes wrong on the other is in the simulator's settings.

use std::time::Duration;

use jiff::Timestamp;

use crate::call::{CallId, CommandId, Kind};

/// What goes wrong on our own side.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Trouble {
    /// How likely it is that a request is slow on its way, 0 to 1.
    pub slow: f64,
    /// When the process is killed.
    pub deaths: Vec<Death>,
    /// How likely it is that it is killed at any one step of a batch or of a command's way, 0 to 1.
    pub crash: f64,
    /// How often at most.
    pub crashes: u32,
    /// What runs on when it is killed.
    pub house: House,
    /// The first webhook of each of these types never comes: `call.answered`.
    pub lost: Vec<&'static str>,
    /// When Telnyx is out of order.
    pub outage: Option<Outage>,
    /// The operator has stopped everything: nobody is to be rung.
    pub stopped: bool,
    /// Whom the operator has stopped: numbers and addresses, or how those begin, with a star at the end.
    pub stops: Vec<&'static str>,
    /// How many nodes share what Telnyx allows the account; those beside ours do nothing else.
    pub nodes: u32,
    /// How many webhooks come that are no news of a leg of ours.
    pub strays: u32,
    /// The first command of each of these kinds is taken and does nothing.
    pub ignored: Vec<Kind>,
    /// How likely it is that nobody hears whether a commit came about, 0 to 1.
    pub doubt: f64,
    /// How often at most.
    pub doubts: u32,
    /// How likely it is that an event cannot be decided, 0 to 1.
    pub fault: f64,
    /// How often at most.
    pub faults: u32,
    /// No word of one command comes back for some time.
    pub cut: Option<Cut>,
    /// Who of those that are told of calls is not well.
    pub ills: Vec<Illness>,
}

impl Trouble {
    /// Whether nobody is to be rung there.
    pub(super) fn stops(&self, target: &str) -> bool {
        let meets = |stop: &&str| stop.strip_suffix('*').map_or(*stop == target, |start| target.starts_with(start));
        self.stopped || self.stops.iter().any(meets)
    }
}

/// The first command of a kind is sent, and its sender hears nothing of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cut {
    /// Of which kind.
    pub kind: Kind,
    /// Whether it reaches Telnyx and only its answer is lost; else it is lost itself.
    pub done: bool,
    /// How long that lasts: no other try of it arrives before, or nobody takes it over.
    pub lasts: Duration,
    /// The node ends right after it was sent.
    pub dies: bool,
    /// Which webhooks that would tell of it are lost as long as that lasts.
    pub mute: Mute,
}

/// Which webhooks that would tell of a command's effect are lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mute {
    /// None.
    Nothing,
    /// Those that tell of its beginning: that the leg was placed, the text begun, the caller picked up, the two joined.
    Begin,
    /// Those that tell of its end as well.
    All,
}

/// A cut that has come about.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cutting {
    pub id: CommandId,
    pub call: CallId,
    /// Its first try.
    pub first: u64,
    pub until: Timestamp,
}

/// For some time Telnyx' REST API does not do what it is asked to, or does not say so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outage {
    /// After the beginning.
    pub at: Duration,
    /// How long.
    pub lasts: Duration,
    /// In which manner.
    pub how: Manner,
    /// Which commands it is of: [`Kind::ALL`] for all.
    pub of: &'static [Kind],
}

/// How a request fares while Telnyx is out of order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Manner {
    /// There is no connection.
    Refuses,
    /// It is answered 503, and nothing is done.
    Fails,
    /// There is never an answer, and nothing is done.
    Hangs,
    /// There is never an answer, and it is done.
    HangsDone,
    /// It is answered 429, and nothing is done.
    TooMany {
        /// How many seconds Telnyx wants to be left alone; `None`: it does not say.
        after: Option<u8>,
    },
}

impl Outage {
    /// Whether nothing at all can be had of Telnyx. Then nobody can do anything for a caller, not even hang him up: he is
    /// in silence, or rings, until it is over, and what may last for some time after a mishap may after the outage. Where
    /// only some kinds of command fail, no more is excused than what follows from each try that does.
    pub fn is_total(&self) -> bool {
        Kind::ALL.iter().all(|kind| self.of.contains(kind))
    }
}

/// Somebody who is told of calls is not well for some time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Illness {
    /// His host.
    pub host: &'static str,
    /// After the beginning.
    pub at: Duration,
    /// How long.
    pub lasts: Duration,
    /// In which manner.
    pub how: Ill,
}

/// How somebody is not well who is told of calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ill {
    /// There is no connection.
    Dead,
    /// There is never an answer, and nothing is taken.
    Hangs,
    /// He answers 500.
    Fails,
    /// He answers 410: he wants no more of it.
    Gone,
    /// He takes his time, sometimes too much.
    Slow,
    /// He takes it, and his answer is lost.
    LosesAnswers,
}

impl Ill {
    /// Its word in counters.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Dead => "hook.dead",
            Self::Hangs => "hook.hangs",
            Self::Fails => "hook.fails",
            Self::Gone => "hook.gone",
            Self::Slow => "hook.slow",
            Self::LosesAnswers => "hook.loses_answers",
        }
    }
}

impl Manner {
    /// Its word in counters.
    pub fn word(self) -> &'static str {
        match self {
            Self::Refuses => "refuses",
            Self::Fails => "fails",
            Self::Hangs => "hangs",
            Self::HangsDone => "hangs_done",
            Self::TooMany { after: None } => "too_many",
            Self::TooMany { after: Some(_) } => "too_many_for_long",
        }
    }
}

/// A webhook that is no news of a leg of ours.
#[derive(Clone, Debug)]
pub(super) struct Stray {
    pub body: Vec<u8>,
    /// It is one that was taken before, or that has its id: it comes only if that was kept.
    pub known: bool,
}

/// The process is killed, and started again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Death {
    /// After the beginning.
    pub at: Duration,
    /// How long nothing runs.
    pub down: Duration,
}

/// How the process is run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum House {
    /// Alone: it is started again, and whatever was under way is its own at once.
    #[default]
    Alone,
    /// Alone, and the machine is started again with it: nobody can say how old anything is.
    Machine,
    /// One of several on one database: another goes on at once, and takes over what the first one left when its lease
    /// is over.
    Shared,
}

/// Where a node can end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// A batch is handed in, and nothing of it is kept.
    BeforeCommit,
    /// A batch is kept, and nobody knows.
    AfterCommit,
    /// A command has its turn, and does not leave.
    BeforeSend,
    /// A command leaves, and nobody waits for its answer.
    AfterSend,
    /// A command is answered, and that is not kept.
    BeforeSettle,
}

impl Step {
    pub fn word(self) -> &'static str {
        match self {
            Self::BeforeCommit => "crash.before_commit",
            Self::AfterCommit => "crash.after_commit",
            Self::BeforeSend => "crash.before_send",
            Self::AfterSend => "crash.after_send",
            Self::BeforeSettle => "crash.before_settle",
        }
    }
}
