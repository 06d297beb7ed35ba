//! The driver: callers that keep calling, and a server that keeps dying.

use std::collections::BTreeMap;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use fastrand::Rng;
use jiff::Timestamp;
use switchhook::clock::Clock;
use switchhook::kill::POINTS;
use switchhook::sim::face::{self, Face, FaceSettings, Pace};
use switchhook::sim::{CallNo, Callee, Fault, Mishap, Script, Settings, Side, World};

use crate::base::{Base, RUNTIME, checkout};
use crate::checker::{self, Report};
use crate::left::Left;
use crate::orders::Orders;
use crate::server::{API_KEY, House, LINE, Server, wait_for};

const LINES: [&str; 4] = ["+12025550100", "+12025550101", "+12025550102", "+12025550103"];
const PEOPLE: [&str; 4] = ["+12025550111", "+12025550112", "+12025550113", "+12025550114"];
/// Between two calls.
const CALL_EVERY: Duration = Duration::from_millis(120);
/// The longest a place may take to be reached: beyond the lease of commands whose node is gone.
const REACHED_WITHIN: Duration = Duration::from_secs(25);

/// A house with callers, whose server is killed again and again.
pub struct Run {
    house: House,
    address: SocketAddr,
    world: Arc<Mutex<World>>,
    face: Face,
    callers: Callers,
    rng: Rng,
    lives: u32,
    kills: BTreeMap<&'static str, u32>,
}

impl Run {
    pub fn new(base: Base, seed: u64) -> Self {
        let listener = RUNTIME.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
        let house = House::new(base, &format!("http://{}/v2", listener.local_addr().unwrap()));
        // The port is free again at once: every life of the server listens there.
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let webhook_url = format!("http://{address}/webhooks/telnyx");
        let mut settings =
            Settings { connection_id: LINE.to_owned(), webhook_url: webhook_url.clone(), ..Settings::default() };
        settings.network = settings.network.with(Mishap::Delay, 0.03).with(Mishap::Duplicate, 0.05);
        settings.network = settings.network.with(Mishap::Swap, 0.05).with(Mishap::Lose, 0.02);
        settings.faults = settings.faults.with(Fault::Error, 0.02).with(Fault::ErrorDone, 0.02);
        settings.faults = settings.faults.with(Fault::Ignored, 0.05).with(Fault::TooMany, 0.01);
        settings.longest_delay = Duration::from_secs(3);
        settings.dials_in_5_secs = 1_000;
        let world = Arc::new(Mutex::new(World::new(seed, settings)));
        let pace = Pace { now: Arc::new(now), times: 1 };
        let settings = FaceSettings { webhook_url, api_key: Some(API_KEY.to_owned()), pace, key: house.key.clone() };
        let face = RUNTIME.block_on(async { face::serve(listener, world.clone(), settings) }).unwrap();
        let callers = Callers::start(world.clone(), seed);
        Self { house, address, world, face, callers, rng: Rng::with_seed(seed), lives: 0, kills: BTreeMap::new() }
    }

    /// Kills as ordered, lets everything settle, and checks what is left.
    pub fn kill(mut self, orders: &Orders) -> String {
        let mut deaths: Vec<Option<&str>> = vec![None; orders.kills as usize];
        deaths.extend(POINTS.map(Some));
        self.rng.shuffle(&mut deaths);
        for death in deaths {
            match death {
                Some(point) => self.die_at(point),
                None => self.die_anywhere(),
            }
        }
        self.callers.stop();
        self.world.lock().unwrap().calm();
        let server = Server::start(self.serve());
        wait_for_long("every call ends and every command is settled", || self.is_settled());
        let (status, _) = server.terminate();
        assert!(status.success(), "{status}");
        let ledger = self.ledger();
        RUNTIME.block_on(self.face.stop());
        let Report { counts, breaches } = checker::check(&ledger, &Left::read(&self.house.base));
        assert!(breaches.is_empty(), "seed {}:\n  {}\n{counts:#?}", orders.seed, breaches.join("\n  "));
        format!("{} lives, kills {:?}, seed {}; {counts:?}", self.lives, self.kills, orders.seed)
    }

    fn serve(&self) -> std::process::Command {
        let address = self.address.to_string();
        let mut serve = self.house.command(&["serve", "--listen", &address, "--routes"]);
        serve.arg(checkout("tests/kills/routes.yaml"));
        serve
    }

    /// A life that ends when a place is passed, the first few times or later.
    fn die_at(&mut self, point: &'static str) {
        if point == "takeover.claimed" {
            // Something must be there to be taken over.
            self.die_at("dispatch.before_send");
        }
        // These two do not come often.
        let seldom = ["takeover.claimed", "lookup.answered"].contains(&point);
        let times = if seldom { 1 } else { self.rng.u32(1..=4) };
        let mut life = Life::new(self.serve().env("SWITCHHOOK_KILL", format!("{point}:{times}")));
        let ended = life.ends_within(REACHED_WITHIN);
        assert!(ended, "{point} is not reached {times} times within {REACHED_WITHIN:?}\n{}", life.log());
        self.mourn(point);
    }

