//! Requests: what is asked for, what goes wrong with it, and the answer.

use jiff::Timestamp;

use super::chance::Fault;
use super::fields::Fields;
use super::ledger::{CommandEntry, CommandNo, LegNo};
use super::look::Page;
use super::moment::between;
use super::reply::{NoAnswer, Refusal, Reply};
use super::switches::{CommandUnderWay, DuplicateCommandReply, RefusedCommandId, TooManyHint};
use super::window::Windows;
use super::world::World;

/// What a request asks for.
#[derive(Debug)]
enum Ask {
    Dial,
    Act { control_id: String, verb: Verb },
    Look { control_id: String },
    Active { connection: String, page: Page },
    Application { id: String },
    Recordings { leg_id: Option<String> },
}

/// The commands to a leg.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verb {
    Answer,
    Reject,
    Hangup,
    Bridge,
    Transfer,
    Speak,
    PlaybackStart,
    PlaybackStop,
    GatherUsingSpeak,
    GatherUsingAudio,
    RecordStart,
    RecordStop,
}

impl World {
    /// Answers a request as Telnyx' REST API does. `target` is the path with its query, with or without `/v2`.
    /// The bearer token is not looked at: that is the business of whoever owns the socket.
    ///
    /// # Errors
    /// A fault was drawn that never answers.
    pub fn request(&mut self, now: Timestamp, method: &str, target: &str, body: &[u8]) -> Result<Reply, NoAnswer> {
        let first = self.ledger.commands().len();
        let reply = self.asked(now, method, target, body);
        self.ledger.came(first, target, body);
        reply
    }

    fn asked(&mut self, now: Timestamp, method: &str, target: &str, body: &[u8]) -> Result<Reply, NoAnswer> {
        self.run(now);
        let ask = Ask::read(method, target);
        let fault = self.settings.faults.one(&mut self.rng);
        if let Some(fault @ (Fault::Error | Fault::TooMany | Fault::Hang)) = fault {
            self.settings.faults.count(fault);
            let reply = match fault {
                Fault::Error => Some(self.refuse(&Refusal::server_error())),
                Fault::TooMany => Some(self.refuse(&Refusal::too_many(1))),
                Fault::Hang | Fault::ErrorDone | Fault::HangDone | Fault::Ignored => None,
            };
            self.record_undone(ask.as_ref(), body, reply.as_ref().map(|reply| reply.status));
            return reply.ok_or(NoAnswer);
        }
        let (mut reply, command) = match self.over_limit() {
            Some(secs) => {
                self.record_undone(ask.as_ref(), body, Some(429));
                (self.refuse(&Refusal::too_many(secs)), None)
            }
            None => self.answer(ask, body, fault == Some(Fault::Ignored)),
        };
        if let Some(fault @ (Fault::ErrorDone | Fault::HangDone)) = fault {
            self.settings.faults.count(fault);
            let failed = (fault == Fault::ErrorDone).then(|| self.refuse(&Refusal::server_error()));
            if let Some(no) = command {
                let status = failed.as_ref().map(|reply| reply.status);
                self.ledger.answered(no, status, None);
            }
            reply = failed.ok_or(NoAnswer)?;
        }
        reply.headers.extend(self.rate_headers());
        Ok(reply)
    }

    fn answer(&mut self, ask: Option<Ask>, body: &[u8], ignored: bool) -> (Reply, Option<CommandNo>) {
        match ask {
            None => (self.refuse(&Refusal::not_found()), None),
            Some(Ask::Look { control_id }) => {
                let looked = self.find(&control_id).and_then(|no| self.look(no).ok_or_else(Refusal::not_found));
                (looked.unwrap_or_else(|refusal| self.refuse(&refusal)), None)
            }
            Some(Ask::Active { connection, page }) => (self.active(&connection, &page), None),
            Some(Ask::Application { id }) => (self.application(&id), None),
            Some(Ask::Recordings { leg_id }) => (self.recordings(leg_id.as_deref()), None),
            Some(Ask::Dial) => self.command(None, "dial", body, ignored),
            Some(Ask::Act { control_id, verb }) => match self.find(&control_id) {
                Ok(no) => self.command(Some((no, verb)), verb.word(), body, ignored),
                Err(refusal) => {
                    self.record_undone(Some(&Ask::Act { control_id, verb }), body, Some(refusal.status));
                    (self.refuse(&refusal), None)
                }
            },
        }
    }

