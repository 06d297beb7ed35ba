//! The one way in: every event goes through here, many to a transaction.
//!
//! A batch is whatever arrived while the last one was being committed: alone an event is a batch of one, and under load
//! the batches grow by themselves; where not all fits, events of live calls go before new calls. Each writer has one
//! batch at a time, and the events of a call go to the same writer; where one of them does not say whose it is and goes to
//! the other, the database keeps the two apart.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;
use sha2::{Digest as _, Sha256};
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;
use tracing::{debug, error, info, warn};

use super::counts::Counts;
use super::letter::{Letter, Ways, rendered};
use super::library::Library;
use super::queue::{Queue, Rank, Room, Seat};
use crate::call::{Event, News, What};
use crate::clock::Clock;
use crate::hall::{Arrival, Aside, Changes, Digest, Loaded, MissingRules, courier, fold, likely};
use crate::store::{Draft, Parcel, Stamp, Store, StoreError, Taken};
use crate::telnyx::request::Request;

/// The largest batch.
const BATCH: usize = 256;
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
    room: Room,
    store: Arc<dyn Store>,
    clock: Clock,
}

#[derive(Debug)]
struct Job {
    arrival: Arrival,
    since: Instant,
    asker: Asker,
}

/// Whoever waits for what becomes of an event, and his place among those who do.
#[derive(Debug)]
struct Asker {
    seat: Seat,
    answer: oneshot::Sender<Put>,
}

impl Inlet {
    /// Hands an event in, and waits until it is kept. The work goes on even if the wait is given up.
    pub async fn put(&self, arrival: Arrival) -> Put {
        let Some(seat) = self.room.enter(rank(&arrival)) else { return Put::Busy };
        let (answer, answered) = oneshot::channel();
        let writers = self.writers.len().max(1) as u128;
        let of_call = likely(&arrival).map_or(0, |call| usize::try_from(call.0.as_u128() % writers).unwrap_or(0));
        let job = Job { arrival, since: Instant::now(), asker: Asker { seat, answer } };
        if self.writers.get(of_call).is_none_or(|writer| writer.send(job).is_err()) {
            return Put::Busy;
        }
        answered.await.unwrap_or(Put::Busy)
    }

    /// Hands in what a webhook said; `digest` tells it from another that comes under the same id.
    pub async fn put_webhook(&self, stream: String, event: Event, digest: Digest, raw: Bytes) -> Put {
        self.put(Arrival::webhook(stream, event, digest, raw)).await
    }

