//! Writing a decided batch to SQLite: row by row, in one transaction.

use sqlx::sqlite::SqliteConnection;

use super::rows::{self, failed};
use super::types::{Draft, Parcel, Stamp, StoreError};
use crate::hall::{Arrival, Entry, Saved};

pub(super) const QUARANTINE: &str =
    "insert into quarantine (digest, arrived_at, why, raw) values ($1, $2, $3, $4) on conflict do nothing";

/// Writes all of it.
pub(super) async fn draft(
    connection: &mut SqliteConnection,
    batch: &[Arrival],
    draft: &Draft,
    stamp: &Stamp,
) -> Result<(), StoreError> {
    for saved in &draft.changes.calls {
        call(connection, saved).await?;
        legs(connection, saved).await?;
    }
    for entry in &draft.changes.entries {
        journal(connection, entry, batch).await?;
    }
    for parcel in &draft.parcels {
        outbox(connection, parcel, stamp).await?;
    }
    for (call, id, verdict) in &draft.changes.settled {
        sqlx::query("update outbox set status = $3, code = $4 where call = $1 and id = $2")
            .bind(call.to_string())
            .bind(id.to_string())
            .bind(verdict.word())
            .bind(rows::code(verdict))
            .execute(&mut *connection)
            .await
            .map_err(failed)?;
    }
    for (index, why) in &draft.changes.aside {
        let Some(arrival) = batch.get(*index) else { continue };
        let (digest, at, raw) = rows::aside(arrival);
        let query = sqlx::query(QUARANTINE).bind(digest.as_slice()).bind(at).bind(why).bind(raw.as_ref());
        query.execute(&mut *connection).await.map_err(failed)?;
    }
    Ok(())
}

/// A call that began in this batch is inserted; one that was there is written only from the version it was decided on.
async fn call(connection: &mut SqliteConnection, saved: &Saved) -> Result<(), StoreError> {
    let call = &saved.call;
    let statement = match saved.before {
        None => {
            "insert into calls (id, phase, version, wake_at, party_from, party_to, route, state, began_at, rules)
             values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) on conflict do nothing"
        }
        Some(_) => {
            "update calls set phase = $2, version = $3, wake_at = $4, party_from = $5, party_to = $6, route = $7,
                state = $8 where id = $1 and version = $11"
        }
    };
    let query = sqlx::query(statement)
        .bind(call.id.to_string())
        .bind(call.phase.word())
        .bind(rows::signed(call.version))
        .bind(saved.wake_at.map(|at| at.as_millisecond()))
        .bind(call.from.as_str())
        .bind(call.to.as_str())
        .bind(call.route.as_deref())
        .bind(rows::to_json(call))
        .bind(call.began.as_millisecond())
        .bind(call.rules.0.as_str());
    let query = match saved.before {
        None => query,
        Some(before) => query.bind(rows::signed(before)),
    };
    let done = query.execute(connection).await.map_err(failed)?;
    rows::all_written(done.rows_affected(), 1)
}

async fn journal(connection: &mut SqliteConnection, entry: &Entry, batch: &[Arrival]) -> Result<(), StoreError> {
    let arrival = entry.index.and_then(|index| batch.get(index));
    sqlx::query(
        "insert into journal (stream, event, call, version, decided_at, digest, what, remarks, raw)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
    )
    .bind(&entry.key.stream)
    .bind(&entry.key.event.0)
    .bind(entry.call.to_string())
    .bind(rows::signed(entry.version))
    .bind(entry.decided_at.as_millisecond())
    .bind(arrival.map_or([0; 32].as_slice(), |arrival| arrival.digest.as_slice()))
    .bind(rows::to_json(&entry.event))
    .bind(rows::to_json(&entry.remarks))
    .bind(arrival.map_or([].as_slice(), |arrival| arrival.raw.as_ref()))
    .execute(connection)
    .await
    .map(drop)
    .map_err(failed)
}

/// Commands are written claimed: this process sends them as soon as they are committed.
async fn outbox(connection: &mut SqliteConnection, parcel: &Parcel, stamp: &Stamp) -> Result<(), StoreError> {
    let post = &parcel.post;
    sqlx::query(
        "insert into outbox (call, id, seq, version, leg, kind, path, body, status, boot, first_sent, lease_until, node)
         values ($1, $2, $3, $4, $5, $6, $7, $8, 'open', $9, $10, $11, $12)",
    )
    .bind(post.call.to_string())
    .bind(post.command.id.to_string())
    .bind(i64::from(post.seq))
    .bind(rows::signed(post.version))
    .bind(i64::from(post.command.leg.0))
    .bind(post.command.verb.kind().word())
    .bind(&parcel.path)
    .bind(parcel.body.as_ref())
    .bind(&stamp.boot)
    .bind(rows::millis(stamp.since))
    .bind(rows::millis(stamp.since + stamp.lease))
    .bind(stamp.node.to_string())
    .execute(connection)
    .await
    .map(drop)
    .map_err(failed)
}

async fn legs(connection: &mut SqliteConnection, saved: &Saved) -> Result<(), StoreError> {
    for leg in rows::known(saved) {
        sqlx::query(
            "insert into handles (call, leg, handle, leg_id, session) values ($1, $2, $3, $4, $5)
             on conflict (call, leg) do update set handle = excluded.handle, leg_id = excluded.leg_id,
                session = excluded.session",
        )
        .bind(saved.call.id.to_string())
        .bind(i64::from(leg.no.0))
        .bind(leg.handle.as_ref().map(|handle| handle.0.as_str()))
        .bind(leg.id.as_deref())
        .bind(leg.session.as_deref())
        .execute(&mut *connection)
        .await
        .map_err(failed)?;
    }
    for record in rows::ended(saved) {
        sqlx::query(
            "insert into legs (call, leg, name, target, began_at, answered_at, ended_at, cause)
             values ($1, $2, $3, $4, $5, $6, $7, $8) on conflict do nothing",
        )
        .bind(record.call.to_string())
        .bind(i64::from(record.leg.no.0))
        .bind(record.leg.name())
        .bind(record.target())
        .bind(record.leg.began.as_millisecond())
        .bind(record.leg.answered_at().map(|at| at.as_millisecond()))
        .bind(record.at.as_millisecond())
        .bind(record.cause())
        .execute(&mut *connection)
        .await
        .map_err(failed)?;
    }
    Ok(())
}
