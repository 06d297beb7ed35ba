//! Calls in bad weather: whatever comes, in whatever order, what must hold of a call holds.

use std::collections::BTreeSet;

use jiff::Timestamp;
use proptest::prelude::*;

use super::kit::{CALLER, Life, OURS, dial, left_alone, member, play, ring, rules, say, secs, transfer};
use super::*;
use crate::phone::Party;
use crate::routing::{Action, Order, Outcome, RejectWith, Ring, Rules};

/// How many deadlines a call that hears nothing any more may take to its end: those of a talk of four hours, looked
/// after every minute where that comes to nothing, as many again for all that comes before, and the hangups of a few legs.
const MOST_DUES: usize = 800;

/// Something that happens to a call.
#[derive(Clone, Debug)]
enum Blow {
    News {
        leg: u16,
        news: News,
    },
    /// News of a leg by fewer names than it has, or by another's.
    Odd {
        tag: Option<u16>,
        handle: Option<u16>,
        news: News,
    },
    Settled {
        nth: usize,
        verdict: Verdict,
    },
    /// The next deadline falls due.
    Due,
    /// A deadline falls due that the call no longer has.
    Stale,
    /// A deadline falls due that is of no such moment.
    Early,
    Again,
    Sleep {
        secs: u64,
    },
    Fault,
}

fn news() -> impl Strategy<Value = News> {
    let cause = prop::sample::select(vec![
        Cause::Normal,
        Cause::Cancelled,
        Cause::Busy,
        Cause::Declined,
        Cause::NoAnswer,
        Cause::TimeLimit,
        Cause::Failed,
    ]);
    prop_oneof![
        1 => Just(News::Arrived { from: Party::read(CALLER), to: Party::read(OURS), hops: 0 }),
        6 => Just(News::Placed),
        6 => Just(News::Answered),
        4 => Just(News::Bridged),
        3 => cause.prop_map(|cause| News::HungUp { cause }),
        2 => Just(News::SpeechStarted),
        2 => Just(News::SpeechEnded),
        2 => Just(News::PlaybackStarted { audio: None }),
        2 => any::<bool>().prop_map(|played| News::PlaybackEnded { played }),
        1 => Just(News::Other { name: "call.something".into() }),
    ]
}

fn verdict() -> impl Strategy<Value = Verdict> {
    let why = prop::sample::select(vec![
        Refusal::Ended,
        Refusal::NotAnswered,
        Refusal::Limit,
        Refusal::Key,
        Refusal::Invalid,
        Refusal::Unavailable,
        Refusal::Stopped,
    ]);
    prop_oneof![
        8 => Just(Verdict::accepted()),
        4 => why.prop_map(|why| Verdict::Refused { why, code: "0".into() }),
        1 => Just(Verdict::Unknown),
        1 => Just(Verdict::Void),
        2 => any::<bool>().prop_map(|alive| Verdict::Found { alive }),
    ]
}

fn blow() -> impl Strategy<Value = Blow> {
    let some_leg = prop::option::of(0..9u16);
    prop_oneof![
        8 => (0..8u16, news()).prop_map(|(leg, news)| Blow::News { leg, news }),
        1 => (some_leg.clone(), some_leg, news()).prop_map(|(tag, handle, news)| Blow::Odd { tag, handle, news }),
        8 => (any::<usize>(), verdict()).prop_map(|(nth, verdict)| Blow::Settled { nth, verdict }),
        3 => Just(Blow::Due),
        1 => Just(Blow::Stale),
        1 => Just(Blow::Early),
        1 => Just(Blow::Again),
        1 => (0..40u64).prop_map(|secs| Blow::Sleep { secs }),
        1 => prop::bool::weighted(0.1).prop_map(|fault| if fault { Blow::Fault } else { Blow::Due }),
    ]
}

