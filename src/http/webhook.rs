//! The door for webhooks: who is not Telnyx stays out, what is not an event is kept aside, the rest is handed on.
//!
//! What is cheap to check is checked first, and nothing is read of a body whose headers cannot be good.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use axum::body::{Body, HttpBody};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout};
use tracing::warn;

use super::guests::Suspect;
use super::tally::{Tally, UNREAD};
use crate::clock::Clock;
use crate::engine::{Inlet, Put};
use crate::kill::kill_point;
use crate::telnyx::signature::{Claim, Keys, Presented, Refused};
use crate::telnyx::webhook::{OTHER, Parsed, Webhook, parse};

/// Whoever takes what comes through the door, and keeps it for good before answering.
///
/// The answer is waited for only for a while, and not at all once the sender has gone: the work must not hang on the
/// returned future.
#[async_trait]
pub trait Intake: Send + Sync {
    /// Takes an event; `raw` is the body it was read from.
    async fn take(&self, webhook: Webhook, raw: Bytes) -> Taken;
    /// Keeps a genuine body that is no event we can use.
    async fn quarantine(&self, raw: Bytes, why: String) -> Taken;
    /// Hears of every genuine body before it is read, with the header that is signed with it: for whoever watches.
    fn genuine(&self, _stamp: &[u8], _raw: &Bytes) {}
}

/// What became of something handed in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken {
    /// It is kept for good, now or since earlier.
    Kept,
    /// It could not be kept; its sender may try again.
    Busy,
}

#[async_trait]
impl Intake for Inlet {
    async fn take(&self, webhook: Webhook, raw: Bytes) -> Taken {
        let Webhook { stream, event, digest, .. } = webhook;
        self.put_webhook(stream, event, digest, raw).await.into()
    }

    async fn quarantine(&self, raw: Bytes, why: String) -> Taken {
        self.put_body(raw, why).await.into()
    }
}

impl From<Put> for Taken {
    fn from(put: Put) -> Self {
        match put {
            Put::Kept => Self::Kept,
            Put::Busy => Self::Busy,
        }
    }
}

/// What the door allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DoorLimits {
    /// Most bytes of a body. Telnyx' are a few thousand.
    pub bytes: usize,
    /// How long the body may take to arrive.
    pub body: Duration,
    /// How long our answer may take once it has.
    pub answer: Duration,
}

impl Default for DoorLimits {
    fn default() -> Self {
        Self { bytes: 256 * 1024, body: Duration::from_secs(5), answer: Duration::from_secs(1) }
    }
}

/// The door, open.
pub struct Door {
    keys: Keys,
    intake: Arc<dyn Intake>,
    clock: Clock,
    limits: DoorLimits,
    /// Signatures from sources that were refused often are checked one at a time: the others have the machine.
    suspects: Semaphore,
    tally: Arc<Tally>,
}

/// Why a request is not let in.
enum Refusal {
    NotJson,
    Encoded,
    TooLarge,
    Slow,
    Cut,
    NotGenuine(Refused),
}

impl Door {
    /// A door that lets in what one of `keys` has signed, by the time of `clock`.
    pub fn new(keys: Keys, intake: Arc<dyn Intake>, clock: Clock, limits: DoorLimits) -> Self {
        Self { keys, intake, clock, limits, suspects: Semaphore::new(1), tally: Arc::default() }
    }

    /// How many requests were `taken`, `busy`, or refused, by reason; and how many bodies were `quarantined`.
    pub fn counts(&self) -> BTreeMap<String, u64> {
        self.tally.read()
    }

    /// What it counts. It may be kept longer than the door itself, behind which something is held open.
    pub fn tally(&self) -> Arc<Tally> {
        self.tally.clone()
    }

    /// `read`: what the body turned out to be, as soon as that is known.
    async fn admit(&self, request: Request, read: &mut Read) -> Result<Taken, Refusal> {
        let (head, body) = request.into_parts();
        check_content(&head.headers)?;
        if body.size_hint().lower() > self.limits.bytes as u64 {
            return Err(Refusal::TooLarge);
        }
        let (signature, timestamp) = (values(&head.headers, &SIGNATURE), values(&head.headers, &TIMESTAMP));
        let presented = Presented { signature: &signature, timestamp: &timestamp };
        let claim = presented.claim(self.clock.now())?;
        let raw = timeout(self.limits.body, whole(body, self.limits.bytes)).await.map_err(|_| Refusal::Slow)??;
        let suspect = head.extensions.get::<Suspect>().is_some();
        timeout(self.limits.answer, self.hand_on(&claim, raw, suspect, read)).await.unwrap_or(Ok(Taken::Busy))
    }

