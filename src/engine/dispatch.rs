//! Commands leave here. Which one and when is said by [`Lanes`]; here they are handed to the [`Sender`].

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Semaphore, mpsc, watch};
use tokio::task::JoinSet;
use tracing::warn;

use super::letter::Letter;
use super::sender::{Done, Sender};
use super::task::over;
use crate::call::{CommandId, Verdict};
use crate::hall::{Lanes, Move, Slip};

/// How many requests may be under way at once.
const AT_ONCE: usize = 256;

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

impl Desk {
    fn accept(&mut self, letter: Letter) {
        let Letter { call, seq, leg, id, kind, taken_over, .. } = letter;
        // A command whose lease ran out while it waited here may be handed in again.
        let Some(begun) = self.lanes.accept(Slip { call, seq, leg, id, kind, taken_over }) else {
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
            Done::Settles(verdict) => self.settle(id, verdict),
            Done::Missed(miss) => {
                if let Some(letter) = self.letters.get(&id) {
                    let code = miss.code.as_str();
                    warn!(call = %letter.call, kind = %letter.kind, code, "a command has no outcome yet");
                }
                self.lanes.missed(id, miss);
                self.next(id);
            }
            Done::GivenUp(why) => {
                if let Some(verdict) = self.lanes.give_up(id, why) {
                    self.settle(id, verdict);
                }
            }
            Done::Rested => {
                let age = self.age(id);
                let next = self.lanes.rested(id, age);
                self.follow(id, next);
            }
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
        let age = self.age(id);
        let next = self.lanes.next(id, age);
        self.follow(id, next);
    }

    fn age(&self, id: CommandId) -> Option<Duration> {
        self.letters.get(&id).and_then(|letter| letter.age(&self.sender.clock.boot()))
    }

    fn follow(&mut self, id: CommandId, next: Option<Move>) {
        let Some(letter) = self.letters.get(&id).cloned() else { return };
        match next {
            Some(Move::Settle(verdict)) => self.settle(id, verdict),
            Some(Move::Wait(_) | Move::Send { again: true }) if *self.stop.borrow() => {}
            Some(Move::Wait(pause)) => {
                let (sender, stop) = (self.sender.clone(), self.stop.clone());
                self.flying.spawn(async move { (id, sender.rest(&letter, pause, stop).await) });
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

#[cfg(test)]
mod tests {
    use tokio::sync::mpsc::UnboundedReceiver;
    use tokio::time::timeout;
    use uuid::Uuid;

    use super::*;
    use crate::call::{CallId, Kind, LegNo, Refusal, Settled, What};
    use crate::clock::Clock;
    use crate::engine::fake::{Asked, Fake, clock, inlet, nowhere, taken};
    use crate::engine::letter::Lease;
    use crate::hall::courier;
    use crate::store::{Renewed, StoreError};
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

        /// The next question, which is for a lease: for which command.
        async fn renews(&mut self, answer_with: Result<Renewed, StoreError>) -> u128 {
            let Some(Asked::Renew { command, stamp, answer }) = self.asked().await else { panic!("it does not renew") };
            answer.send(answer_with).unwrap();
            assert_eq!(stamp.lease, courier::LEASE);
            command.0.as_u128()
        }

        /// The next question, which is to keep an outcome.
        async fn settles(&mut self) -> Settled {
            let Some(Asked::Take { batch, answer }) = self.asked().await else { panic!("it does not settle") };
            answer.send(taken(&batch)).unwrap();
            let What::Settled(settled) = &batch[0].event.what else { panic!("no outcome: {batch:?}") };
            settled.clone()
        }
    }

    fn refused(code: &str) -> Verdict {
        Verdict::Refused { why: Refusal::Unavailable, code: code.into() }
    }

    #[tokio::test(start_paused = true)]
    async fn what_would_come_after_a_later_one_is_given_up() {
        let mut night = Night::new();
        night.post(1, Kind::Speak, FRESH);
        assert_eq!(night.renews(Ok(Renewed::Overtaken)).await, 1);
        assert_eq!(night.settles().await.verdict, refused("no connection"), "it was never sent");
        // Unless it is worth it all the same: it goes on until its lease says otherwise.
        night.post(2, Kind::Answer, FRESH);
        assert_eq!(night.renews(Ok(Renewed::Overtaken)).await, 2);
        assert_eq!(night.renews(Ok(Renewed::Lost)).await, 2);
        assert!(night.asked().await.is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_taken_over_asks_for_its_place_before_it_is_sent() {
        let mut night = Night::new();
        night.post_over(1, Kind::Speak, FRESH, true);
        assert_eq!(night.renews(Ok(Renewed::Overtaken)).await, 1);
        assert_eq!(night.settles().await.verdict, Verdict::Unknown, "whoever had it may have sent it");
    }

    fn silent() -> Result<Renewed, StoreError> {
        Err(StoreError::Lost("as it is meant to".into()))
    }

    const FRESH: Option<Duration> = Some(Duration::ZERO);

    #[tokio::test(start_paused = true)]
    async fn what_another_node_has_taken_over_is_its_to_settle() {
        let mut night = Night::new();
        night.post_over(1, Kind::Dial, FRESH, true);
        night.post(2, Kind::Speak, None);
        // By now it is gone. What waits behind it has its turn.
        assert_eq!(night.renews(Ok(Renewed::Lost)).await, 1);
        let settled = night.settles().await;
        assert_eq!((settled.command.0.as_u128(), settled.verdict), (2, refused("too late")));
        assert!(night.asked().await.is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn before_each_try_but_the_first_the_lease_is_renewed() {
        let mut night = Night::new();
        night.post(1, Kind::Dial, FRESH);
        assert_eq!(night.renews(Ok(Renewed::Ours)).await, 1);
        assert_eq!(night.renews(Ok(Renewed::Ours)).await, 1);
        assert_eq!(night.renews(Ok(Renewed::Lost)).await, 1, "and if it is gone, it is dropped");
        assert!(night.asked().await.is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn that_nothing_was_done_is_told_by_the_holder_only() {
        let mut night = Night::new();
        let late = Some(courier::WINDOW + Duration::from_secs(1));
        night.clock.advance(2 * courier::WINDOW);
        night.post(1, Kind::Dial, late);
        assert_eq!(night.settles().await.verdict, refused("too late"), "its lease is fresh");
        for (no, gone) in [(2, false), (3, true)] {
            night.post(no, Kind::Dial, late);
            night.clock.advance(courier::LEASE);
            assert_eq!(night.renews(silent()).await, no);
            assert_eq!(night.renews(Ok(if gone { Renewed::Lost } else { Renewed::Ours })).await, no);
            if !gone {
                assert_eq!(night.settles().await.verdict, refused("too late"));
            }
        }
        assert!(night.asked().await.is_none());
    }
}
