//! Which command leaves when: leg by leg in order, and a hangup overtakes whatever waits for its leg.
//!
//! Whoever sends hands in what happens to a command and is told what to do next with it. A command is sent again only
//! while nothing waits behind it: once the call wants something else of the leg, it does not wait for this any more,
//! and what comes late would come out of place. Only the end of looped audio is not given up for what is to follow it:
//! nothing else would be heard. A command that comes here after a later one of its leg has gone out, because another
//! node or writer had it, is out of place already: it is given up, unless it does no harm whenever it comes.
//!
//! A command that is given up may have been carried out, if one of its tries was not answered or another node had it:
//! then nobody knows. If none can have been, it was refused, and the call can go on at once.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use super::courier::{self, Known, Miss};
use crate::call::{CallId, CommandId, Kind, LegNo, Refusal, Verdict};

/// What must be known of a command to put it in its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slip {
    /// The call.
    pub call: CallId,
    /// Its place among the call's commands.
    pub seq: u32,
    /// The leg it is for.
    pub leg: LegNo,
    /// The command.
    pub id: CommandId,
    /// What it is.
    pub kind: Kind,
    /// Another had it before, and may have sent it.
    pub taken_over: bool,
}

/// What is to be done with a command now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Move {
    /// Send it: as soon as there is a place say that it [leaves](Lanes::leaves), then what came of it.
    Send {
        /// It has been sent before.
        again: bool,
        /// How long it may wait for that place, where that is not for as long as it can be sent.
        patience: Option<Duration>,
        /// No try of it can have been carried out.
        fresh: bool,
    },
    /// Let this time pass, then say that it has [rested](Lanes::rested).
    Wait(Duration),
    /// It has its outcome: hand that in.
    Settle(Verdict),
}

/// What a new command sets going.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Begun {
    /// Commands that have their turn: ask what to do with them.
    pub go: Vec<CommandId>,
    /// Commands that are void because of it: hand that in.
    pub void: Vec<CommandId>,
}

/// Every command that is waiting or under way.
#[derive(Clone, Debug, Default)]
pub(super) struct Lanes {
    lanes: BTreeMap<(CallId, LegNo), Lane>,
    held: BTreeMap<CommandId, Held>,
}

/// The commands of one leg: one under way, the others behind it.
#[derive(Clone, Debug)]
struct Lane {
    first: CommandId,
    waiting: VecDeque<CommandId>,
}

#[derive(Clone, Debug)]
struct Held {
    slip: Slip,
    at: At,
    /// How old it was when it had its turn.
    turn: Option<Duration>,
    tries: u32,
    missed: Option<Miss>,
    /// It may have been carried out.
    perhaps: bool,
    /// A hangup was decided for its leg: it is not sent again.
    over: bool,
    /// A later one of its leg went out before it came.
    late: bool,
}

/// How far a command has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum At {
    /// It waits for its turn, or has it.
    Start,
    /// It was told to let this time pass before the next try.
    Rest(Duration),
    /// It is to be sent, as soon as there is a place for it.
    Door,
    /// A try of it is under way.
    Way,
    /// It has its outcome.
    End,
}

impl Lanes {
    /// Takes a command in. One that is here already is not taken twice: `None`.
    pub fn accept(&mut self, slip: Slip) -> Option<Begun> {
        let Slip { call, seq, leg, id, kind, taken_over } = slip;
        if let Some(held) = self.held.get_mut(&id) {
            held.perhaps |= taken_over;
            return None;
        }
        self.held.insert(id, Held::new(slip));
        let Some(lane) = self.lanes.get_mut(&(call, leg)) else {
            if kind != Kind::Hangup {
                self.lanes.insert((call, leg), Lane { first: id, waiting: VecDeque::new() });
            }
            return Some(Begun { go: vec![id], void: Vec::new() });
        };
        let first = self.held.get_mut(&lane.first);
        if kind == Kind::Hangup {
            // It goes out at once, beside whatever is under way; what waits is void, what is under way not repeated.
            first.into_iter().for_each(|first| first.over = true);
            return Some(Begun { go: vec![id], void: lane.waiting.drain(..).collect() });
        }
        let late = first.as_ref().is_some_and(|first| first.slip.seq > seq) && !kind.may_come_late();
        if late {
            self.held.entry(id).and_modify(|held| held.late = true);
            return Some(Begun { go: vec![id], void: Vec::new() });
        }
        let rests = first.is_some_and(|first| first.rests() && first.slip.kind.gives_way());
        let place = lane.waiting.partition_point(|other| self.held.get(other).is_some_and(|held| held.slip.seq < seq));
        lane.waiting.insert(place, id);
        Some(Begun { go: rests.then_some(lane.first).into_iter().collect(), void: Vec::new() })
    }

