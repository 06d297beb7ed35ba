//! A flood at the door: twenty thousand requests a second that nobody signed, and two thousand guests who say next to
//! nothing. What is genuine is served all the same, and memory stays bounded.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::{Instant, sleep, sleep_until, timeout};

use crate::base::{Base, RUNTIME};
use crate::orders::Orders;
use crate::post::{OLD_NUMBER, arrival, bytes, post};
use crate::server::{House, Server, timed, wait_for};
use crate::stub::Stub;

/// Requests a second, and for how long.
const RATE: u64 = 20_000;
const LASTS: Duration = Duration::from_secs(4);
/// How many are sent on one connection, and on how many at once.
const ON_ONE: u64 = 20;
const AT_ONCE: usize = 64;
/// Guests who say next to nothing, from two addresses.
const SLOW: usize = 2_000;
/// What the server may take of memory.
const MOST_KIB: u64 = 512 * 1024;

#[derive(Default)]
struct Counts {
    sent: AtomicU64,
    refused: AtomicU64,
    slow: AtomicU64,
    over: AtomicBool,
}

/// Has the server go through it.
pub fn at_the_door(base: Base, _: &Orders) -> String {
    let stub = Stub::start();
    let house = House::new(base, &stub.url);
    let server = Server::start(house.serve());
    let (at, counts) = (server.address, Arc::new(Counts::default()));
    let genuine = |times: usize| -> (Vec<Vec<u8>>, Vec<Duration>) {
        let one = || {
            let body = bytes(&arrival(OLD_NUMBER));
            let (status, took) = timed(|| post(at, &house.key, &body));
            assert_eq!(status, 200, "genuine");
            (body, took)
        };
        (0..times).map(|_| one()).unzip()
    };
    let (mut kept, calm) = genuine(50);
    for no in 0..SLOW {
        let from = Ipv4Addr::new(127, 0, 0, 2 + u8::from(no % 2 == 0));
        RUNTIME.spawn(dawdle(from, at, counts.clone()));
    }
    wait_for("the house is full", || (counts.slow.load(Ordering::Relaxed) >= SLOW as u64).then_some(()));
    let start = RUNTIME.block_on(async { Instant::now() });
    let tickets: Arc<AtomicU64> = Arc::default();
    let flood: Vec<_> = (0..AT_ONCE).map(|_| RUNTIME.spawn(flow(at, start, tickets.clone(), counts.clone()))).collect();
    let mut busy = Vec::new();
    while flood.iter().any(|one| !one.is_finished()) {
        let (more, took) = genuine(1);
        kept.extend(more);
        busy.extend(took);
    }
    counts.over.store(true, Ordering::Relaxed);
    let peak = peak_kib(&server);
    let journal = house.base.journal();
    assert!(kept.iter().all(|body| journal.iter().any(|entry| entry.raw == *body)), "acknowledged and lost");
    assert!(busy.len() >= 20, "only {} genuine webhooks came through", busy.len());
    assert!(peak < MOST_KIB, "{peak} KiB");
    let (sent, refused) = (counts.sent.load(Ordering::Relaxed), counts.refused.load(Ordering::Relaxed));
    assert!(sent >= RATE, "that was no flood: {sent}");
    assert!(server.terminate().0.success());
    format!(
        "{sent} unsigned requests in {LASTS:?}, {refused} of them told so, {SLOW} slow guests; genuine: {}, calm {}, under the \
         flood {}; at most {peak} KiB",
        kept.len(),
        quantiles(calm),
        quantiles(busy)
    )
}

fn quantiles(mut took: Vec<Duration>) -> String {
    took.sort_unstable();
    let at = |percent: usize| took[(took.len() - 1) * percent / 100];
    format!("p50 {:?} p99 {:?}", at(50), at(99))
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

/// Requests that nobody signed, each when its time has come, however long the others take.
async fn flow(at: SocketAddr, start: Instant, tickets: Arc<AtomicU64>, counts: Arc<Counts>) {
    let request =
        "POST /webhooks/telnyx HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}";
    let many = request.repeat(ON_ONE as usize);
    loop {
        let due = Duration::from_secs_f64(tickets.fetch_add(ON_ONE, Ordering::Relaxed) as f64 / RATE as f64);
        if due > LASTS || start.elapsed() > 2 * LASTS {
            return;
        }
        sleep_until(start + due).await;
        let Some(mut line) = connect(Ipv4Addr::new(127, 0, 0, 4), at).await else { continue };
        if line.write_all(many.as_bytes()).await.is_ok() {
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
async fn dawdle(from: Ipv4Addr, at: SocketAddr, counts: Arc<Counts>) {
    let mut first = true;
    while !counts.over.load(Ordering::Relaxed) {
        let Some(mut line) = connect(from, at).await else { continue };
        if std::mem::take(&mut first) {
            counts.slow.fetch_add(1, Ordering::Relaxed);
        }
        let mut said = line.write_all(b"POST /webhooks/telnyx HTTP/1.1\r\nhost:").await;
        while said.is_ok() && !counts.over.load(Ordering::Relaxed) {
            sleep(Duration::from_millis(500)).await;
            said = line.write_all(b"x").await;
        }
    }
}
