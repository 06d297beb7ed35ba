//! The one way in: every event goes through here, many to a transaction.
//!
//! A batch is whatever arrived while the last one was being committed: alone an event is a batch of one, and under load
//! the batches grow by themselves. Each writer has one batch at a time, and the events of a call go to the same writer;
//! where one of them does not say whose it is and goes to the other, the database keeps the two apart.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;
use sha2::{Digest as _, Sha256};
use tokio::sync::{mpsc, oneshot};
use tracing::{debug, error, info, warn};

use super::letter::{Lease, Letter};
use super::library::Library;
use crate::call::{Event, News, What};
use crate::clock::Clock;
use crate::hall::{Arrival, Aside, Changes, Digest, Loaded, MissingRules, courier, fold, likely};
use crate::store::{Draft, Parcel, Stamp, Store, StoreError, Taken};
use crate::telnyx::request::{Request, render};

/// The largest batch.
const BATCH: usize = 256;
/// How many events may wait; beyond it every sender is asked to come again.
const ROOM: usize = 4096;
/// How many may wait before new calls are turned away: those that are live come first.
const ROOM_FOR_NEW: usize = ROOM / 2;
/// How often a batch is repeated that the database asks to repeat.
const REPEATS: u32 = 5;

/// What became of an event that was handed in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Put {
    /// It is kept for good, now or since earlier.
    Kept,
    /// It could not be kept; it may come again.
    Busy,
}

/// Where events are handed in. Cheap to clone.
#[derive(Clone)]
pub struct Inlet {
    writers: Vec<mpsc::UnboundedSender<Job>>,
    waiting: Arc<AtomicUsize>,
    store: Arc<dyn Store>,
    clock: Clock,
}

#[derive(Debug)]
struct Job {
    arrival: Arrival,
    answer: oneshot::Sender<Put>,
}

impl Inlet {
    /// Hands an event in, and waits until it is kept. The work goes on even if the wait is given up.
    pub async fn put(&self, arrival: Arrival) -> Put {
        let new = matches!(&arrival.event.what, What::Leg { news: News::Arrived { .. }, .. });
        let room = if new { ROOM_FOR_NEW } else { ROOM };
        if self.waiting.fetch_add(1, Ordering::Relaxed) >= room {
            self.waiting.fetch_sub(1, Ordering::Relaxed);
            return Put::Busy;
        }
        let (answer, answered) = oneshot::channel();
        let writers = self.writers.len().max(1) as u128;
        let of_call = likely(&arrival).map_or(0, |call| usize::try_from(call.0.as_u128() % writers).unwrap_or(0));
        let sent = self.writers.get(of_call).is_some_and(|writer| writer.send(Job { arrival, answer }).is_ok());
        if !sent {
            return Put::Busy;
        }
        answered.await.unwrap_or(Put::Busy)
    }

    /// Hands in what a webhook said; `digest` tells it from another that comes under the same id.
    pub async fn put_webhook(&self, stream: String, event: Event, digest: Digest, raw: Bytes) -> Put {
        self.put(Arrival::webhook(stream, event, digest, raw)).await
    }

    /// Keeps a body that is genuine and no event. The work goes on even if the wait is given up.
    pub async fn put_aside(&self, raw: Bytes, why: String) -> Put {
        let (store, at) = (self.store.clone(), self.clock.now());
        let work = tokio::spawn(async move { store.quarantine(Sha256::digest(&raw).into(), &raw, &why, at).await });
        match work.await {
            Ok(Ok(())) => Put::Kept,
            Ok(Err(why)) => {
                error!(%why, "a body could not be put into quarantine; its sender is asked to come again");
                Put::Busy
            }
            Err(_) => Put::Busy,
        }
    }
}

/// The writer: takes batches, commits them, and passes on what came of them.
pub struct Writer {
    jobs: mpsc::UnboundedReceiver<Job>,
    waiting: Arc<AtomicUsize>,
    /// What the writer needs of the house.
    pub parts: Parts,
}

/// What the writer needs of the house.
#[derive(Clone)]
pub struct Parts {
    /// The database.
    pub store: Arc<dyn Store>,
    /// The rules.
    pub library: Arc<Library>,
    /// The time.
    pub clock: Clock,
    /// This process.
    pub node: uuid::Uuid,
    /// The line that dials go out on.
    pub line: String,
    /// Where committed commands go.
    pub letters: mpsc::UnboundedSender<Letter>,
    /// Where the earliest deadline of a batch goes.
    pub wakes: mpsc::UnboundedSender<Timestamp>,
}

