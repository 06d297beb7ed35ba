//! Who may send a command: whoever wrote it, until his lease is over.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use switchhook::call::{Cause, News, Verdict};
use switchhook::store::{Claimed, Gauges, OutboxRow, Renewed};

use crate::base::Base;
use crate::desk::{Caller, Desk, settled};

const WORD: Duration = Duration::from_secs(10);

/// Moves the database's time on: SQLite goes by the stamp alone, PostgreSQL by its own clock.
async fn pass(base: &Base, desks: &[&Desk], time: Duration) {
    for desk in desks {
        desk.clock.advance(time);
    }
    if !base.is_sqlite() {
        let millis = time.as_millis();
        base.run(&format!(
            "update outbox set first_sent_at = first_sent_at - interval '{millis} milliseconds',
                lease_until = lease_until - interval '{millis} milliseconds'"
        ))
        .await;
    }
}

async fn claim(desk: &Desk, limit: u32, all: bool) -> Vec<Claimed> {
    desk.store.claim(&desk.stamp(), limit, all).await.unwrap()
}

pub async fn a_fresh_command_is_not_claimed(base: Arc<Base>) {
    let (mut one, two) = (Desk::new(base.open().await, 1), Desk::new(base.open().await, 2));
    one.lease = Duration::from_secs(600);
    one.takes(&[Caller(1).arrives()]).await;
    for desk in [&one, &two] {
        assert!(claim(desk, 10, false).await.is_empty());
    }
    pass(&base, &[&one, &two], one.lease - WORD).await;
    assert!(claim(&two, 10, false).await.is_empty());
}

pub async fn what_there_is_to_be_done_is_counted(base: Arc<Base>) {
    let desk = Desk::new(base.open().await, 1);
    desk.store.ping().await.unwrap();
    let gauges = async |at: Timestamp| desk.store.gauges(at, &desk.stamp()).await.unwrap();
    assert_eq!(gauges(desk.clock.now()).await, Gauges::default());
    for n in 1..=3 {
        desk.takes(&[Caller(n).arrives()]).await;
    }
    desk.takes(&[Caller(3).news(0, "hangup", News::HungUp { cause: Cause::Normal })]).await;
    let now = gauges(desk.clock.now()).await;
    assert_eq!((now.calls_active, now.deadlines_due), (2, 0), "the third is over");
    assert_eq!(gauges(Timestamp::MAX).await.deadlines_due, 2);
    let open = base.rows("select cast(count(*) as text) from outbox where status = 'open'").await;
    assert_eq!(Some(now.outbox_depth.to_string()), open[0][0]);
    assert!(now.outbox_depth >= 2, "somebody is to be picked up");
    pass(&base, &[&desk], WORD).await;
    let oldest = gauges(desk.clock.now()).await.outbox_oldest;
    assert!(oldest >= WORD && oldest < WORD + Duration::from_secs(60), "{oldest:?}");
    // What others do not take says nothing of what Telnyx gets.
    assert_eq!(now.notices_open, 0);
    base.run("update outbox set kind = 'notify' where status = 'open'").await;
    let deaf = gauges(desk.clock.now()).await;
    assert_eq!((deaf.outbox_depth, deaf.outbox_oldest), (0, Duration::ZERO));
    assert_eq!(deaf.notices_open, now.outbox_depth);
}

pub async fn a_command_past_its_lease_is_claimed_with_its_age(base: Arc<Base>) {
    let (one, two) = (Desk::new(base.open().await, 1), Desk::new(base.open().await, 2));
    let caller = Caller(1);
    one.until_two_are_rung(caller).await;
    one.takes(&[caller.news(1, "answered", News::Answered)]).await;
    pass(&base, &[&one, &two], WORD).await;
    two.clock.advance(Duration::from_millis(2345));
    let claimed = claim(&two, 10, false).await;
    assert_eq!(claimed.len(), 1, "those that are settled are nobody's");
    let row = two.store.outbox(caller.call()).await.unwrap().pop().unwrap();
    let first = &claimed[0];
    assert_eq!(
        (first.slip.call, first.slip.seq, first.slip.id, first.slip.kind, first.slip.leg),
        (caller.call(), row.seq, row.id, row.kind, row.leg)
    );
    assert_eq!((&first.path, first.body.as_ref()), (&row.path, row.body.as_slice()));
    let age = first.age.unwrap();
    assert!(age >= WORD && age < WORD + Duration::from_secs(60), "{age:?}");
    // It is his now; its age goes on from the first time it may have been sent.
    assert!(claim(&one, 10, false).await.is_empty());
    pass(&base, &[&one, &two], WORD).await;
    let again = claim(&one, 10, false).await;
    assert!(again[0].age.unwrap() >= 2 * WORD, "{:?}", again[0].age);
    // Settled, it is open no more.
    one.takes(&[settled(caller.call(), &row, Verdict::Unknown)]).await;
    pass(&base, &[&one, &two], WORD).await;
    assert!(claim(&two, 10, true).await.iter().all(|claimed| claimed.slip.id != row.id));
}

