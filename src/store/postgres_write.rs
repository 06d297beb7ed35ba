//! Writing a decided batch to PostgreSQL: one statement per table.

use sqlx::PgConnection;

use super::rows::{self, failed};
use super::types::{Draft, Stamp, StoreError};
use crate::hall::{Arrival, Saved};

/// Writes all of it.
pub(super) async fn draft(
    connection: &mut PgConnection,
    batch: &[Arrival],
    draft: &Draft,
    stamp: &Stamp,
) -> Result<(), StoreError> {
    new_calls(connection, &draft.changes.calls).await?;
    known_calls(connection, &draft.changes.calls).await?;
    journal(connection, batch, draft).await?;
    outbox(connection, draft, stamp).await?;
    settled(connection, draft).await?;
    handles(connection, &draft.changes.calls).await?;
    legs(connection, &draft.changes.calls).await?;
    aside(connection, batch, draft).await
}

/// Calls that began in this batch. Where another node began the same call meanwhile the count is short, and the batch
/// is repeated on what is there now.
async fn new_calls(connection: &mut PgConnection, saved: &[Saved]) -> Result<(), StoreError> {
    let new: Vec<&Saved> = saved.iter().filter(|saved| saved.before.is_none()).collect();
    if new.is_empty() {
        return Ok(());
    }
    let done = sqlx::query(
        "insert into calls (id, phase, version, wake_at, began_at, party_from, party_to, route, rules, state)
         select * from unnest($1::uuid[], $2::text[], $3::int8[], $4::int8[], $5::int8[], $6::text[], $7::text[],
            $8::text[], $9::text[], $10::text[])
         on conflict (id) do nothing",
    )
    .bind(new.iter().map(|saved| saved.call.id.0).collect::<Vec<_>>())
    .bind(new.iter().map(|saved| saved.call.phase.word()).collect::<Vec<_>>())
    .bind(new.iter().map(|saved| rows::signed(saved.call.version)).collect::<Vec<_>>())
    .bind(new.iter().map(|saved| saved.wake_at.map(|at| at.as_millisecond())).collect::<Vec<_>>())
    .bind(new.iter().map(|saved| saved.call.began.as_millisecond()).collect::<Vec<_>>())
    .bind(new.iter().map(|saved| saved.call.from.as_str()).collect::<Vec<_>>())
    .bind(new.iter().map(|saved| saved.call.to.as_str()).collect::<Vec<_>>())
    .bind(new.iter().map(|saved| saved.call.route.as_deref()).collect::<Vec<_>>())
    .bind(new.iter().map(|saved| saved.call.rules.0.as_str()).collect::<Vec<_>>())
    .bind(new.iter().map(|saved| rows::to_json(&saved.call)).collect::<Vec<_>>())
    .execute(connection)
    .await
    .map_err(failed)?;
    rows::all_written(done.rows_affected(), new.len())
}

/// Calls that were there: each only from the version it was decided on.
async fn known_calls(connection: &mut PgConnection, saved: &[Saved]) -> Result<(), StoreError> {
    let known: Vec<(&Saved, u64)> = saved.iter().filter_map(|saved| Some((saved, saved.before?))).collect();
    if known.is_empty() {
        return Ok(());
    }
    let done = sqlx::query(
        "update calls c set phase = i.phase, version = i.version, wake_at = i.wake_at, party_from = i.party_from,
            party_to = i.party_to, route = i.route, state = i.state
         from unnest($1::uuid[], $2::int8[], $3::text[], $4::int8[], $5::int8[], $6::text[], $7::text[], $8::text[],
            $9::text[]) as i (id, before, phase, version, wake_at, party_from, party_to, route, state)
         where c.id = i.id and c.version = i.before",
    )
    .bind(known.iter().map(|(saved, _)| saved.call.id.0).collect::<Vec<_>>())
    .bind(known.iter().map(|(_, before)| rows::signed(*before)).collect::<Vec<_>>())
    .bind(known.iter().map(|(saved, _)| saved.call.phase.word()).collect::<Vec<_>>())
    .bind(known.iter().map(|(saved, _)| rows::signed(saved.call.version)).collect::<Vec<_>>())
    .bind(known.iter().map(|(saved, _)| saved.wake_at.map(|at| at.as_millisecond())).collect::<Vec<_>>())
    .bind(known.iter().map(|(saved, _)| saved.call.from.as_str()).collect::<Vec<_>>())
    .bind(known.iter().map(|(saved, _)| saved.call.to.as_str()).collect::<Vec<_>>())
    .bind(known.iter().map(|(saved, _)| saved.call.route.as_deref()).collect::<Vec<_>>())
    .bind(known.iter().map(|(saved, _)| rows::to_json(&saved.call)).collect::<Vec<_>>())
    .execute(connection)
    .await
    .map_err(failed)?;
    rows::all_written(done.rows_affected(), known.len())
}

