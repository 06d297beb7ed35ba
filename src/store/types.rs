//! What the store is asked for, as units of work, and what it gives.

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use jiff::Timestamp;
use uuid::Uuid;

use crate::call::{CallId, CommandId, Event, Kind, LegNo, Remark};
use crate::hall::{Arrival, Changes, Digest, Loaded, MissingRules, Post, Renewed, Slip};

/// The database. Each method is a unit of work: all of it is done, or nothing.
#[async_trait]
pub trait Store: Send + Sync {
    /// Brings the tables up to this version. Repeating it does nothing.
    async fn migrate(&self) -> Result<(), StoreError>;

    /// Takes a batch: reads the calls and what was seen, has it decided, writes all of it. Where another node wrote one of
    /// the calls meanwhile, nothing is written and it is to be taken again ([`StoreError::Again`]).
    ///
    /// # Errors
    /// Nothing was written, or (after [`StoreError::Lost`]) nobody knows; taking the same batch again is safe.
    async fn take(&self, batch: &[Arrival], stamp: &Stamp, decide: Decider<'_>) -> Result<Taken, StoreError>;

    /// Keeps a body that was genuine and cannot be used. The same body is kept once.
    async fn quarantine(&self, digest: Digest, raw: &[u8], why: &str, at: Timestamp) -> Result<(), StoreError>;

    /// Calls whose deadline is over at `now`, `limit` at most, the oldest first, and when to look again at the latest.
    async fn due(&self, now: Timestamp, limit: u32) -> Result<Due, StoreError>;

    /// Takes over open commands whose lease is over; `all`: also those under lease, for a process that knows it is
    /// the only one. What follows a command of its leg that another holds is left to him; a hangup or a notice is not, nor
    /// what follows a notice. A notice of which nobody can say how old it is begins anew.
    async fn claim(&self, stamp: &Stamp, limit: u32, all: bool) -> Result<Vec<Claimed>, StoreError>;

    /// Renews the lease on a command, before it is sent again.
    async fn renew(&self, call: CallId, command: CommandId, stamp: &Stamp) -> Result<Renewed, StoreError>;

    /// Notes that this node lives, and counts those of which that was noted `within` so long, itself among them.
    async fn nodes(&self, stamp: &Stamp, within: Duration) -> Result<u32, StoreError>;

    /// Keeps the texts of a version of the rules.
    async fn keep_rules(&self, hash: &str, sources: &str, at: Timestamp) -> Result<(), StoreError>;

    /// The texts of a version of the rules.
    async fn rules(&self, hash: &str) -> Result<Option<String>, StoreError>;

    /// The journal of a call, oldest first.
    async fn journal(&self, call: CallId) -> Result<Vec<JournalRow>, StoreError>;

    /// The commands of a call, in order.
    async fn outbox(&self, call: CallId) -> Result<Vec<OutboxRow>, StoreError>;

    /// Calls, the newest first.
    async fn calls(&self, limit: u32) -> Result<Vec<CallRow>, StoreError>;

    /// Calls whose id begins so, two at most: one, if that says which.
    async fn calls_named(&self, beginning: &str) -> Result<Vec<CallRow>, StoreError>;

    /// Whether it answers.
    async fn ping(&self) -> Result<(), StoreError>;

    /// How much there is to be done, for whoever watches. Whatever is there, it costs little: each figure is counted up to
    /// a limit.
    async fn gauges(&self, now: Timestamp, stamp: &Stamp) -> Result<Gauges, StoreError>;

    /// How many rows each table has; for tests and checks.
    async fn counts(&self) -> Result<Vec<(&'static str, i64)>, StoreError>;

    /// Waits until nothing is under way and closes.
    async fn close(&self);
}

/// What decides a batch once it is loaded.
pub type Decider<'a> = &'a mut (dyn FnMut(Loaded) -> Result<Draft, MissingRules> + Send);

/// A decided batch, commands rendered.
#[derive(Clone, Debug, Default)]
pub struct Draft {
    /// What it changes.
    pub changes: Changes,
    /// The commands of [`Changes::posts`], in the same order, ready to send.
    pub parcels: Vec<Parcel>,
}

impl Draft {
    /// Whether somebody who is not Telnyx is to be told of something.
    pub fn tells_others(&self) -> bool {
        self.changes.posts.iter().any(|post| post.command.verb.kind() == Kind::Notify)
    }
}

/// A command ready to send: its bytes are final.
#[derive(Clone, Debug)]
pub struct Parcel {
    /// The command.
    pub post: Post,
    /// Path below the base address; of a notice, the whole address.
    pub path: String,
    /// Body.
    pub body: Bytes,
}

/// What came of a batch.
#[derive(Clone, Debug)]
pub enum Taken {
    /// It was written.
    Written(Draft),
    /// Rules that its calls began with are not at hand; nothing was written.
    Missing(MissingRules),
}

/// Who writes, and when by the clock that counts suspend.
#[derive(Clone, Debug)]
pub struct Stamp {
    /// This process.
    pub node: Uuid,
    /// The boot of the machine.
    pub boot: String,
    /// Time since that boot.
    pub since: Duration,
    /// How long commands are leased.
    pub lease: Duration,
}

/// Calls whose deadline is over.
#[derive(Clone, Debug, Default)]
pub struct Due {
    /// The calls, with the version whose deadline it is.
    pub calls: Vec<(CallId, u64)>,
    /// When the next one is due or, on a database that finds deadlines by an earlier time, that time; if there is any.
    pub next: Option<Timestamp>,
}

/// How much there is to be done, on all nodes together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Gauges {
    /// Calls that live.
    pub calls_active: u64,
    /// Calls whose deadline is over and was not decided yet.
    pub deadlines_due: u64,
    /// Commands to Telnyx without an outcome.
    pub outbox_depth: u64,
    /// Since when the oldest of them waits; nothing, if there is none or nobody can say.
    pub outbox_oldest: Duration,
    /// Notices that nobody has taken yet: they wait for somebody else's server, and for an hour.
    pub notices_open: u64,
}

/// A command taken over.
#[derive(Clone, Debug)]
pub struct Claimed {
    /// Whose it is, and its place.
    pub slip: Slip,
    /// Path below the base address.
    pub path: String,
    /// Body.
    pub body: Bytes,
    /// Time since its first byte may have been sent; `None` if nobody can say.
    pub age: Option<Duration>,
}

/// A row of the journal.
#[derive(Clone, Debug)]
pub struct JournalRow {
    /// The call's version after it.
    pub version: u64,
    /// The time the decision was given.
    pub decided_at: Timestamp,
    /// The event.
    pub event: Event,
    /// Why it was decided as it was.
    pub remarks: Vec<Remark>,
    /// The body as it came.
    pub raw: Vec<u8>,
}

/// A row of the outbox.
#[derive(Clone, Debug)]
pub struct OutboxRow {
    /// Its place among the call's commands.
    pub seq: u32,
    /// The version of the call that wanted it.
    pub version: u64,
    /// The command.
    pub id: CommandId,
    /// What it is.
    pub kind: Kind,
    /// The leg it is for.
    pub leg: LegNo,
    /// Path below the base address.
    pub path: String,
    /// Body.
    pub body: Vec<u8>,
    /// `open`, or the word of its verdict.
    pub status: String,
    /// The code of a refusal.
    pub code: Option<String>,
}

/// A row of the calls.
#[derive(Clone, Debug)]
pub struct CallRow {
    /// The call, as stored.
    pub state: crate::call::Call,
    /// When it wants to be asked again.
    pub wake_at: Option<Timestamp>,
}

/// Why a unit of work was not done.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The same again, perhaps a little later, may well succeed.
    #[error("the database asks to try again: {0}")]
    Again(String),
    /// A row was refused for what is in it: the same again fails again.
    #[error("the database refuses a row: {0}")]
    Row(String),
    /// The database does not answer, or not in time. Whether the work was done is not known.
    #[error("the database does not answer: {0}")]
    Lost(String),
    /// A row cannot be read back.
    #[error("{table} {id}: the row cannot be read: {why}")]
    Inconsistent {
        /// Where.
        table: &'static str,
        /// Which.
        id: String,
        /// Why.
        why: String,
    },
    /// The database cannot be used.
    #[error("{0}")]
    Unusable(String),
}
