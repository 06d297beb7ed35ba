//! Commands leave here. Which one and when is said by [`Lanes`]; here they are sent, and their outcomes handed in.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Semaphore, mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tracing::{debug, warn};

use super::apply::{Inlet, Put};
use super::letter::Letter;
use crate::call::{CommandId, Event, EventId, Settled, Verdict, What};
use crate::clock::Clock;
use crate::hall::{Arrival, Lanes, Move, Slip, courier};
use crate::kill::kill_point;
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

/// Sends what comes until `stop`. Then what was committed is still sent, and answers are waited for, but nothing is
/// sent again: that is left, with its lease released, to whoever runs next.
pub async fn run(sender: Sender, mut letters: mpsc::UnboundedReceiver<Letter>, mut stop: watch::Receiver<bool>) {
    let mut desk = Desk {
        sender: Arc::new(sender),
        places: Arc::new(Semaphore::new(AT_ONCE)),
        lanes: Lanes::default(),
        letters: HashMap::new(),
        flying: JoinSet::new(),
        stop: stop.clone(),
    };
    let mut open = true;
    while open || !letters.is_empty() || !desk.flying.is_empty() {
        tokio::select! {
            Some(letter) = letters.recv() => desk.accept(letter),
            _ = stop.changed(), if open => open = false,
            Some(done) = desk.flying.join_next() => {
                if let Ok((id, done)) = done {
                    desk.go_on(id, done);
                }
            }
        }
    }
    for letter in desk.letters.values() {
        desk.sender.release(letter).await;
    }
}

/// All that is waiting or under way.
struct Desk {
    sender: Arc<Sender>,
    places: Arc<Semaphore>,
    lanes: Lanes,
    letters: HashMap<CommandId, Arc<Letter>>,
    flying: JoinSet<(CommandId, Done)>,
    /// True once nothing is to be sent again.
    stop: watch::Receiver<bool>,
}

/// What came of what was done for a command.
enum Done {
    /// It was sent, or could not be.
    Sent(Reading),
    /// The pause before its next try is over.
    Rested,
    /// Its outcome is kept.
    Settled,
}

impl Desk {
    fn accept(&mut self, letter: Letter) {
        let Letter { call, leg, id, kind, .. } = letter;
        // A command whose lease ran out while it waited here may be handed in again.
        let Some(begun) = self.lanes.accept(Slip { call, leg, id, kind }) else { return };
        self.letters.insert(id, Arc::new(letter));
        for id in begun.void {
            self.settle(id, Verdict::Void);
        }
        for id in begun.go {
            self.next(id);
        }
    }

    fn go_on(&mut self, id: CommandId, done: Done) {
        match done {
            Done::Sent(Reading::Verdict(verdict)) => self.settle(id, verdict),
            Done::Sent(Reading::Again { after, code }) => {
                if let Some(letter) = self.letters.get(&id) {
                    warn!(call = %letter.call, kind = %letter.kind, code, "a command has no outcome yet");
                }
                self.lanes.unanswered(id, after);
                self.next(id);
            }
            Done::Rested => self.next(id),
            Done::Settled => {
                self.letters.remove(&id);
                if let Some(next) = self.lanes.settled(id) {
                    self.next(next);
                }
            }
        }
    }

    fn next(&mut self, id: CommandId) {
        let Some(letter) = self.letters.get(&id).cloned() else { return };
        let age = letter.age(&self.sender.clock.boot());
        match self.lanes.next(id, age) {
            Some(Move::Settle(verdict)) => self.settle(id, verdict),
            Some(Move::Wait(_) | Move::Send { again: true }) if *self.stop.borrow() => {}
            Some(Move::Wait(pause)) => {
                let (pause, mut stop) = (self.sender.clock.real(pause), self.stop.clone());
                self.flying.spawn(async move {
                    // The end of the pause, or of everything.
                    drop(timeout(pause, stop.wait_for(|stop| *stop)).await);
                    (id, Done::Rested)
                });
            }
            Some(Move::Send { again }) => {
                let (sender, places) = (self.sender.clone(), self.places.clone());
                self.flying.spawn(async move {
                    let _place = places.acquire().await;
                    (id, Done::Sent(sender.once(&letter, again).await))
                });
            }
            None => {}
        }
    }

    fn settle(&mut self, id: CommandId, verdict: Verdict) {
        let Some(letter) = self.letters.get(&id).cloned() else { return };
        let sender = self.sender.clone();
        self.flying.spawn(async move {
            sender.settle(&letter, verdict).await;
            (id, Done::Settled)
        });
    }
}

impl Sender {
    /// Sends a command once; `again`: not for the first time.
    async fn once(&self, letter: &Letter, again: bool) -> Reading {
        if again && !self.is_still_ours(letter).await {
            return Reading::Verdict(Verdict::Unknown);
        }
        // It may have waited for its place.
        if courier::next(letter.kind, letter.age(&self.clock.boot()), 0, None) != courier::Next::Send {
            return Reading::Verdict(Verdict::Unknown);
        }
        debug!(call = %letter.call, kind = %letter.kind, command = %letter.id, "sent");
        kill_point!("dispatch.before_send");
        let sent = self.client.send(&letter.request, self.clock.real(courier::TRY).max(Duration::from_secs(1))).await;
        kill_point!("dispatch.after_send");
        kill_point!("lookup.answered", letter.kind == crate::call::Kind::Look);
        match sent {
            Sent::Answer { status, hints, body } => read(letter.kind, status, hints, &body),
            Sent::NoAnswer { why } => Reading::Again { after: None, code: why },
        }
    }

    /// Renews the lease before a command is sent again. Where the database does not answer, nobody else can have
    /// taken it over either.
    async fn is_still_ours(&self, letter: &Letter) -> bool {
        self.store.renew(letter.call, letter.id, &self.stamp(courier::LEASE)).await.unwrap_or(true)
    }

    /// Ends the lease: anybody may take the command over at once. Where the database does not answer it runs out.
    async fn release(&self, letter: &Letter) {
        drop(self.store.renew(letter.call, letter.id, &self.stamp(Duration::ZERO)).await);
    }

    fn stamp(&self, lease: Duration) -> Stamp {
        let boot = self.clock.boot();
        Stamp { node: self.node, boot: boot.boot, since: boot.since, lease }
    }

    /// Hands the outcome in, until it is kept: a node that dies before leaves the command to another.
    async fn settle(&self, letter: &Letter, verdict: Verdict) {
        let id = EventId::settled(letter.id, verdict.word());
        let settled = Settled { command: letter.id, kind: letter.kind, leg: letter.leg, verdict };
        let event = Event { id, at: None, what: What::Settled(settled) };
        let mut pause = Duration::from_millis(20);
        kill_point!("dispatch.before_settle");
        while self.inlet.put(Arrival::own(letter.call, event.clone())).await == Put::Busy {
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
        kill_point!("dispatch.after_settle");
    }
}
