//! Two nodes on one database, whose webhooks come to one and to the other in turn. One stands still for half a minute,
//! as a machine that swaps or is moved does; then the other dies for good.

use std::process::Command;
use std::thread;
use std::time::Duration;

use jiff::Timestamp;

use crate::base::Base;
use crate::killer::SEVERAL;
use crate::life::{Death, Life};
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
    stage.is_up(now());
    let first = wait_for("the first is known", || stage.nodes_seen().into_iter().next());
    let mut other = Life::new(&mut stage.serve(1));
    let second = wait_for("the second is known", || stage.nodes_seen().into_iter().find(|node| *node != first));
    let taken = |since: i64| (stage.postman.answered(since, Some(200)) >= SOME).then_some(());
    wait_for("both are at work", || taken(0));
    wait_for("it has something to do", || (stage.open_commands(Some(&first)) >= SEVERAL).then_some(()));
    let lived = now().as_millisecond();
    signal(one.id(), "STOP");
    let stopped = Death { lived, dead: now().as_millisecond() };
    let commands = stage.open_commands(Some(&first));
    thread::sleep(STANDSTILL);
    signal(one.id(), "CONT");
    stage.harm(Timestamp::from_millisecond(lived).unwrap());
    let still = stage.must_have_been_busy(0, stopped, commands, "when one stands still");
    let since = now().as_millisecond();
    wait_for("both are at work again", || taken(since));
    wait_for("the other has something to do", || (stage.open_commands(Some(&second)) >= SEVERAL).then_some(()));
    let since = now();
    let death = other.kill();
    stage.harm(since);
    let commands = stage.open_commands(Some(&second));
    let lost = stage.must_have_been_busy(1, death, commands, "when the other dies");
    let postman = stage.postman.clone();
    let told = stage.settle(one).told;
    format!(
        "{told}\n  webhooks to each node {:?}; cut off by the standstill {still:?}, by the death {lost:?}",
        postman.each()
    )
}

fn signal(id: u32, name: &str) {
    assert!(Command::new("kill").args([&format!("-{name}"), &id.to_string()]).status().unwrap().success());
}
