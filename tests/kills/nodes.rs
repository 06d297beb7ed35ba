//! Two nodes on one database, whose webhooks come to one and to the other in turn. One stands still for half a minute,
//! as a machine that swaps or is moved does; then the other dies for good.

use std::process::Command;
use std::thread;
use std::time::Duration;

use crate::base::Base;
use crate::life::Life;
use crate::orders::Orders;
use crate::server::{Server, wait_for};
use crate::stage::{Stage, now};

/// Long beyond every lease, and not beyond the window in which a command may be sent again.
const STANDSTILL: Duration = Duration::from_secs(30);

/// How many webhooks they take before the one, and before the other.
const SOME: usize = 150;

/// Has the two go through it, and what is left checked.
pub fn pause_and_kill(base: Base, orders: &Orders) -> String {
    let stage = Stage::busy(base, orders.seed, 2);
    let one = Server::start(stage.serve(0));
    let mut other = Life::new(&mut stage.serve(1));
    let taken = |since: i64| (stage.postman.answered(since, Some(200)) >= SOME).then_some(());
    wait_for("both are at work", || taken(0));
    stage.wait_until_busy();
    signal(one.id(), "STOP");
    let still = stage.must_be_busy("when one stands still");
    thread::sleep(STANDSTILL);
    signal(one.id(), "CONT");
    let since = now().as_millisecond();
    wait_for("both are at work again", || taken(since));
    stage.wait_until_busy();
    other.kill();
    let lost = stage.must_be_busy("when the other dies");
    let postman = stage.postman.clone();
    let told = stage.settle(one).told;
    format!(
        "{told}\n  webhooks to each node {:?}; under way at the standstill {still:?}, at the death {lost:?}",
        postman.each()
    )
}

fn signal(id: u32, name: &str) {
    assert!(Command::new("kill").args([&format!("-{name}"), &id.to_string()]).status().unwrap().success());
}
