//! Rows and what they mean, the same on every database.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tracing::error;
use uuid::Uuid;

use super::types::{CallRow, Claimed, Due, Gauges, JournalRow, OutboxRow, StoreError};
use crate::call::{Call, CallId, Cause, CommandId, EventId, Kind, Leg, LegNo, LegState, Role, Verdict};
use crate::hall::{Changes, Digest, EventKey, Index, Renewed, Saved, Slip};
use crate::kill::kill_point;

/// Version, time decided, event, remarks, body.
pub(super) type Journal = (i64, i64, String, String, Vec<u8>);
/// Id, place, version, leg, kind, path, body, status, code.
pub(super) type Outbox = (String, i64, i64, i64, String, String, Vec<u8>, String, Option<String>);
/// Call, id, place, leg, kind, path, body, age in milliseconds.
pub(super) type Claim = (String, String, i64, i64, String, String, Vec<u8>, Option<i64>);

/// Keeps a body once: digest, when it came, why, body.
pub(super) const QUARANTINE: &str =
    "insert into quarantine (digest, arrived_at, why, raw) values ($1, $2, $3, $4) on conflict do nothing";

/// The most that is counted of anything for whoever watches.
pub(super) const MOST_COUNTED: i64 = 100_000;

/// How many rows each table has.
pub(super) const COUNTS: [(&str, &str); 7] = [
    ("calls", "select count(*) from calls"),
    ("legs", "select count(*) from legs"),
    ("handles", "select count(*) from handles"),
    ("journal", "select count(*) from journal"),
    ("outbox", "select count(*) from outbox"),
    ("rules", "select count(*) from rules"),
    ("quarantine", "select count(*) from quarantine"),
];

/// A leg that ended, as the call record has it.
pub(super) struct Ended<'a> {
    pub call: CallId,
    pub leg: &'a Leg,
    pub at: Timestamp,
    pub cause: Cause,
}

impl<'a> Ended<'a> {
    pub fn target(&self) -> Option<&'a str> {
        match &self.leg.role {
            Role::Caller => None,
            Role::Rung { target, .. } | Role::Given { target, .. } => Some(target.as_str()),
        }
    }

    pub fn cause(&self) -> String {
        to_json(&self.cause).trim_matches('"').to_owned()
    }
}

/// The legs that are known by something new.
pub(super) fn known(saved: &Saved) -> impl Iterator<Item = &Leg> {
    saved.known.iter().filter_map(|no| saved.call.leg(*no))
}

/// The legs that ended.
pub(super) fn ended(saved: &Saved) -> impl Iterator<Item = Ended<'_>> {
    saved.ended.iter().filter_map(|no| saved.call.leg(*no)).filter_map(|leg| match leg.state {
        LegState::Ended { at, cause, .. } => Some(Ended { call: saved.call.id, leg, at, cause }),
        LegState::Dialled | LegState::Ringing | LegState::Answered { .. } => None,
    })
}

/// The code of a refusal.
pub(super) fn code(verdict: &Verdict) -> Option<&str> {
    match verdict {
        Verdict::Refused { code, .. } => Some(code),
        Verdict::Accepted { .. } | Verdict::Unknown | Verdict::Void => None,
        Verdict::Found { .. } | Verdict::Listed { .. } | Verdict::Recordings { .. } => None,
    }
}

/// The outcomes of a batch, one for each command: where nobody knew at first and then somebody does, it is his.
pub(super) fn settled(changes: &Changes) -> BTreeMap<(CallId, CommandId), &Verdict> {
    let mut outcomes = BTreeMap::new();
    for (call, command, verdict) in &changes.settled {
        let known = outcomes.entry((*call, *command)).or_insert(verdict);
        if **known == Verdict::Unknown {
            *known = verdict;
        }
    }
    outcomes
}

/// Notes one row of the handles: 0 a handle, 1 a leg id, 2 a session. Where two calls share one, the first stands.
pub(super) fn note(index: &mut Index, what: i32, name: String, call: CallId) {
    let names = match what {
        0 => &mut index.handles,
        1 => &mut index.legs,
        _ => &mut index.sessions,
    };
    names.entry(name).or_insert(call);
}

