//! What the sender does next with a command: send it, wait, or call it settled.
//!
//! Telnyx ignores a command whose id it saw within the last 60 s. Inside that window, counted from the first byte that
//! can have been sent, the same bytes may be sent again without harm; outside of it they would take effect twice.

use std::time::Duration;

use crate::call::{Kind, Verdict};

/// How long after the first send the same command may be sent again: 60 s, less what clocks and wires may take.
pub const WINDOW: Duration = Duration::from_secs(45);
/// How long a node may hold a command without word of it, before another takes it over: longer than one try.
pub const LEASE: Duration = Duration::from_secs(8);
/// The longest one try may take.
pub const TRY: Duration = Duration::from_secs(4);
/// The longest pause between two tries.
const LONGEST_PAUSE: Duration = Duration::from_secs(8);

/// What to do next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Next {
    /// Send it now.
    Send,
    /// Send it after a pause.
    Wait(Duration),
    /// Nothing more can be done with it.
    Settle(Verdict),
}

/// Decides about a command of a kind. `age`: time since its first byte may have been sent, `None` if nobody can say;
/// `tries`: how often this node has sent it; `hint`: the pause its last answer asked for.
pub fn next(kind: Kind, age: Option<Duration>, tries: u32, hint: Option<Duration>) -> Next {
    let left = age.and_then(|age| WINDOW.checked_sub(age));
    match left {
        Some(_) if tries == 0 => Next::Send,
        // Sent before, perhaps, and long ago. A few kinds do no harm twice; what became of the others, time will tell.
        None if tries == 0 && kind.repeatable() => Next::Send,
        None => Next::Settle(Verdict::Unknown),
        Some(left) => {
            let pause = pause(tries).max(hint.unwrap_or_default());
            if pause < left { Next::Wait(pause) } else { Next::Settle(Verdict::Unknown) }
        }
    }
}

/// None before the second try: Telnyx advises to repeat at once. Then half a second, doubled each time.
fn pause(tries: u32) -> Duration {
    match tries {
        0 | 1 => Duration::ZERO,
        _ => Duration::from_millis(500).saturating_mul(1 << (tries - 2).min(5)).min(LONGEST_PAUSE),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FRESH: Option<Duration> = Some(Duration::ZERO);

    #[test]
    fn a_fresh_command_is_sent_and_repeated_at_once_then_ever_slower() {
        assert_eq!(next(Kind::Dial, FRESH, 0, None), Next::Send);
        assert_eq!(next(Kind::Dial, FRESH, 1, None), Next::Wait(Duration::ZERO));
        assert_eq!(next(Kind::Dial, FRESH, 2, None), Next::Wait(Duration::from_millis(500)));
        assert_eq!(next(Kind::Dial, FRESH, 20, None), Next::Wait(LONGEST_PAUSE));
        let hint = Some(Duration::from_secs(20));
        assert_eq!(next(Kind::Dial, FRESH, 1, hint), Next::Wait(Duration::from_secs(20)));
    }

    #[test]
    fn past_the_window_nothing_that_would_happen_twice_is_sent() {
        let late = Some(WINDOW + Duration::from_millis(1));
        for kind in Kind::ALL {
            let expected = if kind.repeatable() { Next::Send } else { Next::Settle(Verdict::Unknown) };
            assert_eq!(next(kind, late, 0, None), expected, "{kind}");
            assert_eq!(next(kind, None, 0, None), expected, "{kind}");
            assert_eq!(next(kind, late, 1, None), Next::Settle(Verdict::Unknown), "{kind}");
        }
        let last = Some(WINDOW - Duration::from_millis(100));
        assert_eq!(next(Kind::Dial, last, 3, None), Next::Settle(Verdict::Unknown));
    }
}
