//! The store on SQLite: one file, one process, one connection that writes.
//!
//! WAL with `synchronous=FULL`: what is acknowledged survives a loss of power.

use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use sqlx::Connection;
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous,
};

use super::held::Held;
use super::rows::{self, failed};
use super::sqlite_write as write;
use super::types::{CallRow, Claimed, Decider, Due, Gauges, JournalRow, OutboxRow, Stamp, Store, StoreError, Taken};
use crate::call::{CallId, CommandId};
use crate::hall::{Arrival, Digest, Loaded, Renewed, clues};
use crate::kill::kill_point;

pub(super) static MIGRATIONS: sqlx::migrate::Migrator = sqlx::migrate!("migrations/sqlite");

/// An SQLite file, opened.
#[derive(Debug)]
pub struct Sqlite {
    /// One connection: SQLite has one writer.
    writer: SqlitePool,
    readers: SqlitePool,
}

impl Sqlite {
    /// Opens a file, and makes it if it is not there.
    ///
    /// # Errors
    /// The file cannot be opened or made.
    pub async fn open(path: &str) -> Result<Self, StoreError> {
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .busy_timeout(Duration::from_secs(2))
            .pragma("cache_size", "-65536");
        let unusable = |why: sqlx::Error| StoreError::Unusable(format!("{path} cannot be opened: {why}"));
        let writer = SqlitePoolOptions::new()
            .max_connections(1)
            .acquire_timeout(Duration::from_secs(5))
            .connect_with(options.clone())
            .await
            .map_err(unusable)?;
        let readers = SqlitePoolOptions::new()
            .max_connections(4)
            .acquire_timeout(Duration::from_secs(5))
            .connect_lazy_with(options);
        Ok(Self { writer, readers })
    }
}

#[async_trait]
impl Store for Sqlite {
    async fn migrate(&self) -> Result<(), StoreError> {
        MIGRATIONS
            .run(&self.writer)
            .await
            .map_err(|why| StoreError::Unusable(format!("the tables cannot be brought up to this version: {why}")))
    }

    async fn take(&self, batch: &[Arrival], stamp: &Stamp, decide: Decider<'_>) -> Result<Taken, StoreError> {
        // A transaction that first reads and then writes is refused at once where another writes meanwhile.
        let mut held = Held::new(self.writer.acquire().await.map_err(failed)?);
        let mut transaction = held.connection().begin_with("begin immediate").await.map_err(failed)?;
        let taken = take(&mut transaction, batch, stamp, decide).await;
        match taken {
            Ok(Taken::Written(_)) => {
                kill_point!("batch.before_commit");
                transaction.commit().await.map_err(failed)?;
                kill_point!("batch.after_commit");
                kill_point!("notice.written", matches!(&taken, Ok(Taken::Written(draft)) if draft.tells_others()));
            }
            Ok(Taken::Missing(_)) | Err(_) => {
                if let Err(why) = transaction.rollback().await {
                    return taken.and(Err(failed(why)));
                }
            }
        }
        held.let_go();
        taken
    }

    async fn quarantine(&self, digest: Digest, raw: &[u8], why: &str, at: Timestamp) -> Result<(), StoreError> {
        let query = sqlx::query(rows::QUARANTINE).bind(digest.as_slice()).bind(at.as_millisecond()).bind(why).bind(raw);
        query.execute(&self.writer).await.map(drop).map_err(failed)
    }

    async fn due(&self, now: Timestamp, limit: u32) -> Result<Due, StoreError> {
        let rows: Vec<(String, i64, i64)> = sqlx::query_as(
            "select id, version, wake_at from calls where wake_at is not null order by wake_at limit $1",
        )
        .bind(i64::from(limit))
        .fetch_all(&self.readers)
        .await
        .map_err(failed)?;
        let mut calls = Vec::with_capacity(rows.len());
        for (id, version, wake_at) in rows {
            calls.push((CallId(rows::uuid("calls", &id)?), version, wake_at, wake_at));
        }
        rows::due(now, calls.into_iter())
    }

    async fn claim(&self, stamp: &Stamp, limit: u32, all: bool) -> Result<Vec<Claimed>, StoreError> {
        let rows: Vec<rows::Claim> = sqlx::query_as(
            "update outbox set node = $1, lease_until = $2 + $3, boot = $4,
                first_sent = case when boot = $4 then first_sent when kind = 'notify' then $2 end
             where rowid in (
                select rowid from outbox c
                where status = 'open' and (lease_until < $2 or boot <> $4 or ($6 and node <> $1))
                    and ($6 or kind in ('hangup', 'notify') or not exists (
                        select 1 from outbox b where b.call = c.call and b.leg = c.leg and b.seq < c.seq
                            and b.kind <> 'notify' and b.status = 'open' and b.node <> $1 and b.lease_until >= $2 and b.boot = $4))
                order by lease_until limit $5)
             returning call, id, seq, leg, kind, path, body, $2 - first_sent",
        )
        .bind(stamp.node.to_string())
        .bind(rows::millis(stamp.since))
        .bind(rows::millis(stamp.lease))
        .bind(&stamp.boot)
        .bind(i64::from(limit))
        .bind(all)
        .fetch_all(&self.writer)
        .await
        .map_err(failed)?;
        Ok(rows::in_order(rows))
    }

