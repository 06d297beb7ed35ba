//! A house with callers and a simulated Telnyx, and what is asked of it in the end.

use std::collections::BTreeSet;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use jiff::Timestamp;
use switchhook::clock::Clock;
use switchhook::sim::face::{self, Face, FaceSettings, Pace};
use switchhook::sim::{CallNo, CallOutcome, Fault, Mishap, Script, Settings, World};
use tempfile::TempDir;

use crate::again;
use crate::base::{Base, RUNTIME, checkout};
use crate::callers::Callers;
use crate::left::Left;
use crate::life::Death;
use crate::postman::Postman;
use crate::receiver::{Notice, Receiver};
use crate::server::{API_KEY, House, LINE, Server, wait_for};
use crate::silence::{self, Harm, Judged};
use crate::turn;

/// How long after its caller's end, and after the last time that a server died or something was out of reach, a call may
/// end with us: a leg of which nobody knows whether it was made is looked for for a minute.
const ENDED_WITHIN_SECS: u64 = 120;

/// How many callers are picked up after all harm is over, before people cease to call.
const IN_PEACE: usize = 30;

pub fn now() -> Timestamp {
    Clock::system().now()
}

/// What somebody who is told of missed calls and of messages answers now and then: that he is out of order, or nothing.
fn answer(n: u64) -> Option<u16> {
    match n % 10 {
        3 => Some(500),
        7 => None,
        _ => Some(204),
    }
}

/// What was heard, a line of JSON each.
fn lines(heard: Vec<Notice>) -> String {
    let line = |one: Notice| {
        let Notice { at, key, body, status } = one;
        format!("{}\n", serde_json::json!({ "at": at, "key": key, "body": body, "status": status }))
    };
    heard.into_iter().map(line).collect()
}

/// A port that is free. It is free again at once, so that one server after another can have it.
pub fn free_address() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

/// A house and a simulated Telnyx.
pub struct Stage {
    pub house: House,
    /// Where people call.
    pub phones: Phones,
    /// Where the servers listen, one or several.
    pub nodes: Vec<SocketAddr>,
    /// Who carries webhooks to them.
    pub postman: Postman,
    /// Who is told of missed calls and of messages.
    receiver: Receiver,
    seed: u64,
    callers: Option<Callers>,
    /// People called on after all harm was over.
    in_peace: bool,
    face: Face,
    /// When something was out of order for everybody.
    harms: Mutex<Vec<Harm>>,
    /// Since when nobody listens.
    down: Mutex<Option<Timestamp>>,
    /// What is left for the checker.
    folder: TempDir,
}

/// What a run came to.
pub struct Settled {
    /// What was counted.
    pub told: String,
    /// What became of each call.
    pub calls: Vec<CallOutcome>,
    /// All of it.
    pub left: Left,
}

/// Where people call.
#[derive(Clone)]
pub struct Phones {
    pub world: Arc<Mutex<World>>,
    calls: Arc<Mutex<Vec<CallNo>>>,
}

impl Phones {
    pub fn call(&self, script: &Script) {
        let call = self.world.lock().unwrap().call_in(now(), script);
        self.calls.lock().unwrap().push(call);
    }

    /// How many of the latest calls were picked up after that.
    fn picked_up(&self, after: Timestamp) -> usize {
        let (world, calls) = (self.world.lock().unwrap(), self.calls.lock().unwrap());
        let latest = calls.iter().rev().take(4 * IN_PEACE).filter_map(|call| world.outcome(*call));
        latest.filter(|call| call.answered.is_some_and(|at| at > after)).count()
    }

    /// How many of the latest calls are under way.
    pub fn live(&self) -> usize {
        let (world, calls) = (self.world.lock().unwrap(), self.calls.lock().unwrap());
        let latest = calls.iter().rev().take(1_000).filter_map(|call| world.outcome(*call));
        latest.filter(|call| call.ended.is_none()).count()
    }
}

impl Stage {
    /// People begin to call at once; nobody listens yet.
    pub fn busy(base: Base, seed: u64, nodes: usize) -> Self {
        let mut stage = Self::new(base, seed, nodes);
        stage.phones.world.lock().unwrap().trouble(Fault::Hang, 0.02);
        stage.phones.world.lock().unwrap().trouble(Fault::HangDone, 0.02);
        assert_eq!(stage.under_way(), (0, 0), "nobody has called yet");
        stage.callers = Some(Callers::start(stage.phones.clone(), seed));
        stage
    }

