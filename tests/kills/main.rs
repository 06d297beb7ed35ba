//! Servers that are killed, under calls, at every named place and at any moment; then one that is not, and a look at
//! what is left. Two nodes on one PostgreSQL, of which one stands still for a while and the other dies; or dies with a
//! thousand live calls. A PostgreSQL that is stopped, crashes, is slow and is cut off; a disk that is full; a Telnyx that
//! refuses, hangs and has had too many; other rules ten times a second; a flood at the door.
//!
//!     cargo test --features kill_points --test kills -- --kills 200 --seed 7 --only sqlite
//!
//! Every named place is gone through once, and on top of that there are `--kills` kills at random moments on each
//! database (`SWITCHHOOK_KILLS`; 20 unless said). A place that is never reached fails the run, and so does a death that cuts
//! nothing off. The runs are `sqlite`, `postgres`, `nodes`, `reload`, `outage`, `disk`, `telnyx`, `takeover`, `shed`
//! and `flood`; they go on side by side (`turn.rs`).
//!
//! In the end every call is decided again by its journal, one in a hundred by another process (`again.rs`); no caller may
//! have been left in silence (`silence.rs`); and what is left is looked at by a program of its own, `switchhook-check` (`checker/`): it reads the log of whoever posted
//! the webhooks, the simulator's ledger and the database. What breaks a run stays there, to be looked at by hand.

#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod again;
#[expect(dead_code, unused_imports, unused_macros, reason = "shared with another test")]
#[path = "../house/base.rs"]
mod base;
mod callers;
mod cluster;
mod disk;
mod flood;
mod hardship;
mod killer;
mod left;
mod life;
mod nodes;
mod orders;
mod outage;
#[expect(dead_code, reason = "shared with another test")]
#[path = "../house/post.rs"]
mod post;
mod postman;
#[path = "../house/receiver.rs"]
mod receiver;
mod reload;
#[expect(dead_code, reason = "shared with another test")]
#[path = "../house/server.rs"]
mod server;
mod shed;
mod silence;
mod stage;
#[expect(dead_code, reason = "shared with another test")]
#[path = "../house/stub.rs"]
mod stub;
mod takeover;
mod telnyx;
mod turn;

use std::thread;

use base::Base;
use orders::Orders;

/// Goes through it, and says what was counted. None: it is left out.
type Run = fn(&Orders) -> Option<String>;

/// The longest first; those that want the machine for themselves last, while the others wait for the end of their calls.
const RUNS: [(&str, Run); 10] = [
    ("sqlite", |orders| Some(killer::kill(Base::sqlite(), orders))),
    ("postgres", |orders| Some(killer::kill(Base::postgres()?, orders))),
    ("nodes", |orders| Some(nodes::pause_and_kill(Base::postgres()?, orders))),
    ("reload", |orders| Some(reload::under_calls(orders))),
    ("outage", outage::come_and_go),
    ("disk", disk::is_full),
    ("telnyx", |orders| Some(telnyx::does_not_do_its_part(Base::sqlite(), orders))),
    ("takeover", |orders| Some(takeover::of_a_thousand(Base::postgres()?, orders))),
    ("shed", |orders| Some(shed::new_calls_first(Base::postgres()?, orders))),
    ("flood", |orders| Some(flood::at_the_door(Base::sqlite(), orders))),
];
/// Those that tell by the second who waited for what under a load of their own.
const ALONE: [&str; 3] = ["takeover", "shed", "flood"];

fn main() {
    if std::env::args().any(|arg| arg == again::WORD) {
        return again::decide();
    }
    let Some(orders) = Orders::read(std::env::args().skip(1)) else { return };
    println!("kills: {orders:?}");
    let go = |name: &str, run: Run| {
        let (told, took) = server::timed(|| run(&orders));
        if let Some(told) = told {
            println!("{name} ({} s): {told}", took.as_secs());
        }
    };
    let go = &go;
    thread::scope(|scope| {
        let wanted = RUNS.into_iter().filter(|(name, ..)| orders.wants(name));
        let begun = wanted.map(|(name, run)| (name, turn::begin(scope, ALONE.contains(&name), move || go(name, run))));
        let ends: Vec<_> = begun.collect::<Vec<_>>().into_iter().map(|(name, run)| (name, run.join())).collect();
        let failed: Vec<&str> = ends.iter().filter(|(_, end)| end.is_err()).map(|(name, _)| *name).collect();
        assert!(failed.is_empty(), "seed {}: {failed:?} failed", orders.seed);
    });
}