/// Rules in which everything follows on everything.
fn weather() -> Vec<Rules> {
    let three = || vec![member("anna", 141, 20), member("ben", 142, 15), member("cleo", 143, 5)];
    let delayed = {
        let mut members = three();
        members[1].delay = secs(7);
        let asked = crate::routing::RingAsked::Group("all".into());
        let (order, timeout) = (Order::Simultaneous, Some(secs(12)));
        Action::Ring(Ring { asked, members, order, timeout, caller_id: crate::routing::CallerId::Called })
    };
    let mut all = vec![
        rules(
            vec![ring(Order::Simultaneous, three()), say("Nobody is here."), Action::Hangup, Action::Answer],
            &[(0, Outcome::Declined, 3), (0, Outcome::Failed, 2)],
        ),
        rules(
            vec![Action::Answer, ring(Order::Sequential, three()), transfer(member("dora", 144, 10)), say("No.")],
            &[],
        ),
        rules(vec![say("Hello."), dial(member("anna", 141, 20)), transfer(member("ben", 142, 3))], &[]),
        rules(vec![play("https://example.com/a.mp3"), delayed, transfer(member("dora", 144, 30))], &[]),
        rules(
            vec![
                transfer(member("anna", 141, 10)),
                transfer(member("ben", 142, 10)),
                ring(Order::Simultaneous, three()),
                Action::Reject(RejectWith::Decline),
            ],
            &[(0, Outcome::Busy, 2), (1, Outcome::Failed, 3)],
        ),
    ];
    all[1].defaults.ringback = Some("https://example.com/ringback.mp3".into());
    all[3].defaults.ringback = Some("https://example.com/ringback.mp3".into());
    all
}

struct Storm<'a> {
    life: Life<'a>,
    open: Vec<Command>,
    /// Parties a bridge with the caller was accepted for.
    bridged: BTreeSet<LegNo>,
    last: Option<What>,
    known: usize,
}

impl<'a> Storm<'a> {
    fn new(rules: &'a Rules) -> Self {
        Self { life: Life::new(rules), open: Vec::new(), bridged: BTreeSet::new(), last: None, known: 0 }
    }

    fn hit(&mut self, blow: Blow) {
        match blow {
            Blow::News { leg, news } => self.take(What::Leg { who: self.life.who(leg), news }),
            Blow::Odd { tag, handle, news } => {
                let tag = tag.map(|leg| Tag { call: self.life.call.id, leg: LegNo(leg) });
                let handle = handle.map(|leg| Handle(format!("v3:h{leg}")));
                self.take(What::Leg { who: Who { tag, handle, ..Who::default() }, news });
            }
            Blow::Settled { nth, verdict } => self.settle(nth, verdict),
            Blow::Due => self.due(),
            Blow::Stale => self.take(What::Due { version: self.life.call.version.wrapping_sub(1) }),
            Blow::Early => self.take(What::Due { version: self.life.call.version }),
            Blow::Again => self.last.clone().into_iter().for_each(|what| self.take(what)),
            Blow::Sleep { secs } => self.life.sleep(secs),
            Blow::Fault => self.take(What::Fault { event: EventId("e".into()), who: None }),
        }
    }

    /// Settles an open command by a verdict that its kind can have.
    fn settle(&mut self, nth: usize, verdict: Verdict) {
        if self.open.is_empty() {
            return;
        }
        let Command { id, leg, verb } = self.open.remove(nth % self.open.len());
        let kind = verb.kind();
        let verdict = match (kind, verdict) {
            (Kind::Dial, Verdict::Accepted { .. }) if !nth.is_multiple_of(5) => {
                let Who { handle, leg: id, session, .. } = self.life.who(leg.0);
                Verdict::Accepted { made: Some(Made { handle: handle.unwrap(), leg: id, session }), recording: None }
            }
            (Kind::Look, Verdict::Accepted { .. }) => Verdict::Found { alive: true },
            (Kind::Look, verdict) => verdict,
            (Kind::Find, Verdict::Accepted { .. } | Verdict::Found { .. }) => {
                let legs = (nth.is_multiple_of(3)).then(|| self.life.who(leg.0)).into_iter().collect();
                Verdict::Listed { legs, next: nth.is_multiple_of(7).then(|| "more".to_owned()) }
            }
            (_, Verdict::Found { .. }) => Verdict::accepted(),
            (_, verdict) => verdict,
        };
        if let (Verb::Bridge { with, .. }, Verdict::Accepted { .. }) = (&verb, &verdict) {
            self.bridged.extend(self.life.call.legs.iter().filter(|l| l.handle.as_ref() == Some(with)).map(|l| l.no));
        }
        self.take(What::Settled(Settled { command: id, kind, leg, verdict }));
    }

