//! Which deadlines were rung for, so that none is rung for again while that is under way, or at once when it was in vain.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use tokio::time::Instant;

use crate::call::CallId;

/// A deadline: the call, and the version of it that has it.
pub(super) type Deadline = (CallId, u64);

/// The pause after a deadline was rung for in vain, at first. Doubled each time.
const SHORTEST_PAUSE: Duration = Duration::from_millis(200);
/// The longest pause.
const LONGEST_PAUSE: Duration = Duration::from_secs(8);

/// Deadlines that were rung for and may still be found due.
#[derive(Debug, Default)]
pub(super) struct Rung {
    bells: HashMap<Deadline, Bell>,
    under_way: usize,
}

#[derive(Debug)]
struct Bell {
    /// When it may be rung again; `None`: it is being rung.
    again: Option<Instant>,
    pause: Duration,
}

impl Rung {
    /// Of all that were found due, those to ring for now. What is not found due any more is forgotten.
    pub fn choose(&mut self, due: Vec<Deadline>, now: Instant) -> Vec<Deadline> {
        let found: HashSet<Deadline> = due.iter().copied().collect();
        self.bells.retain(|deadline, bell| bell.again.is_none() || found.contains(deadline));
        let chosen: Vec<Deadline> = due.into_iter().filter(|deadline| self.ring(*deadline, now)).collect();
        self.under_way += chosen.len();
        chosen
    }

    fn ring(&mut self, deadline: Deadline, now: Instant) -> bool {
        let bell = self.bells.entry(deadline).or_insert(Bell { again: Some(now), pause: SHORTEST_PAUSE });
        let rings = bell.again.is_some_and(|again| again <= now);
        if rings {
            bell.again = None;
        }
        rings
    }

    /// One was rung for. If it is found due again, that was in vain.
    pub fn done(&mut self, deadline: Deadline, now: Instant) {
        if let Some(bell) = self.bells.get_mut(&deadline) {
            self.under_way -= 1;
            bell.again = Some(now + bell.pause);
            bell.pause = (bell.pause * 2).min(LONGEST_PAUSE);
        }
    }

    /// The database was gone: what was rung for in vain meanwhile need not rest.
    pub fn forgive(&mut self) {
        self.bells.retain(|_, bell| bell.again.is_none());
    }

    /// How many are being rung.
    pub fn under_way(&self) -> usize {
        self.under_way
    }

    /// How many may be found due that are not to be rung for.
    pub fn len(&self) -> usize {
        self.bells.len()
    }
}
