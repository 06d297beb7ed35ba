//! Which command leaves when: leg by leg in order, and a hangup overtakes whatever waits for its leg.
//!
//! Whoever sends hands in what happens to a command and is told what to do next with it.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use super::courier;
use crate::call::{CallId, CommandId, Kind, LegNo, Verdict};

/// What must be known of a command to put it in its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slip {
    /// The call.
    pub call: CallId,
    /// The leg it is for.
    pub leg: LegNo,
    /// The command.
    pub id: CommandId,
    /// What it is.
    pub kind: Kind,
}

/// What is to be done with a command now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Move {
    /// Send it, and say what came of it.
    Send {
        /// It has been sent before.
        again: bool,
    },
    /// Let this time pass, then ask again.
    Wait(Duration),
    /// It has its outcome: hand that in.
    Settle(Verdict),
}

/// What a new command sets going.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Begun {
    /// It may go now: ask what to do with it.
    pub go: bool,
    /// Commands that are void because of it: hand that in.
    pub void: Vec<CommandId>,
}

/// Every command that is waiting or under way.
#[derive(Clone, Debug, Default)]
pub struct Lanes {
    lanes: BTreeMap<(CallId, LegNo), Lane>,
    held: BTreeMap<CommandId, Held>,
}

/// The commands of one leg: one under way, the others behind it.
#[derive(Clone, Debug)]
struct Lane {
    first: CommandId,
    waiting: VecDeque<CommandId>,
}

#[derive(Clone, Debug)]
struct Held {
    slip: Slip,
    tries: u32,
    hint: Option<Duration>,
    /// The pause before the next try is over.
    rested: bool,
    /// A hangup was decided for its leg: it is not sent again.
    over: bool,
}

impl Lanes {
    /// Takes a command in. One that is here already is not taken twice: `None`.
    pub fn accept(&mut self, slip: Slip) -> Option<Begun> {
        if self.held.contains_key(&slip.id) {
            return None;
        }
        self.held.insert(slip.id, Held { slip, tries: 0, hint: None, rested: false, over: false });
        let lane = self.lanes.get_mut(&(slip.call, slip.leg));
        Some(match (slip.kind, lane) {
            // It goes out at once, beside whatever is under way; what waits is void, what is under way not repeated.
            (Kind::Hangup, lane) => {
                let first = lane.as_ref().map(|lane| lane.first);
                let void: Vec<CommandId> = lane.map(|lane| lane.waiting.drain(..).collect()).unwrap_or_default();
                if let Some(first) = first.and_then(|first| self.held.get_mut(&first)) {
                    first.over = true;
                }
                Begun { go: true, void }
            }
            (_, Some(lane)) => {
                lane.waiting.push_back(slip.id);
                Begun::default()
            }
            (_, None) => {
                self.lanes.insert((slip.call, slip.leg), Lane { first: slip.id, waiting: VecDeque::new() });
                Begun { go: true, void: Vec::new() }
            }
        })
    }

    /// What to do with a command that may go. `age`: time since its first byte may have been sent, `None` if nobody
    /// can say. `None`: it is not here.
    pub fn next(&mut self, id: CommandId, age: Option<Duration>) -> Option<Move> {
        let held = self.held.get_mut(&id)?;
        let again = held.tries > 0;
        if held.over {
            return Some(Move::Settle(if again { Verdict::Unknown } else { Verdict::Void }));
        }
        Some(match courier::next(held.slip.kind, age, held.tries, held.hint) {
            courier::Next::Settle(verdict) => Move::Settle(verdict),
            courier::Next::Wait(pause) if !held.rested => {
                held.rested = true;
                Move::Wait(pause)
            }
            courier::Next::Wait(_) | courier::Next::Send => Move::Send { again },
        })
    }

    /// A command was sent and has no outcome yet; `hint`: the pause that was asked for.
    pub fn unanswered(&mut self, id: CommandId, hint: Option<Duration>) {
        if let Some(held) = self.held.get_mut(&id) {
            (held.tries, held.hint, held.rested) = (held.tries + 1, hint, false);
        }
    }

    /// The outcome of a command is kept: the next one of its leg, if one waits, may go.
    pub fn settled(&mut self, id: CommandId) -> Option<CommandId> {
        let Held { slip, .. } = self.held.remove(&id)?;
        let key = (slip.call, slip.leg);
        let lane = self.lanes.get_mut(&key).filter(|lane| lane.first == id)?;
        match lane.waiting.pop_front() {
            Some(next) => {
                lane.first = next;
                Some(next)
            }
            None => {
                self.lanes.remove(&key);
                None
            }
        }
    }

