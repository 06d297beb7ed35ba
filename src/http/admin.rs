//! The admin listener: whether the server is ready, its figures, and reading the files again.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::json;
use sha2::{Digest as _, Sha256};
use tokio::sync::watch;
use tokio::time::timeout;
use uuid::Uuid;

use super::metrics;
use super::tally::Tally;
use crate::clock::Clock;
use crate::engine::{Counts, Life, Reloads, Report, Stand};
use crate::store::{Gauges, Stamp, Store};

/// How long the database may take to show that it is there.
const DATABASE: Duration = Duration::from_secs(1);
/// How long reading the files again may take, before whoever asked is told that it goes on.
const RELOAD: Duration = Duration::from_secs(8);

/// All that the admin listener is asked about.
pub struct Desk {
    /// The database.
    pub store: Arc<dyn Store>,
    /// The time.
    pub clock: Clock,
    /// This process.
    pub node: Uuid,
    /// Whether it goes on.
    pub life: Arc<Life>,
    /// What the engine counts.
    pub counts: Arc<Counts>,
    /// What the door counts.
    pub tally: Arc<Tally>,
    /// How what is in force stands to the files.
    pub stands: watch::Receiver<Stand>,
    /// Where it is asked that they be read again, if they may be.
    pub reloads: Option<Reloads>,
}

/// What whoever asks must show. Only its digest is kept: comparing digests tells nothing of how much of a token was right.
#[derive(Clone)]
pub struct Token([u8; 32]);

impl Token {
    /// This token.
    pub fn new(token: &SecretString) -> Self {
        Self(Sha256::digest(token.expose_secret()).into())
    }

    fn is_shown_by(&self, headers: &HeaderMap) -> bool {
        let mut shown = headers.get_all(header::AUTHORIZATION).iter();
        let (Some(only), None) = (shown.next(), shown.next()) else { return false };
        let Some((scheme, token)) = only.to_str().ok().and_then(|text| text.trim().split_once(' ')) else {
            return false;
        };
        let digest: [u8; 32] = Sha256::digest(token.trim()).into();
        scheme.eq_ignore_ascii_case("bearer") && digest == self.0
    }
}