    /// Nobody calls yet, and nobody listens.
    pub fn new(base: Base, seed: u64, nodes: usize) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let nodes: Vec<SocketAddr> = (0..nodes).map(|_| free_address()).collect();
        let (postman, address) = Postman::start(nodes.clone(), &folder.path().join("client.jsonl"));
        let listener = RUNTIME.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
        let house = House::new(base, &format!("http://{}/v2", listener.local_addr().unwrap()));
        let webhook_url = format!("http://{address}/webhooks/telnyx");
        let mut settings =
            Settings { connection_id: LINE.to_owned(), webhook_url: webhook_url.clone(), ..Settings::default() };
        settings.network = settings.network.with(Mishap::Delay, 0.03).with(Mishap::Duplicate, 0.05);
        settings.network = settings.network.with(Mishap::Swap, 0.05).with(Mishap::Lose, 0.02);
        settings.faults = settings.faults.with(Fault::Error, 0.02).with(Fault::ErrorDone, 0.02);
        settings.faults = settings.faults.with(Fault::Ignored, 0.1).with(Fault::TooMany, 0.01);
        settings.longest_delay = Duration::from_secs(3);
        settings.dials_in_5_secs = 1_000;
        let world = Arc::new(Mutex::new(World::new(seed, settings)));
        let pace = Pace { now: Arc::new(now), times: 1 };
        let settings = FaceSettings { webhook_url, api_key: Some(API_KEY.to_owned()), pace, key: house.key.clone() };
        let face = RUNTIME.block_on(async { face::serve(listener, world.clone(), settings) }).unwrap();
        let migrated = house.command(&["migrate"]).stdout(std::process::Stdio::null()).status().unwrap();
        assert!(migrated.success(), "{migrated}");
        let phones = Phones { world, calls: Arc::default() };
        let down = Mutex::new(Some(now()));
        let receiver = Receiver::start(&(0..2_000).map(|n| answer(seed.wrapping_add(n))).collect::<Vec<_>>());
        Self {
            house,
            phones,
            nodes,
            postman,
            receiver,
            seed,
            callers: None,
            in_peace: false,
            face,
            harms: Mutex::default(),
            down,
            folder,
        }
    }

    /// Something was out of order for everybody, until now.
    pub fn harm(&self, since: Timestamp) {
        self.harms.lock().unwrap().push((since, now()));
    }

    /// The only server died, or may have.
    pub fn is_down(&self, since: Timestamp) {
        self.down.lock().unwrap().get_or_insert(since);
    }

    /// A server listens.
    pub fn is_up(&self, since: Timestamp) {
        let down = self.down.lock().unwrap().take();
        self.harms.lock().unwrap().extend(down.map(|down| (down, since.max(down))));
    }

    /// A server, to be started.
    pub fn serve(&self, node: usize) -> Command {
        self.serve_by(node, &checkout("tests/kills/routes.yaml"))
    }

    /// A server that goes by these rules.
    pub fn serve_by(&self, node: usize, routes: &Path) -> Command {
        let mut serve = self.house.command(&["serve", "--listen", &self.nodes[node].to_string(), "--routes"]);
        serve.arg(routes).env("HOOK", &self.receiver.url);
        serve
    }

    /// What would be lost if nobody looked after it: commands without an outcome, and events without a 200.
    pub fn under_way(&self) -> (usize, usize) {
        let open: Vec<(i64,)> = self.house.base.rows("select count(*) from outbox where status = 'open'");
        (usize::try_from(open[0].0).unwrap(), self.postman.under_way())
    }

    pub fn wait_until_busy(&self) {
        wait_for("something is under way", || (self.under_way() != (0, 0)).then_some(()));
    }

    /// The nodes that the database has heard of.
    pub fn nodes_seen(&self) -> BTreeSet<String> {
        let nodes: Vec<(String,)> = self.house.base.rows("select cast(node as text) from nodes");
        nodes.into_iter().map(|(node,)| node).collect()
    }

    /// How many commands to Telnyx have no outcome, all of them or those of one node. Nobody writes for a node that is
    /// dead: that is what it left, as long as no other has taken it over.
    pub fn open_commands(&self, of: Option<&str>) -> usize {
        let open: Vec<(String,)> =
            self.house.base.rows("select cast(node as text) from outbox where status = 'open' and kind <> 'notify'");
        open.iter().filter(|(node,)| of.is_none_or(|of| of == node)).count()
    }

    /// How many notices have none; most of them rest, and are under way for nobody.
    pub fn open_notices(&self) -> usize {
        let open: Vec<(i64,)> =
            self.house.base.rows("select count(*) from outbox where status = 'open' and kind = 'notify'");
        usize::try_from(open[0].0).unwrap()
    }

    /// What a server had under way when it died, or stood still: commands without an outcome, and events that had reached
    /// it and were not acknowledged. Fails if there was nothing. `commands` were counted before another took them over.
    pub fn must_have_been_busy(&self, node: usize, death: Death, commands: usize, when: &str) -> (usize, usize) {
        let events = self.postman.cut_off(node, death);
        assert!(commands + events > 0, "seed {}: nothing was under way at the death: {when}", self.seed);
        (commands, events)
    }

    /// People go on calling until some were picked up to whom all harm is nothing any more.
    fn wait_for_peace(&self) {
        let last = self.harms.lock().unwrap().iter().map(|harm| harm.1).max();
        let from = last.map_or(Timestamp::MIN, silence::forgotten);
        wait_for("callers are picked up in peace", || {
            let picked = if now() < from { 0 } else { self.phones.picked_up(from) };
            (picked >= IN_PEACE).then_some(())
        });
    }

    /// Nothing goes wrong any more, and soon nobody calls any more; once all has ended, what is left is checked.
    pub fn settle(mut self, server: Server) -> Settled {
        self.phones.world.lock().unwrap().calm();
        if let Some(callers) = self.callers.take() {
            self.wait_for_peace();
            callers.stop();
            self.in_peace = true;
        }
        turn::is_over();
        self.wait_for_the_end();
        turn::again();
        let (status, _) = server.terminate();
        assert!(status.success(), "{status}");
        let told = self.ledger();
        let calls = self.phones.world.lock().unwrap().outcomes();
        let heard = self.nobody_is_left_in_silence();
        let (all, apart) = again::must_come_to_the_same(&self.house.base);
        RUNTIME.block_on(self.face.stop());
        let calm_since = self.harms.lock().unwrap().iter().map(|harm| harm.1).max();
        let left = Left { folder: self.folder, base: self.house.base, calm_since };
        std::fs::write(left.ledger(), &told).unwrap();
        std::fs::write(left.notices(), lines(self.receiver.heard())).unwrap();
        println!("seed {}: all is settled", self.seed);
        let (left, said) = left.must_be_whole(ENDED_WITHIN_SECS);
        let told = format!("seed {}, {said}\n  {heard}\n  decided again {all}, by another process {apart}", self.seed);
        Settled { told, calls, left }
    }

    /// What was judged, in words.
    fn nobody_is_left_in_silence(&self) -> String {
        assert!(self.down.lock().unwrap().is_none(), "nobody said that a server listens");
        let calls: Vec<(String, String)> =
            self.house.base.rows("select cast(id as text), cast(call as text) from outbox");
        let (world, harms) = (self.phones.world.lock().unwrap(), self.harms.lock().unwrap());
        let Judged { callers, faultless, calm, longest, longest_calm, broken } =
            silence::judge(&world, &calls.into_iter().collect(), &harms);
        assert!(broken.is_empty(), "seed {}: {} left in silence:\n{}", self.seed, broken.len(), broken.join("\n"));
        assert!(faultless > 0, "of {callers} callers who were picked up none had a call without a fault");
        assert!(calm > 0 || !self.in_peace, "of {callers} callers who were picked up none had peace");
        format!(
            "picked up {callers}, {faultless} with no fault of their own, {calm} with nothing wrong at all; \
             silence {longest:?} at most, {longest_calm:?} with nothing wrong"
        )
    }

    /// The simulator's own account, as anybody may ask for it.
    fn ledger(&self) -> Vec<u8> {
        let url = format!("http://{}/_sim/ledger", self.face.address());
        RUNTIME.block_on(async { reqwest::get(url).await.unwrap().bytes().await.unwrap() }).to_vec()
    }

    /// For three minutes at most.
    fn wait_for_the_end(&self) {
        for _ in 0..180 {
            let over = self
                .phones
                .world
                .lock()
                .unwrap()
                .outcomes()
                .iter()
                .all(|call| call.ended.is_some() && call.rings.iter().all(|ring| ring.ended.is_some()));
            if over && self.is_settled() {
                return;
            }
            thread::sleep(Duration::from_secs(1));
        }
        panic!("seed {}: not every call ends, or not every command is settled", self.seed);
    }

    /// Whether no call lives or waits for a recording, no command is under way, and no event is to come.
    fn is_settled(&self) -> bool {
        let open: Vec<(i64,)> = self.house.base.rows(
            "select (select count(*) from outbox where status = 'open') + (select count(*) from calls where phase <> 'ended' or wake_at is not null)",
        );
        open == [(0,)] && self.postman.under_way() == 0
    }
}