    /// Whether nothing is waiting or under way.
    pub fn is_empty(&self) -> bool {
        self.held.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    const FRESH: Option<Duration> = Some(Duration::ZERO);

    fn slip(no: u128, leg: u16, kind: Kind) -> Slip {
        Slip { call: CallId(Uuid::nil()), leg: LegNo(leg), id: id(no), kind }
    }

    fn id(no: u128) -> CommandId {
        CommandId(Uuid::from_u128(no))
    }

    fn goes() -> Option<Begun> {
        Some(Begun { go: true, void: vec![] })
    }

    #[test]
    fn a_leg_has_its_commands_in_order_and_legs_do_not_wait_for_each_other() {
        let mut lanes = Lanes::default();
        assert_eq!(lanes.accept(slip(1, 0, Kind::Answer)), goes());
        assert_eq!(lanes.accept(slip(2, 0, Kind::Speak)), Some(Begun::default()));
        assert_eq!(lanes.accept(slip(3, 1, Kind::Dial)), goes());
        assert_eq!(lanes.next(id(1), FRESH), Some(Move::Send { again: false }));
        assert_eq!(lanes.settled(id(3)), None);
        assert_eq!(lanes.settled(id(1)), Some(id(2)), "only now its turn has come");
        assert_eq!(lanes.settled(id(2)), None);
        assert!(lanes.is_empty());
        assert_eq!(lanes.accept(slip(4, 0, Kind::Speak)), goes());
    }

    #[test]
    fn a_hangup_voids_what_waits_and_what_is_under_way_is_not_repeated() {
        let mut lanes = Lanes::default();
        for (no, kind) in [(1, Kind::Answer), (2, Kind::Speak), (3, Kind::Play)] {
            lanes.accept(slip(no, 0, kind));
        }
        assert_eq!(lanes.next(id(1), FRESH), Some(Move::Send { again: false }));
        let begun = lanes.accept(slip(4, 0, Kind::Hangup));
        assert_eq!(begun, Some(Begun { go: true, void: vec![id(2), id(3)] }));
        lanes.unanswered(id(1), None);
        assert_eq!(lanes.next(id(1), FRESH), Some(Move::Settle(Verdict::Unknown)));
        for no in [2, 3, 4, 1] {
            assert_eq!(lanes.settled(id(no)), None);
        }
        assert!(lanes.is_empty());
    }

    #[test]
    fn what_has_its_turn_and_was_not_sent_when_a_hangup_came_is_void() {
        let mut lanes = Lanes::default();
        lanes.accept(slip(1, 0, Kind::Answer));
        lanes.accept(slip(2, 0, Kind::Hangup));
        assert_eq!(lanes.next(id(1), FRESH), Some(Move::Settle(Verdict::Void)));
        assert_eq!(lanes.next(id(2), FRESH), Some(Move::Send { again: false }));
    }

    #[test]
    fn without_an_answer_it_is_sent_again_after_a_pause() {
        let mut lanes = Lanes::default();
        lanes.accept(slip(1, 1, Kind::Dial));
        assert_eq!(lanes.next(id(1), FRESH), Some(Move::Send { again: false }));
        let hint = Duration::from_secs(2);
        lanes.unanswered(id(1), Some(hint));
        assert_eq!(lanes.next(id(1), Some(hint)), Some(Move::Wait(hint)));
        assert_eq!(lanes.next(id(1), Some(2 * hint)), Some(Move::Send { again: true }));
        lanes.unanswered(id(1), None);
        assert_eq!(lanes.next(id(1), Some(courier::WINDOW)), Some(Move::Settle(Verdict::Unknown)));
    }

    #[test]
    fn a_command_that_is_here_is_not_taken_twice() {
        let mut lanes = Lanes::default();
        lanes.accept(slip(1, 0, Kind::Answer));
        assert_eq!(lanes.accept(slip(1, 0, Kind::Answer)), None);
        assert_eq!(lanes.settled(id(1)), None);
        assert_eq!(lanes.settled(id(1)), None);
        assert_eq!(lanes.next(id(1), FRESH), None);
    }
}
