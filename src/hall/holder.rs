//! Whose a command is, and what that means for sending it and for telling its outcome.
//!
//! A node holds a command by a lease in the database. It may send only what nobody else can send meanwhile, and where it
//! knows nothing of a command it may say so only while the command is its own: whoever has taken it over may know more.

use std::time::Duration;

use super::claim::Renewed;
use super::courier::{self, Known, Miss};
use super::desk::Done;
use crate::call::{Kind, Refusal, Verdict};

/// Whose a command is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Holder {
    /// Ours, and nobody can take it over for now.
    Us,
    /// Ours, but a later command of its leg may have gone out elsewhere.
    UsTooLate,
    /// Another node's, or settled by one.
    Another,
    /// Its lease is over or soon will be, and the database does not answer.
    Nobody,
}

/// Who tells an outcome.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Teller {
    /// We do.
    Us,
    /// Another node, if anybody.
    Another,
    /// That is not known: ask again a little later.
    Later,
}

impl Holder {
    /// Reads what the database says; `None`: it does not answer us, but it may answer others. `covered`: our lease lasts
    /// as long as is needed.
    pub fn of(renewed: Option<Renewed>, covered: bool) -> Self {
        match renewed {
            Some(Renewed::Ours) => Self::Us,
            Some(Renewed::Overtaken) => Self::UsTooLate,
            Some(Renewed::Lost) => Self::Another,
            None if covered => Self::Us,
            None => Self::Nobody,
        }
    }
}

/// Whether the database is asked whose a command is before it leaves. `covered`: our lease lasts longer than a try.
pub fn asks_before_sending(again: bool, taken_over: bool, covered: bool) -> bool {
    again || taken_over || !covered
}

/// What keeps a command back that is about to leave, so long after its first byte may have been sent. `None`: it leaves.
pub fn kept_back(kind: Kind, age: Option<Duration>, holder: Holder) -> Option<Done> {
    match holder {
        // It may never have been sent, and does no harm whenever it comes.
        Holder::UsTooLate if !kind.may_come_late() => Some(Done::GivenUp("out of order")),
        // He will settle it.
        Holder::Another => Some(Done::Lost),
        Holder::Nobody => {
            let code = "the database does not answer: another node may have it".to_owned();
            Some(Done::Missed(Miss { perhaps: false, after: None, code }))
        }
        // It may have waited for its place.
        Holder::Us | Holder::UsTooLate => {
            match courier::next(Known { kind, age, tries: 0, missed: None, patience: None }) {
                courier::Next::Send => None,
                courier::Next::Wait(_) | courier::Next::GiveUp => Some(Done::GivenUp("too late")),
            }
        }
    }
}

/// Whether an outcome holds whoever has the command by now. That we know nothing of it, or have not done it, does not.
pub fn stands(verdict: &Verdict) -> bool {
    match verdict {
        Verdict::Accepted { .. } | Verdict::Found { .. } | Verdict::Listed { .. } | Verdict::Recordings { .. } => true,
        Verdict::Refused { why, .. } => !matches!(why, Refusal::Unavailable | Refusal::Stopped),
        Verdict::Unknown | Verdict::Void => false,
    }
}

/// Who tells an outcome that does not [stand](stands) by itself.
pub fn teller(holder: Holder) -> Teller {
    match holder {
        Holder::Us | Holder::UsTooLate => Teller::Us,
        Holder::Another => Teller::Another,
        Holder::Nobody => Teller::Later,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FRESH: Option<Duration> = Some(Duration::ZERO);

    #[test]
    fn a_silent_database_leaves_us_what_our_lease_covers() {
        for (renewed, covered, holder) in [
            (Some(Renewed::Ours), false, Holder::Us),
            (Some(Renewed::Overtaken), true, Holder::UsTooLate),
            (Some(Renewed::Lost), true, Holder::Another),
            (None, true, Holder::Us),
            (None, false, Holder::Nobody),
        ] {
            assert_eq!(Holder::of(renewed, covered), holder, "{renewed:?} {covered}");
        }
    }

    #[test]
    fn only_a_first_try_of_our_own_need_not_ask() {
        for (again, taken_over, covered) in [(true, false, true), (false, true, true), (false, false, false)] {
            assert!(asks_before_sending(again, taken_over, covered));
        }
        assert!(!asks_before_sending(false, false, true));
    }

    #[test]
    fn nothing_leaves_that_another_may_have_or_that_comes_too_late() {
        let late = Some(courier::WINDOW + Duration::from_secs(1));
        for kind in Kind::ALL {
            assert_eq!(kept_back(kind, FRESH, Holder::Us), None);
            assert_eq!(kept_back(kind, FRESH, Holder::Another), Some(Done::Lost));
            let unknown = kept_back(kind, FRESH, Holder::Nobody);
            assert!(matches!(unknown, Some(Done::Missed(Miss { perhaps: false, .. }))));
            let expected = |may: bool, why| (!may).then_some(Done::GivenUp(why));
            let (twice, out) = (kind.may_come_twice(), kind.may_come_late());
            assert_eq!(kept_back(kind, FRESH, Holder::UsTooLate), expected(out, "out of order"), "{kind}");
            assert_eq!(kept_back(kind, late, Holder::Us), expected(twice, "too late"), "{kind}");
            assert_eq!(kept_back(kind, None, Holder::Us), expected(twice, "too late"), "{kind}");
        }
    }

    #[test]
    fn what_we_do_not_know_is_told_by_the_holder() {
        let refused = |why| Verdict::Refused { why, code: "1".into() };
        for verdict in [Verdict::Unknown, Verdict::Void, refused(Refusal::Unavailable), refused(Refusal::Stopped)] {
            assert!(!stands(&verdict), "{verdict:?}");
        }
        for verdict in [Verdict::accepted(), Verdict::Found { alive: true }, refused(Refusal::Limit)] {
            assert!(stands(&verdict), "{verdict:?}");
        }
        let tellers = [Holder::Us, Holder::UsTooLate, Holder::Another, Holder::Nobody].map(teller);
        assert_eq!(tellers, [Teller::Us, Teller::Us, Teller::Another, Teller::Later]);
    }
}
