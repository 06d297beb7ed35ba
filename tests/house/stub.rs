//! Whoever answers in Telnyx' place: it writes down what it is asked, and may keep its answers back.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Method, Uri};
use axum::response::Json;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::base::RUNTIME;
use crate::post::fresh;
use crate::server::API_KEY;

/// A request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    pub method: Method,
    pub path: String,
    pub body: Vec<u8>,
}

/// Telnyx' place.
pub struct Stub {
    pub url: String,
    shared: Shared,
}

#[derive(Clone)]
struct Shared {
    seen: Arc<Mutex<Vec<Seen>>>,
    held: Arc<watch::Sender<bool>>,
}

impl Stub {
    pub fn start() -> Self {
        let shared = Shared { seen: Arc::default(), held: Arc::new(watch::Sender::new(false)) };
        let listener = RUNTIME.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let url = format!("http://{}/v2", listener.local_addr().unwrap());
        let router = Router::new().fallback(answer).with_state(shared.clone());
        RUNTIME.spawn(async { axum::serve(listener, router).await });
        Self { url, shared }
    }

    /// From now on nobody gets an answer.
    pub fn hold(&self) {
        self.shared.held.send_replace(true);
    }

    /// Whoever waits gets his answer, and all others get theirs at once.
    pub fn release(&self) {
        self.shared.held.send_replace(false);
    }

    /// The requests so far.
    pub fn seen(&self) -> Vec<Seen> {
        self.shared.seen.lock().unwrap().clone()
    }

    /// The commands so far: requests that ask for something to happen.
    pub fn commands(&self) -> Vec<Seen> {
        self.seen().into_iter().filter(|seen| seen.method == Method::POST).collect()
    }
}

async fn answer(
    State(shared): State<Shared>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Json<Value> {
    assert_eq!(headers["authorization"], format!("Bearer {API_KEY}").as_str());
    let path = uri.path().to_owned();
    let is_dial = method == Method::POST && path == "/v2/calls";
    let look = method == Method::GET;
    shared.seen.lock().unwrap().push(Seen { method, path, body: body.to_vec() });
    let _ = shared.held.subscribe().wait_for(|held| !held).await;
    Json(if look {
        json!({"data": {"is_alive": true}})
    } else if is_dial {
        json!({"data": {"call_control_id": format!("v3:{}", fresh()), "call_leg_id": fresh(), "call_session_id": fresh()}})
    } else {
        json!({"data": {"result": "ok"}})
    })
}
