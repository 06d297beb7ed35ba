//! A stored call with all that is known of it, found by the beginning of its id.

use super::again::as_remarked;
use crate::call::{Chapter, replay};
use crate::engine::read_rules;
use crate::routing::Rules;
use crate::store::{CallRow, OutboxRow, Store, StoreError};

/// A stored call, told.
pub struct Told {
    /// The call as it is now.
    pub row: CallRow,
    /// The rules it began with.
    pub rules: Rules,
    /// What happened and what came of it. The remarks are the stored ones, the rest was decided again.
    pub chapters: Vec<Chapter>,
    /// The commands, as stored.
    pub commands: Vec<OutboxRow>,
}

/// Why a call cannot be told.
#[derive(Debug, thiserror::Error)]
pub enum NotTold {
    /// The database cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// No call has this id.
    #[error("no call has an id that begins with `{0}`: `switchhook calls list` tells those there are")]
    Unknown(String),
    /// Several have.
    #[error("several calls have an id that begins with `{0}`: give more of it")]
    Several(String),
    /// Its rules are not there, or of another version of this program.
    #[error("the rules that the call began with cannot be read: {0}")]
    Rules(String),
}

/// Tells the call whose id begins so.
///
/// # Errors
/// There is none, or several; or it cannot be read.
pub async fn tell_call(store: &dyn Store, beginning: &str) -> Result<Told, NotTold> {
    let beginning = beginning.to_ascii_lowercase();
    // Nothing else stands in an id, and all else would mean something to `like`.
    let is_id = !beginning.is_empty() && beginning.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-');
    let mut rows = if is_id { store.calls_named(&beginning).await? } else { Vec::new() };
    let row = match (rows.pop(), rows.is_empty()) {
        (None, _) => return Err(NotTold::Unknown(beginning)),
        (Some(_), false) => return Err(NotTold::Several(beginning)),
        (Some(row), true) => row,
    };
    let hash = &row.state.rules.0;
    let rules = read_rules(store.rules(hash).await?.as_deref()).map_err(NotTold::Rules)?;
    let (journal, commands) = (store.journal(row.state.id).await?, store.outbox(row.state.id).await?);
    let mut chapters = replay(row.state.id, &rules, journal.iter().map(|row| (row.decided_at, &row.event)));
    as_remarked(&mut chapters, journal);
    Ok(Told { row, rules, chapters, commands })
}
