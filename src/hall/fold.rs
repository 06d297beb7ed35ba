//! A batch of events becomes new calls, journal rows and commands. All that is decided here is decided by `decide`.

use std::collections::{BTreeMap, BTreeSet};
use std::panic::{AssertUnwindSafe, catch_unwind};

use jiff::Timestamp;

use super::arrival::{Arrival, Digest, EventKey};
use super::lanes::Slip;
use super::locate::{Index, locate};
use crate::call::{
    Call, CallId, Command, CommandId, Decision, Event, EventId, LegNo, News, Remark, Verdict, What, deadline, decide,
};
use crate::routing::{Rules, RulesHash};

/// What was found in the store for a batch.
#[derive(Clone, Debug, Default)]
pub struct Loaded {
    /// The calls it may be about, as they are.
    pub calls: BTreeMap<CallId, Call>,
    /// Whose handles, legs and sessions are whose.
    pub index: Index,
    /// Events that were taken before, with what they were.
    pub seen: BTreeMap<EventKey, Digest>,
}

/// The rules at hand: those new calls begin with, and those that calls at hand began with.
#[derive(Clone, Debug)]
pub struct Book<'a> {
    /// For new calls.
    pub current: &'a Rules,
    /// By hash.
    pub pinned: BTreeMap<RulesHash, &'a Rules>,
}

/// What becomes of one event of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// Decided and in the journal.
    Taken,
    /// Taken before.
    Twice,
    /// Another event came under its key before: kept aside.
    Conflict,
    /// A deadline that the call no longer has.
    Stale,
    /// It could not be decided, or is for no call: kept aside.
    Aside,
}

/// What a batch changes. All of it is written, or nothing.
#[derive(Clone, Debug, Default)]
pub struct Changes {
    /// What becomes of each event, in the order of the batch.
    pub fates: Vec<Fate>,
    /// Calls as they are now.
    pub calls: Vec<Saved>,
    /// Journal rows.
    pub entries: Vec<Entry>,
    /// Commands to send.
    pub posts: Vec<Post>,
    /// Commands with their outcome.
    pub settled: Vec<(CallId, CommandId, Verdict)>,
    /// Events kept aside.
    pub aside: Vec<Aside>,
}

/// A call to be written.
#[derive(Clone, Debug)]
pub struct Saved {
    /// The call.
    pub call: Call,
    /// Its version before; `None` for a call that began in this batch.
    pub before: Option<u64>,
    /// When it wants to be asked again.
    pub wake_at: Option<Timestamp>,
    /// Legs that became known by something new in this batch.
    pub known: Vec<LegNo>,
    /// Legs that ended in this batch.
    pub ended: Vec<LegNo>,
}

/// A journal row.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Index in the batch of what arrived.
    pub index: usize,
    /// What that is taken once under.
    pub key: EventKey,
    /// The call.
    pub call: CallId,
    /// The call's version after it.
    pub version: u64,
    /// The call had come back after its end by then.
    pub back: bool,
    /// The time the decision was given.
    pub decided_at: Timestamp,
    /// The event that was decided: what arrived, or the news that it could not be decided.
    pub event: Event,
    /// Why it was decided as it was.
    pub remarks: Vec<Remark>,
}

/// An event that is kept aside.
#[derive(Clone, Debug)]
pub struct Aside {
    /// Index in the batch of what arrived.
    pub index: usize,
    /// When that was found.
    pub at: Timestamp,
    /// Why.
    pub why: String,
}

/// A command to send.
#[derive(Clone, Debug)]
pub struct Post {
    /// The call.
    pub call: CallId,
    /// Its place among the call's commands.
    pub seq: u32,
    /// The version of the call that wanted it.
    pub version: u64,
    /// The command.
    pub command: Command,
}

impl Post {
    /// What must be known of it to put it in its place.
    pub fn slip(&self) -> Slip {
        let (Self { call, seq, command, .. }, kind) = (self, self.command.verb.kind());
        Slip { call: *call, seq: *seq, leg: command.leg, id: command.id, kind, taken_over: false }
    }
}

/// Rules that calls of the batch began with and that are not at hand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MissingRules(pub BTreeSet<RulesHash>);

