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
use super::dispatch::{self, Sender};
use super::library::Library;
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
        let watchers = vec![
            tokio::spawn(watch.clone().alarm(woken, stopped.clone())),
            tokio::spawn(watch.take_over(letters, alone, stopped.clone())),
        ];
        let writers = writers.into_iter().map(|writer| tokio::spawn(writer.run())).collect();
        let sender = tokio::spawn(dispatch::run(sender, out, stopped));
        Self { inlet, stop, watchers, writers, sender }
    }

    /// Where events are handed in.
    pub fn inlet(&self) -> Inlet {
        self.inlet.clone()
    }

    /// Stops: nothing new is begun, what is under way is finished if it finishes soon. Whatever does not is in the
    /// database, for this process's next life or for another node.
    pub async fn stop(self) {
        let Self { inlet, stop, watchers, mut writers, mut sender } = self;
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