    /// A command: refused, ignored because its id was used, or accepted.
    fn command(
        &mut self,
        to: Option<(LegNo, Verb)>,
        verb: &'static str,
        body: &[u8],
        ignored: bool,
    ) -> (Reply, Option<CommandNo>) {
        let leg = to.map(|(no, _)| no);
        let read = Fields::read(body).and_then(|fields| Ok((fields.text("command_id")?.map(str::to_owned), fields)));
        let (id, fields) = match read {
            Ok(read) => read,
            Err(refusal) => return (self.refuse(&refusal), None),
        };
        let switches = self.settings.switches;
        let key = id.as_ref().map(|id| Windows::key(leg, id, &switches));
        let first = key.as_ref().and_then(|key| self.windows.first(key, self.now, &switches));
        let entry = CommandEntry { repeated: first.is_some(), ..CommandEntry::new(self.now, verb, leg, id) };
        let no = self.ledger.command(entry);
        if let Some(first) = first {
            let reply = match switches.duplicate_command_reply {
                DuplicateCommandReply::Same => first,
                DuplicateCommandReply::Ok => Reply::accepted(),
            };
            self.ledger.answered(no, Some(reply.status), None);
            return (reply, Some(no));
        }
        let busy = leg.and_then(|no| self.leg(no)).is_some_and(|leg| leg.live() && leg.settled > self.now);
        if busy && switches.command_under_way == CommandUnderWay::Conflict {
            let refusal = Refusal::under_way();
            self.ledger.answered(no, Some(refusal.status), Some(refusal.code.clone()));
            return (self.refuse(&refusal), Some(no));
        }
        let done = match to {
            None => self.dial(&fields, no, ignored),
            Some((leg, verb)) => self.act(leg, verb, &fields, no, ignored),
        };
        if ignored && done.is_ok() {
            self.settings.faults.count(Fault::Ignored);
            self.ledger.swallowed(no);
        }
        let code = done.as_ref().err().map(|refusal| refusal.code.clone());
        let reply = done.unwrap_or_else(|refusal| self.refuse(&refusal));
        let spent = code.is_none() || switches.refused_command_id == RefusedCommandId::Spent;
        self.ledger.answered(no, Some(reply.status), code);
        if let Some(key) = key.filter(|_| spent) {
            self.windows.open(key, self.now, reply.clone());
        }
        (reply, Some(no))
    }

    /// A command that never got as far as being read is in the ledger all the same.
    fn record_undone(&mut self, ask: Option<&Ask>, body: &[u8], status: Option<u16>) {
        let (verb, leg) = match ask {
            Some(Ask::Dial) => ("dial", None),
            Some(Ask::Act { control_id, verb }) => (verb.word(), self.by_control_id.get(control_id).copied()),
            Some(Ask::Look { .. } | Ask::Active { .. } | Ask::Application { .. } | Ask::Recordings { .. }) | None => {
                return;
            }
        };
        let command_id = Fields::read(body).ok().and_then(|fields| Some(fields.text("command_id").ok()??.to_owned()));
        self.ledger.command(CommandEntry { status, ..CommandEntry::new(self.now, verb, leg, command_id) });
    }

    pub(super) fn refuse(&self, refusal: &Refusal) -> Reply {
        Reply::refused(refusal, &self.settings.switches)
    }

    /// Counts a request; if it is one too many, the seconds until the next is taken.
    fn over_limit(&mut self) -> Option<u64> {
        let limit = self.settings.requests_per_minute?;
        if between(self.minute.0, self.now).as_secs() >= 60 {
            self.minute = (self.now, 0);
        }
        self.minute.1 = self.minute.1.saturating_add(1);
        if self.minute.1 <= limit {
            return None;
        }
        *self.limits.entry("requests").or_default() += 1;
        Some(self.minute_left())
    }

    fn minute_left(&self) -> u64 {
        60u64.saturating_sub(between(self.minute.0, self.now).as_secs())
    }

    fn rate_headers(&self) -> Vec<(&'static str, String)> {
        let silent = self.settings.switches.too_many_hint == TooManyHint::None;
        let Some(limit) = self.settings.requests_per_minute.filter(|_| !silent) else { return Vec::new() };
        vec![
            ("x-ratelimit-limit", limit.to_string()),
            ("x-ratelimit-remaining", limit.saturating_sub(self.minute.1).to_string()),
            ("x-ratelimit-reset", self.minute_left().to_string()),
        ]
    }
}

