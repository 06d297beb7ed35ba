//! Whoever carries webhooks from Telnyx to the servers, to one after another where there are several, and writes down
//! what each was answered: what was acknowledged is what stands here, whatever anybody else says.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::Write as _;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use serde::Serialize;
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use tokio::net::TcpListener;

use crate::base::RUNTIME;
use crate::life::Death;
use crate::server::wait_for;
use crate::stage::now;

/// Longer than any server takes that is to be believed.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long after its first attempt a webhook may be tried again: 1, 2, 5 and 10 s after one another.
const TRIED_FOR_MS: i64 = 20_000;

/// A webhook that was posted. Times are milliseconds since 1970.
#[derive(Clone, Debug, Serialize)]
pub struct Post {
    pub sent_at: i64,
    pub answered_at: i64,
    /// What its header says, in seconds.
    pub stamp: i64,
    pub event: String,
    pub kind: String,
    /// `incoming` or `outgoing`, where it says so: whose leg it tells of.
    pub direction: String,
    pub session: String,
    /// SHA-256 of the body.
    pub sha256: String,
    /// None: no answer.
    pub status: Option<u16>,
    /// Which server it went to, at last.
    pub node: usize,
    /// Whether that server, or the system for it, took the connection.
    pub reached: bool,
}

/// Who carries webhooks.
#[derive(Clone)]
pub struct Postman {
    client: reqwest::Client,
    nodes: Arc<[SocketAddr]>,
    /// How many have been carried: the number of the next, and whose turn it is.
    turn: Arc<AtomicUsize>,
    book: Arc<Mutex<Book>>,
}

struct Book {
    file: File,
    posts: Vec<Post>,
    /// Events that were acknowledged, and when.
    acknowledged: BTreeMap<String, i64>,
    /// Posts that have no answer yet, numbered.
    open: BTreeMap<usize, Post>,
    /// Events that nobody has acknowledged, and when they were first sent.
    waiting: BTreeMap<String, i64>,
}

impl Postman {
    /// Begins to carry to `nodes` what is posted to the address it gives back. The log is written to `file`.
    pub fn start(nodes: Vec<SocketAddr>, file: &Path) -> (Self, SocketAddr) {
        // Whoever was first has chosen already: that is as good.
        drop(rustls::crypto::ring::default_provider().install_default());
        let client = reqwest::Client::builder().no_proxy().timeout(PATIENCE).build().unwrap();
        let book = Book {
            file: File::create(file).unwrap(),
            posts: Vec::new(),
            acknowledged: BTreeMap::new(),
            open: BTreeMap::new(),
            waiting: BTreeMap::new(),
        };
        let postman = Self { client, nodes: nodes.into(), turn: Arc::default(), book: Arc::new(Mutex::new(book)) };
        let listener = RUNTIME.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let address = listener.local_addr().unwrap();
        let router = Router::new().fallback(take).with_state(postman.clone());
        RUNTIME.spawn(async move { axum::serve(listener, router).await });
        (postman, address)
    }

    /// How many events are on their way: sent, not acknowledged, and still to be sent again.
    pub fn under_way(&self) -> usize {
        let since = now().as_millisecond() - TRIED_FOR_MS;
        self.book.lock().unwrap().waiting.values().filter(|sent_at| **sent_at > since).count()
    }

    /// How many events a server had before it died, or stood still, and left without an answer: posts that had reached it by
    /// then, of events that nobody had acknowledged by then.
    pub fn cut_off(&self, node: usize, death: Death) -> usize {
        wait_for("whoever was cut off knows", || {
            let book = self.book.lock().unwrap();
            let waits = |post: &Post| post.node == node && post.sent_at <= death.dead;
            (!book.open.values().any(waits)).then_some(())
        });
        let book = self.book.lock().unwrap();
        let later = book.posts.iter().rev().take_while(|post| post.answered_at >= death.lived);
        let cut = later.filter(|post| post.node == node && post.reached && post.status.is_none());
        let cut = cut.filter(|post| post.sent_at <= death.dead);
        let known = |post: &&Post| book.acknowledged.get(&post.event).is_some_and(|at| *at < death.lived);
        cut.filter(|post| !known(post)).map(|post| &post.event).collect::<BTreeSet<_>>().len()
    }

