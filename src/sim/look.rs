//! Look-ups: one leg, all that live, or the application.

use serde_json::{Value, json};

use super::ledger::LegNo;
use super::leg::{Leg, State};
use super::moment::{between, written};
use super::reply::{Refusal, Reply};
use super::switches::{ActiveCalls, ActiveCallsPages, ForgottenLeg, RingingIsAlive, UnknownLeg, WaitingIsAlive};
use super::world::World;

/// How long an ended leg is remembered, in seconds.
const REMEMBERED: u64 = 600;

impl World {
    /// The leg with this id, if Telnyx still knows it.
    pub(super) fn find(&self, control_id: &str) -> Result<LegNo, Refusal> {
        let unknown = || match self.settings.switches.unknown_leg {
            UnknownLeg::NotFound => Refusal::not_found(),
            UnknownLeg::Invalid => Refusal::no_such_call(),
        };
        let no = *self.by_control_id.get(control_id).ok_or_else(unknown)?;
        let ended = self.leg(no).and_then(|leg| leg.ended);
        let old = ended.is_some_and(|ended| between(ended, self.now).as_secs() >= REMEMBERED);
        match self.settings.switches.forgotten_leg {
            ForgottenLeg::Gone | ForgottenLeg::GoneAtOnce if old => return Err(Refusal::not_found()),
            ForgottenLeg::Gone | ForgottenLeg::GoneAtOnce | ForgottenLeg::Ended => {}
        }
        Ok(no)
    }

    /// A leg as it is; nothing of one that is forgotten already.
    pub(super) fn look(&self, no: LegNo) -> Option<Reply> {
        let leg = self.leg(no)?;
        if leg.ended.is_some() && self.settings.switches.forgotten_leg == ForgottenLeg::GoneAtOnce {
            return None;
        }
        let mut data = self.call_data(no)?;
        let alive = match leg.state {
            State::Answered => true,
            State::Ringing if leg.incoming() => self.settings.switches.waiting_is_alive == WaitingIsAlive::Yes,
            State::Ringing => self.settings.switches.ringing_is_alive == RingingIsAlive::Yes,
            State::Ended => false,
        };
        let fields = data.as_object_mut()?;
        fields.insert("is_alive".to_owned(), alive.into());
        if let Some(ended) = leg.ended {
            fields.insert("end_time".to_owned(), written(ended).into());
        }
        Some(Reply::data(&data))
    }

    /// A leg as dials and look-ups tell it.
    pub(super) fn call_data(&self, no: LegNo) -> Option<Value> {
        let leg = self.leg(no)?;
        let mut data = json!({
            "record_type": "call",
            "call_control_id": leg.control_id,
            "call_leg_id": leg.leg_id,
            "call_session_id": leg.session,
            "is_alive": false,
            "call_duration": between(leg.began, leg.ended.unwrap_or(self.now)).as_secs(),
            "start_time": written(leg.began),
        });
        if let (Some(state), Some(fields)) = (&leg.client_state, data.as_object_mut()) {
            fields.insert("client_state".to_owned(), state.as_str().into());
        }
        Some(data)
    }

    /// The application with this id.
    pub(super) fn application(&self, id: &str) -> Reply {
        let settings = &self.settings;
        if id != settings.connection_id {
            return self.refuse(&Refusal::not_found());
        }
        let limit = settings.first_command_timeout;
        Reply::data(&settings.application.told(json!({
            "record_type": "call_control_application",
            "id": settings.connection_id,
            "application_name": "simulated",
            "active": true,
            "anchorsite_override": "Latency",
            "dtmf_type": "RFC 2833",
            "webhook_api_version": "2",
            "webhook_event_url": settings.webhook_url,
            "webhook_event_failover_url": null,
            "webhook_timeout_secs": null,
            "first_command_timeout": limit.is_some(),
            "first_command_timeout_secs": limit.map_or(30, |limit| limit.as_secs()),
            "inbound": { "channel_limit": null, "shaken_stir_enabled": false },
            "outbound": { "channel_limit": settings.channel_limit, "outbound_voice_profile_id": "1000000000000000001" },
        })))
    }