    async fn hand_on(&self, claim: &Claim<'_>, raw: Bytes, suspect: bool, read: &mut Read) -> Result<Taken, Refusal> {
        {
            let _turn = if suspect { self.suspects.acquire().await.ok() } else { None };
            self.keys.prove(claim, &raw)?;
        }
        self.intake.genuine(claim.stamp(), &raw);
        kill_point!("webhook.verified");
        match parse(&raw) {
            Parsed::Event(webhook) => {
                read.event = webhook.name;
                if let Some(at) = webhook.event.at {
                    self.tally.came(Duration::try_from(self.clock.now().duration_since(at)).unwrap_or_default());
                }
                Ok(self.intake.take(webhook, raw).await)
            }
            Parsed::Unusable { why } => {
                warn!(why, "genuine webhook put into quarantine");
                *read = Read { event: OTHER, kept: "quarantined" };
                Ok(self.intake.quarantine(raw, why).await)
            }
        }
    }
}

/// What a body turned out to be.
struct Read {
    /// The event's name, or what stands in its place.
    event: &'static str,
    /// The result, if it is kept.
    kept: &'static str,
}

/// Answers a webhook: 200 kept, 503 not now, or why it was refused. Every request that is not genuine gets the same.
pub(super) async fn receive(State(door): State<Arc<Door>>, request: Request) -> Response {
    let (began, mut read) = (Instant::now(), Read { event: UNREAD, kept: "taken" });
    let taken = door.admit(request, &mut read).await;
    if taken.is_ok() {
        door.tally.took(began.elapsed());
    }
    match taken {
        Ok(Taken::Kept) => {
            kill_point!("webhook.before_200");
            door.tally.count(read.event, read.kept);
            StatusCode::OK.into_response()
        }
        Ok(Taken::Busy) => {
            door.tally.count(read.event, "busy");
            (StatusCode::SERVICE_UNAVAILABLE, [(header::RETRY_AFTER, HeaderValue::from_static("1"))]).into_response()
        }
        Err(refusal) => {
            let genuine = !matches!(refusal, Refusal::NotGenuine(_));
            door.tally.refused(refusal.word(), genuine);
            (refusal.status(), refusal.text()).into_response()
        }
    }
}

/// What the door says to whoever is not Telnyx.
pub const NOT_GENUINE: &str = "not a genuine webhook\n";

const SIGNATURE: HeaderName = HeaderName::from_static("telnyx-signature-ed25519");
const TIMESTAMP: HeaderName = HeaderName::from_static("telnyx-timestamp");

fn values<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Vec<&'a [u8]> {
    headers.get_all(name).iter().map(HeaderValue::as_bytes).collect()
}

/// JSON, and not compressed: forms are signed in another way, and a small body may unpack to a huge one.
fn check_content(headers: &HeaderMap) -> Result<(), Refusal> {
    let kind = headers.get(header::CONTENT_TYPE).map_or(&b""[..], HeaderValue::as_bytes);
    let kind = kind.split(|byte| *byte == b';').next().unwrap_or_default();
    if !kind.trim_ascii().eq_ignore_ascii_case(b"application/json") {
        return Err(Refusal::NotJson);
    }
    let mut encodings = headers.get_all(header::CONTENT_ENCODING).iter();
    if encodings.any(|encoding| !encoding.as_bytes().eq_ignore_ascii_case(b"identity")) {
        return Err(Refusal::Encoded);
    }
    Ok(())
}

/// The whole body in one piece: a thousand small pieces would weigh more than they hold.
async fn whole(mut body: Body, most: usize) -> Result<Bytes, Refusal> {
    let mut raw = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(|_| Refusal::Cut)?.into_data() else { continue };
        if raw.len() + data.len() > most {
            return Err(Refusal::TooLarge);
        }
        raw.extend_from_slice(&data);
    }
    Ok(raw.freeze())
}

impl Refusal {
    fn status(&self) -> StatusCode {
        match self {
            Self::NotJson | Self::Encoded => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Slow => StatusCode::REQUEST_TIMEOUT,
            Self::Cut => StatusCode::BAD_REQUEST,
            Self::NotGenuine(_) => StatusCode::UNAUTHORIZED,
        }
    }

    fn text(&self) -> &'static str {
        match self {
            Self::NotJson => "send application/json\n",
            Self::Encoded => "send the body as it is, not compressed\n",
            Self::TooLarge => "the body is too large\n",
            Self::Slow => "the body took too long\n",
            Self::Cut => "the body ended too soon\n",
            Self::NotGenuine(_) => NOT_GENUINE,
        }
    }

    fn word(&self) -> &'static str {
        match self {
            Self::NotJson => "not_json",
            Self::Encoded => "encoded",
            Self::TooLarge => "too_large",
            Self::Slow => "slow",
            Self::Cut => "cut",
            Self::NotGenuine(reason) => reason.word(),
        }
    }
}

impl From<Refused> for Refusal {
    fn from(reason: Refused) -> Self {
        Self::NotGenuine(reason)
    }
}
