//! What will happen, by moment: every effect that is not yet due.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use uuid::Uuid;

use super::ledger::{CallNo, CommandNo, LegNo};
use super::leg::{Gather, Item, Tape};
use super::wire::End;

/// Something that will happen, unless it has lost its sense by then.
#[derive(Clone, Debug)]
pub(super) enum Due {
    /// A caller calls.
    Arrive(CallNo),
    /// A caller has waited long enough, if this is still the wait it was.
    Impatient(CallNo, u32),
    /// A caller never had a command.
    Unattended(LegNo),
    /// An accepted answer, reject or hangup takes effect.
    PickUp(LegNo, CommandNo),
    TurnAway(LegNo, End, CommandNo),
    LetGo(LegNo, CommandNo),
    /// An outbound leg begins to ring.
    Ring(LegNo),
    EarlyMedia(LegNo),
    /// The one who is rung does what he does.
    CalleeActs(LegNo),
    RangTooLong(LegNo),
    TalkedTooLong(LegNo),
    /// He hangs up.
    PersonLeaves(LegNo),
    /// An accepted bridge takes effect.
    Join {
        leg: LegNo,
        with: LegNo,
        parks: bool,
        command: CommandNo,
    },
    /// A conversation is over; `leg` hangs up, if it is still the same one.
    TalkOver {
        leg: LegNo,
        talk: u32,
    },
    /// The other end of its bridge has left.
    PeerLeft {
        leg: LegNo,
        source: &'static str,
    },
    /// The one on whose behalf it rang has left.
    OriginLeft(LegNo),
    /// A call that was passed on is picked up, or over, at its other end.
    GoneThrough(LegNo),
    HalfIsOver(LegNo, End),
    /// Accepted media is queued.
    Play {
        leg: LegNo,
        item: Item,
        stop: Option<Stop>,
        command: CommandNo,
    },
    /// Media that was begun ends.
    MediaOver {
        leg: LegNo,
        begun: u32,
    },
    /// An accepted gather takes effect.
    Gather {
        leg: LegNo,
        gather: Box<Gather>,
        command: CommandNo,
    },
    /// The time for a key is over.
    GatherOver {
        leg: LegNo,
        gather: u32,
        tries: u64,
    },
    /// Somebody presses a key.
    Press {
        leg: LegNo,
        key: char,
    },
    StopMedia {
        leg: LegNo,
        stop: Stop,
        command: CommandNo,
    },
    /// An accepted recording begins.
    Record {
        leg: LegNo,
        plan: TapePlan,
        command: CommandNo,
    },
    StopRecording {
        leg: LegNo,
        /// Only this one.
        only: Option<Uuid>,
        command: CommandNo,
    },
    /// A recording has become as long as it may.
    TapeFull {
        leg: LegNo,
        tape: u32,
    },
    /// Whoever is recorded has said all, and hangs up.
    HasSpoken {
        leg: LegNo,
        tape: u32,
    },
    /// What was recorded is saved.
    Saved {
        leg: LegNo,
        tape: Tape,
        ended: Timestamp,
    },
}

/// How a recording is to be.
#[derive(Clone, Copy, Debug)]
pub(super) struct TapePlan {
    pub id: Uuid,
    pub channels: &'static str,
    pub format: &'static str,
    /// `None`: without end.
    pub max_length: Option<Duration>,
}

/// How much of what is being played is stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stop {
    Current,
    All,
}

/// Everything that will happen; of the same moment, in the order in which it was asked for.
#[derive(Debug, Default)]
pub(super) struct Agenda {
    due: BTreeMap<(Timestamp, u64), Due>,
    count: u64,
}

impl Agenda {
    /// What it returns names the entry, for [`Agenda::remove`].
    pub fn add(&mut self, at: Timestamp, due: Due) -> (Timestamp, u64) {
        self.count += 1;
        self.due.insert((at, self.count), due);
        (at, self.count)
    }

    pub fn remove(&mut self, entry: (Timestamp, u64)) {
        self.due.remove(&entry);
    }

    pub fn next(&self) -> Option<Timestamp> {
        self.due.keys().next().map(|(at, _)| *at)
    }

    pub fn take(&mut self, now: Timestamp) -> Option<(Timestamp, Due)> {
        let slot = self.due.first_entry().filter(|slot| slot.key().0 <= now)?;
        let ((at, _), due) = slot.remove_entry();
        Some((at, due))
    }
}
