//! What we send, held against the published description of the API where that lies beside the checkout.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test")]

use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};
use switchhook::call::{CallId, Command, CommandId, EventId, Handle, Heard, Kind, LegNo, Mark, Tag, Verb};
use switchhook::phone::{Key, Number, Target};
use switchhook::routing::RejectWith;
use switchhook::telnyx::request::{Method, Request, render};

/// The description: paths and components.
struct Published(Value);

impl Published {
    /// `None` where the checkout stands alone.
    fn read() -> Option<Self> {
        let shared = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared");
        if !shared.exists() {
            return None;
        }
        let text = std::fs::read(shared.join("telnyx/openapi-call-control.json")).unwrap();
        Some(Self(serde_json::from_slice(&text).unwrap()))
    }

    /// What is wrong with a request to this templated path; empty if nothing is.
    fn faults(&self, template: &str, request: &Request) -> Vec<String> {
        let method = if request.method == Method::Get { "get" } else { "post" };
        let Some(operation) = self.0["paths"].get(template).and_then(|path| path.get(method)) else {
            return vec![format!("there is no {method} {template}")];
        };
        let Some(schema) = operation.pointer("/requestBody/content/application~1json/schema") else {
            return if request.body.is_empty() { Vec::new() } else { vec!["a body where none is taken".into()] };
        };
        let body: Value = serde_json::from_slice(&request.body).unwrap();
        let whole = json!({ "components": self.0["components"], "allOf": [schema] });
        let validator = jsonschema::draft202012::new(&whole).unwrap();
        let mut faults: Vec<String> = validator.iter_errors(&body).map(|error| error.to_string()).collect();
        // The published schemas let unknown names pass, Telnyx passes over them: a misspelt option does nothing.
        let known = self.0.pointer(schema["$ref"].as_str().unwrap().trim_start_matches('#')).unwrap();
        let unknown = body.as_object().unwrap().keys().filter(|name| known["properties"].get(*name).is_none());
        faults.extend(unknown.map(|name| format!("`{name}` is not known")));
        faults
    }
}

fn handle() -> Handle {
    Handle("v3:c2FtcGxlLWhhbmRsZS1vZi1hLWxlZy1mb3ItdGVzdHMtb25seV8x".into())
}

fn tag(leg: u16) -> Tag {
    Tag { call: CallId::of("leg"), leg: LegNo(leg) }
}

/// Every verb in every form, with the path it belongs to.
fn verbs() -> Vec<(&'static str, Verb)> {
    let on = handle();
    let from = Number::parse("+12025550100").unwrap();
    let mut all = vec![
        ("answer", Verb::Answer { on: on.clone(), tag: tag(0) }),
        ("reject", Verb::Reject { on: on.clone(), with: RejectWith::Busy }),
        ("reject", Verb::Reject { on: on.clone(), with: RejectWith::Decline }),
        ("hangup", Verb::Hangup { on: on.clone() }),
        ("bridge", Verb::Bridge { on: on.clone(), with: handle() }),
        ("playback_stop", Verb::StopPlay { on: on.clone() }),
        ("record_stop", Verb::StopRecord { on: on.clone(), recording: None }),
        ("record_stop", Verb::StopRecord { on: on.clone(), recording: Some("6e00ab49-9487-4364-8ad6".to_owned()) }),
        ("look", Verb::Look { on: on.clone() }),
        ("find", Verb::Find { after: None }),
        ("find", Verb::Find { after: Some("a/b c".to_owned()) }),
    ];
    for span in [0, 1, 4, 29, 3600, 14_400, u64::MAX].map(Duration::from_secs) {
        for to in ["+13125550199", "sip:ben@example.com;secure=srtp"].map(|to| Target::parse(to).unwrap()) {
            let (ring_for, time_limit, from) = (span, span, from.clone());
            for link_to in [None, Some(handle())] {
                let (to, from) = (to.clone(), from.clone());
                all.push(("dial", Verb::Dial { to, from, ring_for, time_limit, link_to, hops: 1, tag: tag(1) }));
            }
            let (on, tag, target_tag) = (on.clone(), tag(0), tag(1));
            all.push(("transfer", Verb::Transfer { on, to, from, ring_for, time_limit, hops: 255, tag, target_tag }));
        }
    }
    for language in [None, Some("de-DE".to_owned())] {
        let (text, voice) = ("Guten Tag, \"Welt\"\n".to_owned(), "Telnyx.KokoroTTS.af".to_owned());
        all.push(("speak", Verb::Speak { on: on.clone(), text, voice, language }));
    }
    let texts = [None, Some("de-DE".to_owned())].map(|language| {
        let (text, voice) = ("Für Verkauf die 1.".to_owned(), "Telnyx.KokoroTTS.af".to_owned());
        ("gather_using_speak", Heard::Text { text, voice, language })
    });
    let audio = ("gather_using_audio", Heard::Audio { url: "https://a.example/b.mp3".into() });
    for (action, prompt) in texts.into_iter().chain([audio]) {
        for ends_with in Key::ALL {
            let (on, prompt, timeout) = (on.clone(), prompt.clone(), Duration::from_secs(6));
            all.push((action, Verb::Gather { on, tag: tag(0), mark: Mark(9), prompt, timeout, ends_with }));
        }
    }
    for (beep, secs) in [(true, 5), (false, 1800), (true, 0), (true, u64::MAX)] {
        let max_length = Duration::from_secs(secs);
        all.push(("record_start", Verb::Record { on: on.clone(), tag: tag(0), beep, max_length }));
    }
    for looped in [true, false] {
        all.push(("playback_start", Verb::Play { on: on.clone(), url: "https://a.example/b.mp3".into(), looped }));
    }
    all
}

