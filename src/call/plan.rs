//! Who to ring, who to stop, whom to take: pure over what is known of each seat, and time.
//!
//! A seat is one member of a ring with all that became of him. The plan knows no legs, no commands and no steps.

use std::time::Duration;

use jiff::Timestamp;

use super::turn::{UNSEEN, later};
use crate::routing::{Order, Outcome, Ring, RingAsked};

/// How much longer than its ring time a dial may go without any word before its seat is given up.
const NO_WORD: Duration = Duration::from_secs(10);

/// What is known of a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Seat {
    /// Not rung yet.
    Waiting,
    /// To be rung once his phone does not ring on another leg any more, and out of it if it still may at a moment.
    Held(Timestamp),
    /// Dialled at a moment, with no other sign of it since; the caller hears ringing meanwhile.
    Dialled(Timestamp),
    /// Dialled or accepted at a moment, with no other sign of it since, and the caller hears nothing meanwhile.
    Unseen(Timestamp),
    /// Ringing since a moment.
    Ringing(Timestamp),
    /// Picked up.
    Answered,
    /// Out of it.
    Out(Outcome),
}

impl Seat {
    /// Whether he rings or will as soon as he can.
    fn rings(&self) -> bool {
        match self {
            Self::Held(_) | Self::Dialled(_) | Self::Unseen(_) | Self::Ringing(_) => true,
            Self::Waiting | Self::Answered | Self::Out(_) => false,
        }
    }
}

/// What is to be done with the seats now.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Moves {
    /// Seats to dial.
    pub dial: Vec<usize>,
    /// Seats whose time is over.
    pub stop: Vec<usize>,
    /// The ring is over without anybody.
    pub over: Option<Outcome>,
    /// A seat that picked up, to be joined.
    pub take: Option<usize>,
}

/// Decides the moves. `joining`: somebody is being joined with the caller; the others ring on, nobody new is rung,
/// and nothing is over.
pub(super) fn plan(ring: &Ring, since: Timestamp, seats: &[Seat], joining: bool, now: Timestamp) -> Moves {
    let mut moves = Moves::default();
    let mut seats = seats.to_vec();
    let time_up = ring.timeout.is_some_and(|timeout| now >= later(since, timeout));
    for (index, seat) in seats.iter_mut().enumerate() {
        let over = seat_deadline(ring, index, *seat).is_some_and(|end| now >= end);
        if seat.rings() && (over || time_up) {
            *seat = Seat::Out(Outcome::NoAnswer);
            moves.stop.push(index);
        }
    }
    if joining {
        return moves;
    }
    if let Some(index) = seats.iter().position(|seat| *seat == Seat::Answered) {
        moves.take = Some(index);
        return moves;
    }
    if !time_up {
        moves.dial = to_dial(ring, since, &seats, now);
    }
    if !seats.iter().any(Seat::rings) && moves.dial.is_empty() {
        moves.over = Some(outcome(ring, &seats));
    }
    moves
}

/// When the plan wants to be asked again if nothing happens before.
pub(super) fn deadline(ring: &Ring, since: Timestamp, seats: &[Seat], joining: bool) -> Option<Timestamp> {
    let ends = seats.iter().enumerate().filter_map(|(index, seat)| seat_deadline(ring, index, *seat));
    let starts = ring.members.iter().zip(seats).filter_map(|(member, seat)| {
        let later_on = ring.order == Order::Simultaneous && *seat == Seat::Waiting && !joining;
        later_on.then(|| later(since, member.delay))
    });
    let whole = ring.timeout.filter(|_| !joining).map(|timeout| later(since, timeout));
    ends.chain(starts).chain(whole).min()
}

fn seat_deadline(ring: &Ring, index: usize, seat: Seat) -> Option<Timestamp> {
    let ring_for = ring.members.get(index)?.ring_for;
    match seat {
        Seat::Held(until) => Some(until),
        Seat::Ringing(since) => Some(later(since, ring_for)),
        Seat::Unseen(since) => Some(later(since, ring_for.min(UNSEEN))),
        Seat::Dialled(at) => Some(later(at, ring_for + NO_WORD)),
        Seat::Waiting | Seat::Answered | Seat::Out(_) => None,
    }
}

fn to_dial(ring: &Ring, since: Timestamp, seats: &[Seat], now: Timestamp) -> Vec<usize> {
    let rings = seats.iter().any(Seat::rings);
    let waiting = |index: &usize| seats.get(*index) == Some(&Seat::Waiting);
    let due = |index: &usize| ring.members.get(*index).is_some_and(|member| now >= later(since, member.delay));
    let first = || {
        let mut all: Vec<usize> = (0..seats.len()).filter(waiting).collect();
        all.sort_by_key(|index| ring.members.get(*index).map(|member| member.delay));
        all.into_iter().take(1).collect::<Vec<_>>()
    };
    match ring.order {
        Order::Sequential if rings => Vec::new(),
        Order::Sequential => (0..seats.len()).filter(waiting).take(1).collect(),
        Order::Simultaneous => {
            let due: Vec<usize> = (0..seats.len()).filter(waiting).filter(due).collect();
            // Nobody rings any more: whoever is next need not wait for his delay.
            if due.is_empty() && !rings { first() } else { due }
        }
    }
}

