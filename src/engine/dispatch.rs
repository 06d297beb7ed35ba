//! Commands leave here, leg by leg in order; a hangup overtakes whatever waits for its leg.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::{Semaphore, mpsc, watch};
use tokio::task::JoinSet;
use tracing::{debug, warn};

use super::apply::{Inlet, Put};
use super::letter::Letter;
use crate::call::{CallId, Event, EventId, Kind, LegNo, Settled, Verdict, What};
use crate::clock::Clock;
use crate::hall::{Arrival, courier};
use crate::store::{Stamp, Store};
use crate::telnyx::answer::{Reading, read};
use crate::telnyx::client::{Client, Sent};

/// How many requests may be under way at once.
const AT_ONCE: usize = 256;
/// The longest pause between two attempts to keep an outcome.
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// Sends commands and hands their outcomes in.
pub struct Sender {
    /// The way to Telnyx.
    pub client: Client,
    /// Where outcomes go.
    pub inlet: Inlet,
    /// The database, for leases.
    pub store: Arc<dyn Store>,
    /// The time.
    pub clock: Clock,
    /// This process.
    pub node: uuid::Uuid,
}

/// The commands of one leg.
#[derive(Default)]
struct Lane {
    waiting: VecDeque<Letter>,
    /// Set once a hangup is decided: what is being sent is not sent again.
    over: Arc<AtomicBool>,
}

type Key = (CallId, LegNo);

/// Sends what comes until `stop`, and then until all that is under way is settled.
pub async fn run(sender: Sender, mut letters: mpsc::UnboundedReceiver<Letter>, mut stop: watch::Receiver<bool>) {
    let sender = Arc::new(sender);
    let places = Arc::new(Semaphore::new(AT_ONCE));
    let mut lanes: HashMap<Key, Lane> = HashMap::new();
    let mut flying: JoinSet<Option<Key>> = JoinSet::new();
    let mut open = true;
    while open || !flying.is_empty() {
        tokio::select! {
            Some(letter) = letters.recv() => accept(letter, &sender, &places, &mut lanes, &mut flying),
            _ = stop.changed(), if open => open = false,
            Some(done) = flying.join_next() => {
                if let Ok(Some(key)) = done {
                    go_on(key, &sender, &places, &mut lanes, &mut flying);
                }
            }
        }
    }
}

fn accept(
    letter: Letter,
    sender: &Arc<Sender>,
    places: &Arc<Semaphore>,
    lanes: &mut HashMap<Key, Lane>,
    flying: &mut JoinSet<Option<Key>>,
) {
    let key = (letter.call, letter.leg);
    if letter.kind == Kind::Hangup {
        // It goes out at once, beside whatever is under way; what waits is void, what is under way is not repeated.
        if let Some(lane) = lanes.get_mut(&key) {
            lane.over.store(true, Ordering::Relaxed);
            for letter in lane.waiting.drain(..) {
                let sender = sender.clone();
                flying.spawn(async move {
                    sender.settle(&letter, Verdict::Void).await;
                    None
                });
            }
        }
        fly(letter, None, Arc::default(), sender, places, flying);
        return;
    }
    match lanes.get_mut(&key) {
        Some(lane) => lane.waiting.push_back(letter),
        None => {
            let over = lanes.entry(key).or_default().over.clone();
            fly(letter, Some(key), over, sender, places, flying);
        }
    }
}

/// The lane's last command is settled: the next one may go.
fn go_on(
    key: Key,
    sender: &Arc<Sender>,
    places: &Arc<Semaphore>,
    lanes: &mut HashMap<Key, Lane>,
    flying: &mut JoinSet<Option<Key>>,
) {
    let next = lanes.get_mut(&key).and_then(|lane| lane.waiting.pop_front().map(|letter| (letter, lane.over.clone())));
    match next {
        Some((letter, over)) => fly(letter, Some(key), over, sender, places, flying),
        None => {
            lanes.remove(&key);
        }
    }
}

fn fly(
    letter: Letter,
    key: Option<Key>,
    over: Arc<AtomicBool>,
    sender: &Arc<Sender>,
    places: &Arc<Semaphore>,
    flying: &mut JoinSet<Option<Key>>,
) {
    let (sender, places) = (sender.clone(), places.clone());
    flying.spawn(async move {
        let verdict = sender.deliver(&letter, &over, &places).await;
        sender.settle(&letter, verdict).await;
        key
    });
}

impl Sender {
    /// Sends a command until it is settled.
    async fn deliver(&self, letter: &Letter, over: &AtomicBool, places: &Semaphore) -> Verdict {
        let (mut tries, mut hint) = (0, None);
        let mut waited = false;
        loop {
            if over.load(Ordering::Relaxed) {
                return if tries == 0 { Verdict::Void } else { Verdict::Unknown };
            }
            match courier::next(letter.kind, letter.age(&self.clock.boot()), tries, hint) {
                courier::Next::Settle(verdict) => return verdict,
                courier::Next::Wait(pause) if !waited => {
                    tokio::time::sleep(self.clock.real(pause)).await;
                    waited = true;
                }
                courier::Next::Wait(_) | courier::Next::Send => {
                    let _place = places.acquire().await;
                    if tries > 0 && !self.is_still_ours(letter).await {
                        return Verdict::Unknown;
                    }
                    match self.once(letter).await {
                        Reading::Verdict(verdict) => return verdict,
                        Reading::Again { after, code } => {
                            warn!(call = %letter.call, kind = %letter.kind, code, tries, "a command has no outcome yet");
                            (tries, hint, waited) = (tries + 1, after, false);
                        }
                    }
                }
            }
        }
    }

    async fn once(&self, letter: &Letter) -> Reading {
        debug!(call = %letter.call, kind = %letter.kind, command = %letter.id, "sent");
        match self.client.send(&letter.request, self.clock.real(courier::TRY).max(Duration::from_secs(1))).await {
            Sent::Answer { status, hints, body } => read(letter.kind, status, hints, &body),
            Sent::NoAnswer { why } => Reading::Again { after: None, code: why },
        }
    }

    /// Renews the lease before a command is sent again. Where the database does not answer, nobody else can have
    /// taken it over either.
    async fn is_still_ours(&self, letter: &Letter) -> bool {
        let boot = self.clock.boot();
        let stamp = Stamp { node: self.node, boot: boot.boot, since: boot.since, lease: courier::LEASE };
        self.store.renew(letter.call, letter.id, &stamp).await.unwrap_or(true)
    }

    /// Hands the outcome in, until it is kept: a node that dies before leaves the command to another.
    async fn settle(&self, letter: &Letter, verdict: Verdict) {
        let id = EventId::settled(letter.id, verdict.word());
        let settled = Settled { command: letter.id, kind: letter.kind, leg: letter.leg, verdict };
        let event = Event { id, at: None, what: What::Settled(settled) };
        let mut pause = Duration::from_millis(20);
        while self.inlet.put(Arrival::own(letter.call, event.clone())).await == Put::Busy {
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }
}
