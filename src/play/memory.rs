//! The store without a disk: a batch is there at once and whole.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::agenda::{later, whole};
use crate::call::{Call, CallId, Command, CommandId, Kind, LegNo, Verdict};
use crate::hall::courier::LEASE;
use crate::hall::{
    Arrival, Changes, Digest, EventKey, Far, Found, Index, Loaded, Renewed, Slip, clues, may_claim, renewed,
};
use crate::outside::notices;
use crate::telnyx::request::{Request, render};

/// What is kept.
#[derive(Debug, Default)]
pub(super) struct Memory {
    calls: BTreeMap<CallId, Kept>,
    index: Index,
    seen: BTreeMap<EventKey, Digest>,
    outbox: BTreeMap<CommandId, Row>,
    /// The node that runs.
    pub node: u32,
}

/// A call with its journal.
#[derive(Debug)]
pub(super) struct Kept {
    pub call: Call,
    pub wake_at: Option<Timestamp>,
    /// When each event was decided, and the event as JSON.
    pub journal: Vec<(Timestamp, String)>,
}

/// A command.
#[derive(Debug)]
pub(super) struct Row {
    pub call: CallId,
    pub seq: u32,
    pub leg: LegNo,
    pub kind: Kind,
    pub request: Request,
    /// A lower bound on its first byte.
    pub first_sent_at: Timestamp,
    /// The node that has it: each start of the process is another.
    pub node: u32,
    /// Another node had it before.
    pub taken_over: bool,
    /// Until when nobody else may take it over.
    pub lease_until: Timestamp,
    /// `None`: it is open.
    pub verdict: Option<Verdict>,
}

impl Memory {
    /// What a batch needs of all this, as a database would find it.
    pub fn load(&self, batch: &[Arrival]) -> Loaded {
        let clues = clues(batch);
        let mut index = Index::default();
        let known = |names: &BTreeMap<String, CallId>, name: Option<&String>| {
            name.and_then(|name| Some((name.clone(), *names.get(name)?)))
        };
        for who in &clues.legs {
            index.handles.extend(known(&self.index.handles, who.handle.as_ref().map(|handle| &handle.0)));
            index.legs.extend(known(&self.index.legs, who.leg.as_ref()));
            index.sessions.extend(known(&self.index.sessions, who.session.as_ref()));
        }
        let calls =
            clues.wanted(&index).iter().filter_map(|id| Some((*id, self.calls.get(id)?.call.clone()))).collect();
        let key = |arrival: &Arrival| Some((arrival.key.clone(), *self.seen.get(&arrival.key)?));
        Loaded { calls, index, seen: batch.iter().filter_map(key).collect() }
    }

    /// Writes all that a batch changes; gives back the new commands, in order.
    ///
    /// # Errors
    /// What a database would refuse: something that is there already.
    pub fn write(
        &mut self,
        batch: &[Arrival],
        changes: &Changes,
        connection: &str,
        now: Timestamp,
    ) -> Result<Vec<CommandId>, String> {
        for saved in &changes.calls {
            let there = self.calls.get(&saved.call.id).map(|kept| kept.call.version);
            if there != saved.before {
                let id = saved.call.id;
                return Err(format!("call {id} is written over version {there:?}, and was read at {:?}", saved.before));
            }
        }
        for saved in &changes.calls {
            self.index.note(&saved.call);
            let kept = self.calls.entry(saved.call.id).or_insert_with(|| Kept {
                call: saved.call.clone(),
                wake_at: None,
                journal: Vec::new(),
            });
            kept.call.clone_from(&saved.call);
            kept.wake_at = saved.wake_at.map(whole);
        }
        for entry in &changes.entries {
            let digest = batch.get(entry.index).map_or([0; 32], |arrival| arrival.digest);
            if self.seen.insert(entry.key.clone(), digest).is_some() {
                return Err(format!("event {} is in the journal twice", entry.key.event));
            }
            if let Some(kept) = self.calls.get_mut(&entry.call) {
                let event = serde_json::to_string(&entry.event).unwrap_or_default();
                kept.journal.push((entry.decided_at, event));
            }
        }
        for post in &changes.posts {
            let row = Row {
                call: post.call,
                seq: post.seq,
                leg: post.command.leg,
                kind: post.command.verb.kind(),
                request: rendered(&post.command, connection),
                first_sent_at: now,
                node: self.node,
                taken_over: false,
                lease_until: later(now, LEASE),
                verdict: None,
            };
            if self.outbox.insert(post.command.id, row).is_some() {
                return Err(format!("command {} is in the outbox twice", post.command.id));
            }
        }
        for (_, id, verdict) in &changes.settled {
            if let Some(row) = self.outbox.get_mut(id) {
                row.verdict = Some(verdict.clone());
            }
        }
        Ok(changes.posts.iter().map(|post| post.command.id).collect())
    }

    /// Whether an event was taken.
    pub fn has(&self, key: &EventKey) -> bool {
        self.seen.contains_key(key)
    }

    pub fn row(&self, id: CommandId) -> Option<&Row> {
        self.outbox.get(&id)
    }

    /// Every command ever decided.
    pub fn ids(&self) -> impl Iterator<Item = CommandId> {
        self.outbox.keys().copied()
    }

