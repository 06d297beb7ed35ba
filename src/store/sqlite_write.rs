//! Writing a decided batch to SQLite: one statement per table, its rows as one JSON text. What no JSON holds, bytes,
//! goes along in one piece, of which every row takes its part.

use serde::Serialize;
use sqlx::sqlite::{SqliteConnection, SqliteQueryResult};

use super::rows::{self, failed};
use super::types::{Draft, Stamp, StoreError};
use crate::hall::{Arrival, Aside, Saved};
use crate::kill::kill_point;

/// Writes all of it.
pub(super) async fn draft(
    connection: &mut SqliteConnection,
    batch: &[Arrival],
    draft: &Draft,
    stamp: &Stamp,
) -> Result<(), StoreError> {
    new_calls(connection, &draft.changes.calls).await?;
    known_calls(connection, &draft.changes.calls).await?;
    journal(connection, batch, draft).await?;
    kill_point!("batch.journaled");
    outbox(connection, draft, stamp).await?;
    settled(connection, draft).await?;
    handles(connection, &draft.changes.calls).await?;
    legs(connection, &draft.changes.calls).await?;
    aside(connection, batch, draft).await
}

/// Bytes of many rows in one piece.
#[derive(Default)]
struct Bytes(Vec<u8>);

impl Bytes {
    /// Adds some, and tells where they begin, counted from 1, and how many they are.
    fn add(&mut self, bytes: &[u8]) -> (usize, usize) {
        self.0.extend_from_slice(bytes);
        (self.0.len() - bytes.len() + 1, bytes.len())
    }
}

async fn write<T: Serialize>(
    connection: &mut SqliteConnection,
    statement: &'static str,
    rows: &[T],
    mut bytes: Bytes,
) -> Result<u64, StoreError> {
    if rows.is_empty() {
        return Ok(0);
    }
    if bytes.0.is_empty() {
        // The driver binds no bytes as NULL, and no part of NULL is an empty one.
        bytes.0.push(0);
    }
    let query = sqlx::query(statement).bind(rows::to_json(&rows)).bind(bytes.0);
    query.execute(connection).await.map(|done: SqliteQueryResult| done.rows_affected()).map_err(failed)
}

/// Calls that began in this batch.
async fn new_calls(connection: &mut SqliteConnection, saved: &[Saved]) -> Result<(), StoreError> {
    let new = saved.iter().filter(|saved| saved.before.is_none());
    let new: Vec<_> = new
        .map(|Saved { call, wake_at, .. }| {
            let (wake_at, began) = (wake_at.map(|at| at.as_millisecond()), call.began.as_millisecond());
            let parties = (call.from.as_str(), call.to.as_str());
            (
                call.id,
                call.phase.word(),
                call.version,
                wake_at,
                began,
                parties,
                &call.route,
                &call.rules,
                rows::to_json(call),
            )
        })
        .collect();
    let statement =
        "insert into calls (id, phase, version, wake_at, began_at, party_from, party_to, route, rules, state)
         select value->>0, value->>1, value->>2, value->>3, value->>4, value->>'$[5][0]', value->>'$[5][1]', value->>6,
            value->>7, value->>8 from json_each($1)";
    write(connection, statement, &new, Bytes::default()).await.map(drop)
}

/// Calls that were there: each only from the version it was decided on.
async fn known_calls(connection: &mut SqliteConnection, saved: &[Saved]) -> Result<(), StoreError> {
    let known = saved.iter().filter_map(|saved| Some((saved, saved.before?)));
    let known: Vec<_> = known
        .map(|(Saved { call, wake_at, .. }, before)| {
            let wake_at = wake_at.map(|at| at.as_millisecond());
            let parties = (call.from.as_str(), call.to.as_str());
            (call.id, before, call.phase.word(), call.version, wake_at, parties, &call.route, rows::to_json(call))
        })
        .collect();
    let statement = "update calls set phase = i.value->>2, version = i.value->>3, wake_at = i.value->>4,
            party_from = i.value->>'$[5][0]', party_to = i.value->>'$[5][1]', route = i.value->>6, state = i.value->>7
         from json_each($1) i where calls.id = i.value->>0 and calls.version = i.value->>1";
    let written = write(connection, statement, &known, Bytes::default()).await?;
    rows::all_written(written, known.len())
}

