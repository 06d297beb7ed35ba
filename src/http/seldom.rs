//! A word to the log now and then: what happens a thousand times a second is one line a minute.

use std::time::Duration;

use tokio::time::Instant;

/// How often the log hears of it, at most.
const PAUSE: Duration = Duration::from_secs(60);

/// How often something happened that the log has not heard of.
#[derive(Default)]
pub(super) struct Seldom {
    unsaid: u64,
    said: Option<Instant>,
}

impl Seldom {
    /// It happened. How often since the last word, if it is time for another.
    pub(super) fn happened(&mut self) -> Option<u64> {
        self.unsaid += 1;
        let now = Instant::now();
        if self.said.is_some_and(|said| now.duration_since(said) < PAUSE) {
            return None;
        }
        self.said = Some(now);
        Some(std::mem::take(&mut self.unsaid))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_is_said_once_a_minute() {
        let mut seldom = Seldom::default();
        assert_eq!(seldom.happened(), Some(1));
        assert!((0..50).all(|_| seldom.happened().is_none()));
        seldom.said = seldom.said.map(|said| said - PAUSE);
        assert_eq!(seldom.happened(), Some(51));
    }
}
