//! A server: the door in front, the engine behind it, started and stopped as one.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use tokio::net::TcpListener;
use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout_at};
use tracing::{info, warn};
use uuid::Uuid;

use super::record::{Recorder, Watched};
use super::watch::{Files, Watcher};
use crate::clock::Clock;
use crate::engine::{Engine, House, Library, Reload, Reloads, Sending, Stand, keep_rules};
use crate::http::{self, Desk, Door, DoorLimits, Limits, Token, routes};
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
    /// The connection that dials go out on (Telnyx: `connection_id`).
    pub connection: String,
    /// The time.
    pub clock: Clock,
    /// This process.
    pub node: Uuid,
    /// What writes down what goes to Telnyx and what comes from there, if that is wanted.
    pub recorder: Option<Recorder>,
    /// What is said of sending commands.
    pub sending: Sending,
    /// The files that may change while it runs, if it is to follow them.
    pub files: Option<Files>,
    /// The admin listener, if there is to be one.
    pub admin: Option<Admin>,
}

/// Where the server is watched, and told to read its files again.
pub struct Admin {
    /// Where it listens.
    pub listener: TcpListener,
    /// What whoever asks must show.
    pub token: Option<Token>,
}

/// How many connections the admin listener takes.
const ADMIN_CONNECTIONS: usize = 32;

/// A server at work.
pub struct App {
    /// Where it listens.
    pub address: SocketAddr,
    /// Where its admin listener listens, if there is one.
    pub admin_address: Option<SocketAddr>,
    door: Listening,
    admin: Option<Listening>,
    engine: Engine,
    store: Arc<dyn Store>,
    recorder: Option<Recorder>,
    reloads: Reloads,
    watcher: Option<JoinHandle<()>>,
}

/// A listener at work: how to stop it, and how many connections were cut off then.
struct Listening {
    stop: oneshot::Sender<()>,
    server: JoinHandle<usize>,
}

impl Listening {
    fn start(listener: TcpListener, router: axum::Router, limits: Limits) -> Self {
        let (stop, stopped) = oneshot::channel();
        let server = tokio::spawn(http::serve(listener, router, limits, async {
            // An end of the other side without a word is a stop as well.
            let _ = stopped.await;
        }));
        Self { stop, server }
    }

    /// Takes no more connections, and finishes those it has, if that is in time.
    async fn stop(self, by: Instant) {
        let Self { stop, mut server } = self;
        let _ = stop.send(());
        match timeout_at(by, &mut server).await {
            Ok(Ok(0)) => {}
            Ok(Ok(cut)) => warn!(cut, "connections did not finish in time and were cut off"),
            Ok(Err(why)) => warn!(%why, "the server ended badly"),
            Err(_) => server.abort(),
        }
    }
}