/// So many writers, and where to hand events in to them.
pub fn new(parts: &Parts, writers: usize) -> (Inlet, Vec<Writer>) {
    let waiting = Arc::new(AtomicUsize::new(0));
    let (senders, writers) = (0..writers)
        .map(|_| {
            let (sender, jobs) = mpsc::unbounded_channel();
            (sender, Writer { jobs, waiting: waiting.clone(), parts: parts.clone() })
        })
        .unzip();
    let inlet = Inlet { writers: senders, waiting, store: parts.store.clone(), clock: parts.clock.clone() };
    (inlet, writers)
}

impl Writer {
    /// Works until the last inlet is gone and everything handed in is answered.
    pub async fn run(mut self) {
        let mut jobs: Vec<Job> = Vec::new();
        while self.jobs.recv_many(&mut jobs, BATCH).await > 0 {
            self.commit(std::mem::take(&mut jobs)).await;
        }
    }

    async fn commit(&self, jobs: Vec<Job>) {
        let mut parts: Vec<(Vec<Arrival>, Vec<_>)> =
            vec![jobs.into_iter().map(|job| (job.arrival, job.answer)).unzip()];
        while let Some((mut batch, mut answers)) = parts.pop() {
            match self.take(&batch).await {
                Ok(()) => self.answer(answers, Put::Kept),
                // One row is to blame: it is found by halving. One that is refused is put aside, and where one cannot be
                // read, or another node writes its call without end, only its own call's events come again.
                Err(StoreError::Row(_) | StoreError::Inconsistent { .. } | StoreError::Again(_)) if batch.len() > 1 => {
                    let half = batch.len() / 2;
                    parts.push((batch.split_off(half), answers.split_off(half)));
                    parts.push((batch, answers));
                }
                Err(StoreError::Row(why)) => {
                    for (arrival, answer) in batch.iter().zip(answers) {
                        let put = self.put_aside(arrival, &why).await;
                        self.answer([answer], put);
                    }
                }
                Err(why) => {
                    error!(%why, events = batch.len(), "events could not be kept; their senders are asked to come again");
                    self.answer(answers, Put::Busy);
                }
            }
        }
    }

    fn answer(&self, answers: impl IntoIterator<Item = oneshot::Sender<Put>>, put: Put) {
        for answer in answers {
            self.waiting.fetch_sub(1, Ordering::Relaxed);
            let _ = answer.send(put);
        }
    }

    /// Takes one batch, as often as the database asks to repeat it.
    async fn take(&self, batch: &[Arrival]) -> Result<(), StoreError> {
        let Parts { store, library, clock, .. } = &self.parts;
        let mut repeats = 0;
        loop {
            let boot = clock.boot();
            let since = boot.since;
            let stamp = Stamp { node: self.parts.node, boot: boot.boot, since, lease: courier::LEASE };
            let rules = library.snapshot();
            let mut decide = |loaded: Loaded| -> Result<Draft, MissingRules> {
                let changes = fold(batch, loaded, &rules.book(), clock.now())?;
                Ok(self.draft(changes))
            };
            match store.take(batch, &stamp, &mut decide).await {
                Ok(Taken::Written(draft)) => {
                    self.pass_on(batch, draft, since);
                    return Ok(());
                }
                Ok(Taken::Missing(missing)) => library.fetch(missing.0, store.as_ref()).await?,
                Err(StoreError::Again(why)) if repeats < REPEATS => {
                    repeats += 1;
                    warn!(why, repeats, "a batch is repeated");
                    tokio::time::sleep(Duration::from_millis(u64::from(2 * repeats))).await;
                }
                Err(why) => return Err(why),
            }
        }
    }

    fn draft(&self, changes: Changes) -> Draft {
        let parcel = |post: &crate::hall::Post| {
            let request = render(&post.command, &self.parts.line);
            Parcel { post: post.clone(), path: request.path, body: request.body }
        };
        let parcels = changes.posts.iter().map(parcel).collect();
        Draft { changes, parcels }
    }

