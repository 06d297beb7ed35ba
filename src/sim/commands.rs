//! Commands to a leg: what each needs, what it refuses, and what it sets going.

use std::time::Duration;

use uuid::Uuid;

use super::agenda::{Due, Stop, TapePlan};
use super::fields::Fields;
use super::ids::uuid;
use super::ledger::{CommandNo, LegNo};
use super::leg::{Gather, Item, Leg, Source, State};
use super::moment::{between, later};
use super::reply::{Refusal, Reply};
use super::requests::Verb;
use super::switches::{
    BridgeAfterAnswer, Rebridge, RecordingIdInAnswer, SecondAnswer, SecondRecording, SpeakLimit, StopOfNoRecording,
};
use super::wire::End;
use super::world::World;

/// What an accepted command will do.
enum Plan {
    PickUp,
    TurnAway(End),
    LetGo,
    Join {
        with: LegNo,
        parks: bool,
    },
    Play {
        item: Item,
        stop: Option<Stop>,
    },
    Gather(Box<Gather>),
    Stop(Stop),
    Record(TapePlan),
    /// That one, if it is named.
    StopRecording(Option<Uuid>),
    /// Accepted, and there is nothing to do.
    Nothing,
}

impl World {
    /// A command to a leg. Where it is `ignored` it is accepted and does nothing.
    pub(super) fn act(
        &mut self,
        no: LegNo,
        verb: Verb,
        fields: &Fields,
        command: CommandNo,
        ignored: bool,
    ) -> Result<Reply, Refusal> {
        let leg = self.live(no).ok_or_else(Refusal::ended)?;
        let (answered, incoming) = (leg.state == State::Answered, leg.incoming());
        let client_state = fields.client_state("client_state", &self.settings.switches)?;
        let plan = match verb {
            Verb::Answer => self.plan_answer(no)?,
            Verb::Reject => plan_reject(fields, incoming && !answered)?,
            Verb::Hangup => Plan::LetGo,
            Verb::Bridge => self.plan_bridge(no, fields)?,
            Verb::Transfer => return self.transfer(no, fields, client_state, command, ignored),
            Verb::Speak => self.plan_speak(answered, fields)?,
            Verb::PlaybackStart => self.plan_playback(answered, fields)?,
            Verb::GatherUsingSpeak => gathers(self.plan_speak(answered, fields)?, fields)?,
            Verb::GatherUsingAudio => gathers(self.plan_playback(answered, fields)?, fields)?,
            Verb::PlaybackStop => {
                needs(answered)?;
                Plan::Stop(stop(fields)?.unwrap_or(Stop::All))
            }
            Verb::RecordStart => self.plan_record(no, fields)?,
            Verb::RecordStop => self.plan_stop_recording(no, fields)?,
        };
        let retries = fields.retries()?;
        if ignored {
            return Ok(Reply::accepted());
        }
        if let Some(leg) = self.leg_mut(no) {
            leg.commanded = true;
            leg.client_state = client_state.or_else(|| leg.client_state.take());
            leg.retries.extend(retries);
        }
        let named = if let Plan::Record(plan) = &plan { self.names_recording(no, plan.id) } else { None };
        self.set_going(no, plan, command);
        Ok(named.map_or_else(Reply::accepted, Reply::records))
    }

    fn set_going(&mut self, no: LegNo, plan: Plan, command: CommandNo) {
        let (at, due) = match plan {
            Plan::PickUp => {
                self.leg_mut(no).into_iter().for_each(|leg| leg.picking_up = true);
                (self.in_turn(no, 300, 900), Due::PickUp(no, command))
            }
            Plan::TurnAway(end) => (self.in_turn(no, 50, 200), Due::TurnAway(no, end, command)),
            Plan::LetGo => (self.in_turn(no, 50, 200), Due::LetGo(no, command)),
            Plan::Join { with, parks } => (self.in_turn(no, 100, 250), Due::Join { leg: no, with, parks, command }),
            Plan::Play { item, stop } => (self.in_turn(no, 100, 400), Due::Play { leg: no, item, stop, command }),
            Plan::Gather(gather) => (self.in_turn(no, 100, 400), Due::Gather { leg: no, gather, command }),
            Plan::Record(plan) => (self.in_turn(no, 100, 400), Due::Record { leg: no, plan, command }),
            Plan::StopRecording(only) => {
                let tape = self.leg_mut(no).and_then(|leg| leg.tape.as_mut()).filter(|tape| tape.is_meant(only));
                tape.into_iter().for_each(|tape| tape.stops = true);
                (self.in_turn(no, 50, 150), Due::StopRecording { leg: no, only, command })
            }
            Plan::Stop(stop) => (self.in_turn(no, 50, 150), Due::StopMedia { leg: no, stop, command }),
            Plan::Nothing => return,
        };
        self.agenda.add(at, due);
    }

