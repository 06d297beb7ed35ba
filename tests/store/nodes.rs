//! Several nodes on one database, and a database that fails.

use std::net::TcpListener;
use std::sync::Arc;

use switchhook::call::{Cause, Handle, News, Who};
use switchhook::hall::{Arrival, Fate};
use switchhook::store::{Postgres, StoreError, Taken};
use tokio::runtime::Handle as Runtime;
use tokio::task::{JoinSet, block_in_place};

use crate::base::Base;
use crate::desk::{Caller, Desk, webhook};

/// Takes a batch as often as the store asks for, until it is kept.
pub async fn keep(desk: &Desk, batch: Vec<Arrival>) {
    loop {
        match desk.try_take(&batch).await {
            Ok(Taken::Written(_)) => return,
            Err(StoreError::Again(_)) => tokio::task::yield_now().await,
            other => panic!("{other:?}"),
        }
    }
}

/// Takes a batch on one node, and does something else between its loading and its writing.
async fn take_while(desk: &Desk, batch: &[Arrival], meanwhile: impl AsyncFn() + Sync) -> Result<Taken, StoreError> {
    let mut decide = |loaded| {
        block_in_place(|| Runtime::current().block_on(meanwhile()));
        desk.decided(batch, loaded)
    };
    desk.store.take(batch, &desk.stamp(), &mut decide).await
}

pub async fn a_call_that_began_meanwhile_is_found_again(base: Arc<Base>) {
    let (one, two) = (Desk::new(base.open().await, 1), Desk::new(base.open().await, 2));
    let caller = Caller(1);
    let batch = [caller.arrives(), Caller(2).arrives()];
    let taken = take_while(&one, &batch, async || two.takes(&[caller.news(0, "answered", News::Answered)]).await).await;
    assert!(matches!(taken, Err(StoreError::Again(_))), "{taken:?}");
    assert_eq!(one.counts().await["calls"], 1, "nothing of it was written");
    one.takes(&batch).await;
    let call = one.call(caller.call()).await;
    assert_eq!((call.version, call.route.as_deref()), (2, Some("main")));
    one.replays(caller.call()).await;
}

pub async fn a_call_that_another_node_wrote_meanwhile_is_decided_again(base: Arc<Base>) {
    let (one, two) = (Desk::new(base.open().await, 1), Desk::new(base.open().await, 2));
    let (both, other) = (Caller(1), Caller(2));
    one.takes(&[both.arrives(), other.arrives()]).await;
    let before = one.counts().await;
    let hers = [both.news(0, "answered", News::Answered), other.news(0, "answered", News::Answered)];
    let his = [both.news(0, "spoken", News::SpeechEnded), both.arrives()];
    let taken = take_while(&one, &hers, async || {
        assert_eq!(two.fates(&his).await, [Fate::Taken, Fate::Twice]);
    });
    let taken = taken.await;
    assert!(matches!(taken, Err(StoreError::Again(_))), "{taken:?}");
    assert_eq!(one.counts().await["journal"], before["journal"] + 1, "nothing of hers was written");
    assert_eq!(one.fates(&hers).await, [Fate::Taken, Fate::Taken]);
    assert_eq!(one.call(both.call()).await.version, 3);
    for caller in [both, other] {
        one.replays(caller.call()).await;
    }
}

pub async fn an_event_that_another_node_took_meanwhile_is_taken_once(base: Arc<Base>) {
    let (one, two) = (Desk::new(base.open().await, 1), Desk::new(base.open().await, 2));
    let caller = Caller(1);
    one.takes(&[caller.arrives()]).await;
    let news = [caller.news(0, "answered", News::Answered)];
    let taken = take_while(&one, &news, async || two.takes(&news).await).await;
    assert!(matches!(taken, Err(StoreError::Again(_))), "{taken:?}");
    assert_eq!(one.fates(&news).await, [Fate::Twice]);
    one.replays(caller.call()).await;
}

