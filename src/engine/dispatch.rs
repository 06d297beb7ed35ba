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
use super::task::over;
use crate::call::{CommandId, Event, EventId, Settled, Verdict, What};
use crate::clock::Clock;
use crate::hall::{Arrival, Lanes, Move, Slip, courier};
use crate::kill::kill_point;
use crate::store::{Renewed, Stamp, Store};
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
                let (id, done) = over(done);
                desk.go_on(id, done);
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
    /// It is another node's now, which will settle it.
    Lost,
}

/// Whose a command is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Holder {
    /// Ours, and nobody can take it over for now.
    Us,
    /// Ours, but a later command of its leg may have gone out elsewhere.
    UsTooLate,
    /// Another node's, or settled by one.
    Another,
    /// Its lease is over or soon will be, and the database does not answer.
    Nobody,
}

impl Desk {
    fn accept(&mut self, letter: Letter) {
        let Letter { call, seq, leg, id, kind, .. } = letter;
        // A command whose lease ran out while it waited here may be handed in again.
        let Some(begun) = self.lanes.accept(Slip { call, seq, leg, id, kind }) else {
            if let Some(held) = self.letters.get(&id) {
                held.lease.extend(letter.lease.end());
            }
            return;
        };
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
            Done::Settled => self.forget(id),
            Done::Lost => {
                if let Some(letter) = self.letters.get(&id) {
                    warn!(call = %letter.call, kind = %letter.kind, command = %id, "another node has taken a command over");
                }
                self.forget(id);
            }
        }
    }

    fn forget(&mut self, id: CommandId) {
        self.letters.remove(&id);
        if let Some(next) = self.lanes.settled(id) {
            self.next(next);
        }
    }

    fn next(&mut self, id: CommandId) {
        let Some(letter) = self.letters.get(&id).cloned() else { return };
        let age = letter.age(&self.sender.clock.boot());
        match self.lanes.next(id, age) {
            Some(Move::Settle(verdict)) => self.settle(id, verdict),
            Some(Move::Wait(_) | Move::Send { again: true }) if *self.stop.borrow() => {}
            Some(Move::Wait(pause)) => {
                let (sender, mut stop) = (self.sender.clone(), self.stop.clone());
                self.flying.spawn(async move {
                    let rested = sender.hold_while(&letter, pause).await;
                    if matches!(rested, Done::Rested) {
                        // The end of the pause, or of everything.
                        drop(timeout(sender.clock.real(pause), stop.wait_for(|stop| *stop)).await);
                    }
                    (id, rested)
                });
            }
            Some(Move::Send { again }) => {
                let (sender, places) = (self.sender.clone(), self.places.clone());
                self.flying.spawn(async move {
                    let _place = places.acquire().await;
                    (id, sender.once(&letter, again).await)
                });
            }
            None => {}
        }
    }

    fn settle(&mut self, id: CommandId, verdict: Verdict) {
        let Some(letter) = self.letters.get(&id).cloned() else { return };
        let sender = self.sender.clone();
        self.flying.spawn(async move { (id, sender.settle(&letter, verdict).await) });
    }
}

impl Sender {
    /// Sends a command once; `again`: not for the first time.
    async fn once(&self, letter: &Letter, again: bool) -> Done {
        // It may have waited for its place.
        if again || letter.taken_over || !letter.lease.covers(courier::TRY, &self.clock.boot()) {
            match self.hold(letter, courier::LEASE, courier::TRY).await {
                Holder::Us => {}
                // It may never have been sent, and does no harm whenever it comes.
                Holder::UsTooLate if letter.kind.repeatable() => {}
                Holder::UsTooLate => return Done::Sent(Reading::Verdict(Verdict::Unknown)),
                Holder::Another => return Done::Lost,
                Holder::Nobody => {
                    let code = "the database does not answer: another node may have it".to_owned();
                    return Done::Sent(Reading::Again { after: None, code });
                }
            }
        }
        if courier::next(letter.kind, letter.age(&self.clock.boot()), 0, None) != courier::Next::Send {
            return Done::Sent(Reading::Verdict(Verdict::Unknown));
        }
        debug!(call = %letter.call, kind = %letter.kind, command = %letter.id, "sent");
        kill_point!("dispatch.before_send");
        let sent = self.client.send(&letter.request, self.clock.real(courier::TRY).max(Duration::from_secs(1))).await;
        kill_point!("dispatch.after_send");
        kill_point!("lookup.answered", letter.kind == crate::call::Kind::Look);
        Done::Sent(match sent {
            Sent::Answer { status, hints, body } => read(letter.kind, status, hints, &body).about(letter.call),
            Sent::NoAnswer { why } => Reading::Again { after: None, code: why },
        })
    }

    /// Before a command rests: nobody is to take it over meanwhile.
    async fn hold_while(&self, letter: &Letter, pause: Duration) -> Done {
        if !pause.is_zero() && self.hold(letter, pause + courier::LEASE, Duration::ZERO).await == Holder::Another {
            return Done::Lost;
        }
        Done::Rested
    }