    fn plan_answer(&self, no: LegNo) -> Result<Plan, Refusal> {
        let leg = self.leg(no).filter(|leg| leg.incoming()).ok_or_else(|| {
            Refusal::new(422, "90102", "Call can't be answered", "Only an incoming call can be answered.")
        })?;
        if leg.state != State::Answered && !leg.picking_up {
            return Ok(Plan::PickUp);
        }
        match self.settings.switches.second_answer {
            SecondAnswer::Ok => Ok(Plan::Nothing),
            SecondAnswer::Refused => Err(Refusal::unfit("The call has been answered already.")),
        }
    }

    fn plan_bridge(&self, no: LegNo, fields: &Fields) -> Result<Plan, Refusal> {
        if fields.text("queue")?.is_some() || fields.text("video_room_id")?.is_some() {
            return Err(Refusal::unfit("The simulator has neither queues nor video rooms."));
        }
        let other = fields.need("call_control_id")?;
        let with = *self.by_control_id.get(other).ok_or_else(|| Refusal::no_such_call().of("call_control_id"))?;
        if with == no {
            return Err(Refusal::no_such_call().of("call_control_id"));
        }
        let other = self.live(with).ok_or_else(|| Refusal::ended().of("call_control_id"))?;
        let leg = self.live(no).ok_or_else(Refusal::ended)?;
        needs(self.may_be_bridged(leg) && self.may_be_bridged(other))?;
        let prevented = fields.flag("prevent_double_bridge")? == Some(true) && other.peer.is_some();
        let bridged = leg.peer.is_some() || other.peer.is_some();
        if prevented || (bridged && self.settings.switches.rebridge == Rebridge::Refused) {
            return Err(Refusal::unfit("The call is bridged already."));
        }
        Ok(Plan::Join { with, parks: fields.parks() })
    }

    /// Whether it has been answered, and long enough for a bridge.
    fn may_be_bridged(&self, leg: &Leg) -> bool {
        let settles = match self.settings.switches.bridge_after_answer {
            BridgeAfterAnswer::AtOnce => Duration::ZERO,
            BridgeAfterAnswer::Shortly => Duration::from_millis(600),
        };
        let answered = leg.answered.filter(|_| leg.state == State::Answered);
        answered.is_some_and(|answered| between(answered, self.now) >= settles)
    }

    fn plan_speak(&self, answered: bool, fields: &Fields) -> Result<Plan, Refusal> {
        let (text, _) = (fields.need("payload")?, fields.need("voice")?);
        let limit = match self.settings.switches.speak_limit {
            SpeakLimit::ThreeThousand => 3_000,
            SpeakLimit::FiveThousand => 5_000,
        };
        let length = text.chars().count();
        if length > limit {
            let detail = format!("The text may have {limit} characters.");
            return Err(Refusal::new(422, "90010", "Invalid payload length", &detail).of("payload"));
        }
        needs(answered)?;
        let once = spoken_for(text);
        let item =
            Item::Speech { text: text.to_owned(), lasts: fields.times()?.map(|times| once.saturating_mul(times)) };
        Ok(Plan::Play { item, stop: stop(fields)? })
    }

