//! The engine as one thing: started, fed, stopped.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tracing::warn;
use uuid::Uuid;

use super::alarm::Watch;
use super::apply::{self, Inlet, Parts};
use super::dispatch;
use super::library::Library;
use super::sender::Sender;
use super::task::spawn;
use crate::clock::Clock;
use crate::store::Store;
use crate::telnyx::client::Client;

/// How long what is under way may take to finish when the engine stops.
const LAST_WORDS: Duration = Duration::from_secs(8);

/// How many batches may be under way at once where the database bears it.
const WRITERS: usize = 2;

/// What the engine is made of.
pub struct House {
    /// The database.
    pub store: Arc<dyn Store>,
    /// The rules.
    pub library: Arc<Library>,
    /// The way to Telnyx.
    pub client: Client,
    /// The time.
    pub clock: Clock,
    /// This process.
    pub node: Uuid,
    /// The line that dials go out on.
    pub line: String,
    /// No other process uses this database.
    pub alone: bool,
}

/// An engine at work.
pub struct Engine {
    inlet: Inlet,
    stop: watch::Sender<bool>,
    watchers: Vec<JoinHandle<()>>,
    writers: Vec<JoinHandle<()>>,
    sender: JoinHandle<()>,
    ended: mpsc::UnboundedReceiver<&'static str>,
}

impl Engine {
    /// Sets the engine to work.
    pub fn start(house: House) -> Self {
        let House { store, library, client, clock, node, line, alone } = house;
        let (letters, out) = mpsc::unbounded_channel();
        let (wakes, woken) = mpsc::unbounded_channel();
        let (stop, stopped) = watch::channel(false);
        let parts =
            Parts { store: store.clone(), library, clock: clock.clone(), node, line, letters: letters.clone(), wakes };
        // SQLite has one writer. On PostgreSQL one batch is decided while another is being committed.
        let (inlet, writers) = apply::new(&parts, if alone { 1 } else { WRITERS });
        drop(parts);
        let sender = Sender { client, inlet: inlet.clone(), store: store.clone(), clock: clock.clone(), node };
        let watch = Watch { store, clock, inlet: inlet.clone(), node };
        let (ends, ended) = mpsc::unbounded_channel();
        let watchers = vec![
            spawn("alarm", watch.clone().alarm(woken, stopped.clone()), &ends),
            spawn("take-over", watch.take_over(letters, alone, stopped.clone()), &ends),
        ];
        let writers = writers.into_iter().map(|writer| spawn("writer", writer.run(), &ends)).collect();
        let sender = spawn("sender", dispatch::run(sender, out, stopped), &ends);
        Self { inlet, stop, watchers, writers, sender, ended }
    }

    /// Where events are handed in.
    pub fn inlet(&self) -> Inlet {
        self.inlet.clone()
    }

    /// Waits until a task of it ends by itself, which none should, and names it. Without it calls stand still: the
    /// process is to end, and the next one finds everything in the database.
    pub async fn ended(&mut self) -> &'static str {
        self.ended.recv().await.unwrap_or("engine")
    }

    /// Stops: nothing new is begun, what is under way is finished if it finishes soon. Whatever does not is in the
    /// database, for this process's next life or for another node.
    pub async fn stop(self) {
        let Self { inlet, stop, watchers, mut writers, mut sender, ended: _ } = self;
        let _ = stop.send(true);
        for watcher in watchers {
            let _ = watcher.await;
        }
        drop(inlet);
        let finished = timeout(LAST_WORDS, async {
            let _ = (&mut sender).await;
            for writer in &mut writers {
                let _ = writer.await;
            }
        });
        if finished.await.is_err() {
            warn!("commands are still under way; whoever runs next goes on with them");
            sender.abort();
            writers.iter().for_each(JoinHandle::abort);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::call::{CallId, Event, EventId, What};
    use crate::engine::fake::{Asked, Fake, clock, nowhere, rules};
    use crate::hall::Arrival;

    #[tokio::test(start_paused = true)]
    async fn a_task_that_dies_is_noticed() {
        for part in ["alarm", "take-over", "writer"] {
            let (store, mut asked) = Fake::new();
            let library = Arc::new(Library::new(rules()));
            let house = House {
                store,
                library,
                client: nowhere(),
                clock: clock(),
                node: Uuid::nil(),
                line: "1".into(),
                alone: true,
            };
            let mut engine = Engine::start(house);
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
