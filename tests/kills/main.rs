//! Servers that are killed, under calls, at every named place and at any moment; then one that is not, and a look at
//! what is left.
//!
//!     cargo test --features kill_points --test kills -- --kills 200 --seed 7 --database sqlite
//!
//! Every named place is gone through once, and on top of that there are `--kills` kills at random moments on each
//! database (`SWITCHHOOK_KILLS`; 20 unless said). A place that is never reached fails the run, and so does a kill while
//! no call is under way.

#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

#[expect(dead_code, unused_imports, unused_macros, reason = "shared with another test")]
#[path = "../house/base.rs"]
mod base;
mod checker;
mod killer;
mod left;
mod orders;
#[expect(dead_code, reason = "shared with another test")]
#[path = "../house/server.rs"]
mod server;

use base::Base;
use killer::Run;
use orders::Orders;

fn main() {
    let Some(orders) = Orders::read(std::env::args().skip(1)) else { return };
    println!("kills: {orders:?}");
    for name in ["sqlite", "postgres"].into_iter().filter(|name| orders.wants(name)) {
        let base = if name == "sqlite" { Some(Base::sqlite()) } else { Base::postgres() };
        let Some(base) = base else { continue };
        let run = Run::new(base, orders.seed);
        let story = run.kill(&orders);
        println!("{name}: {story}");
    }
}
