//! The caller talks with somebody. All we do is make sure, now and then, that both are still there.

use std::time::Duration;

use jiff::Timestamp;

use super::ids::LegNo;
use super::learn::{Change, Fact};
use super::phase::Phase;
use super::remark::{EndWhy, Remark};
use super::turn::{Flow, Turn, later};

/// How often both legs are looked at: a missed hangup must not keep a call for ever.
const LOOK_EVERY: Duration = Duration::from_secs(300);

/// The caller talks with `with`, and whoever else was tried for him is not wanted any more.
pub(super) fn begin(with: LegNo, turn: &mut Turn<'_>) -> Phase {
    turn.remark(Remark::Connected { name: turn.name(with) });
    let now = turn.now;
    for leg in turn.call.legs.iter_mut().filter(|leg| leg.no != LegNo::CALLER && !leg.has_ended()) {
        if leg.no == with {
            leg.stop = None;
        } else {
            leg.stop_from(now);
        }
    }
    Phase::Talking { with, since: now, looked: now }
}

pub(super) fn on(with: LegNo, since: Timestamp, looked: Timestamp, fact: &Fact, turn: &mut Turn<'_>) -> Flow {
    match fact {
        Fact::Leg { no, change: Change::Ended(_) } if *no == with => {
            turn.remark(Remark::PartyGone { name: turn.name(with) });
            Flow::End(EndWhy::PartyGone)
        }
        // Somebody the caller was to be given to before, and who was taken for gone.
        Fact::Leg { no, change: Change::Answered } if *no != with && *no != LegNo::CALLER => {
            turn.stop(*no, turn.now);
            Flow::Stay(Phase::Talking { with, since, looked })
        }
        Fact::Due if turn.now >= deadline(looked) => {
            turn.look(LegNo::CALLER);
            turn.look(with);
            Flow::Stay(Phase::Talking { with, since, looked: turn.now })
        }
        Fact::Leg { .. } | Fact::Due | Fact::Arrived { .. } | Fact::Settled(_) | Fact::Fault => {
            Flow::Stay(Phase::Talking { with, since, looked })
        }
    }
}

pub(super) fn deadline(looked: Timestamp) -> Timestamp {
    later(looked, LOOK_EVERY)
}
