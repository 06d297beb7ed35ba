//! One command at a time: held, sent, rested for, and its outcome handed in. Whose it is and what that means is said by
//! the hall.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::AtomicU32;
use std::time::Duration;

use tokio::sync::{Semaphore, watch};
use tokio::time::{Instant, timeout};
use tracing::debug;

use super::apply::{Inlet, Put};
use super::counts::Counts;
use super::letter::{Letter, age};
use super::library::Library;
use crate::call::{Event, EventId, Settled, Verdict, What};
use crate::clock::Clock;
use crate::hall::courier::{self, Miss};
use crate::hall::{Arrival, Done, Gate, Holder, Teller, asks_before_sending, kept_back, stands, teller};
use crate::kill::kill_point;
use crate::store::{Stamp, Store};
use crate::telnyx::answer::{Pulse, Reading, read};
use crate::telnyx::client::{Client, Sent};

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
    /// The rules: where we may dial by now.
    pub library: Arc<Library>,
    /// The time.
    pub clock: Clock,
    /// This process.
    pub node: uuid::Uuid,
    /// The most commands a second, if there is to be a limit.
    pub rate: Option<NonZeroU32>,
    /// How many nodes share it, and what Telnyx allows.
    pub nodes: Arc<AtomicU32>,
    /// What is not dialled.
    pub gate: watch::Receiver<Gate>,
    /// Renewals that may be asked of the database at once: events come first.
    pub renewals: Semaphore,
    /// Notices that may be given back at once. They wait for each other, and no command waits for them.
    pub returns: Semaphore,
    /// What is counted.
    pub counts: Arc<Counts>,
}

/// How many renewals may be asked of the database at once.
pub(super) const RENEWALS: usize = 2;

impl Sender {
    /// Sends a command once, and what the answer says of Telnyx itself; `again`: not for the first time.
    pub async fn once(&self, letter: &Letter, again: bool) -> (Done, Option<Pulse>) {
        let covered = letter.lease.covers(courier::TRY, &self.clock.boot());
        let asks = asks_before_sending(again, letter.slip.taken_over, covered);
        let holder = if asks { self.hold(letter, courier::TRY).await } else { Holder::Us };
        if let Some(done) = kept_back(letter.slip.kind, letter.age(&self.clock.boot()), holder) {
            return (done, None);
        }
        debug!(call = %letter.slip.call, kind = %letter.slip.kind, command = %letter.slip.id, "sent");
        kill_point!("dispatch.before_send");
        let (clock, kind, first) = (self.clock.clone(), letter.slip.kind, letter.first);
        // It is asked again when the connection is there, just before the first byte.
        let in_time = move || kept_back(kind, age(first, &clock.boot()), Holder::Us).is_none();
        let within = self.clock.real(courier::TRY).max(Duration::from_secs(1));
        let began = Instant::now();
        let sent = self.client.send(&letter.request, within, in_time).await;
        self.counts.tried(began.elapsed(), again);
        kill_point!("dispatch.after_send");
        kill_point!("lookup.answered", letter.slip.kind == crate::call::Kind::Look);
        let no_answer = |perhaps, code: &str, why: String| {
            debug!(call = %letter.slip.call, command = %letter.slip.id, why, code);
            (Done::Missed(Miss { perhaps, after: None, code: code.to_owned() }), Some(Pulse::default()))
        };
        match sent {
            Sent::Answer { status, hints, body } => {
                let done = match read(letter.slip.kind, status, hints, &body).about(letter.slip.call) {
                    Reading::Verdict(verdict) => Done::Settles(verdict),
                    Reading::Again { perhaps, after, code } => Done::Missed(Miss { perhaps, after, code }),
                };
                (done, Some(hints.pulse(status)))
            }
            Sent::NotSent { why } => no_answer(false, "no connection", why),
            Sent::NoAnswer { why } => no_answer(true, "no answer", why),
        }
    }

    /// Lets a time pass, or what is left of it before everything stops. Nobody is to take the command over meanwhile.
    pub async fn rest(&self, letter: &Letter, nap: Duration, mut stop: watch::Receiver<bool>) -> Done {
        let covered = letter.lease.covers(nap, &self.clock.boot());
        if !covered && self.hold(letter, nap).await == Holder::Another {
            return Done::Lost;
        }
        drop(timeout(self.clock.real(nap), stop.wait_for(|stop| *stop)).await);
        Done::Rested
    }

    /// Renews the lease. Where the database does not answer us it may answer others: then the command is ours only if
    /// the lease there is covers a `span` from now.
    async fn hold(&self, letter: &Letter, span: Duration) -> Holder {
        // Whoever gets no turn for so long has no answer either.
        let renewed = match timeout(courier::TRY, self.renewals.acquire()).await {
            Ok(_turn) => {
                let stamp = self.stamp(courier::LEASE);
                let renewed = self.store.renew(letter.slip.call, letter.slip.id, &stamp).await.ok();
                renewed.map(|renewed| (renewed, stamp.since + stamp.lease))
            }
            Err(_) => None,
        };
        let until = renewed.map(|(_, until)| until);
        let holder = Holder::of(renewed.map(|(renewed, _)| renewed), letter.lease.covers(span, &self.clock.boot()));
        if let Some(until) = until.filter(|_| holder != Holder::Another) {
            letter.lease.extend(until);
        }
        holder
    }

