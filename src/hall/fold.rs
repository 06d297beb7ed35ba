//! A batch of events becomes new calls, journal rows and commands. All that is decided here is decided by `decide`.

use std::collections::{BTreeMap, BTreeSet};
use std::panic::{AssertUnwindSafe, catch_unwind};

use jiff::Timestamp;

use super::arrival::{Arrival, Digest, Key};
use super::locate::{Index, locate};
use crate::call::{
    Call, CallId, Command, CommandId, Decision, Event, EventId, LegNo, Remark, Verdict, What, deadline, decide,
};
use crate::routing::{Rules, RulesHash};

/// What was found in the store for a batch.
#[derive(Clone, Debug, Default)]
pub struct Loaded {
    /// Calls that are locked for us.
    pub calls: BTreeMap<CallId, Call>,
    /// Calls that another node holds: their events wait for the next batch.
    pub busy: BTreeSet<CallId>,
    /// Whose handles, legs and sessions are whose.
    pub index: Index,
    /// Events that were taken before, with what they were.
    pub seen: BTreeMap<Key, Digest>,
}

/// The rules at hand: those new calls begin with, and those that calls at hand began with.
#[derive(Clone, Debug)]
pub struct Book<'a> {
    /// For new calls.
    pub current: &'a Rules,
    /// By hash.
    pub pinned: BTreeMap<RulesHash, &'a Rules>,
}

/// What becomes of one event of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// Decided and in the journal.
    Taken,
    /// Taken before.
    Twice,
    /// Another event came under its key before: kept aside.
    Conflict,
    /// Its call is held by another node: it must come again.
    Busy,
    /// A deadline that the call no longer has.
    Stale,
    /// It could not be decided, or is for no call: kept aside.
    Aside,
}

/// What a batch changes. All of it is written, or nothing.
#[derive(Clone, Debug, Default)]
pub struct Changes {
    /// What becomes of each event, in the order of the batch.
    pub fates: Vec<Fate>,
    /// Calls as they are now.
    pub calls: Vec<Saved>,
    /// Journal rows.
    pub entries: Vec<Entry>,
    /// Commands to send.
    pub posts: Vec<Post>,
    /// Commands with their outcome.
    pub settled: Vec<(CallId, CommandId, Verdict)>,
    /// Events kept aside: index in the batch, and why.
    pub aside: Vec<(usize, String)>,
}

/// A call to be written.
#[derive(Clone, Debug)]
pub struct Saved {
    /// The call.
    pub call: Call,
    /// Its version before; `None` for a call that began in this batch.
    pub before: Option<u64>,
    /// When it wants to be asked again.
    pub wake_at: Option<Timestamp>,
    /// Legs that became known by something new in this batch.
    pub known: Vec<LegNo>,
    /// Legs that ended in this batch.
    pub ended: Vec<LegNo>,
}

/// A journal row.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Index in the batch of what arrived.
    pub index: usize,
    /// What that is taken once under.
    pub key: Key,
    /// The call.
    pub call: CallId,
    /// The call's version after it.
    pub version: u64,
    /// The time the decision was given.
    pub decided_at: Timestamp,
    /// The event that was decided: what arrived, or the news that it could not be decided.
    pub event: Event,
    /// Why it was decided as it was.
    pub remarks: Vec<Remark>,
}

/// A command to send.
#[derive(Clone, Debug)]
pub struct Post {
    /// The call.
    pub call: CallId,
    /// Its place among the call's commands.
    pub seq: u32,
    /// The version of the call that wanted it.
    pub version: u64,
    /// The command.
    pub command: Command,
}

/// Rules that calls of the batch began with and that are not at hand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MissingRules(pub BTreeSet<RulesHash>);

/// Decides a batch in order of arrival.
///
/// # Errors
/// Rules are missing; nothing was decided. Get them, and fold again.
pub fn fold(batch: &[Arrival], loaded: Loaded, book: &Book<'_>, now: Timestamp) -> Result<Changes, MissingRules> {
    let missing: BTreeSet<RulesHash> =
        loaded.calls.values().map(|call| &call.rules).filter(|hash| !book.has(hash)).cloned().collect();
    if !missing.is_empty() {
        return Err(MissingRules(missing));
    }
    let mut fold = Fold { loaded, book, now, touched: BTreeMap::new(), changes: Changes::default() };
    for (index, arrival) in batch.iter().enumerate() {
        let fate = fold.take(index, arrival);
        fold.changes.fates.push(fate);
    }
    Ok(fold.close())
}

struct Fold<'a> {
    loaded: Loaded,
    book: &'a Book<'a>,
    now: Timestamp,
    /// Calls decided in this batch, as they were before it.
    touched: BTreeMap<CallId, Option<Call>>,
    changes: Changes,
}

