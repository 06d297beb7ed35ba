//! Telnyx refuses every command, hangs, or has had too many, for a while and under calls: whoever is hung up on has
//! talked with somebody or heard a word, and all of it is put right when Telnyx is back.

use std::collections::BTreeMap;

use switchhook::sim::{End, Fault};

use crate::base::Base;
use crate::orders::Orders;
use crate::server::{Server, wait_for};
use crate::stage::{Stage, now};

/// How many commands must meet a fault before it ends.
const SOME: u64 = 25;
/// What is wrong, and how often it is at other times.
const FAULTS: [(Fault, &str, f64); 3] =
    [(Fault::Error, "fault.error", 0.02), (Fault::Hang, "fault.hang", 0.02), (Fault::TooMany, "fault.too_many", 0.01)];

/// Has the server go through it, and what is left checked.
pub fn does_not_do_its_part(base: Base, orders: &Orders) -> String {
    let stage = Stage::busy(base, orders.seed, 1);
    let world = stage.phones.world.clone();
    // Who says that he speaks, and does not, is another matter.
    world.lock().unwrap().trouble(Fault::Ignored, 0.0);
    let server = Server::start(stage.serve(0));
    stage.is_up(now());
    for (fault, name, rate) in FAULTS {
        let taken = || world.lock().unwrap().ledger().commands().iter().filter(|sent| sent.status == Some(200)).count();
        let before = taken();
        wait_for("commands are taken", || (taken() >= before + 25).then_some(()));
        let met = || world.lock().unwrap().counts()[name];
        let before = met();
        let since = now();
        world.lock().unwrap().trouble(fault, 1.0);
        wait_for(name, || (met() >= before + SOME).then_some(()));
        world.lock().unwrap().trouble(fault, rate);
        stage.harm(since);
    }
    let settled = stage.settle(server);
    let mut ends: BTreeMap<&str, usize> = BTreeMap::new();
    for call in &settled.calls {
        let word = match call.end {
            Some(End::GaveUp) => "gave up",
            Some(End::CallerLeft | End::CalleeLeft) => "talked",
            Some(End::HungUp) if call.heard.is_empty() && call.bridged_to.is_empty() => "hung up in silence",
            Some(End::HungUp) => "hung up after a word",
            Some(End::Limit) => "cut off by a limit",
            Some(End::Rejected(_)) => "turned away",
            None => "still there",
        };
        *ends.entry(word).or_default() += 1;
    }
    for bad in ["hung up in silence", "cut off by a limit", "still there"] {
        assert!(!ends.contains_key(bad), "seed {}: {ends:?}", orders.seed);
    }
    format!("{}\n  callers {ends:?}", settled.told)
}
