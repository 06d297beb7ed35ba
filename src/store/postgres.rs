//! The store on PostgreSQL. A batch is read by one statement and written by another, whatever its size; each is a
//! transaction of its own, and nothing is locked in between.

use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};
use sqlx::{Connection, PgConnection};
use tokio::time::timeout;
use uuid::Uuid;

use super::held::Held;
use super::postgres_write as write;
use super::rows::{self, failed};
use super::types::{CallRow, Claimed, Decider, Due, Gauges, JournalRow, OutboxRow, Stamp, Store, StoreError, Taken};
use crate::call::{CallId, CommandId};
use crate::hall::{Arrival, Digest, Loaded, Renewed, clues};
use crate::kill::kill_point;

pub(super) static MIGRATIONS: sqlx::migrate::Migrator = sqlx::migrate!("migrations/postgres");

/// How long one statement may take; the door answers long before.
const STATEMENT: &str = "5s";
/// Every statement here finds its rows by key. A plan is made once and kept: one that was made while a table was small
/// would read all of it in every batch until somebody counts its rows again. None is worth compiling.
const BY_KEY: [(&str, &str); 5] = [
    ("enable_seqscan", "off"),
    ("enable_hashjoin", "off"),
    ("enable_mergejoin", "off"),
    ("plan_cache_mode", "force_generic_plan"),
    ("jit", "off"),
];
/// How long a connection is taken to be there still after it was used.
const FRESH: Duration = Duration::from_secs(1);
/// How long it may take to be connected.
const CONNECT: Duration = Duration::from_secs(5);

/// A pool of connections to PostgreSQL.
#[derive(Debug)]
pub struct Postgres {
    pool: PgPool,
}

impl Postgres {
    /// Connects to `url`, with at most `connections` connections.
    ///
    /// # Errors
    /// The address is not one, nothing answers there within 5 s, or the server turns us away.
    pub async fn connect(url: &str, connections: u32) -> Result<Self, StoreError> {
        let options: PgConnectOptions = url.parse().map_err(|why| {
            StoreError::Unusable(format!("DATABASE_URL is not an address of a PostgreSQL database: {why}"))
        })?;
        let options =
            options.application_name("switchhook").options([("statement_timeout", STATEMENT), ("lock_timeout", "2s")]);
        let options = options.options(BY_KEY);
        // The pool itself would only say that its time is over, and not why.
        reach(&options).await?.close().await.map_err(failed)?;
        let pool = PgPoolOptions::new()
            .max_connections(connections)
            .acquire_timeout(CONNECT)
            // One that was used just now need not be asked whether it is still there.
            .test_before_acquire(false)
            .before_acquire(|connection, about| {
                Box::pin(async move {
                    if about.idle_for > FRESH {
                        connection.ping().await?;
                    }
                    Ok(true)
                })
            })
            .connect_lazy_with(options);
        Ok(Self { pool })
    }

    /// All that a batch is decided on, and the connection it was read on. Those that were closed since they were used
    /// last are found out here, and others are taken.
    async fn load(&self, batch: &[Arrival]) -> Result<(Held<sqlx::Postgres>, Loaded), StoreError> {
        let mut left = self.pool.options().get_max_connections();
        loop {
            let mut held = Held::new(self.pool.acquire().await.map_err(failed)?);
            match find(held.connection(), batch).await {
                Ok(found) => return Ok((held, loaded(found)?)),
                Err(why) if left > 0 && rows::is_closed(&why) => left -= 1,
                Err(why) => return Err(failed(why)),
            }
        }
    }
}

#[async_trait]
impl Store for Postgres {
    async fn migrate(&self) -> Result<(), StoreError> {
        // It may take its time, and wait for another node that is at it. On a connection of its own: what a failure
        // leaves behind is gone with it.
        let options = PgConnectOptions::clone(&self.pool.connect_options());
        let mut connection = reach(&options.options([("statement_timeout", "0"), ("lock_timeout", "0")])).await?;
        MIGRATIONS
            .run_direct(None, &mut connection, false)
            .await
            .map_err(|why| StoreError::Unusable(format!("the tables cannot be brought up to this version: {why}")))?;
        connection.close().await.map_err(failed)
    }

    async fn take(&self, batch: &[Arrival], stamp: &Stamp, decide: Decider<'_>) -> Result<Taken, StoreError> {
        let (mut held, loaded) = self.load(batch).await?;
        kill_point!("batch.locked");
        let taken = match decide(loaded) {
            Ok(draft) => {
                kill_point!("batch.decided");
                kill_point!("batch.journaled");
                kill_point!("batch.before_commit");
                write::draft(held.connection(), batch, &draft, stamp).await?;
                kill_point!("batch.after_commit");
                kill_point!("notice.written", draft.tells_others());
                Taken::Written(draft)
            }
            Err(missing) => Taken::Missing(missing),
        };
        held.let_go();
        Ok(taken)
    }

    async fn quarantine(&self, digest: Digest, raw: &[u8], why: &str, at: Timestamp) -> Result<(), StoreError> {
        let query = sqlx::query(rows::QUARANTINE).bind(digest.as_slice()).bind(at.as_millisecond()).bind(why).bind(raw);
        query.execute(&self.pool).await.map(drop).map_err(failed)
    }

