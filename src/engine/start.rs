//! The engine as one thing: started, fed, stopped.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::AtomicU32;
use std::time::Duration;

use tokio::sync::{Semaphore, mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout_at};
use tracing::warn;
use uuid::Uuid;

use super::alarm::Alarm;
use super::apply::{self, Inlet, Parts};
use super::counts::Counts;
use super::dispatch;
use super::letter::Ways;
use super::library::Library;
use super::life::Life;
use super::notify;
use super::sender::{RENEWALS, Sender};
use super::takeover::Heir;
use super::task::{Ended, spawn};
use crate::clock::Clock;
use crate::hall::Gate;
use crate::outside::hooks::Hooks;
use crate::store::Store;
use crate::telnyx::client::Client;

/// How long what is under way may take to finish when the engine stops.
const LAST_WORDS: Duration = Duration::from_secs(8);

/// How many batches may be under way at once where the database bears it.
const WRITERS: usize = 2;

/// What the operator says of sending commands.
#[derive(Clone, Debug, Default)]
pub struct Sending {
    /// The most commands a second, if there is to be a limit.
    pub rate: Option<NonZeroU32>,
    /// What is not dialled.
    pub gate: Gate,
}

/// What the engine is made of.
pub struct House {
    /// The database.
    pub store: Arc<dyn Store>,
    /// The rules.
    pub library: Arc<Library>,
    /// The way to Telnyx.
    pub client: Client,
    /// The way to others that are told of calls.
    pub hooks: Hooks,
    /// The time.
    pub clock: Clock,
    /// This process.
    pub node: Uuid,
    /// The connection that dials go out on (Telnyx: `connection_id`).
    pub connection: String,
    /// No other process uses this database.
    pub alone: bool,
    /// What is said of sending.
    pub sending: Sending,
}

/// An engine at work.
pub struct Engine {
    inlet: Inlet,
    stop: watch::Sender<bool>,
    gate: watch::Sender<Gate>,
    watchers: Vec<JoinHandle<()>>,
    writers: Vec<JoinHandle<()>>,
    senders: [JoinHandle<()>; 2],
    ended: mpsc::UnboundedReceiver<&'static str>,
    life: Arc<Life>,
    counts: Arc<Counts>,
}

impl Engine {
    /// Sets the engine to work.
    pub fn start(house: House) -> Self {
        let House { store, library, client, hooks, clock, node, connection, alone, sending } = house;
        let ((telnyx, out), (others, notices)) = (mpsc::unbounded_channel(), mpsc::unbounded_channel());
        let letters = Ways { telnyx, others };
        let (wakes, woken) = mpsc::unbounded_channel();
        let (stop, stopped) = watch::channel(false);
        let counts = Arc::new(Counts::default());
        let parts = Parts {
            store: store.clone(),
            library: library.clone(),
            clock: clock.clone(),
            node,
            connection,
            letters: letters.clone(),
            wakes,
            counts: counts.clone(),
        };
        // SQLite has one writer. On PostgreSQL one batch is decided while another is being committed.
        let (inlet, writers) = apply::new(&parts, if alone { 1 } else { WRITERS });
        drop(parts);
        let (nodes, gate) = (Arc::new(AtomicU32::new(1)), watch::Sender::new(sending.gate));
        let sender = Arc::new(Sender {
            client,
            inlet: inlet.clone(),
            store: store.clone(),
            library,
            clock: clock.clone(),
            node,
            rate: sending.rate,
            nodes: nodes.clone(),
            gate: gate.subscribe(),
            renewals: Semaphore::new(RENEWALS),
            returns: Semaphore::new(1),
            counts: counts.clone(),
        });
        let alarm = Alarm { store: store.clone(), clock: clock.clone(), inlet: inlet.clone() };
        let heir = Heir { store, clock, node, nodes };
        let (word, ended) = mpsc::unbounded_channel();
        let ends = Ended { word, life: Arc::default() };
        let watchers = vec![
            spawn("alarm", alarm.run(woken, stopped.clone()), &ends),
            spawn("take-over", heir.run(letters, alone, stopped.clone()), &ends),
        ];
        let writers = writers.into_iter().map(|writer| spawn("writer", writer.run(), &ends)).collect();
        let notices = notify::run(sender.clone(), hooks, notices, stopped.clone());
        let senders = [spawn("sender", dispatch::run(sender, out, stopped), &ends), spawn("notices", notices, &ends)];
        Self { inlet, stop, gate, watchers, writers, senders, ended, life: ends.life, counts }
    }