/// Decides a batch in order of arrival.
///
/// # Errors
/// Rules are missing; nothing was decided. Get them, and fold again.
pub fn fold(batch: &[Arrival], loaded: Loaded, book: &Book<'_>, now: Timestamp) -> Result<Changes, MissingRules> {
    let missing: BTreeSet<RulesHash> =
        loaded.calls.values().map(|call| &call.rules).filter(|hash| !book.has(hash)).cloned().collect();
    if !missing.is_empty() {
        return Err(MissingRules(missing));
    }
    let mut fold = Fold { loaded, book, now, touched: BTreeMap::new(), changes: Changes::default() };
    for (index, arrival) in batch.iter().enumerate() {
        let fate = fold.take(index, arrival);
        fold.changes.fates.push(fate);
    }
    Ok(fold.close())
}

struct Fold<'a> {
    loaded: Loaded,
    book: &'a Book<'a>,
    now: Timestamp,
    /// Calls decided in this batch, as they were before it.
    touched: BTreeMap<CallId, Option<Call>>,
    changes: Changes,
}

impl Fold<'_> {
    fn take(&mut self, index: usize, arrival: &Arrival) -> Fate {
        if let Some(digest) = self.loaded.seen.get(&arrival.key) {
            if *digest == arrival.digest {
                return Fate::Twice;
            }
            self.aside(index, "another event came under the same id before");
            return Fate::Conflict;
        }
        let Some(id) = locate(arrival, &self.loaded.calls, &self.loaded.index) else {
            self.aside(index, "it names no leg and no session");
            return Fate::Aside;
        };
        let before = self.loaded.calls.get(&id);
        let due_for = |version: u64| {
            before.is_some_and(|call| call.version == version && self.wake_at(call).is_some_and(|at| at <= self.now))
        };
        match &arrival.event.what {
            What::Due { version } if !due_for(*version) => return Fate::Stale,
            What::Settled(_) | What::Fault { .. } if before.is_none() => {
                self.aside(index, "it is for a call that is not there");
                return Fate::Aside;
            }
            What::Due { .. } | What::Settled(_) | What::Fault { .. } | What::Leg { .. } => {}
        }
        self.loaded.seen.insert(arrival.key.clone(), arrival.digest);
        let call = before.cloned().unwrap_or_else(|| Call::new(id, self.book.current.hash.clone(), self.now));
        if let What::Settled(settled) = &arrival.event.what {
            // Also if it cannot be decided: else it would be sent again and again, and settled again and again.
            self.changes.settled.push((id, settled.command, settled.verdict.clone()));
        }
        match self.decided(call.clone(), &arrival.event) {
            Some(decision) => {
                self.keep(index, arrival.key.clone(), arrival.event.clone(), decision);
                Fate::Taken
            }
            None => self.fault(index, arrival, call),
        }
    }

    /// An event that cannot be decided must not take its call with it: the call hears of the fault instead, in its
    /// place, so that it is taken once like any other. One that would have begun a call says who calls, so that he is not
    /// left ringing.
    fn fault(&mut self, index: usize, arrival: &Arrival, call: Call) -> Fate {
        self.aside(index, "it could not be decided: please report this as a bug");
        let id = EventId::fault(call.id, &arrival.event.id);
        let known = self.loaded.calls.contains_key(&call.id);
        let who = match &arrival.event.what {
            What::Leg { who, news: News::Arrived { .. } } if !known => Some(who.clone()),
            What::Leg { .. } | What::Settled(_) | What::Due { .. } | What::Fault { .. } => None,
        };
        let begins = who.is_some();
        let event = Event { id, at: None, what: What::Fault { event: arrival.event.id.clone(), who } };
        if (known || begins)
            && let Some(decision) = self.decided(call, &event)
        {
            self.keep(index, arrival.key.clone(), event, decision);
        }
        Fate::Aside
    }

    fn aside(&mut self, index: usize, why: &str) {
        self.changes.aside.push(Aside { index, at: self.now, why: why.to_owned() });
    }

    /// Decides, and lives on if that panics.
    fn decided(&self, call: Call, event: &Event) -> Option<Decision> {
        let rules = self.book.rules(&call.rules)?;
        catch_unwind(AssertUnwindSafe(|| decide(call, event, rules, self.now))).ok()
    }

    fn keep(&mut self, index: usize, key: EventKey, event: Event, decision: Decision) {
        let Decision { call, commands, remarks } = decision;
        let (id, version, back, decided_at) = (call.id, call.version, call.back, self.now);
        let first = call.commands - u32::try_from(commands.len()).unwrap_or(0);
        let posts = commands.into_iter().zip(first..call.commands);
        self.changes.posts.extend(posts.map(|(command, before)| Post { call: id, seq: before + 1, version, command }));
        self.changes.entries.push(Entry { index, key, call: id, version, back, decided_at, event, remarks });
        self.loaded.index.note(&call);
        let before = self.loaded.calls.insert(id, call);
        self.touched.entry(id).or_insert(before);
    }

    fn wake_at(&self, call: &Call) -> Option<Timestamp> {
        self.book.rules(&call.rules).and_then(|rules| deadline(call, rules))
    }

    fn close(mut self) -> Changes {
        for (id, before) in std::mem::take(&mut self.touched) {
            let Some(call) = self.loaded.calls.remove(&id) else { continue };
            let wake_at = self.wake_at(&call);
            let was = |no: LegNo| before.as_ref().and_then(|call| call.leg(no));
            let names =
                |call: &Call, no| call.leg(no).map(|leg| (leg.handle.clone(), leg.id.clone(), leg.session.clone()));
            let legs = call.legs.iter().map(|leg| leg.no);
            let known = legs
                .clone()
                .filter(|no| {
                    let now = names(&call, *no);
                    let then = before.as_ref().and_then(|call| names(call, *no)).or(Some((None, None, None)));
                    now != then
                })
                .collect();
            let over = |no: &LegNo| call.leg(*no).is_some_and(|leg| leg.has_ended());
            let ended = legs.filter(over).filter(|no| !was(*no).is_some_and(|leg| leg.has_ended())).collect();
            let before = before.as_ref().map(|call| call.version);
            self.changes.calls.push(Saved { before, wake_at, known, ended, call });
        }
        self.changes
    }
}