    async fn due(&self, now: Timestamp, limit: u32) -> Result<Due, StoreError> {
        // Those that were put off are looked at again when they are over. Whoever is being written now is left alone.
        sqlx::query(
            "update calls set look_at = wake_at
             where id in (select id from calls where look_at <= $1 and wake_at > $1 for update skip locked)",
        )
        .bind(now.as_millisecond())
        .execute(&self.pool)
        .await
        .map_err(failed)?;
        let rows: Vec<(Uuid, i64, i64, i64)> = sqlx::query_as(
            "select id, version, wake_at, look_at from calls where look_at is not null order by look_at limit $1",
        )
        .bind(i64::from(limit))
        .fetch_all(&self.pool)
        .await
        .map_err(failed)?;
        rows::due(now, rows.into_iter().map(|(id, version, wake, look)| (CallId(id), version, wake, look)))
    }

    async fn claim(&self, stamp: &Stamp, limit: u32, all: bool) -> Result<Vec<Claimed>, StoreError> {
        let rows: Vec<rows::Claim> = sqlx::query_as(
            "with free as (
                select call, id from outbox c
                where status = 'open' and (lease_until < now() or ($4 and node <> $1))
                    and ($4 or kind in ('hangup', 'notify') or not exists (
                        select 1 from outbox b where b.call = c.call and b.leg = c.leg and b.seq < c.seq
                            and b.kind <> 'notify' and b.status = 'open' and b.node <> $1 and b.lease_until >= now()))
                order by lease_until limit $3 for update skip locked)
             update outbox o set node = $1, lease_until = now() + $2 * interval '1 millisecond'
             from free where o.call = free.call and o.id = free.id
             returning o.call::text, o.id::text, o.seq, o.leg, o.kind, o.path, o.body,
                (extract(epoch from now() - o.first_sent_at) * 1000)::bigint",
        )
        .bind(stamp.node)
        .bind(rows::millis(stamp.lease))
        .bind(i64::from(limit))
        .bind(all)
        .fetch_all(&self.pool)
        .await
        .map_err(failed)?;
        Ok(rows::in_order(rows))
    }

    async fn renew(&self, call: CallId, command: CommandId, stamp: &Stamp) -> Result<Renewed, StoreError> {
        let overtaken = sqlx::query_scalar(
            "update outbox o set lease_until = now() + $4 * interval '1 millisecond'
             where call = $1 and id = $2 and node = $3 and status = 'open'
             returning exists (
                select 1 from outbox l where l.call = o.call and l.leg = o.leg and l.kind <> all($5) and l.seq > o.seq
                    and (l.status not in ('open', 'void') or (l.status = 'open' and l.node <> $3)))",
        )
        .bind(call.0)
        .bind(command.0)
        .bind(stamp.node)
        .bind(rows::millis(stamp.lease))
        .bind(rows::idle())
        .fetch_optional(&self.pool)
        .await
        .map_err(failed)?;
        Ok(rows::renewed(overtaken))
    }

    async fn nodes(&self, stamp: &Stamp, within: Duration) -> Result<u32, StoreError> {
        let others: i64 = sqlx::query_scalar(
            "with noted as (
                insert into nodes (node, seen_at) values ($1, now()) on conflict (node) do update set seen_at = now()),
             gone as (delete from nodes where node <> $1 and seen_at < now() - interval '1 day')
             select count(*) from nodes where node <> $1 and seen_at > now() - $2 * interval '1 millisecond'",
        )
        .bind(stamp.node)
        .bind(rows::millis(within))
        .fetch_one(&self.pool)
        .await
        .map_err(failed)?;
        Ok(rows::nodes(others))
    }

    async fn keep_rules(&self, hash: &str, sources: &str, at: Timestamp) -> Result<(), StoreError> {
        sqlx::query("insert into rules (hash, sources, kept_at) values ($1, $2, $3) on conflict do nothing")
            .bind(hash)
            .bind(sources)
            .bind(at.as_millisecond())
            .execute(&self.pool)
            .await
            .map(drop)
            .map_err(failed)
    }

    async fn rules(&self, hash: &str) -> Result<Option<String>, StoreError> {
        sqlx::query_scalar("select sources from rules where hash = $1")
            .bind(hash)
            .fetch_optional(&self.pool)
            .await
            .map_err(failed)
    }

    async fn journal(&self, call: CallId) -> Result<Vec<JournalRow>, StoreError> {
        let rows: Vec<rows::Journal> = sqlx::query_as(
            "select version, decided_at, what, remarks, raw from journal where call = $1 order by version",
        )
        .bind(call.0)
        .fetch_all(&self.pool)
        .await
        .map_err(failed)?;
        rows.into_iter().map(rows::journal).collect()
    }

    async fn outbox(&self, call: CallId) -> Result<Vec<OutboxRow>, StoreError> {
        let rows: Vec<rows::Outbox> = sqlx::query_as(
            "select id::text, seq, version, leg, kind, path, body, status, code from outbox where call = $1 order by seq",
        )
        .bind(call.0)
        .fetch_all(&self.pool)
        .await
        .map_err(failed)?;
        rows.into_iter().map(rows::outbox).collect()
    }

    async fn calls(&self, limit: u32) -> Result<Vec<CallRow>, StoreError> {
        let rows: Vec<(String, String, Option<i64>)> =
            sqlx::query_as("select id::text, state, wake_at from calls order by began_at desc, calls.id limit $1")
                .bind(i64::from(limit))
                .fetch_all(&self.pool)
                .await
                .map_err(failed)?;
        rows.into_iter().map(rows::call).collect()
    }

    async fn calls_named(&self, beginning: &str) -> Result<Vec<CallRow>, StoreError> {
        let rows: Vec<(String, String, Option<i64>)> =
            sqlx::query_as("select id::text, state, wake_at from calls where id::text like $1 || '%' limit 2")
                .bind(beginning)
                .fetch_all(&self.pool)
                .await
                .map_err(failed)?;
        rows.into_iter().map(rows::call).collect()
    }

    async fn ping(&self) -> Result<(), StoreError> {
        sqlx::query("select 1").execute(&self.pool).await.map(drop).map_err(failed)
    }

    async fn gauges(&self, now: Timestamp, _: &Stamp) -> Result<Gauges, StoreError> {
        sqlx::query_as(
            "select
                (select count(*) from (
                    select 1 from calls where look_at is not null and phase <> 'ended' limit $2) live),
                (select count(*) from (select 1 from calls where look_at <= $1 and wake_at <= $1 limit $2) due),
                (select count(*) from (
                    select 1 from outbox where status = 'open' and kind = 'notify' limit $2) notices),
                count(*), (extract(epoch from now() - min(first_sent_at)) * 1000)::bigint
             from (select first_sent_at from outbox where status = 'open' and kind <> 'notify' limit $2) open",
        )
        .bind(now.as_millisecond())
        .bind(rows::MOST_COUNTED)
        .fetch_one(&self.pool)
        .await
        .map(rows::gauges)
        .map_err(failed)
    }

    async fn counts(&self) -> Result<Vec<(&'static str, i64)>, StoreError> {
        let mut counts = Vec::new();
        for (table, statement) in rows::COUNTS {
            let n: i64 = sqlx::query_scalar(statement).fetch_one(&self.pool).await.map_err(failed)?;
            counts.push((table, n));
        }
        Ok(counts)
    }

    async fn close(&self) {
        self.pool.close().await;
    }
}

