//! Look-ups: one leg, or all that live.

use serde_json::{Value, json};

use super::ledger::LegNo;
use super::leg::{Leg, State};
use super::moment::{between, written};
use super::reply::{Refusal, Reply};
use super::switches::{ActiveCallsRinging, ForgottenLeg, RingingIsAlive, UnknownLeg};
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
        if old && self.settings.switches.forgotten_leg == ForgottenLeg::Gone {
            return Err(Refusal::not_found());
        }
        Ok(no)
    }

    /// A leg as it is.
    pub(super) fn look(&self, no: LegNo) -> Option<Reply> {
        let leg = self.leg(no)?;
        let mut data = self.call_data(no)?;
        let alive = match leg.state {
            State::Answered => true,
            State::Ringing => leg.incoming() || self.settings.switches.ringing_is_alive == RingingIsAlive::Yes,
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

    /// One page of the legs that live.
    pub(super) fn active(&self, connection: &str, after: Option<u32>, limit: usize) -> Reply {
        if connection != self.settings.connection_id {
            return self.refuse(&Refusal::not_found());
        }
        let hidden = self.settings.switches.active_calls_ringing == ActiveCallsRinging::Hidden;
        let shown = |leg: &&Leg| leg.live() && !(hidden && leg.state == State::Ringing && !leg.incoming());
        let mut legs = self.legs.iter().filter(shown).filter(|leg| after.is_none_or(|after| leg.no.0 > after));
        let page: Vec<_> = legs.by_ref().take(limit).collect();
        let last = page.last().map(|leg| format!("v1:{}", leg.no.0)).filter(|_| legs.next().is_some());
        let next = last.as_ref().map(|last| format!("/v2/connections/{connection}/active_calls?page[after]={last}"));
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
        let meta = json!({ "total_items": data.len(), "cursors": { "after": last, "before": null }, "next": next });
        Reply::ok(&json!({ "data": data, "meta": meta }))
    }
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
    fn a_leg_that_never_was_is_unknown() {
        for (switch, expected) in [("not_found", (404, "10005")), ("invalid", (422, "90015"))] {
            let mut stage = Stage::switched(&script(), &format!("unknown_leg={switch}"));
            let (status, answer) = stage.ask("GET", "/v2/calls/v3:nobody", &Value::Null);
            assert_eq!((status, answer["errors"][0]["code"].as_str().unwrap()), expected);
        }
    }

    #[test]
    fn whether_a_ringing_leg_is_an_active_call_is_a_switch() {
        for (switch, expected) in [("shown", 2), ("hidden", 1)] {
            let script = script().callee(ANNA, answers(5));
            let mut stage = Stage::switched(&script, &format!("active_calls_ringing={switch}"));
            stage.dial(ANNA);
            let target = format!("/connections/{}/active_calls", stage.world.settings().connection_id);
            let mut count = || stage.ask("GET", &target, &Value::Null).1["data"].as_array().unwrap().len();
            assert_eq!(count(), expected, "{switch}");
            stage.run(8 * SECOND);
            assert_eq!(stage.ask("GET", &target, &Value::Null).1["data"].as_array().unwrap().len(), 2, "{switch}");
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
        assert_eq!(stage.ask("GET", &target, &Value::Null).1["data"].as_array().unwrap().len(), 2);
        assert_eq!(stage.ask("GET", "/v2/connections/7/active_calls", &Value::Null).0, 404);
    }
}