    /// What to do with a command that has its turn, or rests while another waits behind it. `age`: time since its first
    /// byte may have been sent, `None` if nobody can say. `None`: nothing, it is not here, or under way, or has its
    /// outcome.
    pub fn next(&mut self, id: CommandId, age: Option<Duration>) -> Option<Move> {
        let awaited = self.is_awaited(id);
        self.held.get(&id).filter(|held| held.at == At::Start || (awaited && held.rests()))?;
        self.decide(id, age, false)
    }

    /// What to do with a command whose pause is over.
    pub fn rested(&mut self, id: CommandId, age: Option<Duration>) -> Option<Move> {
        self.held.get(&id).filter(|held| matches!(held.at, At::Rest(_)))?;
        self.decide(id, age, true)
    }

    /// What to do with a command that was to be sent, now that there is a place for it.
    pub fn leaves(&mut self, id: CommandId, age: Option<Duration>) -> Option<Move> {
        self.held.get(&id).filter(|held| held.at == At::Door)?;
        let next = self.decide(id, age, true)?;
        let leaves = matches!(next, Move::Send { .. });
        self.held.get_mut(&id).filter(|_| leaves).into_iter().for_each(|held| held.at = At::Way);
        Some(next)
    }

    fn decide(&mut self, id: CommandId, age: Option<Duration>, rested: bool) -> Option<Move> {
        let awaited = self.is_awaited(id);
        let held = self.held.get_mut(&id)?;
        held.turn = held.turn.or(age);
        let again = held.tries > 0;
        let (patience, fresh) = (held.patience(age), !held.perhaps);
        let known = held.known(age);
        // A pause that is over is not asked for again.
        let next = courier::next(if rested { Known { missed: None, ..known } } else { known });
        let next = match next {
            _ if held.late => Move::Settle(held.given_up("out of order")),
            _ if held.over && !again => Move::Settle(Verdict::Void),
            _ if held.over => Move::Settle(held.given_up("over")),
            courier::Next::GiveUp => Move::Settle(held.given_up("too late")),
            _ if again && awaited && held.slip.kind.gives_way() && !held.goes_at_once() => {
                Move::Settle(held.given_up("no longer wanted"))
            }
            courier::Next::Wait(pause) => Move::Wait(pause),
            courier::Next::Send => Move::Send { again, patience, fresh },
        };
        held.at = match next {
            Move::Send { .. } => At::Door,
            Move::Wait(pause) => At::Rest(pause),
            Move::Settle(_) => At::End,
        };
        Some(next)
    }

    /// Whether another waits behind it.
    fn is_awaited(&self, id: CommandId) -> bool {
        let lane = self.held.get(&id).and_then(|held| self.lanes.get(&(held.slip.call, held.slip.leg)));
        lane.is_some_and(|lane| lane.first == id && !lane.waiting.is_empty())
    }

    /// A command was sent and has no outcome yet.
    pub fn missed(&mut self, id: CommandId, miss: Miss) {
        if let Some(held) = self.held.get_mut(&id).filter(|held| held.at == At::Way) {
            held.perhaps |= miss.perhaps;
            (held.tries, held.missed, held.at) = (held.tries + 1, Some(miss), At::Start);
        }
    }

    /// A command is not to be sent any more, for that reason: with what outcome.
    pub fn give_up(&mut self, id: CommandId, why: &str) -> Option<Verdict> {
        let held = self.held.get_mut(&id).filter(|held| held.at != At::End)?;
        held.at = At::End;
        Some(held.given_up(why))
    }

