//! Outboxes drawn at random: what a node may take over and hold is on every database what `hall` says of it.

use std::sync::Arc;
use std::time::Duration;

use fastrand::Rng;
use jiff::Timestamp;
use switchhook::call::{CallId, CommandId, Kind};
use switchhook::hall::{Far, Found, may_claim, renewed};
use switchhook::store::Renewed;
use uuid::Uuid;

use crate::base::Base;
use crate::desk::Desk;

/// How many outboxes are drawn, and how many commands each has.
const BOXES: u64 = 60;
const ROWS: u32 = 14;
/// More than anything that is drawn has to do with.
const LONG: i64 = 600_000;

/// A command of one of two calls, for one of two legs.
struct Row {
    call: CallId,
    leg: u8,
    id: CommandId,
    node: Uuid,
    boot: &'static str,
    /// How long its lease lasts yet, in milliseconds.
    left: i64,
    found: Found,
}

impl Row {
    fn drawn(seq: u32, me: Uuid, on_sqlite: bool, rng: &mut Rng) -> Self {
        let node = Uuid::from_u128(rng.u128(1..4));
        // Only where the test holds the clock is the end of a lease hit to the millisecond.
        let left = [-LONG, -1, 0, 1, LONG][if on_sqlite { rng.usize(0..5) } else { 4 * rng.usize(0..2) }];
        let boot = if on_sqlite && rng.u8(0..6) == 0 { "another" } else { "" };
        let state = [Far::Open, Far::Open, Far::Open, Far::Void, Far::Settled][rng.usize(0..5)];
        let kind = Kind::ALL[rng.usize(0..Kind::ALL.len())];
        let until = if boot.is_empty() { Timestamp::from_millisecond(left).unwrap() } else { Timestamp::MIN };
        let found = Found { seq, kind, state, ours: node == me, lease_until: until };
        let call = CallId(Uuid::from_u128(rng.u128(1..3)));
        Self { call, leg: rng.u8(0..2), id: CommandId(Uuid::from_u128(u128::from(seq))), node, boot, left, found }
    }

    /// Its values, as they are written into the outbox.
    fn values(&self, desk: &Desk, on_sqlite: bool) -> String {
        let Self { call, leg, id, node, boot, left, found } = self;
        let Found { seq, kind, state, .. } = found;
        let status = match state {
            Far::Open => "open",
            Far::Void => "void",
            Far::Settled => "accepted",
        };
        let stamp = desk.stamp();
        let since = i64::try_from(stamp.since.as_millis()).unwrap();
        let times = if on_sqlite {
            let boot = if boot.is_empty() { &stamp.boot } else { *boot };
            format!("x'', '{boot}', {since}, {}", since + left)
        } else {
            format!("''::bytea, now(), now() + {left} * interval '1 millisecond'")
        };
        format!("('{call}', '{id}', {seq}, 1, {leg}, '{kind}', '/', '{status}', '{node}', {times})")
    }
}

/// Puts these commands into the outbox, and nothing else.
async fn fill(base: &Base, desk: &Desk, rows: &[Row]) {
    base.run("delete from outbox").await;
    let values: Vec<String> = rows.iter().map(|row| row.values(desk, base.is_sqlite())).collect();
    let times = if base.is_sqlite() { "boot, first_sent, lease_until" } else { "first_sent_at, lease_until" };
    let columns = format!("call, id, seq, version, leg, kind, path, status, node, body, {times}");
    base.run(&format!("insert into outbox ({columns}) values {}", values.join(", "))).await;
}

pub async fn any_outbox_is_taken_over_and_held_as_the_hall_says(base: Arc<Base>) {
    let me = Desk::new(base.open().await, 1);
    me.clock.advance(Duration::from_secs(3_600));
    let now = Timestamp::UNIX_EPOCH;
    let (mut rng, mut answers) = (Rng::with_seed(34), [0; 5]);
    for no in 0..BOXES {
        let rows: Vec<Row> = (1..=ROWS).map(|seq| Row::drawn(seq, me.node, base.is_sqlite(), &mut rng)).collect();
        let of_its_leg = |row: &Row| -> Vec<Found> {
            let of_it = rows.iter().filter(|other| (other.call, other.leg) == (row.call, row.leg));
            of_it.map(|other| other.found).collect()
        };
        for alone in [false, true] {
            fill(&base, &me, &rows).await;
            let claimed = me.store.claim(&me.stamp(), ROWS, alone).await.unwrap();
            for row in &rows {
                let may = may_claim(&row.found, &of_its_leg(row), alone, now);
                let has = claimed.iter().any(|claimed| claimed.slip.id == row.id);
                assert_eq!(has, may, "box {no}, alone {alone}: {:?} of {:?}", row.found, of_its_leg(row));
                answers[usize::from(may)] += 1;
            }
        }
        fill(&base, &me, &rows).await;
        for row in &rows {
            let said = renewed(&row.found, &of_its_leg(row));
            let told = me.store.renew(row.call, row.id, &me.stamp()).await.unwrap();
            assert_eq!(told, said, "box {no}: {:?} of {:?}", row.found, of_its_leg(row));
            answers[match said {
                Renewed::Ours => 2,
                Renewed::Overtaken => 3,
                Renewed::Lost => 4,
            }] += 1;
        }
    }
    assert!(answers.iter().all(|times| *times > 50), "each answer comes often: {answers:?}");
}
