//! Batches whose taking is given up half way, at every point where it waits.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use sha2::{Digest as _, Sha256};
use switchhook::call::News;
use tokio::time::timeout;

use crate::base::Base;
use crate::desk::{Caller, Desk};
use crate::nodes::keep;

/// How many batches are cut.
const CUTS: u32 = 120;
const PATIENCE: Duration = Duration::from_secs(20);
/// Connections that stand in a transaction.
const OPEN: &str = "select state from pg_stat_activity
    where datname = current_database() and pid <> pg_backend_pid() and xact_start is not null";

/// Polls a future so many times, then drops it: at once, or as soon as what it waits for is there.
async fn cut<F: Future>(future: F, polls: u32, at_once: bool) -> Option<F::Output> {
    let mut future = pin!(future);
    let mut left = polls;
    poll_fn(|context| {
        if left == 0 {
            return Poll::Ready(None);
        }
        left -= 1;
        match future.as_mut().poll(context) {
            Poll::Ready(output) => Poll::Ready(Some(output)),
            Poll::Pending if left == 0 && at_once => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        }
    })
    .await
}

pub async fn a_batch_that_is_dropped_leaves_nothing_behind(base: Arc<Base>) {
    // On one connection: whatever is left behind on it is met by the next who uses it.
    let desk = Desk::new(base.open_narrow(1).await, 1);
    desk.takes(&[Caller(0).arrives()]).await;
    let (mut n, mut cuts, mut polls, mut at_once) = (0, 0, 0, true);
    while cuts < CUTS {
        (n, polls) = (n + 1, polls + 1);
        let batch = [Caller(n - 1).news(0, "answered", News::Answered), Caller(n).arrives()];
        match cut(desk.try_take(&batch), polls, at_once).await {
            None => cuts += 1,
            // It was not cut any more: from the beginning, in the other way.
            Some(taken) => {
                taken.unwrap();
                (polls, at_once) = (0, !at_once);
            }
        }
        let body = n.to_le_bytes();
        desk.store.quarantine(Sha256::digest(body).into(), &body, "another write", desk.clock.now()).await.unwrap();
        let kept = base.rows("select cast(count(*) as text) from quarantine").await;
        assert_eq!(kept[0][0], Some(n.to_string()), "cut after {polls}: another write went into a dead transaction");
        keep(&desk, batch.to_vec()).await;
    }
    assert_eq!(desk.counts().await["journal"], i64::from(2 * n + 1));
    for caller in (0..=n).map(Caller) {
        desk.replays(caller.call()).await;
    }
    if !base.is_sqlite() {
        nothing_is_under_way(&base).await;
    }
}

/// Waits until no connection stands in a transaction: those that are given up are closed behind our back.
async fn nothing_is_under_way(base: &Base) {
    let wait = async {
        while base.rows(OPEN).await.iter().flatten().any(Option::is_some) {
            tokio::task::yield_now().await;
        }
    };
    assert!(timeout(PATIENCE, wait).await.is_ok(), "{:?}", base.rows(OPEN).await);
}