    /// Ends the lease: anybody may take the command over at once. Where the database does not answer it runs out.
    pub async fn release(&self, letter: &Letter) {
        drop(self.store.renew(letter.slip.call, letter.slip.id, &self.stamp(Duration::ZERO)).await);
    }

    /// Lets nobody take the command over for so long, then anybody. Where the database does not answer that is sooner.
    pub async fn give_back(&self, letter: &Letter, rests: Duration) {
        if let Ok(_turn) = self.returns.acquire().await {
            drop(self.store.renew(letter.slip.call, letter.slip.id, &self.stamp(rests)).await);
            kill_point!("notice.given_back");
        }
    }

    fn stamp(&self, lease: Duration) -> Stamp {
        let boot = self.clock.boot();
        Stamp { node: self.node, boot: boot.boot, since: boot.since, lease }
    }

    /// Hands the outcome in, until it is kept: a node that dies before leaves the command to another.
    pub async fn settle(&self, letter: &Letter, verdict: Verdict) -> Done {
        let known = stands(&verdict);
        let id = EventId::settled(letter.slip.id, verdict.word());
        let settled = Settled { command: letter.slip.id, kind: letter.slip.kind, leg: letter.slip.leg, verdict };
        let event = Event { id, at: None, what: What::Settled(settled) };
        let mut pause = Duration::from_millis(20);
        kill_point!("dispatch.before_settle");
        kill_point!("notice.before_settle", letter.slip.kind == crate::call::Kind::Notify);
        loop {
            let ours = known || letter.lease.covers(Duration::ZERO, &self.clock.boot());
            let holder = if ours { Holder::Us } else { self.hold(letter, Duration::ZERO).await };
            let put = match teller(holder) {
                Teller::Us => self.inlet.put(Arrival::own(letter.slip.call, event.clone())).await,
                Teller::Another => return Done::Lost,
                Teller::Later => Put::Busy,
            };
            if put == Put::Kept {
                kill_point!("dispatch.after_settle");
                kill_point!("notice.after_settle", letter.slip.kind == crate::call::Kind::Notify);
                return Done::Settled;
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::call::Kind;
    use crate::engine::fake::{Asked, Fake, clock, inlet, letter, sender};
    use crate::store::{Renewed, StoreError};

    /// A sender whose requests reach nobody, on a database that says this of every lease; and a letter of the moment.
    fn night(says: Option<Renewed>) -> (Sender, Letter, Clock) {
        let ((store, mut asked), clock) = (Fake::new(), clock());
        let (inlet, _writer) = inlet(&store, &clock);
        let sender = sender(store, inlet, &clock, &watch::Sender::new(Gate::default()));
        tokio::spawn(async move {
            while let Some(question) = asked.recv().await {
                if let Asked::Renew { answer, .. } = question {
                    let silent = StoreError::Lost("as it is meant to".into());
                    answer.send(says.ok_or(silent)).unwrap();
                }
            }
        });
        let letter = letter(1, Kind::Dial, clock.boot().since);
        (sender, letter, clock)
    }

    #[tokio::test(start_paused = true)]
    async fn a_silent_database_says_nothing_beyond_the_lease() {
        let (sender, letter, clock) = night(None);
        let told = async |again| {
            let Done::Missed(Miss { perhaps, code, .. }) = sender.once(&letter, again).await.0 else { panic!() };
            assert!(!perhaps);
            code.contains("another node may have it")
        };
        assert!(!told(true).await && !told(false).await, "nobody else can have it yet");
        clock.advance(courier::LEASE - courier::TRY);
        assert!(told(true).await && told(false).await, "its lease might be over before the try is");
    }

    #[tokio::test(start_paused = true)]
    async fn a_command_that_rests_is_held_and_never_for_longer_than_any_other() {
        let nap = courier::nap(Duration::MAX);
        for (says, lost) in [(Renewed::Ours, false), (Renewed::Lost, true)] {
            let (sender, letter, clock) = night(Some(says));
            clock.advance(courier::TRY);
            let (_going, stop) = watch::channel(false);
            let rested = sender.rest(&letter, nap, stop).await;
            assert_eq!(matches!(rested, Done::Lost), lost, "{rested:?}");
            let until = clock.boot().since + if lost { courier::TRY } else { courier::LEASE };
            assert_eq!(letter.lease.end(), until);
        }
        let (sender, letter, _clock) = night(None);
        let (_stopped, stop) = watch::channel(true);
        assert!(matches!(sender.rest(&letter, nap, stop).await, Done::Rested), "the end of everything ends it");
    }
}