    /// A command is not to be sent, because the operator has stopped it: with what outcome.
    pub fn stop(&mut self, id: CommandId, code: &str) -> Option<Verdict> {
        let held = self.held.get_mut(&id).filter(|held| held.at != At::End)?;
        held.at = At::End;
        let stopped = Verdict::Refused { why: Refusal::Stopped, code: code.to_owned() };
        Some(if held.perhaps { Verdict::Unknown } else { stopped })
    }

    /// The outcome of a command is kept: the next one of its leg, if one waits, may go.
    pub fn settled(&mut self, id: CommandId) -> Option<CommandId> {
        let Held { slip, .. } = self.held.remove(&id)?;
        let key = (slip.call, slip.leg);
        let lane = self.lanes.get_mut(&key).filter(|lane| lane.first == id)?;
        match lane.waiting.pop_front() {
            Some(next) => {
                lane.first = next;
                Some(next)
            }
            None => {
                self.lanes.remove(&key);
                None
            }
        }
    }

    /// Whether a command lets time pass before its next try.
    pub fn rests(&self, id: CommandId) -> bool {
        self.held.get(&id).is_some_and(Held::rests)
    }
}

impl Held {
    fn new(slip: Slip) -> Self {
        Self {
            slip,
            at: At::Start,
            turn: None,
            tries: 0,
            missed: None,
            perhaps: slip.taken_over,
            over: false,
            late: false,
        }
    }

