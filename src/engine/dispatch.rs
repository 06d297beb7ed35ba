//! Commands leave here. Which one and when is said by [`Lanes`]; here they are handed to the [`Sender`].

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tracing::warn;

use super::letter::Letter;
use super::sender::{Done, Sender};
use super::task::over;
use crate::call::{CommandId, Verdict};
use crate::hall::{Lanes, Move, Pace, Slip, Turn, Wish};
use crate::telnyx::answer::Pulse;

/// Sends what comes until `stop`. Then what was committed is still sent, and answers are waited for, but nothing is
/// sent again: that is left, with its lease released, to whoever runs next.
pub async fn run(sender: Arc<Sender>, mut letters: mpsc::UnboundedReceiver<Letter>, mut stop: watch::Receiver<bool>) {
    let mut desk = Desk {
        pace: Pace::new(sender.rate),
        sender,
        lanes: Lanes::default(),
        letters: HashMap::new(),
        flying: JoinSet::new(),
        stop: stop.clone(),
    };
    let mut open = true;
    while open || !letters.is_empty() || !desk.flying.is_empty() {
        let nap = desk.nap();
        tokio::select! {
            Some(letter) = letters.recv() => desk.accept(letter),
            _ = stop.changed(), if open => open = false,
            Some(done) = desk.flying.join_next() => {
                let (id, done, pulse) = over(done);
                desk.hear(id, pulse);
                desk.go_on(id, done);
            }
            () = tokio::time::sleep(nap.unwrap_or_default()), if nap.is_some() => {}
        }
        desk.pump();
    }
    for letter in desk.letters.values() {
        desk.sender.release(letter).await;
    }
}

