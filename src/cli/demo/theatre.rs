//! The stage: the simulator and the real server in one process, with real HTTP between them, on a clock that runs as
//! fast as the machine keeps up.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use jiff::Timestamp;
use serde_json::Value;
use tempfile::TempDir;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpListener;
use tokio::time::timeout;
use uuid::Uuid;

use super::day::begin;
use super::hook::Receiver;
use super::program::{Act, LONGEST_DELAY};
use super::screen::Screen;
use crate::app::{Again, App, Parts, decide_again, open};
use crate::clock::Clock;
use crate::config::Database;
use crate::engine::Sending;
use crate::http::Limits;
use crate::routing::{Rules, Sources};
use crate::sim::face::{self, Face, FaceSettings, Pace};
use crate::sim::sign::KeyPair;
use crate::sim::{CallNo, CallOutcome, Mishap, Settings, What, World};
use crate::store::{CallRow, Store};
use crate::telnyx::client::Client;
use crate::telnyx::signature::Keys;

/// The key of the simulated account.
const API_KEY: &str = "KEY_OF_THE_DEMO";
/// The longest the whole may take on the machine's clock.
const LONGEST: Duration = Duration::from_secs(55);
/// How often the screen is drawn and the end looked for.
const TICK: Duration = Duration::from_millis(100);
/// How far the clock runs on by itself.
const REACH: Duration = Duration::from_millis(200);
/// The pause between two winds of the clock, on the machine's own.
const PAUSE: Duration = Duration::from_millis(2);

/// What was played: every act, in order.
pub struct Performance {
    /// The acts.
    pub acts: Vec<Played>,
    /// How often what happened, by the simulator's names.
    pub counts: BTreeMap<String, u64>,
    /// How long it took on the machine's clock.
    pub took: Duration,
    /// The rules it was played by.
    pub rules: Rules,
}

/// One act, played.
pub struct Played {
    /// What was to happen.
    pub act: Act,
    /// What happened, by the simulator's ledger.
    pub outcome: CallOutcome,
    /// When the caller was first joined with somebody, by the ledger as well.
    pub joined: Option<Timestamp>,
    /// What was decided and sent, by the journal and the outbox; `None` if the call is not there.
    pub kept: Option<Again>,
    /// What the hooks of the rules were told of it.
    pub told: Vec<Value>,
}

/// Plays the acts.
///
/// # Errors
/// Ports, the temporary file or the server cannot be had, or the calls do not end.
pub async fn play(
    acts: &[Act],
    rules: (Sources, Rules),
    seed: u64,
    times: u32,
    screen: &mut Screen,
) -> Result<Performance> {
    let folder = tempfile::tempdir().context("no temporary folder can be made")?;
    let (mut rules, hook) = (rules, Receiver::start().await?);
    hook.stand_in(&mut rules.1);
    let clock = Clock::wound(begin()?, times, REACH);
    let server = TcpListener::bind("127.0.0.1:0").await.context("no port on 127.0.0.1 can be had")?;
    let webhook_url = format!("http://{}/webhooks/telnyx", server.local_addr()?);
    let world = world(seed, &webhook_url);
    let calls: Vec<_> = acts.iter().map(|act| lock(&world).call_in(clock.now(), &act.script)).collect();
    let key = KeyPair::from_seed(seed);
    let keys = Keys::parse(&key.public_base64())?;
    let face = simulator(&world, webhook_url, key, &clock, times).await?;
    let (store, app) = start(&folder, server, &face, keys, &clock, rules.clone(), seed).await?;
    let machine = Clock::system();
    let began = machine.boot().since;
    let end = tokio::select! {
        end = timeout(LONGEST, wait(&world, store.as_ref(), acts.len(), &clock, screen)) => end,
        broken = keep_wound(&clock, app.address, store.as_ref(), &rules, &folder) => Ok(broken),
    };
    let took = machine.boot().since.saturating_sub(began);
    let played = tell(acts, &calls, &world, store.as_ref(), &rules.1, &hook).await;
    face.stop().await;
    app.stop().await;
    end.with_context(|| format!("the calls did not end within {} s", LONGEST.as_secs()))??;
    let counts = lock(&world).counts();
    Ok(Performance { acts: played?, counts, took, rules: rules.1 })
}

/// Winds the clock after each time round what webhooks wait for as well: an answer of the server, its turn to write,
/// and the disk. A machine that is busy with other things takes longer for it, and then time passes more slowly.
/// Returns only if that fails.
async fn keep_wound(
    clock: &Clock,
    server: SocketAddr,
    store: &dyn Store,
    rules: &(Sources, Rules),
    folder: &TempDir,
) -> Result<()> {
    let client = reqwest::Client::builder().no_proxy().build()?;
    let url = format!("http://{server}/healthz");
    let texts = serde_json::to_string(&rules.0)?;
    let mut file = tokio::fs::File::create(folder.path().join("clock")).await?;
    loop {
        client.get(&url).send().await?.error_for_status().context("the server does not answer")?;
        // They are kept already: it changes nothing.
        store.keep_rules(&rules.1.hash.0, &texts, clock.now()).await?;
        file.write_all(b".").await?;
        file.sync_data().await?;
        clock.wind();
        tokio::time::sleep(PAUSE).await;
    }
}

