//! Servers that are killed, under calls, at every named place and at any moment; then one that is not, and a look at
//! what is left. Two nodes on one PostgreSQL, of which one stands still for a while and the other dies; or dies with a
//! thousand live calls. A PostgreSQL that is stopped, crashes, is slow and is cut off; a disk that is full; a Telnyx that
//! refuses, hangs and has had too many; a flood at the door.
//!
//!     cargo test --features kill_points --test kills -- --kills 200 --seed 7 --only sqlite
//!
//! Every named place is gone through once, and on top of that there are `--kills` kills at random moments on each
//! database (`SWITCHHOOK_KILLS`; 20 unless said). A place that is never reached fails the run, and so does a death that cuts
//! nothing off. The runs are `sqlite`, `postgres`, `nodes`, `takeover`, `outage`, `shed`, `disk`, `telnyx` and `flood`.
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

use base::Base;
use orders::Orders;

/// Goes through it, and says what was counted. None: it is left out.
type Run = fn(&Orders) -> Option<String>;

const RUNS: [(&str, Run); 9] = [
    ("sqlite", |orders| Some(killer::kill(Base::sqlite(), orders))),
    ("postgres", |orders| Some(killer::kill(Base::postgres()?, orders))),
    ("nodes", |orders| Some(nodes::pause_and_kill(Base::postgres()?, orders))),
    ("takeover", |orders| Some(takeover::of_a_thousand(Base::postgres()?, orders))),
    ("outage", outage::come_and_go),
    ("shed", |orders| Some(shed::new_calls_first(Base::postgres()?, orders))),
    ("disk", disk::is_full),
    ("telnyx", |orders| Some(telnyx::does_not_do_its_part(Base::sqlite(), orders))),
    ("flood", |orders| Some(flood::at_the_door(Base::sqlite(), orders))),
];

fn main() {
    if std::env::args().any(|arg| arg == again::WORD) {
        return again::decide();
    }
    let Some(orders) = Orders::read(std::env::args().skip(1)) else { return };
    println!("kills: {orders:?}");
    for (name, run) in RUNS.into_iter().filter(|(name, ..)| orders.wants(name)) {
        let (told, took) = server::timed(|| run(&orders));
        if let Some(told) = told {
            println!("{name} ({} s): {told}", took.as_secs());
        }
    }
}
