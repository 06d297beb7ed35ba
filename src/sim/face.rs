//! The simulator behind HTTP: the REST API, the ledger at `GET /_sim/ledger`, and a loop that posts the webhooks.

use std::collections::VecDeque;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};
use axum::response::Response;
use axum::routing::get;
use jiff::Timestamp;
use serde_json::json;
use tokio::net::TcpListener;
use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;

use super::moment::between;
use super::posts::Delivery;
use super::reply::{NoAnswer, Refusal, Reply};
use super::sign::KeyPair;
use super::world::World;

/// How many webhooks are under way at once.
const AT_ONCE: usize = 64;
/// How long a request that is never answered is kept waiting, in the time of the one who asks.
const KEPT_WAITING: Duration = Duration::from_secs(120);
/// Whoever shares the world may schedule calls in it at any time.
const LOOK_AGAIN: Duration = Duration::from_millis(50);
/// A machine that is slow must not look like a receiver that is.
const LEAST_TIMEOUT: Duration = Duration::from_secs(1);

/// The time the simulated Telnyx lives in.
#[derive(Clone)]
pub struct Pace {
    /// What time it is there.
    pub now: Arc<dyn Fn() -> Timestamp + Send + Sync>,
    /// How many times faster that time runs than the machine's; 1 for the machine's own.
    pub times: u32,
}

/// How the face is set up.
#[derive(Clone, Debug)]
pub struct FaceSettings {
    /// Where webhooks are posted.
    pub webhook_url: String,
    /// The key a request has to bear; any is good if there is none.
    pub api_key: Option<String>,
    /// The time.
    pub pace: Pace,
    /// What webhooks are signed with.
    pub key: KeyPair,
}

/// A running face. It stops when it is told to, or dropped.
#[derive(Debug)]
pub struct Face {
    address: SocketAddr,
    stop: watch::Sender<bool>,
    tasks: JoinSet<()>,
}

#[derive(Clone)]
struct Shared {
    world: Arc<Mutex<World>>,
    settings: Arc<FaceSettings>,
    /// Something happened that may be due earlier than what the loop waits for.
    wake: Arc<Notify>,
    stop: watch::Receiver<bool>,
}

/// Serves a world on a socket until it is stopped.
///
/// # Errors
/// The socket has no address, or no HTTP client can be made.
pub fn serve(listener: TcpListener, world: Arc<Mutex<World>>, settings: FaceSettings) -> io::Result<Face> {
    let address = listener.local_addr()?;
    let (stop, stopped) = watch::channel(false);
    let client = client()?;
    let shared = Shared { world, settings: Arc::new(settings), wake: Arc::new(Notify::new()), stop: stopped };
    let mut tasks = JoinSet::new();
    let router = Router::new().route("/_sim/ledger", get(ledger)).fallback(request).with_state(shared.clone());
    let mut until = shared.stop.clone();
    tasks.spawn(async move {
        let stopped = async move { drop(until.wait_for(|stop| *stop).await) };
        // It ends only by being stopped.
        drop(axum::serve(listener, router).with_graceful_shutdown(stopped).await);
    });
    tasks.spawn(deliver(shared, client));
    Ok(Face { address, stop, tasks })
}

impl Face {
    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Stops answering and delivering, and waits until nothing is left running.
    pub async fn stop(mut self) {
        self.stop.send_replace(true);
        while self.tasks.join_next().await.is_some() {}
    }
}

impl fmt::Debug for Pace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pace").field("times", &self.times).finish_non_exhaustive()
    }
}

impl Pace {
    /// How long the machine has to wait for so long a time there.
    fn real(&self, span: Duration) -> Duration {
        span / self.times.max(1)
    }
}

impl Shared {
    fn world(&self) -> MutexGuard<'_, World> {
        // A world that panicked half-way is still the truth of what happened.
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now(&self) -> Timestamp {
        (self.settings.pace.now)()
    }
}

/// Plain HTTP to the machine itself; TLS would need nothing more than an address that begins so.
fn client() -> io::Result<reqwest::Client> {
    // Whoever was first has chosen already: that is as good.
    drop(rustls::crypto::ring::default_provider().install_default());
    let redirects = reqwest::redirect::Policy::limited(3);
    reqwest::Client::builder().no_proxy().redirect(redirects).build().map_err(io::Error::other)
}

async fn ledger(State(shared): State<Shared>) -> Response {
    let world = shared.world();
    let body = json!({ "calls": world.outcomes(), "ledger": world.ledger(), "counts": world.counts() });
    drop(world);
    answered(Reply::ok(&body))
}

