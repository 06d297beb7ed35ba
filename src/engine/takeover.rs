//! What a node that is gone has left is gone on with: commands whose lease is over, and how many nodes there are.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use tokio::sync::watch;
use tracing::warn;

use super::letter::{Letter, Ways};
use crate::call::Kind;
use crate::clock::Clock;
use crate::hall::{Slip, courier};
use crate::kill::kill_point;
use crate::store::{Stamp, Store};

/// How many commands are taken at once. Where there are more, the next are taken without a pause.
const AT_ONCE: u32 = 256;
/// How often commands are looked for whose node is gone.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// How often it is counted how many nodes there are.
const COUNT_EVERY: Duration = Duration::from_secs(1);
/// A node of which nothing was heard for so long is not counted.
const COUNTED_FOR: Duration = Duration::from_secs(4);

/// Whoever takes over, and what he needs of the house.
pub struct Heir {
    /// The database.
    pub store: Arc<dyn Store>,
    /// The time.
    pub clock: Clock,
    /// This process.
    pub node: uuid::Uuid,
    /// Where it is noted how many nodes there are.
    pub nodes: Arc<AtomicU32>,
}

impl Heir {
    /// Takes over commands whose node is gone, until `stop`. `alone`: no other process can hold any.
    pub async fn run(self, letters: Ways, alone: bool, mut stop: watch::Receiver<bool>) {
        let mut all = alone;
        let (mut behind, mut lost) = (false, false);
        let mut count_at = Duration::ZERO;
        loop {
            let boot = self.clock.boot();
            let since = boot.since;
            let stamp = Stamp { node: self.node, boot: boot.boot, since, lease: courier::LEASE };
            if !alone && since >= count_at {
                count_at = since + COUNT_EVERY;
                // Where it cannot be counted it is as it was.
                if let Ok(nodes) = self.store.nodes(&stamp, COUNTED_FOR).await {
                    self.nodes.store(nodes, Ordering::Relaxed);
                }
            }
            match self.store.claim(&stamp, AT_ONCE, all).await {
                Ok(claimed) => {
                    lost = false;
                    behind = claimed.len() == AT_ONCE as usize;
                    all = alone && behind;
                    for row in claimed {
                        // A notice that rested has nobody until its pause is over.
                        let Slip { call, kind, id, .. } = row.slip;
                        if kind != Kind::Notify {
                            warn!(%call, %kind, command = %id, "a command was taken over");
                        }
                        kill_point!("takeover.claimed");
                        letters.send(Letter::taken_over(row, since));
                    }
                }
                Err(_) if lost => {}
                Err(why) => {
                    (lost, behind) = (true, false);
                    warn!(%why, "commands cannot be taken over; trying again until they can");
                }
            }
            let pause = if behind { Duration::ZERO } else { self.clock.real(LOOK_EVERY) };
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                _ = stop.changed() => return,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use tokio::sync::mpsc;
    use tokio::time::Instant;
    use uuid::Uuid;

    use super::*;
    use crate::engine::fake::{Asked, Fake, clock, letter};
    use crate::store::Claimed;

    #[tokio::test(start_paused = true)]
    async fn full_hands_take_over_more_at_once() {
        let ((store, mut questions), nodes) = (Fake::new(), Arc::new(AtomicU32::new(0)));
        let (_going, stop) = watch::channel(false);
        let (telnyx, mut taken) = mpsc::unbounded_channel();
        let letters = Ways { telnyx, others: mpsc::unbounded_channel().0 };
        let heir = Heir { store, clock: clock(), node: Uuid::nil(), nodes: nodes.clone() };
        tokio::spawn(heir.run(letters, false, stop));
        let slip = |no| letter(no, Kind::Answer, Duration::ZERO).slip;
        let row = |no| Claimed { slip: slip(no), path: String::new(), body: Bytes::new(), age: None };
        let mut asked_at = Vec::new();
        for many in [AT_ONCE, 1, 0] {
            let Some(Asked::Claim { answer, limit }) = questions.recv().await else { panic!("nothing is taken over") };
            assert_eq!(limit, AT_ONCE);
            asked_at.push(Instant::now());
            answer.send(Ok((0..many).map(u128::from).map(row).collect())).unwrap();
            for _ in 0..many {
                taken.recv().await.unwrap();
            }
        }
        assert_eq!(nodes.load(Ordering::Relaxed), 3, "as many as the database counts");
        assert!(asked_at[1] - asked_at[0] < Duration::from_millis(50), "{asked_at:?}");
        assert!(asked_at[2] - asked_at[1] >= LOOK_EVERY, "{asked_at:?}");
    }
}
