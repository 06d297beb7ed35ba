//! Webhooks that are no news of a leg of ours: genuine ones that come again after hours or with another body, and those
//! of somebody else's calls on our line. None of them may change a call of ours.

use std::time::Duration;

use bytes::Bytes;
use serde_json::{Value, json};

use super::agenda::{Due, later};
use super::stage::{Job, Play, Then};
use super::trouble::Stray;
use crate::hall::{Arrival, EventKey};
use crate::telnyx::webhook::{Parsed, parse};

/// What a genuine webhook is made into.
const WAYS: [&str; 5] = ["again", "altered", "foreign", "unknown", "nameless"];

impl Play {
    /// Makes something else of a genuine webhook, which comes later, as often as it is drawn.
    pub(super) fn goes_astray(&mut self, body: &[u8]) {
        if self.trouble.strays == 0 || self.astray.u8(0..3) > 0 {
            return;
        }
        self.trouble.strays -= 1;
        let way = WAYS.get(self.astray.usize(0..WAYS.len())).copied().unwrap_or_default();
        let known = matches!(way, "again" | "altered");
        let Some(body) = self.made(body, way) else { return };
        self.diary.count(&format!("stray.{way}"));
        let wait = if known { self.astray.u64(3_600..9_000) } else { self.astray.u64(0..30) };
        self.agenda.add(later(self.now, Duration::from_secs(wait)), Due::Stray(Stray { body, known }));
    }

    /// It comes.
    pub(super) fn stray(&mut self, stray: Stray) {
        let Parsed::Event(webhook) = parse(&stray.body) else {
            self.diary.broken("a webhook that goes astray could not be read".to_owned());
            return;
        };
        let key = EventKey { stream: webhook.stream.clone(), event: webhook.event.id.clone() };
        // Where the genuine one was not kept, this would be it.
        if self.up && self.memory.has(&key) == stray.known {
            let arrival = Arrival::webhook(webhook.stream, webhook.event, webhook.digest, Bytes::from(stray.body));
            self.hand_in(Job { arrival, then: Then::Nothing });
        }
    }

    fn made(&mut self, body: &[u8], way: &str) -> Option<Vec<u8>> {
        let mut body: Value = serde_json::from_slice(body).ok()?;
        let no = self.astray.u64(..);
        let data = body.get_mut("data")?.as_object_mut()?;
        if way == "nameless" {
            data.insert("event_type".into(), json!("call.cost"));
            data.insert("payload".into(), json!({ "total_cost": "0.01" }));
        }
        if !matches!(way, "again" | "altered") {
            data.insert("id".into(), json!(format!("0ddba11-{no:016x}")));
        }
        if way == "foreign" || way == "unknown" {
            data.insert("event_type".into(), json!(if way == "foreign" { "call.initiated" } else { "call.answered" }));
        }
        let payload = data.get_mut("payload")?.as_object_mut()?;
        match way {
            "altered" => drop(payload.insert("to".into(), json!("+12025550199"))),
            "foreign" | "unknown" => {
                payload.insert("call_control_id".into(), json!(format!("v3:stranger-{no:016x}")));
                payload.insert("call_leg_id".into(), json!(format!("leg-{no:016x}")));
                payload.insert("call_session_id".into(), json!(format!("session-{no:016x}")));
                payload.insert("client_state".into(), Value::Null);
                payload.remove("direction");
                if way == "foreign" {
                    payload.insert("direction".into(), json!("outgoing"));
                    payload.insert("state".into(), json!("bridging"));
                }
            }
            _ => {}
        }
        serde_json::to_vec(&body).ok()
    }
}
