//! Arithmetic on moments that cannot fail: what lies outside the calendar stays at its edge.

use std::time::Duration;

use jiff::Timestamp;

/// The moment `by` after `at`.
pub(super) fn later(at: Timestamp, by: Duration) -> Timestamp {
    at.saturating_add(by).unwrap_or(Timestamp::MAX)
}

/// How much later `end` is than `start`; nothing if it is not.
pub(super) fn between(start: Timestamp, end: Timestamp) -> Duration {
    Duration::try_from(end.duration_since(start)).unwrap_or_default()
}

/// A moment as the wire writes it: UTC, six decimals.
pub(super) fn written(at: Timestamp) -> String {
    format!("{at:.6}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_written_with_six_decimals() {
        let at: Timestamp = "2026-03-09T10:00:00.5Z".parse().unwrap();
        assert_eq!(written(at), "2026-03-09T10:00:00.500000Z");
        assert_eq!(later(at, Duration::from_micros(1)).to_string(), "2026-03-09T10:00:00.500001Z");
        assert_eq!(between(later(at, Duration::from_secs(1)), at), Duration::ZERO);
    }
}
