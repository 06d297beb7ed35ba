//! A stored call decided again: its journal alone must bring about what is stored of it.

use crate::call::{CallId, Chapter, Command, replay};
use crate::engine::rendered;
use crate::routing::Rules;
use crate::store::{JournalRow, OutboxRow, Store, StoreError};

/// A stored call, told.
pub struct Again {
    /// What happened and what came of it. The remarks are the stored ones, the rest was decided again.
    pub chapters: Vec<Chapter>,
    /// The commands, as stored.
    pub commands: Vec<OutboxRow>,
    /// In what the call decided again differs from the stored one; in nothing, if all is well.
    pub differs: Vec<String>,
}

/// Decides the journal of a call again, by the `rules` it began with and with dials on `connection`, and compares remarks
/// and commands byte for byte with what is stored.
///
/// # Errors
/// The database cannot be read.
pub async fn decide_again(store: &dyn Store, id: CallId, rules: &Rules, connection: &str) -> Result<Again, StoreError> {
    let (journal, commands) = (store.journal(id).await?, store.outbox(id).await?);
    let mut chapters = replay(id, rules, journal.iter().map(|row| (row.decided_at, &row.event)));
    let mut differs: Vec<String> =
        chapters.iter().zip(&journal).filter_map(|(chapter, row)| other(chapter, row)).collect();
    differs.extend(other_commands(&chapters, &commands, connection));
    as_remarked(&mut chapters, journal);
    Ok(Again { chapters, commands, differs })
}

/// Tells chapters by what was remarked when they were decided.
pub(super) fn as_remarked(chapters: &mut [Chapter], journal: Vec<JournalRow>) {
    for (chapter, row) in chapters.iter_mut().zip(journal) {
        chapter.decision.remarks = row.remarks;
    }
}

/// In what an event was decided otherwise.
fn other(chapter: &Chapter, row: &JournalRow) -> Option<String> {
    let decision = &chapter.decision;
    let same = [("version", decision.call.version == row.version), ("remarks", decision.remarks == row.remarks)];
    Some(format!("event {}: {}", row.event.id.0, others(&same)?))
}

fn other_commands(chapters: &[Chapter], stored: &[OutboxRow], connection: &str) -> Vec<String> {
    let again = chapters.iter().map(|chapter| &chapter.decision);
    let again: Vec<(u64, &Command)> =
        again.flat_map(|decision| decision.commands.iter().map(|command| (decision.call.version, command))).collect();
    let mut differs = Vec::new();
    if again.len() != stored.len() {
        differs.push(format!("{} commands are stored, and {} decided again", stored.len(), again.len()));
    }
    for (no, ((version, command), row)) in (1..).zip(again.into_iter().zip(stored)) {
        let request = rendered(command, connection);
        let same = [
            ("place", row.seq == no),
            ("version", row.version == version),
            ("id", row.id == command.id),
            ("kind", row.kind == command.verb.kind()),
            ("leg", row.leg == command.leg),
            ("path", row.path == request.path),
            ("body", row.body == request.body),
        ];
        differs.extend(others(&same).map(|others| format!("command {no}, {}: {others}", row.kind.word())));
    }
    differs
}

/// `another path and body`, if those are not the same.
fn others(same: &[(&str, bool)]) -> Option<String> {
    let others: Vec<&str> = same.iter().filter(|(_, same)| !same).map(|(what, _)| *what).collect();
    (!others.is_empty()).then(|| format!("another {}", others.join(" and ")))
}
