//! Who is connected, and who was refused how often.
//!
//! One source must not stand in the way of others, nor in its own: behind a proxy, Telnyx and a flood come from the
//! same address. So nobody is turned away for what his address did. When there is no room, whoever has been doing
//! nothing for longest makes some; and a source that was refused often loses its connection with each refusal.

use std::collections::{BTreeMap, HashMap};
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::time::Instant;

use super::limits::Limits;
use super::phase::{Doing, Phase};

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
        let number = self.book().enter(source, phase.clone(), &self.limits)?;
        Some(Visit { guests: self.clone(), number, source, phase })
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
    fn enter(&mut self, source: IpAddr, phase: Phase, limits: &Limits) -> Option<u64> {
        let of_source = self.sources.get(&source).map_or(0, |source| source.guests);
        if of_source >= limits.connections_per_source {
            self.make_room(Some(source))?;
        } else if self.guests.len() >= limits.connections {
            self.make_room(None)?;
        }
        self.forget(limits);
        let number = self.next;
        self.next += 1;
        self.guests.insert(number, (source, phase));
        self.sources.entry(source).or_insert_with(Source::new).guests += 1;
        Some(number)
    }

    /// Sends away whoever has been idle, or at the head of a request, for longest. Who waits for an answer stays.
    fn make_room(&mut self, source: Option<IpAddr>) -> Option<()> {
        let candidates = self.guests.iter().filter(|(_, (of, _))| source.is_none_or(|source| source == *of));
        let idle = candidates.filter_map(|(number, (_, phase))| match phase.now() {
            (Doing::Head | Doing::Nothing, since) => Some((since, *number)),
            (Doing::Request | Doing::Leaving, _) => None,
        });
        let (_, number) = idle.min()?;
        if let Some(phase) = self.leave(number) {
            phase.set(Doing::Leaving);
        }
        Some(())
    }

    fn leave(&mut self, number: u64) -> Option<Phase> {
        let (source, phase) = self.guests.remove(&number)?;
        if let Some(entry) = self.sources.get_mut(&source) {
            entry.guests = entry.guests.saturating_sub(1);
            if entry.guests == 0 && entry.refused <= 0.0 {
                self.sources.remove(&source);
            }
        }
        Some(phase)
    }

    /// Adds to a source's refusals, and says whether they are too many.
    fn refused(&mut self, source: IpAddr, more: f64, limits: &Limits) -> bool {
        let Some(entry) = self.sources.get_mut(&source) else { return false };
        let now = Instant::now();
        let forgotten = now.duration_since(entry.at).as_secs_f64() * f64::from(limits.refusals_per_second);
        let most = f64::from(limits.refusals);
        // Never more than twice the limit, so that a flood is forgotten soon after its end.
        entry.refused = ((entry.refused - forgotten).max(0.0) + more).min(2.0 * most);
        entry.at = now;
        entry.refused > most
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
    fn who_was_told_to_leave_stays_told() {
        let phase = Phase::new();
        phase.set(Doing::Leaving);
        phase.set(Doing::Request);
        assert_eq!(phase.now().0, Doing::Leaving);
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
