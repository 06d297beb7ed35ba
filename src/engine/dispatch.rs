//! Commands leave here. What is to be done with which is said by the [`Desk`]; here each act of it is a task.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tracing::warn;

use super::letter::Letter;
use super::sender::Sender;
use super::task::over;
use crate::call::CommandId;
use crate::hall::{Act, Desk, Done, Slip, Todo};
use crate::telnyx::answer::Pulse;

/// Sends what comes until `stop`. Then what was committed is still sent, and answers are waited for, but nothing is
/// sent again: that is left, with its lease released, to whoever runs next.
pub async fn run(sender: Arc<Sender>, mut letters: mpsc::UnboundedReceiver<Letter>, mut stop: watch::Receiver<bool>) {
    let mut hands = Hands {
        desk: Desk::new(sender.rate),
        sender,
        letters: HashMap::new(),
        flying: JoinSet::new(),
        stop: stop.clone(),
    };
    let mut open = true;
    while open || !letters.is_empty() || !hands.flying.is_empty() {
        let nap = hands.nap();
        tokio::select! {
            Some(letter) = letters.recv() => hands.accept(letter),
            _ = stop.changed(), if open => open = false,
            Some(done) = hands.flying.join_next() => {
                let (id, done, pulse) = over(done);
                hands.came(id, done, pulse);
            }
            () = tokio::time::sleep(nap.unwrap_or_default()), if nap.is_some() => {}
        }
        hands.act();
    }
    for letter in hands.letters.values() {
        hands.sender.release(letter).await;
    }
}

/// Whoever does what the desk wants done.
struct Hands {
    desk: Desk,
    sender: Arc<Sender>,
    letters: HashMap<CommandId, Arc<Letter>>,
    flying: JoinSet<(CommandId, Done, Option<Pulse>)>,
    /// True once nothing is to be sent again.
    stop: watch::Receiver<bool>,
}

impl Hands {
    fn accept(&mut self, letter: Letter) {
        let Letter { slip, first, .. } = letter;
        let to = if slip.kind.rings() { letter.request.destination() } else { String::new() };
        self.desk.accept(slip, first, to, self.now());
        match self.letters.entry(slip.id) {
            // A command whose lease ran out while it waited here may be handed in again.
            Entry::Occupied(held) => held.get().lease.extend(letter.lease.end()),
            Entry::Vacant(place) => drop(place.insert(Arc::new(letter))),
        }
    }

    /// A task of a command is over: what came of it and, if it was a try, what the answer says of Telnyx.
    fn came(&mut self, id: CommandId, done: Done, pulse: Option<Pulse>) {
        let now = self.now();
        if let Some(Pulse { answers, hold }) = pulse {
            self.desk.heard(id, answers, hold, now);
        }
        if let Some(letter) = self.letters.get(&id) {
            tell(letter, &done);
        }
        if matches!(done, Done::Settled | Done::Lost) {
            self.letters.remove(&id);
        }
        self.desk.came(id, done, now);
    }

    /// Does all that is to be done.
    fn act(&mut self) {
        if *self.stop.borrow() {
            self.desk.stop();
        }
        let (rules, nodes) = (self.sender.library.snapshot(), self.sender.nodes.load(Ordering::Relaxed));
        self.desk.pump(&self.sender.gate.borrow(), &rules.current().outbound, nodes, self.now());
        while let Some(act) = self.desk.next_act() {
            self.begin(act);
        }
        self.sender.counts.circuit(self.desk.circuit());
    }

    fn begin(&mut self, act: Act) {
        let Act { id, todo, .. } = act;
        let Some(letter) = self.letters.get(&id).cloned() else { return };
        let (sender, stop) = (self.sender.clone(), self.stop.clone());
        self.flying.spawn(async move {
            let (done, pulse) = match todo {
                Todo::Try { again } => sender.once(&letter, again).await,
                Todo::Rest(nap) => (sender.rest(&letter, nap, stop).await, None),
                Todo::Settle(verdict) | Todo::Refuse(_, verdict) | Todo::Stop(_, verdict) => {
                    (sender.settle(&letter, verdict).await, None)
                }
            };
            (id, done, pulse)
        });
    }

    fn now(&self) -> Duration {
        self.sender.clock.boot().since
    }

    /// How long until something may leave by itself.
    fn nap(&self) -> Option<Duration> {
        let clock = &self.sender.clock;
        self.desk.wake_at().map(|at| clock.real(at.saturating_sub(clock.boot().since)))
    }
}

/// Says what is not as it should be.
fn tell(letter: &Letter, done: &Done) {
    let Slip { call, kind, id, .. } = letter.slip;
    match done {
        Done::Missed(miss) => warn!(%call, %kind, code = miss.code.as_str(), "a command has no outcome yet"),
        Done::Lost => warn!(%call, %kind, command = %id, "another node has taken a command over"),
        Done::Settles(_) | Done::GivenUp(_) | Done::Rested | Done::Settled => {}
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::mpsc::UnboundedReceiver;
    use tokio::time::timeout;

    use super::*;
    use crate::call::{Kind, Refusal, Settled, Verdict, What};
    use crate::clock::Clock;
    use crate::engine::fake::{Asked, Fake, clock, inlet, letter, sender, taken};
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
            let mut letter = letter(no, kind, since);
            letter.request = Request::stored(kind, "/calls/x".into(), format!(r#"{{"to":"{to}"}}"#).into());
            (letter.slip.taken_over, letter.first) = (taken_over, age.map(|age| since - age));
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
