//! Joining the caller with whoever picked up: the caller is picked up first if he is not yet, then both are bridged.

use std::time::Duration;

use jiff::Timestamp;

use super::answer::Picked;
use super::command::Verb;
use super::event::{Refusal, Settled, Verdict};
use super::ids::LegNo;
use super::kind::Kind;
use super::learn::{Change, Fact};
use super::leg::Leg;
use super::phase::{Joining, PickUp, Stage};
use super::remark::Remark;
use super::turn::{Turn, later};

/// How long an accepted bridge may take to show.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long to wait before a bridge that came too early is asked for again.
const TOO_EARLY: Duration = Duration::from_millis(500);
/// How often a bridge is asked for.
const TRIES: u8 = 8;
/// How many of those may be accepted without anything to show for it.
const SILENT_TRIES: u8 = 3;

/// What a fact means for a joining.
pub(super) enum Joined {
    /// It goes on.
    Waiting(Joining),
    /// They talk.
    Yes,
    /// It cannot be done with this leg.
    No,
}

impl Joining {
    /// Begins to join `leg` with the caller.
    pub(super) fn begin(leg: LegNo, turn: &mut Turn<'_>) -> Self {
        let pickup = if turn.call.caller_is_answered() { None } else { PickUp::ask(turn, 1) };
        match pickup {
            Some(pickup) => Self { leg, stage: Stage::PickingUp(pickup) },
            None => Self::bridge(leg, 1, turn),
        }
    }

    fn bridge(leg: LegNo, tries: u8, turn: &mut Turn<'_>) -> Self {
        let other = turn.call.leg(leg).and_then(|leg| leg.handle.clone());
        let stage = match (turn.caller_handle(), other) {
            (Some(on), Some(with)) => {
                let command = turn.command(LegNo::CALLER, Verb::Bridge { on, with });
                Stage::Bridging { command, asked: turn.now, tries, accepted: false }
            }
            // One of them cannot be commanded yet: his handle may come with the answer to the dial.
            _ => Stage::TooEarly { again: turn.after(TOO_EARLY), tries },
        };
        Self { leg, stage }
    }

    /// Whether the bridge was accepted: the others need not ring any longer.
    pub(super) fn is_accepted(&self) -> bool {
        matches!(self.stage, Stage::Bridging { accepted: true, .. })
    }

    pub(super) fn deadline(&self) -> Timestamp {
        match &self.stage {
            Stage::PickingUp(pickup) => pickup.deadline(),
            Stage::Bridging { asked, .. } => later(*asked, PATIENCE),
            Stage::TooEarly { again, .. } => *again,
        }
    }

    pub(super) fn hear(self, fact: &Fact, turn: &mut Turn<'_>) -> Joined {
        let leg = self.leg;
        if !turn.call.leg(leg).is_some_and(Leg::is_live) {
            return Joined::No;
        }
        match self.stage {
            Stage::PickingUp(pickup) => match pickup.hear(fact, turn) {
                Picked::Waiting(pickup) => Joined::Waiting(Self { leg, stage: Stage::PickingUp(pickup) }),
                Picked::Up => Joined::Waiting(Self::bridge(leg, 1, turn)),
            },
            Stage::TooEarly { again, tries } => {
                let due = matches!(fact, Fact::Due) && turn.now >= again;
                if due && tries >= TRIES {
                    return Joined::No;
                }
                Joined::Waiting(if due { Self::bridge(leg, tries + 1, turn) } else { self })
            }
            Stage::Bridging { .. } => self.hear_bridging(fact, turn),
        }
    }

    fn hear_bridging(self, fact: &Fact, turn: &mut Turn<'_>) -> Joined {
        let Stage::Bridging { command, asked, tries, accepted } = self.stage else { return Joined::No };
        let leg = self.leg;
        match fact {
            Fact::Leg { no, change: Change::Bridged } if *no == leg || *no == LegNo::CALLER => Joined::Yes,
            Fact::Settled(Settled { command: settled, verdict, .. }) if *settled == command => match verdict {
                Verdict::Accepted { .. } => {
                    Joined::Waiting(Self { leg, stage: Stage::Bridging { command, asked, tries, accepted: true } })
                }
                // Refused although one like it was accepted before: they are joined already, and the news was lost.
                Verdict::Refused { why: Refusal::Invalid, .. } if tries > 1 && accepted => Joined::Yes,
                Verdict::Refused { why: Refusal::NotAnswered | Refusal::Ended, .. } if tries < TRIES => {
                    turn.look(leg);
                    let again = turn.after(TOO_EARLY);
                    Joined::Waiting(Self { leg, stage: Stage::TooEarly { again, tries } })
                }
                Verdict::Refused { .. } | Verdict::Void => Joined::No,
                Verdict::Unknown | Verdict::Found { .. } => {
                    Joined::Waiting(Self { leg, stage: Stage::Bridging { command, asked, tries, accepted } })
                }
            },
            Fact::Due if turn.now >= later(asked, PATIENCE) => {
                turn.remark(Remark::NothingCame { kind: Kind::Bridge });
                if tries >= SILENT_TRIES {
                    // Accepted again and again, both alive: more likely the news is lost than the bridge.
                    return if accepted { Joined::Yes } else { Joined::No };
                }
                Joined::Waiting(Self::bridge_again(leg, tries, accepted, turn))
            }
            Fact::Leg { .. } | Fact::Settled(_) | Fact::Due | Fact::Arrived { .. } | Fact::Fault => {
                Joined::Waiting(Self { leg, stage: Stage::Bridging { command, asked, tries, accepted } })
            }
        }
    }

    /// A bridge asked for again keeps that one before it was accepted: the losers stay stopped.
    fn bridge_again(leg: LegNo, tries: u8, was_accepted: bool, turn: &mut Turn<'_>) -> Self {
        let mut joining = Self::bridge(leg, tries + 1, turn);
        if let Stage::Bridging { accepted, .. } = &mut joining.stage {
            *accepted = was_accepted;
        }
        joining
    }
}
