//! Who to ring, who to stop, whom to take: pure over what is known of each seat, and time.
//!
//! A seat is one member of a ring with all that became of him. The plan knows no legs, no commands and no steps.

use std::time::Duration;

use jiff::Timestamp;

use super::turn::later;
use crate::routing::{Order, Outcome, Ring, RingAsked};

/// How much longer than its ring time a dial may go without any word before its seat is given up.
const WORDLESS: Duration = Duration::from_secs(10);

/// What is known of a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Seat {
    /// Not rung yet.
    Waiting,
    /// Dialled at a moment; nothing heard of it.
    Dialled(Timestamp),
    /// Ringing since a moment.
    Ringing(Timestamp),
    /// Picked up.
    Answered,
    /// Out of it.
    Out(Outcome),
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
        let rings = matches!(seat, Seat::Dialled(_) | Seat::Ringing(_));
        if rings && (over || time_up) {
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
    let nobody_rings = !seats.iter().any(|seat| matches!(seat, Seat::Dialled(_) | Seat::Ringing(_)));
    if nobody_rings && moves.dial.is_empty() {
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
        Seat::Ringing(since) => Some(later(since, ring_for)),
        Seat::Dialled(at) => Some(later(at, ring_for + WORDLESS)),
        Seat::Waiting | Seat::Answered | Seat::Out(_) => None,
    }
}

fn to_dial(ring: &Ring, since: Timestamp, seats: &[Seat], now: Timestamp) -> Vec<usize> {
    let rings = seats.iter().any(|seat| matches!(seat, Seat::Dialled(_) | Seat::Ringing(_)));
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
        Seat::Waiting | Seat::Dialled(_) | Seat::Ringing(_) | Seat::Answered => Outcome::NoAnswer,
    });
    let first = outs.next().unwrap_or(Outcome::Failed);
    let all = outs.all(|outcome| outcome == first);
    match first {
        outcome if ring.asked == RingAsked::Dial => outcome,
        Outcome::Declined | Outcome::Failed if all => first,
        Outcome::Busy | Outcome::NoAnswer | Outcome::Declined | Outcome::Failed => Outcome::NoAnswer,
    }
}
