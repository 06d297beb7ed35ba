//! What went to Telnyx and what came from there, for whoever is to learn from it: a tap on the wire, and each exchange
//! as a page that names nobody.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use bytes::Bytes;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::mask::{Mask, words};
use super::request::{Method, Request};

/// The version of the pages' form.
const FORM: u8 = 1;

/// One exchange with Telnyx. It can be told only as a [`Page`].
pub enum Exchange {
    /// A request of ours.
    Asked {
        /// It.
        request: Request,
        /// What came back.
        answer: Answer,
    },
    /// A genuine webhook.
    Told {
        /// The header that is signed with it, as it came.
        stamp: Vec<u8>,
        /// Its body.
        body: Bytes,
    },
}

/// What came back for a request.
pub enum Answer {
    /// An answer.
    Came {
        /// The HTTP status.
        status: u16,
        /// Those of its headers that say something about waiting.
        headers: Vec<(&'static str, String)>,
        /// The body.
        body: Vec<u8>,
    },
    /// None, or not the whole of it; why.
    None(String),
}

/// An exchange, ready to be written down.
#[derive(Clone, Debug, PartialEq)]
pub struct Page {
    /// What it is about, in a word that may stand in the name of a file.
    pub name: String,
    /// All of it.
    pub json: Value,
}

/// Where exchanges are handed in. Nobody waits: where there is no room for one, it is lost.
#[derive(Clone, Debug)]
pub struct Tap {
    exchanges: SyncSender<Exchange>,
    lost: Arc<AtomicU64>,
}

/// The headers of an answer that are told.
pub(super) const HEADERS: [&str; 7] = [
    "content-type",
    "retry-after",
    "retry-after-ms",
    "x-ratelimit-limit",
    "x-ratelimit-remaining",
    "x-ratelimit-reset",
    "x-should-retry",
];

impl Tap {
    /// A tap with room for so many exchanges that are not written yet, and where they come out.
    pub fn new(room: usize) -> (Self, Receiver<Exchange>) {
        let (exchanges, out) = sync_channel(room);
        (Self { exchanges, lost: Arc::default() }, out)
    }

