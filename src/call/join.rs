//! Joining the caller with whoever picked up: the caller is picked up first if he is not yet, then both are bridged.

use std::time::Duration;

use jiff::Timestamp;

use super::answer::Picked;
use super::command::Verb;
use super::event::{Refusal, Settled, Verdict};
use super::ids::{CommandId, LegNo};
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
/// How often a bridge is asked for that comes too early.
const TRIES: u8 = 8;
/// How often one is asked for without anything to show for it.
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
            None => Self::bridge(leg, Asked::default(), turn),
        }
    }

    fn bridge(leg: LegNo, asked: Asked, turn: &mut Turn<'_>) -> Self {
        let Asked { tries, silent, accepted } = asked;
        let other = turn.call.leg(leg).and_then(|leg| leg.handle.clone());
        let stage = match (turn.caller_handle(), other) {
            (Some(on), Some(with)) => {
                let command = turn.command(LegNo::CALLER, Verb::Bridge { on, with });
                Stage::Bridging { command, asked: turn.now, tries: tries + 1, silent, accepted }
            }
            // One of them cannot be commanded yet: his handle may come with the answer to the dial.
            _ => Stage::TooEarly { again: turn.after(TOO_EARLY), tries: tries + 1, silent, accepted },
        };
        Self { leg, stage }
    }

    /// Whether the bridge was accepted: the others need not ring any longer.
    pub(super) fn is_accepted(&self) -> bool {
        match &self.stage {
            Stage::PickingUp(_) => false,
            Stage::Bridging { accepted, .. } | Stage::TooEarly { accepted, .. } => *accepted,
        }
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
                Picked::Up => Joined::Waiting(Self::bridge(leg, Asked::default(), turn)),
            },
            Stage::TooEarly { again, tries, silent, accepted } => {
                if !matches!(fact, Fact::Due) || turn.now < again {
                    return Joined::Waiting(self);
                }
                if tries >= TRIES {
                    return Joined::No;
                }
                Joined::Waiting(Self::bridge(leg, Asked { tries, silent, accepted }, turn))
            }
            Stage::Bridging { command, asked, tries, silent, accepted } => {
                self.bridging(command, asked, Asked { tries, silent, accepted }, fact, turn)
            }
        }
    }

    fn bridging(self, last: CommandId, at: Timestamp, asked: Asked, fact: &Fact, turn: &mut Turn<'_>) -> Joined {
        match fact {
            Fact::Leg { no, change: Change::Bridged } if *no == self.leg => Joined::Yes,
            // The caller may still hear of an earlier bridge, one that came of a transfer.
            Fact::Leg { no: LegNo::CALLER, change: Change::Bridged } if asked.accepted => Joined::Yes,
            Fact::Settled(Settled { command, verdict, .. }) if *command == last => self.settled(asked, verdict, turn),
            Fact::Due if turn.now >= later(at, PATIENCE) => self.overdue(asked, turn),
            Fact::Leg { .. } | Fact::Settled(_) | Fact::Due | Fact::Arrived { .. } | Fact::Fault => {
                Joined::Waiting(self)
            }
        }
    }

    fn settled(mut self, asked: Asked, verdict: &Verdict, turn: &mut Turn<'_>) -> Joined {
        let Asked { tries, silent, accepted: before } = asked;
        match verdict {
            Verdict::Accepted { .. } => {
                if let Stage::Bridging { accepted, .. } = &mut self.stage {
                    *accepted = true;
                }
                Joined::Waiting(self)
            }
            // Refused although one like it was accepted before: they are joined already, and the news was lost.
            Verdict::Refused { why: Refusal::Invalid, .. } if before => Joined::Yes,
            Verdict::Refused { why: Refusal::NotAnswered | Refusal::Ended, .. } if tries < TRIES => {
                turn.look(self.leg);
                let again = turn.after(TOO_EARLY);
                Joined::Waiting(Self { stage: Stage::TooEarly { again, tries, silent, accepted: before }, ..self })
            }
            Verdict::Refused { .. } | Verdict::Void => Joined::No,
            Verdict::Unknown | Verdict::Found { .. } => Joined::Waiting(self),
        }
    }

    /// Nothing came of a bridge: it is asked for again. Where that was accepted and nothing ever comes, the news is
    /// more likely lost than the bridge.
    fn overdue(self, asked: Asked, turn: &mut Turn<'_>) -> Joined {
        turn.remark(Remark::NothingCame { kind: Kind::Bridge });
        let silent = asked.silent + 1;
        if silent < SILENT_TRIES {
            return Joined::Waiting(Self::bridge(self.leg, Asked { silent, ..asked }, turn));
        }
        if asked.accepted { Joined::Yes } else { Joined::No }
    }
}

/// The bridges asked for so far.
#[derive(Clone, Copy, Default)]
struct Asked {
    tries: u8,
    /// Of how many nothing came in time.
    silent: u8,
    /// One of them was accepted.
    accepted: bool,
}
