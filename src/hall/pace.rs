//! How many commands leave, in which order, and what becomes of them while Telnyx does not answer.
//!
//! A command that may be sent asks for its turn here. What is for a caller in our hands comes before everything else: a
//! hangup, a rejection, an answer, a bridge. They have places of their own, so that no number of dials that hang keeps
//! them back. Then comes what is heard, then transfers, and dials last; of each of these the oldest first. Time is handed
//! in: the time since anything, the same for every call.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroU32;
use std::time::Duration;

use super::bucket::Bucket;
use super::circuit::Circuit;
use crate::call::{CommandId, Kind};

/// How many tries of each rank may be under way at once.
const PLACES: usize = 128;
/// Dials a second, for all nodes of an account together. Telnyx takes 150 in any 5 s, and this keeps some of them back.
/// It counts the Dial command and its like in TeXML, and no transfer (its page on the limit of dials per second).
const DIALS: NonZeroU32 = NonZeroU32::MIN.saturating_add(24);

/// A command that may be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Wish {
    /// Which.
    pub id: CommandId,
    /// What it is.
    pub kind: Kind,
    /// By this it is older or younger than another.
    pub born: Duration,
    /// When it is too late for it, if that is soon.
    pub until: Option<Duration>,
    /// No try of it can have been carried out: it can still be left.
    pub fresh: bool,
}

/// What is to be done with a command now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Grant {
    /// It is its turn: a place is kept for it until it is said what came of the try, or that there was none.
    Go(CommandId),
    /// It does not get a turn, for that reason.
    Refused(CommandId, &'static str),
}

/// Who comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    Urgent,
    Usual,
    Transfer,
    Dial,
}

/// Every rank, the first first.
const RANKS: [Rank; 4] = [Rank::Urgent, Rank::Usual, Rank::Transfer, Rank::Dial];

/// All that waits for its turn, and all that has it.
#[derive(Clone, Debug)]
pub(super) struct Pace {
    queues: BTreeMap<Rank, Queue>,
    under_way: BTreeMap<CommandId, Rank>,
    dials: Bucket,
    /// For every command, where the operator says how many.
    all: Option<Bucket>,
    circuit: Circuit,
}

/// When one was born, and how many of its rank had asked before it.
type Age = (Duration, u64);

/// What waits of one rank.
#[derive(Clone, Debug, Default)]
struct Queue {
    /// By age, and of the same age in the order in which they asked.
    wishes: BTreeMap<Age, Wish>,
    /// When it is too late for whom.
    ends: BTreeSet<(Duration, Age)>,
    asked: u64,
    under_way: usize,
    /// Telnyx wants no more of them before that.
    held: Duration,
}

impl Pace {
    /// The pace of a node that is alone. `rate`: the most commands a second, if there is to be a limit.
    pub fn new(rate: Option<NonZeroU32>) -> Self {
        let queues = RANKS.map(|rank| (rank, Queue::default()));
        Self {
            queues: queues.into(),
            under_way: BTreeMap::new(),
            dials: Bucket::new(DIALS),
            all: rate.map(Bucket::new),
            circuit: Circuit::default(),
        }
    }

    /// So many nodes share the account.
    pub fn share(&mut self, nodes: u32) {
        self.dials.share(nodes);
        self.all.iter_mut().for_each(|all| all.share(nodes));
    }

    /// A command asks for its turn.
    pub fn ask(&mut self, wish: Wish) {
        self.queues.entry(Rank::of(wish.kind)).or_default().add(wish);
    }

    /// The next command that has its turn, or will not get one. To be asked until there is none.
    pub fn next(&mut self, now: Duration) -> Option<Grant> {
        RANKS.into_iter().find_map(|rank| self.next_of(rank, now))
    }

    fn next_of(&mut self, rank: Rank, now: Duration) -> Option<Grant> {
        let ready = self.ready_at(rank);
        let shut = rank.rings() && self.circuit.refuses(now);
        let queue = self.queues.get_mut(&rank)?;
        if let Some(id) = shut.then(|| queue.take_fresh()).flatten() {
            return Some(Grant::Refused(id, "Telnyx does not answer"));
        }
        if let Some(id) = queue.too_late(ready.max(now)) {
            return Some(Grant::Refused(id, "too much at once"));
        }
        if ready > now || queue.under_way >= PLACES {
            return None;
        }
        let wish = queue.take()?;
        queue.under_way += 1;
        self.under_way.insert(wish.id, rank);
        self.all.iter_mut().for_each(|all| all.take(now));
        if rank == Rank::Dial {
            self.dials.take(now);
        }
        if rank.rings() && wish.fresh {
            self.circuit.begins(wish.id);
        }
        Some(Grant::Go(wish.id))
    }

