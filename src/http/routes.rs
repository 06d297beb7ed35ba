//! Every URL, on one page.

use std::sync::Arc;

use axum::Router;
use axum::routing::{get, post};

use super::webhook::{self, Door};

/// What the public listener answers: webhooks, and whether it is there. Nothing else.
pub fn public(door: Arc<Door>) -> Router {
    Router::new()
        .route("/webhooks/telnyx", post(webhook::receive))
        .route("/healthz", get(async || "ok\n"))
        .with_state(door)
}