async fn journal(connection: &mut PgConnection, batch: &[Arrival], draft: &Draft) -> Result<(), StoreError> {
    let entries = &draft.changes.entries;
    if entries.is_empty() {
        return Ok(());
    }
    let digest = |index: usize| batch.get(index).map_or([0; 32].as_slice(), |arrival| arrival.digest.as_slice());
    let raw = |index: usize| batch.get(index).map_or([].as_slice(), |arrival| arrival.raw.as_ref());
    sqlx::query(
        "insert into journal (stream, event, call, version, decided_at, digest, what, remarks, raw)
         select * from unnest($1::text[], $2::text[], $3::uuid[], $4::int8[], $5::int8[], $6::bytea[], $7::text[],
            $8::text[], $9::bytea[])",
    )
    .bind(entries.iter().map(|entry| entry.key.stream.as_str()).collect::<Vec<_>>())
    .bind(entries.iter().map(|entry| entry.key.event.0.as_str()).collect::<Vec<_>>())
    .bind(entries.iter().map(|entry| entry.call.0).collect::<Vec<_>>())
    .bind(entries.iter().map(|entry| rows::signed(entry.version)).collect::<Vec<_>>())
    .bind(entries.iter().map(|entry| entry.decided_at.as_millisecond()).collect::<Vec<_>>())
    .bind(entries.iter().map(|entry| digest(entry.index)).collect::<Vec<_>>())
    .bind(entries.iter().map(|entry| rows::to_json(&entry.event)).collect::<Vec<_>>())
    .bind(entries.iter().map(|entry| rows::to_json(&entry.remarks)).collect::<Vec<_>>())
    .bind(entries.iter().map(|entry| raw(entry.index)).collect::<Vec<_>>())
    .execute(connection)
    .await
    .map(drop)
    .map_err(failed)
}

/// Commands are written claimed: this node sends them as soon as they are committed. The transaction's own time is a
/// lower bound on the first byte.
async fn outbox(connection: &mut PgConnection, draft: &Draft, stamp: &Stamp) -> Result<(), StoreError> {
    let parcels = &draft.parcels;
    if parcels.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "insert into outbox (call, id, seq, version, leg, kind, path, body, status, first_sent_at, lease_until, node)
         select i.*, 'open', now(), now() + $9 * interval '1 millisecond', $10
         from unnest($1::uuid[], $2::uuid[], $3::int8[], $4::int8[], $5::int8[], $6::text[], $7::text[],
            $8::bytea[])
            as i",
    )
    .bind(parcels.iter().map(|parcel| parcel.post.call.0).collect::<Vec<_>>())
    .bind(parcels.iter().map(|parcel| parcel.post.command.id.0).collect::<Vec<_>>())
    .bind(parcels.iter().map(|parcel| i64::from(parcel.post.seq)).collect::<Vec<_>>())
    .bind(parcels.iter().map(|parcel| rows::signed(parcel.post.version)).collect::<Vec<_>>())
    .bind(parcels.iter().map(|parcel| i64::from(parcel.post.command.leg.0)).collect::<Vec<_>>())
    .bind(parcels.iter().map(|parcel| parcel.post.command.verb.kind().word()).collect::<Vec<_>>())
    .bind(parcels.iter().map(|parcel| parcel.path.as_str()).collect::<Vec<_>>())
    .bind(parcels.iter().map(|parcel| parcel.body.as_ref()).collect::<Vec<_>>())
    .bind(rows::millis(stamp.lease))
    .bind(stamp.node)
    .execute(connection)
    .await
    .map(drop)
    .map_err(failed)
}

