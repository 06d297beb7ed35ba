//! Every URL, on one page.

use std::sync::Arc;

use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::routing::{get, post};

use super::admin::{self, Desk, Token};
use super::webhook::{self, Door};

/// What the public listener answers: webhooks, and whether it is there. Nothing else.
pub fn public(door: Arc<Door>) -> Router {
    Router::new()
        .route("/webhooks/telnyx", post(webhook::receive))
        .route("/healthz", get(async || "ok\n"))
        .with_state(door)
}

/// What the admin listener answers. Whether the server is ready anybody may ask: probes have no token.
pub fn admin(desk: Arc<Desk>, token: Option<Token>) -> Router {
    Router::new()
        .route("/metrics", get(admin::figures))
        .route("/-/reload", post(admin::reload))
        .route_layer(from_fn_with_state(token, admin::guard))
        .route("/readyz", get(admin::ready))
        .with_state(desk)
}
