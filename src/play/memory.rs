//! The store without a disk: a batch is there at once and whole.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::agenda::whole;
use crate::call::{Call, CallId, CommandId, Kind, LegNo, Verdict};
use crate::hall::{Arrival, Changes, Digest, Index, Key, Loaded, Slip, clues};
use crate::telnyx::request::{Request, render};

/// What is kept.
#[derive(Debug, Default)]
pub(super) struct Memory {
    calls: BTreeMap<CallId, Kept>,
    index: Index,
    seen: BTreeMap<Key, Digest>,
    outbox: BTreeMap<CommandId, Row>,
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
    /// `None`: it is open.
    pub verdict: Option<Verdict>,
}

impl Memory {
    /// What a batch needs of all this, as a database would find it.
    pub fn load(&self, batch: &[Arrival]) -> Loaded {
        let clues = clues(batch);
        let mut index = Index::default();
        let tables = [
            (&clues.handles, &self.index.handles, &mut index.handles),
            (&clues.legs, &self.index.legs, &mut index.legs),
            (&clues.sessions, &self.index.sessions, &mut index.sessions),
        ];
        for (names, from, to) in tables {
            let found = names.iter().filter_map(|name| Some((name.clone(), *from.get(name)?)));
            to.extend(found);
        }
        let calls =
            clues.wanted(&index).iter().filter_map(|id| Some((*id, self.calls.get(id)?.call.clone()))).collect();
        let key = |arrival: &Arrival| Some((arrival.key.clone(), *self.seen.get(&arrival.key)?));
        Loaded { calls, busy: [].into(), index, seen: batch.iter().filter_map(key).collect() }
    }

    /// Writes all that a batch changes; gives back the new commands, in order.
    ///
    /// # Errors
    /// What a database would refuse: something that is there already.
    pub fn write(
        &mut self,
        batch: &[Arrival],
        changes: &Changes,
        line: &str,
        now: Timestamp,
    ) -> Result<Vec<CommandId>, String> {
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
                request: render(&post.command, line),
                first_sent_at: now,
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

    pub fn row(&self, id: CommandId) -> Option<&Row> {
        self.outbox.get(&id)
    }

    /// The commands of a call, in order.
    pub fn rows(&self, call: CallId) -> Vec<(CommandId, &Row)> {
        let mut rows: Vec<_> =
            self.outbox.iter().filter(|(_, row)| row.call == call).map(|(id, row)| (*id, row)).collect();
        rows.sort_by_key(|(_, row)| row.seq);
        rows
    }

    /// Commands without an outcome, call by call in order.
    pub fn open(&self) -> Vec<Slip> {
        let mut rows: Vec<_> = self.outbox.iter().filter(|(_, row)| row.verdict.is_none()).collect();
        rows.sort_by_key(|(_, row)| (row.call, row.seq));
        rows.into_iter().map(|(id, row)| row.slip(*id)).collect()
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

impl Row {
    pub fn slip(&self, id: CommandId) -> Slip {
        Slip { call: self.call, seq: self.seq, leg: self.leg, id, kind: self.kind }
    }
}
