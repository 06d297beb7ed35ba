//! The only place that asks what time it is: the wall's time, a boot clock that counts suspend, and a test's.
//!
//! Wall time is cut to whole milliseconds, so that what a decision was given is what the journal can give again.

#![expect(clippy::disallowed_methods, reason = "this is where the time is asked")]

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use jiff::Timestamp;

/// A clock that is handed to whoever needs the time.
#[derive(Clone, Debug)]
pub struct Clock(Kind);

#[derive(Clone, Debug)]
enum Kind {
    /// The machine's.
    System,
    /// Starts at a stated moment and runs a number of times faster than the machine's.
    Fast { start: Timestamp, since: Instant, times: u32 },
    /// As fast as that at most: it stops where nobody winds it.
    Wound { start: Timestamp, times: u32, reach: Duration, spring: Arc<Mutex<Spring>> },
    /// Stands still until it is told to move; milliseconds since 1970.
    Hand(Arc<AtomicI64>),
}

#[derive(Debug)]
struct Spring {
    /// What the clock had run when it was last wound.
    run: Duration,
    at: Instant,
}

/// A reading of the boot clock: comparable only with readings of the same boot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BootTime {
    /// Names the boot of the machine; another after each start.
    pub boot: String,
    /// Time since that start, suspend counted.
    pub since: Duration,
}

impl Clock {
    /// The machine's clock.
    pub fn system() -> Self {
        Self(Kind::System)
    }

    /// A clock that begins at `start` now and runs `times` times as fast as the machine's.
    pub fn fast(start: Timestamp, times: u32) -> Self {
        Self(Kind::Fast { start, since: Instant::now(), times: times.max(1) })
    }

    /// A clock that begins at `start` and runs `times` times as fast as the machine's, but never further than `reach`
    /// beyond the last [`Clock::wind`]. Wound by whoever does some work between two winds, it runs as fast as the
    /// machine gets work done: on a busy one time passes more slowly, instead of everybody being late.
    pub fn wound(start: Timestamp, times: u32, reach: Duration) -> Self {
        let spring = Arc::new(Mutex::new(Spring { run: Duration::ZERO, at: Instant::now() }));
        Self(Kind::Wound { start, times: times.max(1), reach, spring })
    }

    /// Winds a clock made by [`Clock::wound`]; any other runs by itself and is left alone.
    pub fn wind(&self) {
        if let Kind::Wound { times, reach, spring, .. } = &self.0 {
            let mut spring = held(spring);
            *spring = Spring { run: spring.run(*times, *reach), at: Instant::now() };
        }
    }

    /// A clock for tests, that stands at `start` until [`Clock::advance`] moves it.
    pub fn by_hand(start: Timestamp) -> Self {
        Self(Kind::Hand(Arc::new(AtomicI64::new(start.as_millisecond()))))
    }

    /// Moves a clock made by [`Clock::by_hand`]; any other runs by itself and is left alone.
    pub fn advance(&self, by: Duration) {
        if let Kind::Hand(now) = &self.0 {
            now.fetch_add(i64::try_from(by.as_millis()).unwrap_or(0), Ordering::SeqCst);
        }
    }

    /// The wall's time, in whole milliseconds.
    pub fn now(&self) -> Timestamp {
        let exact = match &self.0 {
            Kind::System => Timestamp::now(),
            Kind::Fast { start, since, times } => {
                start.saturating_add(since.elapsed().saturating_mul(*times)).unwrap_or(*start)
            }
            Kind::Wound { start, times, reach, spring } => {
                start.saturating_add(held(spring).run(*times, *reach)).unwrap_or(*start)
            }
            Kind::Hand(now) => return whole(now.load(Ordering::SeqCst)),
        };
        whole(exact.as_millisecond())
    }

