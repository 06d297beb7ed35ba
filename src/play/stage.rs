//! The loop: the next moment of the world, of the network, or of a deadline; what happens then; and so on.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use bytes::Bytes;
use fastrand::Rng;
use jiff::Timestamp;
use serde_json::Value;

use super::agenda::{Agenda, Due, between, later, whole};
use super::diary::Diary;
use super::memory::Memory;
use super::played::Played;
use super::trouble::{Cutting, Step, Trouble};
use crate::call::{CallId, CommandId, Event, EventId, Kind, What};
use crate::hall::notices::Places;
use crate::hall::{Arrival, Aside, Book, Changes, Desk, Done, Fate, Gate, fold};
use crate::routing::{Outbound, Rules};
use crate::sim::{Script, Settings, World};
use crate::telnyx::webhook::{Parsed, parse};

/// When every play begins: a Monday, 10:00 in New York.
const BEGIN: i64 = 1_773_064_800;
/// The longest a play may last on its own clock: two of the longest calls.
const LONGEST: Duration = Duration::from_secs(8 * 3600);
/// More events than any call can have that does not go round in circles.
const MOST_EVENTS: usize = 2_000;

/// A stage with rules, a simulated Telnyx, and calls to come.
pub struct Play {
    pub(super) world: World,
    pub(super) rules: Rules,
    pub(super) rng: Rng,
    pub(super) memory: Memory,
    pub(super) desk: Desk,
    /// The try of each command that is under way, and when it was sent.
    pub(super) flying: BTreeMap<CommandId, (u64, Timestamp)>,
    pub(super) tries: u64,
    /// Who is being told of calls, and which try of each notice is under way.
    pub(super) places: Places,
    pub(super) telling: BTreeMap<CommandId, u64>,
    pub(super) agenda: Agenda,
    pub(super) diary: Diary,
    pub(super) trouble: Trouble,
    /// What the operator has stopped.
    pub(super) gate: Gate,
    /// Where we may dial by the rules of now.
    pub(super) outbound: Outbound,
    /// The cut that [`Trouble`] asks for, once it has come about.
    pub(super) cutting: Option<Cutting>,
    pub(super) begin: Timestamp,
    pub(super) now: Timestamp,
    pub(super) inbox: Vec<Job>,
    /// Deadlines that are handed in and not kept yet.
    pub(super) rung: BTreeSet<(CallId, u64)>,
    /// What becomes of webhooks that go astray: a chance of its own, so that it moves nothing else.
    pub(super) astray: Rng,
    /// Of which commits nobody knows whether they came about: the same.
    pub(super) doubtful: Rng,
    /// Which events cannot be decided: the same.
    pub(super) faulty: Rng,
    pub(super) up: bool,
    /// When the machine was started.
    pub(super) booted: Timestamp,
}

/// Something that is handed in, and what follows once it is kept.
pub(super) struct Job {
    pub arrival: Arrival,
    pub then: Then,
}

/// What follows once an event is kept.
pub(super) enum Then {
    /// Its sender is answered.
    Answer(u64),
    /// The next command of the leg may go.
    Settled(CommandId),
    /// The deadline may be asked for again.
    Rung(CallId, u64),
    /// Nothing: it was no news of a leg of ours.
    Nothing,
}

impl Play {
    /// A play of these calls by these rules; all chance in it comes from `seed`.
    pub fn new(rules: Rules, seed: u64, settings: Settings, scripts: &[Script]) -> Self {
        let now = Timestamp::from_second(BEGIN).unwrap_or_default();
        let mut world = World::new(seed, settings);
        for script in scripts {
            world.call_in(now, script);
        }
        Self {
            world,
            outbound: rules.outbound.clone(),
            rules,
            rng: Rng::with_seed(seed ^ 0x5111_7c44_004c_0000),
            memory: Memory::default(),
            desk: Desk::new(None),
            flying: BTreeMap::new(),
            tries: 0,
            places: Places::default(),
            telling: BTreeMap::new(),
            agenda: Agenda::default(),
            diary: Diary::default(),
            trouble: Trouble::default(),
            gate: Gate::default(),
            cutting: None,
            begin: now,
            now,
            inbox: Vec::new(),
            rung: BTreeSet::new(),
            astray: Rng::with_seed(seed ^ 0x00a5_7a41_0000_0000),
            doubtful: Rng::with_seed(seed ^ 0x000d_0b75_0000_0000),
            faulty: Rng::with_seed(seed ^ 0x000f_a017_0000_0000),
            up: true,
            booted: Timestamp::MIN,
        }
    }

