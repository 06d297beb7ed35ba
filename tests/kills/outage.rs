//! A database that goes away under calls and comes back, is slow, and is gone in the middle of an answer. The server
//! lives through all of it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use jiff::Timestamp;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use crate::base::{Base, RUNTIME};
use crate::orders::Orders;
use crate::server::Server;
use crate::stage::{Stage, free_address, now};

/// How soon a database that is back is used again.
const BACK_WITHIN: Duration = Duration::from_secs(2);

/// How it is between the server and its database.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Weather {
    Fair,
    /// Nobody answers, and who was connected is cut off.
    Down,
    /// Every answer takes so long.
    Slow(Duration),
}

/// Has the server go through it, and what is left checked.
pub fn come_and_go(base: Base, orders: &Orders) -> String {
    let stage = Stage::busy(base, orders.seed);
    let mut url = reqwest::Url::parse(&stage.house.base.url()).unwrap();
    let database = format!("{}:{}", url.host_str().unwrap(), url.port().unwrap_or(5432));
    let (weather, at) = (Arc::new(watch::channel(Weather::Fair).0), free_address());
    RUNTIME.block_on(proxy(at, database, weather.clone()));
    url.set_ip_host(at.ip()).unwrap();
    url.set_port(Some(at.port())).unwrap();
    let mut serve = stage.serve(stage.address);
    serve.env("DATABASE_URL", url.as_str());
    let mut server = Server::start(serve);
    server.expects = "the database does not answer";
    let (mut out, mut back) = (Vec::new(), Vec::new());
    for (bad, lasts) in [
        (Weather::Down, 3),
        (Weather::Slow(Duration::from_secs(1)), 4),
        (Weather::Down, 1),
        (Weather::Slow(Duration::from_secs(5)), 7),
        (Weather::Down, 6),
    ] {
        thread::sleep(Duration::from_secs(3));
        stage.must_be_busy("before the database goes");
        weather.send_replace(bad);
        out.push(now());
        thread::sleep(Duration::from_secs(lasts));
        weather.send_replace(Weather::Fair);
        back.push((bad, now()));
    }
    thread::sleep(Duration::from_secs(3));
    let (told, ledger) = stage.settle_and_tell(server);
    let posts: Vec<(Timestamp, bool)> = ledger["ledger"]["posts"]
        .as_array()
        .unwrap()
        .iter()
        .map(|post| (post["at"].as_str().unwrap().parse().unwrap(), post["fate"] == "taken"))
        .collect();
    let mut waits = Vec::new();
    for ((bad, back), out) in back.into_iter().zip(out) {
        let during = posts.iter().filter(|(at, _)| *at > out && *at < back);
        let refused = during.filter(|(_, taken)| !taken).count();
        assert!(refused > 0, "{bad:?} was not felt");
        let first = posts.iter().find(|(at, taken)| *at >= back && *taken).unwrap().0;
        let wait = Duration::try_from(first.duration_since(back)).unwrap();
        assert!(wait <= BACK_WITHIN, "after {bad:?} it took {wait:?}");
        waits.push((bad, refused, wait));
    }
    format!("{told}\n  weather, webhooks put off, first one taken after it: {waits:?}")
}

/// What stands between the server and its database.
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