    /// The boot clock: it never steps, and goes on while the machine is suspended.
    pub fn boot(&self) -> BootTime {
        match &self.0 {
            Kind::System => machine_boot(),
            Kind::Fast { since, times, .. } => {
                BootTime { boot: machine_boot().boot, since: since.elapsed().saturating_mul(*times) }
            }
            Kind::Wound { times, reach, spring, .. } => {
                BootTime { boot: machine_boot().boot, since: held(spring).run(*times, *reach) }
            }
            Kind::Hand(now) => BootTime {
                boot: "by hand".to_owned(),
                since: Duration::from_millis(u64::try_from(now.load(Ordering::SeqCst)).unwrap_or(0)),
            },
        }
    }

    /// How long the machine must sleep until this clock shows `then`; nothing if it already does.
    pub fn until(&self, then: Timestamp) -> Duration {
        self.real(Duration::try_from(then.duration_since(self.now())).unwrap_or_default())
    }

    /// How long the machine must sleep for this clock to move by `span`.
    pub fn real(&self, span: Duration) -> Duration {
        match &self.0 {
            Kind::System | Kind::Hand(_) => span,
            Kind::Fast { times, .. } | Kind::Wound { times, .. } => span / *times,
        }
    }
}

impl Spring {
    fn run(&self, times: u32, reach: Duration) -> Duration {
        self.run + self.at.elapsed().saturating_mul(times).min(reach)
    }
}

fn held(spring: &Mutex<Spring>) -> MutexGuard<'_, Spring> {
    spring.lock().unwrap_or_else(PoisonError::into_inner)
}

fn whole(millis: i64) -> Timestamp {
    Timestamp::from_millisecond(millis).unwrap_or(Timestamp::UNIX_EPOCH)
}

#[cfg(target_os = "linux")]
fn machine_boot() -> BootTime {
    use std::sync::OnceLock;
    static BOOT: OnceLock<String> = OnceLock::new();
    let boot = BOOT.get_or_init(|| {
        std::fs::read_to_string("/proc/sys/kernel/random/boot_id").map_or_else(
            // Without a name for the boot no other process may compare its readings with ours.
            |_| uuid::Uuid::new_v4().to_string(),
            |id| id.trim().to_owned(),
        )
    });
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
    let since = Duration::new(u64::try_from(now.tv_sec).unwrap_or(0), u32::try_from(now.tv_nsec).unwrap_or(0));
    BootTime { boot: boot.clone(), since }
}

#[cfg(not(target_os = "linux"))]
fn machine_boot() -> BootTime {
    use std::sync::OnceLock;
    static START: OnceLock<(String, Instant)> = OnceLock::new();
    // No boot clock known here: readings are good within this process, and foreign to any other.
    let (boot, start) = START.get_or_init(|| (uuid::Uuid::new_v4().to_string(), Instant::now()));
    BootTime { boot: boot.clone(), since: start.elapsed() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_by_hand_moves_when_told() {
        let clock = Clock::by_hand("2026-03-09T10:00:00Z".parse().unwrap());
        let before = clock.boot();
        clock.advance(Duration::from_millis(1500));
        assert_eq!(clock.now().to_string(), "2026-03-09T10:00:01.5Z");
        assert_eq!(clock.boot().since - before.since, Duration::from_millis(1500));
    }

    #[test]
    fn a_fast_clock_asks_for_short_sleeps() {
        let start: Timestamp = "2026-03-09T10:00:00Z".parse().unwrap();
        let clock = Clock::fast(start, 20);
        assert_eq!(clock.real(Duration::from_secs(20)), Duration::from_secs(1));
        assert!(clock.now() >= start);
    }

    #[test]
    fn a_clock_that_nobody_winds_stops() {
        let start: Timestamp = "2026-03-09T10:00:00Z".parse().unwrap();
        let clock = Clock::wound(start, u32::MAX, Duration::from_secs(2));
        let (mut last, mut winds) = (start, 0);
        while winds < 3 {
            let now = clock.now();
            assert!(last <= now && now <= start.saturating_add(Duration::from_secs(2 * (winds + 1))).unwrap());
            if now > last {
                // A nanosecond of the machine is more than its reach: it stands until it is wound.
                assert_eq!((clock.now(), clock.boot().since), (now, Duration::from_secs(2 * (winds + 1))));
                clock.wind();
                winds += 1;
            }
            last = now;
        }
    }
}
