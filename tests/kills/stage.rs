//! A house with callers and a simulated Telnyx, and what is asked of it in the end.

use std::net::{SocketAddr, TcpListener};
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;
use switchhook::clock::Clock;
use switchhook::sim::face::{self, Face, FaceSettings, Pace};
use switchhook::sim::{CallNo, Fault, Mishap, Script, Settings, World};

use crate::base::{Base, RUNTIME, checkout};
use crate::callers::Callers;
use crate::checker::{self, Report};
use crate::left::Left;
use crate::server::{API_KEY, House, LINE, Server};

pub fn now() -> Timestamp {
    Clock::system().now()
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
    /// Where webhooks are posted.
    pub address: SocketAddr,
    seed: u64,
    callers: Option<Callers>,
    face: Face,
}

/// Where people call.
#[derive(Clone)]
pub struct Phones {
    world: Arc<Mutex<World>>,
    calls: Arc<Mutex<Vec<CallNo>>>,
}

impl Phones {
    pub fn call(&self, script: &Script) {
        let call = self.world.lock().unwrap().call_in(now(), script);
        self.calls.lock().unwrap().push(call);
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
    pub fn busy(base: Base, seed: u64) -> Self {
        let mut stage = Self::new(base, seed);
        stage.callers = Some(Callers::start(stage.phones.clone(), seed));
        stage
    }

    /// Nobody calls yet, and nobody listens.
    pub fn new(base: Base, seed: u64) -> Self {
        let listener = RUNTIME.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
        let house = House::new(base, &format!("http://{}/v2", listener.local_addr().unwrap()));
        let address = free_address();
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
        let phones = Phones { world, calls: Arc::default() };
        Self { house, phones, address, seed, callers: None, face }
    }

    /// A server, to be started.
    pub fn serve(&self, at: SocketAddr) -> Command {
        let mut serve = self.house.command(&["serve", "--listen", &at.to_string(), "--routes"]);
        serve.arg(checkout("tests/kills/routes.yaml"));
        serve
    }

    /// Fails if no call is under way.
    pub fn must_be_busy(&self, when: &str) {
        assert!(self.phones.live() > 0, "nothing was under way: {when}");
    }

    /// Nobody calls any more and nothing goes wrong any more; once all has ended, what is left is checked: what was
    /// counted.
    pub fn settle(self, server: Server) -> String {
        self.settle_and_tell(server).0
    }

    /// The same, and the simulator's account.
    pub fn settle_and_tell(mut self, server: Server) -> (String, Value) {
        self.callers.take().into_iter().for_each(Callers::stop);
        self.phones.world.lock().unwrap().calm();
        self.wait_for_the_end();
        let (status, _) = server.terminate();
        assert!(status.success(), "{status}");
        let ledger = self.ledger();
        RUNTIME.block_on(self.face.stop());
        let Report { counts, breaches } = checker::check(&ledger, &Left::read(&self.house.base));
        assert!(breaches.is_empty(), "seed {}:\n  {}\n{counts:#?}", self.seed, breaches.join("\n  "));
        (format!("seed {}, {counts:?}", self.seed), ledger)
    }

    /// The simulator's own account, as anybody may ask for it.
    fn ledger(&self) -> Value {
        let url = format!("http://{}/_sim/ledger", self.face.address());
        let ledger = RUNTIME.block_on(async { reqwest::get(url).await.unwrap().bytes().await.unwrap() });
        serde_json::from_slice(&ledger).unwrap()
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
            if over && Left::is_settled(&self.house.base) {
                return;
            }
            thread::sleep(Duration::from_secs(1));
        }
        panic!("seed {}: not every call ends, or not every command is settled", self.seed);
    }
}
