//! A node dies with a thousand live calls; the other sends what it had left.

use std::collections::BTreeMap;
use std::thread;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;
use switchhook::sim::{Callee, Script, Side};

use crate::base::{Base, Sent};
use crate::life::Life;
use crate::orders::Orders;
use crate::server::Server;
use crate::stage::{Settled, Stage};

const CALLS: u32 = 1_000;
/// Between two calls.
const CALL_EVERY: Duration = Duration::from_millis(15);
/// Every so many dial: an account may dial 25 times a second. The others are spoken to for most of a minute.
const DIAL_EVERY: u32 = 4;
/// Three commands a call, of which each node sends half: by then all have called, and none has ended.
const DIES_AT: u32 = CALLS * 3 / 2;
/// How soon after it was decided a command is sent for the first time, whoever dies: a lease, and a second.
const SENT_WITHIN: Duration = Duration::from_secs(9);

/// Has the calls come in and one node die, and what is left checked.
pub fn of_a_thousand(base: Base, orders: &Orders) -> String {
    let stage = Stage::new(base, orders.seed, 2);
    let one = Server::start(stage.serve(0));
    let mut serve = stage.serve(1);
    let mut other = Life::new(serve.env("SWITCHHOOK_KILL", format!("dispatch.before_send:{DIES_AT}")));
    for no in 0..CALLS {
        stage.phones.call(&long_call(no));
        thread::sleep(CALL_EVERY);
    }
    assert!(other.ends_within(Duration::from_secs(20)), "it does not come to {DIES_AT} commands\n{}", other.log());
    let live = stage.phones.live();
    let open: Vec<(String, i64)> = stage.house.base.rows(
        "select cast(id as text), cast(extract(epoch from first_sent_at) * 1000 as bigint) from outbox
         where status = 'open'",
    );
    let Settled { told, left, .. } = stage.settle(one);
    let ledger: Value = serde_json::from_slice(&std::fs::read(left.ledger()).unwrap()).unwrap();
    let outbox = left.base.outbox();
    let came = first_came(&ledger);
    let (mut waits, mut void, mut looks, mut anew) = (Vec::new(), 0, 0, 0);
    for (id, decided_at) in &open {
        let place = outbox.iter().position(|row| row.id == *id).unwrap();
        let (row, later) = (&outbox[place], &outbox[place + 1..]);
        let wait = |row: &Sent| {
            Some(Duration::from_millis(came.get(row.id.as_str())?.saturating_sub(decided_at.unsigned_abs())))
        };
        if row.kind == "look" || row.kind == "find" {
            looks += 1;
        } else if row.status == "void" {
            void += 1;
        } else if let Some(wait) = wait(row) {
            waits.push(wait);
        } else {
            // Nobody can say whether it was sent: then the call must have wanted the same of the same leg again.
            assert!(row.status == "unknown" && row.kind != "dial", "{} {id} was never sent: {}", row.kind, row.status);
            let again = later.iter().filter(|later| later.path == row.path).find_map(wait);
            waits.push(again.unwrap_or_else(|| panic!("{} {id} was never sent, nor one in its place", row.kind)));
            anew += 1;
        }
    }
    let longest = waits.iter().max().copied().unwrap_or_default();
    assert!(live as u32 > CALLS * 8 / 10, "only {live} calls were live");
    assert!(!waits.is_empty(), "nothing was left to be taken over");
    assert!(longest <= SENT_WITHIN, "a command was sent {longest:?} after it was decided");
    format!(
        "{told}\n  live {live}, open at the death {}: sent {} after {longest:?} at most, {anew} of them decided anew; void {void}, looks {looks}",
        open.len(),
        waits.len()
    )
}

/// A call that goes on until long after the death.
fn long_call(no: u32) -> Script {
    let line = if no.is_multiple_of(DIAL_EVERY) { "+12025550101" } else { "+12025550104" };
    Script::call("a long call", &format!("+1312555{no:04}"), line)
        .callee("+12025550111", Callee::answers(Duration::from_secs(1)))
        .patience(Duration::from_secs(20))
        .talk(Duration::from_secs(50), Side::Caller)
}

/// When each command came to Telnyx for the first time.
fn first_came(ledger: &Value) -> BTreeMap<&str, u64> {
    let mut came: BTreeMap<&str, u64> = BTreeMap::new();
    for command in ledger["ledger"]["commands"].as_array().unwrap() {
        if let Some(id) = command["command_id"].as_str() {
            let at: Timestamp = command["at"].as_str().unwrap().parse().unwrap();
            came.entry(id).or_insert(at.as_millisecond().unsigned_abs());
        }
    }
    came
}