pub(super) fn seen((stream, event, digest): (String, String, Vec<u8>)) -> Result<(EventKey, Digest), StoreError> {
    let digest = digest.try_into().map_err(|_| bad("journal", &event, "the digest is not 32 bytes"))?;
    Ok((EventKey { stream, event: EventId(event) }, digest))
}

pub(super) fn state(id: &str, state: &str) -> Result<Call, StoreError> {
    from_json("calls", id, state)
}

pub(super) fn call((id, state, wake_at): (String, String, Option<i64>)) -> Result<CallRow, StoreError> {
    Ok(CallRow { state: self::state(&id, &state)?, wake_at: wake_at.map(|at| moment("calls", at)).transpose()? })
}

pub(super) fn journal((version, decided_at, what, remarks, raw): Journal) -> Result<JournalRow, StoreError> {
    let id = version.to_string();
    Ok(JournalRow {
        version: version.unsigned_abs(),
        decided_at: moment("journal", decided_at)?,
        event: from_json("journal", &id, &what)?,
        remarks: from_json("journal", &id, &remarks)?,
        raw,
    })
}

pub(super) fn outbox((id, seq, version, leg, kind, path, body, status, code): Outbox) -> Result<OutboxRow, StoreError> {
    let command = CommandId(uuid("outbox", &id)?);
    let kind = Kind::parse(&kind).ok_or_else(|| bad("outbox", &id, "unknown kind of command"))?;
    let (seq, leg) = (small("outbox", &id, seq)?, LegNo(small("outbox", &id, leg)?));
    let version = version.unsigned_abs();
    Ok(OutboxRow { seq, version, id: command, kind, leg, path, body, status, code })
}

fn claimed((call, id, seq, leg, kind, path, body, age): Claim) -> Result<Claimed, StoreError> {
    let slip = Slip {
        call: CallId(uuid("outbox", &call)?),
        seq: small("outbox", &id, seq)?,
        leg: LegNo(small("outbox", &id, leg)?),
        id: CommandId(uuid("outbox", &id)?),
        kind: Kind::parse(&kind).ok_or_else(|| bad("outbox", &id, "unknown kind of command"))?,
        taken_over: true,
    };
    Ok(Claimed {
        slip,
        path,
        body: body.into(),
        // A clock that went backwards proves nothing: then nobody can say.
        age: age.and_then(|age| u64::try_from(age).ok()).map(Duration::from_millis),
    })
}

/// Splits the calls with a deadline into those over at `now` and the next time to look. A call, its version, its deadline
/// and when to look at it, at the deadline or before: in the order of the last.
pub(super) fn due(now: Timestamp, rows: impl Iterator<Item = (CallId, i64, i64, i64)>) -> Result<Due, StoreError> {
    let mut due = Due::default();
    for (call, version, wake_at, look_at) in rows {
        let look_at = moment("calls", look_at)?;
        if look_at > now {
            due.next = Some(look_at);
            break;
        }
        if moment("calls", wake_at)? <= now {
            due.calls.push((call, version.unsigned_abs()));
        }
    }
    Ok(due)
}

/// What came of a renewal: nothing, or whether a later command was before it.
pub(super) fn renewed(overtaken: Option<bool>) -> Renewed {
    match overtaken {
        None => Renewed::Lost,
        Some(true) => Renewed::Overtaken,
        Some(false) => Renewed::Ours,
    }
}

/// The kinds of command that do nothing to their leg, as stored.
pub(super) fn idle() -> Vec<&'static str> {
    Kind::ALL.into_iter().filter(|kind| kind.leaves_its_leg_alone()).map(Kind::word).collect()
}

/// How much there is to be done: calls that live, deadlines over, open notices, open commands, and the age of the oldest of
/// these in milliseconds.
pub(super) fn gauges((calls, due, notices, depth, oldest): (i64, i64, i64, i64, Option<i64>)) -> Gauges {
    let count = |n: i64| u64::try_from(n).unwrap_or(0);
    Gauges {
        calls_active: count(calls),
        deadlines_due: count(due),
        outbox_depth: count(depth),
        outbox_oldest: Duration::from_millis(count(oldest.unwrap_or(0))),
        notices_open: count(notices),
    }
}

/// This node and so many others.
pub(super) fn nodes(others: i64) -> u32 {
    u32::try_from(others).unwrap_or(0).saturating_add(1)
}

