//! What the sender does next with a command: send it, wait, or give it up.
//!
//! Telnyx ignores a command whose id it saw within the last 60 s. Inside that window, counted from the first byte that
//! can have been sent, the same bytes may be sent again without harm; outside of it they would take effect twice.

use std::time::Duration;

use crate::call::Kind;

/// How long after the first send the same command may be sent again: 60 s, less what clocks and wires may take.
pub const WINDOW: Duration = Duration::from_secs(45);
/// How long a node may hold a command without word of it, before another takes it over: longer than one try.
pub const LEASE: Duration = Duration::from_secs(8);
/// The longest one try may take.
pub const TRY: Duration = Duration::from_secs(4);
/// How long in all a command may be put off that a caller waits for, as long as it was certainly not carried out. Then it
/// is refused, and the call goes on with what follows from that.
pub const PATIENCE: Duration = Duration::from_secs(5);
/// The shortest pause, where there is one.
const PAUSE: Duration = Duration::from_millis(500);
/// The longest pause between two tries.
const LONGEST_PAUSE: Duration = Duration::from_secs(8);

/// A try that brought no outcome.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Miss {
    /// It may have been carried out all the same. If not, it certainly was not.
    pub perhaps: bool,
    /// The pause that was asked for.
    pub after: Option<Duration>,
    /// Why, for people: a code, a status, a word.
    pub code: String,
}

/// What is known of a command that is to be sent.
#[derive(Clone, Copy, Debug)]
pub struct Known<'a> {
    /// What it is.
    pub kind: Kind,
    /// Time since its first byte may have been sent, `None` if nobody can say.
    pub age: Option<Duration>,
    /// How often this node has sent it.
    pub tries: u32,
    /// What the last of these tries left behind.
    pub missed: Option<&'a Miss>,
    /// How long it may still be put off, where that is not for as long as it can be sent.
    pub patience: Option<Duration>,
}

/// What to do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Send it now.
    Send,
    /// Send it after a pause.
    Wait(Duration),
    /// Nothing more can be done with it.
    GiveUp,
}

/// How much of a pause is passed at once: before each such piece the command is held on to, so that one whose node dies
/// meanwhile is not left alone for longer than any other.
pub fn nap(left: Duration) -> Duration {
    left.min(LEASE - TRY)
}

/// Decides about a command.
pub fn next(known: Known<'_>) -> Next {
    let Known { kind, age, tries, missed, patience } = known;
    let left = age.and_then(|age| WINDOW.checked_sub(age));
    match (left, missed) {
        (Some(_), None) => Next::Send,
        // Sent before, perhaps, and long ago. A few kinds do no harm twice; what became of the others, time will tell.
        (None, None) if kind.may_come_twice() => Next::Send,
        (None, _) => Next::GiveUp,
        (Some(left), Some(missed)) => {
            let pause = pause(tries, missed.perhaps).max(missed.after.unwrap_or_default());
            let waits = pause < left && patience.is_none_or(|patience| pause <= patience);
            if waits { Next::Wait(pause) } else { Next::GiveUp }
        }
    }
}

/// Where there was no answer, none before the second try: Telnyx advises to repeat at once. Then half a second, doubled
/// each time; whoever says that it is too much at the moment is given that long from the first.
fn pause(tries: u32, perhaps: bool) -> Duration {
    match tries.saturating_sub(if perhaps { 2 } else { 1 }) {
        0 if perhaps && tries < 2 => Duration::ZERO,
        doubled => PAUSE.saturating_mul(1 << doubled.min(5)).min(LONGEST_PAUSE),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FRESH: Option<Duration> = Some(Duration::ZERO);

    fn after(kind: Kind, age: Option<Duration>, tries: u32, perhaps: bool, after: Option<Duration>) -> Next {
        let missed = Miss { perhaps, after, code: "429".into() };
        next(Known { kind, age, tries, missed: Some(&missed), patience: None })
    }

    fn first(kind: Kind, age: Option<Duration>) -> Next {
        next(Known { kind, age, tries: 0, missed: None, patience: None })
    }

    #[test]
    fn a_fresh_command_is_sent_and_repeated_at_once_then_ever_slower() {
        assert_eq!(first(Kind::Dial, FRESH), Next::Send);
        let pauses: Vec<_> = [1, 2, 3, 20].map(|tries| after(Kind::Dial, FRESH, tries, true, None)).into();
        let expected = [Duration::ZERO, PAUSE, 2 * PAUSE, LONGEST_PAUSE].map(Next::Wait);
        assert_eq!(pauses, expected);
        let hint = Some(Duration::from_secs(20));
        assert_eq!(after(Kind::Dial, FRESH, 1, true, hint), Next::Wait(Duration::from_secs(20)));
    }

    #[test]
    fn whoever_says_that_it_is_too_much_is_not_asked_again_at_once() {
        let pauses: Vec<_> = [1, 2, 3, 20].map(|tries| after(Kind::Answer, FRESH, tries, false, None)).into();
        assert_eq!(pauses, [PAUSE, 2 * PAUSE, 4 * PAUSE, LONGEST_PAUSE].map(Next::Wait));
        let hint = Some(Duration::from_millis(20));
        assert_eq!(after(Kind::Answer, FRESH, 1, false, hint), Next::Wait(PAUSE), "whatever it says");
    }

    #[test]
    fn what_a_caller_waits_for_is_not_put_off_for_long() {
        let missed = Miss { perhaps: false, after: Some(2 * PAUSE), code: "429".into() };
        let with = |patience| {
            next(Known { kind: Kind::Dial, age: FRESH, tries: 1, missed: Some(&missed), patience: Some(patience) })
        };
        assert_eq!(with(2 * PAUSE), Next::Wait(2 * PAUSE));
        assert_eq!(with(PAUSE), Next::GiveUp);
    }

    #[test]
    fn a_long_pause_is_passed_in_pieces_that_a_lease_covers() {
        let (mut left, mut naps) = (Duration::from_secs(9), Vec::new());
        while !left.is_zero() {
            naps.push(nap(left).as_secs());
            left -= nap(left);
        }
        assert_eq!(naps, [4, 4, 1]);
    }

    #[test]
    fn past_the_window_nothing_that_would_happen_twice_is_sent() {
        let late = Some(WINDOW + Duration::from_millis(1));
        for kind in Kind::ALL {
            let expected = if kind.may_come_twice() { Next::Send } else { Next::GiveUp };
            assert_eq!(first(kind, late), expected, "{kind}");
            assert_eq!(first(kind, None), expected, "{kind}");
            assert_eq!(after(kind, late, 1, true, None), Next::GiveUp, "{kind}");
        }
        let last = Some(WINDOW - Duration::from_millis(100));
        assert_eq!(after(Kind::Dial, last, 3, true, None), Next::GiveUp);
    }
}
