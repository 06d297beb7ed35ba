//! Time passes: calls whose deadline is over hear of it.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::Instant;
use tracing::{info, warn};

use super::apply::Inlet;
use super::rung::{Deadline, Rung};
use super::task::over;
use crate::call::{Event, EventId, What};
use crate::clock::Clock;
use crate::hall::Arrival;
use crate::kill::kill_point;
use crate::store::Store;

/// The longest the alarm sleeps: deadlines that other nodes wrote are found by looking.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// How many deadlines are taken at once. Where there are more, the next are taken without a pause.
const AT_ONCE: u32 = 256;
/// How many deadlines may be rung for at once; the others wait until some of them are kept.
const MOST_RINGING: usize = 4 * AT_ONCE as usize;

/// The alarm, and what it needs of the house.
pub struct Alarm {
    /// The database.
    pub store: Arc<dyn Store>,
    /// The time.
    pub clock: Clock,
    /// Where deadlines go.
    pub inlet: Inlet,
}

impl Alarm {
    /// Rings for every deadline that is over, until `stop`.
    pub async fn run(self, mut wakes: mpsc::UnboundedReceiver<Timestamp>, mut stop: watch::Receiver<bool>) {
        let mut next = self.clock.now();
        let mut look_at = Instant::now();
        let (mut rung, mut ringing) = (Rung::default(), JoinSet::new());
        let (mut behind, mut lost) = (false, false);
        loop {
            let room = rung.under_way() + AT_ONCE as usize <= MOST_RINGING;
            // However many wakes come, the next look comes no later for it.
            let soon = look_at.saturating_duration_since(Instant::now()).min(self.clock.until(next));
            let wait = if behind { Duration::ZERO } else { soon };
            tokio::select! {
                () = tokio::time::sleep(wait), if room => {}
                Some(wake) = wakes.recv(), if !(room && wait.is_zero()) => {
                    next = next.min(wake);
                    continue;
                }
                Some(done) = ringing.join_next() => {
                    rung.done(over(done), Instant::now());
                    continue;
                }
                _ = stop.changed() => return,
            }
            look_at = Instant::now() + LOOK_EVERY;
            // Those that were rung for may still be there, before all others.
            let limit = AT_ONCE + u32::try_from(rung.len()).unwrap_or(0);
            (next, behind) = match self.store.due(self.clock.now(), limit).await {
                Ok(due) => {
                    if std::mem::take(&mut lost) {
                        info!("deadlines can be read again");
                    }
                    let behind = due.calls.len() >= limit as usize;
                    for deadline in rung.choose(due.calls, Instant::now()) {
                        self.ring(deadline, &mut ringing);
                    }
                    (due.next.unwrap_or(Timestamp::MAX), behind)
                }
                Err(why) => {
                    rung.forgive();
                    // Once, however long it lasts.
                    if !std::mem::replace(&mut lost, true) {
                        warn!(%why, "deadlines cannot be read; trying again until they can");
                    }
                    (Timestamp::MAX, false)
                }
            };
        }
    }