pub async fn a_command_that_cannot_be_read_keeps_no_other_back(base: Arc<Base>) {
    let (one, two) = (Desk::new(base.open().await, 1), Desk::new(base.open().await, 2));
    one.takes(&[Caller(1).arrives(), Caller(2).arrives()]).await;
    base.run(&format!("update outbox set kind = 'of a later version' where call = '{}'", Caller(1).call())).await;
    pass(&base, &[&one, &two], WORD).await;
    let claimed = claim(&two, 10, false).await;
    assert!(claimed.len() == 1 && claimed[0].slip.call == Caller(2).call(), "{claimed:?}");
}

pub async fn nodes_that_live_are_counted(base: Arc<Base>) {
    let (one, two) = (Desk::new(base.open().await, 1), Desk::new(base.open().await, 2));
    let count = async |desk: &Desk, within| desk.store.nodes(&desk.stamp(), within).await.unwrap();
    let long = Duration::from_secs(3600);
    assert_eq!(count(&one, long).await, 1);
    assert_eq!(count(&one, long).await, 1, "it is noted once");
    assert_eq!(count(&two, long).await, 2);
    assert_eq!(count(&one, long).await, 2);
    for desk in [&one, &two] {
        desk.clock.advance(Duration::from_secs(1));
    }
    assert_eq!(count(&one, Duration::ZERO).await, 1, "of the other nothing was heard for longer");
}

pub async fn a_claim_takes_the_oldest_first(base: Arc<Base>) {
    let (one, two) = (Desk::new(base.open().await, 1), Desk::new(base.open().await, 2));
    for n in 1..=5 {
        one.takes(&[Caller(n).arrives()]).await;
        pass(&base, &[&one, &two], Duration::from_secs(1)).await;
    }
    pass(&base, &[&one, &two], WORD).await;
    for expected in [vec![1, 2], vec![3, 4], vec![5], vec![]] {
        let mut calls: Vec<_> = expected.into_iter().map(|n| Caller(n).call()).collect();
        calls.sort_unstable();
        let claimed: Vec<_> = claim(&two, 2, false).await.iter().map(|row| row.slip.call).collect();
        assert_eq!(claimed, calls);
    }
    // What one call wants done is claimed in its order.
    let caller = Caller(9);
    one.takes(&[
        caller.arrives(),
        caller.news(0, "answered", News::Answered),
        caller.news(0, "spoken", News::SpeechEnded),
    ])
    .await;
    let claimed = claim(&two, 10, true).await;
    assert_eq!(
        claimed.iter().map(|row| (row.slip.call, row.slip.seq)).collect::<Vec<_>>(),
        [1, 2, 3, 4].map(|seq| (caller.call(), seq))
    );
}

pub async fn the_only_process_claims_all_but_its_own(base: Arc<Base>) {
    let (one, two) = (Desk::new(base.open().await, 1), Desk::new(base.open().await, 2));
    one.takes(&[Caller(1).arrives()]).await;
    two.takes(&[Caller(2).arrives()]).await;
    let claimed = claim(&two, 10, true).await;
    assert_eq!(claimed.iter().map(|row| row.slip.call).collect::<Vec<_>>(), [Caller(1).call()]);
    assert!(claim(&two, 10, true).await.is_empty());
}