async fn journal(connection: &mut SqliteConnection, batch: &[Arrival], draft: &Draft) -> Result<(), StoreError> {
    let mut bytes = Bytes::default();
    let entries: Vec<_> = draft
        .changes
        .entries
        .iter()
        .filter_map(|entry| Some((entry, batch.get(entry.index)?)))
        .map(|(entry, arrival)| {
            let (digest, raw) = (bytes.add(&arrival.digest), bytes.add(&arrival.raw));
            let (event, remarks) = (rows::to_json(&entry.event), rows::to_json(&entry.remarks));
            let (key, decided_at) = ((&entry.key.stream, &entry.key.event), entry.decided_at.as_millisecond());
            (key, entry.call, entry.version, decided_at, event, remarks, digest, raw)
        })
        .collect();
    let statement = "insert into journal (stream, event, call, version, decided_at, what, remarks, digest, raw)
         select value->>'$[0][0]', value->>'$[0][1]', value->>1, value->>2, value->>3, value->>4, value->>5,
            substr($2, value->>'$[6][0]', value->>'$[6][1]'), substr($2, value->>'$[7][0]', value->>'$[7][1]')
         from json_each($1)";
    write(connection, statement, &entries, bytes).await.map(drop)
}

/// Commands are written claimed: this process sends them as soon as they are committed.
async fn outbox(connection: &mut SqliteConnection, draft: &Draft, stamp: &Stamp) -> Result<(), StoreError> {
    let mut bytes = Bytes::default();
    let since = (rows::millis(stamp.since), rows::millis(stamp.since + stamp.lease));
    let parcels: Vec<_> = draft
        .parcels
        .iter()
        .map(|parcel| {
            let post = &parcel.post;
            let (id, leg, kind) = (post.command.id, post.command.leg, post.command.verb.kind().word());
            let node = (&stamp.boot, since, stamp.node);
            (post.call, id, post.seq, post.version, leg, kind, &parcel.path, bytes.add(&parcel.body), node)
        })
        .collect();
    let statement = "insert into outbox (call, id, seq, version, leg, kind, path, body, status, boot, first_sent,
            lease_until, node)
         select value->>0, value->>1, value->>2, value->>3, value->>4, value->>5, value->>6,
            substr($2, value->>'$[7][0]', value->>'$[7][1]'), 'open', value->>'$[8][0]', value->>'$[8][1][0]',
            value->>'$[8][1][1]', value->>'$[8][2]'
         from json_each($1)";
    write(connection, statement, &parcels, bytes).await.map(drop)
}

async fn settled(connection: &mut SqliteConnection, draft: &Draft) -> Result<(), StoreError> {
    let settled = rows::settled(&draft.changes);
    let settled: Vec<_> =
        settled.iter().map(|((call, id), verdict)| (call, id, verdict.word(), rows::code(verdict))).collect();
    let statement = "update outbox set status = i.value->>2, code = i.value->>3 from json_each($1) i
         where outbox.call = i.value->>0 and outbox.id = i.value->>1 and outbox.status in ('open', 'unknown')";
    write(connection, statement, &settled, Bytes::default()).await.map(drop)
}

async fn handles(connection: &mut SqliteConnection, saved: &[Saved]) -> Result<(), StoreError> {
    let known: Vec<_> = saved
        .iter()
        .flat_map(|saved| rows::known(saved).map(move |leg| (saved.call.id, leg)))
        .map(|(call, leg)| (call, leg.no, &leg.handle, &leg.id, &leg.session))
        .collect();
    let statement = "insert into handles (call, leg, handle, leg_id, session)
         select value->>0, value->>1, value->>2, value->>3, value->>4 from json_each($1) where true
         on conflict (call, leg) do update set handle = excluded.handle, leg_id = excluded.leg_id,
            session = excluded.session";
    write(connection, statement, &known, Bytes::default()).await.map(drop)
}

async fn legs(connection: &mut SqliteConnection, saved: &[Saved]) -> Result<(), StoreError> {
    let ended: Vec<_> = saved
        .iter()
        .flat_map(rows::ended)
        .map(|record| {
            let leg = record.leg;
            let answered_at = leg.answered_at().map(|at| at.as_millisecond());
            let (began_at, ended_at) = (leg.began.as_millisecond(), record.at.as_millisecond());
            (record.call, leg.no, leg.name(), record.target(), began_at, answered_at, ended_at, record.cause())
        })
        .collect();
    let statement = "insert into legs (call, leg, name, target, began_at, answered_at, ended_at, cause)
         select value->>0, value->>1, value->>2, value->>3, value->>4, value->>5, value->>6, value->>7
         from json_each($1) where true
         on conflict (call, leg) do update set answered_at = excluded.answered_at, ended_at = excluded.ended_at,
             cause = excluded.cause";
    write(connection, statement, &ended, Bytes::default()).await.map(drop)
}

async fn aside(connection: &mut SqliteConnection, batch: &[Arrival], draft: &Draft) -> Result<(), StoreError> {
    for Aside { index, at, why } in &draft.changes.aside {
        let Some(arrival) = batch.get(*index) else { continue };
        let (digest, raw) = arrival.aside();
        let at = at.as_millisecond();
        let query = sqlx::query(rows::QUARANTINE).bind(digest.as_slice()).bind(at).bind(why).bind(raw.as_ref());
        query.execute(&mut *connection).await.map_err(failed)?;
    }
    Ok(())
}