    fn plan_playback(&self, answered: bool, fields: &Fields) -> Result<Plan, Refusal> {
        let source = match (fields.text("audio_url")?, fields.text("media_name")?, fields.text("playback_content")?) {
            (Some(url), None, None) if url.starts_with("http://") || url.starts_with("https://") => {
                Source::Url(url.to_owned())
            }
            (Some(_), None, None) => return Err(Refusal::unfit("The value has to be an HTTP address.").of("audio_url")),
            (None, Some(name), None) => Source::Name(name.to_owned()),
            (None, None, Some(_)) => Source::Inline,
            (None, None, None) => {
                let detail = "One of audio_url, media_name and playback_content is required.";
                return Err(Refusal::new(422, "10004", "Missing required parameter", detail).of("audio_url"));
            }
            (_, _, _) => {
                return Err(Refusal::unfit("Only one of audio_url, media_name and playback_content is taken."));
            }
        };
        needs(answered)?;
        let lasts = fields.times()?.map(|times| self.settings.audio_length.saturating_mul(times));
        Ok(Plan::Play { item: Item::Audio { source, lasts }, stop: stop(fields)? })
    }

    fn plan_record(&mut self, no: LegNo, fields: &Fields) -> Result<Plan, Refusal> {
        let (plan, leg) = (TapePlan::read(fields, uuid(&mut self.rng))?, self.live(no).ok_or_else(Refusal::ended)?);
        if leg.state != State::Answered {
            return Err(Refusal::new(422, "90020", "Call recording too early", "There is no audio to record yet."));
        }
        match self.settings.switches.second_recording {
            SecondRecording::Refused if leg.tape.as_ref().is_some_and(|tape| !tape.stops) => {
                Err(Refusal::unfit("The call is being recorded already."))
            }
            SecondRecording::Ok | SecondRecording::Refused | SecondRecording::Replaces => Ok(Plan::Record(plan)),
        }
    }

    /// What the answer says of a recording that is asked for. One that is under way may go on in its place.
    fn names_recording(&self, no: LegNo, id: Uuid) -> Option<Uuid> {
        let switches = self.settings.switches;
        let goes_on = self.leg(no).and_then(|leg| leg.tape.as_ref());
        let goes_on = goes_on.filter(|tape| !tape.stops && switches.second_recording == SecondRecording::Ok);
        let named = switches.recording_id_in_answer == RecordingIdInAnswer::There;
        named.then(|| goes_on.map_or(id, |tape| tape.id))
    }

    fn plan_stop_recording(&self, no: LegNo, fields: &Fields) -> Result<Plan, Refusal> {
        let only = fields.text("recording_id")?.and_then(|id| Uuid::try_parse(id).ok());
        let leg = self.live(no).ok_or_else(Refusal::ended)?;
        needs(leg.state == State::Answered)?;
        // A recording that was asked for just before this has not begun yet.
        let none = !leg.tape.as_ref().is_some_and(|tape| tape.is_meant(only)) && leg.settled <= self.now;
        match self.settings.switches.stop_of_no_recording {
            StopOfNoRecording::Refused if none => Err(Refusal::unfit("The call is not being recorded.")),
            StopOfNoRecording::Refused | StopOfNoRecording::Ok => Ok(Plan::StopRecording(only)),
        }
    }

    /// When an outbound leg accepted now begins to ring.
    pub(super) fn rings_at(&mut self) -> jiff::Timestamp {
        later(self.now, self.lag(100, 300))
    }
}

fn plan_reject(fields: &Fields, waiting: bool) -> Result<Plan, Refusal> {
    fields.need("cause")?;
    let cause = fields.one_of("cause", &["CALL_REJECTED", "USER_BUSY"])?;
    if !waiting {
        return Err(Refusal::unfit("Only an incoming call that is not answered can be rejected."));
    }
    Ok(Plan::TurnAway(if cause == Some("USER_BUSY") {
        End { cause: "user_busy", source: "callee", sip: "486" }
    } else {
        End { cause: "call_rejected", source: "callee", sip: "603" }
    }))
}

/// What is heard, with the keys that are asked for.
fn gathers(plan: Plan, fields: &Fields) -> Result<Plan, Refusal> {
    if let Plan::Play { item, .. } = plan { Ok(Plan::Gather(Box::new(Gather::read(fields, item)?))) } else { Ok(plan) }
}

fn needs(answered: bool) -> Result<(), Refusal> {
    if answered { Ok(()) } else { Err(Refusal::not_answered()) }
}