    /// The same with something wrong on our own side.
    #[must_use]
    pub fn troubled(mut self, trouble: Trouble) -> Self {
        for death in &trouble.deaths {
            self.agenda.add(later(self.now, death.at), Due::Die(death.down));
        }
        if let Some(outage) = trouble.outage {
            let from = later(self.now, outage.at);
            let to = later(from, outage.lasts);
            self.diary.unanswerable = outage.of.contains(&Kind::Answer).then_some((from, to));
            if outage.is_total() {
                self.diary.upset(None, from, to);
            }
        }
        match Gate::new(trouble.stopped, trouble.stops.iter().copied()) {
            Ok(gate) => self.gate = gate,
            Err(bad) => self.diary.broken(format!("the list of what is stopped cannot be read: {}", bad.join(", "))),
        }
        if let Some((country, _)) = trouble.narrowed {
            self.outbound.countries.retain(|allowed| allowed.to_string() == country);
        }
        self.trouble = trouble;
        self
    }

    /// Plays until everything is at rest.
    pub fn run(mut self) -> Played {
        while let Some(at) = self.next() {
            self.now = self.now.max(at);
            if between(self.begin, self.now) > LONGEST {
                self.diary.broken("something goes on for ever".to_owned());
                break;
            }
            if let Some((id, kept)) = self.memory.calls().find(|(_, kept)| kept.journal.len() > MOST_EVENTS) {
                let what = format!("call {id} goes round in circles: {} events", kept.journal.len());
                self.diary.broken(what);
                break;
            }
            self.happen();
        }
        let orders = self.rng.u64(..);
        Played::of(self.world, self.memory, self.diary, &self.rules, &self.trouble, orders)
    }

    fn next(&self) -> Option<Timestamp> {
        let wakes = self.memory.wakes().filter(|(_, call, version)| self.up && !self.rung.contains(&(*call, *version)));
        let wake = wakes.map(|(at, _, _)| at).min();
        self.world.next_due().into_iter().chain(self.agenda.next()).chain(wake).min()
    }

    fn happen(&mut self) {
        while let Some(due) = self.agenda.take(self.now) {
            match due {
                Due::Commit => self.commit(),
                Due::Reach(id, one) => self.reach(id, one),
                Due::Hear(id, one, reading, pulse) => self.hear(id, one, reading, pulse),
                Due::Told(id, one) => self.told(id, one),
                Due::Heard(id, one, status) => self.answered(id, one, status),
                Due::Pace => {}
                Due::Rested(id) => self.came(id, Done::Rested),
                Due::Die(down) => self.die(down),
                Due::Rise => self.rise(),
                Due::Lapse if self.up => self.take_over(),
                Due::Lapse => {}
                Due::Settle(id, verdict) => self.settle(id, verdict),
                Due::Ring(call, version) => drop(self.rung.remove(&(call, version))),
                Due::Stray(stray) => self.stray(stray),
            }
        }
        for delivery in self.world.poll(self.now) {
            self.door(delivery.id, delivery.body);
        }
        if self.up {
            self.ring();
            self.pump();
        }
    }

    /// A webhook at the door.
    fn door(&mut self, delivery: u64, body: Vec<u8>) {
        if !self.up {
            self.world.delivered(delivery, None, self.now);
            return;
        }
        match parse(&body) {
            // Refused for good, so that the ledger knows that it is lost.
            Parsed::Event(webhook) if self.loses(&body) || self.is_mute(&webhook.event) => {
                self.world.delivered(delivery, Some(400), self.now)
            }
            Parsed::Event(webhook) => {
                self.goes_astray(&body);
                let arrival = Arrival::webhook(webhook.stream, webhook.event, webhook.digest, Bytes::from(body));
                self.hand_in(Job { arrival, then: Then::Answer(delivery) });
            }
            Parsed::Unusable { why } => {
                self.diary.broken(format!("a webhook could not be read: {why}"));
                self.world.delivered(delivery, Some(200), self.now);
            }
        }
    }