pub async fn many_hands_take_every_event_once(base: Arc<Base>) {
    const HANDS: usize = 6;
    const CALLERS: u32 = 4;
    let shared = base.open().await;
    let mut hands = JoinSet::new();
    for hand in 0..HANDS {
        let store = if base.is_sqlite() { shared.clone() } else { base.open().await };
        let desk = Desk::new(store, hand as u128);
        hands.spawn(async move {
            let mut events = Vec::new();
            for caller in (1..=CALLERS).map(Caller) {
                let news = |n: usize| caller.news(0, &format!("{n}"), News::Other { name: "call.cost".into() });
                events.push(caller.arrives());
                events.extend((0..10).map(news));
                events.push(caller.news(0, "hangup", News::HungUp { cause: Cause::Normal }));
            }
            // Each hand comes with all of them, in an order and in batches of its own.
            events.rotate_left(hand * 7);
            for batch in events.chunks(hand + 1) {
                keep(&desk, batch.to_vec()).await;
            }
        });
    }
    while let Some(done) = hands.join_next().await {
        done.unwrap();
    }
    let desk = Desk::new(shared, 1);
    assert_eq!(desk.counts().await["journal"], i64::from(CALLERS) * 12);
    for caller in (1..=CALLERS).map(Caller) {
        let journal = desk.store.journal(caller.call()).await.unwrap();
        let versions: Vec<u64> = journal.iter().map(|row| row.version).collect();
        assert_eq!(versions, (1..=12).collect::<Vec<_>>());
        desk.replays(caller.call()).await;
    }
}

pub async fn a_row_that_is_refused_takes_nothing_with_it(base: Arc<Base>) {
    let desk = Desk::new(base.open_narrow(1).await, 1);
    let caller = Caller(1);
    desk.takes(&[caller.arrives()]).await;
    let before = desk.counts().await;
    let odd = |handle: String| {
        let who = Who { handle: Some(Handle(handle)), ..Who::default() };
        webhook("s", "odd", who, News::Placed)
    };
    // Text with a NUL, and a name that is too long for an index.
    let long: String = (0..4000_u32).map(|n| char::from_u32(0x4e00 + n * 7 % 20_000).unwrap()).collect();
    for refused in [odd("a\0b".into()), odd(long)] {
        let batch = [caller.news(0, "answered", News::Answered), refused];
        let taken = desk.try_take(&batch).await;
        assert!(matches!(taken, Err(StoreError::Row(_))), "{taken:?}");
        assert_eq!(desk.counts().await, before);
    }
    desk.takes(&[caller.news(0, "answered", News::Answered)]).await;
}

pub async fn closed_connections_are_replaced(base: Arc<Base>) {
    let desk = Desk::new(base.open().await, 1);
    let close_all = async || {
        let closed = base
            .rows(
                "select cast(pg_terminate_backend(pid, 5000) as text) from pg_stat_activity
                 where datname = current_database() and application_name = 'switchhook'",
            )
            .await;
        assert!(!closed.is_empty());
    };
    desk.takes(&[Caller(1).arrives()]).await;
    close_all().await;
    // Between two batches nobody notices.
    desk.takes(&[Caller(2).arrives()]).await;
    let batch = [Caller(3).arrives(), Caller(1).news(0, "answered", News::Answered)];
    let taken = take_while(&desk, &batch, close_all).await;
    assert!(matches!(taken, Err(StoreError::Lost(_))), "{taken:?}");
    desk.takes(&batch).await;
}

pub async fn nodes_migrate_at_once(base: Arc<Base>) {
    base.run("drop schema public cascade").await;
    base.run("create schema public").await;
    let mut nodes = JoinSet::new();
    for _ in 0..4 {
        let store = base.open().await;
        nodes.spawn(async move { store.migrate().await });
    }
    while let Some(done) = nodes.join_next().await {
        done.unwrap().unwrap();
    }
    Desk::new(base.open().await, 1).takes(&[Caller(1).arrives()]).await;
}

pub async fn a_second_writer_makes_it_come_again(base: Arc<Base>) {
    let desk = Desk::new(base.open().await, 1);
    let mut other = base.sqlite().begin_with("begin immediate").await.unwrap();
    let taken = desk.try_take(&[Caller(1).arrives()]).await;
    assert!(matches!(taken, Err(StoreError::Again(_))), "{taken:?}");
    sqlx::query("delete from calls").execute(&mut *other).await.unwrap();
    other.commit().await.unwrap();
    desk.takes(&[Caller(1).arrives()]).await;
}

/// Nobody listens at the address.
pub async fn nobody_answers() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let lost = Postgres::connect(&format!("postgres://nobody@127.0.0.1:{port}/calls"), 1).await.unwrap_err();
    assert!(
        matches!(&lost, StoreError::Lost(why) if why.contains("refused") && why.contains(&format!("127.0.0.1:{port}"))),
        "{lost}"
    );
    let unusable = Postgres::connect("127.0.0.1", 1).await.unwrap_err();
    assert!(matches!(&unusable, StoreError::Unusable(why) if why.contains("DATABASE_URL")), "{unusable}");
}