fn stop(fields: &Fields) -> Result<Option<Stop>, Refusal> {
    let stop = fields.one_of("stop", &["current", "all"])?;
    Ok(stop.map(|word| if word == "all" { Stop::All } else { Stop::Current }))
}

/// How long a text takes to speak: fifteen characters a second, at least one second. Tags are not spoken.
fn spoken_for(text: &str) -> Duration {
    let mut in_tag = false;
    let spoken = text.chars().filter(|c| {
        let tag = in_tag || *c == '<';
        in_tag = tag && *c != '>';
        !tag
    });
    Duration::from_millis(u64::try_from(spoken.count()).unwrap_or(0).saturating_mul(66).max(1000))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::stage::{ANNA, BEN, SECOND, Stage, answers, script};
    use super::*;

    #[test]
    fn what_is_missing_or_wrong_is_refused_by_its_code() {
        let mut stage = Stage::new(&script());
        let a = stage.a();
        let long = "x".repeat(3001);
        let cases = [
            ("reject", json!({}), "10004"),
            ("reject", json!({"cause": "BORED"}), "10032"),
            ("speak", json!({"voice": "female"}), "10004"),
            ("speak", json!({"payload": "Hello."}), "10004"),
            ("speak", json!({"payload": long, "voice": "female"}), "90010"),
            ("speak", json!({"payload": "Hello.", "voice": "female"}), "90034"),
            ("playback_start", json!({}), "10004"),
            ("playback_start", json!({"audio_url": "file:///x"}), "10015"),
            ("playback_start", json!({"audio_url": "https://example.com/a.mp3"}), "90034"),
            ("playback_stop", json!({}), "90034"),
            ("transfer", json!({}), "10004"),
            ("transfer", json!({"to": "anna"}), "10016"),
            ("transfer", json!({"to": ANNA, "from": "nobody"}), "10016"),
            ("transfer", json!({"to": ANNA, "timeout_secs": 4}), "10033"),
            ("transfer", json!({"to": ANNA, "time_limit_secs": 14401}), "10033"),
            ("bridge", json!({}), "10004"),
            ("bridge", json!({"call_control_id": "v3:nobody"}), "90015"),
            ("answer", json!({"client_state": "no base64!"}), "90017"),
            ("answer", json!({"command_id": 7}), "10015"),
        ];
        for (action, body, code) in cases {
            assert_eq!(stage.code(&a, action, body.clone()), code, "{action} {body}");
        }
        assert_eq!(stage.story(), ["A call.initiated"], "and nothing has happened");
    }

    #[test]
    fn a_leg_that_has_ended_takes_no_command() {
        let mut stage = Stage::new(&script().patience(2 * SECOND));
        let a = stage.a();
        stage.run(3 * SECOND);
        for action in ["answer", "reject", "hangup", "bridge", "transfer", "speak", "playback_start", "playback_stop"] {
            assert_eq!(stage.code(&a, action, json!({})), "90018", "{action}");
        }
    }

    #[test]
    fn only_a_waiting_caller_is_answered_or_rejected() {
        let mut stage = Stage::new(&script().callee(ANNA, answers(1)));
        let b = stage.dial(ANNA);
        assert_eq!(stage.code(&b, "answer", json!({})), "90102");
        assert_eq!(stage.code(&b, "reject", json!({"cause": "USER_BUSY"})), "10015");
        stage.answer();
        assert_eq!(stage.code(&stage.a(), "reject", json!({"cause": "USER_BUSY"})), "10015");
        stage.ok(&stage.a(), "answer", json!({}));
        stage.run(5 * SECOND);
        let answered = stage.story().iter().filter(|line| *line == "A call.answered").count();
        assert_eq!(answered, 1, "a second answer is accepted and does nothing");

        let mut stage = Stage::switched(&script(), "second_answer=refused");
        stage.ok(&stage.a(), "answer", json!({}));
        assert_eq!(stage.code(&stage.a(), "answer", json!({})), "10015");
    }

    fn two_answered(switch: &str) -> (Stage, String, String) {
        let script = script().callee(ANNA, answers(1)).callee(BEN, answers(1));
        let mut stage = Stage::switched(&script, switch);
        stage.answer();
        let (anna, ben) = (stage.dial(ANNA), stage.dial(BEN));
        stage.run(3 * SECOND);
        stage.ok(&stage.a(), "bridge", json!({"call_control_id": anna}));
        stage.run(SECOND);
        (stage, anna, ben)
    }

    #[test]
    fn a_second_bridge_takes_the_caller_along_or_is_refused() {
        let (mut stage, anna, ben) = two_answered("rebridge=ok");
        stage.ok(&stage.a(), "bridge", json!({"call_control_id": ben}));
        stage.run(SECOND);
        assert_eq!(stage.outcome().bridged_to, [ANNA, BEN]);
        assert!(!stage.alive(&anna), "who is left alone is hung up");
        assert!(stage.alive(&ben) && stage.alive(&stage.a()));
        let prevented = json!({"call_control_id": stage.a(), "prevent_double_bridge": true});
        assert_eq!(stage.code(&ben, "bridge", prevented), "10015");

        let (mut stage, _, ben) = two_answered("rebridge=refused");
        assert_eq!(stage.code(&stage.a(), "bridge", json!({"call_control_id": ben})), "10015");
    }

    #[test]
    fn a_bridge_may_come_too_soon_after_the_answer() {
        let mut stage = Stage::switched(&script().callee(ANNA, answers(1)), "bridge_after_answer=shortly");
        stage.answer();
        let b = stage.dial(ANNA);
        stage.run_to("B call.answered");
        assert_eq!(stage.code(&stage.a(), "bridge", json!({"call_control_id": b})), "90034");
        stage.run(SECOND);
        stage.ok(&stage.a(), "bridge", json!({"call_control_id": b}));
    }

    #[test]
    fn an_answer_may_come_while_a_hangup_is_under_way() {
        let mut stage = Stage::new(&script().callee(ANNA, answers(3)));
        let b = stage.dial(ANNA);
        stage.run_to("B call.initiated");
        while stage.world.next_due().is_some_and(|due| due > stage.now.saturating_add(SECOND / 25).unwrap()) {
            stage.run(SECOND / 100);
        }
        stage.ok(&b, "hangup", json!({}));
        stage.run(SECOND);
        let expected = ["A call.initiated", "B call.initiated", "B call.answered", "B call.hangup"];
        assert_eq!(stage.story(), expected);
        assert_eq!(stage.payload("B call.hangup")["hangup_cause"], "normal_clearing");
    }

    #[test]
    fn commands_to_a_leg_take_effect_in_order() {
        let mut stage = Stage::new(&script());
        let a = stage.a();
        stage.ok(&a, "answer", json!({}));
        stage.ok(&a, "hangup", json!({}));
        stage.run(2 * SECOND);
        assert_eq!(stage.story(), ["A call.initiated", "A call.answered", "A call.hangup"]);
        let hangup = stage.payload("A call.hangup");
        assert_eq!((&hangup["hangup_cause"], &hangup["hangup_source"]), (&json!("normal_clearing"), &json!("callee")));
    }

    #[test]
    fn a_client_state_is_echoed_from_then_on() {
        let mut stage = Stage::new(&script());
        stage.ok(&stage.a(), "answer", json!({"client_state": "QQ=="}));
        stage.run_to("A call.answered");
        stage.ok(&stage.a(), "hangup", json!({}));
        stage.run(SECOND);
        assert_eq!(stage.payload("A call.answered")["client_state"], "QQ==");
        assert_eq!(stage.payload("A call.hangup")["client_state"], "QQ==");

        let mut stage = Stage::switched(&script(), "client_state_unset=missing");
        assert_eq!(stage.payload("A call.initiated").get("client_state"), None);
        stage.ok(&stage.a(), "answer", json!({"client_state": Value::Null}));
    }

    #[test]
    fn a_text_takes_as_long_as_it_is() {
        assert_eq!(spoken_for("Hello."), Duration::from_secs(1));
        assert_eq!(spoken_for(&"x".repeat(100)), Duration::from_millis(6600));
        let ssml = format!("<speak><break time=\"{}s\"/>Hello.</speak>", "1".repeat(100));
        assert_eq!(spoken_for(&ssml), Duration::from_secs(1));
    }
}