impl Fold<'_> {
    fn take(&mut self, index: usize, arrival: &Arrival) -> Fate {
        if let Some(digest) = self.loaded.seen.get(&arrival.key) {
            if *digest == arrival.digest {
                return Fate::Twice;
            }
            self.changes.aside.push((index, "another event came under the same id before".to_owned()));
            return Fate::Conflict;
        }
        let Some(id) = locate(arrival, &self.loaded.calls, &self.loaded.busy, &self.loaded.index) else {
            self.changes.aside.push((index, "it names no leg and no session".to_owned()));
            return Fate::Aside;
        };
        if self.loaded.busy.contains(&id) {
            return Fate::Busy;
        }
        let before = self.loaded.calls.get(&id);
        let due_for = |version: u64| {
            before.is_some_and(|call| call.version == version && self.wake_at(call).is_some_and(|at| at <= self.now))
        };
        match &arrival.event.what {
            What::Due { version } if !due_for(*version) => return Fate::Stale,
            What::Settled(_) | What::Fault { .. } if before.is_none() => {
                self.changes.aside.push((index, "it is for a call that is not there".to_owned()));
                return Fate::Aside;
            }
            What::Due { .. } | What::Settled(_) | What::Fault { .. } | What::Leg { .. } => {}
        }
        self.loaded.seen.insert(arrival.key.clone(), arrival.digest);
        let call = before.cloned().unwrap_or_else(|| Call::new(id, self.book.current.hash.clone(), self.now));
        if let What::Settled(settled) = &arrival.event.what {
            // Also if it cannot be decided: else it would be sent again and again, and settled again and again.
            self.changes.settled.push((id, settled.command, settled.verdict.clone()));
        }
        match self.decided(call.clone(), &arrival.event) {
            Some(decision) => {
                self.keep(index, arrival.key.clone(), arrival.event.clone(), decision);
                Fate::Taken
            }
            None => self.fault(index, arrival, call),
        }
    }

    /// An event that cannot be decided must not take its call with it: the call hears of the fault instead, in its
    /// place, so that it is taken once like any other.
    fn fault(&mut self, index: usize, arrival: &Arrival, call: Call) -> Fate {
        self.changes.aside.push((index, "it could not be decided: please report this as a bug".to_owned()));
        let id = EventId::fault(call.id, &arrival.event.id);
        let event = Event { id, at: None, what: What::Fault { event: arrival.event.id.clone() } };
        let known = self.loaded.calls.contains_key(&call.id);
        if known && let Some(decision) = self.decided(call, &event) {
            self.keep(index, arrival.key.clone(), event, decision);
        }
        Fate::Aside
    }

    /// Decides, and lives on if that panics.
    fn decided(&self, call: Call, event: &Event) -> Option<Decision> {
        let rules = self.book.rules(&call.rules)?;
        catch_unwind(AssertUnwindSafe(|| decide(call, event, rules, self.now))).ok()
    }

    fn keep(&mut self, index: usize, key: Key, event: Event, decision: Decision) {
        let Decision { call, commands, remarks } = decision;
        let (id, version, decided_at) = (call.id, call.version, self.now);
        let first = call.commands - u32::try_from(commands.len()).unwrap_or(0);
        let posts = commands.into_iter().zip(first..call.commands);
        self.changes.posts.extend(posts.map(|(command, before)| Post { call: id, seq: before + 1, version, command }));
        self.changes.entries.push(Entry { index, key, call: id, version, decided_at, event, remarks });
        self.loaded.index.note(&call);
        let before = self.loaded.calls.insert(id, call);
        self.touched.entry(id).or_insert(before);
    }

    fn wake_at(&self, call: &Call) -> Option<Timestamp> {
        self.book.rules(&call.rules).and_then(|rules| deadline(call, rules))
    }

    fn close(mut self) -> Changes {
        for (id, before) in std::mem::take(&mut self.touched) {
            let Some(call) = self.loaded.calls.remove(&id) else { continue };
            let wake_at = self.wake_at(&call);
            let was = |no: LegNo| before.as_ref().and_then(|call| call.leg(no));
            let names =
                |call: &Call, no| call.leg(no).map(|leg| (leg.handle.clone(), leg.id.clone(), leg.session.clone()));
            let legs = call.legs.iter().map(|leg| leg.no);
            let known = legs
                .clone()
                .filter(|no| {
                    let now = names(&call, *no);
                    let then = before.as_ref().and_then(|call| names(call, *no)).or(Some((None, None, None)));
                    now != then
                })
                .collect();
            let over = |no: &LegNo| call.leg(*no).is_some_and(|leg| leg.has_ended());
            let ended = legs.filter(over).filter(|no| !was(*no).is_some_and(|leg| leg.has_ended())).collect();
            let before = before.as_ref().map(|call| call.version);
            self.changes.calls.push(Saved { before, wake_at, known, ended, call });
        }
        self.changes
    }
}

impl<'a> Book<'a> {
    fn has(&self, hash: &RulesHash) -> bool {
        self.rules(hash).is_some()
    }

    fn rules(&self, hash: &RulesHash) -> Option<&'a Rules> {
        if self.current.hash == *hash { Some(self.current) } else { self.pinned.get(hash).copied() }
    }
}
