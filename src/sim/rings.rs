//! Dials and transfers: the commands that make a new leg ring.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;

use super::agenda::Due;
use super::fields::Fields;
use super::ids::uuid;
use super::ledger::{CallNo, CommandNo, LegNo, What};
use super::leg::{Leg, Outbound, Purpose, State, Way};
use super::moment::between;
use super::reply::{Refusal, Reply};
use super::script::{Callee, Header};
use super::switches::{DialLinkToUnanswered, FirstCommandDial, TimeLimitRange, TransferClientState};
use super::world::World;

/// A leg to be made.
struct Ring {
    call: Option<CallNo>,
    session: uuid::Uuid,
    from: String,
    to: String,
    client_state: Option<String>,
    outbound: Outbound,
    parks: bool,
    retries: BTreeMap<String, Vec<Duration>>,
    headers: Vec<Header>,
}

impl World {
    /// Dials. Where it is `ignored` the ids of the answer are those of a leg that never lives.
    pub(super) fn dial(&mut self, fields: &Fields, command: CommandNo, ignored: bool) -> Result<Reply, Refusal> {
        if fields.need("connection_id")? != self.settings.connection_id {
            let detail = "There is no Call Control application with this id.";
            return Err(Refusal::new(422, "10015", "Invalid value for connection_id", detail).of("connection_id"));
        }
        let (from, to) = (fields.party("from")?.to_owned(), fields.target()?.to_owned());
        let (client_state, parks) = (fields.client_state("client_state", &self.settings.switches)?, fields.parks());
        let bridge_on_answer = fields.flag("bridge_on_answer")? == Some(true);
        let needs_link = bridge_on_answer || parks || fields.flag("bridge_intent")? == Some(true);
        let retry_on_timeout = fields.flag("retry_on_timeout")?.unwrap_or(true);
        let (ring_for, time_limit) = self.limits(fields)?;
        let (retries, headers) = (fields.retries()?, fields.headers()?);
        let link = self.linked(fields)?;
        if needs_link && link.is_none() {
            return Err(Refusal::unfit("This needs link_to.").of("link_to"));
        }
        self.room_for_a_dial()?;
        let linked = link.and_then(|no| self.leg(no)).map(|leg| (leg.call, leg.session));
        let (call, session) = linked.unwrap_or_else(|| {
            let call = self.asking.or_else(|| self.call_of_dial(&from, &to));
            (call, uuid(&mut self.rng))
        });
        let callee = self.reach(call, &to)?;
        let purpose = link.filter(|_| bridge_on_answer).map_or(Purpose::Wait, Purpose::Join);
        let outbound = Outbound { callee, ring_for, retry_on_timeout, time_limit, purpose };
        let ring = Ring { call, session, from, to, client_state, outbound, parks, retries, headers };
        let counts = !ignored && self.settings.switches.first_command_dial == FirstCommandDial::Counts;
        if let Some(leg) = link.filter(|_| counts).and_then(|link| self.leg_mut(link)) {
            leg.commanded = true;
        }
        let no = self.make(ring, command, ignored);
        Ok(Reply::data(&self.call_data(no).unwrap_or(Value::Null)))
    }

