//! A phone that passes its calls on to a number of the application: what was dialled comes back as a call from outside,
//! and the two are one as long as either lasts.

use super::agenda::Due;
use super::ledger::{By, CallNo, LegNo};
use super::leg::State;
use super::moment::later;
use super::script::Script;
use super::wire::End;
use super::world::{Call, World};

/// How often the network passes one call on before it takes that for a circle.
pub const MOST_PASSED_ON: u32 = 6;

const CIRCLE: End = End { cause: "unspecified", source: "unknown", sip: "482" };

impl World {
    /// Whoever is rung on this leg lets it ring at `to` instead. Headers go along, if carriers let them.
    pub(super) fn pass_on(&mut self, no: LegNo, to: &str) {
        let Some((leg, call)) = self.leg(no).and_then(|leg| Some((leg, self.call(leg.call?)?))) else { return };
        if call.passed_on >= MOST_PASSED_ON {
            return self.end(no, CIRCLE, By::Limit);
        }
        let script = Script {
            name: format!("{}, passed on by {}", call.script.name, leg.to),
            from: leg.from.clone(),
            to: to.to_owned(),
            headers: leg.headers.clone(),
            ..call.script.clone()
        };
        let passed_on = call.passed_on + 1;
        let next = CallNo(u32::try_from(self.calls.len()).unwrap_or(u32::MAX));
        self.calls.push(Call { passed_on, ..Call::new(script) });
        self.arrive(next);
        let came = self.call(next).and_then(|call| call.caller);
        for (one, other) in [(Some(no), came), (came, Some(no))] {
            if let Some(leg) = one.and_then(|one| self.leg_mut(one)) {
                leg.other_half = other;
            }
        }
    }

    /// A call that was passed on is picked up where it came in: it is at its other end too, a little later.
    pub(super) fn goes_through(&mut self, no: LegNo) {
        let half = self.leg(no).filter(|leg| leg.incoming()).and_then(|leg| leg.other_half);
        if let Some(half) = half {
            let at = later(self.now, self.lag(40, 120));
            self.agenda.add(at, Due::GoneThrough(half));
        }
    }

    /// It is picked up at its other end.
    pub(super) fn gone_through(&mut self, no: LegNo) {
        let ringing = self.leg(no).filter(|leg| leg.state == State::Ringing);
        if let Some(time_limit) = ringing.and_then(|leg| Some(leg.outbound()?.time_limit)) {
            self.answered_by_callee(no, time_limit);
        }
    }

    /// One half of a call that was passed on is over: the other will be. Whoever was dialled and rings on is told how it
    /// ended where it came in.
    pub(super) fn half_is_over(&mut self, no: LegNo, end: End) {
        let half = self.leg_mut(no).and_then(|leg| leg.other_half.take());
        if let Some(half) = half {
            let at = later(self.now, self.lag(40, 120));
            self.agenda.add(at, Due::HalfIsOver(half, End { source: "callee", ..end }));
        }
    }

    /// The other half of this leg is over.
    pub(super) fn other_half_is_over(&mut self, no: LegNo, end: End) {
        match self.leg(no) {
            Some(leg) if leg.state == State::Ringing && !leg.incoming() => self.end(no, end, By::Person),
            Some(_) => self.person_leaves(no),
            None => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::script::Callee;
    use super::super::stage::{ANNA, BEN, LINE, SECOND, Stage, answers, script};

    /// Anna's phone passes calls on to our own number.
    fn passed_on(switch: &str) -> Stage {
        let forwards = Callee::PassesOn { after: SECOND, to: LINE.to_owned() };
        let mut stage = Stage::switched(&script().callee(ANNA, forwards).callee(BEN, answers(1)), switch);
        let mut dial = stage.dial_of(ANNA);
        dial["custom_headers"] = json!([{"name": "X-Count", "value": "1"}]);
        assert_eq!(stage.ask("POST", "/v2/calls", &dial).0, 200);
        stage.run_to("C call.initiated");
        stage
    }

    #[test]
    fn what_is_passed_on_comes_in_again_with_its_headers_or_without() {
        for (switch, headers) in [("kept", json!([{"name": "X-Count", "value": "1"}])), ("lost", json!(null))] {
            let stage = passed_on(&format!("passed_on_headers={switch}"));
            let came = stage.payload("C call.initiated");
            assert_eq!((&came["direction"], &came["to"]), (&json!("incoming"), &json!(LINE)));
            assert_eq!(came["custom_headers"], headers, "{switch}");
            assert_ne!(came["call_session_id"], stage.payload("B call.initiated")["call_session_id"]);
        }
    }

    #[test]
    fn both_halves_are_picked_up_and_end_together() {
        let mut stage = passed_on("passed_on_headers=kept");
        let came = stage.payload("C call.initiated")["call_control_id"].as_str().unwrap().to_owned();
        stage.ok(&came, "answer", json!({}));
        stage.run_to("B call.answered");
        stage.ok(&came, "hangup", json!({}));
        stage.run(SECOND);
        assert!(stage.story().contains(&"B call.hangup".to_owned()));

        let mut stage = passed_on("passed_on_headers=kept");
        let rung = stage.payload("B call.initiated")["call_control_id"].as_str().unwrap().to_owned();
        stage.ok(&rung, "hangup", json!({}));
        stage.run(SECOND);
        assert_eq!(stage.payload("C call.hangup")["hangup_cause"], "originator_cancel");
    }

    #[test]
    fn one_that_is_turned_away_is_so_at_its_other_end() {
        let mut stage = passed_on("passed_on_headers=kept");
        let came = stage.payload("C call.initiated")["call_control_id"].as_str().unwrap().to_owned();
        stage.ok(&came, "reject", json!({"cause": "USER_BUSY"}));
        stage.run(SECOND);
        assert_eq!(stage.payload("B call.hangup")["hangup_cause"], "user_busy");
    }
}
