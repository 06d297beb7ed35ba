//! Servers that are killed, under calls, at every named place and at any moment; then one that is not, and a look at
//! what is left. Two nodes on one PostgreSQL, of which one stands still for a while and the other dies; or dies with a
//! thousand live calls. A PostgreSQL that goes away and comes back.
//!
//!     cargo test --features kill_points --test kills -- --kills 200 --seed 7 --only sqlite
//!
//! Every named place is gone through once, and on top of that there are `--kills` kills at random moments on each
//! database (`SWITCHHOOK_KILLS`; 20 unless said). A place that is never reached fails the run, and so does a kill while
//! no call is under way. The runs are `sqlite`, `postgres`, `nodes`, `takeover` and `outage`.

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
mod takeover;

use base::Base;
use orders::Orders;

/// A fresh database, where there can be one.
type Fresh = fn() -> Option<Base>;
/// Goes through it, and says what was counted.
type Run = fn(Base, &Orders) -> String;

fn main() {
    let Some(orders) = Orders::read(std::env::args().skip(1)) else { return };
    println!("kills: {orders:?}");
    let runs: [(&str, Fresh, Run); 5] = [
        ("sqlite", || Some(Base::sqlite()), killer::kill),
        ("postgres", Base::postgres, killer::kill),
        ("nodes", Base::postgres, nodes::pause_and_kill),
        ("takeover", Base::postgres, takeover::of_a_thousand),
        ("outage", Base::postgres, outage::come_and_go),
    ];
    for (name, base, run) in runs.into_iter().filter(|(name, ..)| orders.wants(name)) {
        if let Some(base) = base() {
            println!("{name}: {}", run(base, &orders));
        }
    }
}
