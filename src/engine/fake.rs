//! A database for tests: whatever it is asked, the test answers, or does not. It is never closed.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use jiff::Timestamp;
use tokio::sync::{Semaphore, mpsc, oneshot, watch};
use uuid::Uuid;

use super::apply::{self, Inlet, Parts, Writer};
use super::letter::{Lease, Letter, Ways};
use super::library::Library;
use super::sender::{RENEWALS, Sender};
use super::start::{Engine, House, Sending};
use crate::call::{CallId, CommandId, Kind, LegNo};
use crate::clock::Clock;
use crate::hall::{Arrival, Changes, Digest, Fate, Gate, Slip, courier};
use crate::outside::hooks::Hooks;
use crate::routing::{Rules, Sources, load};
use crate::store::{
    CallRow, Claimed, Decider, Draft, Due, Gauges, JournalRow, OutboxRow, Renewed, Stamp, Store, StoreError, Taken,
};
use crate::telnyx::client::Client;
use crate::telnyx::request::Request;

/// A question, with the way to answer it. An answer that is thrown away makes whoever asked panic.
pub(crate) enum Asked {
    Due { limit: u32, answer: oneshot::Sender<Result<Due, StoreError>> },
    Claim { limit: u32, answer: oneshot::Sender<Result<Vec<Claimed>, StoreError>> },
    Take { batch: Vec<Arrival>, answer: oneshot::Sender<Result<Taken, StoreError>> },
    Renew { command: CommandId, stamp: Stamp, answer: oneshot::Sender<Result<Renewed, StoreError>> },
}

/// A database that has no answers of its own, but for how many nodes there are.
pub(crate) struct Fake(mpsc::UnboundedSender<Asked>, AtomicU32);

impl Fake {
    /// It, and what it is asked.
    pub fn new() -> (Arc<Self>, mpsc::UnboundedReceiver<Asked>) {
        let (asks, asked) = mpsc::unbounded_channel();
        (Arc::new(Self(asks, AtomicU32::new(3))), asked)
    }

    async fn ask<T>(
        &self,
        question: impl FnOnce(oneshot::Sender<Result<T, StoreError>>) -> Asked,
    ) -> Result<T, StoreError> {
        let (answer, answered) = oneshot::channel();
        self.0.send(question(answer)).map_err(|_| gone())?;
        answered.await.unwrap()
    }
}

/// What is said of a batch all of whose events were taken.
pub(super) fn taken(batch: &[Arrival]) -> Result<Taken, StoreError> {
    let changes = Changes { fates: vec![Fate::Taken; batch.len()], ..Changes::default() };
    Ok(Taken::Written(Draft { changes, parcels: Vec::new() }))
}

/// Some rules.
pub(super) fn rules() -> Rules {
    let text = "version: 1\nnumbers:\n  \"+12025550100\": main\nroutes:\n  main:\n    - hangup\n".to_owned();
    load(&Sources { name: "routes.yaml".to_owned(), text, ..Sources::default() }).unwrap().rules
}

/// A clock that stands.
pub(super) fn clock() -> Clock {
    Clock::by_hand("2026-03-09T10:00:00Z".parse().unwrap())
}

/// A way into this database, past one writer.
pub(super) fn inlet(store: &Arc<Fake>, clock: &Clock) -> (Inlet, Writer) {
    let parts = Parts {
        store: store.clone(),
        library: Arc::new(Library::new(rules())),
        clock: clock.clone(),
        node: Uuid::nil(),
        connection: "1".to_owned(),
        letters: Ways { telnyx: mpsc::unbounded_channel().0, others: mpsc::unbounded_channel().0 },
        wakes: mpsc::unbounded_channel().0,
        counts: Arc::default(),
    };
    let (inlet, mut writers) = apply::new(&parts, 1);
    (inlet, writers.pop().unwrap())
}

/// An engine on this database, which asks the test.
pub(crate) fn engine(store: &Arc<Fake>) -> Engine {
    let (library, sending) = (Arc::new(Library::new(rules())), Sending::default());
    let (client, clock, node, connection) = (nowhere(), clock(), Uuid::nil(), "1".into());
    let (store, hooks) = (store.clone(), Hooks::new().unwrap());
    Engine::start(House { store, library, client, hooks, clock, node, connection, alone: true, sending })
}

