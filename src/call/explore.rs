//! A ring of three, in every order in which things can happen.

use std::collections::{BTreeSet, HashSet};

use super::kit::{Life, dial, member, ring, rules, say};
use super::*;
use crate::routing::{Order, Rules};

/// One thing that can happen next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Move {
    Placed(u16),
    Answered(u16),
    HungUp(u16, bool),
    Settled(CommandId, bool),
    Bridged,
    Due,
}

#[derive(Clone)]
struct World<'a> {
    life: Life<'a>,
    open: BTreeSet<CommandId>,
    /// Legs a bridge with the caller was accepted for.
    bridged: BTreeSet<u16>,
    depth: u32,
}

impl World<'_> {
    fn command(&self, id: CommandId) -> &Command {
        self.life.asked.iter().find(|command| command.id == id).unwrap()
    }

    fn moves(&self) -> Vec<Move> {
        let mut moves = Vec::new();
        for id in &self.open {
            moves.push(Move::Settled(*id, true));
            // Refusals of what ends a leg, and of what asks, change nothing that is not reached otherwise.
            if matches!(self.command(*id).verb.kind(), Kind::Dial | Kind::Bridge | Kind::Answer) {
                moves.push(Move::Settled(*id, false));
            }
        }
        for leg in &self.life.call.legs {
            let no = leg.no.0;
            let dialled = leg.state == LegState::Dialled;
            match leg.state {
                LegState::Dialled if !leg.has_ended() => moves.push(Move::Placed(no)),
                LegState::Ringing if no > 0 => moves.extend([Move::Answered(no), Move::HungUp(no, true)]),
                // The caller is picked up only if we asked for it.
                LegState::Ringing => {
                    let asked = self.life.asked.iter().any(|command| command.verb.kind() == Kind::Answer);
                    moves.extend(asked.then_some(Move::Answered(0)));
                    moves.push(Move::HungUp(0, false));
                }
                LegState::Answered { .. } => moves.push(Move::HungUp(no, false)),
                LegState::Dialled | LegState::Ended { .. } => assert!(dialled || leg.has_ended()),
            }
        }
        if !self.bridged.is_empty() {
            moves.push(Move::Bridged);
        }
        if self.life.deadline().is_some() {
            moves.push(Move::Due);
        }
        moves
    }

    fn make(&mut self, it: Move) {
        let before = self.life.asked.len();
        match it {
            Move::Placed(leg) => self.life.news(leg, News::Placed),
            Move::Answered(leg) => self.life.news(leg, News::Answered),
            Move::HungUp(leg, busy) => self.life.hangs_up(leg, if busy { Cause::Busy } else { Cause::Normal }),
            Move::Bridged => self.life.news(0, News::Bridged),
            Move::Due => self.life.wait(),
            Move::Settled(id, good) => self.settle(id, good),
        }
        let new: Vec<CommandId> = self.life.asked[before..].iter().map(|command| command.id).collect();
        self.open.extend(new);
        self.depth += 1;
    }

    fn settle(&mut self, id: CommandId, good: bool) {
        self.open.remove(&id);
        let Command { leg, verb, .. } = self.command(id).clone();
        let kind = verb.kind();
        let handle = Handle(format!("v3:h{}", leg.0));
        let verdict = match (kind, good) {
            (Kind::Dial, true) => Verdict::Accepted { made: Some(Made { handle, leg: None, session: None }) },
            (Kind::Look, _) => Verdict::Found { alive: true },
            (_, true) => Verdict::Accepted { made: None },
            (_, false) => Verdict::Refused { why: Refusal::Limit, code: "0".into() },
        };
        if let (Verb::Bridge { with, .. }, true) = (&verb, good) {
            let both = [LegNo::CALLER]
                .into_iter()
                .chain(self.life.call.legs.iter().filter(|l| l.handle.as_ref() == Some(with)).map(|l| l.no));
            let alive = both.clone().all(|no| self.life.call.leg(no).is_some_and(Leg::is_answered));
            if alive {
                self.bridged.extend(both.map(|no| no.0).filter(|no| *no > 0));
            }
        }
        self.life.take(What::Settled(Settled { command: id, kind, leg, verdict }));
    }

    /// What must hold in every state.
    fn check(&self) {
        let call = &self.life.call;
        let live = |no: u16| call.leg(LegNo(no)).is_some_and(Leg::is_live);
        let joined: Vec<u16> = self.bridged.iter().copied().filter(|no| live(*no)).collect();
        assert!(joined.len() <= 1, "two parties are bridged with one caller: {joined:?}");
        assert_eq!(self.life.deadline().is_none(), call.has_ended(), "only an ended call has no deadline");
        if !call.caller().is_some_and(Leg::is_live) {
            for leg in call.legs.iter().filter(|leg| leg.is_live()) {
                assert!(leg.stop.is_some(), "leg {} rings on without a caller", leg.no.0);
            }
        }
        if call.has_ended() {
            assert!(call.legs.iter().all(|leg| !leg.is_live()), "an ended call has a live leg");
        }
    }

    /// What tells two states apart: all but times, counters and ids.
    fn key(&self) -> String {
        let mut call = self.life.call.clone();
        (call.version, call.commands) = (0, 0);
        let json = serde_json::to_string(&call).unwrap();
        let dull = |text: &str| {
            // Moments become their distance from now, ids vanish.
            let mut out = String::new();
            for (index, part) in text.split('"').enumerate() {
                match (part.parse::<jiff::Timestamp>(), uuid::Uuid::try_parse(part)) {
                    (Ok(at), _) => out.push_str(&at.duration_since(self.life.now).as_millis().to_string()),
                    (_, Ok(_)) => out.push('#'),
                    _ => out.push_str(part),
                }
                out.push_str(if index % 2 == 0 { "<" } else { ">" });
            }
            out
        };
        let open: Vec<String> =
            self.open.iter().map(|id| self.command(*id)).map(|c| format!("{}{}", c.verb.kind(), c.leg.0)).collect();
        let mut open = open;
        open.sort();
        format!("{}|{open:?}|{:?}", dull(&json), self.bridged)
    }
}