    /// Everything that was posted so far, in the order of the answers.
    pub fn posts(&self) -> Vec<Post> {
        self.book.lock().unwrap().posts.clone()
    }

    /// How many were answered so since then.
    pub fn answered(&self, since: i64, status: Option<u16>) -> usize {
        let book = self.book.lock().unwrap();
        book.posts
            .iter()
            .rev()
            .take_while(|post| post.answered_at >= since)
            .filter(|post| post.status == status)
            .count()
    }

    /// When the first one was taken since then.
    pub fn first_taken(&self, since: i64) -> Option<i64> {
        let book = self.book.lock().unwrap();
        let later = book.posts.iter().rev().take_while(|post| post.answered_at >= since);
        later.filter(|post| post.status == Some(200)).map(|post| post.answered_at).min()
    }

    /// How many went to each node.
    pub fn each(&self) -> Vec<usize> {
        let posts = self.posts();
        (0..self.nodes.len()).map(|node| posts.iter().filter(|post| post.node == node).count()).collect()
    }

    /// As a proxy does: where nobody listens the next node is asked, and where the node does not answer, whoever posted is
    /// told so.
    async fn carry(self, mut headers: HeaderMap, body: Bytes) -> StatusCode {
        let mut post = read(&headers, &body);
        headers.remove(header::HOST);
        let no = self.turn.fetch_add(1, Ordering::Relaxed);
        post.node = no % self.nodes.len();
        self.book.lock().unwrap().begin(no, &post);
        let mut answer = self.ask(&post, &headers, &body).await;
        if answer.as_ref().is_err_and(reqwest::Error::is_connect) && self.nodes.len() > 1 {
            post.node = (post.node + 1) % self.nodes.len();
            self.book.lock().unwrap().begin(no, &post);
            answer = self.ask(&post, &headers, &body).await;
        }
        post.reached = !answer.as_ref().is_err_and(reqwest::Error::is_connect);
        post.status = answer.ok().map(|answer| answer.status().as_u16());
        post.answered_at = now().as_millisecond();
        let status = post.status.and_then(|status| StatusCode::from_u16(status).ok());
        self.book.lock().unwrap().write(no, post);
        status.unwrap_or(StatusCode::BAD_GATEWAY)
    }

    async fn ask(&self, post: &Post, headers: &HeaderMap, body: &Bytes) -> reqwest::Result<reqwest::Response> {
        let url = format!("http://{}/webhooks/telnyx", self.nodes[post.node]);
        self.client.post(url).headers(headers.clone()).body(body.clone()).send().await
    }
}

impl Book {
    fn begin(&mut self, no: usize, post: &Post) {
        if !self.acknowledged.contains_key(&post.event) {
            self.waiting.entry(post.event.clone()).or_insert(post.sent_at);
        }
        self.open.insert(no, post.clone());
    }

    fn write(&mut self, no: usize, post: Post) {
        self.open.remove(&no);
        let line = serde_json::to_string(&post).unwrap();
        writeln!(self.file, "{line}").unwrap();
        if post.status.is_some_and(|status| (200..300).contains(&status)) {
            self.waiting.remove(&post.event);
            self.acknowledged.entry(post.event.clone()).or_insert(post.answered_at);
        }
        self.posts.push(post);
    }
}

/// Whoever posts may lose patience; what came of it is written down all the same.
async fn take(State(postman): State<Postman>, headers: HeaderMap, body: Bytes) -> StatusCode {
    tokio::spawn(postman.carry(headers, body)).await.unwrap()
}

fn read(headers: &HeaderMap, body: &Bytes) -> Post {
    let told: Value = serde_json::from_slice(body).unwrap();
    let text = |path: &str| told.pointer(path).and_then(Value::as_str).unwrap_or_default().to_owned();
    let now = now().as_millisecond();
    Post {
        sent_at: now,
        answered_at: now,
        stamp: headers["telnyx-timestamp"].to_str().unwrap().parse().unwrap(),
        event: text("/data/id"),
        kind: text("/data/event_type"),
        direction: text("/data/payload/direction"),
        session: text("/data/payload/call_session_id"),
        sha256: Sha256::digest(body).iter().map(|byte| format!("{byte:02x}")).collect(),
        status: None,
        node: 0,
        reached: false,
    }
}
