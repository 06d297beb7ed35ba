//! Whether Telnyx answers at all. While it does not, nothing that can be left is begun, and one dial at a time tries.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::call::CommandId;

/// After so many different commands in a row without an answer, Telnyx is taken to be out of order.
const FAILED: usize = 5;
/// How long it is left alone at first, doubled each time that the one who tries is not answered either.
const FIRST: Duration = Duration::from_secs(1);
/// How long at most.
const LONGEST: Duration = Duration::from_secs(30);

/// Whether Telnyx answers.
#[derive(Clone, Debug)]
pub(super) enum Circuit {
    /// It does, as far as is known.
    Closed {
        /// Commands that were not answered since, and whether each rings somebody.
        failed: BTreeMap<CommandId, bool>,
        /// Others were answered meanwhile, and none that rings.
        apart: bool,
    },
    /// It does not.
    Open {
        /// When one may try.
        until: Duration,
        /// How long that took.
        pause: Duration,
        /// Who tries.
        probe: Option<CommandId>,
        /// It answers, but nothing that rings somebody: that another is answered says nothing.
        apart: bool,
    },
}

impl Default for Circuit {
    fn default() -> Self {
        Self::Closed { failed: BTreeMap::new(), apart: false }
    }
}

impl Circuit {
    /// Whether what can be left is not to be begun.
    pub fn refuses(&self, now: Duration) -> bool {
        match self {
            Self::Closed { .. } => false,
            Self::Open { until, probe, .. } => now < *until || probe.is_some(),
        }
    }

    /// A command that could have been left is begun.
    pub fn begins(&mut self, id: CommandId) {
        if let Self::Open { probe, .. } = self {
            *probe = Some(id);
        }
    }

    /// It was not begun after all.
    pub fn forget(&mut self, id: CommandId) {
        if let Self::Open { probe, .. } = self {
            *probe = probe.filter(|probe| *probe != id);
        }
    }

    /// A command was answered, or not. `rings`: it rings somebody.
    pub fn heard(&mut self, id: CommandId, rings: bool, answered: bool, now: Duration) {
        match self {
            _ if answered && rings => *self = Self::default(),
            Self::Closed { failed, apart } if answered => {
                failed.retain(|_, rings| *rings);
                *apart = !failed.is_empty();
            }
            Self::Open { apart: false, .. } if answered => *self = Self::default(),
            Self::Open { .. } if answered => {}
            Self::Closed { failed, apart } => {
                failed.insert(id, rings);
                if failed.len() >= FAILED {
                    *self = Self::Open { until: now.saturating_add(FIRST), pause: FIRST, probe: None, apart: *apart };
                }
            }
            Self::Open { until, pause, probe, .. } if *probe == Some(id) => {
                *pause = pause.saturating_mul(2).min(LONGEST);
                (*until, *probe) = (now.saturating_add(*pause), None);
            }
            Self::Open { .. } => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn id(no: u128) -> CommandId {
        CommandId(Uuid::from_u128(no))
    }

    fn secs(secs: u64) -> Duration {
        Duration::from_secs(secs)
    }

    fn open() -> Circuit {
        let mut circuit = Circuit::default();
        for no in 0..5 {
            assert!(!circuit.refuses(secs(9)));
            circuit.heard(id(no), true, false, secs(9));
        }
        assert!(circuit.refuses(secs(9)));
        circuit
    }

    #[test]
    fn one_command_that_is_never_answered_says_nothing_of_the_others() {
        let mut circuit = Circuit::default();
        for no in [1, 1, 1, 1, 1, 1, 2, 3, 4] {
            circuit.heard(id(no), true, false, secs(0));
        }
        circuit.heard(id(5), true, true, secs(0));
        circuit.heard(id(6), true, false, secs(0));
        assert!(!circuit.refuses(secs(0)));
    }

    #[test]
    fn one_at_a_time_tries_ever_more_seldom() {
        let mut circuit = open();
        let mut now = secs(10);
        for pause in [2, 4, 8, 16, 30, 30] {
            assert!(!circuit.refuses(now), "one may try");
            circuit.begins(id(9));
            assert!(circuit.refuses(now), "and one only");
            circuit.heard(id(8), true, false, now);
            assert!(circuit.refuses(now), "whoever else is not answered is not asked");
            circuit.heard(id(9), true, false, now);
            now += secs(pause);
            assert!(circuit.refuses(now - Duration::from_millis(1)));
        }
        circuit.begins(id(9));
        circuit.heard(id(9), true, true, now);
        assert!(!circuit.refuses(now));
    }

    #[test]
    fn any_answer_will_do_and_whoever_did_not_try_leaves_room() {
        let mut circuit = open();
        circuit.begins(id(9));
        circuit.forget(id(8));
        assert!(circuit.refuses(secs(60)));
        circuit.forget(id(9));
        assert!(!circuit.refuses(secs(60)), "another may try");
        let mut circuit = open();
        circuit.heard(id(7), false, true, secs(9));
        assert!(!circuit.refuses(secs(9)));
    }

    #[test]
    fn where_only_what_rings_is_not_answered_other_answers_say_nothing() {
        let mut circuit = Circuit::default();
        for no in 0..5 {
            assert!(!circuit.refuses(secs(9)));
            circuit.heard(id(no), true, false, secs(9));
            circuit.heard(id(10 + no), false, true, secs(9));
        }
        assert!(circuit.refuses(secs(9)));
        circuit.begins(id(7));
        circuit.heard(id(8), false, true, secs(10));
        assert!(circuit.refuses(secs(60)));
        circuit.heard(id(7), true, true, secs(60));
        assert!(!circuit.refuses(secs(60)));
    }

    #[test]
    fn what_does_not_ring_is_forgotten_when_another_is_answered() {
        let mut circuit = Circuit::default();
        (0..4).for_each(|no| circuit.heard(id(no), false, false, secs(9)));
        circuit.heard(id(4), false, true, secs(9));
        (5..9).for_each(|no| circuit.heard(id(no), no == 5, false, secs(9)));
        assert!(!circuit.refuses(secs(9)));
        circuit.heard(id(9), false, false, secs(9));
        assert!(circuit.refuses(secs(9)));
        circuit.heard(id(10), false, true, secs(9));
        assert!(!circuit.refuses(secs(9)), "nothing was answered meanwhile, and this shows that it is back");
    }
}