impl Ask {
    fn read(method: &str, target: &str) -> Option<Self> {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let path = path.strip_prefix("/v2").filter(|rest| rest.starts_with('/')).unwrap_or(path);
        let parts: Vec<String> = path.trim_matches('/').split('/').map(decoded).collect();
        let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
        let value =
            |name: &str| query.split('&').filter_map(|pair| pair.split_once('=')).find(|(key, _)| decoded(key) == name);
        match (method, parts.as_slice()) {
            ("POST", ["calls"]) => Some(Self::Dial),
            ("POST", ["calls", id, "actions", action]) => {
                Some(Self::Act { control_id: (*id).to_owned(), verb: Verb::read(action)? })
            }
            ("GET", ["calls", id]) => Some(Self::Look { control_id: (*id).to_owned() }),
            ("GET", ["call_control_applications", id]) => Some(Self::Application { id: (*id).to_owned() }),
            ("GET", ["recordings"]) => {
                Some(Self::Recordings { leg_id: value("filter[call_leg_id]").map(|(_, text)| decoded(text)) })
            }
            ("GET", ["connections", id, "active_calls"]) => {
                let after = value("page[after]").and_then(|(_, text)| decoded(text).strip_prefix("v1:")?.parse().ok());
                let number = |name: &str| value(name).and_then(|(_, text)| text.parse::<usize>().ok());
                let most = |name: &str| number(name).unwrap_or(20).clamp(1, 250);
                let page = Page {
                    after,
                    limit: most("page[limit]"),
                    number: number("page[number]").unwrap_or(1).max(1),
                    size: most("page[size]"),
                };
                Some(Self::Active { connection: (*id).to_owned(), page })
            }
            (_, _) => None,
        }
    }
}

impl Verb {
    const ALL: [Self; 12] = [
        Self::Answer,
        Self::Reject,
        Self::Hangup,
        Self::Bridge,
        Self::Transfer,
        Self::Speak,
        Self::PlaybackStart,
        Self::PlaybackStop,
        Self::GatherUsingSpeak,
        Self::GatherUsingAudio,
        Self::RecordStart,
        Self::RecordStop,
    ];

    fn word(self) -> &'static str {
        match self {
            Self::Answer => "answer",
            Self::Reject => "reject",
            Self::Hangup => "hangup",
            Self::Bridge => "bridge",
            Self::Transfer => "transfer",
            Self::Speak => "speak",
            Self::PlaybackStart => "playback_start",
            Self::PlaybackStop => "playback_stop",
            Self::GatherUsingSpeak => "gather_using_speak",
            Self::GatherUsingAudio => "gather_using_audio",
            Self::RecordStart => "record_start",
            Self::RecordStop => "record_stop",
        }
    }

    fn read(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|verb| verb.word() == word)
    }
}

