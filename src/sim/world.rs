//! The simulated Telnyx as one value: calls come in, requests are answered, webhooks come out, and time is handed in.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use fastrand::Rng;
use jiff::Timestamp;

use super::agenda::{Agenda, Due};
use super::chance::Fault;
use super::ids::uuid;
use super::ledger::{CallNo, Entry, Ledger, LegNo, What};
use super::leg::{Kept, Leg};
use super::moment::later;
use super::posts::{Delivery, Post, Posts, plan, timeout};
use super::script::{Callee, Header, Script};
use super::settings::Settings;
use super::window::Windows;
use super::wire::{Event, News};

/// The simulated Telnyx. The same seed and the same questions at the same moments give the same answers.
#[derive(Debug)]
pub struct World {
    pub(super) now: Timestamp,
    /// When the last event occurred: no two occur at once.
    pub(super) told: Timestamp,
    pub(super) rng: Rng,
    pub(super) settings: Settings,
    pub(super) legs: Vec<Leg>,
    pub(super) by_control_id: BTreeMap<String, LegNo>,
    pub(super) calls: Vec<Call>,
    /// The calls whose caller is there.
    pub(super) present: BTreeSet<CallNo>,
    pub(super) agenda: Agenda,
    pub(super) posts: Posts,
    pub(super) windows: Windows,
    /// Moments of the dials of the last five seconds.
    pub(super) dials: VecDeque<Timestamp>,
    /// The minute that is counted, and the requests in it.
    pub(super) minute: (Timestamp, u32),
    pub(super) ledger: Ledger,
    /// Every recording that is saved.
    pub(super) kept: Vec<Kept>,
    /// The call that requests are made for, where whoever asks can tell.
    pub(super) asking: Option<CallNo>,
    pub(super) behaviours: BTreeMap<&'static str, u64>,
    /// How often each limit was met that is counted nowhere else.
    pub(super) limits: BTreeMap<&'static str, u64>,
}

/// One call from outside.
#[derive(Debug)]
pub(super) struct Call {
    pub script: Script,
    /// The caller's leg, once he has called.
    pub caller: Option<LegNo>,
    /// All its legs, the caller's first.
    pub legs: Vec<LegNo>,
    /// How often each target was rung.
    pub rung: BTreeMap<String, usize>,
    /// Which of his waits the caller is in.
    pub wait: u32,
    /// How often the network passed it on before it came in.
    pub passed_on: u32,
}

impl Call {
    /// A call that has not begun.
    pub fn new(script: Script) -> Self {
        Self { script, caller: None, legs: Vec::new(), rung: BTreeMap::new(), wait: 0, passed_on: 0 }
    }
}

impl World {
    /// An empty world; all chance in it comes from `seed`.
    pub fn new(seed: u64, settings: Settings) -> Self {
        Self {
            now: Timestamp::UNIX_EPOCH,
            told: Timestamp::UNIX_EPOCH,
            rng: Rng::with_seed(seed),
            settings,
            legs: Vec::new(),
            by_control_id: BTreeMap::new(),
            calls: Vec::new(),
            present: BTreeSet::new(),
            agenda: Agenda::default(),
            posts: Posts::default(),
            windows: Windows::default(),
            dials: VecDeque::new(),
            minute: (Timestamp::UNIX_EPOCH, 0),
            ledger: Ledger::default(),
            kept: Vec::new(),
            asking: None,
            behaviours: BTreeMap::new(),
            limits: BTreeMap::new(),
        }
    }

    /// Schedules a call: it begins at `now` and the script's offset.
    pub fn call_in(&mut self, now: Timestamp, script: &Script) -> CallNo {
        self.run(now);
        let no = CallNo(u32::try_from(self.calls.len()).unwrap_or(u32::MAX));
        let at = later(self.now, script.at);
        self.calls.push(Call::new(script.clone()));
        self.agenda.add(at, Due::Arrive(no));
        no
    }

    /// The webhooks due by `now`, first attempts and repeats, in order.
    pub fn poll(&mut self, now: Timestamp) -> Vec<Delivery> {
        self.run(now);
        self.posts.poll(now, &mut self.settings, &mut self.rng, &mut self.ledger)
    }

    /// Settles a delivery with the HTTP status it was answered with; `None` if there was no answer in time.
    /// One that is not settled is neither repeated nor counted.
    pub fn delivered(&mut self, id: u64, status: Option<u16>, now: Timestamp) {
        self.run(now);
        self.posts.delivered(id, status, now, &self.settings, &mut self.rng, &mut self.ledger);
    }

    /// When something will happen next: the world need not be asked before. `None` if it is at rest.
    pub fn next_due(&self) -> Option<Timestamp> {
        self.agenda.next().into_iter().chain(self.posts.next()).min()
    }

    /// The truth so far.
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// How the world was set up.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// How long a delivery may take before it counts as unanswered.
    pub fn webhook_timeout(&self) -> Duration {
        timeout(&self.settings)
    }

    /// From now on this goes wrong with requests, as often as said.
    pub fn trouble(&mut self, fault: Fault, rate: f64) {
        self.settings.faults.rate(fault, rate);
    }

    /// No more faults of requests and network from now on.
    pub fn calm(&mut self) {
        self.settings.faults.calm();
        self.settings.network.calm();
    }