    /// Hands an exchange in.
    pub fn note(&self, exchange: Exchange) {
        if self.exchanges.try_send(exchange).is_err() {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// How many exchanges there was no room for.
    pub fn lost(&self) -> Arc<AtomicU64> {
        self.lost.clone()
    }
}

impl Exchange {
    /// The exchange as a page that names nobody, noted `at`.
    pub fn page(&self, at: Timestamp, mask: &Mask) -> Page {
        match self {
            Self::Asked { request, answer } => {
                let method = match request.method {
                    Method::Get => "GET",
                    Method::Post => "POST",
                };
                let path = mask.path(&request.path);
                let name = match path.rsplit('/').next().unwrap_or_default() {
                    "calls" => "dial",
                    verb if path.contains("/actions/") => verb,
                    _ => "look",
                };
                let json = json!({
                    "form": FORM,
                    "at": at,
                    "request": { "method": method, "path": path, "body": mask.body(&request.body) },
                    "answer": answer.told(mask),
                });
                Page { name: name.to_owned(), json }
            }
            Self::Told { stamp, body } => {
                let stamp = std::str::from_utf8(stamp).ok().and_then(|stamp| stamp.parse().ok());
                let stamp = stamp.and_then(|seconds| Timestamp::from_second(seconds).ok());
                let body = mask.body(body);
                let kind = body.pointer("/data/event_type").or_else(|| body.get("event_type")).and_then(Value::as_str);
                let plain = |kind: &&str| kind.bytes().all(|byte| byte.is_ascii_lowercase() || b"_.".contains(&byte));
                let name = kind.filter(plain).map_or("webhook".to_owned(), |kind| format!("webhook-{kind}"));
                let json = json!({ "form": FORM, "at": at, "webhook": { "signed_at": stamp, "body": body } });
                Page { name, json }
            }
        }
    }
}

impl Answer {
    fn told(&self, mask: &Mask) -> Value {
        match self {
            Self::Came { status, headers, body } => {
                // Figures, and the one content type: whatever is longer is none of them.
                let headers = headers.iter().filter(|(_, value)| value.len() <= 20 || value == "application/json");
                let headers: serde_json::Map<_, _> =
                    headers.map(|(name, value)| ((*name).to_owned(), value.as_str().into())).collect();
                json!({ "status": status, "headers": headers, "body": mask.body(body) })
            }
            Self::None(why) => json!({ "none": words(why) }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::call::Kind;

    fn page(exchange: &Exchange) -> Page {
        exchange.page("2026-03-09T10:00:00Z".parse().unwrap(), &Mask::new([7; 32]))
    }

    fn asked(kind: Kind, path: &str, body: &'static str, answer: Answer) -> Page {
        page(&Exchange::Asked { request: Request::stored(kind, path.to_owned(), Bytes::from(body)), answer })
    }

    #[test]
    fn a_request_is_told_with_its_answer() {
        let answer = Answer::Came {
            status: 200,
            headers: vec![("x-ratelimit-remaining", "12".to_owned()), ("retry-after", "x".repeat(21))],
            body: br#"{"data":{"call_control_id":"v3:b","is_alive":false,"record_type":"call"}}"#.to_vec(),
        };
        let dial = asked(Kind::Dial, "/calls", r#"{"to":"+12025550123","timeout_secs":22}"#, answer);
        assert_eq!(dial.name, "dial");
        let json = dial.json;
        assert_eq!((&json["form"], &json["at"]), (&json!(1), &json!("2026-03-09T10:00:00Z")));
        assert_eq!((&json["request"]["method"], &json["request"]["path"]), (&json!("POST"), &json!("/calls")));
        assert_eq!(json["request"]["body"]["timeout_secs"], 22);
        assert_eq!(
            (&json["answer"]["status"], &json["answer"]["headers"]),
            (&json!(200), &json!({"x-ratelimit-remaining": "12"}))
        );
        assert_eq!(json["answer"]["body"]["data"]["is_alive"], false);
        let told = json.to_string();
        assert!(!told.contains("5550123") && !told.contains("v3:b"), "{told}");

        let none = || Answer::None("error sending request: 192.0.2.1 did not answer".to_owned());
        let hangup = asked(Kind::Hangup, "/calls/v3:b/actions/hangup", "{}", none());
        assert_eq!(
            (hangup.name.as_str(), &hangup.json["answer"]["none"]),
            ("hangup", &json!("error sending … … did not answer"))
        );
        let look = asked(Kind::Look, "/calls/v3:b", "", none());
        assert_eq!((look.name.as_str(), &look.json["request"]["body"]), ("look", &Value::Null));
    }

    #[test]
    fn a_webhook_is_told_with_the_moment_it_was_signed() {
        let told = |stamp: &str, body: &str| {
            page(&Exchange::Told { stamp: stamp.into(), body: body.as_bytes().to_vec().into() })
        };
        let answered = told("1780000000", r#"{"data":{"event_type":"call.answered"},"meta":{"attempt":2}}"#);
        assert_eq!(answered.name, "webhook-call.answered");
        assert_eq!(answered.json["webhook"]["signed_at"], "2026-05-28T20:26:40Z");
        assert_eq!(answered.json["webhook"]["body"]["meta"]["attempt"], 2);
        assert_eq!(told("soon", "x").json["webhook"], json!({"signed_at": null, "body": "no JSON, 1 bytes"}));
        for odd in [r#"{"data":{"event_type":"../../etc"}}"#, r#"{"data":{"event_type":7}}"#, "[]"] {
            assert_eq!(told("1", odd).name, "webhook");
        }
    }

    #[test]
    fn nobody_waits_for_room() {
        let (tap, out) = Tap::new(2);
        let lost = tap.lost();
        let exchange = || Exchange::Told { stamp: Vec::new(), body: Bytes::new() };
        (0..5).for_each(|_| tap.note(exchange()));
        assert_eq!((out.try_iter().count(), lost.load(Ordering::Relaxed)), (2, 3));
        drop(out);
        tap.note(exchange());
        assert_eq!(lost.load(Ordering::Relaxed), 4);
    }
}