pub async fn a_lease_is_renewed_by_its_holder_only(base: Arc<Base>) {
    let (one, two) = (Desk::new(base.open().await, 1), Desk::new(base.open().await, 2));
    let caller = Caller(1);
    one.takes(&[caller.arrives()]).await;
    let row = one.store.outbox(caller.call()).await.unwrap().remove(0);
    let renew = async |desk: &Desk| desk.store.renew(caller.call(), row.id, &desk.stamp()).await.unwrap();
    assert_eq!(renew(&two).await, Renewed::Lost);
    pass(&base, &[&one, &two], WORD).await;
    assert_eq!(renew(&one).await, Renewed::Ours);
    assert!(claim(&two, 10, false).await.is_empty(), "the lease is fresh again");
    pass(&base, &[&one, &two], WORD).await;
    assert_eq!(claim(&two, 10, false).await.len(), 1);
    assert_eq!(renew(&one).await, Renewed::Lost, "another has it");
    assert_eq!(renew(&two).await, Renewed::Ours);
    one.takes(&[settled(caller.call(), &row, Verdict::Unknown)]).await;
    assert_eq!(renew(&two).await, Renewed::Lost, "it is settled");
    assert_eq!(one.store.renew(Caller(2).call(), row.id, &one.stamp()).await.unwrap(), Renewed::Lost);
}

/// The first two commands for the caller's own leg: one node has decided the first, another the second.
async fn one_after_the_other(one: &Desk, two: &Desk, caller: Caller) -> [OutboxRow; 2] {
    one.takes(&[caller.arrives()]).await;
    two.takes(&[caller.news(0, "answered", News::Answered)]).await;
    let rows = one.store.outbox(caller.call()).await.unwrap();
    let [first, second] = <[OutboxRow; 2]>::try_from(rows).unwrap();
    assert!(first.leg == second.leg && first.seq < second.seq);
    [first, second]
}

pub async fn a_command_is_not_repeated_after_a_later_one_of_its_leg(base: Arc<Base>) {
    let (one, two) = (Desk::new(base.open().await, 1), Desk::new(base.open().await, 2));
    let caller = Caller(1);
    let [first, second] = one_after_the_other(&one, &two, caller).await;
    let renew =
        async |desk: &Desk, row: &OutboxRow| desk.store.renew(caller.call(), row.id, &desk.stamp()).await.unwrap();
    assert_eq!(renew(&one, &first).await, Renewed::Overtaken, "another node has the later one");
    assert_eq!(renew(&two, &second).await, Renewed::Ours, "nothing is later than this");
    // Whoever holds both keeps their order himself.
    pass(&base, &[&one, &two], WORD).await;
    assert_eq!(claim(&one, 10, false).await.len(), 2);
    assert_eq!(renew(&one, &first).await, Renewed::Ours);
    two.takes(&[settled(caller.call(), &second, Verdict::Void)]).await;
    assert_eq!(renew(&one, &first).await, Renewed::Ours, "what is void was never sent");
    // Another leg is another matter, and one that has its outcome was there before, whoever had it.
    for (n, verdict) in [(2, Verdict::accepted()), (3, Verdict::Unknown)] {
        let caller = Caller(n);
        let [first, second] = one_after_the_other(&one, &one, caller).await;
        assert_eq!(one.store.renew(caller.call(), first.id, &one.stamp()).await.unwrap(), Renewed::Ours);
        let elsewhere = format!("update outbox set leg = leg + 1 where id = '{}'", second.id);
        let back = format!("update outbox set leg = leg - 1 where id = '{}'", second.id);
        one.takes(&[settled(caller.call(), &second, verdict)]).await;
        base.run(&elsewhere).await;
        assert_eq!(one.store.renew(caller.call(), first.id, &one.stamp()).await.unwrap(), Renewed::Ours);
        base.run(&back).await;
        assert_eq!(one.store.renew(caller.call(), first.id, &one.stamp()).await.unwrap(), Renewed::Overtaken);
        // What only looks at a leg came in no command's place.
        for looks in ["look", "find", "recordings", "notify"] {
            base.run(&format!("update outbox set kind = '{looks}' where id = '{}'", second.id)).await;
            assert_eq!(one.store.renew(caller.call(), first.id, &one.stamp()).await.unwrap(), Renewed::Ours, "{looks}");
        }
    }
}

pub async fn what_follows_a_command_that_is_held_is_not_taken_over(base: Arc<Base>) {
    let (one, two) = (Desk::new(base.open().await, 1), Desk::new(base.open().await, 2));
    let caller = Caller(1);
    let [first, second] = one_after_the_other(&one, &one, caller).await;
    pass(&base, &[&one, &two], WORD).await;
    one.store.renew(caller.call(), first.id, &one.stamp()).await.unwrap();
    assert!(claim(&two, 10, false).await.is_empty(), "its lease is over, but its turn has not come");
    base.run(&format!("update outbox set kind = 'hangup' where id = '{}'", second.id)).await;
    assert_eq!(claim(&two, 10, false).await.iter().map(|row| row.slip.id).collect::<Vec<_>>(), [second.id]);
    pass(&base, &[&one, &two], WORD).await;
    assert_eq!(claim(&two, 10, false).await.len(), 2, "nobody holds either");
}