    /// Gives a leg away. Where it is `ignored` nothing rings.
    pub(super) fn transfer(
        &mut self,
        given: LegNo,
        fields: &Fields,
        client_state: Option<String>,
        command: CommandNo,
        ignored: bool,
    ) -> Result<Reply, Refusal> {
        let leg = self.live(given).ok_or_else(Refusal::ended)?;
        let (call, session, called) = (leg.call, leg.session, leg.to.clone());
        let to = fields.party("to")?.to_owned();
        let from = fields.text("from")?.map_or(Ok(called.as_str()), |_| fields.party("from"))?.to_owned();
        let target_state = fields.client_state("target_leg_client_state", &self.settings.switches)?;
        let (ring_for, time_limit) = self.limits(fields)?;
        let early_media = fields.flag("early_media")?.unwrap_or(true);
        let (retries, headers) = (fields.retries()?, fields.headers()?);
        self.room_for_a_leg()?;
        let callee = self.reach(call, &to)?;
        if ignored {
            return Ok(Reply::accepted());
        }
        let new_state = match self.settings.switches.transfer_client_state {
            TransferClientState::TargetOnly => target_state,
            TransferClientState::PlainOnNewLeg => client_state.clone().or(target_state),
        };
        if let Some(leg) = self.leg_mut(given) {
            leg.commanded = true;
            leg.client_state = client_state.or_else(|| leg.client_state.take());
            leg.parks = fields.parks();
            leg.retries.extend(retries.clone());
        }
        let purpose = Purpose::Take { given, early_media };
        let outbound = Outbound { callee, ring_for, retry_on_timeout: true, time_limit, purpose };
        let client_state = new_state;
        let ring = Ring { call, session, from, to, client_state, outbound, parks: false, retries, headers };
        let no = self.make(ring, command, false);
        if let Some(leg) = self.leg_mut(given) {
            leg.ringing.push(no);
        }
        Ok(Reply::accepted())
    }

    /// Makes the leg; a stillborn one has ids and nothing else.
    fn make(&mut self, ring: Ring, command: CommandNo, stillborn: bool) -> LegNo {
        let no = self.next_leg();
        let rings_at = self.rings_at();
        let (target, purpose) = (ring.to.clone(), ring.outbound.purpose.clone());
        let mut leg = Leg::new(no, Way::Out(ring.outbound), ring.from, ring.to, self.now, &mut self.rng);
        (leg.call, leg.session, leg.client_state) = (ring.call, ring.session, ring.client_state);
        (leg.parks, leg.retries, leg.headers) = (ring.parks, ring.retries, ring.headers);
        leg.settled = rings_at;
        if stillborn {
            (leg.state, leg.ended) = (State::Ended, Some(self.now));
        }
        self.add(leg);
        if stillborn {
            return no;
        }
        self.ledger.took(command, self.now);
        let what = match purpose {
            Purpose::Take { given, .. } => What::Transferred { target, on_behalf_of: given },
            Purpose::Wait | Purpose::Join(_) => What::Dialled { target, command_id: self.ledger.dialled(command, no) },
        };
        self.enter(no, what);
        self.agenda.add(rings_at, Due::Ring(no));
        no
    }

    /// The leg a dial links to.
    fn linked(&self, fields: &Fields) -> Result<Option<LegNo>, Refusal> {
        let Some(control_id) = fields.text("link_to")? else { return Ok(None) };
        let no = *self.by_control_id.get(control_id).ok_or_else(|| Refusal::no_such_call().of("link_to"))?;
        let leg = self.live(no).ok_or_else(|| Refusal::ended().of("link_to"))?;
        let refused = self.settings.switches.dial_link_to_unanswered == DialLinkToUnanswered::Refused;
        if refused && leg.state == State::Ringing {
            return Err(Refusal::not_answered().of("link_to"));
        }
        Ok(Some(no))
    }

    /// How long to ring, and how long the leg may last once answered.
    fn limits(&self, fields: &Fields) -> Result<(Duration, Duration), Refusal> {
        let ring_for = fields.seconds("timeout_secs", 5..=600)?.unwrap_or(Duration::from_secs(30));
        let range = match self.settings.switches.time_limit_range {
            TimeLimitRange::Published => 30..=14_400,
            TimeLimitRange::ErrorText => 60..=14_000,
        };
        let time_limit = fields.seconds("time_limit_secs", range)?.unwrap_or(Duration::from_secs(14_400));
        Ok((ring_for, time_limit))
    }

    fn room_for_a_dial(&mut self) -> Result<(), Refusal> {
        while self.dials.pop_front_if(|at| between(*at, self.now) >= Duration::from_secs(5)).is_some() {}
        if self.dials.len() >= self.settings.dials_in_5_secs {
            return Err(Refusal::new(429, "90103", "Dials per second limit", "Too many dials at once.").after(1));
        }
        self.room_for_a_leg()?;
        self.dials.push_back(self.now);
        Ok(())
    }

