//! A house with callers and a simulated Telnyx, and what is asked of it in the end.

use std::net::{SocketAddr, TcpListener};
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use jiff::Timestamp;
use switchhook::clock::Clock;
use switchhook::sim::face::{self, Face, FaceSettings, Pace};
use switchhook::sim::{Fault, Mishap, Settings, World};

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

/// A house with callers and a simulated Telnyx.
pub struct Stage {
    pub house: House,
    pub callers: Callers,
    /// Where webhooks are posted.
    pub address: SocketAddr,
    seed: u64,
    world: Arc<Mutex<World>>,
    face: Face,
}

impl Stage {
    /// Callers begin at once; nobody listens yet.
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
        let callers = Callers::start(world.clone(), seed);
        Self { house, callers, address, seed, world, face }
    }

    /// A server, to be started.
    pub fn serve(&self, at: SocketAddr) -> Command {
        let mut serve = self.house.command(&["serve", "--listen", &at.to_string(), "--routes"]);
        serve.arg(checkout("tests/kills/routes.yaml"));
        serve
    }

    /// Fails if no call is under way.
    pub fn must_be_busy(&self, when: &str) {
        let world = self.world.lock().unwrap();
        let calls = self.callers.calls.lock().unwrap();
        let mut latest = calls.iter().rev().take(300).filter_map(|call| world.outcome(*call));
        assert!(latest.any(|call| call.ended.is_none()), "nothing was under way: {when}");
    }

    /// Nobody calls any more and nothing goes wrong any more; once all has ended, what is left is checked: what was
    /// counted.
    pub fn settle(mut self, server: Server) -> String {
        self.callers.stop();
        self.world.lock().unwrap().calm();
        self.wait_for_the_end();
        let (status, _) = server.terminate();
        assert!(status.success(), "{status}");
        let url = format!("http://{}/_sim/ledger", self.face.address());
        let ledger = RUNTIME.block_on(async { reqwest::get(url).await.unwrap().bytes().await.unwrap() });
        RUNTIME.block_on(self.face.stop());
        let ledger = serde_json::from_slice(&ledger).unwrap();
        let Report { counts, breaches } = checker::check(&ledger, &Left::read(&self.house.base));
        assert!(breaches.is_empty(), "seed {}:\n  {}\n{counts:#?}", self.seed, breaches.join("\n  "));
        format!("seed {}, {counts:?}", self.seed)
    }

    /// For three minutes at most.
    fn wait_for_the_end(&self) {
        for _ in 0..900 {
            let over = self
                .world
                .lock()
                .unwrap()
                .outcomes()
                .iter()
                .all(|call| call.ended.is_some() && call.rings.iter().all(|ring| ring.ended.is_some()));
            if over && Left::is_settled(&self.house.base) {
                return;
            }
            thread::sleep(Duration::from_millis(200));
        }
        panic!("seed {}: not every call ends, or not every command is settled", self.seed);
    }
}
