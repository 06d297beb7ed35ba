//! Writing a decided batch to PostgreSQL: one statement, whatever the batch changes.

use bytes::Bytes;
use sqlx::postgres::PgArguments;
use sqlx::query::Query;
use sqlx::{PgConnection, Postgres};

use super::rows::{self, failed};
use super::types::{Draft, Parcel, Stamp, StoreError};
use crate::hall::{Arrival, Aside, Changes, Digest, Entry, Saved};

/// A division by zero: how the statement says that a call was written by another node meanwhile.
const OVERTAKEN: &str = "22012";

type Statement<'q> = Query<'q, Postgres, PgArguments>;

/// Writes all of it, or nothing.
pub(super) async fn draft(
    connection: &mut PgConnection,
    batch: &[Arrival],
    draft: &Draft,
    stamp: &Stamp,
) -> Result<(), StoreError> {
    let Draft { changes, parcels } = draft;
    if changes.calls.is_empty() && changes.aside.is_empty() {
        return Ok(());
    }
    // The order in which the statement numbers them.
    let statement = sqlx::query(include_str!("postgres_write.sql"));
    let statement = begun(statement, &changes.calls);
    let statement = moved(statement, &changes.calls);
    let statement = journal(statement, batch, &changes.entries);
    let statement = outbox(statement, parcels, stamp);
    let statement = settled(statement, changes);
    let statement = handles(statement, &changes.calls);
    let statement = legs(statement, &changes.calls);
    let statement = aside(statement, batch, &changes.aside);
    statement.execute(connection).await.map(drop).map_err(|why| {
        match why.as_database_error().and_then(|why| why.code()) {
            Some(code) if code == OVERTAKEN => StoreError::Again(rows::OVERTAKEN.to_owned()),
            Some(_) | None => failed(why),
        }
    })
}

fn begun<'q>(statement: Statement<'q>, saved: &'q [Saved]) -> Statement<'q> {
    let begun: Vec<&Saved> = saved.iter().filter(|saved| saved.before.is_none()).collect();
    statement
        .bind(begun.iter().map(|saved| saved.call.id.0).collect::<Vec<_>>())
        .bind(begun.iter().map(|saved| saved.call.phase.word()).collect::<Vec<_>>())
        .bind(begun.iter().map(|saved| rows::signed(saved.call.version)).collect::<Vec<_>>())
        .bind(begun.iter().map(|saved| saved.wake_at.map(|at| at.as_millisecond())).collect::<Vec<_>>())
        .bind(begun.iter().map(|saved| saved.call.began.as_millisecond()).collect::<Vec<_>>())
        .bind(begun.iter().map(|saved| saved.call.from.as_str()).collect::<Vec<_>>())
        .bind(begun.iter().map(|saved| saved.call.to.as_str()).collect::<Vec<_>>())
        .bind(begun.iter().map(|saved| saved.call.route.as_deref()).collect::<Vec<_>>())
        .bind(begun.iter().map(|saved| saved.call.rules.0.as_str()).collect::<Vec<_>>())
        .bind(begun.iter().map(|saved| rows::to_json(&saved.call)).collect::<Vec<_>>())
}

fn moved<'q>(statement: Statement<'q>, saved: &'q [Saved]) -> Statement<'q> {
    let moved = saved.iter().filter_map(|saved| Some((saved.before?, saved)));
    let (before, moved): (Vec<u64>, Vec<&Saved>) = moved.unzip();
    statement
        .bind(moved.iter().map(|saved| saved.call.id.0).collect::<Vec<_>>())
        .bind(before.into_iter().map(rows::signed).collect::<Vec<_>>())
        .bind(moved.iter().map(|saved| saved.call.phase.word()).collect::<Vec<_>>())
        .bind(moved.iter().map(|saved| rows::signed(saved.call.version)).collect::<Vec<_>>())
        .bind(moved.iter().map(|saved| saved.wake_at.map(|at| at.as_millisecond())).collect::<Vec<_>>())
        .bind(moved.iter().map(|saved| saved.call.from.as_str()).collect::<Vec<_>>())
        .bind(moved.iter().map(|saved| saved.call.to.as_str()).collect::<Vec<_>>())
        .bind(moved.iter().map(|saved| saved.call.route.as_deref()).collect::<Vec<_>>())
        .bind(moved.iter().map(|saved| rows::to_json(&saved.call)).collect::<Vec<_>>())
}

