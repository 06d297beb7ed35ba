//! A server: the door in front, the engine behind it, started and stopped as one.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout_at};
use tracing::{info, warn};
use uuid::Uuid;

use super::record::{Recorder, Watched};
use crate::clock::Clock;
use crate::engine::{Engine, House, Library, Sending};
use crate::http::{self, Door, DoorLimits, Limits, routes};
use crate::outside::hooks::Hooks;
use crate::routing::{Rules, Sources};
use crate::store::Store;
use crate::telnyx::client::Client;
use crate::telnyx::signature::Keys;

/// How long a stop may take in all: 15 s are promised, and the process has to end in them.
const STOP: Duration = Duration::from_secs(14);
/// How much of that is left to the database at the end.
const CLOSING: Duration = Duration::from_secs(1);

/// What a server is made of.
pub struct Parts {
    /// Where it listens.
    pub listener: TcpListener,
    /// Limits of its connections.
    pub limits: Limits,
    /// The database.
    pub store: Arc<dyn Store>,
    /// No other process uses the database.
    pub alone: bool,
    /// The rules that new calls begin with, and their texts.
    pub rules: (Sources, Rules),
    /// The way to Telnyx.
    pub client: Client,
    /// The keys that webhooks are signed with.
    pub keys: Keys,
    /// The line that dials go out on.
    pub line: String,
    /// The time.
    pub clock: Clock,
    /// This process.
    pub node: Uuid,
    /// What writes down what goes to Telnyx and what comes from there, if that is wanted.
    pub recorder: Option<Recorder>,
    /// What is said of sending commands.
    pub sending: Sending,
}

/// A server at work.
pub struct App {
    /// Where it listens.
    pub address: SocketAddr,
    stop: oneshot::Sender<()>,
    server: JoinHandle<usize>,
    engine: Engine,
    store: Arc<dyn Store>,
    recorder: Option<Recorder>,
}

impl App {
    /// Brings the tables up to date, keeps the rules, and sets everything to work.
    ///
    /// # Errors
    /// The database cannot be used.
    pub async fn start(parts: Parts) -> Result<Self> {
        let Parts { listener, limits, store, alone, rules, client, keys, line, clock, node, recorder, sending } = parts;
        let address = listener.local_addr().context("the listener has no address")?;
        store.migrate().await.context("the database cannot be brought up to date")?;
        let (sources, rules) = rules;
        let texts = serde_json::to_string(&sources).context("the rules cannot be written as JSON")?;
        store.keep_rules(&rules.hash.0, &texts, clock.now()).await.context("the rules cannot be kept")?;
        info!(rules = rules.hash.0, lines = rules.numbers.len(), "rules in force");
        let library = Arc::new(Library::new(rules));
        let tap = recorder.as_ref().map(Recorder::tap);
        let client = tap.clone().into_iter().fold(client, Client::tapped);
        let hooks = Hooks::new().map_err(|why| anyhow!("cannot set up TLS for notices: {why}"))?;
        let (house_store, house_clock) = (store.clone(), clock.clone());
        let engine = Engine::start(House {
            store: house_store,
            library,
            client,
            hooks,
            clock: house_clock,
            node,
            line,
            alone,
            sending,
        });
        let door = Door::new(keys, Arc::new(Watched { inlet: engine.inlet(), tap }), clock, DoorLimits::default());
        let (stop, stopped) = oneshot::channel();
        let router = routes::public(Arc::new(door));
        let server = tokio::spawn(http::serve(listener, router, limits, async {
            // An end of the other side without a word is a stop as well.
            let _ = stopped.await;
        }));
        Ok(Self { address, stop, server, engine, store, recorder })
    }

    /// Waits until a part of it ends by itself, which none should, and names it. The process is to end then: all there
    /// is to know is in the database, for the next one.
    pub async fn failed(&mut self) -> &'static str {
        tokio::select! {
            part = self.engine.ended() => part,
            _ = &mut self.server => "door",
        }
    }

    /// Stops: takes no more connections, finishes what it has, and closes the database. What does not finish in time is
    /// left to the next life: everything is in the database.
    pub async fn stop(self) {
        let Self { stop, mut server, engine, store, recorder, .. } = self;
        let by = Instant::now() + STOP;
        let _ = stop.send(());
        match timeout_at(by - CLOSING, &mut server).await {
            Ok(Ok(0)) => {}
            Ok(Ok(cut)) => warn!(cut, "connections did not finish in time and were cut off"),
            Ok(Err(why)) => warn!(%why, "the server ended badly"),
            Err(_) => server.abort(),
        }
        engine.stop(by - CLOSING).await;
        let recorded = async {
            if let Some(recorder) = recorder {
                recorder.stop().await;
            }
        };
        if timeout_at(by, async { tokio::join!(store.close(), recorded) }).await.is_err() {
            warn!("the database does not close in time; it is left as it is");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::fake::{Fake, engine};

    #[tokio::test(start_paused = true)]
    async fn a_stop_is_over_in_time_whoever_is_silent() {
        let silent: fn() -> JoinHandle<usize> = || tokio::spawn(std::future::pending());
        for server in [silent, || tokio::spawn(async { 0 })] {
            let (store, mut asked) = Fake::new();
            let (stop, _stopped) = oneshot::channel();
            let engine = engine(&store);
            let address = SocketAddr::from(([127, 0, 0, 1], 1));
            let app = App { address, stop, server: server(), engine, store, recorder: None };
            let unanswered = [asked.recv().await.unwrap(), asked.recv().await.unwrap()];
            let began = Instant::now();
            app.stop().await;
            assert!(began.elapsed() < Duration::from_secs(15), "{:?}", began.elapsed());
            drop(unanswered);
        }
    }
}