    fn known(&self, age: Option<Duration>) -> Known<'_> {
        let (patience, missed) = (self.patience(age), self.missed.as_ref());
        Known { kind: self.slip.kind, age, tries: self.tries, missed, patience }
    }

    /// How long it may still be put off.
    fn patience(&self, age: Option<Duration>) -> Option<Duration> {
        let waited = age?.saturating_sub(self.turn.or(age)?);
        let waits = self.slip.kind.is_waited_for() && !self.perhaps;
        waits.then(|| courier::PATIENCE.saturating_sub(waited))
    }

    /// Whether it lets time pass. A repeat at once is as good as under way.
    fn rests(&self) -> bool {
        matches!(self.at, At::Rest(pause) if !pause.is_zero())
    }

    /// Whether its next try is the one repeat at once, which is not worth losing it for.
    fn goes_at_once(&self) -> bool {
        let told_to_wait = |miss: &Miss| !miss.perhaps || miss.after.is_some();
        self.tries < 2 && !self.missed.as_ref().is_some_and(told_to_wait)
    }

    /// The outcome of a command that is given up. What its last try was told says more than why it is.
    fn given_up(&self, why: &str) -> Verdict {
        if self.perhaps {
            return Verdict::Unknown;
        }
        let code = self.missed.as_ref().map_or(why, |miss| &miss.code).to_owned();
        Verdict::Refused { why: Refusal::Unavailable, code }
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    const FRESH: Option<Duration> = Some(Duration::ZERO);

    fn slip(no: u128, leg: u16, kind: Kind) -> Slip {
        let seq = u32::try_from(no).unwrap();
        Slip { call: CallId(Uuid::nil()), seq, leg: LegNo(leg), id: id(no), kind, taken_over: false }
    }

    /// A try that was not answered.
    fn open(after: Option<Duration>) -> Miss {
        Miss { perhaps: true, after, code: "504".into() }
    }

    /// A try that was certainly not carried out.
    fn too_many(after: Option<Duration>) -> Miss {
        Miss { perhaps: false, after, code: "429".into() }
    }

    /// A command that is to be sent leaves at once.
    fn sent(lanes: &mut Lanes, no: u128) {
        assert!(matches!(lanes.next(id(no), FRESH), Some(Move::Send { again: false, .. })));
        assert!(matches!(lanes.leaves(id(no), FRESH), Some(Move::Send { again: false, .. })));
    }

    /// The same once it has rested.
    fn sent_again(lanes: &mut Lanes, no: u128, age: Option<Duration>) {
        assert!(matches!(lanes.rested(id(no), age), Some(Move::Send { again: true, .. })));
        assert!(matches!(lanes.leaves(id(no), age), Some(Move::Send { again: true, .. })));
    }

    fn not_done(code: &str) -> Option<Move> {
        Some(Move::Settle(Verdict::Refused { why: Refusal::Unavailable, code: code.into() }))
    }

    fn id(no: u128) -> CommandId {
        CommandId(Uuid::from_u128(no))
    }

    fn goes(no: u128) -> Option<Begun> {
        Some(Begun { go: vec![id(no)], void: vec![] })
    }

    #[test]
    fn a_leg_has_its_commands_in_order_and_legs_do_not_wait_for_each_other() {
        let mut lanes = Lanes::default();
        assert_eq!(lanes.accept(slip(1, 0, Kind::Answer)), goes(1));
        assert_eq!(lanes.accept(slip(2, 0, Kind::Speak)), Some(Begun::default()));
        assert_eq!(lanes.accept(slip(3, 1, Kind::Dial)), goes(3));
        sent(&mut lanes, 1);
        assert_eq!(lanes.settled(id(3)), None);
        assert_eq!(lanes.settled(id(1)), Some(id(2)), "only now its turn has come");
        assert_eq!(lanes.settled(id(2)), None);
        assert!(lanes.held.is_empty());
        assert_eq!(lanes.accept(slip(4, 0, Kind::Speak)), goes(4));
    }

    #[test]
    fn a_hangup_voids_what_waits_and_what_is_under_way_is_not_repeated() {
        let mut lanes = Lanes::default();
        for (no, kind) in [(1, Kind::Answer), (2, Kind::Speak), (3, Kind::Play)] {
            lanes.accept(slip(no, 0, kind));
        }
        sent(&mut lanes, 1);
        let begun = lanes.accept(slip(4, 0, Kind::Hangup));
        assert_eq!(begun, Some(Begun { go: vec![id(4)], void: vec![id(2), id(3)] }));
        lanes.missed(id(1), open(None));
        assert_eq!(lanes.next(id(1), FRESH), Some(Move::Settle(Verdict::Unknown)));
        for no in [2, 3, 4, 1] {
            assert_eq!(lanes.settled(id(no)), None);
        }
        assert!(lanes.held.is_empty());
    }

    #[test]
    fn what_has_its_turn_and_was_not_sent_when_a_hangup_came_is_void() {
        let mut lanes = Lanes::default();
        lanes.accept(slip(1, 0, Kind::Answer));
        lanes.accept(slip(2, 0, Kind::Hangup));
        assert_eq!(lanes.next(id(1), FRESH), Some(Move::Settle(Verdict::Void)));
        sent(&mut lanes, 2);
    }

    #[test]
    fn without_an_answer_it_is_sent_again_after_a_pause() {
        let mut lanes = Lanes::default();
        lanes.accept(slip(1, 1, Kind::Dial));
        sent(&mut lanes, 1);
        let hint = Duration::from_secs(2);
        lanes.missed(id(1), open(Some(hint)));
        assert_eq!(lanes.next(id(1), Some(hint)), Some(Move::Wait(hint)));
        sent_again(&mut lanes, 1, Some(2 * hint));
        lanes.missed(id(1), open(None));
        assert_eq!(lanes.next(id(1), Some(courier::WINDOW)), Some(Move::Settle(Verdict::Unknown)));
    }

    #[test]
    fn nothing_is_sent_again_that_another_waits_for() {
        let mut lanes = Lanes::default();
        lanes.accept(slip(1, 0, Kind::Bridge));
        sent(&mut lanes, 1);
        lanes.missed(id(1), open(Some(Duration::from_secs(30))));
        assert_eq!(lanes.next(id(1), FRESH), Some(Move::Wait(Duration::from_secs(30))));
        let begun = lanes.accept(slip(2, 0, Kind::Transfer));
        assert_eq!(begun, goes(1), "the first rests: it is to be asked about again");
        assert_eq!(lanes.next(id(1), FRESH), Some(Move::Settle(Verdict::Unknown)));
        assert_eq!(lanes.rested(id(1), FRESH), None, "and once only, though its rest ends later");
        assert_eq!(lanes.settled(id(1)), Some(id(2)));
    }

    #[test]
    fn a_pause_that_is_over_is_not_asked_for_again() {
        let mut lanes = Lanes::default();
        lanes.accept(slip(1, 0, Kind::Answer));
        sent(&mut lanes, 1);
        let pause = courier::WINDOW - Duration::from_secs(15);
        lanes.missed(id(1), open(Some(pause)));
        assert_eq!(lanes.next(id(1), FRESH), Some(Move::Wait(pause)));
        sent_again(&mut lanes, 1, Some(pause));
    }

    #[test]
    fn one_repeat_at_once_is_made_all_the_same() {
        let mut lanes = Lanes::default();
        lanes.accept(slip(1, 0, Kind::Answer));
        sent(&mut lanes, 1);
        lanes.missed(id(1), open(None));
        assert_eq!(lanes.next(id(1), FRESH), Some(Move::Wait(Duration::ZERO)));
        assert_eq!(lanes.accept(slip(2, 0, Kind::Bridge)), Some(Begun::default()), "it is as good as under way");
        sent_again(&mut lanes, 1, FRESH);
        assert_eq!(lanes.rested(id(1), FRESH), None, "never twice at once");
        lanes.missed(id(1), open(None));
        assert_eq!(lanes.next(id(1), FRESH), Some(Move::Settle(Verdict::Unknown)));
    }

    #[test]
    fn the_end_of_looped_audio_is_waited_for() {
        let mut lanes = Lanes::default();
        lanes.accept(slip(1, 0, Kind::StopPlay));
        sent(&mut lanes, 1);
        let hint = Duration::from_secs(1);
        lanes.missed(id(1), open(Some(hint)));
        assert_eq!(lanes.next(id(1), FRESH), Some(Move::Wait(hint)));
        assert_eq!(lanes.accept(slip(2, 0, Kind::Speak)), Some(Begun::default()));
        sent_again(&mut lanes, 1, Some(hint));
    }

    #[test]
    fn whoever_comes_out_of_order_waits_in_order() {
        let mut lanes = Lanes::default();
        for no in [1, 4, 2, 3] {
            lanes.accept(slip(no, 0, Kind::Speak));
        }
        for no in 1..4 {
            assert_eq!(lanes.settled(id(no)), Some(id(no + 1)));
        }
        assert_eq!(lanes.settled(id(4)), None);
    }

    #[test]
    fn whoever_comes_after_a_later_one_has_gone_out_is_given_up() {
        let mut lanes = Lanes::default();
        lanes.accept(slip(2, 0, Kind::Speak));
        sent(&mut lanes, 2);
        lanes.missed(id(2), open(Some(Duration::from_secs(2))));
        assert_eq!(lanes.next(id(2), FRESH), Some(Move::Wait(Duration::from_secs(2))));
        assert_eq!(lanes.accept(slip(1, 0, Kind::Play)), goes(1), "and the later one rests on");
        assert_eq!(lanes.next(id(1), FRESH), not_done("out of order"));
        assert_eq!(lanes.settled(id(1)), None);
        sent_again(&mut lanes, 2, FRESH);
        // Not so what does no harm: it has its turn after what went out.
        lanes.accept(slip(0, 0, Kind::Answer));
        assert_eq!(lanes.settled(id(2)), Some(id(0)));
        sent(&mut lanes, 0);
    }

    #[test]
    fn what_no_try_can_have_done_is_refused_and_what_one_may_have_is_unknown() {
        let tried = |misses: &[Miss], taken_over| {
            let mut lanes = Lanes::default();
            lanes.accept(Slip { taken_over, ..slip(1, 0, Kind::Dial) });
            sent(&mut lanes, 1);
            for miss in misses {
                lanes.missed(id(1), miss.clone());
                assert!(matches!(lanes.next(id(1), FRESH), Some(Move::Wait(_))));
                sent_again(&mut lanes, 1, FRESH);
            }
            lanes.missed(id(1), too_many(None));
            lanes
        };
        let late = Some(courier::WINDOW);
        let unknown = Some(Move::Settle(Verdict::Unknown));
        assert_eq!(tried(&[too_many(None)], false).next(id(1), late), not_done("429"));
        assert_eq!(tried(&[too_many(None), open(None), too_many(None)], false).next(id(1), late), unknown);
        assert_eq!(tried(&[], true).next(id(1), late), unknown, "another may have sent it");
        let mut lanes = tried(&[], false);
        lanes.accept(Slip { taken_over: true, ..slip(1, 0, Kind::Dial) });
        assert_eq!(lanes.next(id(1), late), unknown, "another had it meanwhile");
        assert_eq!(
            tried(&[], false).give_up(id(1), "stopped"),
            Some(Verdict::Refused { why: Refusal::Unavailable, code: "429".into() })
        );
        let mut lanes = Lanes::default();
        lanes.accept(slip(1, 0, Kind::Dial));
        assert_eq!(lanes.next(id(1), Some(courier::WINDOW + courier::TRY)), not_done("too late"), "it never left");
        assert_eq!(lanes.give_up(id(1), "stopped"), None, "it has its outcome");
    }

    #[test]
    fn what_a_caller_waits_for_is_refused_soon_unless_it_may_have_been_done() {
        for (kind, soon) in [(Kind::Dial, true), (Kind::Speak, true), (Kind::Bridge, false), (Kind::Look, false)] {
            let mut lanes = Lanes::default();
            lanes.accept(slip(1, 0, kind));
            let turn = Some(Duration::from_secs(20));
            let patience = soon.then_some(courier::PATIENCE);
            let send = |again, patience, fresh| Some(Move::Send { again, patience, fresh });
            assert_eq!(lanes.next(id(1), turn), send(false, patience, true), "{kind}: counted from its turn");
            assert_eq!(lanes.leaves(id(1), turn), send(false, patience, true));
            lanes.missed(id(1), too_many(Some(Duration::from_secs(3))));
            assert!(matches!(lanes.next(id(1), turn), Some(Move::Wait(_))));
            let later = turn.map(|turn| turn + Duration::from_secs(3));
            assert_eq!(lanes.rested(id(1), later), send(true, patience.map(|_| Duration::from_secs(2)), true));
            lanes.leaves(id(1), later);
            let mut open_too = lanes.clone();
            lanes.missed(id(1), too_many(Some(Duration::from_secs(3))));
            assert_eq!(lanes.next(id(1), later) == not_done("429"), soon, "{kind}");
            open_too.missed(id(1), open(Some(Duration::from_secs(3))));
            assert!(matches!(open_too.next(id(1), later), Some(Move::Wait(_))), "{kind}");
            assert_eq!(open_too.rested(id(1), later), send(true, None, false));
        }
    }

    #[test]
    fn what_is_stopped_is_refused_unless_another_may_have_sent_it() {
        for taken_over in [false, true] {
            let mut lanes = Lanes::default();
            lanes.accept(Slip { taken_over, ..slip(1, 0, Kind::Dial) });
            sent(&mut lanes, 1);
            let verdict = lanes.stop(id(1), "limits.stop").unwrap();
            let stopped = Verdict::Refused { why: Refusal::Stopped, code: "limits.stop".into() };
            assert_eq!(verdict, if taken_over { Verdict::Unknown } else { stopped });
            assert_eq!(lanes.stop(id(1), "limits.stop"), None);
        }
    }

    #[test]
    fn what_waits_for_a_place_is_asked_about_once_more_before_it_leaves() {
        let mut lanes = Lanes::default();
        lanes.accept(slip(1, 0, Kind::Speak));
        assert!(matches!(lanes.next(id(1), FRESH), Some(Move::Send { .. })));
        assert_eq!(lanes.next(id(1), FRESH), None, "it is at the door");
        lanes.accept(slip(2, 0, Kind::Hangup));
        assert_eq!(lanes.leaves(id(1), FRESH), Some(Move::Settle(Verdict::Void)));
        assert_eq!(lanes.leaves(id(1), FRESH), None);
    }

    #[test]
    fn what_waits_does_not_wait_for_another_try_of_what_was_not_done() {
        let mut lanes = Lanes::default();
        lanes.accept(slip(1, 0, Kind::Speak));
        lanes.accept(slip(2, 0, Kind::Bridge));
        sent(&mut lanes, 1);
        lanes.missed(id(1), too_many(None));
        assert_eq!(lanes.next(id(1), FRESH), not_done("429"));
        assert_eq!(lanes.settled(id(1)), Some(id(2)));
    }

    #[test]
    fn a_command_that_is_here_is_not_taken_twice() {
        let mut lanes = Lanes::default();
        lanes.accept(slip(1, 0, Kind::Answer));
        assert_eq!(lanes.accept(slip(1, 0, Kind::Answer)), None);
        assert_eq!(lanes.settled(id(1)), None);
        assert_eq!(lanes.settled(id(1)), None);
        assert_eq!(lanes.next(id(1), FRESH), None);
    }
}
