//! From the bytes of a webhook to an event in our words. Pure, total, and lenient: Telnyx' bodies differ from its own
//! description, so only what nothing can be done without is needed.

use serde::Deserialize;
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};

use super::loose::{LONGEST_ID, Loose, clean, id, is_object, text};
use super::news::{KNOWN, Payload, moment};
use crate::call::{Event, EventId, What};

/// A webhook, read.
#[derive(Clone, Debug, PartialEq)]
pub struct Webhook {
    /// Telnyx' name for the event, if it is one of those that we do something about, else [`OTHER`]: one of few.
    pub name: &'static str,
    /// Its session, or nothing: the journal knows an event by this and the event's id.
    pub stream: String,
    /// What happened.
    pub event: Event,
    /// SHA-256 of what Telnyx says happened. What differs between two deliveries of one event is not in it.
    pub digest: [u8; 32],
}

/// What became of a body.
#[derive(Clone, Debug, PartialEq)]
#[expect(clippy::large_enum_variant, reason = "nearly every body is an event, and it is moved once")]
pub enum Parsed {
    /// An event, known or not.
    Event(Webhook),
    /// Nothing can be done with it: sending it again would not help.
    Unusable {
        /// Why, for the operator. Holds nothing of the body.
        why: String,
    },
}

/// Reads a body. Never fails and never panics, whatever the bytes.
pub fn parse(body: &[u8]) -> Parsed {
    match read(body) {
        Ok(webhook) => Parsed::Event(webhook),
        Err(why) => Parsed::Unusable { why },
    }
}

/// The fields that name an event: they stand in `data`, or, in flat forms, at the top.
#[derive(Deserialize)]
struct Frame<'a> {
    #[serde(borrow)]
    data: Loose<'a>,
    #[serde(borrow)]
    id: Loose<'a>,
    #[serde(borrow)]
    event_type: Loose<'a>,
    #[serde(borrow)]
    occurred_at: Loose<'a>,
    #[serde(borrow)]
    payload: Loose<'a>,
}

/// The longest name of an event that we keep, in characters.
const LONGEST_NAME: usize = 100;

/// What stands in place of the name of an event that we do nothing about.
pub const OTHER: &str = "other";

/// The one event that Telnyx posts without an envelope.
const FLAT: &str = "conference.floor.changed";

fn read(body: &[u8]) -> Result<Webhook, String> {
    let body = std::str::from_utf8(body).map_err(|e| format!("the body is not UTF-8 from byte {}", e.valid_up_to()))?;
    if body.starts_with('\u{feff}') {
        return Err("the body begins with a byte order mark".to_owned());
    }
    let body = body.trim_ascii();
    let top: Frame = object(body, "the body")?;
    if let Some(data) = top.data {
        return webhook(&object(data.get(), "`data`")?, data.get());
    }
    if text(top.event_type).as_deref() != Some(FLAT) {
        return Err("the body has no `data`: not an event of API version 2".to_owned());
    }
    webhook(&top, top.payload.map_or("", RawValue::get))
}

fn webhook(frame: &Frame<'_>, told: &str) -> Result<Webhook, String> {
    let event_id = id(frame.id).ok_or_else(|| format!("the event has no `id` of 1 to {LONGEST_ID} bytes"))?;
    let name = clean(&text(frame.event_type).unwrap_or_default(), LONGEST_NAME);
    if name.is_empty() {
        return Err("the event has no `event_type`".to_owned());
    }
    let payload: Payload = match frame.payload.map(RawValue::get) {
        Some(payload) if is_object(payload) => object(payload, "`payload`")?,
        _ => Payload::default(),
    };
    let who = payload.who();
    Ok(Webhook {
        name: KNOWN.into_iter().find(|known| *known == name).unwrap_or(OTHER),
        stream: who.session.clone().unwrap_or_default(),
        event: Event {
            id: EventId(event_id),
            at: moment(frame.occurred_at).or_else(|| moment(payload.occurred_at)),
            what: What::Leg { who, news: payload.news(&name) },
        },
        digest: Sha256::digest(told).into(),
    })
}

