//! A PostgreSQL that is stopped and started under calls, is slow, crashes, and is cut off.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use crate::base::{Base, RUNTIME};
use crate::cluster::Cluster;
use crate::hardship::suffer;
use crate::orders::Orders;
use crate::server::Server;
use crate::stage::{Stage, free_address, now};

/// How long each of it lasts at least.
const A_WHILE: Duration = Duration::from_secs(2);

/// How it is between the server and its database.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Weather {
    Fair,
    /// Nobody answers, and who was connected is cut off.
    Down,
    /// Every answer takes so long.
    Slow(Duration),
}

/// Has the server go through it, and what is left checked.
pub fn come_and_go(orders: &Orders) -> Option<String> {
    let cluster = Cluster::start()?;
    let stage = Stage::busy(Base::postgres_at(&cluster.url()), orders.seed, 1);
    let (weather, url) = weather(&stage.house.base.url());
    let mut serve = stage.serve(0);
    serve.env("DATABASE_URL", url);
    let mut server = Server::start(serve);
    stage.is_up(now());
    server.expects = "the database does not answer";
    let mut told = String::new();
    let be = |now: Weather| _ = weather.send_replace(now);
    let fair = || be(Weather::Fair);
    told += &suffer(&stage, "a stop", A_WHILE, || cluster.stop("fast"), || cluster.begin());
    for secs in [1, 5] {
        let pause = Duration::from_secs(secs);
        let slow = Weather::Slow(pause);
        told += &suffer(&stage, &format!("{secs} s an answer"), pause + A_WHILE, || be(slow), fair);
    }
    told += &suffer(&stage, "a crash", A_WHILE, || cluster.stop("immediate"), || cluster.begin());
    told += &suffer(&stage, "a broken line", A_WHILE, || be(Weather::Down), fair);
    Some(stage.settle(server).told + &told)
}

/// What stands between a server and its database, and the database's address through it.
pub fn weather(url: &str) -> (Arc<watch::Sender<Weather>>, String) {
    let mut url = reqwest::Url::parse(url).unwrap();
    let database = format!("{}:{}", url.host_str().unwrap(), url.port().unwrap_or(5432));
    let (weather, at) = (Arc::new(watch::channel(Weather::Fair).0), free_address());
    RUNTIME.block_on(proxy(at, database, weather.clone()));
    url.set_ip_host(at.ip()).unwrap();
    url.set_port(Some(at.port())).unwrap();
    (weather, url.into())
}

async fn proxy(at: SocketAddr, database: String, weather: Arc<watch::Sender<Weather>>) {
    let listener = TcpListener::bind(at).await.unwrap();
    tokio::spawn(async move {
        loop {
            let Ok((server, _)) = listener.accept().await else { continue };
            if *weather.borrow() != Weather::Down
                && let Ok(database) = TcpStream::connect(&database).await
            {
                tokio::spawn(pass(server, database, weather.subscribe()));
            }
        }
    });
}

/// Passes bytes both ways until the one or the other end is gone, or the weather cuts them off.
async fn pass(server: TcpStream, database: TcpStream, mut weather: watch::Receiver<Weather>) {
    let ((mut from_server, mut to_server), (mut from_database, mut to_database)) =
        (server.into_split(), database.into_split());
    let asked = tokio::io::copy(&mut from_server, &mut to_database);
    let mut slow = weather.clone();
    let answered = async {
        let mut bytes = [0; 16 * 1024];
        while let Ok(n @ 1..) = from_database.read(&mut bytes).await {
            let now = *slow.borrow();
            if let Weather::Slow(pause) = now {
                // Or until it is over.
                drop(tokio::time::timeout(pause, slow.wait_for(|weather| *weather == Weather::Fair)).await);
            }
            if to_server.write_all(&bytes[..n]).await.is_err() {
                return;
            }
        }
    };
    tokio::select! {
        _ = asked => {}
        () = answered => {}
        _ = weather.wait_for(|weather| *weather == Weather::Down) => {}
    }
}
