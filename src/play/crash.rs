//! The end of a node, at any moment or between any two steps: what is kept is kept, everything else is gone.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;

use super::agenda::{Due, between, later};
use super::stage::{Play, Then};
use super::trouble::{House, Step};
use crate::hall::Desk;
use crate::hall::notices::Places;

/// The least time, as leases are kept.
const PAST: Duration = Duration::from_millis(1);

impl Play {
    /// Whether this step is the node's last. Then it has ended already.
    pub(super) fn crashes(&mut self, step: Step) -> bool {
        if !self.up || self.trouble.crashes == 0 || self.rng.f64() >= self.trouble.crash {
            return false;
        }
        self.trouble.crashes -= 1;
        self.diary.count(step.word());
        let down = if self.rng.u32(0..8) == 0 { 60_000 } else { 6_000 };
        let down = Duration::from_millis(self.rng.u64(50..down));
        self.die(down);
        true
    }

    /// The node is killed: what is not kept is gone, and nobody answers. What it sent is on its way.
    pub(super) fn die(&mut self, down: Duration) {
        if !self.up {
            return;
        }
        self.diary.count("us.died");
        for job in std::mem::take(&mut self.inbox) {
            if let Then::Answer(delivery) = job.then {
                self.world.delivered(delivery, None, self.now);
            }
        }
        for (id, (_, sent)) in std::mem::take(&mut self.flying) {
            if between(sent, self.now) > Duration::from_millis(200) {
                self.diary.upset(self.memory.row(id).map(|row| row.call), sent, self.now);
            }
        }
        self.rung.clear();
        self.desk = Desk::new(None);
        (self.places, self.telling) = (Places::default(), BTreeMap::new());
        self.agenda.forget();
        self.memory.node += 1;
        if self.trouble.house == House::Shared {
            self.diary.upset(None, self.now, self.now);
            for at in self.memory.lapses() {
                self.lapse(at);
            }
        } else {
            self.up = false;
            let at = later(self.now, down);
            self.diary.upset(None, self.now, at);
            self.agenda.add(at, Due::Rise);
        }
    }

    /// The process is started again and takes over what it left.
    pub(super) fn rise(&mut self) {
        self.up = true;
        if self.trouble.house == House::Machine {
            self.booted = self.now;
            self.memory.begin_anew(self.now);
        }
        let open = self.memory.take_over(self.now, true);
        if !open.is_empty() {
            self.diary.count("us.took_over");
        }
        self.post(&open);
    }

    /// A lease is over then: what it covers may be taken over as soon as that is past.
    pub(super) fn lapse(&mut self, until: Timestamp) {
        self.agenda.add(later(until.max(self.now), PAST), Due::Lapse);
    }

    /// Another node takes over what the one that is gone left, as its leases end.
    pub(super) fn take_over(&mut self) {
        if self.memory.leaves_any(self.now) {
            self.diary.count("us.left_to_a_holder");
        }
        let open = self.memory.take_over(self.now, false);
        if !open.is_empty() {
            self.diary.count("us.took_over_lapsed");
        }
        self.post(&open);
    }
}