/// A part of a path or query without its percent signs; what is no proper escape is kept.
fn decoded(part: &str) -> String {
    let bytes = part.as_bytes();
    let mut plain = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some((first, tail)) = rest.split_first() {
        let escape = tail.get(..2).filter(|_| *first == b'%').and_then(|hex| std::str::from_utf8(hex).ok());
        match escape.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(byte) => {
                plain.push(byte);
                rest = tail.get(2..).unwrap_or_default();
            }
            None => {
                plain.push(*first);
                rest = tail;
            }
        }
    }
    String::from_utf8_lossy(&plain).into_owned()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::stage::{ANNA, SECOND, Stage, answers, script};
    use super::super::{Callee, Fault, Rates};
    use super::*;

    fn dial_twice(switch: &str, apart: u32) -> (Stage, Value, Value) {
        let mut stage = Stage::switched(&script(), switch);
        let body = stage.dial_of(ANNA);
        let (_, first) = stage.ask("POST", "/v2/calls", &body);
        stage.run(SECOND * apart);
        let (_, second) = stage.ask("POST", "/v2/calls", &body);
        stage.run(SECOND);
        (stage, first, second)
    }

    #[test]
    fn a_dial_repeated_within_a_minute_rings_once() {
        let (stage, first, second) = dial_twice("duplicate_command_reply=same", 59);
        assert_eq!(first, second);
        assert_eq!(stage.outcome().rings.len(), 1);
        assert_eq!(stage.outcome().most_effects, 1);
        let commands = stage.world.ledger().commands();
        assert_eq!(commands.iter().map(|entry| entry.repeated).collect::<Vec<_>>(), [false, true]);
        let (_, _, second) = dial_twice("duplicate_command_reply=ok", 59);
        assert_eq!(second, json!({"data": {"result": "ok"}}));
    }

    #[test]
    fn a_dial_repeated_after_a_minute_rings_again() {
        let (stage, first, second) = dial_twice("duplicate_command_reply=same", 61);
        assert_ne!(first["data"]["call_control_id"], second["data"]["call_control_id"]);
        assert_eq!(stage.outcome().rings.len(), 2);
        assert_eq!(stage.outcome().most_effects, 2);
        assert_eq!(stage.world.ledger().doubled().len(), 1);
    }

    #[test]
    fn the_window_counts_from_the_first_use_and_is_per_leg() {
        let mut stage = Stage::new(&script().callee(ANNA, answers(1)));
        stage.answer();
        let (a, b) = (stage.a(), stage.dial(ANNA));
        stage.run_to("B call.answered");
        let speak = json!({"payload": "Hello.", "voice": "female", "command_id": "one id"});
        for pause in [30, 29, 2] {
            stage.ok(&a, "speak", speak.clone());
            stage.run(SECOND * pause);
        }
        assert_eq!(stage.world.ledger().effects("one id"), 1);
        stage.ok(&a, "speak", speak.clone());
        stage.ok(&b, "speak", speak);
        stage.run(SECOND);
        assert_eq!(stage.world.ledger().effects("one id"), 3, "again for A, and for B its own");
    }

    #[test]
    fn how_long_an_id_is_remembered_is_a_switch() {
        for (switch, apart, effects) in [
            ("command_window=minute", 40, 2),
            ("command_window=ever", 40, 1),
            ("window_from=first", 40, 2),
            ("window_from=last", 40, 1),
            ("window_from=last", 61, 3),
        ] {
            let mut stage = Stage::switched(&script(), switch);
            let body = stage.dial_of(ANNA);
            for _ in 0..3 {
                stage.ask("POST", "/v2/calls", &body);
                stage.run(SECOND * apart);
            }
            assert_eq!(stage.outcome().most_effects, effects, "{switch}");
        }
        for (switch, rings) in [("window_scope=leg", 1), ("window_scope=account", 0)] {
            let mut stage = Stage::switched(&script(), switch);
            stage.ok(&stage.a(), "answer", json!({"command_id": "one id"}));
            let mut body = stage.dial_of(ANNA);
            body["command_id"] = "one id".into();
            stage.ask("POST", "/v2/calls", &body);
            stage.run(SECOND);
            assert_eq!(stage.outcome().rings.len(), rings, "{switch}");
        }
    }

    #[test]
    fn a_second_command_to_a_leg_waits_or_meets_a_conflict() {
        for (switch, status) in [("queues", 200), ("conflict", 409)] {
            let mut stage = Stage::switched(&script(), &format!("command_under_way={switch}"));
            stage.ok(&stage.a(), "answer", json!({}));
            let hangup = json!({"command_id": "a hangup"});
            assert_eq!(stage.act(&stage.a(), "hangup", hangup.clone()).0, status, "{switch}");
            stage.run(SECOND);
            if status == 409 {
                assert!(stage.alive(&stage.a()), "nothing was done");
                stage.ok(&stage.a(), "hangup", hangup);
                stage.run(SECOND);
            }
            assert!(!stage.alive(&stage.a()), "and the id was not spent");
        }
    }

    #[test]
    fn the_id_of_a_refused_command_may_be_spent() {
        for (switch, expected) in [("spent", "90034"), ("free", "")] {
            let mut stage = Stage::switched(&script(), &format!("refused_command_id={switch}"));
            let speak = json!({"payload": "Hello.", "voice": "female", "command_id": "one id"});
            assert_eq!(stage.code(&stage.a(), "speak", speak.clone()), "90034");
            stage.answer();
            let (_, answer) = stage.act(&stage.a(), "speak", speak);
            assert_eq!(answer["errors"][0]["code"].as_str().unwrap_or_default(), expected, "{switch}");
        }
    }

    fn faulty(fault: Fault) -> Stage {
        let script = script().callee(ANNA, Callee::RingsOut);
        Stage::with(&script, |settings| settings.faults = Rates::default().with(fault, 1.0))
    }

    #[test]
    fn each_fault_does_or_does_not_what_it_says() {
        let expected = [
            (Fault::Error, Some(500), 0),
            (Fault::ErrorDone, Some(500), 1),
            (Fault::TooMany, Some(429), 0),
            (Fault::Hang, None, 0),
            (Fault::HangDone, None, 1),
            (Fault::Ignored, Some(200), 0),
        ];
        for (fault, status, rings) in expected {
            let mut stage = faulty(fault);
            let body = stage.dial_of(ANNA).to_string();
            let reply = stage.world.request(stage.now, "POST", "/v2/calls", body.as_bytes());
            assert_eq!(reply.as_ref().ok().map(|reply| reply.status), status, "{fault:?}");
            stage.run(SECOND);
            assert_eq!(stage.outcome().rings.len(), rings, "{fault:?}");
            assert_eq!(stage.world.counts()[&format!("fault.{}", super::super::Chance::word(fault))], 1);
            let entry = &stage.world.ledger().commands()[0];
            assert_eq!((entry.status, entry.took_effect.is_some()), (status, rings == 1), "{fault:?}");
        }
    }

    #[test]
    fn what_was_done_without_an_answer_is_not_done_again() {
        let mut stage = faulty(Fault::HangDone);
        let body = stage.dial_of(ANNA);
        assert_eq!(stage.world.request(stage.now, "POST", "/v2/calls", body.to_string().as_bytes()), Err(NoAnswer));
        stage.world.calm();
        let (status, answer) = stage.ask("POST", "/v2/calls", &body);
        assert_eq!(status, 200);
        stage.run(SECOND);
        let told = stage.payload("B call.initiated");
        assert_eq!(told["call_control_id"], answer["data"]["call_control_id"]);
        assert_eq!(stage.outcome().rings.len(), 1);
    }

    #[test]
    fn an_ignored_dial_gives_a_leg_that_never_lives() {
        let mut stage = faulty(Fault::Ignored);
        let b = stage.dial(ANNA);
        stage.world.calm();
        stage.run(60 * SECOND);
        assert_eq!(stage.story(), ["A call.initiated"]);
        assert!(!stage.alive(&b));
        assert_eq!(stage.code(&b, "hangup", json!({})), "90018");
    }

    #[test]
    fn too_many_requests_are_told_by_headers_and_refused() {
        let mut stage = Stage::with(&script(), |settings| settings.requests_per_minute = Some(2));
        let target = format!("/v2/calls/{}", stage.a());
        let mut statuses = Vec::new();
        for _ in 0..3 {
            let reply = stage.world.request(stage.now, "GET", &target, b"").unwrap();
            let header = |name| reply.headers.iter().find(|(key, _)| *key == name).map(|(_, value)| value.clone());
            statuses.push((reply.status, header("x-ratelimit-remaining").unwrap(), header("retry-after")));
        }
        let (ok, none) = (|left: &str| (200, left.to_owned(), None), "0".to_owned());
        assert_eq!(statuses, [ok("1"), ok("0"), (429, none, Some("60".to_owned()))]);
        stage.run(60 * SECOND);
        assert_eq!(stage.ask("GET", &target, &Value::Null).0, 200);
    }

    #[test]
    fn what_is_said_of_waiting_is_a_switch() {
        for (switch, limit, told) in [
            ("retry_after", None, vec!["retry-after"]),
            ("reset", None, vec!["x-ratelimit-reset"]),
            ("none", None, vec![]),
            ("none", Some(0), vec![]),
        ] {
            let mut stage = Stage::with(&script(), |settings| {
                settings.switches.set(&format!("too_many_hint={switch}")).unwrap();
                settings.requests_per_minute = limit;
                settings.faults = Rates::default().with(Fault::TooMany, 1.0);
            });
            let reply = stage.world.request(stage.now, "GET", "/v2/calls/x", b"").unwrap();
            let names: Vec<_> = reply.headers.iter().map(|(name, _)| *name).collect();
            assert_eq!((reply.status, names), (429, told), "{switch}");
        }
    }

    #[test]
    fn only_what_telnyx_has_is_there() {
        let mut stage = Stage::new(&script());
        let a = stage.a();
        let escaped = a.replace(':', "%3A");
        assert_eq!(stage.ask("GET", &format!("/calls/{escaped}"), &Value::Null).0, 200);
        for (method, target) in [
            ("POST", format!("/v2/calls/{a}/actions/fly")),
            ("GET", format!("/v2/calls/{a}/actions/answer")),
            ("PUT", "/v2/calls".to_owned()),
            ("GET", "/".to_owned()),
            ("GET", "/v2/calls/%zz%".to_owned()),
            ("POST", "/v2x/calls".to_owned()),
        ] {
            let (status, answer) = stage.ask(method, &target, &Value::Null);
            assert_eq!((status, &answer["errors"][0]["code"]), (404, &json!("10005")), "{method} {target}");
        }
        let reply = stage.world.request(stage.now, "POST", "/v2/calls", b"{").unwrap();
        assert_eq!(reply.status, 400);
    }
}