    /// A life that ends at some moment, however far it has come.
    fn die_anywhere(&mut self) {
        let mut life = Life::new(&mut self.serve());
        if self.rng.u8(..8) > 0 {
            wait_for("the server listens", || TcpStream::connect(self.address).ok());
        }
        thread::sleep(Duration::from_millis(self.rng.u64(..900)));
        life.kill();
        self.mourn("anywhere");
    }

    fn mourn(&mut self, death: &'static str) {
        self.lives += 1;
        *self.kills.entry(death).or_default() += 1;
        let live = self.live();
        assert!(live > 0, "nothing was under way when the server died at {death}");
    }

    /// How many calls are under way.
    fn live(&self) -> usize {
        let world = self.world.lock().unwrap();
        let calls = self.callers.calls.lock().unwrap();
        calls.iter().rev().take(300).filter_map(|call| world.outcome(*call)).filter(|call| call.ended.is_none()).count()
    }

    fn is_settled(&self) -> Option<()> {
        let over = self
            .world
            .lock()
            .unwrap()
            .outcomes()
            .iter()
            .all(|call| call.ended.is_some() && call.rings.iter().all(|ring| ring.ended.is_some()));
        (over && Left::is_settled(&self.house.base)).then_some(())
    }

    /// The simulator's own account, as anybody may ask for it.
    fn ledger(&self) -> serde_json::Value {
        let url = format!("http://{}/_sim/ledger", self.face.address());
        let text = RUNTIME.block_on(async { reqwest::get(url).await.unwrap().bytes().await.unwrap() });
        serde_json::from_slice(&text).unwrap()
    }
}

fn now() -> Timestamp {
    Clock::system().now()
}

/// Polls until there is something, for three minutes at most.
fn wait_for_long(what: &str, look: impl Fn() -> Option<()>) {
    for _ in 0..900 {
        if look().is_some() {
            return;
        }
        thread::sleep(Duration::from_millis(200));
    }
    panic!("in vain: {what}");
}

/// People who call, one after another, until they are stopped.
struct Callers {
    calls: Arc<Mutex<Vec<CallNo>>>,
    stop: Arc<AtomicBool>,
    thread: Option<thread::JoinHandle<()>>,
}

impl Callers {
    fn start(world: Arc<Mutex<World>>, seed: u64) -> Self {
        let (calls, stop): (Arc<Mutex<Vec<CallNo>>>, Arc<AtomicBool>) = Default::default();
        let (seen, stopped) = (calls.clone(), stop.clone());
        let thread = thread::spawn(move || {
            let mut rng = Rng::with_seed(seed);
            while !stopped.load(Ordering::Relaxed) {
                let script = script(&mut rng);
                let call = world.lock().unwrap().call_in(now(), &script);
                seen.lock().unwrap().push(call);
                thread::sleep(CALL_EVERY);
            }
        });
        Self { calls, stop, thread: Some(thread) }
    }

    fn stop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.take().into_iter().for_each(|thread| thread.join().unwrap());
    }
}

/// Somebody who calls one of the lines, and what those who are rung do.
fn script(rng: &mut Rng) -> Script {
    let from = format!("+1312555{:04}", rng.u32(..10_000));
    let mut script = Script::call("a call", &from, LINES[rng.usize(..LINES.len())])
        .patience(Duration::from_millis(rng.u64(2_000..15_000)))
        .talk(Duration::from_millis(rng.u64(300..3_000)), if rng.bool() { Side::Caller } else { Side::Callee });
    for person in PEOPLE {
        let after = Duration::from_millis(rng.u64(100..2_500));
        script = script.callee(
            person,
            match rng.u8(..8) {
                0 => Callee::Busy { after },
                1 => Callee::Declines { after },
                2 => Callee::RingsOut,
                3 => Callee::Refused { status: 422, code: "10016".to_owned() },
                _ => Callee::answers(after),
            },
        );
    }
    script
}

/// A server that is not to live long.
struct Life {
    child: Child,
    log: tempfile::NamedTempFile,
}

impl Life {
    fn new(serve: &mut std::process::Command) -> Self {
        let log = tempfile::NamedTempFile::new().unwrap();
        let child = serve.stdout(Stdio::null()).stderr(log.reopen().unwrap()).spawn().unwrap();
        Self { child, log }
    }

    fn ends_within(&mut self, span: Duration) -> bool {
        for _ in 0..span.as_millis() / 5 {
            if self.child.try_wait().unwrap().is_some() {
                self.check();
                return true;
            }
            thread::sleep(Duration::from_millis(5));
        }
        false
    }

    fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        self.check();
    }

    fn log(&self) -> String {
        let log = std::fs::read_to_string(self.log.path()).unwrap();
        log.lines().filter(|line| !line.contains("\"decided\"")).collect::<Vec<_>>().join("\n")
    }

    /// No life may have logged an error.
    fn check(&self) {
        let log = self.log();
        let errors: Vec<&str> = log.lines().filter(|line| line.contains("\"ERROR\"")).collect();
        assert!(errors.is_empty(), "{errors:#?}");
    }
}

impl Drop for Life {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
