//! Takes out of an exchange whatever says who somebody is, or could be used by another. Pure.
//!
//! Only what is known to be harmless stays as it is: words of Telnyx, figures, moments. Everything else becomes a name
//! that is the same wherever the same thing stands, and says nothing else of it.

use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

/// Makes names with a key that nobody else has: a hash of a phone number alone could be guessed.
pub struct Mask([u8; 32]);

/// Fields whose values are Telnyx' own words, or ours, and none of a person.
const WORDS: [&str; 32] = [
    "attempt",
    "calling_party_type",
    "cause",
    "channels",
    "code",
    "codec",
    "connection_codecs",
    "direction",
    "error_code",
    "event_type",
    "format",
    "hangup_cause",
    "hangup_source",
    "jitter_max_variance",
    "jitter_packet_count",
    "language",
    "loop",
    "mos",
    "offered_codecs",
    "packet_count",
    "parameter",
    "payload_type",
    "pointer",
    "reason",
    "record_type",
    "result",
    "sip_hangup_cause",
    "skip_packet_count",
    "state",
    "status",
    "stop",
    "version",
];

/// Fields with texts for people, in which anything may be quoted.
const TEXTS: [&str; 4] = ["title", "detail", "message", "status_detail"];

/// Whole numbers from here on may be phone numbers or ids.
const LARGE: f64 = 1_000_000.0;

impl Mask {
    /// A mask with this key.
    pub fn new(key: [u8; 32]) -> Self {
        Self(key)
    }

    /// A name for something: its kind and eight letters. There is no digit in it.
    fn name(&self, kind: &str, text: &str) -> String {
        let digest = Sha256::new().chain_update(self.0).chain_update(text).finalize();
        let halves = digest.iter().take(4).flat_map(|byte| [byte >> 4, byte & 15]);
        let letters: String = halves.map(|half| char::from(b'a' + half)).collect();
        format!("{kind}-{letters}")
    }

    /// The path of a request, with a name for its handle.
    pub fn path(&self, path: &str) -> String {
        let known = |part: &str| part.is_empty() || part == "calls" || part == "actions";
        let mut before = "";
        let mut parts = Vec::new();
        for part in path.split('/') {
            let verb = before == "actions" && part.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
            parts.push(if known(part) || verb { part.to_owned() } else { self.name("handle", part) });
            before = part;
        }
        parts.join("/")
    }

    /// A body. Of one that is no JSON only its length is told.
    pub fn body(&self, body: &[u8]) -> Value {
        match serde_json::from_slice(body) {
            Ok(value) => self.value("", value),
            Err(_) if body.is_empty() => Value::Null,
            Err(_) => format!("no JSON, {} bytes", body.len()).into(),
        }
    }

    fn value(&self, field: &str, value: Value) -> Value {
        match value {
            Value::Null | Value::Bool(_) => value,
            Value::Number(number) => match kind(field) {
                "text" if number.as_f64().is_some_and(|number| number.abs() < LARGE) => Value::Number(number),
                "text" => self.name("number", &number.to_string()).into(),
                kind => self.name(kind, &number.to_string()).into(),
            },
            Value::String(text) => self.text(field, &text).into(),
            Value::Array(values) => values.into_iter().map(|value| self.value(field, value)).collect(),
            Value::Object(fields) => {
                let fields = fields.into_iter().map(|(name, value)| (self.field(&name), self.value(&name, value)));
                Value::Object(fields.collect::<Map<_, _>>())
            }
        }
    }

    fn field(&self, name: &str) -> String {
        let plain = name.bytes().all(|byte| byte.is_ascii_lowercase() || b"_.".contains(&byte));
        if plain && name.len() <= 64 { name.to_owned() } else { self.name("field", name) }
    }

    fn text(&self, field: &str, text: &str) -> String {
        if text.is_empty() || (WORDS.contains(&field) && is_word(text)) || is_moment(field, text) {
            return text.to_owned();
        }
        if TEXTS.contains(&field) {
            return words(text);
        }
        match kind(field) {
            kind @ ("state" | "text") => format!("{}/{}", self.name(kind, text), text.chars().count()),
            kind => self.name(kind, text),
        }
    }
}

/// What a field names.
fn kind(field: &str) -> &'static str {
    match field {
        "call_control_id" | "link_to" => "handle",
        "call_leg_id" => "leg",
        "call_session_id" | "creator_call_session_id" => "session",
        "connection_id" => "line",
        "command_id" => "command",
        "client_state" | "target_leg_client_state" => "state",
        "id" => "event",
        "from" | "to" => "party",
        "digit" | "digits" => "digits",
        _ => "text",
    }
}

/// A short word or figure, with too few digits for a phone number.
fn is_word(text: &str) -> bool {
    let harmless = |byte: u8| byte.is_ascii_alphanumeric() || b"_.,-/ ".contains(&byte);
    let digits = text.bytes().filter(u8::is_ascii_digit).count();
    text.len() <= 64 && digits <= 5 && text.bytes().all(harmless)
}

/// A moment in a field that is for one.
fn is_moment(field: &str, text: &str) -> bool {
    (field.ends_with("_at") || field.ends_with("_time")) && text.len() <= 40 && text.parse::<jiff::Timestamp>().is_ok()
}