    /// One page of the legs that live.
    pub(super) fn active(&self, connection: &str, asked: &Page) -> Reply {
        if connection != self.settings.connection_id {
            return self.refuse(&Refusal::not_found());
        }
        let all = self.settings.switches.active_calls == ActiveCalls::Live;
        let legs: Vec<&Leg> =
            self.legs.iter().filter(|leg| leg.live() && (all || leg.state == State::Answered)).collect();
        let (page, meta) = match self.settings.switches.active_calls_pages {
            ActiveCallsPages::Cursor => after(&legs, asked, connection),
            ActiveCallsPages::Number => numbered(&legs, asked),
        };
        let data: Vec<Value> = page
            .iter()
            .map(|leg| {
                json!({
                    "record_type": "call",
                    "call_control_id": leg.control_id,
                    "call_leg_id": leg.leg_id,
                    "call_session_id": leg.session,
                    "client_state": leg.client_state,
                    "call_duration": between(leg.began, self.now).as_secs(),
                })
            })
            .collect();
        Reply::ok(&json!({ "data": data, "meta": meta }))
    }
}

/// Which page of a list is asked for, in both ways there may be to ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Page {
    pub after: Option<u32>,
    pub limit: usize,
    pub number: usize,
    pub size: usize,
}

/// What follows a cursor.
fn after<'a>(legs: &[&'a Leg], asked: &Page, connection: &str) -> (Vec<&'a Leg>, Value) {
    let mut legs = legs.iter().copied().filter(|leg| asked.after.is_none_or(|after| leg.no.0 > after));
    let page: Vec<&Leg> = legs.by_ref().take(asked.limit).collect();
    let last = page.last().map(|leg| format!("v1:{}", leg.no.0)).filter(|_| legs.next().is_some());
    let next = last.as_ref().map(|last| format!("/v2/connections/{connection}/active_calls?page[after]={last}"));
    let meta = json!({ "total_items": page.len(), "cursors": { "after": last, "before": null }, "next": next });
    (page, meta)
}

