//! Who is connected, and who was refused how often.
//!
//! One source must not stand in the way of others, nor in its own: behind a proxy, Telnyx and a flood come from the
//! same address. So nobody is turned away for what his address did. When there is no room, whoever has let us wait for
//! longest makes some, those of a source that was refused often before all others; and such a source loses its
//! connection with each refusal.

use std::collections::{BTreeMap, HashMap};
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::time::Instant;
use tracing::warn;

use super::limits::Limits;
use super::phase::{Doing, Phase};
use super::seldom::Seldom;

/// How many of those who are to go are found at once.
const AT_ONCE: usize = 64;

/// All connections of one listener.
pub(super) struct Guests {
    limits: Limits,
    book: Mutex<Book>,
}

#[derive(Default)]
struct Book {
    next: u64,
    guests: BTreeMap<u64, (IpAddr, Phase)>,
    sources: HashMap<IpAddr, Source>,
    /// Who is to go next where there is no room, for one source or for all; the first one last.
    to_go: HashMap<Option<IpAddr>, Vec<(u64, Instant)>>,
    /// Connections closed, or not taken, for want of room.
    dropped: Seldom,
}

struct Source {
    guests: usize,
    /// Refusals that have not been forgotten by `at`.
    refused: f64,
    at: Instant,
}

/// Put on a request whose source was refused too often of late.
#[derive(Clone, Copy, Debug)]
pub(super) struct Suspect;

/// One connection's stay; it ends when this is dropped.
pub(super) struct Visit {
    guests: Arc<Guests>,
    number: u64,
    source: IpAddr,
    pub(super) phase: Phase,
}

impl Guests {
    pub(super) fn new(limits: Limits) -> Self {
        Self { limits, book: Mutex::default() }
    }

