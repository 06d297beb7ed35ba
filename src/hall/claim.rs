//! Who may take a command over, and what is said to whoever holds on to one.
//!
//! The databases are asked the same in their own words, since they have the rows: these are held to what is said here
//! (`tests/store/claims.rs`), and the lives go by it.

use jiff::Timestamp;

use crate::call::Kind;

/// A command in the outbox, as a node finds it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Found {
    /// Its place among the call's commands.
    pub seq: u32,
    /// What it is.
    pub kind: Kind,
    /// How far it has come.
    pub state: Far,
    /// This node has it.
    pub ours: bool,
    /// Whoever has it has it until then; long ago, if that was in another life of the machine.
    pub lease_until: Timestamp,
}

/// How far a command has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Far {
    /// It has no outcome.
    Open,
    /// It was never sent.
    Void,
    /// It has any other outcome.
    Settled,
}

/// What is said of a command whose lease was to be renewed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Renewed {
    /// Ours, for as long as was asked for.
    Ours,
    /// Ours, but another node has a later command of its leg, or that has its outcome: this one would come out of place.
    /// A command that [leaves its leg alone](Kind::leaves_its_leg_alone) overtakes nothing.
    Overtaken,
    /// Another node's, or nobody's: it is settled.
    Lost,
}

impl Found {
    /// Whether another node holds it, and lives as far as anybody knows.
    fn is_held(&self, now: Timestamp) -> bool {
        self.state == Far::Open && !self.ours && !self.lapsed(now)
    }

    fn lapsed(&self, now: Timestamp) -> bool {
        self.lease_until < now
    }
}

/// Whether this node may take a command over. `alone`: no other process can hold any. What follows a command of its leg
/// that another holds is left to him; a hangup or a notice is not, nor what follows a notice.
pub fn may_claim(it: &Found, of_its_leg: &[Found], alone: bool, now: Timestamp) -> bool {
    let free = it.lapsed(now) || (alone && !it.ours);
    let overtakes = alone || matches!(it.kind, Kind::Hangup | Kind::Notify);
    let waited_for = |other: &Found| other.seq < it.seq && other.kind != Kind::Notify && other.is_held(now);
    it.state == Far::Open && free && (overtakes || !of_its_leg.iter().any(waited_for))
}

/// What is said to a node that wants to hold a command for longer.
pub fn renewed(it: &Found, of_its_leg: &[Found]) -> Renewed {
    let went_elsewhere = |other: &Found| match other.state {
        Far::Open => !other.ours,
        Far::Void => false,
        Far::Settled => true,
    };
    let overtakes = |other: &Found| other.seq > it.seq && !other.kind.leaves_its_leg_alone() && went_elsewhere(other);
    match (it.state == Far::Open && it.ours, of_its_leg.iter().any(overtakes)) {
        (false, _) => Renewed::Lost,
        (true, true) => Renewed::Overtaken,
        (true, false) => Renewed::Ours,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::UNIX_EPOCH;

    /// An open command of another node, held for some seconds yet, or not.
    fn other(seq: u32, kind: Kind, secs: i64) -> Found {
        Found { seq, kind, state: Far::Open, ours: false, lease_until: Timestamp::from_second(secs).unwrap() }
    }

    fn ours(seq: u32, kind: Kind, secs: i64) -> Found {
        Found { ours: true, ..other(seq, kind, secs) }
    }

    #[test]
    fn what_nobody_holds_is_claimed_by_anybody_and_by_whoever_is_alone_also_what_others_hold() {
        let may = |it: Found, alone| may_claim(&it, &[it], alone, NOW);
        for (secs, lapsed) in [(-1, true), (0, false), (1, false)] {
            assert_eq!(may(other(1, Kind::Speak, secs), false), lapsed, "{secs}");
            assert_eq!(may(ours(1, Kind::Speak, secs), false), lapsed, "{secs}: it was forgotten");
            assert!(may(other(1, Kind::Speak, secs), true));
            assert_eq!(may(ours(1, Kind::Speak, secs), true), lapsed);
            for state in [Far::Void, Far::Settled] {
                assert!(!may(Found { state, ..other(1, Kind::Speak, secs) }, true));
            }
        }
    }

    #[test]
    fn what_follows_a_command_that_is_held_waits_for_it() {
        let may = |it: Found, before: Found| may_claim(&it, &[before, it], false, NOW);
        for kind in Kind::ALL {
            let overtakes = matches!(kind, Kind::Hangup | Kind::Notify);
            assert_eq!(may(other(2, kind, -1), other(1, Kind::Speak, 5)), overtakes, "{kind}");
            assert_eq!(may(other(2, Kind::Speak, -1), other(1, kind, 5)), kind == Kind::Notify, "{kind}");
            assert!(may(other(2, kind, -1), other(1, Kind::Speak, -1)));
            assert!(may(other(2, kind, -1), ours(1, Kind::Speak, 5)));
            assert!(may(other(1, kind, -1), other(2, Kind::Speak, 5)));
            let over = Found { state: Far::Settled, ..other(1, Kind::Speak, 5) };
            assert!(may(other(2, kind, -1), over));
        }
    }

    #[test]
    fn whoever_holds_a_command_hears_of_what_went_out_after_it() {
        let it = ours(1, Kind::Speak, 5);
        let told = |later: Found| renewed(&it, &[it, later]);
        let settled = |state, later: Found| Found { state, ..later };
        assert_eq!(told(other(2, Kind::Play, -1)), Renewed::Overtaken, "he may have sent it");
        assert_eq!(told(ours(2, Kind::Play, 5)), Renewed::Ours);
        assert_eq!(told(settled(Far::Settled, ours(2, Kind::Play, 5))), Renewed::Overtaken);
        assert_eq!(told(settled(Far::Void, other(2, Kind::Play, 5))), Renewed::Ours);
        assert_eq!(told(other(2, Kind::Look, 5)), Renewed::Ours);
        assert_eq!(told(other(0, Kind::Play, 5)), Renewed::Ours);
        for lost in [other(1, Kind::Speak, 5), settled(Far::Settled, it), settled(Far::Void, it)] {
            assert_eq!(renewed(&lost, &[lost]), Renewed::Lost);
        }
    }
}
