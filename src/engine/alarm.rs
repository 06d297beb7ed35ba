//! Time passes: calls whose deadline is over hear of it.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tracing::{info, warn};

use super::apply::Inlet;
use super::letter::Letter;
use crate::call::{CallId, Event, EventId, What};
use crate::clock::Clock;
use crate::hall::{Arrival, courier};
use crate::kill::kill_point;
use crate::store::{Claimed, Stamp, Store};
use crate::telnyx::request::Request;

/// The longest the alarm sleeps: deadlines that other nodes wrote are found by looking.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// How many deadlines are taken at once.
const AT_ONCE: u32 = 256;
/// How often commands are looked for whose node is gone.
const TAKE_OVER_EVERY: Duration = Duration::from_secs(2);

/// What the alarm and the take-over need of the house.
#[derive(Clone)]
pub struct Watch {
    /// The database.
    pub store: Arc<dyn Store>,
    /// The time.
    pub clock: Clock,
    /// Where deadlines go.
    pub inlet: Inlet,
    /// This process.
    pub node: uuid::Uuid,
}

impl Watch {
    /// Rings for every deadline that is over, until `stop`.
    pub async fn alarm(self, mut wakes: mpsc::UnboundedReceiver<Timestamp>, mut stop: watch::Receiver<bool>) {
        let mut next = self.clock.now();
        let mut lost = false;
        loop {
            let sleep = self.clock.until(next).min(LOOK_EVERY);
            tokio::select! {
                () = tokio::time::sleep(sleep) => {}
                Some(wake) = wakes.recv() => {
                    next = next.min(wake);
                    continue;
                }
                _ = stop.changed() => return,
            }
            next = match self.store.due(self.clock.now(), AT_ONCE).await {
                Ok(due) => {
                    if std::mem::take(&mut lost) {
                        info!("deadlines can be read again");
                    }
                    self.ring(due.calls).await;
                    due.next.unwrap_or(Timestamp::MAX)
                }
                Err(why) => {
                    // Once, however long it lasts.
                    if !std::mem::replace(&mut lost, true) {
                        warn!(%why, "deadlines cannot be read; trying again until they can");
                    }
                    Timestamp::MAX
                }
            };
        }
    }

    async fn ring(&self, calls: Vec<(CallId, u64)>) {
        let mut ringing = JoinSet::new();
        for (call, version) in calls {
            kill_point!("alarm.before_apply");
            let inlet = self.inlet.clone();
            let event = Event { id: EventId::due(call, version), at: None, what: What::Due { version } };
            ringing.spawn(async move { inlet.put(Arrival::own(call, event)).await });
        }
        // One that could not be kept is still due, and is found again.
        while ringing.join_next().await.is_some() {}
    }

    /// Takes over commands whose node is gone, until `stop`. `alone`: no other process can hold any.
    pub async fn take_over(self, letters: mpsc::UnboundedSender<Letter>, alone: bool, mut stop: watch::Receiver<bool>) {
        let mut all = alone;
        let mut lost = false;
        loop {
            let boot = self.clock.boot();
            let since = boot.since;
            let stamp = Stamp { node: self.node, boot: boot.boot, since, lease: courier::LEASE };
            match self.store.claim(&stamp, AT_ONCE, all).await {
                Ok(claimed) => {
                    lost = false;
                    all = alone && claimed.len() == AT_ONCE as usize;
                    for row in claimed {
                        warn!(call = %row.call, kind = %row.kind, command = %row.id, "a command was taken over");
                        kill_point!("takeover.claimed");
                        let _ = letters.send(letter(row, since));
                    }
                }
                Err(_) if lost => {}
                Err(why) => {
                    lost = true;
                    warn!(%why, "commands cannot be taken over; trying again until they can");
                }
            }
            tokio::select! {
                () = tokio::time::sleep(self.clock.real(TAKE_OVER_EVERY)) => {}
                _ = stop.changed() => return,
            }
        }
    }
}

fn letter(row: Claimed, since: Duration) -> Letter {
    let first = row.age.and_then(|age| since.checked_sub(age));
    let request = Request::stored(row.kind, row.path, row.body);
    Letter { call: row.call, leg: row.leg, id: row.id, kind: row.kind, request, first }
}
