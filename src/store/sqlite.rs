//! The store on SQLite: one file, one process, one connection that writes.
//!
//! WAL with `synchronous=FULL`: what is acknowledged survives a loss of power.

use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous,
};

use super::rows::{self, failed};
use super::sqlite_write as write;
use super::types::{CallRow, Claimed, Decider, Due, JournalRow, OutboxRow, Stamp, Store, StoreError, Taken};
use crate::call::{CallId, CommandId};
use crate::hall::{Arrival, Digest, Loaded, clues};

static MIGRATIONS: sqlx::migrate::Migrator = sqlx::migrate!("migrations/sqlite");

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
            .busy_timeout(Duration::from_secs(2));
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
        MIGRATIONS.run(&self.writer).await.map_err(|why| StoreError::Unusable(format!("migration failed: {why}")))
    }

    async fn ping(&self) -> Result<(), StoreError> {
        sqlx::query("select 1").execute(&self.readers).await.map(drop).map_err(failed)
    }

    async fn take(&self, batch: &[Arrival], stamp: &Stamp, decide: Decider<'_>) -> Result<Taken, StoreError> {
        // A transaction that first reads and then writes is refused at once where another writes meanwhile.
        let mut transaction = self.writer.begin_with("begin immediate").await.map_err(failed)?;
        let loaded = load(&mut transaction, batch).await?;
        let draft = match decide(loaded) {
            Ok(draft) => draft,
            Err(missing) => {
                transaction.rollback().await.map_err(failed)?;
                return Ok(Taken::Missing(missing));
            }
        };
        write::draft(&mut transaction, batch, &draft, stamp).await?;
        transaction.commit().await.map_err(failed)?;
        Ok(Taken::Written(draft))
    }

    async fn quarantine(&self, digest: Digest, raw: &[u8], why: &str, at: Timestamp) -> Result<(), StoreError> {
        sqlx::query(write::QUARANTINE)
            .bind(digest.as_slice())
            .bind(at.as_millisecond())
            .bind(why)
            .bind(raw)
            .execute(&self.writer)
            .await
            .map(drop)
            .map_err(failed)
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
            calls.push((CallId(rows::uuid("calls", &id)?), version, wake_at));
        }
        rows::due(now, calls.into_iter())
    }

    async fn claim(&self, stamp: &Stamp, limit: u32, all: bool) -> Result<Vec<Claimed>, StoreError> {
        let rows: Vec<rows::Claim> = sqlx::query_as(
            "update outbox set node = $1, lease_until = $2 + $3
             where status = 'open' and (lease_until < $2 or boot <> $4 or ($6 and node <> $1)) and rowid in (
                select rowid from outbox
                where status = 'open' and (lease_until < $2 or boot <> $4 or ($6 and node <> $1))
                order by lease_until limit $5)
             returning call, id, seq, leg, kind, path, body,
                case when boot = $4 then $2 - first_sent end",
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
        rows::in_order(rows)
    }

    async fn renew(&self, call: CallId, command: CommandId, stamp: &Stamp) -> Result<bool, StoreError> {
        let done = sqlx::query(
            "update outbox set lease_until = $4 where call = $1 and id = $2 and node = $3 and status = 'open'",
        )
        .bind(call.to_string())
        .bind(command.to_string())
        .bind(stamp.node.to_string())
        .bind(rows::millis(stamp.since + stamp.lease))
        .execute(&self.writer)
        .await
        .map_err(failed)?;
        Ok(done.rows_affected() == 1)
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
        let rows: Vec<(String, Option<i64>)> =
            sqlx::query_as("select state, wake_at from calls order by began_at desc, id limit $1")
                .bind(i64::from(limit))
                .fetch_all(&self.readers)
                .await
                .map_err(failed)?;
        rows.into_iter().map(rows::call).collect()
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

async fn load(connection: &mut SqliteConnection, batch: &[Arrival]) -> Result<Loaded, StoreError> {
    const BY_NAME: [&str; 3] = [
        "select call from handles where handle = $1",
        "select call from handles where leg_id = $1",
        "select call from handles where session = $1",
    ];
    let mut loaded = Loaded::default();
    let clues = clues(batch);
    for (what, names) in [(0, &clues.handles), (1, &clues.legs), (2, &clues.sessions)] {
        let Some(statement) = BY_NAME.get(what) else { continue };
        for name in names {
            let call: Option<String> =
                sqlx::query_scalar(*statement).bind(name).fetch_optional(&mut *connection).await.map_err(failed)?;
            if let Some(call) = call {
                let what = i32::try_from(what).unwrap_or(0);
                rows::note(&mut loaded.index, what, name.clone(), CallId(rows::uuid("handles", &call)?));
            }
        }
    }
    let mut wanted = clues.calls;
    wanted
        .extend(loaded.index.handles.values().chain(loaded.index.legs.values()).chain(loaded.index.sessions.values()));
    for call in wanted {
        let state: Option<String> = sqlx::query_scalar("select state from calls where id = $1")
            .bind(call.to_string())
            .fetch_optional(&mut *connection)
            .await
            .map_err(failed)?;
        if let Some(state) = state {
            loaded.calls.insert(call, rows::state(&call.to_string(), &state)?);
        }
    }
    for arrival in batch {
        let row: Option<(String, String, Vec<u8>)> =
            sqlx::query_as("select stream, event, digest from journal where stream = $1 and event = $2")
                .bind(&arrival.key.stream)
                .bind(&arrival.key.event.0)
                .fetch_optional(&mut *connection)
                .await
                .map_err(failed)?;
        if let Some(row) = row {
            let (key, digest) = rows::seen(row)?;
            loaded.seen.insert(key, digest);
        }
    }
    Ok(loaded)
}
