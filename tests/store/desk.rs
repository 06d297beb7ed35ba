//! Rules made by hand, callers with their webhooks, and a desk that takes batches as the engine does.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use sha2::{Digest as _, Sha256};
use switchhook::app::decide_again;
use switchhook::call::{
    Call, CallId, Event, EventId, Handle, Kind, LegNo, Made, News, Settled, Tag, Verdict, What, Who,
};
use switchhook::clock::Clock;
use switchhook::hall::{Arrival, Book, Changes, Fate, Loaded, MissingRules, fold};
use switchhook::phone::{Country, Number, Party, Target};
use switchhook::routing::{
    Action, CallerId, Defaults, Entry, Member, Order, Outbound, Outcome, Place, Ring, RingAsked, Rules, Say, Step,
    StepId, Text,
};
use switchhook::store::{Draft, OutboxRow, Parcel, Stamp, Store, StoreError, Taken};
use switchhook::telnyx::request::render;
use uuid::Uuid;

const CONNECTION: &str = "1700000000000000001";
/// What every caller is told; letters of one to four bytes, marks that stand on others, text from right to left.
pub const WORDS: &str = "Grüße, {caller}! ß€🦀 e\u{301} \u{202e}שלום \u{feff}\u{fffd}";

/// Rules by which a caller is told something and two others are rung.
pub fn rules(hash: &str) -> Rules {
    let member = |name: &str, last: u32| Member {
        name: name.into(),
        target: Target::Number(Number::parse(&format!("+1202555{last:04}")).unwrap()),
        delay: Duration::ZERO,
        ring_for: Duration::from_secs(20),
    };
    let say = Say { text: Text::parse(WORDS).unwrap(), voice: "voice".into(), language: None };
    let ring = Ring {
        asked: RingAsked::List,
        members: vec![member("ann", 1), member("ben", 2)],
        order: Order::Simultaneous,
        timeout: None,
        caller_id: CallerId::Caller,
    };
    let at = |line| Place { file: 0, line };
    let first = Step {
        at: at(2),
        when: None,
        action: Action::Say(say),
        on: BTreeMap::<Outcome, StepId>::new(),
        next: Some(StepId(1)),
    };
    let second = Step { at: at(3), when: None, action: Action::Ring(ring), on: BTreeMap::new(), next: None };
    Rules {
        hash: switchhook::routing::RulesHash(hash.into()),
        files: vec!["routes.yaml".into()],
        routes: std::collections::BTreeMap::new(),
        numbers: BTreeMap::new(),
        rest: Some(Entry { route: "main".into(), first: StepId(0), at: at(1), on_missed: Vec::new() }),
        steps: vec![first, second],
        defaults: Defaults {
            caller_id: CallerId::Caller,
            ringback: None,
            answer_after: Duration::from_secs(45),
            voice: "voice".into(),
            language: None,
            timeout: Duration::from_secs(20),
            max_call: Duration::from_secs(4 * 3600),
            max_wait: None,
        },
        outbound: Outbound { countries: vec![Country::parse("US").unwrap()], ours: [].into(), hops: 3 },
    }
}

/// A caller of ours: all that names his call follows from his number.
#[derive(Clone, Copy)]
pub struct Caller(pub u32);

impl Caller {
    /// His call.
    pub fn call(self) -> CallId {
        CallId::of(&self.leg_id(0))
    }

    /// His session, and with it the stream of his webhooks.
    pub fn session(self) -> String {
        format!("s{}", self.0)
    }

    /// What leg `no` is commanded by.
    pub fn handle(self, no: u16) -> String {
        format!("v3:h{}-{no}", self.0)
    }

    /// What names leg `no`.
    pub fn leg_id(self, no: u16) -> String {
        format!("l{}-{no}", self.0)
    }

    /// He calls.
    pub fn arrives(self) -> Arrival {
        let from = Party::read(&format!("+1202556{:04}", self.0));
        self.news(0, "arrived", News::Arrived { from, to: Party::read("+12025550100"), hops: 0 })
    }

    /// News of one of his call's legs, under an id that follows from `word`.
    pub fn news(self, leg: u16, word: &str, news: News) -> Arrival {
        let tag = (leg > 0).then_some(Tag { call: self.call(), leg: LegNo(leg) });
        let who = Who {
            tag,
            handle: Some(Handle(self.handle(leg))),
            leg: Some(self.leg_id(leg)),
            session: Some(self.session()),
        };
        webhook(&self.session(), &format!("{}-{leg}-{word}", self.0), who, news)
    }
}

/// A webhook whose bytes no text column would take.
pub fn webhook(stream: &str, id: &str, who: Who, news: News) -> Arrival {
    let raw = [b"\0\xff\xfe{".as_slice(), id.as_bytes(), "\u{0}ß🦀\r\n".as_bytes()].concat();
    let event = Event { id: EventId(id.into()), at: None, what: What::Leg { who, news } };
    Arrival::webhook(stream.into(), event, Sha256::digest(&raw).into(), raw.into())
}

/// The outcome of a command.
pub fn settled(call: CallId, row: &OutboxRow, verdict: Verdict) -> Arrival {
    let id = EventId::settled(row.id, verdict.word());
    let settled = Settled { command: row.id, kind: row.kind, leg: row.leg, verdict };
    Arrival::own(call, Event { id, at: None, what: What::Settled(settled) })
}