/// Reads an object's known fields. Each may have any type; one that is there twice could be read in two ways.
fn object<'a, T: Deserialize<'a>>(json: &'a str, what: &str) -> Result<T, String> {
    if !is_object(json) {
        return Err(format!("{what} is not a JSON object"));
    }
    serde_json::from_str(json).map_err(|error| clean(&format!("{what} cannot be read: {error}"), 200))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::call::{Cause, Entered, Handle, LegNo, Link, Mark, News, Tape, Who};
    use crate::phone::{Key, Party};
    use proptest::prelude::*;
    use serde_json::{Value, json};

    const FIXTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/webhooks");
    const PUBLISHED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/telnyx/webhooks");

    #[test]
    fn every_event_type_is_read() {
        let bodies = bodies(FIXTURES);
        assert_eq!(bodies.len(), 59, "the events that Telnyx publishes, and two that it only names");
        for (file, body) in bodies {
            let name = file.strip_suffix(".json").unwrap();
            let webhook = event(&body);
            let (who, news) = parts(&webhook);
            assert!(who.leg.is_some() || who.handle.is_some() || who.session.is_some(), "{name}: nobody");
            assert_eq!(webhook.stream, who.session.clone().unwrap_or_default(), "{name}");
            assert!(webhook.event.at.is_some(), "{name}: no time");
            let number = |text| Party::Number(crate::phone::Number::parse(text).unwrap());
            let expected = match name {
                "call.initiated" => News::Arrived { from: number("+12025550123"), to: number("+12025550110"), hops: 0 },
                "call.answered" => News::Answered,
                "call.bridged" => News::Bridged,
                "call.hangup" => News::HungUp { cause: Cause::Busy },
                "call.speak.started" => News::SpeechStarted,
                "call.playback.started" => {
                    News::PlaybackStarted { audio: Some("https://calls.example.com/ringback.mp3".into()) }
                }
                "call.speak.ended" => News::SpeechEnded,
                "call.playback.ended" => News::PlaybackEnded { played: false },
                "call.dtmf.received" => News::Pressed { key: Key::of('5').unwrap(), mark: None },
                "call.gather.ended" => News::Gathered { entered: Entered::Key(Key::of('5').unwrap()), mark: None },
                "call.recording.saved" => News::Recorded(tape()),
                "call.recording.error" => News::RecordingFailed,
                _ => News::Other { name: name.to_owned() },
            };
            assert_eq!(*news, expected, "{name}");
        }
    }

    #[test]
    fn every_published_body_is_an_event_or_of_a_flat_form() {
        if !std::path::Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../shared")).exists() {
            println!("SKIPPED: no published bodies beside the checkout");
            return;
        }
        let mut flat = 0;
        for (file, body) in bodies(PUBLISHED) {
            let mut body: Value = serde_json::from_slice(&body).unwrap();
            let enveloped = body.get("data").is_some();
            let inner = if enveloped { &mut body["data"] } else { &mut body };
            inner["id"] = json!("00000000-0000-4000-8000-000000000001");
            let name = inner["event_type"].as_str().unwrap().to_owned();
            let session = ["call_session_id", "creator_call_session_id"]
                .into_iter()
                .find(|key| inner["payload"][key].is_string());
            if let Some(key) = session {
                inner["payload"][key] = json!("fresh session");
            }
            let parsed = parse(&serde_json::to_vec(&body).unwrap());
            if !enveloped && name != FLAT {
                flat += 1;
                assert!(matches!(parsed, Parsed::Unusable { .. }), "{file}");
                continue;
            }
            let Parsed::Event(webhook) = parsed else { panic!("{file}: {parsed:?}") };
            let (who, news) = parts(&webhook);
            assert_eq!(webhook.event.id.0, "00000000-0000-4000-8000-000000000001", "{file}");
            assert_eq!(webhook.stream, session.map_or("", |_| "fresh session"), "{file}");
            assert!(session.is_some() || who.handle.is_some(), "{file}: nobody");
            if let News::Other { name: told } = news {
                assert_eq!(*told, name, "{file}");
            }
            if let News::HungUp { cause } = news {
                assert_ne!(*cause, Cause::Failed, "{file}");
            }
        }
        assert!(flat >= 5);
    }

    #[test]
    fn who_it_is_about_is_read_off_every_id() {
        let tag = "c3cxOjZiMWYyYzZlNGEwZDVmM2I4ZTdhOWMwZDFlMmYzYTRiOjM=";
        let who = |payload: Value| parts(&event(&enveloped("call.answered", payload))).0.clone();
        let all = who(json!({
            "call_control_id": "v3:abc", "call_leg_id": 1_700_000_000_000_000_042_u64, "call_session_id": "s",
            "creator_call_session_id": "c", "client_state": format!("\n{tag}\n"),
        }));
        assert_eq!(all.handle, Some(Handle("v3:abc".into())));
        assert_eq!((all.leg.as_deref(), all.session.as_deref()), (Some("1700000000000000042"), Some("s")));
        assert_eq!(all.tag.unwrap().leg, LegNo(3));
        assert_eq!(who(json!({"creator_call_session_id": "c"})).session.as_deref(), Some("c"));
        assert!(who(json!({"client_state": tag.trim_end_matches('=')})).tag.is_some());
        for other in
            [json!(null), json!("aGVsbG8="), json!("%%%"), json!("c3cxOg"), json!("A".repeat(10_000)), json!({"a": 1})]
        {
            assert_eq!(who(json!({"client_state": other})), Who::default());
        }
    }

    #[test]
    fn keys_are_read_with_the_mark_of_what_asked_for_them() {
        let news = |name: &str, payload: Value| parts(&event(&enveloped(name, payload))).1.clone();
        let key = |tone| Key::of(tone).unwrap();
        let state = "c3cxOjAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMGMwOjE6OQ==";
        let (name, mark) = ("call.dtmf.received", Some(Mark(9)));
        assert_eq!(news(name, json!({"digit": "*", "client_state": state})), News::Pressed { key: key('*'), mark });
        assert_eq!(news(name, json!({"digit": 7})), News::Pressed { key: key('7'), mark: None });
        for digit in [json!(null), json!(""), json!("A"), json!(["1"])] {
            assert_eq!(news(name, json!({"digit": digit})), News::Other { name: name.into() }, "{digit}");
        }
        let name = "call.gather.ended";
        let cases = [
            (json!({"status": "valid", "digits": "1"}), Entered::Key(key('1'))),
            (json!({"status": "invalid", "digits": "9"}), Entered::Key(key('9'))),
            (json!({"status": "of next year", "digits": "12"}), Entered::Key(key('1'))),
            (json!({"status": "valid", "digits": ""}), Entered::Other),
            (json!({"status": "invalid"}), Entered::Other),
            (json!({"status": "timeout", "digits": ""}), Entered::Nothing),
            (json!({"status": "cancelled"}), Entered::Nothing),
            (json!({}), Entered::Nothing),
        ];
        for (payload, entered) in cases {
            assert_eq!(news(name, payload.clone()), News::Gathered { entered, mark: None }, "{payload}");
        }
        let gone = json!({"status": "call_hangup", "digits": "1"});
        assert_eq!(news(name, gone), News::Other { name: name.into() });
    }

    /// The recording of the fixture.
    fn tape() -> Tape {
        Tape {
            id: Some("d35d6b72-c724-5191-9b6d-1d9a730ac32f".into()),
            link: Some(Link("https://media.example.com/r/1.mp3?sig=abc".into())),
            began: Some("2026-11-20T14:03:01.137772Z".parse().unwrap()),
            ended: Some("2026-11-20T14:04:02.0001Z".parse().unwrap()),
            leg: None,
        }
    }

    #[test]
    fn of_a_recording_the_address_that_stays_good_is_kept_and_none_that_is_no_address() {
        assert_eq!(tape().seconds(), Some(61));
        let saved = |payload: Value| parts(&event(&enveloped("call.recording.saved", payload))).1.clone();
        let link = |payload: Value| {
            let News::Recorded(tape) = saved(payload) else { panic!("no recording") };
            tape.link.map(|link| link.0)
        };
        let (public, private) = (json!({"mp3": "https://a/p.mp3"}), json!({"wav": "https://a/s.wav", "mp3": null}));
        let both = json!({"public_recording_urls": public, "recording_urls": private});
        assert_eq!(link(both).as_deref(), Some("https://a/p.mp3"));
        let one = json!({"public_recording_urls": {}, "recording_urls": private});
        assert_eq!(link(one).as_deref(), Some("https://a/s.wav"));
        let long = format!("https://a/{}", "x".repeat(5000));
        for urls in
            [json!(null), json!("https://a/p.mp3"), json!([1]), json!({"mp3": "file:///a"}), json!({"mp3": long})]
        {
            assert_eq!(link(json!({"recording_urls": urls})), None, "{urls}");
        }
        let told = format!("{:?}", saved(json!({"recording_urls": private})));
        assert!(!told.contains("https"), "{told}");
        let name = "call.recording.saved".to_owned();
        assert_eq!(saved(json!({"channels": "dual", "recording_urls": private})), News::Other { name });
    }

    #[test]
    fn how_often_a_call_was_passed_on_stands_in_a_header() {
        let hops = |headers: Value| {
            let payload = json!({"direction": "incoming", "custom_headers": headers});
            let News::Arrived { hops, .. } = parts(&event(&enveloped("call.initiated", payload))).1.clone() else {
                panic!()
            };
            hops
        };
        let header = |name: &str, value: Value| json!({"name": name, "value": value});
        let ours = |value: Value| header("X-Switchhook-Hops", value);
        assert_eq!(hops(json!([ours(json!("2"))])), 2);
        assert_eq!(hops(json!([header("x-switchhook-hops", json!(" 3 "))])), 3, "whatever the carrier makes of it");
        assert_eq!(hops(json!([ours(json!(4))])), 4);
        assert_eq!(hops(json!([header("X-Other", json!("9")), ours(json!("1")), 5, ours(json!("2"))])), 2);
        for nothing in [json!("many"), json!("-1"), json!("300"), json!("100"), json!(null), json!(["1"]), json!("")] {
            assert_eq!(hops(json!([ours(nothing.clone())])), 0, "{nothing}");
        }
        for odd in [json!(null), json!("X-Switchhook-Hops: 2"), json!({"name": "X-Switchhook-Hops"}), json!([[1]])] {
            assert_eq!(hops(odd.clone()), 0, "{odd}");
        }
    }

    #[test]
    fn causes_directions_and_statuses_are_ours() {
        let news = |name: &str, payload: Value| parts(&event(&enveloped(name, payload))).1.clone();
        let causes = [
            (json!("normal_clearing"), Cause::Normal),
            (json!("originator_cancel"), Cause::Cancelled),
            (json!("user_busy"), Cause::Busy),
            (json!("call_rejected"), Cause::Declined),
            (json!("timeout"), Cause::NoAnswer),
            (json!("no_answer"), Cause::NoAnswer),
            (json!("time_limit"), Cause::TimeLimit),
            (json!("not_found"), Cause::Failed),
            (json!("unspecified"), Cause::Failed),
            (json!("of next year"), Cause::Failed),
            (json!(null), Cause::Failed),
            (json!(17), Cause::Failed),
        ];
        for (told, cause) in causes {
            assert_eq!(news("call.hangup", json!({"hangup_cause": told})), News::HungUp { cause }, "{told}");
        }
        assert_eq!(news("call.hangup", json!({})), News::HungUp { cause: Cause::Failed });

        let name = "call.initiated".to_owned();
        assert_eq!(news(&name, json!({"direction": "outgoing", "from": "+12025550110"})), News::Placed);
        assert_eq!(
            news(&name, json!({"direction": "incoming", "from": 911, "to": "sip:ben@example.com\u{0}"})),
            News::Arrived { from: Party::Other("911".into()), to: Party::Sip("sip:ben@example.com".into()), hops: 0 }
        );
        assert_eq!(
            news(&name, json!({"direction": "incoming"})),
            News::Arrived { from: Party::Withheld, to: Party::Withheld, hops: 0 }
        );
        for direction in [json!(null), json!("sideways"), json!(["incoming"])] {
            assert_eq!(news(&name, json!({"direction": direction})), News::Other { name: name.clone() });
        }

        for (status, played) in
            [("completed", true), ("unknown", true), ("new", true), ("file_not_found", false), ("failed", false)]
        {
            assert_eq!(
                news("call.playback.ended", json!({"status": status})),
                News::PlaybackEnded { played },
                "{status}"
            );
        }
        assert_eq!(news("call.playback.ended", json!({"status": null})), News::PlaybackEnded { played: true });
        assert_eq!(news("call.speak.ended", json!({"status": "completed"})), News::SpeechEnded);
        for (name, status) in [
            ("call.playback.ended", "cancelled"),
            ("call.playback.ended", "call_hangup"),
            ("call.speak.ended", "call_hangup"),
        ] {
            assert_eq!(news(name, json!({"status": status})), News::Other { name: name.into() }, "{name} {status}");
        }
    }

    #[test]
    fn the_name_alone_decides_and_is_bounded() {
        let webhook =
            event(&enveloped("call.new\u{0}thing", json!({"hangup_cause": "user_busy", "direction": "incoming"})));
        assert_eq!(*parts(&webhook).1, News::Other { name: "call.newthing".into() });
        let webhook = event(&enveloped(&"é".repeat(5_000), json!({})));
        assert_eq!(*parts(&webhook).1, News::Other { name: "é".repeat(100) });
    }

    #[test]
    fn any_field_may_have_any_type() {
        let values = [
            json!(null),
            json!(true),
            json!(-1.5e300),
            json!(""),
            json!([[]]),
            json!({"name": 1}),
            json!("\u{0}\u{7f}"),
        ];
        let template: Value = serde_json::from_slice(&bodies(FIXTURES)["call.initiated.json"]).unwrap();
        for value in values {
            for path in ["/meta", "/data/payload", "/data/occurred_at", "/data/record_type"] {
                let mut body = template.clone();
                *body.pointer_mut(path).unwrap() = value.clone();
                event(&serde_json::to_vec(&body).unwrap());
            }
            let keys: Vec<String> = template["data"]["payload"].as_object().unwrap().keys().cloned().collect();
            for key in keys.iter().map(String::as_str).chain(["custom_headers", "sip_headers"]) {
                let mut body = template.clone();
                body["data"]["payload"][key] = value.clone();
                event(&serde_json::to_vec(&body).unwrap());
            }
        }
        for meta in [r#"{"version":"2","attempt":"1"}"#, "1e999", r#""\ud800""#, "[]"] {
            event(
                format!(r#"{{"meta":{meta},"data":{{"id":1,"event_type":"x","payload":{{"tags":1e999}}}}}}"#)
                    .as_bytes(),
            );
        }
    }

    #[test]
    fn time_is_read_where_it_is_and_never_needed() {
        let at =
            |data: Value| event(&serde_json::to_vec(&json!({"data": data})).unwrap()).event.at.map(|at| at.to_string());
        let (early, late) = ("2026-03-09T10:00:00.123456Z", "2026-03-09T11:00:00Z");
        assert_eq!(
            at(json!({"id": "1", "event_type": "x", "occurred_at": early, "payload": {"occurred_at": late}}))
                .as_deref(),
            Some(early)
        );
        assert_eq!(
            at(json!({"id": "1", "event_type": "x", "occurred_at": "soon", "payload": {"occurred_at": late}}))
                .as_deref(),
            Some(late)
        );
        assert_eq!(at(json!({"id": "1", "event_type": "x", "occurred_at": 1_780_000_000})), None);
    }

    #[test]
    fn the_digest_is_of_what_happened_and_not_of_the_delivery() {
        let body = |attempt: u8, digit: u8| {
            format!(
                r#"{{"meta":{{"attempt":{attempt}}}, "data": {{"id":"1","event_type":"x","payload":{{"digit":{digit}}}}} }}"#
            )
        };
        let digest = |body: String| event(body.as_bytes()).digest;
        assert_eq!(digest(body(1, 5)), digest(body(2, 5)));
        assert_ne!(digest(body(1, 5)), digest(body(1, 6)));
        let data = r#"{"id":"1","event_type":"x","payload":{"digit":5}}"#;
        assert_eq!(digest(body(1, 5)), <[u8; 32]>::from(Sha256::digest(data)));
        let flat = |extra: &str, conference: u8| {
            format!(r#"{{"id":"1","event_type":"{FLAT}","payload":{{"conference_id":{conference}}}{extra}}}"#)
        };
        assert_eq!(digest(flat("", 1)), digest(flat(r#","meta":{"attempt":2}"#, 1)));
        assert_ne!(digest(flat("", 1)), digest(flat("", 2)));
    }

    #[test]
    fn what_cannot_be_used_says_why_and_quotes_nothing() {
        let long = format!(r#"{{"data":{{"id":"{}","event_type":"x"}}}}"#, "x".repeat(256));
        let deep = "[".repeat(100_000);
        let cases: [(&[u8], &str); 18] = [
            (b"", "the body is not a JSON object"),
            (b"+12025550100", "the body is not a JSON object"),
            (b"\"+12025550100\"", "the body is not a JSON object"),
            (b"[]", "the body is not a JSON object"),
            (deep.as_bytes(), "the body is not a JSON object"),
            (b"{\"data\":", "the body cannot be read: EOF"),
            (b"{\"data\":{}} x", "the body cannot be read: trailing characters"),
            (b"\xef\xbb\xbf{}", "byte order mark"),
            (b"{\"data\":\"\xff\"}", "not UTF-8 from byte 9"),
            (b"{}", "no `data`"),
            (b"{\"data\":null}", "no `data`"),
            (b"{\"data\":[]}", "`data` is not a JSON object"),
            (b"{\"data\":{\"event_type\":\"x\"}}", "no `id`"),
            (b"{\"data\":{\"id\":\"\",\"event_type\":\"x\"}}", "no `id`"),
            (long.as_bytes(), "no `id` of 1 to 255 bytes"),
            (b"{\"data\":{\"id\":\"\\ud800\",\"event_type\":\"x\"}}", "no `id`"),
            (b"{\"data\":{\"id\":\"1\",\"event_type\":\"\\u0000\"}}", "no `event_type`"),
            (
                b"{\"data\":{\"id\":\"1\",\"id\":\"2\",\"event_type\":\"x\"}}",
                "`data` cannot be read: duplicate field `id`",
            ),
        ];
        for (body, expected) in cases {
            let Parsed::Unusable { why } = parse(body) else { panic!("{}", String::from_utf8_lossy(body)) };
            assert!(why.contains(expected), "{why}");
            assert!(!why.contains("2025550100"), "{why}");
        }
    }

    #[test]
    fn depth_is_no_danger() {
        for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
            let deep = format!("{}1{}", open.repeat(100_000), close.repeat(100_000));
            event(
                format!(r#"{{"data":{{"id":"1","event_type":"x","payload":{{"custom_headers":{deep}}}}}}}"#).as_bytes(),
            );
            event(format!(r#"{{"data":{{"id":"1","event_type":"x","payload":{deep}}}}}"#).as_bytes());
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(body in prop::collection::vec(any::<u8>(), 0..400)) {
            let _ = parse(&body);
        }

        #[test]
        fn no_change_of_a_body_makes_it_panic(
            which in any::<prop::sample::Index>(),
            changes in prop::collection::vec((any::<prop::sample::Index>(), 0..4_u8, any::<u8>()), 1..8),
        ) {
            let bodies: Vec<Vec<u8>> = bodies(FIXTURES).into_values().collect();
            let mut body = which.get(&bodies).clone();
            for (at, kind, byte) in changes {
                let at = at.index(body.len());
                match kind {
                    0 => body[at] = byte,
                    1 => body.insert(at, byte),
                    2 => body.truncate(at + 1),
                    _ => body[at] = br#"{}[]",:\0e"#[usize::from(byte) % 10],
                }
            }
            if let Parsed::Event(webhook) = parse(&body) {
                prop_assert!(!webhook.event.id.0.is_empty());
                // What is still escaped after backslashes and quotes is a control character.
                let told = serde_json::to_string(&webhook.event).unwrap().replace(r"\\", "").replace(r#"\""#, "");
                prop_assert!(!told.contains('\\'), "{}", told);
            }
        }
    }

    fn bodies(folder: &str) -> std::collections::BTreeMap<String, Vec<u8>> {
        let files = std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().path());
        let json = files.filter(|path| path.extension().is_some_and(|end| end == "json"));
        json.map(|path| (path.file_name().unwrap().to_str().unwrap().to_owned(), std::fs::read(&path).unwrap()))
            .collect()
    }

    fn enveloped(name: &str, payload: Value) -> Vec<u8> {
        serde_json::to_vec(&json!({"data": {"id": "1", "event_type": name, "payload": payload}})).unwrap()
    }

    fn event(body: &[u8]) -> Webhook {
        match parse(body) {
            Parsed::Event(webhook) => webhook,
            Parsed::Unusable { why } => panic!("{why}: {}", String::from_utf8_lossy(&body[..body.len().min(300)])),
        }
    }

    fn parts(webhook: &Webhook) -> (&Who, &News) {
        match &webhook.event.what {
            What::Leg { who, news } => (who, news),
            What::Settled(_) | What::Due { .. } | What::Fault { .. } => panic!("not of a leg"),
        }
    }
}
