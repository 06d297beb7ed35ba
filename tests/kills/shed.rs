//! A database that takes a second for each answer, and then five, and far more calls than it can keep: new ones are turned
//! away, and what happens to those that are there is kept. Nobody waits for long, nothing that was acknowledged is lost,
//! and whoever was asked to come again is let in when the database is well.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::{Semaphore, watch};
use tokio::time::Instant;

use crate::base::{Base, RUNTIME};
use crate::orders::Orders;
use crate::outage::{Weather, weather};
use crate::post::{OLD_NUMBER, arrival, bytes, fresh, now, post, signed};
use crate::server::{House, Server, wait_for};
use crate::stub::Stub;

/// How long each answer of the database takes, in one round and in the next.
const SLOW: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(5)];
/// Nobody waits longer for an answer. The server gives itself 1 s; the rest is for a machine that is busy with the flood.
const ANSWERED_WITHIN: Duration = Duration::from_secs(5);
/// How many calls live when it becomes slow.
const LIVE: usize = 40;
/// The most calls that come in anew meanwhile, and how many of them at once.
const NEW: usize = 8_000;
const AT_ONCE: usize = 900;
/// Whoever is turned away for want of room hears of it at once: before a database can have said anything.
const AT_ONCE_IS: Duration = Duration::from_millis(500);

/// The status of an answer, or why there was none.
type Status = Result<u16, String>;

/// What became of a call that came in anew.
struct New {
    body: Vec<u8>,
    status: Status,
    took: Duration,
}

/// Has the server go through it.
pub fn new_calls_first(base: Base, _: &Orders) -> String {
    let stub = Stub::start();
    let house = House::new(base, &stub.url);
    let (weather, url) = weather(&house.base.url());
    let mut serve = house.serve();
    serve.env("DATABASE_URL", url);
    let server = Server::start(serve);
    let told: Vec<String> = SLOW.into_iter().map(|slow| overload(&house, &server, &weather, slow)).collect();
    assert!(server.terminate().0.success());
    told.join("\n  ")
}

fn overload(house: &House, server: &Server, weather: &watch::Sender<Weather>, slow: Duration) -> String {
    let live: Vec<Value> = (0..LIVE).map(|_| arrival(OLD_NUMBER)).collect();
    for call in &live {
        assert_eq!(post(server.address, &house.key, &bytes(call)), 200);
    }
    weather.send_replace(Weather::Slow(slow));
    let (told, places): (Arc<Mutex<Vec<New>>>, _) = (Arc::default(), Arc::new(Semaphore::new(AT_ONCE)));
    let calls = (0..NEW).map(|_| bytes(&arrival(OLD_NUMBER)));
    let flood: Vec<_> = calls
        .map(|body| {
            let (told, places, key, at) = (told.clone(), places.clone(), house.key.clone(), server.address);
            RUNTIME.spawn(async move {
                let Ok(_place) = places.acquire().await else { return };
                let (status, took) = ask(at, &signed(&key, now(), &body)).await;
                told.lock().unwrap().push(New { body, status, took });
            })
        })
        .collect();
    let turned_away = |new: &New| new.status == Ok(503) && new.took < AT_ONCE_IS;
    let count = || told.lock().unwrap().iter().filter(|new| turned_away(new)).count();
    wait_for("new calls are turned away", || (count() > 100).then_some(()));
    // Each is sent once, and its sender asked to come again if it takes too long.
    let more = |call: &Value| {
        let mut event = call.clone();
        event["data"]["id"] = json!(fresh());
        event["data"]["event_type"] = json!("call.answered");
        bytes(&event)
    };
    let events: Vec<Vec<u8>> = live.iter().map(more).collect();
    let before = count();
    let answers: Vec<_> = events
        .iter()
        .map(|body| {
            let (request, at) = (signed(&house.key, now(), body), server.address);
            RUNTIME.spawn(async move { ask(at, &request).await })
        })
        .collect();
    let answers: Vec<(Status, Duration)> = answers.into_iter().map(|one| RUNTIME.block_on(one).unwrap()).collect();
    assert!(count() > before, "new calls are turned away all the while");
    places.close();
    flood.into_iter().for_each(|one| RUNTIME.block_on(one).unwrap());
    weather.send_replace(Weather::Fair);
    let kept = || -> Vec<Vec<u8>> { house.base.journal().into_iter().map(|entry| entry.raw).collect() };
    wait_for("whatever happened to a live call is kept", || {
        let kept: BTreeSet<Vec<u8>> = kept().into_iter().collect();
        events.iter().all(|event| kept.contains(event)).then_some(())
    });
    for event in &events {
        assert_eq!(post(server.address, &house.key, event), 200, "it comes again, and the database is well");
    }
    let mut times: BTreeMap<Vec<u8>, usize> = BTreeMap::new();
    kept().into_iter().for_each(|body| *times.entry(body).or_default() += 1);
    let (kept, told) =
        (|body: &Vec<u8>| times.get(body).copied().unwrap_or(0), std::mem::take(&mut *told.lock().unwrap()));
    assert!(events.iter().all(|event| kept(event) == 1), "what happened to a live call is kept once");
    let away: Vec<&New> = told.iter().filter(|new| turned_away(new)).collect();
    assert!(away.iter().all(|new| kept(&new.body) == 0), "turned away, and kept all the same");
    let taken: Vec<&New> = told.iter().filter(|new| new.status == Ok(200)).collect();
    assert!(taken.iter().all(|new| kept(&new.body) == 1), "acknowledged and lost");
    let others: Vec<_> =
        told.iter().map(|new| (&new.status, new.took)).filter(|(status, _)| !answered(status)).collect();
    assert_eq!(others, [], "what new calls of {} were told", told.len());
    let heard = answers.iter().filter(|(status, _)| *status == Ok(200)).count();
    assert!(answers.iter().all(|(status, _)| answered(status)), "{answers:?}");
    let longest = answers.iter().map(|(_, took)| *took).chain(told.iter().map(|new| new.took)).max().unwrap();
    assert!(longest <= ANSWERED_WITHIN, "somebody waited {longest:?}");
    format!(
        "{slow:?} an answer: {} new calls came, {} were turned away at once, {} taken; {LIVE} events of live calls were kept, \
         {heard} of them at the first try; nobody waited longer than {longest:?}",
        told.len(),
        away.len(),
        taken.len()
    )
}

fn answered(status: &Status) -> bool {
    matches!(status, Ok(200 | 503))
}

async fn ask(at: SocketAddr, request: &[u8]) -> (Status, Duration) {
    let start = Instant::now();
    let mut doing = "connect";
    let answer = async {
        let mut line = TcpStream::connect(at).await?;
        doing = "write";
        line.write_all(request).await?;
        doing = "read";
        let mut answer = Vec::new();
        line.read_to_end(&mut answer).await?;
        Ok(answer)
    };
    let answer: io::Result<Vec<u8>> = answer.await;
    let status = answer.map_err(|why| format!("{doing}: {why}")).and_then(|answer| {
        let text = String::from_utf8_lossy(&answer);
        let status = text.strip_prefix("HTTP/1.1 ").and_then(|rest| rest.get(..3)?.parse().ok());
        status.ok_or_else(|| format!("answered {text:?}"))
    });
    (status, start.elapsed())
}
