//! A node dies with a thousand live calls; the other sends what it had left.

use std::collections::BTreeMap;
use std::thread;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;
use switchhook::sim::{Callee, Script, Side};

use crate::base::{Base, RUNTIME};
use crate::life::Life;
use crate::nodes::in_turn;
use crate::orders::Orders;
use crate::server::Server;
use crate::stage::{Stage, free_address};

const CALLS: u32 = 1_000;
/// Between two calls.
const CALL_EVERY: Duration = Duration::from_millis(15);
/// A call takes three commands, and each node sends half of them.
const DIES_AT: u32 = CALLS * 3 / 2 * 9 / 10;
/// How soon after it was decided a command is sent for the first time, whoever dies: a lease, and a second.
const SENT_WITHIN: Duration = Duration::from_secs(9);

/// Has the calls come in and one node die, and what is left checked.
pub fn of_a_thousand(base: Base, orders: &Orders) -> String {
    let stage = Stage::new(base, orders.seed);
    let nodes = [free_address(), free_address()];
    RUNTIME.block_on(in_turn(stage.address, nodes));
    let one = Server::start(stage.serve(nodes[0]));
    let mut serve = stage.serve(nodes[1]);
    let mut other = Life::new(serve.env("SWITCHHOOK_KILL", format!("dispatch.before_send:{DIES_AT}")));
    for no in 0..CALLS {
        stage.phones.call(&long_talk(no));
        thread::sleep(CALL_EVERY);
    }
    assert!(other.ends_within(Duration::from_secs(20)), "it does not come to {DIES_AT} commands\n{}", other.log());
    let live = stage.phones.live();
    let decided: Vec<(String, i64)> = stage.house.base.rows(
        "select cast(id as text), cast(extract(epoch from first_sent_at) * 1000 as bigint) from outbox
         where status = 'open'",
    );
    let open = decided.len();
    let (told, ledger) = stage.settle_and_tell(one);
    let waits = waits(&ledger, decided);
    let longest = waits.iter().max().copied().unwrap_or_default();
    assert!(live as u32 > CALLS * 8 / 10, "only {live} calls were live");
    assert!(open > 0, "nothing was left to be taken over");
    assert!(longest <= SENT_WITHIN, "a command was sent {longest:?} after it was decided");
    format!("{told}\n  live {live}, open at the death {open}, sent after {longest:?} at most")
}

/// A call that goes on until long after the death.
fn long_talk(no: u32) -> Script {
    Script::call("a long talk", &format!("+1312555{no:04}"), "+12025550101")
        .callee("+12025550111", Callee::answers(Duration::from_secs(1)))
        .patience(Duration::from_secs(20))
        .talk(Duration::from_secs(20), Side::Caller)
}

/// How long after each command was decided it came to Telnyx for the first time.
fn waits(ledger: &Value, decided: Vec<(String, i64)>) -> Vec<Duration> {
    let mut came: BTreeMap<&str, Timestamp> = BTreeMap::new();
    for command in ledger["ledger"]["commands"].as_array().unwrap() {
        if let Some(id) = command["command_id"].as_str() {
            came.entry(id).or_insert_with(|| command["at"].as_str().unwrap().parse().unwrap());
        }
    }
    decided
        .iter()
        .filter_map(|(id, at)| Some(came.get(id.as_str())?.as_millisecond() - at))
        .map(|wait| Duration::from_millis(wait.max(0).unsigned_abs()))
        .collect()
}