    /// When the next one of a rank may leave, if there is a place.
    fn ready_at(&self, rank: Rank) -> Duration {
        let all = self.all.as_ref().map_or(Duration::ZERO, Bucket::ready_at);
        let held = self.queues.get(&rank).map_or(Duration::ZERO, |queue| queue.held);
        let dials = if rank == Rank::Dial { self.dials.ready_at() } else { Duration::ZERO };
        all.max(held).max(dials)
    }

    /// When [`Pace::next`] may have something to say without anything having happened.
    pub fn wake_at(&self) -> Option<Duration> {
        let of = |(rank, queue): (&Rank, &Queue)| {
            let ready = (!queue.wishes.is_empty() && queue.under_way < PLACES).then(|| self.ready_at(*rank));
            ready.into_iter().chain(queue.ends.first().map(|(until, _)| *until)).min()
        };
        self.queues.iter().filter_map(of).min()
    }

    /// What came of a try. `answered`: by Telnyx, whatever it said, and not that it is out of order; `hold`: how long it
    /// wants no more of such. Its own rank heeds that, and who is to be rung; a transfer not what was said of a dial, which has
    /// a limit of its own. What is heard may still be welcome, and is told if it is not. Of what is urgent each command
    /// rests for itself.
    pub fn heard(&mut self, id: CommandId, answered: bool, hold: Option<Duration>, now: Duration) {
        let Some(rank) = self.under_way.get(&id).copied() else { return };
        self.circuit.heard(id, rank.rings(), answered, now);
        self.free(id);
        let until = now.saturating_add(hold.unwrap_or_default());
        let heeds = |of: Rank| match of {
            Rank::Urgent => false,
            Rank::Usual => rank == Rank::Usual,
            Rank::Transfer => rank != Rank::Dial,
            Rank::Dial => true,
        };
        let held = self.queues.iter_mut().filter(|(of, _)| hold.is_some() && heeds(**of));
        held.for_each(|(_, queue)| queue.held = queue.held.max(until));
    }

    /// There was no try: its place is another's.
    pub fn free(&mut self, id: CommandId) {
        let Some(rank) = self.under_way.remove(&id) else { return };
        self.circuit.forget(id);
        self.queues.entry(rank).and_modify(|queue| queue.under_way = queue.under_way.saturating_sub(1));
    }

    /// Whether Telnyx answers: 0 yes, 1 one tries, 2 no, and dials and transfers are refused.
    pub fn circuit(&self) -> u8 {
        self.circuit.level()
    }
}

impl Queue {
    fn add(&mut self, wish: Wish) {
        self.asked += 1;
        let age = (wish.born, self.asked);
        if let Some(until) = wish.until {
            self.ends.insert((until, age));
        }
        self.wishes.insert(age, wish);
    }

    fn remove(&mut self, age: Age) -> Option<Wish> {
        let wish = self.wishes.remove(&age)?;
        if let Some(until) = wish.until {
            self.ends.remove(&(until, age));
        }
        Some(wish)
    }

    /// The oldest.
    fn take(&mut self) -> Option<Wish> {
        let age = *self.wishes.keys().next()?;
        self.remove(age)
    }

    /// The oldest one that can still be left.
    fn take_fresh(&mut self) -> Option<CommandId> {
        let age = *self.wishes.iter().find(|(_, wish)| wish.fresh)?.0;
        self.remove(age).map(|wish| wish.id)
    }

    /// One for whom it is too late then.
    fn too_late(&mut self, then: Duration) -> Option<CommandId> {
        let (_, age) = *self.ends.first().filter(|(until, _)| *until <= then)?;
        self.remove(age).map(|wish| wish.id)
    }
}

