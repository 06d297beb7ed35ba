//! What waits to be committed: events of live calls first, new calls after them.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::time::Instant;

/// How many events of live calls may wait; beyond it their senders are asked to come again.
const ROOM: usize = 4096;
/// How many of both may wait before new calls are turned away.
const ROOM_FOR_NEW: usize = ROOM / 2;
/// How long a new call waits behind live ones. Who hands it in does not wait longer for an answer: he comes again.
const PATIENCE: Duration = Duration::from_secs(1);

/// Which of two comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rank {
    /// An event of a call that lives: news, an outcome, a deadline.
    Live,
    /// Somebody calls us.
    New,
}

/// How many wait. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub(super) struct Room {
    live: Arc<AtomicUsize>,
    new: Arc<AtomicUsize>,
}

/// A place in the room, given back when it is dropped.
#[derive(Debug)]
pub(super) struct Seat(Arc<AtomicUsize>);

impl Room {
    /// A place for one more, if there is any. New calls take none from live ones.
    pub fn enter(&self, rank: Rank) -> Option<Seat> {
        let (seat, before) = match rank {
            Rank::Live => Seat::take(&self.live),
            Rank::New => Seat::take(&self.new),
        };
        let free = match rank {
            Rank::Live => before < ROOM,
            Rank::New => before + self.live.load(Ordering::Relaxed) < ROOM_FOR_NEW,
        };
        free.then_some(seat)
    }

    /// How many wait.
    #[cfg(test)]
    pub fn taken(&self) -> usize {
        self.live.load(Ordering::Relaxed) + self.new.load(Ordering::Relaxed)
    }
}

impl Seat {
    /// One of these, and how many were taken before.
    fn take(of: &Arc<AtomicUsize>) -> (Self, usize) {
        let before = of.fetch_add(1, Ordering::Relaxed);
        (Self(of.clone()), before)
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// What waits for one writer.
pub(super) struct Queue<T> {
    live: VecDeque<Waiting<T>>,
    new: VecDeque<Waiting<T>>,
    came: u64,
}

struct Waiting<T> {
    /// Its place in the order of coming.
    no: u64,
    since: Instant,
    what: T,
}

impl<T> Queue<T> {
    pub fn new() -> Self {
        Self { live: VecDeque::new(), new: VecDeque::new(), came: 0 }
    }

    pub fn is_empty(&self) -> bool {
        self.live.is_empty() && self.new.is_empty()
    }

    /// One more, which came at that moment.
    pub fn push(&mut self, rank: Rank, since: Instant, what: T) {
        self.came += 1;
        let waiting = Waiting { no: self.came, since, what };
        match rank {
            Rank::Live => self.live.push_back(waiting),
            Rank::New => self.new.push_back(waiting),
        }
    }

    /// The next batch of at most so many, in the order in which they came; new calls have what room the others leave.
    pub fn batch(&mut self, most: usize) -> Vec<T> {
        let live = self.live.len().min(most);
        let new = self.new.len().min(most - live);
        let mut batch: Vec<_> = self.live.drain(..live).chain(self.new.drain(..new)).collect();
        batch.sort_unstable_by_key(|waiting| waiting.no);
        batch.into_iter().map(|waiting| waiting.what).collect()
    }

    /// The new calls that have waited for too long by now: they are let go.
    pub fn given_up(&mut self, now: Instant) -> Vec<T> {
        let late = self.new.partition_point(|waiting| now.duration_since(waiting.since) > PATIENCE);
        self.new.drain(..late).map(|waiting| waiting.what).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn queue(now: Instant, coming: &[(Rank, u32)]) -> Queue<u32> {
        let mut queue = Queue::new();
        coming.iter().for_each(|(rank, what)| queue.push(*rank, now, *what));
        queue
    }

    #[test]
    fn who_fits_goes_in_the_order_of_coming() {
        let now = Instant::now();
        let mut queue = queue(now, &[(Rank::New, 1), (Rank::Live, 2), (Rank::New, 3), (Rank::Live, 4)]);
        assert_eq!(queue.batch(4), [1, 2, 3, 4]);
        assert!(queue.is_empty() && queue.batch(4).is_empty());
    }

    #[test]
    fn new_calls_have_the_room_that_live_ones_leave() {
        let now = Instant::now();
        let mut queue = queue(now, &[(Rank::New, 1), (Rank::New, 2), (Rank::Live, 3), (Rank::Live, 4)]);
        assert_eq!(queue.batch(3), [1, 3, 4]);
        queue.push(Rank::Live, now, 5);
        assert_eq!((queue.batch(1), queue.batch(1)), (vec![5], vec![2]));
    }

    #[test]
    fn only_a_new_call_is_given_up_and_only_after_a_while() {
        let now = Instant::now();
        let mut queue = queue(now, &[(Rank::New, 1), (Rank::Live, 2)]);
        queue.push(Rank::New, now + PATIENCE, 3);
        assert!(queue.given_up(now + PATIENCE).is_empty());
        assert_eq!(queue.given_up(now + PATIENCE + Duration::from_millis(1)), [1]);
        assert_eq!(queue.batch(9), [2, 3]);
    }

    #[test]
    fn new_calls_take_no_place_from_live_ones_and_none_is_lost() {
        let room = Room::default();
        let new: Vec<_> = std::iter::from_fn(|| room.enter(Rank::New)).collect();
        let live: Vec<_> = std::iter::from_fn(|| room.enter(Rank::Live)).collect();
        assert_eq!((new.len(), live.len()), (ROOM_FOR_NEW, ROOM));
        drop(new);
        assert!(room.enter(Rank::New).is_none(), "live ones fill it");
        drop(live);
        assert!(room.enter(Rank::New).is_some());
        assert_eq!(room.taken(), 0);
    }
}
