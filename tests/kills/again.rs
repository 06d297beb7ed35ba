//! Every call is decided again by its journal, and must come to the same state and the same commands, byte for byte; one
//! in a hundred by a process of its own, which is given the texts of the rules and the journal, and nothing else.

use std::io::Write as _;
use std::process::{Command, Stdio};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use switchhook::app::decide_again;
use switchhook::call::{Call, CallId, Event, replay};
use switchhook::engine::rendered;
use switchhook::routing::{Sources, load};
use switchhook::store::{OutboxRow, Store};

use crate::base::{Base, RUNTIME};
use crate::server::LINE;

/// What asks this program to decide a call again that is told on its standard input.
pub const WORD: &str = "--decide-again";
/// Every so many calls are decided again by a process of their own.
const EVERY: usize = 100;

/// What another process is given.
#[derive(Serialize, Deserialize)]
struct Told {
    call: CallId,
    /// The texts of the rules.
    rules: String,
    journal: Vec<(Timestamp, Event)>,
}

/// What it comes to.
#[derive(PartialEq, Debug, Serialize, Deserialize)]
struct Found {
    call: Call,
    commands: Vec<Sent>,
}

/// A command: its place, the version that wanted it, its id, kind, path and body.
type Sent = (u32, u64, String, String, String, Vec<u8>);

/// Decides all of them again. How many there were, and how many of them a process of its own decided.
pub fn must_come_to_the_same(base: &Base) -> (usize, usize) {
    RUNTIME.block_on(async {
        let store = base.open().await;
        let calls = store.calls(u32::MAX).await.unwrap();
        let (all, mut apart) = (calls.len(), 0);
        for (no, call) in calls.into_iter().map(|row| row.state).enumerate() {
            let texts = store.rules(&call.rules.0).await.unwrap().unwrap();
            let rules = load(&serde_json::from_str::<Sources>(&texts).unwrap()).unwrap().rules;
            let again = decide_again(store.as_ref(), call.id, &rules, LINE).await.unwrap();
            assert!(again.differs.is_empty(), "call {}: {:#?}", call.id, again.differs);
            assert_eq!(again.chapters.last().unwrap().decision.call, call, "another state");
            if no % EVERY == 0 {
                by_itself(store.as_ref(), call, texts).await;
                apart += 1;
            }
        }
        store.close().await;
        (all, apart)
    })
}

async fn by_itself(store: &dyn Store, call: Call, rules: String) {
    let (journal, commands) = (store.journal(call.id).await.unwrap(), store.outbox(call.id).await.unwrap());
    let journal = journal.into_iter().map(|row| (row.decided_at, row.event)).collect();
    let told = serde_json::to_vec(&Told { call: call.id, rules, journal }).unwrap();
    let mut child = Command::new(std::env::current_exe().unwrap());
    child.env_clear().arg(WORD).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = child.spawn().unwrap();
    child.stdin.take().unwrap().write_all(&told).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", output.status);
    let stored = Found { call, commands: commands.into_iter().map(sent).collect() };
    assert_eq!(serde_json::from_slice::<Found>(&output.stdout).unwrap(), stored, "a process of its own differs");
}

fn sent(row: OutboxRow) -> Sent {
    (row.seq, row.version, row.id.to_string(), row.kind.word().to_owned(), row.path, row.body)
}

/// Decides again what is told on the standard input, and says what it comes to.
pub fn decide() {
    let Told { call, rules, journal } = serde_json::from_reader(std::io::stdin()).unwrap();
    let rules = load(&serde_json::from_str::<Sources>(&rules).unwrap()).unwrap().rules;
    let chapters = replay(call, &rules, journal.iter().map(|(at, event)| (*at, event)));
    let wanted = chapters.iter().map(|chapter| &chapter.decision);
    let wanted = wanted.flat_map(|one| one.commands.iter().map(|command| (one.call.version, command)));
    let commands = (1..).zip(wanted).map(|(seq, (version, command))| {
        let request = rendered(command, LINE);
        let kind = command.verb.kind().word().to_owned();
        (seq, version, command.id.to_string(), kind, request.path, request.body.to_vec())
    });
    let found = Found { call: chapters.last().unwrap().decision.call.clone(), commands: commands.collect() };
    serde_json::to_writer(std::io::stdout(), &found).unwrap();
}