/// A node: a store, rules and a clock that stands until it is moved.
pub struct Desk {
    pub store: Arc<dyn Store>,
    pub rules: Rules,
    pub clock: Clock,
    pub node: Uuid,
    pub lease: Duration,
}

impl Desk {
    pub fn new(store: Arc<dyn Store>, node: u128) -> Self {
        let clock = Clock::by_hand("2026-03-09T10:00:00.123Z".parse().unwrap());
        Self { store, rules: rules("v1"), clock, node: Uuid::from_u128(node), lease: Duration::from_secs(8) }
    }

    pub fn stamp(&self) -> Stamp {
        let boot = self.clock.boot();
        Stamp { node: self.node, boot: boot.boot, since: boot.since, lease: self.lease }
    }

    /// Decides a batch as the engine does.
    pub fn decided(&self, batch: &[Arrival], loaded: Loaded) -> Result<Draft, MissingRules> {
        let book = Book { current: &self.rules, pinned: BTreeMap::new() };
        let changes = fold(batch, loaded, &book, self.clock.now())?;
        let parcels = changes.posts.iter().map(|post| {
            let request = render(&post.command, CONNECTION);
            Parcel { post: post.clone(), path: request.path, body: request.body }
        });
        Ok(Draft { parcels: parcels.collect(), changes })
    }

    pub async fn try_take(&self, batch: &[Arrival]) -> Result<Taken, StoreError> {
        let mut decide = |loaded| self.decided(batch, loaded);
        self.store.take(batch, &self.stamp(), &mut decide).await
    }

    pub async fn take(&self, batch: &[Arrival]) -> Changes {
        match self.try_take(batch).await.unwrap() {
            Taken::Written(draft) => draft.changes,
            Taken::Missing(missing) => panic!("rules are missing: {missing:?}"),
        }
    }

    pub async fn fates(&self, batch: &[Arrival]) -> Vec<Fate> {
        self.take(batch).await.fates
    }

    /// Takes a batch of which every event must be new and decided.
    pub async fn takes(&self, batch: &[Arrival]) {
        assert_eq!(self.fates(batch).await, vec![Fate::Taken; batch.len()]);
    }

    /// Every open command of a call is accepted.
    pub async fn accept_all(&self, caller: Caller) {
        let rows = self.store.outbox(caller.call()).await.unwrap();
        let made = |row: &OutboxRow| Made {
            handle: Handle(caller.handle(row.leg.0)),
            leg: Some(caller.leg_id(row.leg.0)),
            session: Some(caller.session()),
        };
        let open = rows.iter().filter(|row| row.status == "open");
        let verdict =
            |row: &OutboxRow| Verdict::Accepted { made: (row.kind == Kind::Dial).then(|| made(row)), recording: None };
        let batch: Vec<Arrival> = open.map(|row| settled(caller.call(), row, verdict(row))).collect();
        assert!(!batch.is_empty(), "no command is open");
        self.takes(&batch).await;
    }

    /// The caller comes in, is picked up, hears his text; then two are rung.
    pub async fn until_two_are_rung(&self, caller: Caller) {
        self.takes(&[caller.arrives()]).await;
        self.accept_all(caller).await;
        self.takes(&[caller.news(0, "answered", News::Answered)]).await;
        self.accept_all(caller).await;
        self.clock.advance(Duration::from_millis(2345));
        self.takes(&[caller.news(0, "spoken", News::SpeechEnded)]).await;
        self.accept_all(caller).await;
    }

    /// A whole call: the first of two picks up, the second is hung up, they talk, the caller hangs up.
    pub async fn whole_call(&self, caller: Caller) {
        use switchhook::call::Cause;
        self.until_two_are_rung(caller).await;
        self.clock.advance(Duration::from_millis(3001));
        self.takes(&[caller.news(1, "answered", News::Answered)]).await;
        self.accept_all(caller).await;
        self.accept_all(caller).await;
        let joined = [caller.news(0, "bridged", News::Bridged), caller.news(1, "bridged", News::Bridged)];
        self.takes(&joined).await;
        self.takes(&[caller.news(2, "hangup", News::HungUp { cause: Cause::Cancelled })]).await;
        self.clock.advance(Duration::from_secs(61));
        self.takes(&[caller.news(0, "hangup", News::HungUp { cause: Cause::Normal })]).await;
        self.takes(&[caller.news(1, "hangup", News::HungUp { cause: Cause::Normal })]).await;
    }

    pub async fn counts(&self) -> BTreeMap<&'static str, i64> {
        self.store.counts().await.unwrap().into_iter().collect()
    }

    /// The call as it is stored.
    pub async fn call(&self, id: CallId) -> Call {
        let rows = self.store.calls(1000).await.unwrap();
        rows.into_iter().map(|row| row.state).find(|call| call.id == id).unwrap()
    }

    /// Decides a call's journal again, and compares everything that came of it with what is stored, byte for byte.
    pub async fn replays(&self, id: CallId) {
        let again = decide_again(self.store.as_ref(), id, &self.rules, CONNECTION).await.unwrap();
        assert_eq!(again.differs, Vec::<String>::new());
        assert_eq!(again.chapters.last().unwrap().decision.call, self.call(id).await);
    }
}
