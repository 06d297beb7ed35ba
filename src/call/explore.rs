//! A ring of three in every order in which things can happen.
//!
//! The walk is exhaustive: every move that is possible in a state is made from it, and it goes on until the call has
//! ended, also while the caller talks with somebody. Moves are news of every leg, also of those being hung up, before and
//! after the answer to its dial; the answers to dials and bridges; and time. What bounds the walk: deadlines fall due
//! [`DUES`] times on a path, and a refused dial is refused for good. What is not told apart: how somebody is out of the
//! ring, where the rules do not ask, and answers that change nothing, to hangups, looks, and the picking-up of the caller.

#![expect(clippy::wildcard_enum_match_arm, reason = "a test: whatever it does not name is a failure")]

use std::collections::HashSet;

use jiff::Timestamp;

use super::kit::{CALLER, Life, OURS, left_alone};
use super::*;
use crate::phone::Party;
use crate::routing::{Outcome, Rules};

/// How many deadlines fall due on one path.
const DUES: u8 = 3;

/// One thing that can happen next.
#[derive(Clone, Copy, Debug)]
enum Move {
    /// The answer to a leg's dial.
    Dial(LegNo, Dialled),
    Placed(LegNo),
    Answered(LegNo),
    HungUp(LegNo, Cause),
    /// The answer to the last bridge.
    Bridge(Answer),
    /// News of a bridge, from the one rung or from the caller.
    Bridged(LegNo),
    Due,
}

#[derive(Clone, Copy, Debug)]
enum Dialled {
    Accepted,
    Refused,
    Unknown,
}

#[derive(Clone, Copy, Debug)]
enum Answer {
    Accepted,
    TooEarly,
    Refused,
}

/// The bridges that were asked for with one leg.
#[derive(Clone, Debug)]
struct Bridges {
    leg: LegNo,
    /// The last one.
    last: CommandId,
    /// It has no answer yet.
    open: bool,
    /// One of them may have come about: only a refusal says that it did not.
    maybe: bool,
}

#[derive(Clone, Debug)]
struct World {
    call: Call,
    now: Timestamp,
    /// Legs whose dial has no answer yet.
    dialling: Vec<LegNo>,
    /// With whoever is wanted.
    bridges: Option<Bridges>,
    /// A bridge with somebody who is not wanted any more may have come about.
    stray: bool,
    /// The caller may be picked up: we asked for it.
    answering: bool,
    dues: u8,
    /// How those who are rung may end.
    ends: &'static [Cause],
}

impl World {
    fn begun(rules: &Rules, answered: bool, ends: &'static [Cause]) -> Self {
        let life = Life::new(rules);
        let mut world = Self {
            call: life.call,
            now: life.now,
            dialling: Vec::new(),
            bridges: None,
            stray: false,
            answering: false,
            dues: 0,
            ends,
        };
        if answered {
            world.news(rules, LegNo::CALLER, News::Answered);
        }
        world.news(rules, LegNo::CALLER, News::Arrived { from: Party::read(CALLER), to: Party::read(OURS), hops: 0 });
        world
    }

    fn moves(&self) -> Vec<Move> {
        let answers = [Dialled::Accepted, Dialled::Refused, Dialled::Unknown];
        let dial = |no: &LegNo| answers.map(|answer| Move::Dial(*no, answer));
        let mut moves: Vec<Move> = self.dialling.iter().flat_map(dial).collect();
        for leg in &self.call.legs {
            let no = leg.no;
            let caller = no == LegNo::CALLER;
            match leg.state {
                // Webhooks overtake the answer to the dial, and each other.
                LegState::Dialled => moves.extend([Move::Placed(no), Move::Answered(no)]),
                LegState::Ringing if caller && !self.answering => {}
                LegState::Ringing => moves.push(Move::Answered(no)),
                LegState::Answered { .. } => {}
                LegState::Ended { .. } => continue,
            }
            let ends = if caller { &[Cause::Normal] } else { self.ends };
            moves.extend(ends.iter().map(|cause| Move::HungUp(no, *cause)));
        }
        if let Some(bridges) = &self.bridges {
            if bridges.open {
                moves.extend([Answer::Accepted, Answer::TooEarly, Answer::Refused].map(Move::Bridge));
            }
            let both = self.call.caller_is_answered() && self.call.leg(bridges.leg).is_some_and(Leg::is_answered);
            if both && (bridges.open || bridges.maybe) {
                moves.extend([Move::Bridged(bridges.leg), Move::Bridged(LegNo::CALLER)]);
            }
        }
        if self.stray {
            moves.push(Move::Bridged(LegNo::CALLER));
        }
        if self.dues < DUES {
            moves.push(Move::Due);
        }
        moves
    }

