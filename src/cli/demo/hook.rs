//! Whoever is told of messages and missed calls: a receiver of notices inside the demo.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context as _, Result};
use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use bytes::Bytes;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::routing::{Action, Hook, Rules};

/// A receiver of notices on this machine. It is gone when it is dropped.
pub struct Receiver {
    address: SocketAddr,
    taken: Taken,
    server: JoinHandle<()>,
}

type Taken = Arc<Mutex<Vec<Value>>>;

impl Receiver {
    /// Begins to listen.
    ///
    /// # Errors
    /// No port can be had.
    pub async fn start() -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await.context("no port on 127.0.0.1 can be had")?;
        let address = listener.local_addr()?;
        let taken = Taken::default();
        let router = Router::new().fallback(take).with_state(taken.clone());
        let server = tokio::spawn(async move {
            // It ends only by being dropped.
            drop(axum::serve(listener, router).await);
        });
        Ok(Self { address, taken, server })
    }

    /// Takes the place of every hook that the rules name: nobody outside is told of calls that were never made.
    pub fn stand_in(&self, rules: &mut Rules) {
        let url = format!("http://{}/", self.address);
        let here = |hooks: &mut Vec<Hook>| hooks.iter_mut().for_each(|hook| hook.url.clone_from(&url));
        rules.numbers.values_mut().chain(&mut rules.rest).for_each(|entry| here(&mut entry.on_missed));
        for step in &mut rules.steps {
            if let Action::Voicemail(mailbox) = &mut step.action {
                here(&mut mailbox.notify);
            }
        }
    }

    /// What it was told of a call, each notice once.
    pub fn told(&self, call: &str) -> Vec<Value> {
        let taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let mut told: Vec<Value> = Vec::new();
        for notice in taken.iter().filter(|notice| notice.get("call").is_some_and(|id| id == call)) {
            if !told.iter().any(|known| known.get("id") == notice.get("id")) {
                told.push(notice.clone());
            }
        }
        told
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn take(State(taken): State<Taken>, body: Bytes) -> StatusCode {
    let Ok(notice) = serde_json::from_slice(&body) else { return StatusCode::BAD_REQUEST };
    taken.lock().unwrap_or_else(PoisonError::into_inner).push(notice);
    StatusCode::OK
}