/// Lets pass whoever shows the token; if there is none, everybody.
pub(super) async fn guard(State(token): State<Option<Token>>, request: Request, next: Next) -> Response {
    if token.is_none_or(|token| token.is_shown_by(request.headers())) {
        return next.run(request).await;
    }
    let bearer = [(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"))];
    (StatusCode::UNAUTHORIZED, bearer, "show the token: Authorization: Bearer TOKEN\n").into_response()
}

/// Answers 200 if the server is ready for calls, and 503 if it is not; in both cases what is wrong, in words. Files that
/// cannot be used are no reason not to be ready: the rules in force go on. It is told all the same.
pub(super) async fn ready(State(desk): State<Arc<Desk>>) -> Response {
    let database = match timeout(DATABASE, desk.store.ping()).await {
        Ok(Ok(())) => None,
        Ok(Err(_)) => Some("it does not answer as it should".to_owned()),
        Err(_) => Some(format!("it does not answer within {} s", DATABASE.as_secs())),
    };
    let stopping = desk.life.is_stopping();
    let engine = desk.life.dead().filter(|_| !stopping).map(|part| format!("its {part} has died"));
    let process = stopping.then(|| "it is being stopped".to_owned());
    let ready = [&database, &engine, &process].into_iter().all(Option::is_none);
    let checked = |wrong: Option<String>| wrong.unwrap_or_else(|| "ok".to_owned());
    let stand = desk.stands.borrow().clone();
    let body = json!({
        "ready": ready,
        "checks": { "database": checked(database), "engine": checked(engine), "process": checked(process) },
        "config": {
            "ok": stand.is_good(),
            "rules": stand.rules,
            "since": stand.since,
            "warnings": stand.routes.into_iter().chain(stand.settings).collect::<Vec<_>>(),
        },
    });
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, [JSON], format!("{body}\n")).into_response()
}

/// Answers with all figures. Those that only the database knows are left out where it does not answer.
pub(super) async fn figures(State(desk): State<Arc<Desk>>) -> Response {
    let boot = desk.clock.boot();
    let stamp = Stamp { node: desk.node, boot: boot.boot, since: boot.since, lease: Duration::ZERO };
    let asked = timeout(DATABASE, desk.store.gauges(desk.clock.now(), &stamp)).await;
    let gauges: Option<Gauges> = asked.ok().and_then(Result::ok);
    let page = metrics::page(&desk.tally, &desk.counts, gauges.as_ref(), &desk.stands.borrow().clone());
    let kind = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
    ([(header::CONTENT_TYPE, kind)], page).into_response()
}

/// Has the files read again: 200 with the version of the rules in force, 422 with all that is wrong, 503 if the database
/// does not keep the texts now. As text, or as JSON for whoever wants that.
pub(super) async fn reload(State(desk): State<Arc<Desk>>, headers: HeaderMap) -> Response {
    let Some(reloads) = &desk.reloads else {
        return (StatusCode::NOT_FOUND, "this server reads its files at the start only\n").into_response();
    };
    let busy = |why: &'static str| (StatusCode::SERVICE_UNAVAILABLE, why).into_response();
    let report = match timeout(RELOAD, reloads.ask()).await {
        Ok(Some(report)) => report,
        Ok(None) => return busy("the server is being stopped\n"),
        Err(_) => return busy("the files take long to be read; that goes on\n"),
    };
    let status = match &report {
        good if good.is_good() => StatusCode::OK,
        busy if busy.busy => StatusCode::SERVICE_UNAVAILABLE,
        _ => StatusCode::UNPROCESSABLE_ENTITY,
    };
    let wants_json =
        headers.get_all(header::ACCEPT).iter().any(|accept| accept.as_bytes().starts_with(b"application/json"));
    if wants_json {
        return (status, [JSON], format!("{}\n", as_json(&report))).into_response();
    }
    (status, as_text(&report)).into_response()
}

const JSON: (HeaderName, HeaderValue) = (header::CONTENT_TYPE, HeaderValue::from_static("application/json"));

/// As `switchhook check --format json` says it, with the version that is in force and what is wrong elsewhere.
fn as_json(report: &Report) -> serde_json::Value {
    json!({
        "good": report.is_good(),
        "rules": report.rules,
        "errors": report.errors,
        "warnings": report.warnings,
        "others": report.others,
    })
}

/// As `switchhook check` says it.
fn as_text(report: &Report) -> String {
    let errors = report.errors.iter().map(|error| format!("error: {error}\n"));
    let others = report.others.iter().map(|other| format!("error: {other}\n"));
    let warnings = report.warnings.iter().map(|warning| format!("warning: {warning}\n"));
    let verdict = if report.is_good() { "in force" } else { "still in force" };
    errors.chain(others).chain(warnings).chain([format!("rules {} are {verdict}\n", report.rules.0)]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_shown_whole_and_once() {
        let token = Token::new(&"the-token".into());
        let shown = |values: &[&str]| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(header::AUTHORIZATION, value.parse().unwrap());
            }
            token.is_shown_by(&headers)
        };
        assert!(shown(&["Bearer the-token"]) && shown(&["bearer  the-token "]));
        for wrong in ["Bearer the-toke", "Bearer the-token2", "Bearer", "Bearer ", "the-token", "Basic the-token"] {
            assert!(!shown(&[wrong]), "{wrong}");
        }
        assert!(!shown(&[]) && !shown(&["Bearer the-token", "Bearer the-token"]));
    }

    #[test]
    fn what_is_wrong_is_told_as_check_tells_it() {
        let problem = crate::routing::Problem {
            file: "routes.yaml".into(),
            line: 3,
            column: 5,
            path: "routes.main[0]".into(),
            message: "unknown key `rign`".into(),
        };
        let rules = crate::routing::RulesHash("5e1f".into());
        let others = vec!["limits.stop: `x` is no number".to_owned()];
        let report = Report { rules, errors: vec![problem], others, ..Report::default() };
        assert_eq!(
            as_text(&report),
            "error: routes.yaml:3:5: routes.main[0]: unknown key `rign`\nerror: limits.stop: `x` is no number\n\
             rules 5e1f are still in force\n"
        );
        assert_eq!(as_json(&report)["errors"][0]["line"], 3);
        assert_eq!(as_text(&Report { rules: report.rules, ..Report::default() }), "rules 5e1f are in force\n");
    }
}