    fn make(&mut self, it: Move, rules: &Rules) {
        match it {
            Move::Placed(no) => self.news(rules, no, News::Placed),
            Move::Answered(no) => self.news(rules, no, News::Answered),
            Move::HungUp(no, cause) => self.news(rules, no, News::HungUp { cause }),
            Move::Bridged(no) => self.news(rules, no, News::Bridged),
            Move::Dial(no, answer) => self.dialled(no, answer, rules),
            Move::Bridge(answer) => self.bridge(answer, rules),
            Move::Due => {
                self.dues += 1;
                self.now = deadline(&self.call, rules).unwrap().max(self.now);
                self.take(rules, What::Due { version: self.call.version });
                assert!(deadline(&self.call, rules).is_none_or(|next| next > self.now), "due again at once: {self:?}");
            }
        }
    }

    fn news(&mut self, rules: &Rules, leg: LegNo, news: News) {
        let tag = (leg != LegNo::CALLER).then_some(Tag { call: self.call.id, leg });
        self.take(rules, What::Leg { who: Who { tag, handle: Some(handle(leg)), ..Who::default() }, news });
    }

    fn dialled(&mut self, leg: LegNo, answer: Dialled, rules: &Rules) {
        self.dialling.retain(|no| *no != leg);
        let verdict = match answer {
            Dialled::Accepted => Verdict::Accepted {
                made: Some(Made { handle: handle(leg), leg: None, session: None }),
                recording: None,
            },
            Dialled::Refused => refused(Refusal::Limit),
            Dialled::Unknown => Verdict::Unknown,
        };
        let command = CommandId(self.call.id.0);
        self.take(rules, What::Settled(Settled { command, kind: Kind::Dial, leg, verdict }));
    }

    fn bridge(&mut self, answer: Answer, rules: &Rules) {
        let bridges = self.bridges.as_mut().unwrap();
        bridges.open = false;
        let verdict = match answer {
            Answer::Accepted => {
                bridges.maybe = true;
                Verdict::accepted()
            }
            Answer::TooEarly => refused(Refusal::NotAnswered),
            Answer::Refused => refused(Refusal::Limit),
        };
        let command = bridges.last;
        self.take(rules, What::Settled(Settled { command, kind: Kind::Bridge, leg: LegNo::CALLER, verdict }));
    }

    fn take(&mut self, rules: &Rules, what: What) {
        let event = Event { id: EventId(String::new()), at: None, what };
        let decision = decide(self.call.clone(), &event, rules, self.now);
        self.call = decision.call;
        self.drop_bridges();
        for Command { id, leg, verb } in decision.commands {
            match verb {
                Verb::Dial { .. } => self.dialling.push(leg),
                Verb::Answer { .. } => self.answering = true,
                Verb::Bridge { with, .. } => {
                    let leg = self.call.legs.iter().find(|leg| leg.handle.as_ref() == Some(&with)).unwrap().no;
                    let before = self.bridges.take();
                    assert!(before.iter().all(|before| before.leg == leg), "two are bridged with one caller: {self:?}");
                    let maybe = before.is_some_and(|before| before.open || before.maybe);
                    self.bridges = Some(Bridges { leg, last: id, open: true, maybe });
                }
                // Their answers change nothing that news of the leg would not change.
                Verb::Hangup { .. }
                | Verb::Reject { .. }
                | Verb::Look { .. }
                | Verb::Find { .. }
                | Verb::Recordings { .. }
                | Verb::Notify { .. } => {}
                Verb::Play { .. } | Verb::StopPlay { .. } => {}
                Verb::Record { .. } | Verb::StopRecord { .. } => panic!("{verb:?}"),
                Verb::Gather { .. } | Verb::Speak { .. } | Verb::Transfer { .. } => panic!("{verb:?}"),
            }
        }
        // A leg that showed itself has a handle: what its dial is answered says nothing new.
        self.dialling.retain(|no| self.call.leg(*no).unwrap().state == LegState::Dialled);
    }

    /// Bridges with somebody who is gone or being hung up are nobody's any more.
    fn drop_bridges(&mut self) {
        let call = &self.call;
        let wanted = |leg: LegNo| call.leg(leg).is_some_and(|leg| leg.is_live() && leg.stop.is_none());
        if let Some(bridges) = self.bridges.take_if(|bridges| !wanted(bridges.leg)) {
            self.stray |= bridges.open || bridges.maybe;
        }
    }
}