    async fn renew(&self, call: CallId, command: CommandId, stamp: &Stamp) -> Result<Renewed, StoreError> {
        let overtaken = sqlx::query_scalar(
            "update outbox set lease_until = $4 where call = $1 and id = $2 and node = $3 and status = 'open'
             returning exists (
                select 1 from outbox l where l.call = outbox.call and l.leg = outbox.leg and l.seq > outbox.seq
                    and l.kind not in (select value from json_each($5)) and (l.status not in ('open', 'void') or (l.status = 'open' and l.node <> $3)))",
        )
        .bind(call.to_string())
        .bind(command.to_string())
        .bind(stamp.node.to_string())
        .bind(rows::millis(stamp.since + stamp.lease))
        .bind(serde_json::json!(rows::idle()).to_string())
        .fetch_optional(&self.writer)
        .await
        .map_err(failed)?;
        Ok(rows::renewed(overtaken))
    }

    async fn nodes(&self, stamp: &Stamp, within: Duration) -> Result<u32, StoreError> {
        let (node, since) = (stamp.node.to_string(), rows::millis(stamp.since));
        let mut held = Held::new(self.writer.acquire().await.map_err(failed)?);
        sqlx::query(
            "insert into nodes (node, boot, seen) values ($1, $2, $3)
             on conflict (node) do update set boot = excluded.boot, seen = excluded.seen",
        )
        .bind(&node)
        .bind(&stamp.boot)
        .bind(since)
        .execute(held.connection())
        .await
        .map_err(failed)?;
        let others: i64 =
            sqlx::query_scalar("select count(*) from nodes where node <> $1 and boot = $2 and seen > $3 - $4")
                .bind(&node)
                .bind(&stamp.boot)
                .bind(since)
                .bind(rows::millis(within))
                .fetch_one(held.connection())
                .await
                .map_err(failed)?;
        held.let_go();
        Ok(rows::nodes(others))
    }

    async fn keep_rules(&self, hash: &str, sources: &str, at: Timestamp) -> Result<(), StoreError> {
        sqlx::query("insert into rules (hash, sources, kept_at) values ($1, $2, $3) on conflict do nothing")
            .bind(hash)
            .bind(sources)
            .bind(at.as_millisecond())
            .execute(&self.writer)
            .await
            .map(drop)
            .map_err(failed)
    }

    async fn rules(&self, hash: &str) -> Result<Option<String>, StoreError> {
        sqlx::query_scalar("select sources from rules where hash = $1")
            .bind(hash)
            .fetch_optional(&self.readers)
            .await
            .map_err(failed)
    }

    async fn journal(&self, call: CallId) -> Result<Vec<JournalRow>, StoreError> {
        let rows: Vec<rows::Journal> = sqlx::query_as(
            "select version, decided_at, what, remarks, raw from journal where call = $1 order by version",
        )
        .bind(call.to_string())
        .fetch_all(&self.readers)
        .await
        .map_err(failed)?;
        rows.into_iter().map(rows::journal).collect()
    }

    async fn outbox(&self, call: CallId) -> Result<Vec<OutboxRow>, StoreError> {
        let rows: Vec<rows::Outbox> = sqlx::query_as(
            "select id, seq, version, leg, kind, path, body, status, code from outbox where call = $1 order by seq",
        )
        .bind(call.to_string())
        .fetch_all(&self.readers)
        .await
        .map_err(failed)?;
        rows.into_iter().map(rows::outbox).collect()
    }

    async fn calls(&self, limit: u32) -> Result<Vec<CallRow>, StoreError> {
        let rows: Vec<(String, String, Option<i64>)> =
            sqlx::query_as("select id, state, wake_at from calls order by began_at desc, id limit $1")
                .bind(i64::from(limit))
                .fetch_all(&self.readers)
                .await
                .map_err(failed)?;
        rows.into_iter().map(rows::call).collect()
    }

    async fn calls_named(&self, beginning: &str) -> Result<Vec<CallRow>, StoreError> {
        let rows: Vec<(String, String, Option<i64>)> =
            sqlx::query_as("select id, state, wake_at from calls where id like $1 || '%' limit 2")
                .bind(beginning)
                .fetch_all(&self.readers)
                .await
                .map_err(failed)?;
        rows.into_iter().map(rows::call).collect()
    }

    async fn ping(&self) -> Result<(), StoreError> {
        sqlx::query("select 1").execute(&self.readers).await.map(drop).map_err(failed)
    }

    async fn gauges(&self, now: Timestamp, stamp: &Stamp) -> Result<Gauges, StoreError> {
        sqlx::query_as(
            "select
                (select count(*) from (
                    select 1 from calls where wake_at is not null and phase <> 'ended' limit $2)),
                (select count(*) from (select 1 from calls where wake_at <= $1 limit $2)),
                (select count(*) from (select 1 from outbox where status = 'open' and kind = 'notify' limit $2)),
                count(*), max(case when boot = $3 then $4 - first_sent end)
             from (select boot, first_sent from outbox where status = 'open' and kind <> 'notify' limit $2)",
        )
        .bind(now.as_millisecond())
        .bind(rows::MOST_COUNTED)
        .bind(&stamp.boot)
        .bind(rows::millis(stamp.since))
        .fetch_one(&self.readers)
        .await
        .map(rows::gauges)
        .map_err(failed)
    }