fn world(seed: u64, webhook_url: &str) -> Arc<Mutex<World>> {
    let mut settings = Settings { webhook_url: webhook_url.to_owned(), ..Settings::default() };
    settings.network = settings.network.with(Mishap::Delay, 0.1).with(Mishap::Duplicate, 0.1).with(Mishap::Swap, 0.3);
    settings.longest_delay = LONGEST_DELAY;
    Arc::new(Mutex::new(World::new(seed, settings)))
}

async fn simulator(
    world: &Arc<Mutex<World>>,
    webhook_url: String,
    key: KeyPair,
    clock: &Clock,
    times: u32,
) -> Result<Face> {
    let listener = TcpListener::bind("127.0.0.1:0").await.context("no port on 127.0.0.1 can be had")?;
    let now = clock.clone();
    let pace = Pace { now: Arc::new(move || now.now()), times };
    let settings = FaceSettings { webhook_url, api_key: Some(API_KEY.to_owned()), pace, key };
    Ok(face::serve(listener, world.clone(), settings)?)
}

async fn start(
    folder: &TempDir,
    listener: TcpListener,
    face: &Face,
    keys: Keys,
    clock: &Clock,
    rules: (Sources, Rules),
    seed: u64,
) -> Result<(Arc<dyn Store>, App)> {
    let database = Database::Sqlite { path: folder.path().join("demo.db") };
    let store = open(&database, false).await?.store;
    let client = Client::new(&format!("http://{}/v2", face.address()), &API_KEY.into())?;
    let parts = Parts {
        listener,
        limits: Limits::default(),
        store: store.clone(),
        alone: true,
        rules,
        client,
        keys,
        connection: Settings::default().connection_id,
        clock: clock.clone(),
        node: Uuid::from_u64_pair(0, seed),
        recorder: None,
        sending: Sending::default(),
        files: None,
        admin: None,
    };
    Ok((store, App::start(parts).await?))
}

/// Waits until every call has ended, for the simulator and for us.
async fn wait(world: &Mutex<World>, store: &dyn Store, acts: usize, clock: &Clock, screen: &mut Screen) -> Result<()> {
    loop {
        let outcomes = lock(world).outcomes();
        screen.show(clock.now(), &outcomes);
        let over = outcomes
            .iter()
            .all(|outcome| outcome.ended.is_some() && outcome.rings.iter().all(|ring| ring.ended.is_some()));
        let calls = store.calls(u32::try_from(acts).unwrap_or(u32::MAX)).await?;
        // A call that has ended may still wait for a recording.
        let settled = calls.len() == acts && calls.iter().all(|row| row.state.has_ended() && row.wake_at.is_none());
        if over && settled && all_sent(store, &calls).await? {
            return Ok(());
        }
        tokio::time::sleep(TICK).await;
    }
}

/// Whether nothing waits to be sent, a notice least of all.
async fn all_sent(store: &dyn Store, calls: &[CallRow]) -> Result<bool> {
    for row in calls {
        if store.outbox(row.state.id).await?.iter().any(|row| row.status == "open") {
            return Ok(false);
        }
    }
    Ok(true)
}

/// What became of every act.
async fn tell(
    acts: &[Act],
    calls: &[CallNo],
    world: &Mutex<World>,
    store: &dyn Store,
    rules: &Rules,
    hook: &Receiver,
) -> Result<Vec<Played>> {
    let rows = store.calls(u32::MAX).await?;
    let mut played = Vec::new();
    for (act, call) in acts.iter().zip(calls) {
        let (outcome, joined, handle) = {
            let world = lock(world);
            (world.outcome(*call), joined(&world, *call), world.caller(*call).map(str::to_owned))
        };
        let (Some(outcome), Some(handle)) = (outcome, handle) else { bail!("“{}” never began", act.script.name) };
        let of_caller = |row: &&CallRow| {
            let caller = row.state.caller().and_then(|leg| leg.handle.as_ref());
            caller.is_some_and(|known| known.0 == handle)
        };
        let row = rows.iter().find(of_caller);
        let kept = match row {
            Some(row) => Some(decide_again(store, row.state.id, rules, &Settings::default().connection_id).await?),
            None => None,
        };
        let told = row.map(|row| hook.told(&row.state.id.to_string())).unwrap_or_default();
        played.push(Played { act: act.clone(), outcome, joined, kept, told });
    }
    Ok(played)
}

/// When a caller was first joined with somebody.
fn joined(world: &World, call: CallNo) -> Option<Timestamp> {
    let entries = world.ledger().of_legs(world.legs(call));
    entries.iter().find(|entry| matches!(entry.what, What::Bridged { .. })).map(|entry| entry.at)
}

fn lock(world: &Mutex<World>) -> MutexGuard<'_, World> {
    world.lock().unwrap_or_else(PoisonError::into_inner)
}