fn handle(leg: LegNo) -> Handle {
    Handle(format!("h{}", leg.0))
}

fn refused(why: Refusal) -> Verdict {
    Verdict::Refused { why, code: String::new() }
}

/// What must hold in every state.
fn check(world: &World, rules: &Rules) {
    let call = &world.call;
    let live = || call.legs.iter().filter(|leg| leg.is_live());
    assert_eq!(deadline(call, rules).is_none(), call.has_ended(), "only an ended call has no deadline: {world:?}");
    assert_eq!(left_alone(call), [], "these ring or talk for nobody: {world:?}");
    let gone = !call.caller().is_some_and(Leg::is_live);
    assert!(!gone || live().all(|leg| leg.stop.is_some()), "somebody rings on without a caller: {world:?}");
    for leg in live().filter(|leg| leg.handle.is_some()) {
        let due = leg.stop.as_ref().is_some_and(|stop| stop.from <= world.now && stop.asked.is_none());
        assert!(!due, "leg {} is to be hung up, and nobody does it: {world:?}", leg.no.0);
    }
    assert!(!call.has_ended() || live().next().is_none(), "an ended call has a live leg: {world:?}");
}

/// What tells two states apart: moments by how long ago they were, and no counters, no ids. How somebody is out of the
/// ring is left out where they end in one way only: nothing depends on it then.
fn key(world: &World) -> Vec<u8> {
    let mut key = Key { bytes: vec![world.dues, u8::from(world.answering), u8::from(world.stray)], now: world.now };
    for leg in &world.call.legs {
        key.leg(leg, world.dialling.contains(&leg.no));
    }
    match &world.call.phase {
        Phase::Ringing(ringing) => {
            key.bytes.push(1);
            ringing.chairs.iter().for_each(|chair| key.chair(chair, chair.leg.and_then(|no| world.call.leg(no))));
            if world.ends.len() > 1 {
                let out = |chair: &Chair| chair.out.map_or(0, |out| 1 + u8::from(out == Outcome::Declined));
                key.bytes.extend(ringing.chairs.iter().map(out));
            }
            key.bytes.push(u8::from(ringing.ringback));
            if !world.call.caller_is_answered() {
                key.moment(world.call.began);
            }
            ringing.answering.iter().for_each(|pickup| key.pickup(pickup));
            ringing.joining.iter().for_each(|joining| key.joining(joining));
        }
        Phase::Ending { since } => {
            key.bytes.push(2);
            key.moment(*since);
        }
        Phase::Ended { .. } => key.bytes.push(3),
        Phase::Talking { with, since, looked } => {
            key.bytes.extend([4, no(*with)]);
            key.moment(*since);
            key.moment(*looked);
        }
        other => panic!("{other:?}"),
    }
    if let Some(Bridges { leg, open, maybe, .. }) = world.bridges {
        key.bytes.extend([no(leg), u8::from(open), u8::from(maybe)]);
    }
    key.bytes
}

struct Key {
    bytes: Vec<u8>,
    now: Timestamp,
}

impl Key {
    fn moment(&mut self, at: Timestamp) {
        let ago = i32::try_from(self.now.as_millisecond() - at.as_millisecond()).unwrap();
        self.bytes.extend(ago.to_le_bytes());
    }

    fn leg(&mut self, leg: &Leg, dialling: bool) {
        let state = match leg.state {
            LegState::Ended { .. } => return self.bytes.push(0),
            LegState::Dialled => 1,
            LegState::Ringing => 2,
            LegState::Answered { .. } => 3,
        };
        let flags = [leg.lost, leg.handle.is_some(), dialling, leg.stop.is_some(), leg.supposed];
        self.bytes.push(flags.iter().fold(state, |bits, flag| bits << 1 | u8::from(*flag)));
        self.bytes.push(leg.doubts);
        if let Some((_, asked)) = leg.stop.as_ref().and_then(|stop| stop.asked.as_ref()) {
            self.bytes.extend(leg.stop.iter().flat_map(|stop| [stop.tries, stop.missed]));
            self.moment(*asked);
        }
    }