    /// Lets a connection in. `None` if there is no room, and nobody who could make some.
    pub(super) fn enter(self: &Arc<Self>, peer: IpAddr) -> Option<Visit> {
        let source = source_of(peer);
        let phase = Phase::new();
        let (number, dropped) = self.book().enter(source, phase.clone(), &self.limits);
        if let Some(times) = dropped {
            let Limits { connections, connections_per_source, .. } = self.limits;
            warn!(
                times,
                connections,
                connections_per_source,
                "connections dropped to make room for others: somebody holds many open without sending a whole request; \
                 if they are your own, set server.connections higher, and server.connections_per_source if they come \
                 through a proxy"
            );
        }
        Some(Visit { guests: self.clone(), number: number?, source, phase })
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Visit {
    /// Counts a refusal. True if there were too many from this source: its connection is to be closed.
    pub(super) fn refused(&self) -> bool {
        self.guests.book().refused(self.source, 1.0, &self.guests.limits)
    }

    /// Whether this source was refused too often of late.
    pub(super) fn suspect(&self) -> bool {
        self.guests.book().refused(self.source, 0.0, &self.guests.limits)
    }
}

impl Drop for Visit {
    fn drop(&mut self) {
        self.guests.book().leave(self.number);
    }
}

impl Book {
    /// The number of a new guest, if there is room; and how often there was none lately, if the log is to hear of it.
    fn enter(&mut self, source: IpAddr, phase: Phase, limits: &Limits) -> (Option<u64>, Option<u64>) {
        let of_source = self.sources.get(&source).map_or(0, |source| source.guests);
        let (full, of) = if of_source >= limits.connections_per_source {
            (true, Some(source))
        } else {
            (self.guests.len() >= limits.connections, None)
        };
        let dropped = if full { self.dropped.happened() } else { None };
        if full && !self.make_room(of, limits) {
            return (None, dropped);
        }
        self.forget(limits);
        let number = self.next;
        self.next += 1;
        self.guests.insert(number, (source, phase));
        self.sources.entry(source).or_insert_with(Source::new).guests += 1;
        (Some(number), dropped)
    }

    /// Sends away whoever has been idle, or at the head or body of a request, for longest; of those who were refused
    /// often, if there are any. Who waits for an answer stays.
    fn make_room(&mut self, of: Option<IpAddr>, limits: &Limits) -> bool {
        loop {
            let Some((number, since)) = self.next_to_go(of, limits) else { return false };
            // Meanwhile more of his request may have come: then others have let us wait for longer.
            let goes = |(_, phase): &(IpAddr, Phase)| phase.now().1 == since && phase.dismiss();
            if self.guests.get(&number).is_some_and(goes) {
                self.leave(number);
                return true;
            }
        }
    }

    /// Looking through all guests takes its time, and whoever floods us would have it done for each connection: some are
    /// found at once, and go one after another.
    fn next_to_go(&mut self, of: Option<IpAddr>, limits: &Limits) -> Option<(u64, Instant)> {
        let mut found = self.to_go.remove(&of).unwrap_or_default();
        if found.is_empty() {
            found = self.waited_for(of, limits);
        }
        let next = found.pop();
        if !found.is_empty() {
            self.to_go.insert(of, found);
        }
        next
    }

    /// Some of those who let us wait, and since when; who is to go first comes last.
    fn waited_for(&self, of: Option<IpAddr>, limits: &Limits) -> Vec<(u64, Instant)> {
        let now = Instant::now();
        let candidates = self.guests.iter().filter(|(_, (source, _))| of.is_none_or(|of| of == *source));
        let waited_for = candidates.filter_map(|(number, (source, phase))| match phase.now() {
            (Doing::Head | Doing::Body | Doing::Nothing, since) => {
                let suspect = self.sources.get(source).is_some_and(|source| source.suspect(now, limits));
                Some((!suspect, since, *number))
            }
            (Doing::Request | Doing::Leaving, _) => None,
        });
        let mut waited_for: Vec<_> = waited_for.collect();
        waited_for.sort_unstable();
        waited_for.truncate(AT_ONCE);
        waited_for.into_iter().rev().map(|(_, since, number)| (number, since)).collect()
    }

    fn leave(&mut self, number: u64) {
        let Some((source, _)) = self.guests.remove(&number) else { return };
        if let Some(entry) = self.sources.get_mut(&source) {
            entry.guests = entry.guests.saturating_sub(1);
            if entry.guests == 0 {
                self.to_go.remove(&Some(source));
                if entry.refused <= 0.0 {
                    self.sources.remove(&source);
                }
            }
        }
    }

    /// Adds to a source's refusals, and says whether they are too many.
    fn refused(&mut self, source: IpAddr, more: f64, limits: &Limits) -> bool {
        let Some(entry) = self.sources.get_mut(&source) else { return false };
        let now = Instant::now();
        // Never more than twice the limit, so that a flood is forgotten soon after its end.
        entry.refused = (entry.remembered(now, limits) + more).min(2.0 * f64::from(limits.refusals));
        entry.at = now;
        entry.suspect(now, limits)
    }

    /// Keeps the list of sources short: beyond some length, those that have left are forgotten with their refusals.
    fn forget(&mut self, limits: &Limits) {
        if self.sources.len() >= limits.connections.saturating_mul(4) {
            self.sources.retain(|_, source| source.guests > 0);
        }
    }
}

impl Source {
    fn new() -> Self {
        Self { guests: 0, refused: 0.0, at: Instant::now() }
    }

    /// Its refusals that are not forgotten by now.
    fn remembered(&self, now: Instant, limits: &Limits) -> f64 {
        let forgotten = now.duration_since(self.at).as_secs_f64() * f64::from(limits.refusals_per_second);
        (self.refused - forgotten).max(0.0)
    }

    fn suspect(&self, now: Instant, limits: &Limits) -> bool {
        self.remembered(now, limits) > f64::from(limits.refusals)
    }
}

/// Whom we hold answerable for an address: in IPv6 everybody has a whole network.
fn source_of(peer: IpAddr) -> IpAddr {
    match peer.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & (u128::MAX << 64))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guests(connections: usize, connections_per_source: usize) -> Arc<Guests> {
        Arc::new(Guests::new(Limits { connections, connections_per_source, refusals: 3, ..Limits::default() }))
    }

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn the_longest_idle_makes_room() {
        let guests = guests(10, 2);
        let first = guests.enter(ip("192.0.2.1")).unwrap();
        let second = guests.enter(ip("192.0.2.1")).unwrap();
        first.phase.set(Doing::Nothing);
        let third = guests.enter(ip("192.0.2.1")).unwrap();
        assert_eq!(first.phase.now().0, Doing::Nothing);
        assert_eq!(second.phase.now().0, Doing::Leaving);
        drop(second);
        first.phase.set(Doing::Request);
        third.phase.set(Doing::Request);
        assert!(guests.enter(ip("192.0.2.1")).is_none());
        let other = guests.enter(ip("192.0.2.2"));
        assert!(other.is_some());
        drop(first);
        assert!(guests.enter(ip("192.0.2.1")).is_some());
    }

    #[test]
    fn a_full_house_sends_away_anybody_who_is_idle() {
        let guests = guests(2, 2);
        let first = guests.enter(ip("192.0.2.1")).unwrap();
        let second = guests.enter(ip("192.0.2.2")).unwrap();
        let third = guests.enter(ip("192.0.2.3")).unwrap();
        assert_eq!(first.phase.now().0, Doing::Leaving);
        for guest in [&second, &third] {
            guest.phase.set(Doing::Request);
        }
        assert!(guests.enter(ip("192.0.2.4")).is_none());
        drop((first, second, third));
        let book = guests.book();
        assert!(book.guests.is_empty() && book.sources.is_empty());
    }

    #[test]
    fn whoever_sends_a_body_makes_room_for_others() {
        let guests = guests(2, 2);
        let slow = guests.enter(ip("192.0.2.1")).unwrap();
        let asking = guests.enter(ip("192.0.2.2")).unwrap();
        slow.phase.set(Doing::Body);
        asking.phase.set(Doing::Request);
        let third = guests.enter(ip("192.0.2.3"));
        assert!(third.is_some());
        assert_eq!((slow.phase.now().0, asking.phase.now().0), (Doing::Leaving, Doing::Request));
    }

    #[test]
    fn a_full_house_is_not_looked_through_for_each_newcomer() {
        let guests = guests(1_000, 1_000);
        let mut inside: Vec<Visit> = (0..1_000).map(|_| guests.enter(ip("192.0.2.1")).unwrap()).collect();
        for no in 0..5 {
            let newcomer = guests.enter(ip("192.0.2.1")).unwrap();
            assert_eq!(inside[no].phase.now().0, Doing::Leaving, "one after another, the first of all first");
            inside.push(newcomer);
        }
        let found: usize = guests.book().to_go.values().map(Vec::len).sum();
        assert_eq!(found, AT_ONCE - 5, "they were found at once");
        // Who has gone on meanwhile is passed over.
        inside[5].phase.set(Doing::Head);
        inside.push(guests.enter(ip("192.0.2.1")).unwrap());
        assert_eq!((inside[5].phase.now().0, inside[6].phase.now().0), (Doing::Head, Doing::Leaving));
        drop(inside);
        assert!(guests.book().to_go.is_empty());
    }

    #[test]
    fn those_who_were_refused_often_go_first() {
        let limits = Limits { connections: 3, refusals: 3, refusals_per_second: 0, ..Limits::default() };
        let guests = Arc::new(Guests::new(limits));
        let first = guests.enter(ip("192.0.2.1")).unwrap();
        let suspects = [(); 2].map(|()| guests.enter(ip("192.0.2.2")).unwrap());
        assert!((0..4).any(|_| suspects[1].refused()));
        let mut others = Vec::new();
        for gone in suspects {
            others.push(guests.enter(ip("192.0.2.3")).unwrap());
            assert_eq!((first.phase.now().0, gone.phase.now().0), (Doing::Head, Doing::Leaving));
        }
    }

    #[test]
    fn refusals_are_counted_by_source_and_forgotten() {
        let guests = guests(10, 10);
        let visit = guests.enter(ip("2001:db8:1:2::1")).unwrap();
        let neighbour = guests.enter(ip("2001:db8:1:2:ffff::9")).unwrap();
        let other = guests.enter(ip("2001:db8:1:3::1")).unwrap();
        assert!(!visit.refused());
        // So many at once that what is forgotten meanwhile does not count.
        assert!((0..1_000).any(|_| visit.refused()));
        assert!(neighbour.suspect());
        assert!(!other.suspect());
        let mut book = guests.book();
        let entry = book.sources.get_mut(&ip("2001:db8:1:2::")).unwrap();
        assert!(entry.refused <= 6.0);
        entry.at -= std::time::Duration::from_secs(60);
        assert!(!book.refused(ip("2001:db8:1:2::"), 0.0, &guests.limits));
    }

    #[test]
    fn a_mapped_address_is_the_one_it_maps() {
        assert_eq!(source_of(ip("::ffff:192.0.2.1")), ip("192.0.2.1"));
        assert_eq!(source_of(ip("2001:db8:1:2:3:4:5:6")), ip("2001:db8:1:2::"));
    }

    #[test]
    fn sources_that_left_are_forgotten_in_the_end() {
        let guests = guests(4, 2);
        for number in 0..1_000_u32 {
            let visit = guests.enter(IpAddr::V4((0x0a00_0000 + number).into())).unwrap();
            visit.refused();
        }
        assert!(guests.book().sources.len() <= 16);
    }
}