async fn request(
    State(shared): State<Shared>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Result<Bytes, axum::extract::rejection::BytesRejection>,
) -> Response {
    let target = uri.path_and_query().map_or(uri.path(), |target| target.as_str());
    let reply = {
        let mut world = shared.world();
        match body {
            _ if !shared.settings.admits(&headers) => Ok(world.refuse(&Refusal::unauthorized())),
            Ok(body) => world.request(shared.now(), method.as_str(), target, &body),
            Err(_) => Ok(world.refuse(&Refusal::new(400, "10015", "Bad Request", "The body cannot be read."))),
        }
    };
    shared.wake.notify_one();
    match reply {
        Ok(reply) => dated(answered(reply), shared.now()),
        Err(NoAnswer) => {
            let mut stop = shared.stop.clone();
            let stopped = stop.wait_for(|stop| *stop);
            drop(tokio::time::timeout(shared.settings.pace.real(KEPT_WAITING), stopped).await);
            let gone = Refusal::new(504, "10007", "Gateway timeout", "There was no answer in time.");
            answered(shared.world().refuse(&gone))
        }
    }
}

impl FaceSettings {
    fn admits(&self, headers: &HeaderMap) -> bool {
        let Some(key) = &self.api_key else { return true };
        let given = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        given.and_then(|given| given.strip_prefix("Bearer ")) == Some(key)
    }
}

/// The answer with what time it is there.
fn dated(mut response: Response, now: Timestamp) -> Response {
    let date = jiff::fmt::rfc2822::DateTimePrinter::new().timestamp_to_rfc9110_string(&now);
    if let Some(date) = date.ok().and_then(|date| HeaderValue::from_str(&date).ok()) {
        response.headers_mut().insert(header::DATE, date);
    }
    response
}

fn answered(reply: Reply) -> Response {
    let mut response = Response::builder()
        .status(StatusCode::from_u16(reply.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR))
        .header(header::CONTENT_TYPE, "application/json");
    for (name, value) in reply.headers {
        response = response.header(name, value);
    }
    response.body(Body::from(reply.body)).unwrap_or_default()
}

/// Posts what is due, a bounded number at once, and tells the world what became of it.
async fn deliver(shared: Shared, client: reqwest::Client) {
    let mut stop = shared.stop.clone();
    let mut waiting: VecDeque<Delivery> = VecDeque::new();
    let mut under_way: JoinSet<(u64, Option<u16>)> = JoinSet::new();
    while !*stop.borrow_and_update() {
        let next = {
            let (now, mut world) = (shared.now(), shared.world());
            waiting.extend(world.poll(now));
            world.next_due().map(|due| between(now, due))
        };
        while under_way.len() < AT_ONCE {
            let Some(delivery) = waiting.pop_front() else { break };
            under_way.spawn(post(shared.clone(), client.clone(), delivery));
        }
        let pause = next.map_or(LOOK_AGAIN, |next| shared.settings.pace.real(next).min(LOOK_AGAIN));
        tokio::select! {
            _ = stop.changed() => break,
            () = shared.wake.notified() => {}
            Some(end) = under_way.join_next() => {
                if let Ok((id, status)) = end {
                    shared.world().delivered(id, status, shared.now());
                }
            }
            () = tokio::time::sleep(pause) => {}
        }
    }
    under_way.shutdown().await;
}