/// Connects once.
pub(super) async fn reach(options: &PgConnectOptions) -> Result<PgConnection, StoreError> {
    let place = || format!("{}:{}", options.get_host(), options.get_port());
    match timeout(CONNECT, PgConnection::connect_with(options)).await {
        Ok(Ok(connection)) => Ok(connection),
        Ok(Err(why)) if rows::turned_away(&why) => {
            Err(StoreError::Unusable(format!("{} turns us away; check DATABASE_URL: {why}", place())))
        }
        Ok(Err(why)) => Err(StoreError::Lost(format!("{}: {why}", place()))),
        Err(_) => Err(StoreError::Lost(format!("{}: nothing within {} s", place(), CONNECT.as_secs()))),
    }
}

async fn find(connection: &mut PgConnection, batch: &[Arrival]) -> Result<Vec<Found>, sqlx::Error> {
    let clues = clues(batch);
    sqlx::query_as(include_str!("postgres_load.sql"))
        .bind(clues.legs.iter().map(|who| who.handle.as_ref().map(|handle| handle.0.as_str())).collect::<Vec<_>>())
        .bind(clues.legs.iter().map(|who| who.leg.as_deref()).collect::<Vec<_>>())
        .bind(clues.legs.iter().map(|who| who.session.as_deref()).collect::<Vec<_>>())
        .bind(clues.calls.into_iter().map(|call| call.0).collect::<Vec<_>>())
        .bind(batch.iter().map(|arrival| arrival.key.stream.as_str()).collect::<Vec<_>>())
        .bind(batch.iter().map(|arrival| arrival.key.event.0.as_str()).collect::<Vec<_>>())
        .fetch_all(connection)
        .await
}

fn loaded(found: Vec<Found>) -> Result<Loaded, StoreError> {
    let mut loaded = Loaded::default();
    for Found { what, name, call, state, event, digest } in found {
        let id = CallId(call);
        if let (Some(name), Some(event), Some(digest)) = (&name, event, digest) {
            let (key, digest) = rows::seen((name.clone(), event, digest))?;
            loaded.seen.insert(key, digest);
        } else if let Some(name) = name {
            rows::note(&mut loaded.index, what, name, id);
        } else if let Some(state) = state {
            loaded.calls.insert(id, rows::state(&id.to_string(), &state)?);
        }
    }
    Ok(loaded)
}

/// A row of what a batch is decided on: a name and whose it is; a call and its state; or an event that was taken
/// before, under the name of its stream.
#[derive(sqlx::FromRow)]
struct Found {
    what: i32,
    name: Option<String>,
    call: Uuid,
    state: Option<String>,
    event: Option<String>,
    digest: Option<Vec<u8>>,
}