    /// Keeps a body that is genuine and no event. The work goes on even if the wait is given up.
    pub async fn put_body(&self, raw: Bytes, why: String) -> Put {
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

/// Which of those who wait it goes with.
fn rank(arrival: &Arrival) -> Rank {
    let new = matches!(&arrival.event.what, What::Leg { news: News::Arrived { .. }, .. });
    if new { Rank::New } else { Rank::Live }
}

impl Asker {
    fn tell(self, put: Put) {
        drop(self.seat);
        let _ = self.answer.send(put);
    }
}

/// The writer: takes batches, commits them, and passes on what came of them.
pub struct Writer {
    jobs: mpsc::UnboundedReceiver<Job>,
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
    /// The connection that dials go out on (Telnyx: `connection_id`).
    pub connection: String,
    /// Where committed commands go.
    pub letters: Ways,
    /// Where the earliest deadline of a batch goes.
    pub wakes: mpsc::UnboundedSender<Timestamp>,
    /// What is counted.
    pub counts: Arc<Counts>,
}

/// So many writers, and where to hand events in to them.
pub fn new(parts: &Parts, writers: usize) -> (Inlet, Vec<Writer>) {
    let (senders, writers) = (0..writers)
        .map(|_| {
            let (sender, jobs) = mpsc::unbounded_channel();
            (sender, Writer { jobs, parts: parts.clone() })
        })
        .unzip();
    let inlet =
        Inlet { writers: senders, room: Room::default(), store: parts.store.clone(), clock: parts.clock.clone() };
    (inlet, writers)
}

impl Writer {
    /// Works until the last inlet is gone and everything handed in is answered.
    pub async fn run(mut self) {
        let mut queue = Queue::new();
        while !queue.is_empty() || self.wait(&mut queue).await {
            while let Ok(job) = self.jobs.try_recv() {
                queue.push(rank(&job.arrival), job.since, job);
            }
            self.commit(queue.batch(BATCH)).await;
            queue.given_up(Instant::now()).into_iter().for_each(|job| job.asker.tell(Put::Busy));
        }
    }

    /// Waits for one to queue. False: there will be none.
    async fn wait(&mut self, queue: &mut Queue<Job>) -> bool {
        let Some(job) = self.jobs.recv().await else { return false };
        queue.push(rank(&job.arrival), job.since, job);
        true
    }

    async fn commit(&self, jobs: Vec<Job>) {
        let mut parts: Vec<(Vec<Arrival>, Vec<Asker>)> =
            vec![jobs.into_iter().map(|job| (job.arrival, job.asker)).unzip()];
        while let Some((mut batch, mut askers)) = parts.pop() {
            match self.take(&batch).await {
                Ok(()) => answer(askers, Put::Kept),
                // One row is to blame: it is found by halving. One that is refused is put aside, and where one cannot be
                // read, or another node writes its call without end, only its own call's events come again.
                Err(StoreError::Row(_) | StoreError::Inconsistent { .. } | StoreError::Again(_)) if batch.len() > 1 => {
                    let half = batch.len() / 2;
                    parts.push((batch.split_off(half), askers.split_off(half)));
                    parts.push((batch, askers));
                }
                Err(StoreError::Row(why)) => {
                    for (arrival, asker) in batch.iter().zip(askers) {
                        asker.tell(self.put_aside(arrival, &why).await);
                    }
                }
                Err(why) => {
                    error!(%why, events = batch.len(), "events could not be kept; their senders are asked to come again");
                    answer(askers, Put::Busy);
                }
            }
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
            let Request { path, body, .. } = rendered(&post.command, &self.parts.connection);
            Parcel { post: post.clone(), path, body }
        };
        let parcels = changes.posts.iter().map(parcel).collect();
        Draft { changes, parcels }
    }

    /// Everything is committed: the commands may leave, and the alarm learns of the earliest deadline.
    fn pass_on(&self, batch: &[Arrival], draft: Draft, since: Duration) {
        tell(batch, &draft.changes);
        self.parts.counts.batch(&draft.changes);
        for parcel in draft.parcels {
            self.parts.letters.send(Letter::new(parcel, since));
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

fn answer(askers: Vec<Asker>, put: Put) {
    askers.into_iter().for_each(|asker| asker.tell(put));
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
    use crate::call::{CallId, EventId, Handle, Who};
    use crate::engine::fake::{Asked, Fake, clock, inlet, taken};
    use crate::phone::Party;

    #[tokio::test]
    async fn a_call_that_cannot_be_read_or_is_always_written_by_another_harms_no_other() {
        let why = || "as it is meant to".to_owned();
        let unreadable = || StoreError::Inconsistent { table: "calls", id: "5".to_owned(), why: why() };
        assert_eq!(one_of_eight_fails(unreadable).await, 7, "all of them, then two halves of whatever holds it");
        let repeated = 4 * (REPEATS as usize + 1) + 3;
        assert_eq!(one_of_eight_fails(|| StoreError::Again(why())).await, repeated, "those that hold it several times");
    }

    /// Somebody calls.
    fn caller(n: usize) -> Arrival {
        let who = Who { handle: Some(Handle(format!("v3:{n}"))), ..Who::default() };
        let news = News::Arrived { from: Party::read("+12025550111"), to: Party::read("+12025550100"), hops: 0 };
        let event = Event { id: EventId(format!("e{n}")), at: None, what: What::Leg { who, news } };
        Arrival::webhook("s".to_owned(), event, [0; 32], Bytes::new())
    }

    fn due(call: CallId) -> Arrival {
        Arrival::own(call, Event { id: EventId::due(call, 1), at: None, what: What::Due { version: 1 } })
    }

    #[tokio::test(start_paused = true)]
    async fn what_a_live_call_hears_does_not_stand_behind_new_calls_and_those_who_wait_for_long_are_let_go() {
        let (store, mut asked) = Fake::new();
        let (inlet, writer) = inlet(&store, &clock());
        let mut puts = JoinSet::new();
        let hand_in = |puts: &mut JoinSet<(bool, Put)>, arrival: Arrival| {
            let (inlet, live) = (inlet.clone(), arrival.call.is_some());
            puts.spawn(async move { (live, inlet.put(arrival).await) });
        };
        (0..2 * BATCH + 10).for_each(|n| hand_in(&mut puts, caller(n)));
        while inlet.room.taken() < 2 * BATCH + 10 {
            tokio::task::yield_now().await;
        }
        hand_in(&mut puts, due(CallId(Uuid::nil())));
        while inlet.room.taken() < 2 * BATCH + 11 {
            tokio::task::yield_now().await;
        }
        tokio::spawn(writer.run());
        let Some(Asked::Take { batch, answer }) = asked.recv().await else { panic!("a batch is taken") };
        let places: Vec<usize> = (0..batch.len()).filter(|no| batch[*no].call.is_some()).collect();
        assert_eq!((batch.len(), places), (BATCH, vec![BATCH - 1]), "all that fits, in the order of coming");
        tokio::time::sleep(Duration::from_secs(3)).await;
        drop(answer.send(taken(&batch)));
        // What has waited for long is let go; nobody else is there.
        let mut told = Vec::new();
        while let Some(put) = puts.join_next().await {
            told.push(put.unwrap());
        }
        assert_eq!(told.iter().filter(|(_, put)| *put == Put::Kept).count(), BATCH);
        assert!(told.contains(&(true, Put::Kept)) && told.len() == 2 * BATCH + 11);
        assert_eq!(inlet.room.taken(), 0);
    }

    #[tokio::test]
    async fn a_writer_that_is_gone_fills_no_room() {
        let (store, _asked) = Fake::new();
        let (inlet, writer) = inlet(&store, &clock());
        let early = tokio::spawn({
            let inlet = inlet.clone();
            async move { inlet.put(caller(1)).await }
        });
        while inlet.room.taken() < 1 {
            tokio::task::yield_now().await;
        }
        drop(writer);
        assert_eq!((early.await.unwrap(), inlet.put(caller(2)).await), (Put::Busy, Put::Busy));
        assert_eq!(inlet.room.taken(), 0);
    }

    /// Of eight events in one batch those of one call fail in this way: no other does. How many batches that takes.
    async fn one_of_eight_fails(failed: impl Fn() -> StoreError) -> usize {
        let (store, mut asked) = Fake::new();
        let (inlet, writer) = inlet(&store, &clock());
        let bad = CallId(Uuid::from_u128(5));
        let mut puts = JoinSet::new();
        for n in 0..8 {
            let (inlet, call) = (inlet.clone(), CallId(Uuid::from_u128(n)));
            puts.spawn(async move { (call, inlet.put(due(call)).await) });
        }
        while inlet.room.taken() < 8 {
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