    fn room_for_a_leg(&self) -> Result<(), Refusal> {
        let Some(limit) = self.settings.channel_limit else { return Ok(()) };
        if self.legs.iter().filter(|leg| leg.live() && !leg.incoming()).count() < limit {
            return Ok(());
        }
        Err(Refusal::new(422, "90041", "User channel limit exceeded", "No more outbound calls at once."))
    }

    /// What the one who is to be rung does this time; some cannot even be tried.
    fn reach(&mut self, call: Option<CallNo>, target: &str) -> Result<Callee, Refusal> {
        let callee = self.next_behaviour(call, target);
        if let Callee::Refused { status, code } = &callee {
            return Err(Refusal::new(*status, code, "Call refused", "The network does not take this call."));
        }
        Ok(callee)
    }

    /// The call a dial without a link is probably for: among the calls that know this target and whose caller is
    /// still there, one from the number that is shown, else one to it, else any; of several the latest.
    fn call_of_dial(&self, from: &str, to: &str) -> Option<CallNo> {
        let mut best = None;
        for no in self.present.iter().copied() {
            let Some(call) = self.call(no).filter(|call| call.script.knows(to)) else { continue };
            let fit = if call.script.from == from { 2 } else { u8::from(call.script.to == from) };
            best = best.max(Some((fit, no)));
        }
        best.map(|(_, no)| no)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::Script;
    use super::super::stage::{ANNA, BEN, CALLER, LINE, SECOND, Stage, answers, script};
    use super::*;

    fn refused(stage: &mut Stage, change: &[(&str, Value)]) -> (u16, String) {
        let mut body = stage.dial_of(ANNA);
        for (field, value) in change {
            body[*field] = value.clone();
        }
        let (status, answer) = stage.ask("POST", "/v2/calls", &body);
        (status, answer["errors"][0]["code"].as_str().unwrap_or_default().to_owned())
    }

    #[test]
    fn a_dial_that_is_wrong_is_refused_by_its_code() {
        let mut stage = Stage::new(&script());
        let cases = [
            ("connection_id", Value::Null, "10004"),
            ("connection_id", json!("7"), "10015"),
            ("from", Value::Null, "10004"),
            ("from", json!("anonymous"), "10016"),
            ("to", Value::Null, "10004"),
            ("to", json!("12025550101"), "10016"),
            ("client_state", json!("?"), "90017"),
            ("link_to", json!("v3:nobody"), "90015"),
            ("timeout_secs", json!(601), "10033"),
            ("timeout_secs", json!("20"), "10015"),
            ("retry_on_timeout", json!("no"), "10015"),
        ];
        for (field, value, code) in cases {
            assert_eq!(refused(&mut stage, &[(field, value.clone())]), (422, code.to_owned()), "{field} {value}");
        }
        for field in ["bridge_intent", "bridge_on_answer"] {
            let change = [("link_to", Value::Null), (field, json!(true))];
            assert_eq!(refused(&mut stage, &change), (422, "10015".to_owned()), "{field}");
        }
        assert!(stage.outcome().rings.is_empty());
    }

    #[test]
    fn a_link_to_one_who_is_not_answered_may_be_refused() {
        let mut stage = Stage::switched(&script(), "dial_link_to_unanswered=refused");
        assert_eq!(refused(&mut stage, &[]), (422, "90034".to_owned()));
        stage.answer();
        stage.dial(ANNA);
        stage.ok(&stage.a(), "hangup", json!({}));
        stage.run(SECOND);
        assert_eq!(refused(&mut stage, &[]), (422, "90018".to_owned()));
    }

    #[test]
    fn limits_of_channels_and_dials_are_kept() {
        let mut stage = Stage::with(&script(), |settings| settings.channel_limit = Some(1));
        stage.dial(ANNA);
        assert_eq!(refused(&mut stage, &[]), (422, "90041".to_owned()));
        assert_eq!(stage.code(&stage.a(), "transfer", json!({"to": ANNA})), "90041");

        let mut stage = Stage::with(&script(), |settings| settings.dials_in_5_secs = 2);
        stage.dial(ANNA);
        stage.dial(ANNA);
        assert_eq!(refused(&mut stage, &[]), (429, "90103".to_owned()));
        stage.run(5 * SECOND);
        stage.dial(ANNA);
    }

    #[test]
    fn a_dial_or_transfer_may_be_refused_by_the_network() {
        let refuses = |code: &str| Callee::Refused { status: 403, code: code.to_owned() };
        let mut stage = Stage::new(&script().callee(ANNA, refuses("10010")).callee(ANNA, refuses("D13")));
        assert_eq!(refused(&mut stage, &[]), (403, "10010".to_owned()));
        assert_eq!(stage.code(&stage.a(), "transfer", json!({"to": ANNA})), "D13");

        let mut stage = Stage::switched(&script().callee(ANNA, refuses("D13")), "error_code=number");
        let body = stage.dial_of(ANNA);
        let (_, answer) = stage.ask("POST", "/v2/calls", &body);
        assert_eq!(
            (&answer["errors"][0]["code"], &answer["telnyx_error"]["error_code"]),
            (&json!(10010), &json!("D13"))
        );
    }

    #[test]
    fn busy_first_then_somebody() {
        let script = script().callee(ANNA, Callee::Busy { after: SECOND }).callee(ANNA, answers(1));
        let mut stage = Stage::new(&script);
        for _ in 0..2 {
            stage.dial(ANNA);
            stage.run(5 * SECOND);
        }
        let rings = stage.outcome().rings;
        assert_eq!(
            rings.iter().map(|ring| (ring.cause, ring.answered.is_some())).collect::<Vec<_>>(),
            [(Some("user_busy"), false), (None, true)]
        );
    }

    #[test]
    fn which_state_the_new_leg_of_a_transfer_echoes_is_a_switch() {
        for (switch, expected) in [("target_only", "Qg=="), ("plain_on_new_leg", "QQ==")] {
            let mut stage = Stage::switched(&script(), &format!("transfer_client_state={switch}"));
            let body = json!({"to": ANNA, "client_state": "QQ==", "target_leg_client_state": "Qg=="});
            stage.ok(&stage.a(), "transfer", body);
            stage.run(SECOND);
            assert_eq!(stage.payload("B call.initiated")["client_state"], expected, "{switch}");
        }
    }

    #[test]
    fn a_dial_without_a_link_is_told_by_the_number_shown_and_the_one_called() {
        let mut stage = Stage::new(&script().callee(ANNA, Callee::RingsOut));
        let other = Script::call("another", "+12025550143", "+12025550199").callee(ANNA, Callee::RingsOut);
        let other = stage.world.call_in(stage.now, &other);
        stage.run(SECOND);
        for (from, to, call) in [(CALLER, ANNA, stage.call), (LINE, ANNA, stage.call), ("+12025550199", ANNA, other)] {
            let before = stage.world.outcome(call).unwrap().rings.len();
            let mut body = stage.dial_of(to);
            body["link_to"] = Value::Null;
            body["from"] = json!(from);
            assert_eq!(stage.ask("POST", "/v2/calls", &body).0, 200);
            assert_eq!(stage.world.outcome(call).unwrap().rings.len(), before + 1, "{from}");
        }
        let mut body = stage.dial_of(BEN);
        body["link_to"] = Value::Null;
        assert_eq!(stage.ask("POST", "/v2/calls", &body).0, 200, "whoever nobody knows is rung all the same");
        stage.run(SECOND);
        assert_ne!(
            stage.payload("A call.initiated")["call_session_id"],
            stage.seen.last().unwrap().1["data"]["payload"]["call_session_id"]
        );
    }
}