    /// The commands of a call, in order.
    pub fn rows(&self, call: CallId) -> Vec<(CommandId, &Row)> {
        let mut rows: Vec<_> =
            self.outbox.iter().filter(|(_, row)| row.call == call).map(|(id, row)| (*id, row)).collect();
        rows.sort_by_key(|(_, row)| row.seq);
        rows
    }

    /// Takes over what this node may, call by call in order; `alone`: no other node can hold any.
    pub fn take_over(&mut self, now: Timestamp, alone: bool) -> Vec<CommandId> {
        let legs = self.legs();
        let free = self.outbox.iter().filter(|(_, row)| self.may_claim(row, &legs, alone, now));
        let mut taken: Vec<_> = free.map(|(id, row)| (row.call, row.seq, *id)).collect();
        taken.sort_unstable();
        for (_, _, id) in &taken {
            if let Some(row) = self.outbox.get_mut(id) {
                (row.node, row.taken_over, row.lease_until) = (self.node, true, later(now, LEASE));
            }
        }
        taken.into_iter().map(|(_, _, id)| id).collect()
    }

    /// Whether a command that nobody holds is left to whoever holds another of its leg.
    pub fn leaves_any(&self, now: Timestamp) -> bool {
        let legs = self.legs();
        let left = |row: &Row| row.lease_until < now && !self.may_claim(row, &legs, false, now);
        self.outbox.values().filter(|row| row.verdict.is_none()).any(left)
    }

    fn may_claim(&self, row: &Row, legs: &Legs, alone: bool, now: Timestamp) -> bool {
        let of_its_leg = legs.get(&(row.call, row.leg)).map(Vec::as_slice).unwrap_or_default();
        may_claim(&self.found(row), of_its_leg, alone, now)
    }

    /// All commands, by their legs.
    fn legs(&self) -> Legs {
        let mut legs = Legs::new();
        for row in self.outbox.values() {
            legs.entry((row.call, row.leg)).or_default().push(self.found(row));
        }
        legs
    }

    fn found(&self, row: &Row) -> Found {
        let state = match &row.verdict {
            None => Far::Open,
            Some(Verdict::Void) => Far::Void,
            Some(_) => Far::Settled,
        };
        let (ours, Row { seq, kind, lease_until, .. }) = (row.node == self.node, row);
        Found { seq: *seq, kind: *kind, state, ours, lease_until: *lease_until }
    }

    /// The commands of a command's leg.
    fn leg_of(&self, row: &Row) -> Vec<Found> {
        let of_it = self.outbox.values().filter(|other| other.call == row.call && other.leg == row.leg);
        of_it.map(|other| self.found(other)).collect()
    }

    /// When leases of nodes that are gone are over.
    pub fn lapses(&self) -> BTreeSet<Timestamp> {
        let left = |row: &&Row| row.verdict.is_none() && row.node != self.node;
        self.outbox.values().filter(left).map(|row| row.lease_until).collect()
    }

    /// Nobody can say any more how old anything is: notices are as if they were decided now.
    pub fn begin_anew(&mut self, now: Timestamp) {
        let notices = self.outbox.values_mut().filter(|row| row.kind == Kind::Notify && row.verdict.is_none());
        notices.for_each(|row| row.first_sent_at = now);
    }

    /// Holds a command until then, if it is ours, and says whether a later one of its leg went out elsewhere.
    pub fn renew(&mut self, id: CommandId, until: Timestamp) -> Renewed {
        let Some(row) = self.outbox.get(&id) else { return Renewed::Lost };
        let renewed = renewed(&self.found(row), &self.leg_of(row));
        let held = self.outbox.get_mut(&id).filter(|_| renewed != Renewed::Lost);
        held.into_iter().for_each(|row| row.lease_until = until);
        renewed
    }

    pub fn calls(&self) -> impl Iterator<Item = (CallId, &Kept)> {
        self.calls.iter().map(|(id, kept)| (*id, kept))
    }

    /// The call that a handle belongs to.
    pub fn of_handle(&self, handle: &str) -> Option<CallId> {
        self.index.handles.get(handle).copied()
    }

    /// The handle of a call's caller.
    pub fn caller(&self, call: CallId) -> Option<&str> {
        let caller = self.calls.get(&call)?.call.caller()?;
        caller.handle.as_ref().map(|handle| handle.0.as_str())
    }

    /// Calls that want to be asked again, with their version, and when.
    pub fn wakes(&self) -> impl Iterator<Item = (Timestamp, CallId, u64)> {
        self.calls.values().filter_map(|kept| Some((kept.wake_at?, kept.call.id, kept.call.version)))
    }
}

/// The commands of each leg.
type Legs = BTreeMap<(CallId, LegNo), Vec<Found>>;

/// A command as it leaves, whomever it is for.
pub(super) fn rendered(command: &Command, connection: &str) -> Request {
    match notices::render(command) {
        Some((url, body)) => Request::stored(Kind::Notify, url, body),
        None => render(command, connection),
    }
}

impl Row {
    pub fn slip(&self, id: CommandId) -> Slip {
        let Self { call, seq, leg, kind, taken_over, .. } = *self;
        Slip { call, seq, leg, id, kind, taken_over }
    }
}
