//! What a run leaves behind, and the program that looks at it; which is shown to see whatever is altered.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use jiff::Timestamp;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::base::Base;

/// What a run leaves behind.
pub struct Left {
    /// The client's log, the ledger, and what was told to others.
    pub folder: TempDir,
    pub base: Base,
    /// When the last harm was over.
    pub calm_since: Option<Timestamp>,
}

impl Left {
    pub fn client(&self) -> PathBuf {
        self.folder.path().join("client.jsonl")
    }

    pub fn ledger(&self) -> PathBuf {
        self.folder.path().join("ledger.json")
    }

    pub fn notices(&self) -> PathBuf {
        self.folder.path().join("notices.jsonl")
    }

    /// Has it looked at, and says what was counted. What is found broken stays, to be looked at by hand.
    pub fn must_be_whole(self, ended_within_secs: u64) -> (Self, String) {
        let (check, Output { status, stdout, stderr }) = self.check(ended_within_secs);
        let said = String::from_utf8_lossy(&stdout).trim_end().to_owned();
        if !status.success() {
            let why = String::from_utf8_lossy(&stderr).into_owned();
            std::mem::forget(self);
            panic!("{status}\n{said}\n{why}\nall of it is kept; once more: {check:?}");
        }
        (self, said)
    }

    fn check(&self, ended_within_secs: u64) -> (Command, Output) {
        let mut check = Command::new(env!("CARGO_BIN_EXE_switchhook-check"));
        check.arg("--client").arg(self.client()).arg("--ledger").arg(self.ledger());
        check.arg("--notices").arg(self.notices());
        check.args(["--database", &self.base.url(), "--ended-within", &ended_within_secs.to_string()]);
        check.args(self.calm_since.iter().flat_map(|since| ["--calm-since".to_owned(), since.to_string()]));
        let output = check.output().unwrap();
        (check, output)
    }

    /// Alters a copy of it in one way after another: each must be found. How many there were.
    pub fn every_harm_is_found(&self) -> usize {
        for (no, (breach, harm)) in HARMS.into_iter().enumerate() {
            let copy = Self { folder: tempfile::tempdir().unwrap(), base: Base::sqlite(), calm_since: None };
            std::fs::copy(self.base.file().unwrap(), copy.base.file().unwrap()).unwrap();
            std::fs::copy(self.client(), copy.client()).unwrap();
            std::fs::copy(self.ledger(), copy.ledger()).unwrap();
            std::fs::copy(self.notices(), copy.notices()).unwrap();
            match harm {
                Harm::Rows(statement) => copy.base.run(statement),
                Harm::Log(harm) => in_lines(&copy.client(), |lines| harm(lines)),
                Harm::Notices(harm) => in_lines(&copy.notices(), harm),
                Harm::Unheard(statement) => {
                    copy.base.run(statement);
                    in_lines(&copy.notices(), Vec::clear);
                }
                Harm::Ledger(harm) => {
                    let mut told: Value = serde_json::from_slice(&std::fs::read(copy.ledger()).unwrap()).unwrap();
                    harm(&mut told["ledger"]);
                    std::fs::write(copy.ledger(), told.to_string()).unwrap();
                }
            }
            let (_, Output { status, stdout, .. }) = copy.check(60);
            let said = String::from_utf8_lossy(&stdout);
            assert!(status.code() == Some(1) && said.contains(breach), "harm {no} is not found: {breach}\n{said}");
        }
        HARMS.len()
    }
}