/// A sender whose requests reach nobody.
pub(super) fn sender(store: Arc<Fake>, inlet: Inlet, clock: &Clock, gate: &watch::Sender<Gate>) -> Sender {
    Sender {
        client: nowhere(),
        inlet,
        library: Arc::new(Library::new(rules())),
        store,
        clock: clock.clone(),
        node: Uuid::nil(),
        rate: None,
        nodes: Arc::default(),
        gate: gate.subscribe(),
        renewals: Semaphore::new(RENEWALS),
        returns: Semaphore::new(1),
        counts: Arc::default(),
    }
}

/// A command of one call, decided here at that time by the boot clock; there is nothing in it.
pub(super) fn letter(no: u128, kind: Kind, since: Duration) -> Letter {
    let (call, id, seq) = (CallId(Uuid::nil()), CommandId(Uuid::from_u128(no)), u32::try_from(no).unwrap());
    let slip = Slip { call, seq, leg: LegNo::CALLER, id, kind, taken_over: false };
    let (request, lease) = (Request::stored(kind, "/".into(), Bytes::new()), Lease::until(since + courier::LEASE));
    Letter { slip, request, first: Some(since), lease }
}

/// Where nobody listens.
pub(super) fn nowhere() -> Client {
    Client::new("http://127.0.0.1:1", &"KEY".into()).unwrap()
}

fn gone() -> StoreError {
    StoreError::Lost("nobody answers".to_owned())
}

#[async_trait]
impl Store for Fake {
    async fn migrate(&self) -> Result<(), StoreError> {
        Err(gone())
    }

    async fn take(&self, batch: &[Arrival], _: &Stamp, _: Decider<'_>) -> Result<Taken, StoreError> {
        self.ask(|answer| Asked::Take { batch: batch.to_vec(), answer }).await
    }

    async fn quarantine(&self, _: Digest, _: &[u8], _: &str, _: Timestamp) -> Result<(), StoreError> {
        Err(gone())
    }

    async fn due(&self, _: Timestamp, limit: u32) -> Result<Due, StoreError> {
        self.ask(|answer| Asked::Due { limit, answer }).await
    }

    async fn claim(&self, _: &Stamp, limit: u32, _: bool) -> Result<Vec<Claimed>, StoreError> {
        self.ask(|answer| Asked::Claim { limit, answer }).await
    }

    async fn renew(&self, _: CallId, command: CommandId, stamp: &Stamp) -> Result<Renewed, StoreError> {
        self.ask(|answer| Asked::Renew { command, stamp: stamp.clone(), answer }).await
    }

    async fn nodes(&self, _: &Stamp, _: Duration) -> Result<u32, StoreError> {
        Ok(self.1.load(Ordering::Relaxed))
    }

    async fn keep_rules(&self, _: &str, _: &str, _: Timestamp) -> Result<(), StoreError> {
        Err(gone())
    }

    async fn rules(&self, _: &str) -> Result<Option<String>, StoreError> {
        Err(gone())
    }

    async fn journal(&self, _: CallId) -> Result<Vec<JournalRow>, StoreError> {
        Err(gone())
    }

    async fn outbox(&self, _: CallId) -> Result<Vec<OutboxRow>, StoreError> {
        Err(gone())
    }

    async fn calls(&self, _: u32) -> Result<Vec<CallRow>, StoreError> {
        Err(gone())
    }

    async fn calls_named(&self, _: &str) -> Result<Vec<CallRow>, StoreError> {
        Err(gone())
    }

    async fn ping(&self) -> Result<(), StoreError> {
        Err(gone())
    }

    async fn gauges(&self, _: Timestamp, _: &Stamp) -> Result<Gauges, StoreError> {
        Err(gone())
    }

    async fn counts(&self) -> Result<Vec<(&'static str, i64)>, StoreError> {
        Err(gone())
    }

    async fn close(&self) {
        std::future::pending().await
    }
}