    /// Whether this webhook is one that is to be lost.
    fn loses(&mut self, body: &[u8]) -> bool {
        if self.trouble.lost.is_empty() {
            return false;
        }
        let body: Value = serde_json::from_slice(body).unwrap_or_default();
        let name = body.pointer("/data/event_type").and_then(Value::as_str);
        let Some(at) = self.trouble.lost.iter().position(|lost| Some(*lost) == name) else { return false };
        self.trouble.lost.remove(at);
        self.diary.upset(None, self.now, self.now);
        true
    }

    /// Deadlines that are over.
    fn ring(&mut self) {
        let over: Vec<_> = self.memory.wakes().filter(|(at, _, _)| *at <= self.now).collect();
        for (_, call, version) in over {
            if self.rung.insert((call, version)) {
                let event = Event { id: EventId::due(call, version), at: None, what: What::Due { version } };
                self.hand_in(Job { arrival: Arrival::own(call, event), then: Then::Rung(call, version) });
            }
        }
    }

    /// Everything that is handed in while a commit is awaited goes into it.
    pub(super) fn hand_in(&mut self, job: Job) {
        if self.inbox.is_empty() {
            let at = later(self.now, Duration::from_micros(self.rng.u64(800..=12_000)));
            self.agenda.add(at, Due::Commit);
        }
        self.inbox.push(job);
    }

    fn commit(&mut self) {
        if self.crashes(Step::BeforeCommit) {
            return;
        }
        let mut jobs = std::mem::take(&mut self.inbox);
        let doubt = self.doubts();
        let spoiled = if doubt.is_none() { self.spoils(&mut jobs) } else { None };
        let batch: Vec<Arrival> = jobs.iter().map(|job| job.arrival.clone()).collect();
        let now = whole(self.now);
        let Some(mut changes) = self.decided(&jobs, &batch, now) else { return };
        changes.settled.extend(spoiled);
        let connection = self.world.settings().connection_id.clone();
        let written =
            if doubt == Some(false) { Ok(Vec::new()) } else { self.memory.write(&batch, &changes, &connection, now) };
        let new = written.unwrap_or_else(|why| {
            self.diary.broken(why);
            Vec::new()
        });
        if let Some(written) = doubt {
            self.orphan(if written { &changes.posts } else { &[] });
            return self.is_not_kept(jobs);
        }
        // If this is the end, nobody is told that it is kept.
        let ends = self.crashes(Step::AfterCommit) || !self.post(&new);
        for job in jobs {
            match job.then {
                Then::Answer(delivery) => self.world.delivered(delivery, Some(200).filter(|_| !ends), self.now),
                Then::Settled(_) | Then::Rung(..) if ends => {}
                Then::Nothing => {}
                Then::Settled(id) => self.came(id, Done::Settled),
                Then::Rung(call, version) => drop(self.rung.remove(&(call, version))),
            }
        }
    }

    /// What a batch changes, as the hall decides it.
    fn decided(&mut self, jobs: &[Job], batch: &[Arrival], now: Timestamp) -> Option<Changes> {
        self.diary.count(if batch.len() > 1 { "batch.several" } else { "batch.one" });
        let book = Book { current: &self.rules, pinned: [].into() };
        let Ok(changes) = fold(batch, self.memory.load(batch), &book, now) else {
            self.diary.broken("the rules of a call are missing".to_owned());
            return None;
        };
        let strays = |index: usize| jobs.get(index).is_some_and(|job| matches!(job.then, Then::Nothing));
        for Aside { why, .. } in changes.aside.iter().filter(|aside| !strays(aside.index)) {
            self.diary.broken(format!("an event was put into quarantine: {why}"));
        }
        let taken = changes.entries.iter().filter(|entry| strays(entry.index));
        self.diary.strangers.extend(taken.map(|entry| entry.call));
        for fate in &changes.fates {
            self.diary.count(match fate {
                Fate::Taken => "event.taken",
                Fate::Twice => "event.twice",
                Fate::Conflict => "event.conflict",
                Fate::Stale => "event.stale",
                Fate::Aside => "event.aside",
            });
        }
        Some(changes)
    }
}