/// Commands taken over, each call's in their order. One that cannot be read keeps no other back: it stays where it is, and
/// is told each time that it is met.
pub(super) fn in_order(rows: Vec<Claim>) -> Vec<Claimed> {
    let told = |why: &StoreError| error!(%why, "a command cannot be taken over");
    let mut claimed: Vec<_> = rows.into_iter().filter_map(|row| claimed(row).inspect_err(told).ok()).collect();
    claimed.sort_by_key(|row| (row.slip.call, row.slip.seq));
    kill_point!("notice.claimed", claimed.iter().any(|row| row.slip.kind == Kind::Notify));
    claimed
}

pub(super) fn moment(table: &'static str, millis: i64) -> Result<Timestamp, StoreError> {
    Timestamp::from_millisecond(millis).map_err(|why| bad(table, &millis.to_string(), &why.to_string()))
}

pub(super) fn uuid(table: &'static str, text: &str) -> Result<Uuid, StoreError> {
    Uuid::try_parse(text).map_err(|why| bad(table, text, &why.to_string()))
}

pub(super) fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

pub(super) fn millis(span: Duration) -> i64 {
    i64::try_from(span.as_millis()).unwrap_or(i64::MAX)
}

/// A value of ours as JSON. Ours always can be written.
pub(super) fn to_json<T: Serialize>(value: &T) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

/// Why a batch is repeated on what is there now.
pub(super) const OVERTAKEN: &str = "a call was written by another node meanwhile";

/// As many rows as were meant must have been written.
pub(super) fn all_written(written: u64, meant: usize) -> Result<(), StoreError> {
    if usize::try_from(written).is_ok_and(|written| written == meant) {
        return Ok(());
    }
    Err(StoreError::Again(OVERTAKEN.to_owned()))
}

/// What a failure of the driver means for the one who asked.
pub(super) fn failed(error: sqlx::Error) -> StoreError {
    let text = if matches!(error, sqlx::Error::PoolTimedOut) {
        "it cannot be reached, or every connection to it is taken".to_owned()
    } else {
        error.to_string()
    };
    match error.as_database_error().and_then(|error| error.code()).as_deref() {
        // Serialisation, deadlock, lock not available; a key that another node wrote first.
        Some("40001" | "40P01" | "55P03" | "23505") => StoreError::Again(text),
        // The classes of PostgreSQL for data, constraints and limits: it is for what is in the row.
        Some(code) if code.len() == 5 && ["22", "23", "54"].contains(&code.get(..2).unwrap_or_default()) => {
            StoreError::Row(text)
        }
        // PostgreSQL's codes have five characters; some of them are numbers all the same.
        Some(code) if code.len() == 5 => StoreError::Lost(text),
        Some(code) => sqlite_failed(code, text),
        None => StoreError::Lost(text),
    }
}

/// SQLite has numbers, the lower byte of which is the kind.
fn sqlite_failed(code: &str, text: String) -> StoreError {
    let Ok(code) = code.parse::<u32>() else { return StoreError::Lost(text) };
    match (code, code & 0xff) {
        // Busy, locked; a key that was written before.
        (_, 5 | 6) | (1555 | 2067, _) => StoreError::Again(text),
        // Too big, constraint, mismatch.
        (_, 18..=20) => StoreError::Row(text),
        (_, _) => StoreError::Lost(text),
    }
}

/// Whether a connection was closed from the other side: nothing was done.
pub(super) fn is_closed(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(|error| error.code());
    matches!(error, sqlx::Error::Io(_)) || code.is_some_and(|code| code.starts_with("57P"))
}

/// Whether a server answered that we may not, or that there is no such database.
pub(super) fn turned_away(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(|error| error.code());
    code.is_some_and(|code| code.starts_with("28") || code.starts_with("3D"))
}

fn from_json<T: DeserializeOwned>(table: &'static str, id: &str, text: &str) -> Result<T, StoreError> {
    serde_json::from_str(text).map_err(|why| bad(table, id, &why.to_string()))
}

fn small<T: TryFrom<i64>>(table: &'static str, id: &str, number: i64) -> Result<T, StoreError> {
    T::try_from(number).map_err(|_| bad(table, id, "a number is out of range"))
}

fn bad(table: &'static str, id: &str, why: &str) -> StoreError {
    StoreError::Inconsistent { table, id: id.to_owned(), why: why.to_owned() }
}