/// A text for people: of it only what looks like a word of a sentence.
pub(super) fn words(text: &str) -> String {
    let word = |word: &str| {
        let plain = word.len() <= 20 && word.chars().all(|c| c.is_alphabetic() || ".,;'()_-".contains(c));
        if plain { word.to_owned() } else { "…".to_owned() }
    };
    text.split_whitespace().take(60).map(word).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn mask() -> Mask {
        Mask::new([7; 32])
    }

    fn masked(value: &Value) -> Value {
        mask().body(value.to_string().as_bytes())
    }

    #[test]
    fn the_same_has_the_same_name_everywhere_and_another_under_another_key() {
        let body = masked(&json!({"call_control_id": "v3:abc", "link_to": "v3:abc", "x": "v3:abc"}));
        let name = body["call_control_id"].as_str().unwrap();
        assert_eq!(mask().path("/calls/v3:abc/actions/hangup"), format!("/calls/{name}/actions/hangup"));
        assert_eq!(body["link_to"], name);
        assert_eq!(body["x"], format!("{}/6", name.replace("handle", "text")));
        assert!(name.strip_prefix("handle-").is_some_and(|rest| rest.len() == 8), "{name}");
        assert_ne!(Mask::new([8; 32]).path("/calls/v3:abc"), mask().path("/calls/v3:abc"));
    }

    #[test]
    fn what_is_harmless_stays() {
        let body = json!({
            "data": {
                "event_type": "call.hangup", "record_type": "event", "occurred_at": "2026-11-20T14:03:04.550965Z",
                "payload": {
                    "hangup_cause": "user_busy", "sip_hangup_cause": "486", "client_state": null, "overlay": false,
                    "call_quality_stats": {"inbound": {"mos": "4.50", "packet_count": "398"}}, "sampling_rate": 8000,
                },
            },
            "errors": [{"code": "90018", "title": "Call has already ended", "source": {"pointer": "/call_control_id"}}],
            "webhook_retries_policies": {"call.hangup": {"retries_ms": [500, 1000]}},
        });
        assert_eq!(masked(&body), body);
        for path in ["/calls", "/calls/", "/calls//actions/playback_stop"] {
            assert_eq!(mask().path(path), path);
        }
    }

    #[test]
    fn what_is_not_known_to_be_harmless_goes() {
        let secrets = ["+12025550123", "12025550123", "anna", "s3cret", "sip:anna@example.com", "https://a.example/b"];
        let fields = [
            "from",
            "to",
            "id",
            "payload",
            "caller_id_name",
            "digits",
            "from_sip_uri",
            "state",
            "code",
            "title",
            "detail",
            "occurred_at",
            "tags",
            "of next year",
        ];
        for secret in secrets.into_iter().filter(|secret| *secret != "anna") {
            for field in fields {
                let told = masked(&json!({ field: secret, "list": [{ field: [secret] }], secret: 1 })).to_string();
                assert!(
                    !told.contains(secret) || (secret == "s3cret" && ["state", "code"].contains(&field)),
                    "{field}: {told}"
                );
            }
        }
        assert!(!masked(&json!({"caller_id_name": "anna", "payload": "anna"})).to_string().contains("anna"));
        assert!(!masked(&json!({"digit": 5, "digits": "1234"})).to_string().contains(['5', '2']));
        let told = masked(&json!({"x": 12_025_550_123_u64, "connection_id": 42, "y": 1e30})).to_string();
        assert!(!told.contains("2025550123") && !told.contains("42") && !told.contains("e30"), "{told}");
        assert_eq!(
            masked(&json!({"client_state": "QUFB"}))["client_state"].as_str().unwrap().len(),
            "state-abcdefgh/4".len()
        );
        let detail = "The number +12025550123 of 'sip:anna@example.com' cannot be rung.";
        assert_eq!(masked(&json!({ "detail": detail }))["detail"], "The number … of … cannot be rung.");
        assert_eq!(mask().body(b"+12025550123"), "no JSON, 12 bytes");
        assert_eq!(mask().body(b"12025550123").as_str().map(|name| &name[..7]), Some("number-"));
        assert_eq!(mask().body(b""), Value::Null);
        assert!(!mask().path("/calls/v3:abc/actions/../v3:abc?x=+1202").contains("v3:abc"));
    }

    #[test]
    fn no_number_of_any_event_stays() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/webhooks");
        for file in std::fs::read_dir(folder).unwrap() {
            let body = std::fs::read(file.unwrap().path()).unwrap();
            let whole = mask().body(&body);
            let given: Value = serde_json::from_slice(&body).unwrap();
            let data = |value: &Value| value.get("data").unwrap_or(value).clone();
            assert_eq!(data(&whole)["event_type"], data(&given)["event_type"]);
            assert_eq!(data(&whole)["occurred_at"], data(&given)["occurred_at"]);
            let told = whole.to_string();
            for secret in ["2025550", "v3:", "dad65736", "12d346bd", "c3cx", "example.com", "1700000000000000042"] {
                assert!(!told.contains(secret), "{secret}: {told}");
            }
        }
    }
}