/// One page of so many.
fn numbered<'a>(legs: &[&'a Leg], asked: &Page) -> (Vec<&'a Leg>, Value) {
    let page: Vec<&Leg> = legs.chunks(asked.size).nth(asked.number.saturating_sub(1)).unwrap_or_default().to_vec();
    let meta = json!({
        "page_number": asked.number,
        "page_size": asked.size,
        "total_pages": legs.len().div_ceil(asked.size),
        "total_results": legs.len(),
    });
    (page, meta)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::stage::{ANNA, BEN, SECOND, Stage, answers, script};

    #[test]
    fn a_leg_is_alive_until_it_ends_and_known_for_ten_minutes_more() {
        for (switch, after) in [("gone", (404, "10005")), ("ended", (422, "90018"))] {
            let mut stage = Stage::switched(&script().patience(30 * SECOND), &format!("forgotten_leg={switch}"));
            let a = stage.a();
            assert!(stage.alive(&a));
            stage.run(60 * SECOND);
            let (_, answer) = stage.ask("GET", &format!("/v2/calls/{a}"), &Value::Null);
            let data = &answer["data"];
            assert_eq!((&data["is_alive"], &data["call_duration"]), (&json!(false), &json!(30)));
            assert_eq!(data["end_time"], "2026-03-09T10:00:30.000000Z");
            stage.run(540 * SECOND);
            assert_eq!(stage.code(&a, "hangup", json!({})), "90018", "{switch}");
            stage.run(30 * SECOND);
            let (status, answer) = stage.act(&a, "hangup", json!({}));
            assert_eq!((status, answer["errors"][0]["code"].as_str().unwrap()), after);
        }
    }

    #[test]
    fn whether_a_ringing_leg_is_alive_is_a_switch() {
        for (switch, expected) in [("yes", true), ("no", false)] {
            let script = script().callee(ANNA, answers(5));
            let mut stage = Stage::switched(&script, &format!("ringing_is_alive={switch}"));
            let b = stage.dial(ANNA);
            stage.run(2 * SECOND);
            assert_eq!(stage.alive(&b), expected, "{switch}");
            stage.run(5 * SECOND);
            assert!(stage.alive(&b));
        }
    }

    #[test]
    fn a_leg_may_be_forgotten_as_it_ends() {
        let mut stage = Stage::switched(&script().patience(2 * SECOND), "forgotten_leg=gone_at_once");
        let a = stage.a();
        assert!(stage.alive(&a));
        stage.run(3 * SECOND);
        assert_eq!(stage.ask("GET", &format!("/v2/calls/{a}"), &Value::Null).0, 404);
        assert_eq!(stage.code(&a, "hangup", json!({})), "90018");
    }

    #[test]
    fn whether_a_caller_who_waits_is_alive_is_a_switch() {
        for (switch, expected) in [("yes", true), ("no", false)] {
            let mut stage = Stage::switched(&script(), &format!("waiting_is_alive={switch}"));
            assert_eq!(stage.alive(&stage.a()), expected, "{switch}");
            stage.answer();
            assert!(stage.alive(&stage.a()));
        }
    }

    #[test]
    fn a_leg_that_never_was_is_unknown() {
        for (switch, expected) in [("not_found", (404, "10005")), ("invalid", (422, "90015"))] {
            let mut stage = Stage::switched(&script(), &format!("unknown_leg={switch}"));
            let (status, answer) = stage.ask("GET", "/v2/calls/v3:nobody", &Value::Null);
            assert_eq!((status, answer["errors"][0]["code"].as_str().unwrap()), expected);
        }
    }

    #[test]
    fn active_calls_come_in_pages() {
        let mut stage = Stage::new(&script());
        let legs = [stage.a(), stage.dial(ANNA), stage.dial(BEN)];
        let connection = stage.world.settings().connection_id.clone();
        let mut target = format!("/v2/connections/{connection}/active_calls?page%5Blimit%5D=2");
        let mut found = Vec::new();
        for expected in [2, 1] {
            let (status, answer) = stage.ask("GET", &target, &Value::Null);
            let page = answer["data"].as_array().unwrap();
            assert_eq!((status, page.len()), (200, expected));
            found.extend(page.iter().map(|call| call["call_control_id"].as_str().unwrap().to_owned()));
            target = answer["meta"]["next"].as_str().unwrap_or_default().to_owned();
        }
        assert_eq!((found.as_slice(), target.as_str()), (&legs[..], ""));
        stage.ok(&legs[1], "hangup", json!({}));
        stage.run(SECOND);
        let target = format!("/connections/{connection}/active_calls");
        // What only the other way of asking knows is passed over.
        assert_eq!(
            stage.ask("GET", &format!("{target}?page[number]=9"), &Value::Null).1["data"][0]["call_control_id"],
            legs[0]
        );
        assert_eq!(stage.ask("GET", &target, &Value::Null).1["data"].as_array().unwrap().len(), 2);
        assert_eq!(stage.ask("GET", "/v2/connections/7/active_calls", &Value::Null).0, 404);
    }

    #[test]
    fn active_calls_may_come_by_page_number_and_without_those_that_ring() {
        let list = |stage: &mut Stage, query: &str| {
            let connection = stage.world.settings().connection_id.clone();
            let target = format!("/v2/connections/{connection}/active_calls?{query}");
            let (_, answer) = stage.ask("GET", &target, &Value::Null);
            (answer["data"].as_array().unwrap().len(), answer["meta"].clone())
        };
        let mut stage = Stage::switched(&script(), "active_calls_pages=number");
        stage.dial(ANNA);
        stage.dial(BEN);
        for (number, found) in [(1, 2), (2, 1), (3, 0)] {
            let (calls, meta) = list(&mut stage, &format!("page[number]={number}&page[size]=2"));
            assert_eq!((calls, &meta["page_number"], &meta["total_pages"]), (found, &json!(number), &json!(2)));
        }
        let mut stage = Stage::switched(&script(), "active_calls=answered");
        assert_eq!(list(&mut stage, "").0, 0);
        stage.answer();
        assert_eq!(list(&mut stage, "").0, 1);
    }
}
