//! A node dies with a thousand live calls; the other sends what it had left.

use std::collections::BTreeMap;
use std::thread;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;
use switchhook::sim::{Callee, Script, Side};

use crate::base::Base;
use crate::life::{Death, Life};
use crate::orders::Orders;
use crate::server::{Server, wait_for};
use crate::stage::{Settled, Stage, now};

const CALLS: u32 = 1_000;
/// Between two calls.
const CALL_EVERY: Duration = Duration::from_millis(15);
/// Every so many dial: an account may dial 25 times a second. The others are spoken to for most of a minute.
const DIAL_EVERY: u32 = 4;
/// Three commands a call, of which each node sends half: by then all have called, and none has ended.
const DIES_AT: u32 = CALLS * 3 / 2;
/// For how long a command is its node's, and nobody else sends it.
const LEASE: Duration = Duration::from_secs(8);
/// How soon after it was decided a command that the dead node had not sent is sent: a lease, and a second.
const SENT_WITHIN: Duration = Duration::from_secs(9);

/// For how long a dial is put off where Telnyx or the account bears no more.
const PATIENCE: Duration = Duration::from_secs(5);
/// How many of the calls live at the death: some end before, since what Telnyx says it does it does not always do.
const LIVE: u32 = CALLS * 95 / 100;

/// Has the calls come in and one node die, and what is left checked.
pub fn of_a_thousand(base: Base, orders: &Orders) -> String {
    let stage = Stage::new(base, orders.seed, 2);
    let one = Server::start(stage.serve(0));
    stage.is_up(now());
    let living = wait_for("the first is known", || stage.nodes_seen().into_iter().next());
    let mut serve = stage.serve(1);
    let mut other = Life::new(serve.env("SWITCHHOOK_KILL", format!("dispatch.before_send:{DIES_AT}")));
    let dead = wait_for("the second is known", || stage.nodes_seen().into_iter().find(|node| *node != living));
    for no in 0..CALLS {
        stage.phones.call(&long_call(no));
        thread::sleep(CALL_EVERY);
    }
    let Some(Death { lived, dead: died_at }) = other.ends_within(Duration::from_secs(20)) else {
        panic!("it does not come to {DIES_AT} commands\n{}", other.log())
    };
    let live = stage.phones.live();
    stage.harm(Timestamp::from_millisecond(lived).unwrap());
    let mut open: Vec<(String, String, i64)> = stage.house.base.rows(
        "select cast(id as text), cast(node as text), cast(extract(epoch from first_sent_at) * 1000 as bigint)
         from outbox where status = 'open'",
    );
    open.retain(|(_, node, _)| *node == dead);
    let Settled { told, left, .. } = stage.settle(one);
    let ledger: Value = serde_json::from_slice(&std::fs::read(left.ledger()).unwrap()).unwrap();
    let outbox = Row::all(&left.base);
    let came = first_came(&ledger);
    let mut counts: BTreeMap<&str, u32> = BTreeMap::new();
    let (mut waits, mut passed) = (Vec::new(), Vec::new());
    for (id, _, decided_at) in &open {
        let place = outbox.iter().position(|row| row.id == *id).unwrap();
        let (row, later) = (&outbox[place], &outbox[place + 1..]);
        let came_at = |row: &Row| came.get(row.id.as_str()).copied();
        let wait = |at: i64| Duration::from_millis(at.abs_diff(*decided_at));
        let what = if looks(row) {
            "look-ups"
        } else if row.kind == "notify" {
            assert_eq!(row.status, "accepted", "notice {id} was taken by nobody");
            "notices"
        } else if came_at(row).is_some_and(|at| at <= died_at || wait(at) < LEASE) {
            "sent by the dead"
        } else if row.status == "void" {
            "void"
        } else if let Some(at) = came_at(row) {
            assert_eq!(row.node, living, "{} {id} was sent after the death by somebody else", row.kind);
            waits.push(wait(at));
            "sent after"
        } else {
            // Nobody can say whether it was sent: then the call must have wanted the same of the same leg again, or, where
            // somebody was to be rung, have gone on: whoever took it over puts a dial off no longer than a caller waits.
            assert_eq!(row.status, "unknown", "{} {id} was never sent", row.kind);
            let dial = row.kind == "dial";
            let instead = |later: &&Row| if dial { !looks(later) } else { later.path == row.path };
            let mut later = later.iter().take_while(|later| later.call == row.call).filter(instead);
            let then = later.find_map(came_at).map(wait);
            let then = then.unwrap_or_else(|| panic!("{} {id} was never sent, nor anything in its place", row.kind));
            if dial {
                passed.push(then)
            } else {
                waits.push(then)
            }
            if dial { "passed over" } else { "decided anew" }
        };
        *counts.entry(what).or_default() += 1;
    }
    let longest = waits.iter().max().copied().unwrap_or_default();
    assert!(live as u32 >= LIVE, "{live} of {CALLS} calls were live, and {LIVE} are to be");
    assert!(counts.contains_key("sent after"), "nothing was left for the other to send: {counts:?}");
    assert!(passed.iter().all(|wait| *wait <= SENT_WITHIN + PATIENCE), "calls went on after {passed:?}");
    assert!(longest <= SENT_WITHIN, "a command was sent {longest:?} after it was decided");
    format!(
        "{told}\n  live {live}, left open by the dead {}: {counts:?}, {longest:?} after they were decided at most",
        open.len()
    )
}

/// A row of the outbox.
struct Row {
    id: String,
    call: String,
    node: String,
    kind: String,
    path: String,
    status: String,
}

impl Row {
    /// All of them, those of a call in their order.
    fn all(base: &Base) -> Vec<Self> {
        type Columns = (String, String, String, String, String, String);
        let rows: Vec<Columns> = base.rows(
            "select cast(id as text), cast(call as text), cast(node as text), kind, path, status
             from outbox order by call, seq",
        );
        rows.into_iter()
            .map(|(id, call, node, kind, path, status)| Self { id, call, node, kind, path, status })
            .collect()
    }
}

fn looks(row: &Row) -> bool {
    ["look", "find", "recordings"].contains(&row.kind.as_str())
}

/// A call that goes on until long after the death.
fn long_call(no: u32) -> Script {
    let line = if no.is_multiple_of(DIAL_EVERY) { "+12025550101" } else { "+12025550104" };
    Script::call("a long call", &format!("+1312555{no:04}"), line)
        .callee("+12025550111", Callee::answers(Duration::from_secs(1)))
        .callee("+12025550113", Callee::answers(Duration::from_secs(1)))
        .patience(Duration::from_secs(20))
        .talk(Duration::from_secs(50), Side::Caller)
}

/// When each command came to Telnyx for the first time.
fn first_came(ledger: &Value) -> BTreeMap<&str, i64> {
    let mut came: BTreeMap<&str, i64> = BTreeMap::new();
    for command in ledger["ledger"]["commands"].as_array().unwrap() {
        if let Some(id) = command["command_id"].as_str() {
            let at: Timestamp = command["at"].as_str().unwrap().parse().unwrap();
            came.entry(id).or_insert(at.as_millisecond());
        }
    }
    came
}
