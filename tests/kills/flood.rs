//! A flood at the door: twenty thousand requests a second are sent, without a signature or with a forged one, from
//! another address and then from that of the genuine ones; and two thousand guests say next to nothing. What is genuine
//! is served all the same, in time, and memory stays bounded.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use switchhook::sim::sign::KeyPair;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::{Instant, sleep, sleep_until, timeout};

use crate::base::{Base, RUNTIME};
use crate::orders::Orders;
use crate::post::{OLD_NUMBER, arrival, bytes, now, post};
use crate::server::{House, Server, timed, wait_for};
use crate::stub::Stub;

/// Requests a second, and for how long, where the machine can send so many; twice as long where it cannot.
const RATE: u64 = 20_000;
const LASTS: Duration = Duration::from_secs(4);
/// How many it must have been in all, to be a flood.
const FLOOD: u64 = 20_000;
/// How soon a genuine webhook is answered, but for one in a hundred: in half the time of the least patient sender.
const IN_TIME: Duration = Duration::from_secs(1);
/// How many are sent on one connection, and on how many at once.
const ON_ONE: u64 = 20;
const AT_ONCE: usize = 64;
/// Guests who say next to nothing, from two addresses.
const SLOW: usize = 2_000;
/// What the server may take of memory.
const MOST_KIB: u64 = 512 * 1024;

/// Where a flood comes from.
const SOURCES: [(&str, Ipv4Addr); 2] =
    [("another address", Ipv4Addr::new(127, 0, 0, 4)), ("the address of the genuine", Ipv4Addr::LOCALHOST)];

#[derive(Default)]
struct Counts {
    sent: AtomicU64,
    refused: AtomicU64,
}

/// How the slow guests fare.
#[derive(Default)]
struct Slow {
    came: AtomicU64,
    over: AtomicBool,
}

/// Has the server go through it.
pub fn at_the_door(base: Base, _: &Orders) -> String {
    let stub = Stub::start();
    let house = House::new(base, &stub.url);
    let server = Server::start(house.serve());
    let (at, slow) = (server.address, Arc::new(Slow::default()));
    let mut genuine = Genuine { house: &house, at, kept: Vec::new(), took: Vec::new() };
    (0..50).for_each(|_| genuine.one());
    let mut told = format!("genuine {}", genuine.quantiles());
    for no in 0..SLOW {
        let from = Ipv4Addr::new(127, 0, 0, 2 + u8::from(no % 2 == 0));
        RUNTIME.spawn(dawdle(from, at, slow.clone()));
    }
    wait_for("the house is full", || (slow.came.load(Ordering::Relaxed) >= SLOW as u64).then_some(()));
    for (name, from) in SOURCES {
        told += &format!("\n  from {name}: {}", pour(&mut genuine, from));
    }
    slow.over.store(true, Ordering::Relaxed);
    let (kept, peak) = (std::mem::take(&mut genuine.kept), peak_kib(&server));
    let journal = house.base.journal();
    assert!(kept.iter().all(|body| journal.iter().any(|entry| entry.raw == *body)), "acknowledged and lost");
    assert!(peak < MOST_KIB, "{peak} KiB");
    assert!(server.terminate().0.success());
    format!("{SLOW} slow guests; {told}\n  {} genuine ones kept; at most {peak} KiB", kept.len())
}

/// A flood from one address, and the genuine ones meanwhile.
fn pour(genuine: &mut Genuine, from: Ipv4Addr) -> String {
    let (counts, tickets): (Arc<Counts>, Arc<AtomicU64>) = Default::default();
    let start = RUNTIME.block_on(async { Instant::now() });
    let flow = |no| {
        let many: Arc<[u8]> = request(no % 2 == 0).repeat(ON_ONE as usize).into();
        RUNTIME.spawn(flow((from, genuine.at), start, many, tickets.clone(), counts.clone()))
    };
    let flood: Vec<_> = (0..AT_ONCE).map(flow).collect();
    while flood.iter().any(|one| !one.is_finished()) {
        genuine.one();
    }
    let lasted = RUNTIME.block_on(async { start.elapsed() });
    let (sent, refused) = (counts.sent.load(Ordering::Relaxed), counts.refused.load(Ordering::Relaxed));
    assert!(sent >= FLOOD && refused > 0, "that was no flood: {sent}, {refused} of them refused");
    let (came, slowest) = (genuine.took.len(), genuine.percent(99));
    assert!(came >= 20, "only {came} genuine webhooks came through");
    assert!(slowest <= IN_TIME, "p99 {slowest:?}");
    let rate = sent as f64 / lasted.as_secs_f64();
    format!("{sent} requests, {rate:.0} a second, {refused} of them told 401; genuine {}", genuine.quantiles())
}

