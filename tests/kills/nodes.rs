//! Two nodes on one database, whose webhooks come to one and to the other in turn. One stands still for half a minute,
//! as a machine that swaps or is moved does; then the other dies for good.

use std::net::SocketAddr;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use tokio::net::TcpListener;

use crate::base::{Base, RUNTIME};
use crate::life::Life;
use crate::orders::Orders;
use crate::server::Server;
use crate::stage::{Stage, free_address};

/// Long beyond every lease, and not beyond the window in which a command may be sent again.
const STANDSTILL: Duration = Duration::from_secs(30);

/// Has the two go through it, and what is left checked.
pub fn pause_and_kill(base: Base, orders: &Orders) -> String {
    let stage = Stage::busy(base, orders.seed);
    let nodes = [free_address(), free_address()];
    let turns = RUNTIME.block_on(in_turn(stage.address, nodes));
    let one = Server::start(stage.serve(nodes[0]));
    let mut other = Life::new(&mut stage.serve(nodes[1]));
    thread::sleep(Duration::from_secs(5));
    stage.must_be_busy("before one stands still");
    signal(one.id(), "STOP");
    thread::sleep(STANDSTILL);
    signal(one.id(), "CONT");
    thread::sleep(Duration::from_secs(5));
    stage.must_be_busy("before the other dies");
    other.kill();
    let told = stage.settle(one);
    format!(
        "{told}\n  webhooks to each node {:?}",
        turns.iter().map(|turns| turns.load(Ordering::Relaxed)).collect::<Vec<_>>()
    )
}

fn signal(id: u32, name: &str) {
    assert!(Command::new("kill").args([&format!("-{name}"), &id.to_string()]).status().unwrap().success());
}

/// What passes each request on to the one and the other node in turn.
#[derive(Clone)]
struct Turns {
    client: reqwest::Client,
    nodes: [SocketAddr; 2],
    count: Arc<AtomicUsize>,
    each: Arc<[AtomicUsize; 2]>,
}

/// Passes what comes to `at` on to the nodes in turn; tells how much came to each.
pub async fn in_turn(at: SocketAddr, nodes: [SocketAddr; 2]) -> Arc<[AtomicUsize; 2]> {
    let client = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(2)).build().unwrap();
    let turns = Turns { client, nodes, count: Arc::default(), each: Arc::default() };
    let each = turns.each.clone();
    let listener = TcpListener::bind(at).await.unwrap();
    let router = Router::new().fallback(pass_on).with_state(turns);
    tokio::spawn(async move { axum::serve(listener, router).await });
    each
}

/// As a proxy does: where the node does not answer, whoever asked is told so.
async fn pass_on(State(turns): State<Turns>, headers: HeaderMap, body: Bytes) -> StatusCode {
    let node = turns.count.fetch_add(1, Ordering::Relaxed) % 2;
    turns.each[node].fetch_add(1, Ordering::Relaxed);
    let mut headers = headers;
    headers.remove(header::HOST);
    let url = format!("http://{}/webhooks/telnyx", turns.nodes[node]);
    match turns.client.post(url).headers(headers).body(body).send().await {
        Ok(answer) => answer.status(),
        Err(_) => StatusCode::BAD_GATEWAY,
    }
}
