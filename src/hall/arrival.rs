//! An event on its way into the hall, with what must be known to take it once.

use bytes::Bytes;
use sha2::{Digest as _, Sha256};

use crate::call::{CallId, Event, EventId};

/// SHA-256 of what makes an event the same event again.
pub type Digest = [u8; 32];

/// What an event is known by: it is taken once for each.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EventKey {
    /// The session a webhook names, or nothing; the call, for an event of our own. Read off the event alone.
    pub stream: String,
    /// The event's id.
    pub event: EventId,
}

/// An event that came through one of the doors.
#[derive(Clone, Debug)]
pub struct Arrival {
    /// What it is known by.
    pub key: EventKey,
    /// What happened.
    pub event: Event,
    /// What tells it from another event that came under the same key.
    pub digest: Digest,
    /// The body as it came; empty for an event of our own.
    pub raw: Bytes,
    /// The call it is for, where that is known beforehand: an event of our own.
    pub call: Option<CallId>,
}

impl Arrival {
    /// A webhook: it says itself, more or less, which call it is for.
    pub fn webhook(stream: String, event: Event, digest: Digest, raw: Bytes) -> Self {
        Self { key: EventKey { stream, event: event.id.clone() }, event, digest, raw, call: None }
    }

    /// An event of our own, for a call of ours.
    pub fn own(call: CallId, event: Event) -> Self {
        let key = EventKey { stream: call.to_string(), event: event.id.clone() };
        Self { key, event, digest: [0; 32], raw: Bytes::new(), call: Some(call) }
    }

    /// What is kept of it when it is put aside: its body, or an event of our own as JSON, and the digest of that.
    pub fn aside(&self) -> (Digest, Bytes) {
        let own = || serde_json::to_vec(&self.event).unwrap_or_default().into();
        let raw = if self.raw.is_empty() { own() } else { self.raw.clone() };
        (Sha256::digest(&raw).into(), raw)
    }
}