/// A harm done to what is left.
enum Harm {
    Rows(&'static str),
    Log(fn(&mut [Value])),
    Ledger(fn(&mut Value)),
    Notices(fn(&mut Vec<Value>)),
    /// Nobody was told anything, and these rows.
    Unheard(&'static str),
}

/// Alters a file of a line of JSON each.
fn in_lines(file: &Path, harm: impl FnOnce(&mut Vec<Value>)) {
    let text = std::fs::read_to_string(file).unwrap();
    let mut lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    harm(&mut lines);
    let lines: Vec<String> = lines.iter().map(Value::to_string).collect();
    std::fs::write(file, lines.join("\n")).unwrap();
}

/// An event is kept again, under another session.
const TWICE: &str = "insert into journal (stream, event, call, version, decided_at, digest, what, remarks, raw)
    select stream || 'x', event, call, version + 1000, decided_at, digest, what, remarks, raw
    from journal where length(raw) > 0 limit 1";
/// No call knows which number was called, and none told anybody.
const UNKNOWN: &str = "delete from outbox where kind = 'notify'; update calls set state = json_remove(state, '$.to')";
/// What is to be found, and the harm.
const HARMS: [(&str, Harm); 23] = [
    (
        "I1: event",
        Harm::Rows("delete from journal where event = (select event from journal where length(raw) > 0 limit 1)"),
    ),
    ("with other bytes", Harm::Rows("update journal set raw = cast(raw || x'20' as blob) where length(raw) > 0")),
    ("is kept 2 times", Harm::Rows(TWICE)),
    ("I2: event", Harm::Log(turned_away)),
    ("I16: event", Harm::Log(never_sent)),
    ("took effect 2 times", Harm::Ledger(doubled)),
    ("sent otherwise", Harm::Rows("update outbox set body = cast(body || x'20' as blob) where kind = 'dial'")),
    ("sent otherwise", Harm::Rows("update outbox set path = path || 'x' where kind = 'answer'")),
    (
        "out of nowhere",
        Harm::Rows(
            "delete from outbox where id = (select id from outbox where kind = 'dial' and status = 'accepted' limit 1)",
        ),
    ),
    ("was accepted and took no effect", Harm::Ledger(undone)),
    (
        "I6: call",
        Harm::Rows("update calls set phase = 'ringing', wake_at = null where id = (select id from calls limit 1)"),
    ),
    (
        "I16: notice",
        Harm::Rows("update outbox set id = 'another' where id = (select id from outbox where kind = 'notify' limit 1)"),
    ),
    ("messages of call", Harm::Notices(messages_of_nobody)),
    ("under 2 ids", Harm::Notices(another_id)),
    ("a notice is known as", Harm::Notices(|lines| no_recording(lines))),
    ("nobody was told at", Harm::Notices(nobody_is_missed)),
    ("was not, or is nobody's", Harm::Notices(|lines| elsewhere(lines))),
    ("under 1 ids", Harm::Rows("update journal set remarks = '[]' where remarks like '%message_left%'")),
    ("a recording of call", Harm::Rows("update journal set remarks = '[]' where remarks like '%message_left%'")),
    // As a call whose end came before its beginning, and which never learns who called whom.
    ("nobody was told at", Harm::Unheard(UNKNOWN)),
    ("after its caller was gone", Harm::Ledger(long_gone)),
    ("I16: leg", Harm::Rows("delete from legs where call = (select call from legs limit 1)")),
    ("I16: command", Harm::Rows("update outbox set status = 'open' where id = (select id from outbox limit 1)")),
];

fn acknowledged(lines: &mut [Value]) -> impl Iterator<Item = &mut Value> {
    lines.iter_mut().filter(|line| line["status"] == 200)
}

fn turned_away(lines: &mut [Value]) {
    acknowledged(lines).next().unwrap()["status"] = json!(401);
}

fn never_sent(lines: &mut [Value]) {
    let event = acknowledged(lines).next().unwrap()["event"].clone();
    lines.iter_mut().filter(|line| line["event"] == event).for_each(|line| line["event"] = json!("another"));
}

fn doubled(ledger: &mut Value) {
    *ledger["effects"].as_object_mut().unwrap().values_mut().next().unwrap() = json!(2);
}

/// A dial did nothing, and a leg of its session ended soon after: that is no excuse.
fn undone(ledger: &mut Value) {
    let at = |value: &Value| value["at"].as_str().unwrap().parse::<jiff::Timestamp>().unwrap();
    let entries = ledger["entries"].as_array().unwrap().iter();
    let ends: Vec<_> = entries.filter(|entry| entry["what"].get("hung_up").is_some()).cloned().collect();
    let soon = |sent: &Value| {
        ends.iter().any(|end| end["leg"] == sent["leg"] && at(end).duration_since(at(sent)).as_secs() < 4)
    };
    let mut dials = ledger["commands"].as_array_mut().unwrap().iter_mut();
    let dial = dials.find(|sent| sent["verb"] == "dial" && sent["status"] == 200 && soon(sent)).unwrap();
    (dial["took_effect"], dial["swallowed"]) = (Value::Null, json!(false));
}

/// Everything ended long before.
fn long_gone(ledger: &mut Value) {
    let entries = ledger["entries"].as_array_mut().unwrap().iter_mut();
    entries.filter(|entry| entry["what"].get("hung_up").is_some()).for_each(|entry| {
        entry["at"] = json!("2020-01-01T00:00:00Z");
    });
}

fn of_kind<'v>(lines: &'v mut [Value], kind: &'static str) -> impl Iterator<Item = &'v mut Value> {
    lines.iter_mut().filter(move |line| line["body"]["type"] == kind)
}

/// Who is told that a call was missed is told that a message was left in it as well.
fn messages_of_nobody(lines: &mut Vec<Value>) {
    let mut more = of_kind(lines, "call.missed").next().unwrap().clone();
    more["body"]["type"] = json!("call.voicemail");
    more["body"]["recording"] = json!({ "url": "https://example.com/a.mp3" });
    lines.push(more);
}

fn another_id(lines: &mut Vec<Value>) {
    let mut again = of_kind(lines, "call.voicemail").next().unwrap().clone();
    (again["key"], again["body"]["id"]) = (json!("another"), json!("another"));
    lines.push(again);
}

fn no_recording(lines: &mut [Value]) {
    of_kind(lines, "call.voicemail").next().unwrap()["body"]["recording"] = Value::Null;
}

fn nobody_is_missed(lines: &mut Vec<Value>) {
    lines.retain(|line| line["body"]["type"] != "call.missed");
}

/// Who is to be told by the mailbox alone is told of what is missed on another line.
fn elsewhere(lines: &mut [Value]) {
    let line = of_kind(lines, "call.missed").find(|line| line["body"]["to"] == "+12025550100").unwrap();
    line["at"] = json!("/secret?key=canary&for=mailbox");
}
