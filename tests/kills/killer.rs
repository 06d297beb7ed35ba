//! One server after another, each of which dies: at every named place, and at any moment.

use std::collections::BTreeMap;
use std::net::TcpStream;
use std::thread;
use std::time::Duration;

use fastrand::Rng;
use switchhook::kill::POINTS;

use crate::base::Base;
use crate::life::Life;
use crate::orders::Orders;
use crate::server::{Server, wait_for};
use crate::stage::{Settled, Stage};

/// The longest a place may take to be reached: beyond the lease of commands whose node is gone.
const REACHED_WITHIN: Duration = Duration::from_secs(60);

/// Kills as ordered, lets everything settle, and has it checked.
pub fn kill(base: Base, orders: &Orders) -> String {
    let stage = Stage::busy(base, orders.seed, 1);
    stage.wait_until_busy();
    let rng = Rng::with_seed(orders.seed);
    let mut killer = Killer { stage, rng, deaths: BTreeMap::new(), lost: Vec::new() };
    let mut deaths: Vec<Option<&str>> = vec![None; orders.kills as usize];
    deaths.extend(POINTS.map(Some));
    killer.rng.shuffle(&mut deaths);
    for death in deaths {
        match death {
            Some(point) => killer.at(point),
            None => killer.anywhere(),
        }
    }
    let Killer { stage, deaths, lost, .. } = killer;
    let server = Server::start(stage.serve(0));
    let Settled { mut told, left, .. } = stage.settle(server);
    if left.base.file().is_some() {
        told += &format!("\n  whoever looks at it found each of {} harms done to it", left.every_harm_is_found());
    }
    let least = lost.iter().min_by_key(|(commands, events)| commands + events).unwrap();
    let (commands, events) = lost.iter().fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1));
    format!(
        "{told}\n  killed {deaths:?}\n  under way at the {} deaths: {commands} commands, {events} events; at least {least:?}",
        lost.len()
    )
}

struct Killer {
    stage: Stage,
    rng: Rng,
    deaths: BTreeMap<&'static str, u32>,
    /// How many commands and events were under way at each death.
    lost: Vec<(usize, usize)>,
}

impl Killer {
    /// A life that ends when a place is passed, the first few times or later.
    fn at(&mut self, point: &'static str) {
        if point == "takeover.claimed" {
            // Something must be there to be taken over.
            self.at("dispatch.before_send");
        }
        // These two do not come often.
        let seldom = ["takeover.claimed", "lookup.answered"].contains(&point);
        let times = if seldom { 1 } else { self.rng.u32(1..=4) };
        let mut serve = self.stage.serve(0);
        let mut life = Life::new(serve.env("SWITCHHOOK_KILL", format!("{point}:{times}")));
        let ended = life.ends_within(REACHED_WITHIN);
        assert!(ended, "{point} is not reached {times} times within {REACHED_WITHIN:?}\n{}", life.log());
        self.mourn(point);
    }

    /// A life that ends at some moment, however far it has come.
    fn anywhere(&mut self) {
        let mut life = Life::new(&mut self.stage.serve(0));
        let address = self.stage.nodes[0];
        if self.rng.u8(..8) > 0 {
            wait_for("the server listens", || TcpStream::connect(address).ok());
        }
        thread::sleep(Duration::from_millis(self.rng.u64(..900)));
        self.stage.wait_until_busy();
        life.kill();
        self.mourn("anywhere");
    }

    fn mourn(&mut self, place: &'static str) {
        *self.deaths.entry(place).or_default() += 1;
        self.lost.push(self.stage.must_be_busy(place));
    }
}