    /// Renews the lease. Where the database does not answer us it may answer others: then the command is ours only if
    /// the lease there is covers a `span` from now.
    async fn hold(&self, letter: &Letter, lease: Duration, span: Duration) -> Holder {
        let stamp = self.stamp(lease);
        match self.store.renew(letter.call, letter.id, &stamp).await {
            Ok(Renewed::Lost) => Holder::Another,
            Ok(renewed) => {
                letter.lease.extend(stamp.since + lease);
                if renewed == Renewed::Overtaken { Holder::UsTooLate } else { Holder::Us }
            }
            Err(_) if letter.lease.covers(span, &self.clock.boot()) => Holder::Us,
            Err(_) => Holder::Nobody,
        }
    }

    /// Ends the lease: anybody may take the command over at once. Where the database does not answer it runs out.
    async fn release(&self, letter: &Letter) {
        drop(self.store.renew(letter.call, letter.id, &self.stamp(Duration::ZERO)).await);
    }

    fn stamp(&self, lease: Duration) -> Stamp {
        let boot = self.clock.boot();
        Stamp { node: self.node, boot: boot.boot, since: boot.since, lease }
    }

    /// Hands the outcome in, until it is kept: a node that dies before leaves the command to another. That we know
    /// nothing of a command counts only as long as it is ours: whoever has taken it over may know more.
    async fn settle(&self, letter: &Letter, verdict: Verdict) -> Done {
        let knows = !matches!(verdict, Verdict::Unknown | Verdict::Void);
        let id = EventId::settled(letter.id, verdict.word());
        let settled = Settled { command: letter.id, kind: letter.kind, leg: letter.leg, verdict };
        let event = Event { id, at: None, what: What::Settled(settled) };
        let mut pause = Duration::from_millis(20);
        kill_point!("dispatch.before_settle");
        loop {
            let holder = if knows || letter.lease.covers(Duration::ZERO, &self.clock.boot()) {
                Holder::Us
            } else {
                self.hold(letter, courier::LEASE, Duration::ZERO).await
            };
            let put = match holder {
                Holder::Us | Holder::UsTooLate => self.inlet.put(Arrival::own(letter.call, event.clone())).await,
                Holder::Another => return Done::Lost,
                Holder::Nobody => Put::Busy,
            };
            if put == Put::Kept {
                kill_point!("dispatch.after_settle");
                return Done::Settled;
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::mpsc::UnboundedReceiver;
    use uuid::Uuid;

    use super::*;
    use crate::call::{CallId, Kind, LegNo};
    use crate::engine::fake::{Asked, Fake, clock, inlet, nowhere, taken};
    use crate::engine::letter::Lease;
    use crate::store::StoreError;
    use crate::telnyx::request::Request;

    const A_WHILE: Duration = Duration::from_secs(600);

    /// A sender whose requests reach nobody, on a database that asks the test.
    struct Night {
        letters: mpsc::UnboundedSender<Letter>,
        asked: UnboundedReceiver<Asked>,
        clock: Clock,
        _stop: watch::Sender<bool>,
    }

    impl Night {
        fn new() -> Self {
            let ((store, asked), clock) = (Fake::new(), clock());
            let (inlet, writer) = inlet(&store, &clock);
            tokio::spawn(writer.run());
            let sender = Sender { client: nowhere(), inlet, store, clock: clock.clone(), node: Uuid::nil() };
            let (letters, out) = mpsc::unbounded_channel();
            let (stop, stopped) = watch::channel(false);
            tokio::spawn(run(sender, out, stopped));
            Self { letters, asked, clock, _stop: stop }
        }

        fn post(&self, no: u128, kind: Kind, age: Option<Duration>) {
            self.post_over(no, kind, age, false);
        }

        fn post_over(&self, no: u128, kind: Kind, age: Option<Duration>, taken_over: bool) {
            let since = self.clock.boot().since;
            let letter = Letter {
                call: CallId(Uuid::nil()),
                seq: u32::try_from(no).unwrap(),
                leg: LegNo(0),
                id: CommandId(Uuid::from_u128(no)),
                kind,
                request: Request::stored(kind, "/calls/x".into(), bytes::Bytes::new()),
                first: age.map(|age| since - age),
                taken_over,
                lease: Lease::until(since + courier::LEASE),
            };
            self.letters.send(letter).unwrap();
        }

        /// The next question; `None`: there is none for a long while.
        async fn asked(&mut self) -> Option<Asked> {
            timeout(A_WHILE, self.asked.recv()).await.ok().flatten()
        }

        /// The next question, which is for a lease: for how long, and for which command.
        async fn renews(&mut self, answer_with: Result<Renewed, StoreError>) -> (u128, Duration) {
            let Some(Asked::Renew { command, stamp, answer }) = self.asked().await else { panic!("it does not renew") };
            answer.send(answer_with).unwrap();
            (command.0.as_u128(), stamp.lease)
        }

        /// The next question, which is to keep an outcome.
        async fn settles(&mut self) -> Settled {
            let Some(Asked::Take { batch, answer }) = self.asked().await else { panic!("it does not settle") };
            answer.send(taken(&batch)).unwrap();
            let What::Settled(settled) = &batch[0].event.what else { panic!("no outcome: {batch:?}") };
            settled.clone()
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_would_come_after_a_later_one_is_given_up() {
        let mut night = Night::new();
        night.post(1, Kind::Speak, FRESH);
        assert_eq!(night.renews(Ok(Renewed::Overtaken)).await.0, 1);
        assert_eq!(night.settles().await.verdict, Verdict::Unknown);
        // Unless it is worth it all the same: it goes on until its lease says otherwise.
        night.post(2, Kind::StopPlay, FRESH);
        assert_eq!(night.renews(Ok(Renewed::Overtaken)).await, (2, courier::LEASE));
        assert_eq!(night.renews(Ok(Renewed::Lost)).await, (2, HALF + courier::LEASE));
        assert!(night.asked().await.is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_taken_over_asks_for_its_place_before_it_is_sent() {
        let mut night = Night::new();
        night.post_over(1, Kind::Speak, FRESH, true);
        assert_eq!(night.renews(Ok(Renewed::Overtaken)).await, (1, courier::LEASE));
        assert_eq!(night.settles().await.verdict, Verdict::Unknown);
    }

    fn silent() -> Result<Renewed, StoreError> {
        Err(StoreError::Lost("as it is meant to".into()))
    }

    const FRESH: Option<Duration> = Some(Duration::ZERO);
    const HALF: Duration = Duration::from_millis(500);

    #[tokio::test(start_paused = true)]
    async fn what_another_node_has_taken_over_is_its_to_settle() {
        let mut night = Night::new();
        night.post(1, Kind::Dial, FRESH);
        night.post(2, Kind::Speak, None);
        // Nobody answers the first try; before the second it is gone. What waits behind it has its turn.
        assert_eq!(night.renews(Ok(Renewed::Lost)).await, (1, courier::LEASE));
        let settled = night.settles().await;
        assert_eq!((settled.command.0.as_u128(), settled.verdict), (2, Verdict::Unknown));
        assert!(night.asked().await.is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn a_command_that_rests_is_held_as_long_as_it_rests() {
        let mut night = Night::new();
        night.post(1, Kind::Dial, FRESH);
        assert_eq!(night.renews(Ok(Renewed::Ours)).await, (1, courier::LEASE));
        assert_eq!(night.renews(Ok(Renewed::Ours)).await, (1, HALF + courier::LEASE));
        assert_eq!(night.renews(Ok(Renewed::Ours)).await, (1, courier::LEASE));
        assert_eq!(
            night.renews(Ok(Renewed::Lost)).await,
            (1, 2 * HALF + courier::LEASE),
            "and if it is gone, it is dropped"
        );
        assert!(night.asked().await.is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn that_nothing_is_known_is_told_by_the_holder_only() {
        let mut night = Night::new();
        let late = Some(courier::WINDOW + Duration::from_secs(1));
        night.clock.advance(2 * courier::WINDOW);
        night.post(1, Kind::Dial, late);
        assert_eq!(night.settles().await.verdict, Verdict::Unknown, "its lease is fresh");
        for (no, gone) in [(2, false), (3, true)] {
            night.post(no, Kind::Dial, late);
            night.clock.advance(courier::LEASE);
            assert_eq!(night.renews(silent()).await.0, no);
            assert_eq!(night.renews(Ok(if gone { Renewed::Lost } else { Renewed::Ours })).await.0, no);
            if !gone {
                assert_eq!(night.settles().await.verdict, Verdict::Unknown);
            }
        }
        assert!(night.asked().await.is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn a_silent_database_says_nothing_beyond_the_lease() {
        let ((store, mut asked), clock) = (Fake::new(), clock());
        let (inlet, _writer) = inlet(&store, &clock);
        let sender = Sender { client: nowhere(), inlet, store, clock: clock.clone(), node: Uuid::nil() };
        tokio::spawn(async move {
            while let Some(question) = asked.recv().await {
                if let Asked::Renew { answer, .. } = question {
                    answer.send(silent()).unwrap();
                }
            }
        });
        let letter = Letter {
            call: CallId(Uuid::nil()),
            seq: 1,
            leg: LegNo(0),
            id: CommandId(Uuid::nil()),
            kind: Kind::Dial,
            request: Request::stored(Kind::Dial, "/calls".into(), bytes::Bytes::new()),
            first: Some(clock.boot().since),
            taken_over: false,
            lease: Lease::until(clock.boot().since + courier::LEASE),
        };
        let told = async |again| match sender.once(&letter, again).await {
            Done::Sent(Reading::Again { code, .. }) => code.contains("another node may have it"),
            Done::Sent(_) | Done::Rested | Done::Settled | Done::Lost => panic!("nobody has answered"),
        };
        assert!(!told(true).await && !told(false).await, "nobody else can have it yet");
        clock.advance(courier::LEASE - courier::TRY);
        assert!(told(true).await && told(false).await, "its lease might be over before the try is");
    }
}