    /// How often each fault, mishap and behaviour came about: `fault.hang`, `network.swap`, `callee.busy`.
    pub fn counts(&self) -> BTreeMap<String, u64> {
        let named = |kind: &'static str, counts: BTreeMap<&'static str, u64>| {
            counts.into_iter().map(move |(word, count)| (format!("{kind}.{word}"), count))
        };
        named("fault", self.settings.faults.counts())
            .chain(named("network", self.settings.network.counts()))
            .chain(named("callee", self.behaviours.clone()))
            .chain(named("limit", self.limits.clone()))
            .collect()
    }

    /// The caller's `call_control_id`, once he has called.
    pub fn caller(&self, call: CallNo) -> Option<&str> {
        Some(self.leg(self.call(call)?.caller?)?.control_id.as_str())
    }

    /// Every call, those that phones passed on included.
    pub fn all_calls(&self) -> impl Iterator<Item = CallNo> {
        (0..u32::try_from(self.calls.len()).unwrap_or(u32::MAX)).map(CallNo)
    }

    /// The headers of a leg: those it was dialled with, or came in with.
    pub fn headers(&self, leg: LegNo) -> &[Header] {
        self.leg(leg).map(|leg| leg.headers.as_slice()).unwrap_or_default()
    }

    /// Says which call the next requests are for: of a dial without a link the world can only guess it.
    pub fn on_behalf_of(&mut self, call: Option<CallNo>) {
        self.asking = call;
    }

    /// The legs of a call so far, the caller's first.
    pub fn legs(&self, call: CallNo) -> &[LegNo] {
        self.call(call).map(|call| call.legs.as_slice()).unwrap_or_default()
    }

    /// The `call_control_id` of a leg.
    pub fn control_id(&self, leg: LegNo) -> Option<&str> {
        self.leg(leg).map(|leg| leg.control_id.as_str())
    }

    pub(super) fn call(&self, no: CallNo) -> Option<&Call> {
        self.calls.get(usize::try_from(no.0).ok()?)
    }

    pub(super) fn call_mut(&mut self, no: CallNo) -> Option<&mut Call> {
        self.calls.get_mut(usize::try_from(no.0).ok()?)
    }

    pub(super) fn leg(&self, no: LegNo) -> Option<&Leg> {
        self.legs.get(usize::try_from(no.0).ok()?)
    }

    pub(super) fn leg_mut(&mut self, no: LegNo) -> Option<&mut Leg> {
        self.legs.get_mut(usize::try_from(no.0).ok()?)
    }

    /// A leg that has not ended.
    pub(super) fn live(&self, no: LegNo) -> Option<&Leg> {
        self.leg(no).filter(|leg| leg.live())
    }

    /// Takes a new leg in.
    pub(super) fn add(&mut self, leg: Leg) {
        self.by_control_id.insert(leg.control_id.clone(), leg.no);
        if let Some(call) = leg.call.and_then(|call| self.call_mut(call)) {
            call.legs.push(leg.no);
        }
        self.legs.push(leg);
    }

    /// What the number of the next leg is.
    pub(super) fn next_leg(&self) -> LegNo {
        LegNo(u32::try_from(self.legs.len()).unwrap_or(u32::MAX))
    }

    /// Lets something happen to a leg after a while, unless it ends before.
    pub(super) fn while_live(&mut self, no: LegNo, wait: Duration, due: Due) {
        let timer = self.agenda.add(later(self.now, wait), due);
        if let Some(leg) = self.leg_mut(no) {
            leg.timers.push(timer);
        }
    }

    /// Some time between two numbers of milliseconds: what Telnyx and the networks need.
    pub(super) fn lag(&mut self, least: u64, most: u64) -> Duration {
        Duration::from_micros(self.rng.u64(least * 1000..=most * 1000))
    }

    /// When a command accepted now takes effect on a leg: after a while, and after all accepted before it.
    pub(super) fn in_turn(&mut self, no: LegNo, least: u64, most: u64) -> Timestamp {
        let soon = later(self.now, self.lag(least, most));
        let Some(leg) = self.leg_mut(no) else { return soon };
        leg.settled = soon.max(later(leg.settled, Duration::from_millis(1)));
        leg.settled
    }

    /// Writes to the ledger.
    pub(super) fn enter(&mut self, no: LegNo, what: What) {
        let Some(session) = self.leg(no).map(|leg| leg.session) else { return };
        self.ledger.enter(Entry { at: self.now, session, leg: no, what });
    }

    /// Sends a webhook about a leg.
    pub(super) fn tell(&mut self, no: LegNo, news: &News<'_>) {
        let id = uuid(&mut self.rng);
        self.told = self.now.max(later(self.told, Duration::from_micros(1)));
        let Some(leg) = usize::try_from(no.0).ok().and_then(|no| self.legs.get(no)) else { return };
        let (connection, switches) = (&self.settings.connection_id, &self.settings.switches);
        let Some(event) = Event::new(leg, news, connection, switches, id, self.told) else { return };
        let plan = leg.retries.get(event.kind).cloned().unwrap_or_else(|| plan(&self.settings));
        let post = Post::new(event, no, leg.session, plan);
        self.posts.send(post, &mut self.settings, &mut self.rng, &mut self.ledger);
    }

    /// What the one who is rung does this time, counted.
    pub(super) fn next_behaviour(&mut self, call: Option<CallNo>, target: &str) -> Callee {
        let does = call.and_then(|call| self.call_mut(call)).map_or(Callee::RingsOut, |call| {
            let times = call.rung.entry(target.to_owned()).or_default();
            *times += 1;
            call.script.does(target, *times - 1)
        });
        *self.behaviours.entry(does.word()).or_default() += 1;
        does
    }
}
