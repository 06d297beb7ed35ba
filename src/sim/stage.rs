//! What the tests of this room play on: a world, a clock moved by hand, and a receiver that takes every webhook.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{CallNo, CallOutcome, Callee, Delivery, Reply, Script, Settings, World};

pub(super) const CALLER: &str = "+12025550142";
pub(super) const LINE: &str = "+12025550100";
pub(super) const ANNA: &str = "+12025550101";
pub(super) const BEN: &str = "+12025550102";
pub(super) const CLEO: &str = "+12025550103";

pub(super) const SECOND: Duration = Duration::from_secs(1);

pub(super) struct Stage {
    pub world: World,
    pub now: Timestamp,
    pub call: CallNo,
    /// Every webhook taken, with its attempt.
    pub seen: Vec<(Delivery, Value)>,
    /// What the receiver answers; 200 at first.
    pub answers: Option<u16>,
    commands: u32,
}

pub(super) fn script() -> Script {
    Script::call("a call", CALLER, LINE)
}

pub(super) fn answers(seconds: u64) -> Callee {
    Callee::answers(SECOND * u32::try_from(seconds).unwrap())
}

impl Stage {
    /// The caller has called and his first webhook is there.
    pub fn new(script: &Script) -> Self {
        Self::with(script, |_| {})
    }

    pub fn with(script: &Script, change: impl FnOnce(&mut Settings)) -> Self {
        let mut settings = Settings::default();
        change(&mut settings);
        let now = "2026-03-09T10:00:00Z".parse().unwrap();
        let mut world = World::new(1, settings);
        let call = world.call_in(now, script);
        let mut stage = Self { world, now, call, seen: Vec::new(), answers: Some(200), commands: 0 };
        stage.run(SECOND);
        stage
    }

    /// The stage with one switch set.
    pub fn switched(script: &Script, switch: &str) -> Self {
        Self::with(script, |settings| settings.switches.set(switch).unwrap())
    }

    /// Lets time pass.
    pub fn run(&mut self, span: Duration) {
        let until = self.now.saturating_add(span).unwrap();
        while let Some(due) = self.world.next_due().filter(|due| *due <= until) {
            self.take(due);
        }
        self.take(until);
    }

    fn take(&mut self, now: Timestamp) {
        self.now = self.now.max(now);
        for delivery in self.world.poll(now) {
            let body = serde_json::from_slice(&delivery.body).unwrap();
            self.world.delivered(delivery.id, self.answers, now);
            self.seen.push((delivery, body));
        }
    }

    /// Every webhook so far, as `A call.initiated`; legs are lettered as they appear.
    pub fn story(&self) -> Vec<String> {
        let mut legs: Vec<&Value> = Vec::new();
        self.seen
            .iter()
            .map(|(_, body)| {
                let leg = &body["data"]["payload"]["call_leg_id"];
                let no = legs.iter().position(|known| *known == leg).unwrap_or_else(|| {
                    legs.push(leg);
                    legs.len() - 1
                });
                let letter = char::from(b'A' + u8::try_from(no).unwrap());
                format!("{letter} {}", body["data"]["event_type"].as_str().unwrap())
            })
            .collect()
    }

    /// The payload of the first webhook that [`Stage::story`] calls so.
    pub fn payload(&self, line: &str) -> Value {
        let no = self.story().iter().position(|told| told == line).unwrap_or_else(|| panic!("no {line}"));
        self.seen[no].1["data"]["payload"].clone()
    }

    /// Lets time pass until this webhook is there, an hour at most.
    pub fn run_to(&mut self, line: &str) {
        for _ in 0..36_000 {
            if self.story().iter().any(|told| told == line) {
                return;
            }
            self.run(SECOND / 10);
        }
        panic!("no {line} in {:?}", self.story());
    }

    /// The caller's call_control_id.
    pub fn a(&self) -> String {
        self.world.caller(self.call).unwrap().to_owned()
    }

    pub fn ask(&mut self, method: &str, target: &str, body: &Value) -> (u16, Value) {
        let body = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
        let reply: Reply = self.world.request(self.now, method, target, &body).unwrap();
        (reply.status, serde_json::from_slice(&reply.body).unwrap())
    }

    /// A command to a leg, with an id of its own unless it has one.
    pub fn act(&mut self, leg: &str, action: &str, mut body: Value) -> (u16, Value) {
        self.commands += 1;
        if body.get("command_id").is_none() {
            body["command_id"] = format!("command {}", self.commands).into();
        }
        self.ask("POST", &format!("/v2/calls/{leg}/actions/{action}"), &body)
    }

    /// A command that has to be accepted.
    pub fn ok(&mut self, leg: &str, action: &str, body: Value) {
        let (status, answer) = self.act(leg, action, body);
        assert_eq!((status, &answer["data"]["result"]), (200, &json!("ok")), "{action}: {answer}");
    }

    /// The code a command to a leg is refused with.
    pub fn code(&mut self, leg: &str, action: &str, body: Value) -> String {
        let (_, answer) = self.act(leg, action, body);
        answer["errors"][0]["code"].as_str().unwrap_or_else(|| panic!("{action} was not refused: {answer}")).to_owned()
    }

    /// The fields of a dial of `to`, linked to the caller.
    pub fn dial_of(&mut self, to: &str) -> Value {
        self.commands += 1;
        let (id, link) = (format!("command {}", self.commands), self.a());
        let connection = self.world.settings().connection_id.clone();
        json!({"connection_id": connection, "from": LINE, "to": to, "link_to": link, "command_id": id})
    }

    /// Dials `to`, linked to the caller; its call_control_id.
    pub fn dial(&mut self, to: &str) -> String {
        let body = self.dial_of(to);
        let (status, answer) = self.ask("POST", "/v2/calls", &body);
        assert_eq!(status, 200, "{answer}");
        answer["data"]["call_control_id"].as_str().unwrap().to_owned()
    }

    /// Answers the caller.
    pub fn answer(&mut self) {
        self.ok(&self.a(), "answer", json!({}));
        self.run_to("A call.answered");
    }

    /// Whether a look-up finds the leg alive.
    pub fn alive(&mut self, leg: &str) -> bool {
        let (status, answer) = self.ask("GET", &format!("/v2/calls/{leg}"), &Value::Null);
        assert_eq!(status, 200, "{answer}");
        answer["data"]["is_alive"].as_bool().unwrap()
    }

    pub fn outcome(&self) -> CallOutcome {
        self.world.outcome(self.call).unwrap()
    }
}