    /// Everything is committed: the commands may leave, and the alarm learns of the earliest deadline.
    fn pass_on(&self, batch: &[Arrival], draft: Draft, since: Duration) {
        tell(batch, &draft.changes);
        for Parcel { post, path, body } in draft.parcels {
            let kind = post.command.verb.kind();
            let request = Request::stored(kind, path, body);
            let letter = Letter {
                call: post.call,
                seq: post.seq,
                leg: post.command.leg,
                id: post.command.id,
                kind,
                request,
                first: Some(since),
                taken_over: false,
                lease: Lease::until(since + courier::LEASE),
            };
            let _ = self.parts.letters.send(letter);
        }
        if let Some(wake) = draft.changes.calls.iter().filter_map(|saved| saved.wake_at).min() {
            let _ = self.parts.wakes.send(wake);
        }
    }

    async fn put_aside(&self, arrival: &Arrival, why: &str) -> Put {
        error!(event = %arrival.key.event, why, "an event was put into quarantine: the database refuses it");
        let (digest, raw) = arrival.aside();
        match self.parts.store.quarantine(digest, &raw, why, self.parts.clock.now()).await {
            Ok(()) => Put::Kept,
            Err(_) => Put::Busy,
        }
    }
}

/// Logs what was decided, and what was put aside.
fn tell(batch: &[Arrival], changes: &Changes) {
    for entry in &changes.entries {
        for remark in &entry.remarks {
            let told = || remark.for_logs();
            if remark.is_a_milestone() {
                info!(call = %entry.call, version = entry.version, remark = told(), "decided");
            } else {
                debug!(call = %entry.call, version = entry.version, remark = told(), "decided");
            }
        }
    }
    for Aside { index, why, .. } in &changes.aside {
        let event = batch.get(*index).map(|arrival| arrival.key.event.to_string());
        warn!(event, why, "an event was put into quarantine");
    }
}

#[cfg(test)]
mod tests {
    use tokio::task::JoinSet;
    use uuid::Uuid;

    use super::*;
    use crate::call::{CallId, EventId};
    use crate::engine::fake::{Asked, Fake, clock, inlet, taken};

    #[tokio::test]
    async fn a_call_that_cannot_be_read_or_is_always_written_by_another_harms_no_other() {
        let why = || "as it is meant to".to_owned();
        let unreadable = || StoreError::Inconsistent { table: "calls", id: "5".to_owned(), why: why() };
        assert_eq!(one_of_eight_fails(unreadable).await, 7, "all of them, then two halves of whatever holds it");
        let repeated = 4 * (REPEATS as usize + 1) + 3;
        assert_eq!(one_of_eight_fails(|| StoreError::Again(why())).await, repeated, "those that hold it several times");
    }

    /// Of eight events in one batch those of one call fail in this way: no other does. How many batches that takes.
    async fn one_of_eight_fails(failed: impl Fn() -> StoreError) -> usize {
        let (store, mut asked) = Fake::new();
        let (inlet, writer) = inlet(&store, &clock());
        let bad = CallId(Uuid::from_u128(5));
        let mut puts = JoinSet::new();
        for n in 0..8 {
            let (inlet, call) = (inlet.clone(), CallId(Uuid::from_u128(n)));
            let event = Event { id: EventId::due(call, 1), at: None, what: What::Due { version: 1 } };
            puts.spawn(async move { (call, inlet.put(Arrival::own(call, event)).await) });
        }
        while inlet.waiting.load(Ordering::Relaxed) < 8 {
            tokio::task::yield_now().await;
        }
        tokio::spawn(writer.run());
        let (mut told, mut batches) = (Vec::new(), 0);
        while told.len() < 8 {
            tokio::select! {
                Some(Asked::Take { batch, answer }) = asked.recv() => {
                    batches += 1;
                    let unreadable = batch.iter().any(|arrival| arrival.call == Some(bad));
                    drop(answer.send(if unreadable { Err(failed()) } else { taken(&batch) }));
                }
                Some(put) = puts.join_next() => told.push(put.unwrap()),
            }
        }
        told.sort_unstable_by_key(|(call, _)| *call);
        for (call, put) in told {
            assert_eq!(put, if call == bad { Put::Busy } else { Put::Kept }, "{call}");
        }
        batches
    }
}