    /// Where events are handed in.
    pub fn inlet(&self) -> Inlet {
        self.inlet.clone()
    }

    /// What is not dialled. Whatever is sent here is in force at once, also for what has not left yet.
    pub fn gate(&self) -> watch::Sender<Gate> {
        self.gate.clone()
    }

    /// Whether it goes on.
    pub fn life(&self) -> Arc<Life> {
        self.life.clone()
    }

    /// What it has counted.
    pub fn counts(&self) -> Arc<Counts> {
        self.counts.clone()
    }

    /// Waits until a task of it ends by itself, which none should, and names it. Without it calls stand still: the
    /// process is to end, and the next one finds everything in the database.
    pub async fn ended(&mut self) -> &'static str {
        self.ended.recv().await.unwrap_or("engine")
    }

    /// Stops: nothing new is begun, what is under way is finished if it finishes soon, and by then at the latest. Whatever
    /// does not is in the database, for this process's next life or for another node.
    pub async fn stop(self, by: Instant) {
        let Self { inlet, stop, mut watchers, mut writers, mut senders, .. } = self;
        let _ = stop.send(true);
        drop(inlet);
        let finished = timeout_at(by.min(Instant::now() + LAST_WORDS), async {
            for task in watchers.iter_mut().chain(&mut senders).chain(&mut writers) {
                let _ = task.await;
            }
        });
        if finished.await.is_err() {
            warn!("commands are still under way; whoever runs next goes on with them");
            watchers.iter().chain(&senders).chain(&writers).for_each(JoinHandle::abort);
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::timeout;

    use super::*;
    use crate::call::{CallId, Event, EventId, What};
    use crate::engine::fake::{Asked, Fake, engine};
    use crate::hall::Arrival;

    #[tokio::test(start_paused = true)]
    async fn a_database_that_is_silent_does_not_keep_it_from_stopping() {
        for (allowed, taken) in [(3, 3), (60, LAST_WORDS.as_secs())] {
            let (store, mut asked) = Fake::new();
            let engine = engine(&store);
            let mut unanswered = Vec::new();
            while unanswered.len() < 2 {
                unanswered.push(asked.recv().await.unwrap());
            }
            let began = Instant::now();
            engine.stop(began + Duration::from_secs(allowed)).await;
            assert!(began.elapsed() <= Duration::from_millis(1000 * taken + 1), "{:?}", began.elapsed());
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_task_that_dies_is_noticed() {
        for part in ["alarm", "take-over", "writer"] {
            let (store, mut asked) = Fake::new();
            let mut engine = engine(&store);
            let inlet = engine.inlet();
            let (id, what) = (EventId("due".into()), What::Due { version: 1 });
            tokio::spawn(
                async move { inlet.put(Arrival::own(CallId(Uuid::nil()), Event { id, at: None, what })).await },
            );
            let mut unanswered = Vec::new();
            while unanswered.len() < 3 {
                unanswered.push(asked.recv().await.unwrap());
            }
            assert!(timeout(Duration::from_secs(60), engine.ended()).await.is_err(), "nothing has died");
            unanswered.retain(|question| match question {
                Asked::Due { .. } => part != "alarm",
                Asked::Claim { .. } => part != "take-over",
                Asked::Take { .. } => part != "writer",
                Asked::Renew { .. } => true,
            });
            assert_eq!(engine.ended().await, part);
        }
    }
}