/// Makes a notice of a command: all that the database knows of it is its kind.
async fn becomes_a_notice(base: &Base, row: &OutboxRow) {
    base.run(&format!("update outbox set kind = 'notify' where id = '{}'", row.id)).await;
}

pub async fn a_notice_keeps_no_command_back_and_none_keeps_it_back(base: Arc<Base>) {
    let (one, two) = (Desk::new(base.open().await, 1), Desk::new(base.open().await, 2));
    for (n, notice) in [(1, 0), (2, 1)] {
        let caller = Caller(n);
        let rows = one_after_the_other(&one, &one, caller).await;
        becomes_a_notice(&base, &rows[notice]).await;
        pass(&base, &[&one, &two], WORD).await;
        one.store.renew(caller.call(), rows[0].id, &one.stamp()).await.unwrap();
        let claimed = claim(&two, 10, false).await;
        assert_eq!(claimed.iter().map(|row| row.slip.id).collect::<Vec<_>>(), [rows[1].id], "the first one is held");
        one.takes(&[settled(caller.call(), &rows[1], Verdict::Unknown)]).await;
        one.takes(&[settled(caller.call(), &rows[0], Verdict::Unknown)]).await;
    }
}

pub async fn a_notice_that_rests_is_nobodys_until_its_pause_is_over(base: Arc<Base>) {
    let (mut one, two) = (Desk::new(base.open().await, 1), Desk::new(base.open().await, 2));
    let caller = Caller(1);
    one.takes(&[caller.arrives()]).await;
    let row = one.store.outbox(caller.call()).await.unwrap().remove(0);
    becomes_a_notice(&base, &row).await;
    one.lease = Duration::from_secs(300);
    assert_eq!(one.store.renew(caller.call(), row.id, &one.stamp()).await.unwrap(), Renewed::Ours);
    pass(&base, &[&one, &two], one.lease - WORD).await;
    assert!(claim(&one, 10, false).await.is_empty() && claim(&two, 10, false).await.is_empty());
    pass(&base, &[&one, &two], 2 * WORD).await;
    let age = claim(&two, 10, false).await[0].age.unwrap();
    assert!(age >= one.lease + WORD && age < 2 * one.lease, "{age:?}");
}

pub async fn of_another_boot_a_notice_begins_anew(base: Arc<Base>) {
    let desk = Desk::new(base.open().await, 1);
    desk.takes(&[Caller(1).arrives()]).await;
    let row = desk.store.outbox(Caller(1).call()).await.unwrap().remove(0);
    becomes_a_notice(&base, &row).await;
    let mut stamp = desk.stamp();
    (stamp.boot, stamp.node) = ("another".into(), uuid::Uuid::from_u128(2));
    for age in [Duration::ZERO, Duration::from_secs(100)] {
        let claimed = desk.store.claim(&stamp, 10, false).await.unwrap();
        assert_eq!(claimed.iter().map(|row| row.age).collect::<Vec<_>>(), [Some(age)]);
        stamp.since += Duration::from_secs(100);
    }
}

pub async fn of_another_boot_nobody_knows_the_age(base: Arc<Base>) {
    let desk = Desk::new(base.open().await, 1);
    desk.takes(&[Caller(1).arrives()]).await;
    // The machine went down and came up: its clock began anew and by chance is where the other was, and the process has
    // another name.
    let mut stamp = desk.stamp();
    stamp.boot = "another".into();
    stamp.since += Duration::from_secs(1);
    stamp.node = uuid::Uuid::from_u128(2);
    let claimed = desk.store.claim(&stamp, 10, false).await.unwrap();
    assert_eq!(claimed.iter().map(|row| row.age).collect::<Vec<_>>(), [None]);
    assert!(desk.store.claim(&stamp, 10, false).await.unwrap().is_empty(), "he has it now");
    // Its age stays unknown, in that boot too.
    stamp.since += Duration::from_secs(100);
    let again = desk.store.claim(&stamp, 10, false).await.unwrap();
    assert_eq!(again.iter().map(|row| row.age).collect::<Vec<_>>(), [None]);
}
