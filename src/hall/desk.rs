//! Every command on its way to Telnyx, as one machine: [`Lanes`] know in which order a leg has its commands, [`Pace`] which
//! of all legs leaves when, the [`Gate`] what is not dialled.
//!
//! Whoever sends says what comes in and what came of what was done, and then does whatever there is to be done, act by
//! act. The engine does it with tasks and a database, the lives do it on an agenda.

use std::collections::{BTreeMap, VecDeque};
use std::num::NonZeroU32;
use std::time::Duration;

use super::courier::{self, Miss};
use super::gate::Gate;
use super::lanes::{Lanes, Move, Slip};
use super::pace::{Grant, Pace, Wish};
use crate::call::{CommandId, Kind, Verdict};
use crate::routing::Outbound;

/// Something that is to be done with a command, which is to be followed by what [came](Desk::came) of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Act {
    /// The command.
    pub id: CommandId,
    /// What is to be done.
    pub todo: Todo,
    /// How long it has waited for its turn, if it had to have one for this.
    pub waited: Duration,
}

/// What is to be done with a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Todo {
    /// Send it once, if it is ours to send; `again`: it has been sent before.
    Try {
        /// Not for the first time.
        again: bool,
    },
    /// Let this time pass, in which nobody is to take it over. There may be more to pass after that.
    Rest(Duration),
    /// Hand its outcome in.
    Settle(Verdict),
    /// It does not get a turn, for that reason: hand in what that comes to.
    Refuse(&'static str, Verdict),
    /// It must not leave, which that forbids: hand in what that comes to.
    Stop(&'static str, Verdict),
}

/// What came of what was to be done with a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Done {
    /// It was sent, and has its outcome.
    Settles(Verdict),
    /// It was sent, or could not be, and has no outcome yet.
    Missed(Miss),
    /// It is not to be sent any more, for that reason.
    GivenUp(&'static str),
    /// The time that it was to rest has passed.
    Rested,
    /// Its outcome is kept.
    Settled,
    /// It is another node's now, which will settle it.
    Lost,
}

/// All that is waiting or under way. Time is handed in: that since anything, the same for every command.
#[derive(Clone, Debug)]
pub struct Desk {
    lanes: Lanes,
    pace: Pace,
    held: BTreeMap<CommandId, Held>,
    acts: VecDeque<Act>,
    stopped: bool,
}

#[derive(Clone, Debug)]
struct Held {
    kind: Kind,
    /// Before its first byte can have been sent. `None`: nobody can say.
    first: Option<Duration>,
    /// Whom it rings.
    to: String,
    /// When it last asked for its turn.
    asked: Duration,
    /// How much of its rest is left after what passes now.
    left: Duration,
}

impl Desk {
    /// The desk of a node that is alone. `rate`: the most commands a second, if there is to be a limit.
    pub fn new(rate: Option<NonZeroU32>) -> Self {
        Self {
            lanes: Lanes::default(),
            pace: Pace::new(rate),
            held: BTreeMap::new(),
            acts: VecDeque::new(),
            stopped: false,
        }
    }

    /// A command may be sent; `first` is a time before its first byte can have been, if anybody can say one, and `to` is
    /// whom it rings, if anybody. One that is here already is not taken twice.
    pub fn accept(&mut self, slip: Slip, first: Option<Duration>, to: String, now: Duration) {
        let Some(begun) = self.lanes.accept(slip) else { return };
        let (kind, asked, left) = (slip.kind, now, Duration::ZERO);
        self.held.insert(slip.id, Held { kind, first, to, asked, left });
        for id in begun.void {
            self.act(id, Todo::Settle(Verdict::Void));
        }
        for id in begun.go {
            self.go(id, now);
        }
    }

    /// A try was answered, or not, before it is said what [came](Self::came) of it. `answered`: by Telnyx, whatever it said,
    /// and not that it is out of order; `hold`: how long it wants no more of such.
    pub fn heard(&mut self, id: CommandId, answered: bool, hold: Option<Duration>, now: Duration) {
        self.pace.heard(id, answered, hold, now);
    }

    /// What was to be done with a command is done.
    pub fn came(&mut self, id: CommandId, done: Done, now: Duration) {
        // Where nothing was heard of a try there was none.
        self.pace.free(id);
        match done {
            Done::Settles(verdict) => self.act(id, Todo::Settle(verdict)),
            Done::Missed(miss) => {
                self.lanes.missed(id, miss);
                self.go(id, now);
            }
            Done::GivenUp(why) => {
                if let Some(verdict) = self.lanes.give_up(id, why) {
                    self.act(id, Todo::Settle(verdict));
                }
            }
            Done::Rested => self.rested(id, now),
            Done::Settled | Done::Lost => {
                self.held.remove(&id);
                if let Some(next) = self.lanes.settled(id) {
                    self.go(next, now);
                }
            }
        }
    }

    /// From now on nothing is sent again and nothing rests: that is left to whoever has it after us.
    pub fn stop(&mut self) {
        self.stopped = true;
    }

    /// Whoever's turn it is may leave. `gate` and `by`, the rules that new calls begin with, say where nothing is dialled;
    /// so many `nodes` share what Telnyx allows.
    pub fn pump(&mut self, gate: &Gate, by: &Outbound, nodes: u32, now: Duration) {
        self.pace.share(nodes);
        while let Some(turn) = self.pace.next(now) {
            match turn {
                Grant::Go(id) => self.leave(id, gate, by, now),
                Grant::Refused(id, why) => {
                    if let Some(verdict) = self.lanes.give_up(id, why) {
                        self.act_after(id, Todo::Refuse(why, verdict), now);
                    }
                }
            }
        }
    }

    /// What is to be done next. To be asked until there is nothing.
    pub fn next_act(&mut self) -> Option<Act> {
        self.acts.pop_front()
    }

    /// When [`pump`](Self::pump) may find something without anything having happened.
    pub fn wake_at(&self) -> Option<Duration> {
        self.pace.wake_at()
    }

    /// Whether Telnyx answers: 0 yes, 1 one tries, 2 no, and dials and transfers are refused.
    pub fn circuit(&self) -> u8 {
        self.pace.circuit()
    }

    /// A command has its turn in its leg.
    fn go(&mut self, id: CommandId, now: Duration) {
        let age = self.age(id, now);
        let next = self.lanes.next(id, age);
        self.follow(id, next, now);
    }

    fn rested(&mut self, id: CommandId, now: Duration) {
        let left = self.held.get(&id).map_or(Duration::ZERO, |held| held.left);
        if self.lanes.rests(id) && !left.is_zero() {
            return self.rest(id, left);
        }
        let age = self.age(id, now);
        let next = self.lanes.rested(id, age);
        self.follow(id, next, now);
    }

    /// A pause passes in pieces, before each of which it is seen to that nobody takes the command over.
    fn rest(&mut self, id: CommandId, pause: Duration) {
        let (nap, held) = (courier::nap(pause), self.held.get_mut(&id));
        held.into_iter().for_each(|held| held.left = pause.saturating_sub(nap));
        if !self.stopped {
            self.act(id, Todo::Rest(nap));
        }
    }

    fn follow(&mut self, id: CommandId, next: Option<Move>, now: Duration) {
        match next {
            Some(Move::Settle(verdict)) => self.act(id, Todo::Settle(verdict)),
            Some(Move::Wait(pause)) => self.rest(id, pause),
            Some(Move::Send { again: true, .. }) if self.stopped => {}
            Some(Move::Send { patience, fresh, .. }) => {
                let Some(held) = self.held.get_mut(&id) else { return };
                held.asked = now;
                let (kind, born) = (held.kind, held.first.unwrap_or_default());
                self.pace.ask(Wish { id, kind, born, until: patience.map(|patience| now + patience), fresh });
            }
            None => {}
        }
    }

    /// A command has its turn among all. The gate is asked before its first try from here, and before each later one as
    /// long as none can have been carried out: what may have been is finished.
    fn leave(&mut self, id: CommandId, gate: &Gate, by: &Outbound, now: Duration) {
        let age = self.age(id, now);
        let todo = match self.lanes.leaves(id, age) {
            Some(Move::Send { again, fresh, .. }) => {
                let held = self.held.get(&id).filter(|_| fresh || !again);
                match held.and_then(|held| gate.shuts(held.kind, &held.to, by)) {
                    Some(why) => self.lanes.stop(id, why).map(|verdict| Todo::Stop(why, verdict)),
                    None => (!(again && self.stopped)).then_some(Todo::Try { again }),
                }
            }
            Some(Move::Settle(verdict)) => Some(Todo::Settle(verdict)),
            Some(Move::Wait(_)) | None => None,
        };
        if !matches!(todo, Some(Todo::Try { .. })) {
            self.pace.free(id);
        }
        todo.into_iter().for_each(|todo| self.act_after(id, todo, now));
    }

    /// Time since the first byte of a command may have been sent.
    fn age(&self, id: CommandId, now: Duration) -> Option<Duration> {
        self.held.get(&id).and_then(|held| now.checked_sub(held.first?))
    }

    fn act(&mut self, id: CommandId, todo: Todo) {
        self.acts.push_back(Act { id, todo, waited: Duration::ZERO });
    }

    fn act_after(&mut self, id: CommandId, todo: Todo, now: Duration) {
        let waited = self.held.get(&id).map_or(Duration::ZERO, |held| now.saturating_sub(held.asked));
        self.acts.push_back(Act { id, todo, waited });
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::call::{CallId, LegNo, Refusal};
    use crate::phone::Country;

    const TO: &str = "+12025550142";

    /// A desk, the time at it, and what is stopped.
    struct Night {
        desk: Desk,
        now: Duration,
        gate: Gate,
        by: Outbound,
    }

    impl Night {
        fn new() -> Self {
            let by = Outbound { countries: vec![Country::parse("US").unwrap()], ours: [].into(), hops: 3 };
            Self { desk: Desk::new(None), now: Duration::from_secs(100), gate: Gate::default(), by }
        }

        /// A command of the first leg, decided now; numbers are places.
        fn post(&mut self, no: u32, kind: Kind, taken_over: bool) {
            let (call, leg, id) = (CallId(Uuid::nil()), LegNo(0), id(no));
            self.desk.accept(Slip { call, seq: no, leg, id, kind, taken_over }, Some(self.now), TO.into(), self.now);
        }

        fn came(&mut self, no: u32, done: Done) -> Vec<(u32, Todo)> {
            self.desk.came(id(no), done, self.now);
            self.acts()
        }

        fn missed(&mut self, no: u32, perhaps: bool, after: u64) -> Vec<(u32, Todo)> {
            let after = Some(Duration::from_secs(after));
            self.came(no, Done::Missed(Miss { perhaps, after, code: "429".into() }))
        }

        /// The end of so much of a pause.
        fn rested(&mut self, no: u32, secs: u64) -> Vec<(u32, Todo)> {
            self.now += Duration::from_secs(secs);
            self.came(no, Done::Rested)
        }

        fn acts(&mut self) -> Vec<(u32, Todo)> {
            self.desk.pump(&self.gate, &self.by, 1, self.now);
            let acts = std::iter::from_fn(|| self.desk.next_act());
            acts.map(|act| (u32::try_from(act.id.0.as_u128()).unwrap(), act.todo)).collect()
        }
    }

    fn id(no: u32) -> CommandId {
        CommandId(Uuid::from_u128(no.into()))
    }

    fn rests(no: u32, secs: u64) -> Vec<(u32, Todo)> {
        vec![(no, Todo::Rest(Duration::from_secs(secs)))]
    }

    fn tries(no: u32, again: bool) -> Vec<(u32, Todo)> {
        vec![(no, Todo::Try { again })]
    }

    #[test]
    fn a_command_is_tried_rests_is_tried_again_and_then_the_next_has_its_turn() {
        let mut night = Night::new();
        night.post(1, Kind::Hangup, false);
        assert_eq!(night.acts(), tries(1, false));
        assert_eq!(night.missed(1, true, 9), rests(1, 4), "a lease covers no more at once");
        assert_eq!(night.rested(1, 4), rests(1, 4));
        assert_eq!(night.rested(1, 4), rests(1, 1));
        assert_eq!(night.rested(1, 1), tries(1, true));
        let taken = Verdict::accepted();
        assert_eq!(night.came(1, Done::Settles(taken.clone())), [(1, Todo::Settle(taken))]);
        assert_eq!(night.came(1, Done::Settled), []);
        night.post(2, Kind::Answer, false);
        night.post(3, Kind::Speak, false);
        assert_eq!(night.acts(), tries(2, false), "one after the other");
        assert_eq!(night.came(2, Done::Lost), tries(3, false), "whoever has it settles it");
        assert_eq!(night.came(2, Done::Rested), []);
    }

    #[test]
    fn a_rest_ends_for_what_waits_and_a_hangup_voids_what_waits() {
        let mut night = Night::new();
        night.post(1, Kind::Speak, false);
        assert_eq!(night.acts(), tries(1, false));
        assert_eq!(night.missed(1, true, 20), rests(1, 4));
        night.post(2, Kind::Play, false);
        assert_eq!(night.acts(), [(1, Todo::Settle(Verdict::Unknown))]);
        assert_eq!(night.rested(1, 4), [], "it has its outcome");
        night.post(3, Kind::Hangup, false);
        assert_eq!(night.acts(), [(2, Todo::Settle(Verdict::Void)), (3, Todo::Try { again: false })]);
    }

    #[test]
    fn what_is_stopped_is_asked_as_long_as_nothing_can_have_been_done() {
        let stopped = |verdict| vec![(1, Todo::Stop("limits.stopped", verdict))];
        let refused = Verdict::Refused { why: Refusal::Stopped, code: "limits.stopped".into() };
        for (perhaps, taken_over) in [(false, false), (true, false), (false, true)] {
            let mut night = Night::new();
            night.post(1, Kind::Dial, taken_over);
            assert_eq!(night.acts(), tries(1, false));
            assert_eq!(night.missed(1, perhaps, 1), rests(1, 1));
            night.gate = Gate::new(true, []).unwrap();
            let expected = if perhaps || taken_over { tries(1, true) } else { stopped(refused.clone()) };
            assert_eq!(night.rested(1, 1), expected, "{perhaps} {taken_over}");
        }
        for taken_over in [false, true] {
            let mut night = Night::new();
            night.gate = Gate::new(true, []).unwrap();
            night.post(1, Kind::Dial, taken_over);
            assert_eq!(night.acts(), stopped(if taken_over { Verdict::Unknown } else { refused.clone() }));
        }
    }

    #[test]
    fn whoever_waits_too_long_is_refused_and_it_is_known_how_long_that_was() {
        let mut night = Night::new();
        night.post(1, Kind::Speak, false);
        assert_eq!(night.acts(), tries(1, false));
        let hold = 2 * courier::PATIENCE;
        night.desk.heard(id(1), true, Some(hold), night.now);
        night.came(1, Done::Settled);
        night.post(2, Kind::Speak, false);
        let refused = Verdict::Refused { why: Refusal::Unavailable, code: "too much at once".into() };
        let todo = Todo::Refuse("too much at once", refused);
        assert_eq!(night.acts(), [(2, todo)], "and nobody waits for what he will not get");
        night.post(3, Kind::StopPlay, false);
        assert_eq!(night.acts(), [], "this is not given up for that, and comes behind the other");
        assert_eq!(night.came(2, Done::Settled), []);
        let at = night.desk.wake_at().unwrap();
        night.desk.pump(&night.gate, &night.by, 1, at);
        let act = night.desk.next_act().unwrap();
        assert_eq!((act.todo, act.waited), (Todo::Try { again: false }, hold));
    }

    #[test]
    fn once_it_is_stopped_nothing_is_sent_again() {
        let mut night = Night::new();
        for (no, kind) in [(1, Kind::Answer), (2, Kind::Hangup)] {
            night.post(no, kind, false);
            assert_eq!(night.acts(), tries(no, false));
        }
        assert_eq!(night.missed(2, true, 1), rests(2, 1));
        night.desk.stop();
        assert_eq!(night.rested(2, 1), []);
        assert_eq!(night.missed(1, true, 1), [(1, Todo::Settle(Verdict::Unknown))]);
        night.post(3, Kind::Hangup, false);
        assert_eq!(night.acts(), tries(3, false), "what was committed is still sent");
        assert_eq!(night.missed(3, true, 1), []);
    }
}
