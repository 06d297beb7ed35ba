//! What is asked of a store besides batches.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use sha2::{Digest as _, Sha256};
use switchhook::call::{Cause, News};
use switchhook::hall::Changes;
use switchhook::store::StoreError;

use crate::base::Base;
use crate::desk::{Caller, Desk};

pub async fn migrating_again_does_nothing(base: Arc<Base>) {
    let desk = Desk::new(base.open().await, 1);
    desk.whole_call(Caller(1)).await;
    let before = (desk.counts().await, desk.call(Caller(1).call()).await);
    desk.store.migrate().await.unwrap();
    base.open().await.migrate().await.unwrap();
    assert_eq!(before, (desk.counts().await, desk.call(Caller(1).call()).await));
}

pub async fn calls_that_are_due(base: Arc<Base>) {
    let desk = Desk::new(base.open().await, 1);
    let start = desk.clock.now().checked_sub(Duration::from_secs(3600)).unwrap();
    let none = desk.store.due(Timestamp::MAX, 10).await.unwrap();
    assert!(none.calls.is_empty() && none.next.is_none());
    // Taken in one order, due in another: the third comes first by its clock.
    let mut wakes = Vec::new();
    for (n, back) in [(1, 0), (2, 7), (3, 3), (4, 5)] {
        desk.clock.advance(Duration::from_secs(10 - back));
        let changes = desk.take(&[Caller(n).arrives()]).await;
        wakes.push((changes.calls[0].wake_at.unwrap(), Caller(n).call(), 1));
    }
    let also = if base.is_sqlite() { "" } else { ", look_at = look_at - 30000" };
    base.run(&format!("update calls set wake_at = wake_at - 30000{also} where party_from = '+12025560003'")).await;
    wakes[2].0 = wakes[2].0.checked_sub(Duration::from_secs(30)).unwrap();
    // An ended call is never due.
    desk.takes(&[Caller(5).arrives(), Caller(5).news(0, "hangup", News::HungUp { cause: Cause::Normal })]).await;
    wakes.sort_unstable();

    let due = desk.store.due(start, 10).await.unwrap();
    assert_eq!((due.calls.len(), due.next), (0, Some(wakes[0].0)));
    for n in 1..=4 {
        let due = desk.store.due(wakes[n - 1].0, 10).await.unwrap();
        let expected: Vec<_> = wakes[..n].iter().map(|(_, call, version)| (*call, *version)).collect();
        assert_eq!((due.calls, due.next), (expected, wakes.get(n).map(|wake| wake.0)));
    }
    let some = desk.store.due(Timestamp::MAX, 2).await.unwrap();
    assert_eq!(some.calls, [(wakes[0].1, 1), (wakes[1].1, 1)]);
}

pub async fn a_deadline_that_moves_is_found_where_it_is(base: Arc<Base>) {
    let desk = Desk::new(base.open().await, 1);
    let due = async |now: Timestamp| desk.store.due(now, 10).await.unwrap();
    let (moment, call) = (Duration::from_millis(1), Caller(1).call());
    let wake = |changes: &Changes| changes.calls[0].wake_at.unwrap();
    let first = wake(&desk.take(&[Caller(1).arrives()]).await);
    let later = wake(&desk.take(&[Caller(1).news(0, "answered", News::Answered)]).await);
    assert!(later > first);
    for now in [first.checked_sub(moment).unwrap(), first, later.checked_sub(moment).unwrap()] {
        let due = due(now).await;
        assert!(due.calls.is_empty() && due.next.is_some_and(|next| now < next && next <= later), "{due:?}");
    }
    assert_eq!(due(later).await.calls, [(call, 2)]);
    // They may ring for 20 s; whoever picks up is joined in less.
    let ringing = wake(&desk.take(&[Caller(1).news(0, "said", News::SpeechEnded)]).await);
    let joined = wake(&desk.take(&[Caller(1).news(1, "taken", News::Answered)]).await);
    assert!(joined < ringing);
    assert_eq!(due(joined).await.calls, [(call, 4)]);
    let gone = |leg, id| Caller(1).news(leg, id, News::HungUp { cause: Cause::Normal });
    desk.takes(&[gone(0, "gone"), gone(1, "gone too"), gone(2, "gone as well")]).await;
    let never = due(Timestamp::MAX).await;
    assert!(never.calls.is_empty() && never.next.is_none(), "{never:?}");
}

pub async fn rules_are_kept_under_their_hash(base: Arc<Base>) {
    let desk = Desk::new(base.open().await, 1);
    let (hash, at) = ("v1", desk.clock.now());
    assert_eq!(desk.store.rules(hash).await.unwrap(), None);
    let sources = "numbers: {}\n# ß🦀\r\n";
    for text in [sources, "a version never changes"] {
        desk.store.keep_rules(hash, text, at).await.unwrap();
        assert_eq!(desk.store.rules(hash).await.unwrap().as_deref(), Some(sources));
    }
    assert_eq!(desk.store.rules("v2").await.unwrap(), None);
}

pub async fn a_body_is_quarantined_once(base: Arc<Base>) {
    let desk = Desk::new(base.open().await, 1);
    let at = desk.clock.now();
    for (raw, expected) in [(b"\0\xff".as_slice(), 1), (b"\0\xff", 1), (b"", 2)] {
        desk.store.quarantine(Sha256::digest(raw).into(), raw, "it cannot be used", at).await.unwrap();
        assert_eq!(desk.counts().await["quarantine"], expected);
    }
    let function = if base.is_sqlite() { "lower(hex(raw))" } else { "encode(raw, 'hex')" };
    let kept = base.rows(&format!("select {function}, why, cast(arrived_at as text) from quarantine order by 1")).await;
    let row = |raw: &str| [raw, "it cannot be used", "1773050400123"].map(|text| Some(text.to_owned()));
    assert_eq!(kept, [row(""), row("00ff")]);
}

pub async fn the_newest_calls_come_first(base: Arc<Base>) {
    let desk = Desk::new(base.open().await, 1);
    for n in 1..=3 {
        desk.takes(&[Caller(n).arrives()]).await;
        desk.clock.advance(Duration::from_millis(1));
    }
    let ids = |rows: Vec<switchhook::store::CallRow>| rows.iter().map(|row| row.state.id).collect::<Vec<_>>();
    assert_eq!(ids(desk.store.calls(2).await.unwrap()), [Caller(3).call(), Caller(2).call()]);
    let all = desk.store.calls(10).await.unwrap();
    assert!(all.iter().all(|row| row.wake_at.is_some()));
    assert_eq!(ids(all).len(), 3);
}

pub async fn a_row_that_cannot_be_read_says_which(base: Arc<Base>) {
    let desk = Desk::new(base.open().await, 1);
    let caller = Caller(1);
    desk.takes(&[caller.arrives()]).await;
    base.run("update calls set state = '{}'").await;
    let expected = caller.call().to_string();
    let taken = desk.try_take(&[caller.news(0, "answered", News::Answered)]).await.unwrap_err();
    let listed = desk.store.calls(1).await.unwrap_err();
    for why in [taken, listed] {
        assert!(matches!(&why, StoreError::Inconsistent { table: "calls", id, .. } if *id == expected), "{why}");
    }
}