    /// Rings for a deadline. If that cannot be kept it is still due, and is found again.
    fn ring(&self, deadline: Deadline, ringing: &mut JoinSet<Deadline>) {
        let (call, version) = deadline;
        kill_point!("alarm.before_apply");
        let inlet = self.inlet.clone();
        let event = Event { id: EventId::due(call, version), at: None, what: What::Due { version } };
        ringing.spawn(async move {
            inlet.put(Arrival::own(call, event)).await;
            deadline
        });
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::mpsc::UnboundedReceiver;
    use tokio::time::timeout;
    use uuid::Uuid;

    use super::*;
    use crate::call::CallId;
    use crate::engine::fake::{Asked, Fake, clock, inlet, taken};
    use crate::store::{Due, StoreError};

    const A_WHILE: Duration = Duration::from_secs(60);

    /// An alarm on a database that asks the test.
    struct Night {
        asked: UnboundedReceiver<Asked>,
        wakes: mpsc::UnboundedSender<Timestamp>,
        _stop: watch::Sender<bool>,
    }

    impl Night {
        /// The clock by hand stands still; the pauses go by tokio's.
        fn started() -> Self {
            let ((store, asked), clock) = (Fake::new(), clock());
            let ((wakes, woken), (stop, stopped)) = (mpsc::unbounded_channel(), watch::channel(false));
            let (inlet, writer) = inlet(&store, &clock);
            tokio::spawn(writer.run());
            tokio::spawn(Alarm { store, clock, inlet }.run(woken, stopped));
            Self { asked, wakes, _stop: stop }
        }

        async fn asked(&mut self) -> Option<Asked> {
            timeout(A_WHILE, self.asked.recv()).await.ok().flatten()
        }
    }

    fn due(calls: std::ops::Range<u128>) -> Due {
        Due { calls: calls.map(|n| (CallId(Uuid::from_u128(n)), 7)).collect(), next: None }
    }

    #[tokio::test(start_paused = true)]
    async fn however_many_wakes_come_it_looks_in_time() {
        let mut night = Night::started();
        let wakes = night.wakes.clone();
        tokio::spawn(async move {
            while wakes.send(Timestamp::MAX).is_ok() {
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        });
        let mut looked = Instant::now();
        for _ in 0..3 {
            let Some(Asked::Due { answer, .. }) = night.asked().await else { panic!("it does not look") };
            assert!(looked.elapsed() <= LOOK_EVERY + Duration::from_millis(1), "{:?}", looked.elapsed());
            looked = Instant::now();
            answer.send(Ok(Due::default())).unwrap();
        }
    }

    #[tokio::test(start_paused = true)]
    async fn it_looks_although_a_call_is_held_elsewhere_and_does_not_ring_for_it_twice() {
        let mut night = Night::started();
        let (mut held, mut looks) = (Vec::new(), 0);
        while looks < 5 {
            match night.asked().await {
                Some(Asked::Due { answer, .. }) => {
                    looks += 1;
                    answer.send(Ok(due(1..2))).unwrap();
                }
                Some(Asked::Take { answer, batch }) => held.push((answer, batch)),
                _ => panic!("it does not look"),
            }
        }
        let (answer, batch) = held.pop().unwrap();
        assert!(held.is_empty() && batch.len() == 1);
        answer.send(taken(&batch)).unwrap();
        for _ in 0..3 {
            let Some(Asked::Due { answer, .. }) = night.asked().await else { panic!("it was rung for again") };
            answer.send(Ok(Due::default())).unwrap();
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_backlog_is_rung_for_without_a_pause_and_without_a_flood() {
        let mut night = Night::started();
        let (mut limits, mut batches) = (Vec::new(), Vec::new());
        while limits.len() < 4 {
            match night.asked().await {
                Some(Asked::Due { limit, answer }) => {
                    limits.push((limit, Instant::now()));
                    answer.send(Ok(due(0..limit.into()))).unwrap();
                }
                Some(Asked::Take { answer, batch }) => batches.push((answer, batch)),
                _ => panic!("it does not go on"),
            }
        }
        assert_eq!(limits.iter().map(|(limit, _)| *limit).collect::<Vec<_>>(), [256, 512, 768, 1024]);
        assert!(limits[3].1 - limits[0].1 < Duration::from_millis(50), "a timer is a millisecond");
        // None of it is kept yet: more is not asked for, however long that lasts.
        while let Some(asked) = night.asked().await {
            let Asked::Take { answer, batch } = asked else { panic!("too much is under way") };
            batches.push((answer, batch));
        }
        let kept: usize = batches.iter().map(|(_, batch)| batch.len()).sum();
        assert!(kept >= AT_ONCE as usize, "{kept}");
        for (answer, batch) in batches {
            answer.send(taken(&batch)).unwrap();
        }
        // The rest of what is rung for comes in batches of its own; then the alarm looks again.
        loop {
            match night.asked().await {
                Some(Asked::Take { answer, batch }) => answer.send(taken(&batch)).unwrap(),
                Some(Asked::Due { .. }) => break,
                _ => panic!("it does not go on"),
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_rung_for_in_vain_is_rung_for_ever_more_seldom() {
        let mut night = Night::started();
        let mut rung = Vec::new();
        while rung.len() < 9 {
            match night.asked().await {
                Some(Asked::Due { answer, .. }) => answer.send(Ok(due(1..2))).unwrap(),
                Some(Asked::Take { answer, .. }) => {
                    rung.push(Instant::now());
                    let why = "state of a later version".to_owned();
                    let bad = StoreError::Inconsistent { table: "calls", id: "1".to_owned(), why };
                    drop(answer.send(Err(bad)));
                }
                _ => panic!("it does not look"),
            }
        }
        let pauses: Vec<u128> = rung.windows(2).map(|two| (two[1] - two[0]).as_millis() / 250).collect();
        assert!(pauses.is_sorted() && pauses[0] <= 2 && pauses[7] >= 32, "{pauses:?}");
    }
}