async fn settled(connection: &mut PgConnection, draft: &Draft) -> Result<(), StoreError> {
    let settled = rows::settled(&draft.changes);
    if settled.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "update outbox o set status = i.status, code = i.code
         from unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[]) as i (call, id, status, code)
         where o.call = i.call and o.id = i.id and o.status in ('open', 'unknown')",
    )
    .bind(settled.keys().map(|(call, _)| call.0).collect::<Vec<_>>())
    .bind(settled.keys().map(|(_, id)| id.0).collect::<Vec<_>>())
    .bind(settled.values().map(|verdict| verdict.word()).collect::<Vec<_>>())
    .bind(settled.values().map(|verdict| rows::code(verdict)).collect::<Vec<_>>())
    .execute(connection)
    .await
    .map(drop)
    .map_err(failed)
}

async fn handles(connection: &mut PgConnection, saved: &[Saved]) -> Result<(), StoreError> {
    let known: Vec<_> =
        saved.iter().flat_map(|saved| rows::known(saved).map(move |leg| (saved.call.id, leg))).collect();
    if known.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "insert into handles (call, leg, handle, leg_id, session)
         select * from unnest($1::uuid[], $2::int8[], $3::text[], $4::text[], $5::text[])
         on conflict (call, leg) do update set handle = excluded.handle, leg_id = excluded.leg_id,
            session = excluded.session",
    )
    .bind(known.iter().map(|(call, _)| call.0).collect::<Vec<_>>())
    .bind(known.iter().map(|(_, leg)| i64::from(leg.no.0)).collect::<Vec<_>>())
    .bind(known.iter().map(|(_, leg)| leg.handle.as_ref().map(|handle| handle.0.as_str())).collect::<Vec<_>>())
    .bind(known.iter().map(|(_, leg)| leg.id.as_deref()).collect::<Vec<_>>())
    .bind(known.iter().map(|(_, leg)| leg.session.as_deref()).collect::<Vec<_>>())
    .execute(connection)
    .await
    .map(drop)
    .map_err(failed)
}

async fn legs(connection: &mut PgConnection, saved: &[Saved]) -> Result<(), StoreError> {
    let ended: Vec<_> = saved.iter().flat_map(rows::ended).collect();
    if ended.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "insert into legs (call, leg, name, target, began_at, answered_at, ended_at, cause)
         select * from unnest($1::uuid[], $2::int8[], $3::text[], $4::text[], $5::int8[], $6::int8[], $7::int8[],
            $8::text[])
         on conflict (call, leg) do nothing",
    )
    .bind(ended.iter().map(|record| record.call.0).collect::<Vec<_>>())
    .bind(ended.iter().map(|record| i64::from(record.leg.no.0)).collect::<Vec<_>>())
    .bind(ended.iter().map(|record| record.leg.name()).collect::<Vec<_>>())
    .bind(ended.iter().map(|record| record.target()).collect::<Vec<_>>())
    .bind(ended.iter().map(|record| record.leg.began.as_millisecond()).collect::<Vec<_>>())
    .bind(ended.iter().map(|record| record.leg.answered_at().map(|at| at.as_millisecond())).collect::<Vec<_>>())
    .bind(ended.iter().map(|record| record.at.as_millisecond()).collect::<Vec<_>>())
    .bind(ended.iter().map(|record| record.cause()).collect::<Vec<_>>())
    .execute(connection)
    .await
    .map(drop)
    .map_err(failed)
}

async fn aside(connection: &mut PgConnection, batch: &[Arrival], draft: &Draft) -> Result<(), StoreError> {
    for (index, why) in &draft.changes.aside {
        let Some(arrival) = batch.get(*index) else { continue };
        let (digest, at, raw) = rows::aside(arrival);
        let query = sqlx::query(rows::QUARANTINE).bind(digest.as_slice()).bind(at).bind(why).bind(raw.as_ref());
        query.execute(&mut *connection).await.map_err(failed)?;
    }
    Ok(())
}
