//! What the tests of this room share: rules made by hand, and a call that is driven event by event.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;

use super::*;
use crate::phone::{Country, Number, Party, Target};
use crate::routing::{
    Action, CallerId, Defaults, Entry, Mailbox, Member, Order, Outbound, Outcome, Place, Play, Prompt, Ring, RingAsked,
    Rules, RulesHash, Say, Step, StepId, Text, Transfer,
};

pub const CALLER: &str = "+12025550111";
pub const OURS: &str = "+12025550100";
pub const RINGBACK: &str = "https://example.com/ringback.mp3";
/// What a call wants that wants nothing.
pub const NOTHING: [&str; 0] = [];

/// Rules with one route of these actions, each falling to the next; `on` of a step by its index.
pub fn rules(actions: Vec<Action>, on: &[(u32, Outcome, u32)]) -> Rules {
    let last = u32::try_from(actions.len()).unwrap();
    let steps = (0..last).zip(actions).map(|(index, action)| Step {
        at: Place { file: 0, line: index + 1 },
        when: None,
        action,
        on: on.iter().filter(|(step, ..)| *step == index).map(|(_, outcome, to)| (*outcome, StepId(*to))).collect(),
        next: Some(StepId(index + 1)).filter(|next| next.0 < last),
    });
    Rules {
        hash: RulesHash("test".into()),
        files: vec!["routes.yaml".into()],
        numbers: BTreeMap::new(),
        routes: BTreeMap::new(),
        rest: Some(Entry {
            route: "main".into(),
            first: StepId(0),
            at: Place { file: 0, line: 100 },
            on_missed: Vec::new(),
        }),
        steps: steps.collect(),
        defaults: Defaults {
            caller_id: CallerId::Caller,
            ringback: None,
            answer_after: secs(45),
            voice: "voice".into(),
            language: None,
            timeout: secs(20),
            max_call: secs(4 * 3600),
            max_wait: None,
        },
        outbound: Outbound { countries: vec![Country::parse("US").unwrap()], ours: [].into(), hops: 3 },
    }
}

pub fn secs(n: u64) -> Duration {
    Duration::from_secs(n)
}

pub fn member(name: &str, last: u32, ring_for: u64) -> Member {
    let target = Target::Number(Number::parse(&format!("+1202555{last:04}")).unwrap());
    Member { name: name.into(), target, delay: Duration::ZERO, ring_for: secs(ring_for) }
}

pub fn ring(order: Order, members: Vec<Member>) -> Action {
    Action::Ring(Ring { asked: RingAsked::List, members, order, timeout: None, caller_id: CallerId::Caller })
}

pub fn dial(member: Member) -> Action {
    let members = vec![member];
    let order = Order::Sequential;
    Action::Ring(Ring { asked: RingAsked::Dial, members, order, timeout: None, caller_id: CallerId::Caller })
}

pub fn transfer(member: Member) -> Action {
    let Member { name, target, ring_for, .. } = member;
    Action::Transfer(Transfer { name, target, ring_for, caller_id: CallerId::Caller })
}

pub fn play(url: &str) -> Action {
    Action::Play(Play { url: url.into() })
}

pub fn voicemail(greeting: Option<Prompt>) -> Action {
    let (name, notify) = ("office".into(), Vec::new());
    Action::Voicemail(Mailbox { name, greeting, beep: true, max_length: secs(60), notify })
}

pub fn say(text: &str) -> Action {
    Action::Say(spoken(text))
}

pub fn spoken(text: &str) -> Say {
    Say { text: Text::parse(text).unwrap(), voice: "voice".into(), language: None }
}

/// A call and all that was asked for it.
#[derive(Clone)]
pub struct Life<'a> {
    pub rules: &'a Rules,
    pub call: Call,
    pub now: Timestamp,
    pub asked: Vec<Command>,
    pub remarks: Vec<Remark>,
    told: usize,
    events: u32,
}

impl<'a> Life<'a> {
    pub fn new(rules: &'a Rules) -> Self {
        let now = Timestamp::from_second(1_773_050_400).unwrap();
        let call = Call::new(CallId::of("leg"), rules.hash.clone(), now);
        Self { rules, call, now, asked: Vec::new(), remarks: Vec::new(), told: 0, events: 0 }
    }

    /// A call that has just come in.
    pub fn begun(rules: &'a Rules) -> Self {
        let mut life = Self::new(rules);
        life.news(0, News::Arrived { from: Party::read(CALLER), to: Party::read(OURS), hops: 0 });
        life
    }

    /// A call of rules that begin with `answer`, picked up; what was wanted so far is told.
    pub fn answered(rules: &'a Rules) -> Self {
        let mut life = Self::begun(rules);
        life.accept(Kind::Answer, 0);
        assert_eq!(life.wants(), ["answer 0"]);
        life.news(0, News::Answered);
        life
    }

    pub fn take(&mut self, what: What) {
        self.events += 1;
        let event = Event { id: EventId(format!("e{}", self.events)), at: None, what };
        let decision = decide(self.call.clone(), &event, self.rules, self.now);
        self.call = decision.call;
        self.asked.extend(decision.commands);
        self.remarks = decision.remarks;
    }