/// Walks every order of moves down to `depth`, each state once; gives how many states there were.
fn explore(rules: &Rules, depth: u32) -> usize {
    let life = Life::begun(rules);
    let open = life.asked.iter().map(|command| command.id).collect();
    let mut todo = vec![World { life, open, bridged: BTreeSet::new(), depth: 0 }];
    let mut seen: HashSet<String> = HashSet::new();
    let mut ended = 0;
    while let Some(world) = todo.pop() {
        world.check();
        if !seen.insert(format!("{}/{}", world.depth, world.key())) {
            continue;
        }
        ended += usize::from(world.life.call.has_ended());
        if world.depth == depth {
            continue;
        }
        for it in world.moves() {
            let mut next = world.clone();
            next.make(it);
            todo.push(next);
        }
    }
    assert!(ended > 0 || depth < 4, "no order of moves ended the call");
    seen.len()
}

fn depth() -> u32 {
    std::env::var("SWITCHHOOK_EXPLORE_DEPTH").ok().and_then(|depth| depth.parse().ok()).unwrap_or(6)
}

#[test]
fn three_at_once_in_every_order() {
    let members = vec![member("anna", 141, 20), member("ben", 142, 20), member("cleo", 143, 20)];
    let rules =
        rules(vec![ring(Order::Simultaneous, members), say("Nobody is here."), crate::routing::Action::Hangup], &[]);
    assert!(explore(&rules, depth()) > 1000);
}

#[test]
fn three_in_turn_in_every_order() {
    let members = vec![member("anna", 141, 20), member("ben", 142, 20), member("cleo", 143, 20)];
    let rules = rules(vec![ring(Order::Sequential, members), dial(member("dora", 144, 5))], &[]);
    assert!(explore(&rules, depth() + 1) > 1000);
}