fn journal<'q>(statement: Statement<'q>, batch: &'q [Arrival], entries: &'q [Entry]) -> Statement<'q> {
    let digest = |index: usize| batch.get(index).map_or([0; 32].as_slice(), |arrival| arrival.digest.as_slice());
    let raw = |index: usize| batch.get(index).map_or([].as_slice(), |arrival| arrival.raw.as_ref());
    statement
        .bind(entries.iter().map(|entry| entry.key.stream.as_str()).collect::<Vec<_>>())
        .bind(entries.iter().map(|entry| entry.key.event.0.as_str()).collect::<Vec<_>>())
        .bind(entries.iter().map(|entry| entry.call.0).collect::<Vec<_>>())
        .bind(entries.iter().map(|entry| rows::signed(entry.version)).collect::<Vec<_>>())
        .bind(entries.iter().map(|entry| entry.decided_at.as_millisecond()).collect::<Vec<_>>())
        .bind(entries.iter().map(|entry| digest(entry.index)).collect::<Vec<_>>())
        .bind(entries.iter().map(|entry| rows::to_json(&entry.event)).collect::<Vec<_>>())
        .bind(entries.iter().map(|entry| rows::to_json(&entry.remarks)).collect::<Vec<_>>())
        .bind(entries.iter().map(|entry| raw(entry.index)).collect::<Vec<_>>())
}

fn outbox<'q>(statement: Statement<'q>, parcels: &'q [Parcel], stamp: &Stamp) -> Statement<'q> {
    statement
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
}

fn settled<'q>(statement: Statement<'q>, changes: &'q Changes) -> Statement<'q> {
    let settled = rows::settled(changes);
    statement
        .bind(settled.keys().map(|(call, _)| call.0).collect::<Vec<_>>())
        .bind(settled.keys().map(|(_, id)| id.0).collect::<Vec<_>>())
        .bind(settled.values().map(|verdict| verdict.word()).collect::<Vec<_>>())
        .bind(settled.values().map(|verdict| rows::code(verdict)).collect::<Vec<_>>())
}

fn handles<'q>(statement: Statement<'q>, saved: &'q [Saved]) -> Statement<'q> {
    let known: Vec<_> =
        saved.iter().flat_map(|saved| rows::known(saved).map(move |leg| (saved.call.id, leg))).collect();
    statement
        .bind(known.iter().map(|(call, _)| call.0).collect::<Vec<_>>())
        .bind(known.iter().map(|(_, leg)| i64::from(leg.no.0)).collect::<Vec<_>>())
        .bind(known.iter().map(|(_, leg)| leg.handle.as_ref().map(|handle| handle.0.as_str())).collect::<Vec<_>>())
        .bind(known.iter().map(|(_, leg)| leg.id.as_deref()).collect::<Vec<_>>())
        .bind(known.iter().map(|(_, leg)| leg.session.as_deref()).collect::<Vec<_>>())
}

fn legs<'q>(statement: Statement<'q>, saved: &'q [Saved]) -> Statement<'q> {
    let ended: Vec<_> = saved.iter().flat_map(rows::ended).collect();
    statement
        .bind(ended.iter().map(|record| record.call.0).collect::<Vec<_>>())
        .bind(ended.iter().map(|record| i64::from(record.leg.no.0)).collect::<Vec<_>>())
        .bind(ended.iter().map(|record| record.leg.name()).collect::<Vec<_>>())
        .bind(ended.iter().map(|record| record.target()).collect::<Vec<_>>())
        .bind(ended.iter().map(|record| record.leg.began.as_millisecond()).collect::<Vec<_>>())
        .bind(ended.iter().map(|record| record.leg.answered_at().map(|at| at.as_millisecond())).collect::<Vec<_>>())
        .bind(ended.iter().map(|record| record.at.as_millisecond()).collect::<Vec<_>>())
        .bind(ended.iter().map(|record| record.cause()).collect::<Vec<_>>())
}

fn aside<'q>(statement: Statement<'q>, batch: &'q [Arrival], aside: &'q [Aside]) -> Statement<'q> {
    let bodies = aside.iter().filter_map(|aside| Some((aside, batch.get(aside.index)?.aside())));
    let bodies: Vec<(&Aside, (Digest, Bytes))> = bodies.collect();
    statement
        .bind(bodies.iter().map(|(_, (digest, _))| digest.to_vec()).collect::<Vec<_>>())
        .bind(bodies.iter().map(|(aside, _)| aside.at.as_millisecond()).collect::<Vec<_>>())
        .bind(bodies.iter().map(|(aside, _)| aside.why.as_str()).collect::<Vec<_>>())
        .bind(bodies.iter().map(|(_, (_, raw))| raw.to_vec()).collect::<Vec<_>>())
}
