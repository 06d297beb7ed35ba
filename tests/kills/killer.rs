//! One server after another, each of which dies: at every named place, and at any moment.

use std::collections::BTreeMap;
use std::net::TcpStream;
use std::thread;
use std::time::Duration;

use fastrand::Rng;
use jiff::Timestamp;
use switchhook::kill::POINTS;

use crate::base::Base;
use crate::life::{Death, Life};
use crate::orders::Orders;
use crate::server::{Server, wait_for};
use crate::stage::{Settled, Stage, now};

/// The longest a place may take to be reached: beyond the lease of commands whose node is gone.
const REACHED_WITHIN: Duration = Duration::from_secs(60);

/// How many commands are to be under way before a kill at any moment.
pub const SEVERAL: usize = 3;

/// How often a death may cut nothing off before it has to.
const IDLE_DEATHS: usize = 5;

/// Kills as ordered, lets everything settle, and has it checked.
pub fn kill(base: Base, orders: &Orders) -> String {
    let stage = Stage::busy(base, orders.seed, 1);
    stage.wait_until_busy();
    let rng = Rng::with_seed(orders.seed);
    let mut killer = Killer { stage, rng, deaths: BTreeMap::new(), lost: Vec::new() };
    let mut deaths: Vec<Option<&str>> = vec![None; orders.kills as usize];
    deaths.extend(POINTS.map(Some));
    killer.rng.shuffle(&mut deaths);
    // The first one waits until there is work enough for all that follow.
    let first = deaths.iter().position(Option::is_none);
    first.into_iter().for_each(|first| deaths.swap(0, first));
    for death in deaths {
        let name = death.unwrap_or("anywhere");
        // A death that cuts nothing off shows nothing: there is another one.
        let busy = (0..IDLE_DEATHS).any(|_| match death {
            Some(point) => killer.at(point),
            None => killer.anywhere(),
        });
        assert!(busy, "seed {}: nothing was under way at {IDLE_DEATHS} deaths: {name}", orders.seed);
    }
    let Killer { stage, deaths, lost, .. } = killer;
    let server = Server::start(stage.serve(0));
    stage.is_up(now());
    let Settled { mut told, left, .. } = stage.settle(server);
    if left.base.file().is_some() {
        told += &format!("\n  whoever looks at it found each of {} harms done to it", left.every_harm_is_found());
    }
    let least = lost.iter().min_by_key(|(commands, events)| commands + events).unwrap();
    let (commands, events) = lost.iter().fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1));
    assert!(commands > 0 && events > 0, "{commands} commands and {events} events were cut off");
    format!(
        "{told}\n  killed {deaths:?}\n  cut off by the {} deaths: {commands} commands, {events} events; at least {least:?}",
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
    /// A life that ends when a place is passed, the first few times or later. Whether it cut anything off.
    fn at(&mut self, point: &'static str) -> bool {
        if point == "takeover.claimed" {
            // Something must be there to be taken over.
            self.at("dispatch.before_send");
        }
        // These do not come often.
        let seldom = ["takeover.claimed", "lookup.answered", "notice.claimed"].contains(&point);
        let times = if seldom { 1 } else { self.rng.u32(1..=4) };
        let mut serve = self.stage.serve(0);
        let mut life = Life::new(serve.env("SWITCHHOOK_KILL", format!("{point}:{times}")));
        let Some(death) = life.ends_within(REACHED_WITHIN) else {
            panic!("{point} is not reached {times} times within {REACHED_WITHIN:?}\n{}", life.log());
        };
        self.mourn(point, &life, death)
    }

    /// A life that ends at some moment, however far it has come. Whether it cut anything off.
    fn anywhere(&mut self) -> bool {
        // One in eight may end before it listens, where something is there that the one before has left.
        let early = self.rng.u8(..8) == 0 && self.stage.open_commands(None) > 0;
        let mut life = Life::new(&mut self.stage.serve(0));
        let address = self.stage.nodes[0];
        if !early {
            wait_for("the server listens", || TcpStream::connect(address).ok());
        }
        thread::sleep(Duration::from_millis(self.rng.u64(..900)));
        // Telnyx leaves some without an answer: of several, not all are done the next moment.
        wait_for("commands are under way", || (self.stage.open_commands(None) >= SEVERAL).then_some(()));
        let death = life.kill();
        self.mourn("anywhere", &life, death)
    }

    fn mourn(&mut self, place: &'static str, life: &Life, death: Death) -> bool {
        *self.deaths.entry(place).or_default() += 1;
        let at = |ms| Timestamp::from_millisecond(ms).unwrap();
        life.listened_at().into_iter().for_each(|listened| self.stage.is_up(at(listened)));
        self.stage.is_down(at(death.lived));
        // Notices count where one is under way for certain: else there is always one that rests.
        let under_way = ["notice.written", "notice.claimed", "notice.before_settle"].contains(&place);
        let notices = if under_way { self.stage.open_notices() } else { 0 };
        let lost = (self.stage.open_commands(None) + notices, self.stage.postman.cut_off(0, death));
        let busy = lost != (0, 0);
        if busy {
            self.lost.push(lost);
        }
        busy
    }
}