impl<'a> Book<'a> {
    fn has(&self, hash: &RulesHash) -> bool {
        self.rules(hash).is_some()
    }

    fn rules(&self, hash: &RulesHash) -> Option<&'a Rules> {
        if self.current.hash == *hash { Some(self.current) } else { self.pinned.get(hash).copied() }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use bytes::Bytes;

    use super::*;
    use crate::call::kit::{CALLER, OURS, dial, member, ring, rules, say, transfer};
    use crate::call::{Cause, Handle, Ignored, Kind, LegState, Made, Refusal, Settled, Tag, Who, replay};
    use crate::phone::Party;
    use crate::routing::{Action, Order};

    /// A call that ends in hanging up, over a ring of two.
    fn two() -> Rules {
        let members = vec![member("anna", 141, 20), member("ben", 142, 20)];
        rules(vec![say("Hello."), ring(Order::Simultaneous, members), Action::Hangup], &[])
    }

    /// Batches of one house, one after the other, as a database would keep what comes of them.
    #[derive(Clone)]
    struct House<'a> {
        book: Book<'a>,
        loaded: Loaded,
        now: Timestamp,
        entries: Vec<Entry>,
        posts: Vec<Post>,
    }

    impl<'a> House<'a> {
        fn new(rules: &'a Rules) -> Self {
            let book = Book { current: rules, pinned: BTreeMap::new() };
            let now = Timestamp::from_second(1_773_050_400).unwrap();
            Self { book, loaded: Loaded::default(), now, entries: Vec::new(), posts: Vec::new() }
        }

        fn take(&mut self, batch: &[Arrival]) -> Changes {
            let changes = fold(batch, self.loaded.clone(), &self.book, self.now).unwrap();
            for saved in &changes.calls {
                self.loaded.index.note(&saved.call);
                self.loaded.calls.insert(saved.call.id, saved.call.clone());
            }
            for entry in &changes.entries {
                self.loaded.seen.insert(entry.key.clone(), [0; 32]);
            }
            self.entries.extend(changes.entries.iter().cloned());
            self.posts.extend(changes.posts.iter().cloned());
            changes
        }

        fn fates(&mut self, batch: &[Arrival]) -> Vec<Fate> {
            self.take(batch).fates
        }

        fn call(&self) -> &Call {
            self.loaded.calls.first_key_value().expect("a call").1
        }

        fn due(&self, version: u64) -> Arrival {
            let id = self.call().id;
            Arrival::own(id, Event { id: EventId::due(id, version), at: None, what: What::Due { version } })
        }

        /// The outcome of the last command of a kind.
        fn settled(&self, kind: Kind, verdict: Verdict) -> Arrival {
            let post = self.posts.iter().rev().find(|post| post.command.verb.kind() == kind).expect("a command");
            let (command, leg) = (post.command.id, post.command.leg);
            let id = EventId::settled(command, verdict.word());
            let what = What::Settled(Settled { command, kind, leg, verdict });
            Arrival::own(post.call, Event { id, at: None, what })
        }
    }

    fn webhook(id: &str, who: Who, news: News) -> Arrival {
        let event = Event { id: EventId(id.into()), at: None, what: What::Leg { who, news } };
        Arrival::webhook("s".into(), event, [0; 32], Bytes::new())
    }

    /// The caller's leg of a call.
    fn caller(name: &str) -> Who {
        let handle = Some(Handle(format!("v3:{name}")));
        Who { handle, leg: Some(name.into()), session: Some(format!("session of {name}")), ..Who::default() }
    }

    /// A leg of a call that we rang.
    fn rung(name: &str, leg: u16) -> Who {
        let tag = Some(Tag { call: CallId::of(name), leg: LegNo(leg) });
        let handle = Some(Handle(format!("v3:{name}{leg}")));
        Who { tag, handle, leg: Some(format!("{name}{leg}")), session: Some(format!("session of {name}")) }
    }

    fn arrives(name: &str) -> Arrival {
        let news = News::Arrived { from: Party::read(CALLER), to: Party::read(OURS), hops: 0 };
        webhook(&format!("{name} arrives"), caller(name), news)
    }

    fn kinds(posts: &[Post]) -> Vec<Kind> {
        posts.iter().map(|post| post.command.verb.kind()).collect()
    }

    #[test]
    fn a_call_begins() {
        let rules = two();
        let mut house = House::new(&rules);
        let changes = house.take(&[arrives("a")]);
        assert_eq!((changes.fates, kinds(&changes.posts)), (vec![Fate::Taken], vec![Kind::Answer]));
        assert_eq!((changes.posts[0].seq, changes.posts[0].version), (1, 1));
        let [saved] = &changes.calls[..] else { panic!() };
        assert_eq!((saved.call.id, saved.before, &saved.known[..]), (CallId::of("a"), None, &[LegNo(0)][..]));
        assert_eq!(saved.wake_at, house.now.checked_add(Duration::from_secs(5)).ok());
        assert!(saved.ended.is_empty());
        let [entry] = &changes.entries[..] else { panic!() };
        assert_eq!((entry.call, entry.version, entry.decided_at), (saved.call.id, 1, house.now));
        assert_eq!(entry.event, arrives("a").event);
        assert!(changes.settled.is_empty() && changes.aside.is_empty());
    }

    #[test]
    fn what_was_taken_is_not_taken_again() {
        let rules = two();
        let mut house = House::new(&rules);
        assert_eq!(house.fates(&[arrives("a"), arrives("a")]), [Fate::Taken, Fate::Twice]);
        assert_eq!(house.fates(&[arrives("a")]), [Fate::Twice]);
        assert_eq!((house.entries.len(), house.posts.len(), house.call().version), (1, 1, 1));
    }

    #[test]
    fn another_event_under_the_same_key_is_kept_aside() {
        let rules = two();
        let mut house = House::new(&rules);
        let other = Arrival { digest: [1; 32], ..arrives("a") };
        let changes = house.take(&[arrives("a"), other.clone()]);
        assert_eq!(changes.fates, [Fate::Taken, Fate::Conflict]);
        assert_eq!((changes.aside.len(), changes.aside[0].index), (1, 1));
        assert_eq!(house.fates(&[other]), [Fate::Conflict]);
        assert_eq!(house.entries.len(), 1);
    }

    #[test]
    fn only_the_deadline_that_the_call_has_is_taken_and_only_when_it_is_over() {
        let rules = two();
        let mut house = House::new(&rules);
        house.take(&[arrives("a")]);
        assert_eq!(house.fates(&[house.due(1)]), [Fate::Stale], "not yet");
        house.now = house.now.checked_add(Duration::from_secs(5)).unwrap();
        assert_eq!(house.fates(&[house.due(0), house.due(2)]), [Fate::Stale, Fate::Stale]);
        let nobodys = Arrival { call: Some(CallId::of("nobody")), ..house.due(1) };
        assert_eq!(house.fates(&[nobodys]), [Fate::Stale]);
        assert_eq!(house.entries.len(), 1, "nothing was written of them");
        let due = house.due(1);
        let changes = house.take(&[due.clone(), due.clone(), house.due(2)]);
        assert_eq!(changes.fates, [Fate::Taken, Fate::Twice, Fate::Stale]);
        assert_eq!(kinds(&changes.posts), [Kind::Answer]);
        assert_eq!(changes.calls[0].before, Some(1));
    }

    #[test]
    fn what_is_for_nobody_is_kept_aside() {
        let rules = two();
        let mut house = House::new(&rules);
        house.take(&[arrives("a")]);
        let outcome = house.settled(Kind::Answer, Verdict::Void);
        house.loaded = Loaded::default();
        let nameless = webhook("n", Who::default(), News::Answered);
        let changes = house.take(&[outcome, nameless]);
        assert_eq!((changes.fates, changes.aside.len()), (vec![Fate::Aside, Fate::Aside], 2));
        assert!(changes.entries.is_empty() && changes.calls.is_empty() && changes.settled.is_empty());
    }

    #[test]
    fn an_outcome_settles_its_command() {
        let rules = two();
        let mut house = House::new(&rules);
        house.take(&[arrives("a")]);
        let verdict = Verdict::Refused { why: Refusal::Limit, code: "1".into() };
        let changes = house.take(&[house.settled(Kind::Answer, verdict.clone())]);
        assert_eq!(changes.settled, [(CallId::of("a"), house.posts[0].command.id, verdict)]);
    }

    #[test]
    fn a_later_event_of_a_batch_finds_the_call_that_an_earlier_one_began() {
        let rules = two();
        let by = [
            Who { tag: None, handle: caller("a").handle, ..Who::default() },
            Who { leg: caller("a").leg, ..Who::default() },
            Who { session: caller("a").session, ..Who::default() },
        ];
        for who in by {
            let mut house = House::new(&rules);
            let changes = house.take(&[arrives("a"), webhook("e", who.clone(), News::Answered)]);
            assert_eq!((changes.calls.len(), changes.entries[1].call), (1, CallId::of("a")), "{who:?}");
            assert_eq!((changes.calls[0].before, changes.calls[0].call.version), (None, 2), "{who:?}");
        }
    }

    #[test]
    fn commands_of_a_call_are_counted_through_a_batch() {
        let rules = two();
        let mut house = House::new(&rules);
        let changes = house.take(&[
            arrives("a"),
            arrives("b"),
            webhook("e1", caller("a"), News::Answered),
            webhook("e2", caller("a"), News::SpeechEnded),
        ]);
        let of_a = changes.posts.iter().filter(|post| post.call == CallId::of("a"));
        let of_a: Vec<_> = of_a.map(|post| (post.seq, post.version, post.command.verb.kind())).collect();
        let expected = [(1, 1, Kind::Answer), (2, 2, Kind::Speak), (3, 3, Kind::Dial), (4, 3, Kind::Dial)];
        assert_eq!(of_a, expected);
        assert_eq!(changes.calls.len(), 2, "each call is written once");
        assert_eq!(changes.fates, [Fate::Taken; 4]);
    }

    #[test]
    fn legs_are_told_as_they_become_known_and_as_they_end() {
        let rules = two();
        let mut house = House::new(&rules);
        house.take(&[
            arrives("a"),
            webhook("e1", caller("a"), News::Answered),
            webhook("e2", caller("a"), News::SpeechEnded),
        ]);
        let told = |changes: &Changes| (changes.calls[0].known.clone(), changes.calls[0].ended.clone());
        let placed = house.take(&[webhook("e3", rung("a", 2), News::Placed)]);
        assert_eq!(told(&placed), (vec![LegNo(2)], vec![]));
        let gone = News::HungUp { cause: Cause::Busy };
        let both = house.take(&[webhook("e4", rung("a", 1), gone.clone()), webhook("e5", rung("a", 2), gone.clone())]);
        assert_eq!(told(&both), (vec![LegNo(1)], vec![LegNo(1), LegNo(2)]));
        let again = house.take(&[webhook("e6", rung("a", 2), gone)]);
        assert_eq!(told(&again), (vec![], vec![]));
    }

    #[test]
    fn a_call_keeps_the_rules_it_began_with() {
        let (old, mut new) = (two(), rules(vec![dial(member("dora", 144, 20))], &[]));
        new.hash = RulesHash("new".into());
        let mut house = House::new(&old);
        house.take(&[arrives("a")]);
        house.book = Book { current: &new, pinned: BTreeMap::new() };
        let batch = [webhook("e", caller("a"), News::Answered), arrives("b")];
        let missing = fold(&batch, house.loaded.clone(), &house.book, house.now).unwrap_err();
        assert_eq!(missing, MissingRules([old.hash.clone()].into()));
        house.book.pinned.insert(old.hash.clone(), &old);
        let changes = house.take(&batch);
        assert_eq!(kinds(&changes.posts), [Kind::Speak, Kind::Dial]);
        let hashes: BTreeMap<CallId, RulesHash> =
            changes.calls.iter().map(|saved| (saved.call.id, saved.call.rules.clone())).collect();
        assert_eq!(hashes[&CallId::of("a")], old.hash);
        assert_eq!(hashes[&CallId::of("b")], new.hash);
    }

    /// Nothing in `decide` is known to panic. A count of commands that is nearly full is the one thing that makes it: the
    /// second dial has no number left, and numbers that run over are caught in tests.
    fn full(house: &mut House<'_>) {
        house.take(&[arrives("a"), webhook("e1", caller("a"), News::Answered)]);
        house.loaded.calls.values_mut().for_each(|call| call.commands = u32::MAX - 1);
        house.entries.clear();
    }

    #[test]
    fn an_event_that_cannot_be_decided_is_kept_aside_and_its_call_hears_of_it() {
        let rules = two();
        let mut house = House::new(&rules);
        full(&mut house);
        let bad = webhook("bad", caller("a"), News::SpeechEnded);
        let changes = house.take(&[bad.clone(), arrives("b")]);
        assert_eq!(changes.fates, [Fate::Aside, Fate::Taken], "and it takes nobody with it");
        assert_eq!((changes.aside.len(), changes.aside[0].index), (1, 0));
        let fault = changes.entries.first().unwrap();
        assert_eq!(fault.event.what, What::Fault { event: EventId("bad".into()), who: None });
        assert_eq!(fault.key, bad.key, "it is taken in the place of what could not be");
        let a = &house.loaded.calls[&CallId::of("a")];
        assert_eq!((a.phase.word(), a.version), ("apologising", 3));
        assert_eq!(kinds(&changes.posts), [Kind::Speak, Kind::Answer]);
        assert_eq!(house.fates(&[bad]), [Fate::Twice]);
    }

    #[test]
    fn a_call_whose_beginning_cannot_be_decided_is_turned_away() {
        // A ring time that runs over as it is reckoned with, as no file can say it.
        let mut rules = rules(vec![transfer(member("anna", 141, 20))], &[]);
        let Action::Transfer(transfer) = &mut rules.steps[0].action else { panic!() };
        transfer.ring_for = Duration::MAX;
        let mut house = House::new(&rules);
        let changes = house.take(&[arrives("a")]);
        assert_eq!((changes.fates, changes.aside.len()), (vec![Fate::Aside], 1));
        assert_eq!(kinds(&changes.posts), [Kind::Reject]);
        assert_eq!((house.call().phase.word(), changes.calls[0].before), ("ending", None));
        assert_eq!(house.fates(&[arrives("a")]), [Fate::Twice]);
        let gone = webhook("gone", caller("a"), News::HungUp { cause: Cause::Declined });
        assert_eq!(house.fates(&[gone]), [Fate::Taken]);
        assert_eq!(house.call().phase.word(), "ended");
        let journal: Vec<_> = house.entries.iter().map(|entry| (entry.decided_at, entry.event.clone())).collect();
        let told = replay(house.call().id, &rules, journal.iter().map(|(at, event)| (*at, event)));
        assert_eq!(told.last().unwrap().decision.call, *house.call());
        // What begins no call of ours is only kept aside.
        let mut house = House::new(&rules);
        let unknown = house.take(&[webhook("n", Who::default(), News::Answered)]);
        assert!(unknown.calls.is_empty());
    }

    #[test]
    fn an_outcome_that_cannot_be_decided_settles_its_command_all_the_same() {
        let rules = two();
        let mut house = House::new(&rules);
        full(&mut house);
        let verdict = Verdict::Refused { why: Refusal::Limit, code: "1".into() };
        let changes = house.take(&[house.settled(Kind::Speak, verdict)]);
        assert_eq!((changes.fates, changes.settled.len()), (vec![Fate::Aside], 1));
    }

    #[test]
    fn a_fault_that_cannot_be_decided_either_leaves_the_call_as_it_is() {
        let rules = two();
        let mut house = House::new(&rules);
        full(&mut house);
        house.loaded.calls.values_mut().for_each(|call| call.commands = u32::MAX);
        let changes = house.take(&[webhook("bad", caller("a"), News::SpeechEnded)]);
        assert_eq!((changes.fates, changes.entries.len(), changes.calls.len()), (vec![Fate::Aside], 0, 0));
        assert_eq!(changes.aside.len(), 1);
    }

    /// A whole call in several batches, with all that can be wrong with its events.
    fn life(house: &mut House<'_>) {
        let later = |house: &mut House<'_>, secs| house.now = house.now.checked_add(Duration::from_secs(secs)).unwrap();
        house.take(&[arrives("a"), arrives("a")]);
        house.take(&[house.settled(Kind::Answer, Verdict::accepted())]);
        later(house, 5);
        house.take(&[house.due(house.call().version)]);
        house.take(&[webhook("e1", caller("a"), News::Answered), webhook("e2", caller("a"), News::SpeechEnded)]);
        let Who { handle, leg, session, .. } = rung("a", 2);
        let made = Some(Made { handle: handle.unwrap(), leg, session });
        later(house, 1);
        house.take(&[
            house.settled(Kind::Dial, Verdict::Accepted { made, recording: None }),
            webhook("e3", rung("a", 1), News::Placed),
        ]);
        house.take(&[webhook("e4", rung("a", 2), News::Answered), webhook("e5", rung("a", 1), News::Bridged)]);
        house.take(&[house.settled(Kind::Bridge, Verdict::accepted())]);
        house.take(&[webhook("e6", rung("a", 2), News::Bridged), webhook("e7", caller("a"), News::Bridged)]);
        later(house, 60);
        let gone = News::HungUp { cause: Cause::Normal };
        house.take(&[webhook("e8", rung("a", 2), gone.clone()), webhook("e9", caller("a"), gone.clone())]);
        house.take(&[webhook("e10", rung("a", 1), gone), webhook("e11", caller("a"), News::Answered)]);
        assert_eq!((house.call().phase.word(), house.entries.len()), ("ended", 16));
        assert!(matches!(house.call().leg(LegNo(2)).unwrap().state, LegState::Ended { answered: Some(_), .. }));
        assert!(house.entries.last().unwrap().remarks.contains(&Remark::Ignored { why: Ignored::Late }));
    }

    #[test]
    fn the_same_batches_come_to_the_same() {
        let rules = two();
        let (mut first, mut second) = (House::new(&rules), House::new(&rules));
        life(&mut first);
        life(&mut second);
        let json = |house: &House<'_>| serde_json::to_string(&house.loaded.calls.values().collect::<Vec<_>>()).unwrap();
        assert_eq!(json(&first), json(&second));
        let ids = |house: &House<'_>| house.posts.iter().map(|post| post.command.id).collect::<Vec<_>>();
        assert_eq!(ids(&first), ids(&second));
        let distinct: BTreeSet<CommandId> = ids(&first).into_iter().collect();
        assert_eq!(distinct.len(), first.posts.len());
    }

    #[test]
    fn the_journal_alone_tells_it_again() {
        let rules = two();
        let mut house = House::new(&rules);
        life(&mut house);
        // As it is stored: events as JSON.
        let stored: Vec<(Timestamp, Event)> = house
            .entries
            .iter()
            .map(|entry| {
                let event = serde_json::to_string(&entry.event).unwrap();
                (entry.decided_at, serde_json::from_str(&event).unwrap())
            })
            .collect();
        let chapters = replay(house.call().id, &rules, stored.iter().map(|(at, event)| (*at, event)));
        assert_eq!(chapters.last().unwrap().decision.call, *house.call());
        let commands: Vec<Command> = chapters.iter().flat_map(|chapter| chapter.decision.commands.clone()).collect();
        assert_eq!(commands, house.posts.iter().map(|post| post.command.clone()).collect::<Vec<_>>());
        for (chapter, entry) in chapters.iter().zip(&house.entries) {
            assert_eq!((chapter.decision.call.version, &chapter.decision.remarks), (entry.version, &entry.remarks));
        }
    }
}