/// What a ring that reached nobody amounts to. A single dial tells exactly how it ended; a ring of several is
/// declined or failed only if all were.
fn outcome(ring: &Ring, seats: &[Seat]) -> Outcome {
    let mut outs = seats.iter().map(|seat| match seat {
        Seat::Out(outcome) => *outcome,
        Seat::Waiting | Seat::Held(_) | Seat::Dialled(_) | Seat::Unseen(_) => Outcome::NoAnswer,
        Seat::Ringing(_) | Seat::Answered => Outcome::NoAnswer,
    });
    let first = outs.next().unwrap_or(Outcome::Failed);
    let all = outs.all(|outcome| outcome == first);
    match first {
        outcome if ring.asked == RingAsked::Dial => outcome,
        Outcome::Declined | Outcome::Failed if all => first,
        Outcome::Busy | Outcome::NoAnswer | Outcome::Declined | Outcome::Failed => Outcome::NoAnswer,
        // No party is out of a ring so.
        Outcome::Invalid | Outcome::Exhausted => Outcome::NoAnswer,
    }
}

#[cfg(test)]
mod tests {
    use super::super::kit::{member, secs};
    use super::*;
    use crate::routing::CallerId;

    const ORDERS: [Order; 2] = [Order::Simultaneous, Order::Sequential];

    fn at(second: u64) -> Timestamp {
        later(Timestamp::UNIX_EPOCH, secs(second))
    }

    /// A ring of members who ring for 20, 15 and 10 seconds, beginning at second 0.
    fn three(order: Order) -> Ring {
        let members = vec![member("a", 1, 20), member("b", 2, 15), member("c", 3, 10)];
        Ring { asked: RingAsked::List, members, order, timeout: None, caller_id: CallerId::Caller }
    }

    fn moves(ring: &Ring, seats: &[Seat], second: u64) -> Moves {
        plan(ring, at(0), seats, false, at(second))
    }

    fn dials(dial: &[usize]) -> Moves {
        Moves { dial: dial.to_vec(), ..Moves::default() }
    }

    #[test]
    fn all_at_once_or_one_after_the_other() {
        let waiting = [Seat::Waiting; 3];
        assert_eq!(moves(&three(Order::Simultaneous), &waiting, 0), dials(&[0, 1, 2]));
        let ring = three(Order::Sequential);
        assert_eq!(moves(&ring, &waiting, 0), dials(&[0]));
        for rings in [Seat::Dialled(at(0)), Seat::Unseen(at(0)), Seat::Ringing(at(0))] {
            assert_eq!(moves(&ring, &[rings, Seat::Waiting, Seat::Waiting], 5), dials(&[]));
        }
        assert_eq!(moves(&ring, &[Seat::Out(Outcome::Busy), Seat::Waiting, Seat::Waiting], 5), dials(&[1]));
    }

    #[test]
    fn each_rings_for_his_own_time() {
        let ring = three(Order::Simultaneous);
        let rings = [Seat::Ringing(at(1)); 3];
        assert_eq!(deadline(&ring, at(0), &rings, false), Some(at(11)));
        assert_eq!(moves(&ring, &rings, 10), dials(&[]));
        assert_eq!(moves(&ring, &rings, 11).stop, [2]);
        assert_eq!(moves(&ring, &rings, 16).stop, [1, 2]);
        let last = moves(&ring, &rings, 21);
        assert_eq!((last.stop, last.over), (vec![0, 1, 2], Some(Outcome::NoAnswer)));
    }

    #[test]
    fn in_turn_the_next_one_is_rung_as_the_last_one_is_stopped() {
        let moves = moves(&three(Order::Sequential), &[Seat::Ringing(at(0)), Seat::Waiting, Seat::Waiting], 20);
        assert_eq!(moves, Moves { dial: vec![1], stop: vec![0], ..Moves::default() });
    }

    #[test]
    fn without_a_word_a_seat_is_given_up_later_or_sooner() {
        let ring = three(Order::Sequential);
        for (seat, end) in [(Seat::Dialled(at(3)), 33), (Seat::Ringing(at(3)), 23), (Seat::Unseen(at(3)), 10)] {
            let seats = [seat, Seat::Waiting, Seat::Waiting];
            assert_eq!(deadline(&ring, at(0), &seats, false), Some(at(end)), "{seat:?}");
            assert_eq!(moves(&ring, &seats, end - 1), dials(&[]), "{seat:?}");
            assert_eq!(moves(&ring, &seats, end).stop, [0], "{seat:?}");
        }
    }