impl Rank {
    fn of(kind: Kind) -> Self {
        match kind {
            Kind::Hangup | Kind::Reject | Kind::Answer | Kind::Bridge => Self::Urgent,
            Kind::Speak | Kind::Play | Kind::Gather | Kind::StopPlay | Kind::Look | Kind::Find => Self::Usual,
            Kind::Record | Kind::StopRecord | Kind::Recordings => Self::Usual,
            // It does not come here: it is not for Telnyx, and has places of its own.
            Kind::Notify => Self::Dial,
            Kind::Transfer => Self::Transfer,
            Kind::Dial => Self::Dial,
        }
    }

    /// Whether somebody is rung who was not on the phone: that can be left, where Telnyx does not answer.
    fn rings(self) -> bool {
        matches!(self, Self::Transfer | Self::Dial)
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

    /// Numbers are ages: the least is the oldest.
    fn wish(no: u128, kind: Kind) -> Wish {
        Wish { id: id(no), kind, born: secs(u64::try_from(no).unwrap()), until: None, fresh: true }
    }

    fn gone(pace: &mut Pace, now: Duration) -> Vec<u128> {
        let mut gone = Vec::new();
        while let Some(turn) = pace.next(now) {
            let Grant::Go(id) = turn else { panic!("{turn:?}") };
            gone.push(id.0.as_u128());
        }
        gone
    }

    #[test]
    fn what_is_urgent_comes_first_then_what_is_heard_then_transfers_and_dials_each_by_age() {
        let mut pace = Pace::new(NonZeroU32::new(1));
        let heard = [(3, Kind::Speak), (2, Kind::Look)];
        for (no, kind) in
            [(1, Kind::Dial), (4, Kind::Transfer), (9, Kind::Bridge), (8, Kind::Hangup)].into_iter().chain(heard)
        {
            pace.ask(wish(no, kind));
        }
        let mut order = Vec::new();
        for now in 0..6 {
            order.extend(gone(&mut pace, secs(100 + now)));
            assert_eq!(pace.wake_at(), (now < 5).then(|| secs(101 + now)));
        }
        assert_eq!(order, [8, 9, 2, 3, 4, 1]);
        assert!(pace.queues.values().all(|queue| queue.wishes.is_empty()));
    }

    #[test]
    fn of_the_same_age_whoever_asks_first_goes_first() {
        let mut pace = Pace::new(None);
        for no in [3, 1, 2] {
            pace.ask(Wish { born: secs(1), ..wish(no, Kind::Dial) });
        }
        assert_eq!(gone(&mut pace, secs(1)), [3, 1, 2]);
    }

    #[test]
    fn dials_that_hang_keep_nobody_else_back() {
        let mut pace = Pace::new(None);
        let mut now = secs(0);
        for no in 0..200 {
            pace.ask(wish(no, Kind::Dial));
        }
        let mut dialled = 0;
        while let Some(at) = pace.wake_at() {
            now = now.max(at);
            dialled += gone(&mut pace, now).len();
        }
        assert_eq!(dialled, PLACES);
        for (no, kind) in [(500, Kind::Hangup), (501, Kind::Answer), (502, Kind::Speak)] {
            pace.ask(wish(no, kind));
        }
        assert_eq!(gone(&mut pace, now), [500, 501, 502]);
        pace.heard(id(7), true, None, now);
        assert_eq!(gone(&mut pace, now + secs(1)), [128], "one of them has its place");
        pace.free(id(8));
        assert_eq!(gone(&mut pace, now + secs(1)), [129]);
    }

    #[test]
    fn dials_are_shared_with_the_other_nodes() {
        for (nodes, at_once) in [(1, 12), (5, 2), (50, 1)] {
            let mut pace = Pace::new(None);
            pace.share(nodes);
            (0..40).for_each(|no| pace.ask(wish(no, Kind::Dial)));
            assert_eq!(gone(&mut pace, secs(60)).len(), at_once);
        }
    }

    #[test]
    fn whoever_would_wait_for_too_long_is_told_so_at_once() {
        let mut pace = Pace::new(None);
        pace.ask(wish(1, Kind::Speak));
        assert_eq!(gone(&mut pace, secs(10)), [1]);
        pace.heard(id(1), true, Some(secs(20)), secs(10));
        let until = Some(secs(15));
        for kind in [Kind::Dial, Kind::Speak] {
            pace.ask(Wish { until, ..wish(2, kind) });
            assert_eq!(pace.next(secs(10)), Some(Grant::Refused(id(2), "too much at once")), "{kind}");
        }
        pace.ask(wish(3, Kind::Look));
        assert_eq!((pace.next(secs(10)), pace.wake_at()), (None, Some(secs(30))), "it has time");
        pace.ask(wish(4, Kind::Hangup));
        assert_eq!(gone(&mut pace, secs(10)), [4]);
        assert_eq!(gone(&mut pace, secs(30)), [3]);
    }

    #[test]
    fn whoever_waits_in_vain_is_told_when_it_is_too_late() {
        let mut pace = Pace::new(None);
        for no in 0..200 {
            pace.ask(Wish { until: Some(secs(3)), ..wish(no, Kind::Dial) });
        }
        let (mut now, mut went, mut refused) = (secs(0), 0, 0);
        while let Some(at) = pace.wake_at() {
            now = now.max(at);
            while let Some(turn) = pace.next(now) {
                match turn {
                    Grant::Go(id) => {
                        went += 1;
                        pace.heard(id, true, None, now);
                    }
                    Grant::Refused(..) => refused += 1,
                }
            }
        }
        assert!(now <= secs(3) && (75..100).contains(&went) && went + refused == 200, "{now:?} {went} {refused}");
    }

    #[test]
    fn a_limit_of_dials_holds_dials_only() {
        let mut pace = Pace::new(None);
        pace.ask(wish(1, Kind::Dial));
        assert_eq!(gone(&mut pace, secs(10)), [1]);
        pace.heard(id(1), true, Some(secs(1)), secs(10));
        pace.ask(wish(2, Kind::Dial));
        pace.ask(wish(3, Kind::Speak));
        (4..104).for_each(|no| pace.ask(wish(no, Kind::Transfer)));
        assert_eq!(gone(&mut pace, secs(10)).len(), 101, "a transfer is no dial");
        assert_eq!(gone(&mut pace, secs(11)), [2]);
    }

    #[test]
    fn a_limit_of_anything_else_leaves_what_is_heard_alone() {
        for kind in [Kind::Transfer, Kind::Answer, Kind::Speak] {
            let mut pace = Pace::new(None);
            pace.ask(wish(1, kind));
            assert_eq!(gone(&mut pace, secs(10)), [1]);
            pace.heard(id(1), true, Some(secs(1)), secs(10));
            let rest = [(2, Kind::Dial), (3, Kind::Transfer), (4, Kind::Speak), (5, Kind::Hangup)];
            rest.into_iter().for_each(|(no, kind)| pace.ask(wish(no, kind)));
            let said_of_it = kind == Kind::Speak;
            assert_eq!(gone(&mut pace, secs(10)), if said_of_it { vec![5] } else { vec![5, 4] }, "{kind}");
            assert_eq!(gone(&mut pace, secs(11)), if said_of_it { vec![4, 3, 2] } else { vec![3, 2] }, "{kind}");
        }
    }

    #[test]
    fn while_telnyx_does_not_answer_dials_are_refused_and_everything_else_goes_on() {
        let mut pace = Pace::new(None);
        for no in 0..5 {
            pace.ask(wish(no, Kind::Speak));
            assert_eq!(gone(&mut pace, secs(9)), [no]);
            pace.heard(id(no), false, None, secs(9));
        }
        for (no, kind) in [(10, Kind::Hangup), (11, Kind::Answer), (12, Kind::Reject), (13, Kind::Bridge)] {
            pace.ask(wish(no, kind));
        }
        assert_eq!(gone(&mut pace, secs(9)), [10, 11, 12, 13]);
        for (no, kind) in [(20, Kind::Dial), (21, Kind::Transfer)] {
            pace.ask(wish(no, kind));
            assert_eq!(pace.next(secs(9)), Some(Grant::Refused(id(no), "Telnyx does not answer")));
        }
        pace.ask(Wish { fresh: false, ..wish(22, Kind::Dial) });
        assert_eq!(gone(&mut pace, secs(9)), [22], "what may be done already is not left");
        pace.ask(wish(23, Kind::Dial));
        pace.ask(wish(24, Kind::Dial));
        assert_eq!(pace.next(secs(10)), Some(Grant::Go(id(23))), "one tries");
        assert_eq!(pace.next(secs(10)), Some(Grant::Refused(id(24), "Telnyx does not answer")));
        pace.heard(id(23), true, None, secs(10));
        pace.ask(wish(25, Kind::Dial));
        assert_eq!(gone(&mut pace, secs(10)), [25]);
    }
}