    /// Since when he rings tells something only while he does and nobody hangs him up.
    fn chair(&mut self, chair: &Chair, leg: Option<&Leg>) {
        self.bytes.push(u8::from(chair.leg.is_some()) + 2 * u8::from(chair.out.is_some()));
        let Some(leg) = leg.filter(|leg| chair.out.is_none() && leg.stop.is_none()) else { return };
        match leg.state {
            LegState::Dialled => self.moment(leg.began),
            LegState::Ringing => {
                self.bytes.push(u8::from(leg.heard));
                self.moment(chair.rings_since.unwrap_or(leg.began));
            }
            LegState::Answered { .. } | LegState::Ended { .. } => {}
        }
    }

    fn pickup(&mut self, pickup: &PickUp) {
        self.bytes.extend([1, pickup.tries, u8::from(pickup.open)]);
        self.moment(pickup.asked);
    }

    fn joining(&mut self, joining: &Joining) {
        self.bytes.push(no(joining.leg));
        match &joining.stage {
            JoinStage::PickingUp(pickup) => self.pickup(pickup),
            JoinStage::Bridging { asked, bridges, .. } => self.bridges(2, bridges, *asked),
            JoinStage::TooEarly { again, bridges } => self.bridges(3, bridges, *again),
        }
    }

    fn bridges(&mut self, stage: u8, bridges: &phase::Bridges, at: Timestamp) {
        let phase::Bridges { tries, silent, accepted, open } = bridges;
        self.bytes.extend([stage, *tries, *silent, u8::from(*accepted), u8::from(open.is_empty())]);
        self.moment(at);
    }
}

fn no(leg: LegNo) -> u8 {
    u8::try_from(leg.0).unwrap()
}

/// How many states there are, and in how many of them the caller talks with somebody or the call has ended.
#[derive(Debug, Default)]
struct States {
    all: usize,
    talking: usize,
    ended: usize,
}

fn explore(rules: &Rules, answered: bool, ends: &'static [Cause]) -> States {
    let mut todo = vec![World::begun(rules, answered, ends)];
    let mut seen: HashSet<Vec<u8>> = HashSet::new();
    let mut states = States::default();
    while let Some(world) = todo.pop() {
        if !seen.insert(key(&world)) {
            continue;
        }
        check(&world, rules);
        states.all += 1;
        if world.call.phase.talks_with().is_some() {
            states.talking += 1;
        }
        if world.call.has_ended() {
            states.ended += 1;
            continue;
        }
        for it in world.moves() {
            let mut next = world.clone();
            next.make(it, rules);
            todo.push(next);
        }
    }
    states
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::kit::{member, ring, rules};
    use super::*;
    use crate::routing::{Action, Order, RejectWith};

    const BUSY: &[Cause] = &[Cause::Busy];

    fn three(order: Order) -> Rules {
        let members = vec![member("a", 141, 20), member("b", 142, 20), member("c", 143, 20)];
        rules(vec![ring(order, members)], &[])
    }

    #[test]
    fn three_at_once_for_a_caller_not_picked_up() {
        let mut rules = three(Order::Simultaneous);
        rules.defaults.ringback = Some("https://example.com/ringback.mp3".into());
        tell(&explore(&rules, false, BUSY), 400_000);
    }

    #[test]
    fn three_at_once_for_a_caller_who_is_picked_up_because_he_waits() {
        let mut rules = three(Order::Simultaneous);
        rules.defaults.ringback = Some("https://example.com/ringback.mp3".into());
        rules.defaults.answer_after = Duration::from_secs(8);
        tell(&explore(&rules, false, BUSY), 450_000);
    }

    #[test]
    fn three_at_once_for_a_caller_picked_up() {
        tell(&explore(&three(Order::Simultaneous), true, BUSY), 350_000);
    }

    #[test]
    fn three_in_turn() {
        tell(&explore(&three(Order::Sequential), false, BUSY), 90_000);
    }

    #[test]
    fn three_in_turn_who_may_decline_where_that_leads_elsewhere() {
        let members = vec![member("a", 141, 20), member("b", 142, 20), member("c", 143, 20)];
        let actions = vec![ring(Order::Sequential, members), Action::Hangup, Action::Reject(RejectWith::Busy)];
        let rules = rules(actions, &[(0, Outcome::Declined, 2)]);
        tell(&explore(&rules, false, &[Cause::Busy, Cause::Declined]), 100_000);
    }

    /// Fewer states than there were once are a walk that has become shorter without a word. Few ends are within its reach:
    /// a leg of which nobody knows is looked for over more deadlines than fall due in it.
    fn tell(states: &States, at_least: usize) {
        println!("{states:?}");
        assert!(states.all > at_least && states.talking > 1000 && states.ended > 5, "{states:?}");
    }
}