    #[test]
    fn delays_count_from_the_beginning_and_are_skipped_when_nobody_rings() {
        let mut ring = three(Order::Simultaneous);
        (ring.members[1].delay, ring.members[2].delay) = (secs(12), secs(5));
        assert_eq!(moves(&ring, &[Seat::Waiting; 3], 0), dials(&[0]));
        let seats = [Seat::Ringing(at(0)), Seat::Waiting, Seat::Waiting];
        assert_eq!(deadline(&ring, at(0), &seats, false), Some(at(5)));
        assert_eq!(moves(&ring, &seats, 4), dials(&[]));
        assert_eq!(moves(&ring, &seats, 5), dials(&[2]));
        assert_eq!(moves(&ring, &seats, 12).dial, [1, 2]);
        let alone = [Seat::Out(Outcome::Busy), Seat::Waiting, Seat::Waiting];
        assert_eq!(moves(&ring, &alone, 1), dials(&[2]), "whoever is next need not wait");
    }

    #[test]
    fn the_whole_ring_may_have_a_time_of_its_own() {
        for order in ORDERS {
            let ring = Ring { timeout: Some(secs(8)), ..three(order) };
            let seats = [Seat::Ringing(at(0)), Seat::Waiting, Seat::Waiting];
            assert_eq!(deadline(&ring, at(0), &seats, false), Some(at(if order == ORDERS[0] { 0 } else { 8 })));
            let moves = moves(&ring, &seats, 8);
            let over = Some(Outcome::NoAnswer);
            assert_eq!(moves, Moves { stop: vec![0], over, ..Moves::default() }, "{order:?}: nobody new is rung");
        }
    }

    #[test]
    fn the_first_to_pick_up_is_taken_and_nothing_else_happens() {
        for order in ORDERS {
            let seats = [Seat::Waiting, Seat::Answered, Seat::Answered];
            assert_eq!(moves(&three(order), &seats, 1), Moves { take: Some(1), ..Moves::default() });
        }
    }

    #[test]
    fn while_somebody_is_joined_the_others_ring_on_and_nobody_new_is_rung() {
        let ring = Ring { timeout: Some(secs(60)), ..three(Order::Simultaneous) };
        let seats = [Seat::Answered, Seat::Ringing(at(0)), Seat::Waiting];
        assert_eq!(plan(&ring, at(0), &seats, true, at(14)), Moves::default());
        assert_eq!(plan(&ring, at(0), &seats, true, at(15)).stop, [1]);
        assert_eq!(deadline(&ring, at(0), &seats, true), Some(at(15)));
        let nobody = [Seat::Answered, Seat::Out(Outcome::Busy), Seat::Out(Outcome::Busy)];
        assert_eq!(plan(&ring, at(0), &nobody, true, at(99)), Moves::default(), "nothing is over");
        assert_eq!(deadline(&ring, at(0), &nobody, true), None);
    }

    #[test]
    fn a_dial_tells_how_it_ended_a_ring_only_where_all_ended_alike() {
        use Outcome::{Busy, Declined, Failed, NoAnswer};
        let mixed = [
            ([Busy, Busy, Busy], NoAnswer),
            ([Declined, Declined, Declined], Declined),
            ([Failed, Failed, Failed], Failed),
            ([NoAnswer, NoAnswer, NoAnswer], NoAnswer),
            ([Declined, Declined, Failed], NoAnswer),
            ([Failed, Declined, Declined], NoAnswer),
            ([Busy, Failed, Failed], NoAnswer),
        ];
        for order in ORDERS {
            for (outs, expected) in mixed {
                let over = moves(&three(order), &outs.map(Seat::Out), 1);
                assert_eq!(over, Moves { over: Some(expected), ..Moves::default() }, "{outs:?}");
            }
        }
        for outcome in [Busy, Declined, Failed, NoAnswer] {
            let mut ring = three(Order::Sequential);
            (ring.asked, ring.members) = (RingAsked::Dial, vec![member("a", 1, 20)]);
            assert_eq!(moves(&ring, &[Seat::Out(outcome)], 1).over, Some(outcome));
        }
    }

    #[test]
    fn after_a_deadline_the_next_one_is_later() {
        let seats = [
            Seat::Waiting,
            Seat::Held(at(3)),
            Seat::Dialled(at(2)),
            Seat::Unseen(at(2)),
            Seat::Ringing(at(2)),
            Seat::Answered,
            Seat::Out(Outcome::Busy),
        ];
        for order in ORDERS {
            for timeout in [None, Some(secs(8))] {
                for joining in [true, false] {
                    for (a, b, c) in seats.iter().flat_map(|a| seats.iter().flat_map(|b| seats.map(|c| (*a, *b, c)))) {
                        let mut ring = Ring { timeout, ..three(order) };
                        ring.members[2].delay = secs(4);
                        let mut seats = [a, b, c];
                        let Some(due) = deadline(&ring, at(0), &seats, joining) else { continue };
                        let moves = plan(&ring, at(0), &seats, joining, due);
                        for index in &moves.stop {
                            seats[*index] = Seat::Out(Outcome::NoAnswer);
                        }
                        for index in &moves.dial {
                            seats[*index] = Seat::Dialled(due);
                        }
                        let joining = joining || moves.take.is_some();
                        let next = deadline(&ring, at(0), &seats, joining).filter(|_| moves.over.is_none());
                        assert!(
                            next.is_none_or(|next| next > due),
                            "{order:?} {timeout:?} {joining} {seats:?} {moves:?}"
                        );
                    }
                }
            }
        }
    }
}