impl App {
    /// Brings the tables up to date, keeps the rules, and sets everything to work.
    ///
    /// # Errors
    /// The database cannot be used.
    pub async fn start(parts: Parts) -> Result<Self> {
        let Parts { listener, limits, store, rules, client, clock, node, recorder, .. } = parts;
        let address = listener.local_addr().context("the listener has no address")?;
        store.migrate().await.context("the database cannot be brought up to date")?;
        let (sources, rules) = rules;
        keep_rules(store.as_ref(), &sources, &rules, clock.now()).await.context("the rules cannot be kept")?;
        info!(rules = rules.hash.0, lines = rules.numbers.len(), "rules in force");
        let stand = Stand { rules: rules.hash.clone(), since: clock.now(), routes: None, settings: None };
        let (stand, stands) = watch::channel(stand);
        let library = Arc::new(Library::new(rules));
        let tap = recorder.as_ref().map(Recorder::tap);
        let client = tap.clone().into_iter().fold(client, Client::tapped);
        let reload = Reload { store: store.clone(), library: library.clone(), clock: clock.clone() };
        let hooks = Hooks::new().map_err(|why| anyhow!("cannot set up TLS for notices: {why}"))?;
        let house = House {
            store: store.clone(),
            library,
            client,
            hooks,
            clock: clock.clone(),
            node,
            connection: parts.connection,
            alone: parts.alone,
            sending: parts.sending,
        };
        let engine = Engine::start(house);
        let intake = Arc::new(Watched { inlet: engine.inlet(), tap });
        let door = Arc::new(Door::new(parts.keys, intake, clock.clone(), DoorLimits::default()));
        let (reloads, asked) = Reloads::new();
        let watcher = parts
            .files
            .map(|files| tokio::spawn(Watcher::new(files, sources, reload, engine.gate(), stand).run(asked)));
        let desk = Desk {
            store: store.clone(),
            clock,
            node,
            life: engine.life(),
            counts: engine.counts(),
            tally: door.tally(),
            stands,
            reloads: watcher.is_some().then(|| reloads.clone()),
        };
        let admin_address = parts.admin.as_ref().map(|admin| admin.listener.local_addr()).transpose();
        let admin_address = admin_address.context("the admin listener has no address")?;
        let admin = parts.admin.map(|Admin { listener, token }| {
            Listening::start(listener, routes::admin(Arc::new(desk), token), Limits::of(ADMIN_CONNECTIONS))
        });
        let door = Listening::start(listener, routes::public(door), limits);
        Ok(Self { address, admin_address, door, admin, engine, store, recorder, reloads, watcher })
    }

    /// Has the files read again, at once.
    pub fn reload(&self) {
        self.reloads.soon();
    }

    /// Waits until a part of it ends by itself, which none should, and names it. The process is to end then: all there
    /// is to know is in the database, for the next one.
    pub async fn failed(&mut self) -> &'static str {
        let admin = ended(self.admin.as_mut().map(|admin| &mut admin.server));
        let watcher = ended(self.watcher.as_mut());
        tokio::select! {
            part = self.engine.ended() => part,
            _ = &mut self.door.server => "door",
            () = admin => "admin listener",
            () = watcher => "watcher of files",
        }
    }

    /// Stops: takes no more connections, finishes what it has, and closes the database. What does not finish in time is
    /// left to the next life: everything is in the database. Whoever asks whether it is ready is told first that it is not,
    /// and until the end.
    pub async fn stop(self) {
        let Self { door, admin, engine, store, recorder, watcher, .. } = self;
        let by = Instant::now() + STOP;
        engine.life().stop();
        watcher.iter().for_each(JoinHandle::abort);
        door.stop(by - CLOSING).await;
        engine.stop(by - CLOSING).await;
        let asked = async {
            if let Some(admin) = admin {
                admin.stop(by - CLOSING).await;
            }
        };
        let recorded = async {
            if let Some(recorder) = recorder {
                recorder.stop().await;
            }
        };
        if timeout_at(by, async { tokio::join!(store.close(), recorded, asked) }).await.is_err() {
            warn!("the database does not close in time; it is left as it is");
        }
    }
}

/// Waits until a task has ended; for ever, if there is none.
async fn ended<T>(task: Option<&mut JoinHandle<T>>) {
    match task {
        Some(task) => drop(task.await),
        None => std::future::pending().await,
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
            let listening = || Listening { stop: oneshot::channel().0, server: server() };
            let app = App {
                address: SocketAddr::from(([127, 0, 0, 1], 1)),
                admin_address: None,
                door: listening(),
                admin: Some(listening()),
                engine: engine(&store),
                store,
                recorder: None,
                reloads: Reloads::new().0,
                watcher: Some(tokio::spawn(std::future::pending())),
            };
            let unanswered = [asked.recv().await.unwrap(), asked.recv().await.unwrap()];
            let began = Instant::now();
            app.stop().await;
            assert!(began.elapsed() < Duration::from_secs(15), "{:?}", began.elapsed());
            drop(unanswered);
        }
    }
}