fn command(verb: Verb) -> Command {
    let id = CommandId::derive(CallId::of("leg"), 1, &EventId("e".into()), verb.kind(), LegNo(1));
    Command { id, leg: LegNo(1), verb }
}

fn template(action: &str) -> String {
    match action {
        "dial" => "/calls".into(),
        "look" => "/calls/{call_control_id}".into(),
        "find" => "/connections/{connection_id}/active_calls".into(),
        action => format!("/calls/{{call_control_id}}/actions/{action}"),
    }
}

#[test]
fn every_request_is_one_that_is_published() {
    let Some(published) = Published::read() else {
        println!("SKIPPED: no published description beside the checkout");
        return;
    };
    let verbs = verbs();
    let kinds: std::collections::BTreeSet<Kind> = verbs.iter().map(|(_, verb)| verb.kind()).collect();
    // The description is of calls alone: it has no recordings.
    let telnyx = Kind::ALL.iter().filter(|kind| !matches!(kind, Kind::Notify | Kind::Recordings));
    assert!(kinds.iter().eq(telnyx), "a verb is missing here");
    for (action, verb) in verbs {
        let line = "1700000000000000001";
        let request = render(&command(verb.clone()), line);
        let template = template(action);
        let path = template.replace("{call_control_id}", &handle().0).replace("{connection_id}", line);
        assert_eq!(request.path.split('?').next(), Some(path.as_str()), "{verb:?}");
        assert_eq!(published.faults(&template, &request), Vec::<String>::new(), "{verb:?}");
    }
}

#[test]
fn a_wrong_request_is_found() {
    let Some(published) = Published::read() else {
        println!("SKIPPED: no published description beside the checkout");
        return;
    };
    let faults = |template: &str, body: &str| {
        let request = Request { method: Method::Post, path: String::new(), body: body.to_owned().into() };
        published.faults(template, &request).join("; ")
    };
    let on = "/calls/{call_control_id}/actions";
    assert!(faults(&format!("{on}/pickup"), "{}").contains("no post"));
    assert!(faults(&format!("{on}/reject"), r#"{"cause":"BUSY"}"#).contains("BUSY"));
    assert!(faults(&format!("{on}/transfer"), "{}").contains("\"to\" is a required property"));
    assert!(faults(&format!("{on}/hangup"), r#"{"comand_id":"1"}"#).contains("`comand_id` is not known"));
    assert!(faults("/calls", r#"{"connection_id":"1","to":"+1","from":"+1","time_limit_secs":29}"#).contains("29"));
    let retries = r#"{"webhook_retries_policies":{"call.hangup":{"retries_ms":[1,1,1,1,1,1]}}}"#;
    assert!(!faults(&format!("{on}/answer"), retries).is_empty());
}