/// What is genuine: each is answered 200.
struct Genuine<'a> {
    house: &'a House,
    at: SocketAddr,
    kept: Vec<Vec<u8>>,
    /// How long they took, since that was asked last.
    took: Vec<Duration>,
}

impl Genuine<'_> {
    fn one(&mut self) {
        let body = bytes(&arrival(OLD_NUMBER));
        let (status, took) = timed(|| post(self.at, &self.house.key, &body));
        assert_eq!(status, 200, "genuine");
        self.kept.push(body);
        self.took.push(took);
    }

    fn percent(&mut self, percent: usize) -> Duration {
        self.took.sort_unstable();
        self.took[(self.took.len() - 1) * percent / 100]
    }

    fn quantiles(&mut self) -> String {
        let told = format!("{}: p50 {:?} p99 {:?}", self.took.len(), self.percent(50), self.percent(99));
        self.took.clear();
        told
    }
}

/// A webhook that bears no signature, or one of the right form and time that another key has made.
fn request(forged: bool) -> Vec<u8> {
    let body = bytes(&arrival(OLD_NUMBER));
    let signature =
        KeyPair::from_seed(0).headers(now(), &body).map(|(name, value)| format!("{name}: {value}\r\n")).concat();
    let head = format!(
        "POST /webhooks/telnyx HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n{}content-length: {}\r\n\r\n",
        if forged { &signature } else { "" },
        body.len()
    );
    [head.as_bytes(), &body].concat()
}

/// The most memory it has had.
fn peak_kib(server: &Server) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", server.id())).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

async fn connect(from: Ipv4Addr, to: SocketAddr) -> Option<TcpStream> {
    let socket = TcpSocket::new_v4().ok()?;
    socket.bind((from, 0).into()).ok()?;
    timeout(Duration::from_secs(2), socket.connect(to)).await.ok()?.ok()
}

/// Requests that are not genuine, many on a connection, each when its time has come, however long the others take.
async fn flow(
    (from, to): (Ipv4Addr, SocketAddr),
    start: Instant,
    many: Arc<[u8]>,
    tickets: Arc<AtomicU64>,
    counts: Arc<Counts>,
) {
    loop {
        let due = Duration::from_secs_f64(tickets.fetch_add(ON_ONE, Ordering::Relaxed) as f64 / RATE as f64);
        if due > LASTS || start.elapsed() > 2 * LASTS {
            return;
        }
        sleep_until(start + due).await;
        let Some(mut line) = connect(from, to).await else { continue };
        if line.write_all(&many).await.is_ok() {
            counts.sent.fetch_add(ON_ONE, Ordering::Relaxed);
        }
        let mut answers = vec![0; 4096];
        if let Ok(Ok(n)) = timeout(Duration::from_secs(1), line.read(&mut answers)).await {
            let refused = String::from_utf8_lossy(&answers[..n]).matches("HTTP/1.1 401").count();
            counts.refused.fetch_add(refused as u64, Ordering::Relaxed);
        }
    }
}

/// A guest who says a little now and then; shown out, he comes again.
async fn dawdle(from: Ipv4Addr, at: SocketAddr, slow: Arc<Slow>) {
    let mut first = true;
    while !slow.over.load(Ordering::Relaxed) {
        let Some(mut line) = connect(from, at).await else { continue };
        if std::mem::take(&mut first) {
            slow.came.fetch_add(1, Ordering::Relaxed);
        }
        let mut said = line.write_all(b"POST /webhooks/telnyx HTTP/1.1\r\nhost:").await;
        while said.is_ok() && !slow.over.load(Ordering::Relaxed) {
            sleep(Duration::from_millis(500)).await;
            said = line.write_all(b"x").await;
        }
    }
}