    async fn counts(&self) -> Result<Vec<(&'static str, i64)>, StoreError> {
        let mut counts = Vec::new();
        for (table, statement) in rows::COUNTS {
            let n: i64 = sqlx::query_scalar(statement).fetch_one(&self.readers).await.map_err(failed)?;
            counts.push((table, n));
        }
        Ok(counts)
    }

    async fn close(&self) {
        self.readers.close().await;
        self.writer.close().await;
    }
}

async fn take(
    connection: &mut SqliteConnection,
    batch: &[Arrival],
    stamp: &Stamp,
    decide: Decider<'_>,
) -> Result<Taken, StoreError> {
    let loaded = load(connection, batch).await?;
    kill_point!("batch.locked");
    match decide(loaded) {
        Ok(draft) => {
            kill_point!("batch.decided");
            write::draft(connection, batch, &draft, stamp).await?;
            Ok(Taken::Written(draft))
        }
        Err(missing) => Ok(Taken::Missing(missing)),
    }
}

async fn load(connection: &mut SqliteConnection, batch: &[Arrival]) -> Result<Loaded, StoreError> {
    let mut loaded = Loaded::default();
    let clues = clues(batch);
    let rows: Vec<(i32, String, String)> = sqlx::query_as(
        "select 0, handle, call from handles where handle in (select value->>'handle' from json_each($1))
         union all select 1, leg_id, call from handles where leg_id in (select value->>'leg' from json_each($1))
         union all select 2, session, call from handles where session in (select value->>'session' from json_each($1))
         order by 1, 3",
    )
    .bind(rows::to_json(&clues.legs))
    .fetch_all(&mut *connection)
    .await
    .map_err(failed)?;
    for (what, name, call) in rows {
        rows::note(&mut loaded.index, what, name, CallId(rows::uuid("handles", &call)?));
    }
    let wanted = clues.wanted(&loaded.index);
    let rows: Vec<(String, String)> =
        sqlx::query_as("select id, state from calls where id in (select value from json_each($1))")
            .bind(rows::to_json(&wanted))
            .fetch_all(&mut *connection)
            .await
            .map_err(failed)?;
    for (id, state) in rows {
        loaded.calls.insert(CallId(rows::uuid("calls", &id)?), rows::state(&id, &state)?);
    }
    let keys: Vec<_> = batch.iter().map(|arrival| (&arrival.key.stream, &arrival.key.event)).collect();
    let rows: Vec<(String, String, Vec<u8>)> = sqlx::query_as(
        "select j.stream, j.event, j.digest from json_each($1) k
         cross join journal j on j.stream = k.value->>0 and j.event = k.value->>1",
    )
    .bind(rows::to_json(&keys))
    .fetch_all(&mut *connection)
    .await
    .map_err(failed)?;
    for row in rows {
        let (key, digest) = rows::seen(row)?;
        loaded.seen.insert(key, digest);
    }
    Ok(loaded)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::call::{Event, EventId, What};
    use crate::hall::{Aside, Changes, Fate};
    use crate::store::Draft;

    /// A batch whose one event, a megabyte long, is put aside.
    async fn put_aside(store: &Sqlite) -> Result<Taken, StoreError> {
        let event = Event { id: EventId("e".into()), at: None, what: What::Due { version: 1 } };
        let batch = [Arrival::webhook("s".into(), event, [0; 32], vec![7; 1 << 20].into())];
        let aside = vec![Aside { index: 0, at: Timestamp::UNIX_EPOCH, why: "it cannot be used".to_owned() }];
        let changes = Changes { fates: vec![Fate::Aside], aside, ..Changes::default() };
        let stamp =
            Stamp { node: uuid::Uuid::nil(), boot: String::new(), since: Duration::ZERO, lease: Duration::ZERO };
        store.take(&batch, &stamp, &mut |_| Ok(Draft { changes: changes.clone(), parcels: Vec::new() })).await
    }

    #[tokio::test]
    async fn a_full_disk_is_got_over_as_soon_as_there_is_room() {
        let folder = tempfile::TempDir::new().unwrap();
        let store = Sqlite::open(folder.path().join("calls.db").to_str().unwrap()).await.unwrap();
        store.migrate().await.unwrap();
        let room = async |pragma: &'static str| sqlx::query(pragma).execute(&store.writer).await.unwrap();
        room("pragma max_page_count = 1").await;
        let full = put_aside(&store).await;
        assert!(matches!(&full, Err(StoreError::Lost(why)) if why.contains("full")), "{full:?}");
        room("pragma max_page_count = 1000000").await;
        assert!(matches!(put_aside(&store).await, Ok(Taken::Written(_))));
        assert!(store.counts().await.unwrap().contains(&("quarantine", 1)));
    }
}