/// All that is waiting or under way.
struct Desk {
    sender: Arc<Sender>,
    pace: Pace,
    lanes: Lanes,
    letters: HashMap<CommandId, Arc<Letter>>,
    flying: JoinSet<(CommandId, Done, Option<Pulse>)>,
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
            Done::GivenUp(why) => self.give_up(id, why),
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
            Some(Move::Wait(_) | Move::Send { again: true, .. }) if *self.stop.borrow() => {}
            Some(Move::Wait(pause)) => {
                let (sender, stop) = (self.sender.clone(), self.stop.clone());
                self.flying.spawn(async move { (id, sender.rest(&letter, pause, stop).await, None) });
            }
            Some(Move::Send { patience, fresh, .. }) => {
                let now = self.sender.clock.boot().since;
                let until = patience.map(|patience| now + patience);
                let born = letter.first.unwrap_or_default();
                self.pace.ask(Wish { id, kind: letter.kind, born, until, fresh });
            }
            None => {}
        }
    }

    /// Lets everything leave whose turn it is.
    fn pump(&mut self) {
        self.pace.share(self.sender.nodes.load(Ordering::Relaxed));
        while let Some(turn) = self.pace.next(self.sender.clock.boot().since) {
            match turn {
                Turn::Go(id) => self.leave(id),
                Turn::Refused(id, why) => self.give_up(id, why),
            }
        }
        self.sender.counts.circuit(self.pace.circuit());
    }

    fn leave(&mut self, id: CommandId) {
        let age = self.age(id);
        let (next, letter) = (self.lanes.leaves(id, age), self.letters.get(&id).cloned());
        // Asked once: a moment later something else may be stopped.
        let first = matches!(next, Some(Move::Send { again: false, .. }));
        let stopped = letter.as_deref().filter(|_| first).and_then(|letter| self.stopped(letter));
        if let Some(why) = stopped {
            self.pace.free(id);
            if let Some(verdict) = self.lanes.stop(id, why) {
                self.settle(id, verdict);
            }
            return;
        }
        match (next, letter) {
            (Some(Move::Send { again, .. }), Some(letter)) if !(again && *self.stop.borrow()) => {
                let sender = self.sender.clone();
                self.flying.spawn(async move {
                    let (done, pulse) = sender.once(&letter, again).await;
                    (id, done, pulse)
                });
            }
            (next, _) => {
                self.pace.free(id);
                if let Some(Move::Settle(verdict)) = next {
                    self.settle(id, verdict);
                }
            }
        }
    }

    /// What forbids a command that is to leave for the first time.
    fn stopped(&self, letter: &Letter) -> Option<&'static str> {
        let rules = self.sender.library.snapshot();
        self.sender.gate.borrow().shuts(letter.kind, &letter.request.destination(), &rules.current().outbound)
    }

    /// A task of a command is over: what the answer, if it was a try, says of Telnyx.
    fn hear(&mut self, id: CommandId, pulse: Option<Pulse>) {
        match pulse {
            Some(Pulse { answers, hold }) => self.pace.heard(id, answers, hold, self.sender.clock.boot().since),
            None => self.pace.free(id),
        }
    }

    /// How long until something may leave by itself.
    fn nap(&self) -> Option<Duration> {
        let clock = &self.sender.clock;
        self.pace.wake_at().map(|at| clock.real(at.saturating_sub(clock.boot().since)))
    }

    fn give_up(&mut self, id: CommandId, why: &str) {
        if let Some(verdict) = self.lanes.give_up(id, why) {
            self.settle(id, verdict);
        }
    }

    fn settle(&mut self, id: CommandId, verdict: Verdict) {
        let Some(letter) = self.letters.get(&id).cloned() else { return };
        let sender = self.sender.clone();
        self.flying.spawn(async move { (id, sender.settle(&letter, verdict).await, None) });
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
    use crate::engine::fake::{Asked, Fake, clock, inlet, sender, taken};
    use crate::engine::letter::Lease;
    use crate::hall::{Gate, courier};
    use crate::store::{Renewed, StoreError};
    use crate::telnyx::request::Request;

    const A_WHILE: Duration = Duration::from_secs(600);

    /// A sender whose requests reach nobody, on a database that asks the test.
    struct Night {
        letters: mpsc::UnboundedSender<Letter>,
        asked: UnboundedReceiver<Asked>,
        clock: Clock,
        gate: watch::Sender<Gate>,
        _stop: watch::Sender<bool>,
    }

    impl Night {
        fn new() -> Self {
            let ((store, asked), clock) = (Fake::new(), clock());
            let (inlet, writer) = inlet(&store, &clock);
            tokio::spawn(writer.run());
            let gate = watch::Sender::new(Gate::default());
            let sender = sender(store, inlet, &clock, &gate);
            let (letters, out) = mpsc::unbounded_channel();
            let (stop, stopped) = watch::channel(false);
            tokio::spawn(run(Arc::new(sender), out, stopped));
            Self { letters, asked, clock, gate, _stop: stop }
        }

        fn post(&self, no: u128, kind: Kind, age: Option<Duration>) {
            self.post_over(no, kind, age, false);
        }

        fn post_over(&self, no: u128, kind: Kind, age: Option<Duration>, taken_over: bool) {
            self.post_to("+12025550142", no, kind, age, taken_over);
        }

        fn post_to(&self, to: &str, no: u128, kind: Kind, age: Option<Duration>, taken_over: bool) {
            let since = self.clock.boot().since;
            let letter = Letter {
                call: CallId(Uuid::nil()),
                seq: u32::try_from(no).unwrap(),
                leg: LegNo(0),
                id: CommandId(Uuid::from_u128(no)),
                kind,
                request: Request::stored(kind, "/calls/x".into(), format!(r#"{{"to":"{to}"}}"#).into()),
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
    async fn what_is_stopped_does_not_leave() {
        let mut night = Night::new();
        night.gate.send_replace(Gate::new(false, ["+1202*"]).unwrap());
        let stopped = Verdict::Refused { why: Refusal::Stopped, code: "limits.stop".into() };
        night.post(1, Kind::Dial, FRESH);
        assert_eq!(night.settles().await.verdict, stopped);
        night.post(2, Kind::Speak, FRESH);
        assert_eq!(night.renews(Ok(Renewed::Lost)).await, 2, "it has left once");
        night.gate.send_replace(Gate::default());
        night.post(3, Kind::Dial, FRESH);
        assert_eq!(night.renews(Ok(Renewed::Lost)).await, 3);
    }

    #[tokio::test(start_paused = true)]
    async fn where_the_rules_of_now_let_nobody_dial_nothing_leaves() {
        let mut night = Night::new();
        let codes = [("+493023125010", "countries"), ("+12025550100", "our_number"), ("+19005550100", "premium")];
        for (no, (to, code)) in (1..).zip(codes) {
            // Whoever decided it, and however long ago: it has not left yet.
            night.post_to(to, no, if no == 1 { Kind::Transfer } else { Kind::Dial }, FRESH, false);
            let stopped = Verdict::Refused { why: Refusal::Stopped, code: format!("limits.outbound.{code}") };
            assert_eq!(night.settles().await.verdict, stopped);
        }
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