    fn due(&mut self) {
        if let Some(at) = self.life.deadline() {
            self.life.now = self.life.now.max(at);
            self.take(What::Due { version: self.life.call.version });
            let next = self.life.deadline();
            assert!(next.is_none_or(|next| next > self.life.now), "due again at once: {:?}", self.life.call);
        }
    }

    fn take(&mut self, what: What) {
        let before: Vec<(u8, Option<Timestamp>)> = self.life.call.legs.iter().map(progress).collect();
        self.last = Some(what.clone());
        self.life.take(what);
        for (leg, before) in self.life.call.legs.iter().zip(&before) {
            let now = progress(leg);
            assert!(now.0 >= before.0, "a leg went back: {leg:?}");
            assert!(before.1.is_none() || now.1 == before.1, "a leg was picked up twice: {leg:?}");
        }
        assert!(self.life.call.legs.len() >= before.len());
        self.open.extend(self.life.asked[self.known..].iter().cloned());
        self.known = self.life.asked.len();
        self.check();
    }

    fn check(&self) {
        let call = &self.life.call;
        let ids: BTreeSet<CommandId> = self.life.asked.iter().map(|command| command.id).collect();
        assert_eq!(ids.len(), self.life.asked.len(), "two commands have one id");
        assert_eq!(self.life.deadline().is_none(), call.has_ended(), "only an ended call has no deadline: {call:?}");
        assert!(!call.has_ended() || !call.legs.iter().any(Leg::is_live), "an ended call has a live leg: {call:?}");
        let wanted = |leg: &&Leg| leg.is_live() && leg.stop.is_none() && leg.no != LegNo::CALLER;
        let joined = call.legs.iter().filter(wanted).filter(|leg| self.bridged.contains(&leg.no)).count();
        assert!(joined <= 1, "two parties are bridged with one caller: {call:?}");
        assert_eq!(left_alone(call), [], "these ring or talk for nobody: {call:?}");
        let gone = !call.caller().is_some_and(Leg::is_live);
        assert!(!gone || !call.legs.iter().any(|leg| wanted(&leg)), "somebody rings on without a caller: {call:?}");
    }

    /// Nobody answers any more, and only time passes. Looks say that whoever is looked at is gone, or nothing.
    fn calm(&mut self, looks_say: &Verdict) {
        for _ in 0..MOST_DUES {
            while let Some(command) = self.open.last() {
                let verdict = if command.verb.kind() == Kind::Look { looks_say.clone() } else { Verdict::Unknown };
                self.settle(self.open.len() - 1, verdict);
            }
            if self.life.call.has_ended() {
                return;
            }
            self.due();
        }
        panic!("the call never ends: {:?}", self.life.call);
    }
}

fn progress(leg: &Leg) -> (u8, Option<Timestamp>) {
    let rank = match leg.state {
        LegState::Dialled => 0,
        LegState::Ringing => 1,
        // That a leg whose dial was refused never was, and that a caller asked often enough is picked up, is only
        // concluded: news of them may tell otherwise.
        LegState::Ended { .. } if leg.never_was() => 0,
        LegState::Answered { .. } if leg.supposed => return (1, None),
        LegState::Answered { .. } => 2,
        LegState::Ended { .. } => 3,
    };
    (rank, leg.answered_at())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4000, ..ProptestConfig::default() })]

    #[test]
    fn a_call_survives_any_weather(
        which in 0..5usize,
        first in prop_oneof![9 => Just(News::Arrived { from: Party::read(CALLER), to: Party::read(OURS), hops: 0 }), 1 => news()],
        blows in prop::collection::vec(blow(), 0..60),
        gone in any::<bool>(),
    ) {
        let rules = &weather()[which];
        let mut storm = Storm::new(rules);
        storm.hit(Blow::News { leg: 0, news: first });
        for blow in blows {
            storm.hit(blow);
        }
        let foreign = matches!(storm.life.call.phase, Phase::Discovered { .. } | Phase::Foreign { .. });
        storm.calm(&if gone || foreign { Verdict::Found { alive: false } } else { Verdict::Unknown });
    }
}