    /// What webhooks of a leg say of who it is.
    pub fn who(&self, leg: u16) -> Who {
        let tag = (leg > 0).then_some(Tag { call: self.call.id, leg: LegNo(leg) });
        let handle = Some(Handle(format!("v3:h{leg}")));
        Who { tag, handle, leg: Some(format!("l{leg}")), session: Some("s".into()) }
    }

    /// News of a leg, by its number.
    pub fn news(&mut self, leg: u16, news: News) {
        self.take(What::Leg { who: self.who(leg), news });
    }

    pub fn hangs_up(&mut self, leg: u16, cause: Cause) {
        self.news(leg, News::HungUp { cause });
    }

    /// Settles the last command of a kind for a leg.
    pub fn settle(&mut self, kind: Kind, leg: u16, verdict: Verdict) {
        let leg = LegNo(leg);
        let of = |command: &&Command| command.leg == leg && command.verb.kind() == kind;
        let command = self.asked.iter().rev().find(of).expect("a command of that kind").id;
        self.take(What::Settled(Settled { command, kind, leg, verdict }));
    }

    pub fn accept(&mut self, kind: Kind, leg: u16) {
        self.settle(kind, leg, Verdict::accepted());
    }

    /// A recording is accepted, and named.
    pub fn records(&mut self, name: &str) {
        self.settle(Kind::Record, 0, Verdict::Accepted { made: None, recording: Some(name.into()) });
    }

    /// The dial of a leg is accepted: it is known by a handle from now on.
    pub fn dialled(&mut self, leg: u16) {
        let Who { handle, leg: id, session, .. } = self.who(leg);
        let made = Made { handle: handle.unwrap(), leg: id, session };
        self.settle(Kind::Dial, leg, Verdict::Accepted { made: Some(made), recording: None });
    }

    /// A look-up has its answer.
    pub fn found(&mut self, leg: u16, alive: bool) {
        self.settle(Kind::Look, leg, Verdict::Found { alive });
    }

    /// A search for a leg ends without it.
    pub fn absent(&mut self, leg: u16) {
        self.settle(Kind::Find, leg, Verdict::Listed { legs: Vec::new(), next: None });
    }

    pub fn refuse(&mut self, kind: Kind, leg: u16, why: Refusal) {
        self.settle(kind, leg, Verdict::Refused { why, code: "0".into() });
    }

    pub fn deadline(&self) -> Option<Timestamp> {
        deadline(&self.call, self.rules)
    }

    /// Waits for the next deadline.
    pub fn wait(&mut self) {
        self.now = self.deadline().expect("a deadline").max(self.now);
        self.take(What::Due { version: self.call.version });
        assert!(self.deadline().is_none_or(|next| next > self.now), "a deadline must not fall due again at once");
    }

    pub fn sleep(&mut self, n: u64) {
        self.now = self.now.checked_add(secs(n)).unwrap();
    }

    /// What was asked for since the last time, as `kind leg`.
    pub fn wants(&mut self) -> Vec<String> {
        let new = self.asked[self.told..].iter().map(|command| format!("{} {}", command.verb.kind(), command.leg.0));
        let new = new.collect();
        self.told = self.asked.len();
        new
    }

    pub fn phase(&self) -> &'static str {
        self.call.phase.word()
    }

    /// How long it is until the next deadline, in seconds.
    pub fn next_in(&self) -> f64 {
        self.deadline().expect("a deadline").duration_since(self.now).as_secs_f64()
    }

    pub fn leg(&self, no: u16) -> &Leg {
        self.call.leg(LegNo(no)).expect("a leg of that number")
    }
}

/// Legs at whose other end somebody is or may come, whom nobody waits for and nobody hangs up. There must be none.
pub fn left_alone(call: &Call) -> Vec<LegNo> {
    let waited_for: Vec<LegNo> = match &call.phase {
        Phase::Discovered { .. } | Phase::Foreign { .. } => vec![LegNo::CALLER],
        Phase::Answering(_) | Phase::Speaking(_) | Phase::Apologising(_) => vec![LegNo::CALLER],
        Phase::Choosing(_) | Phase::Recording(_) => vec![LegNo::CALLER],
        Phase::Ringing(ringing) => {
            let winner = ringing.joining.as_ref().filter(|joining| joining.is_accepted()).map(|joining| joining.leg);
            let ring = ringing.chairs.iter().filter(|chair| chair.out.is_none()).filter_map(|chair| chair.leg);
            let rung = ring.filter(|leg| winner.is_none_or(|winner| winner == *leg));
            rung.chain([LegNo::CALLER]).collect()
        }
        Phase::Transferring(transferring) => vec![LegNo::CALLER, transferring.leg],
        Phase::Talking { with, .. } => vec![LegNo::CALLER, *with],
        Phase::Arriving | Phase::Ending { .. } | Phase::Ended { .. } => Vec::new(),
    };
    let alone = |leg: &&Leg| leg.is_live() && leg.stop.is_none() && !waited_for.contains(&leg.no);
    call.legs.iter().filter(alone).map(|leg| leg.no).collect()
}