async fn post(shared: Shared, client: reqwest::Client, delivery: Delivery) -> (u64, Option<u16>) {
    let limit = shared.settings.pace.real(shared.world().webhook_timeout()).max(LEAST_TIMEOUT);
    let mut request = client
        .post(&shared.settings.webhook_url)
        .timeout(limit)
        .header("content-type", "application/json")
        .header("user-agent", "telnyx-webhooks");
    for (name, value) in shared.settings.key.headers(delivery.stamp, &delivery.body) {
        request = request.header(name, value);
    }
    let answer = request.body(delivery.body).send().await;
    (delivery.id, answer.ok().map(|response| response.status().as_u16()))
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicI64, Ordering};

    use axum::routing::post;
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;
    use ed25519_dalek::{Signature, VerifyingKey};
    use serde_json::Value;
    use tokio::sync::mpsc;

    use super::super::stage::{SECOND, script};
    use super::super::{Fault, Rates, Settings};
    use super::*;

    type Taken = (HeaderMap, Bytes);

    struct House {
        face: Face,
        client: reqwest::Client,
        now: Arc<AtomicI64>,
        world: Arc<Mutex<World>>,
        taken: mpsc::UnboundedReceiver<Taken>,
        receiver: tokio::task::JoinHandle<()>,
    }

    impl House {
        /// A face with a receiver of webhooks, on a clock that is moved by hand.
        async fn new(api_key: Option<&str>, settings: Settings) -> Self {
            let (sender, taken) = mpsc::unbounded_channel();
            let receive = move |headers: HeaderMap, body: Bytes| async move { drop(sender.send((headers, body))) };
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let webhook_url = format!("http://{}/hooks", listener.local_addr().unwrap());
            let receiver = tokio::spawn(async move {
                axum::serve(listener, Router::new().route("/hooks", post(receive))).await.unwrap();
            });
            let now = Arc::new(AtomicI64::new(1_800_000_000_000));
            let hand = now.clone();
            let pace = Pace {
                now: Arc::new(move || Timestamp::from_millisecond(hand.load(Ordering::SeqCst)).unwrap()),
                times: 20,
            };
            let world = Arc::new(Mutex::new(World::new(1, settings)));
            let settings =
                FaceSettings { webhook_url, api_key: api_key.map(str::to_owned), pace, key: KeyPair::from_seed(1) };
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let face = serve(listener, world.clone(), settings).unwrap();
            Self { face, client: client().unwrap(), now, world, taken, receiver }
        }

        fn call_in(&self) {
            let now = Timestamp::from_millisecond(self.now.load(Ordering::SeqCst)).unwrap();
            self.world.lock().unwrap().call_in(now, &script());
        }

        fn advance(&self, by: Duration) {
            self.now.fetch_add(i64::try_from(by.as_millis()).unwrap(), Ordering::SeqCst);
        }

        async fn post(&self, path: &str, key: &str, body: &str) -> (u16, Value) {
            let url = format!("http://{}{path}", self.face.address());
            let request = self.client.post(url).header("authorization", key).body(body.to_owned());
            let response = request.send().await.unwrap();
            let status = response.status().as_u16();
            (status, serde_json::from_slice(&response.bytes().await.unwrap()).unwrap())
        }

        async fn end(self) {
            self.face.stop().await;
            self.receiver.abort();
        }
    }

    #[tokio::test]
    async fn a_call_is_answered_over_http_and_its_webhooks_are_signed() {
        let mut house = House::new(Some("KEY"), Settings::default()).await;
        house.call_in();
        house.advance(SECOND);
        let (headers, body) = house.taken.recv().await.unwrap();
        assert_eq!(headers["user-agent"], "telnyx-webhooks");
        let stamp = headers["telnyx-timestamp"].to_str().unwrap();
        assert_eq!(stamp, "1800000000");
        let signature = STANDARD.decode(&headers["telnyx-signature-ed25519"]).unwrap();
        let public = VerifyingKey::from_bytes(&KeyPair::from_seed(1).public()).unwrap();
        let signed = [stamp.as_bytes(), b"|", &body].concat();
        public.verify_strict(&signed, &Signature::from_slice(&signature).unwrap()).unwrap();
        let event: Value = serde_json::from_slice(&body).unwrap();
        let id = event["data"]["payload"]["call_control_id"].as_str().unwrap();

        let path = format!("/v2/calls/{id}/actions/answer");
        assert_eq!(house.post(&path, "Bearer wrong", "{}").await.1["errors"][0]["code"], "10009");
        assert_eq!(house.post(&path, "KEY", "{}").await.0, 401);
        assert_eq!(house.post(&path, "Bearer KEY", "{}").await.0, 200);
        assert_eq!(house.post("/calls", "Bearer KEY", "{}").await.1["errors"][0]["code"], "10004");
        house.advance(SECOND);
        let (_, body) = house.taken.recv().await.unwrap();
        let event: Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(event["data"]["event_type"], "call.answered");

        let url = format!("http://{}/_sim/ledger", house.face.address());
        let ledger = house.client.get(url).send().await.unwrap().bytes().await.unwrap();
        let ledger: Value = serde_json::from_slice(&ledger).unwrap();
        assert_eq!(ledger["calls"][0]["name"], "a call");
        assert_eq!(ledger["ledger"]["commands"][0]["verb"], "answer");
        assert_eq!(ledger["counts"]["fault.hang"], 0);
        house.end().await;
    }

    #[tokio::test]
    async fn a_request_without_an_answer_hangs_until_the_face_stops() {
        let faults = Rates::default().with(Fault::Hang, 1.0);
        let house = House::new(None, Settings { faults, ..Settings::default() }).await;
        let url = format!("http://{}/v2/calls", house.face.address());
        let limit = Duration::from_millis(200);
        let error = house.client.post(&url).timeout(limit).body("{}").send().await.unwrap_err();
        assert!(error.is_timeout());
        let waiting = tokio::spawn(house.client.post(&url).body("{}").send());
        while house.world.lock().unwrap().counts()["fault.hang"] < 2 {
            tokio::task::yield_now().await;
        }
        house.end().await;
        assert!(waiting.await.unwrap().is_ok_and(|response| response.status() == 504));
    }

    #[tokio::test]
    async fn a_face_that_stops_leaves_nothing_behind() {
        let house = House::new(None, Settings::default()).await;
        let world = house.world.clone();
        house.end().await;
        assert_eq!(Arc::strong_count(&world), 1);
    }
}
