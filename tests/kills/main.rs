//! Servers that are killed, under calls, at every named place and at any moment; then one that is not, and a look at
//! what is left. Two nodes on one PostgreSQL, of which one stands still for a while and the other dies. A PostgreSQL
//! that goes away and comes back.
//!
//!     cargo test --features kill_points --test kills -- --kills 200 --seed 7 --only sqlite
//!
//! Every named place is gone through once, and on top of that there are `--kills` kills at random moments on each
//! database (`SWITCHHOOK_KILLS`; 20 unless said). A place that is never reached fails the run, and so does a kill while
//! no call is under way. The runs are `sqlite`, `postgres`, `nodes` and `outage`.

#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

#[expect(dead_code, unused_imports, unused_macros, reason = "shared with another test")]
#[path = "../house/base.rs"]
mod base;
mod callers;
mod checker;
mod killer;
mod left;
mod life;
mod nodes;
mod orders;
mod outage;
#[expect(dead_code, reason = "shared with another test")]
#[path = "../house/server.rs"]
mod server;
mod stage;

use base::Base;
use orders::Orders;

fn main() {
    let Some(orders) = Orders::read(std::env::args().skip(1)) else { return };
    println!("kills: {orders:?}");
    let runs: [(&str, fn() -> Option<Base>, fn(Base, &Orders) -> String); 4] = [
        ("sqlite", || Some(Base::sqlite()), killer::kill),
        ("postgres", Base::postgres, killer::kill),
        ("nodes", Base::postgres, nodes::pause_and_kill),
        ("outage", Base::postgres, outage::come_and_go),
    ];
    for (name, base, run) in runs.into_iter().filter(|(name, ..)| orders.wants(name)) {
        if let Some(base) = base() {
            println!("{name}: {}", run(base, &orders));
        }
    }
}
