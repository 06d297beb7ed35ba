//! So many a second, shared by several. A short burst is let through; then they leave evenly.

use std::num::NonZeroU32;
use std::time::Duration;

/// Whoever asks for nothing for so long may have as many at once as belong into it.
const BURST: Duration = Duration::from_millis(500);

/// A limit of so many a second.
#[derive(Clone, Debug)]
pub(super) struct Bucket {
    rate: NonZeroU32,
    /// The time that one takes.
    each: Duration,
    /// When all that was given out is paid for.
    paid: Duration,
}

impl Bucket {
    /// So many a second, and nobody to share them with.
    pub fn new(rate: NonZeroU32) -> Self {
        let mut bucket = Self { rate, each: Duration::ZERO, paid: Duration::ZERO };
        bucket.share(1);
        bucket
    }

    /// So many share it.
    pub fn share(&mut self, among: u32) {
        self.each = Duration::from_secs(1).saturating_mul(among.max(1)) / self.rate.get();
    }

    /// When the next one may be had.
    pub fn ready_at(&self) -> Duration {
        self.paid.saturating_sub(BURST.saturating_sub(self.each))
    }

    /// One is had.
    pub fn take(&mut self, now: Duration) {
        self.paid = self.paid.max(now).saturating_add(self.each);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many can be had within so long, by whoever takes what he can get.
    fn had(rate: u32, among: u32, within: Duration) -> u32 {
        let mut bucket = Bucket::new(NonZeroU32::new(rate).unwrap());
        bucket.share(among);
        let (mut now, mut had) = (Duration::from_secs(100), 0);
        let end = now + within;
        while now < end {
            bucket.take(now);
            had += 1;
            now = now.max(bucket.ready_at());
        }
        had
    }

    #[test]
    fn a_limit_is_kept_to_in_every_five_seconds_and_shared() {
        let five = Duration::from_secs(5);
        for (among, most) in [(1, 137), (2, 70), (5, 28), (25, 5), (100, 2)] {
            let had = had(25, among, five);
            assert!(had <= most && had * 5 >= most * 4, "{among}: {had}");
        }
        assert_eq!(had(25, 1, Duration::from_millis(1)), 12, "a ring goes out together");
        assert_eq!(had(25, 0, five), had(25, 1, five), "nobody is one: ourselves");
    }

    #[test]
    fn what_is_not_used_is_not_saved_up() {
        let mut bucket = Bucket::new(NonZeroU32::MIN);
        let late = Duration::from_secs(1000);
        bucket.take(late);
        assert_eq!(bucket.ready_at(), late + Duration::from_secs(1));
    }
}
