//! What must hold of the notices of a call, whatever happens to it and to those who are told.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde_json::Value;

use super::diary::Heard;
use super::memory::Row;
use super::trouble::{Ill, Illness, Trouble};
use crate::call::{Chapter, CommandId, EndWhy, Kind, News, Refusal, Remark, StepWord, Verdict, What};
use crate::hall::notices::PATIENCE;
use crate::routing::{Action, Entry, Hook, Place, Rules};

/// The last pause before a notice is given up.
const LAST_REST: Duration = Duration::from_secs(300);

/// What came of a mailbox: how often a caller came to it, and how often it was told that he left a message, or none.
#[derive(Default)]
struct Visits {
    began: u32,
    left: u32,
    lost: u32,
}

/// Everything that does not hold, a sentence each.
pub(super) fn check(
    chapters: &[Chapter],
    rows: &[(CommandId, &Row)],
    rules: &Rules,
    heard: &[Heard],
    trouble: &Trouble,
) -> Vec<String> {
    let mut broken = Vec::new();
    let notices: Vec<_> = rows.iter().filter(|(_, row)| row.kind == Kind::Notify).copied().collect();
    let visits = visits(chapters);
    missed(chapters, &visits, &notices, rules, &mut broken);
    left(&visits, &notices, rules, &mut broken);
    // A message that comes after it was given up takes the place of none.
    let once = |all: &Visits| all.left <= all.began && all.lost <= all.began && all.began <= all.left + all.lost;
    for Visits { began, left, lost } in visits.values().filter(|all| !once(all)) {
        broken.push(format!(
            "a caller comes to a mailbox {began} times: {left} messages are told, and {lost} times none"
        ));
    }
    notices.iter().for_each(|(id, row)| outcome(*id, row, heard, trouble, &mut broken));
    broken
}

/// Who is to be told that it was missed, and who is.
fn missed(
    chapters: &[Chapter],
    visits: &BTreeMap<Place, Visits>,
    notices: &[(CommandId, &Row)],
    rules: &Rules,
    broken: &mut Vec<String>,
) {
    let Some(last) = chapters.last() else { return };
    let call = &last.decision.call;
    let hooks = missed_by(chapters, rules).map(|entry| entry.on_missed.as_slice()).unwrap_or_default();
    let mut wanted: BTreeSet<&str> = hooks.iter().map(|hook| hook.url.as_str()).collect();
    let mut may_be = wanted.clone();
    // Nor was a message left, where there was one to leave. One that came late may have come before that was told.
    for (at, of_it) in visits.iter().filter(|(_, of_it)| of_it.lost > 0 && !talked(chapters)) {
        may_be.extend(hooks_of(*at, rules));
        wanted.extend(hooks_of(*at, rules).into_iter().filter(|_| of_it.left < of_it.began));
    }
    let mut told = BTreeSet::new();
    for (id, row) in notices {
        let body: Value = serde_json::from_slice(&row.request.body).unwrap_or_default();
        let says = |name: &str, text: &str| body.get(name).and_then(Value::as_str).unwrap_or_default() == text;
        let parties = says("from", call.from.as_str()) && says("to", call.to.as_str());
        if !(says("id", &id.to_string()) && says("call", &call.id.to_string()) && parties) {
            broken.push(format!("a notice says something else than what was: {body}"));
        }
        let url = row.request.path.as_str();
        if !says("type", "call.missed") {
            continue;
        }
        if !told.insert(url) {
            broken.push("somebody is told twice that it was missed".to_owned());
        }
        if !may_be.contains(url) {
            broken.push("somebody is told that it was missed, and it was not, or it is not his".to_owned());
        }
    }
    if wanted.iter().any(|url| !told.contains(url)) {
        broken.push("it was missed, and somebody is not told".to_owned());
    }
}

/// Each message is told to everybody whom its mailbox names, once, with where it can be heard.
fn left(visits: &BTreeMap<Place, Visits>, notices: &[(CommandId, &Row)], rules: &Rules, broken: &mut Vec<String>) {
    let mut wanted: BTreeMap<&str, u32> = BTreeMap::new();
    for (at, of_it) in visits.iter().filter(|(_, of_it)| of_it.left > 0) {
        hooks_of(*at, rules).into_iter().for_each(|url| *wanted.entry(url).or_default() += of_it.left);
    }
    let mut told: BTreeMap<&str, u32> = BTreeMap::new();
    for (_, row) in notices {
        let body: Value = serde_json::from_slice(&row.request.body).unwrap_or_default();
        if body.get("type").and_then(Value::as_str) == Some("call.voicemail") {
            *told.entry(row.request.path.as_str()).or_default() += 1;
            if !body.pointer("/recording/url").is_some_and(Value::is_string) {
                broken.push("somebody is told of a message, and not where it can be heard".to_owned());
            }
        }
    }
    if wanted != told {
        broken.push(format!("of {wanted:?} who are to hear of messages, {told:?} are told"));
    }
}

/// The mailboxes that the caller came to, each by the place of its step.
fn visits(chapters: &[Chapter]) -> BTreeMap<Place, Visits> {
    let mut visits: BTreeMap<Place, Visits> = BTreeMap::new();
    for remark in remarks(chapters) {
        if let Remark::StepBegan { at, step: StepWord::Voicemail } = remark {
            visits.entry(*at).or_default().began += 1;
        } else if let Remark::MessageLeft { at, .. } = remark {
            visits.entry(*at).or_default().left += 1;
        } else if let Remark::MessageLost { at } = remark {
            visits.entry(*at).or_default().lost += 1;
        }
    }
    visits
}

fn remarks(chapters: &[Chapter]) -> impl Iterator<Item = &Remark> {
    chapters.iter().flat_map(|chapter| &chapter.decision.remarks)
}

/// Whether the caller talked with somebody.
fn talked(chapters: &[Chapter]) -> bool {
    remarks(chapters).any(|remark| matches!(remark, Remark::Connected { .. }))
}

/// Whom a mailbox names, each once.
fn hooks_of(at: Place, rules: &Rules) -> BTreeSet<&str> {
    let mailbox = rules
        .steps
        .iter()
        .filter(|step| step.at == at)
        .find_map(|step| if let Action::Voicemail(mailbox) = &step.action { Some(mailbox) } else { None });
    mailbox.into_iter().flat_map(|mailbox| &mailbox.notify).map(|hook| hook.url.as_str()).collect()
}

/// The line of a call that ended without a talk, and not since the rules turn the caller away. Whenever we hear that he
/// called, if need be after his hangup, he did.
fn missed_by<'r>(chapters: &[Chapter], rules: &'r Rules) -> Option<&'r Entry> {
    let called = chapters.iter().find_map(|chapter| {
        if let What::Leg { news: News::Arrived { to, .. }, .. } = &chapter.event.what { Some(to) } else { None }
    });
    let (mut rejects, mut rejected) = (false, false);
    for remark in remarks(chapters) {
        if let Remark::StepBegan { step, .. } = remark {
            rejects = *step == StepWord::Reject;
        } else if let Remark::Ends { why } = remark {
            rejected = rejects && *why == EndWhy::Step;
        }
    }
    let goes_on = chapters.last().is_some_and(|last| last.decision.call.phase.is_under_way());
    rules.entry(called?).filter(|_| !(rejected || goes_on || talked(chapters)))
}

/// What became of a notice, by those who were to hear it.
fn outcome(id: CommandId, row: &Row, heard: &[Heard], trouble: &Trouble, broken: &mut Vec<String>) {
    let id = id.to_string();
    let of_it = |one: &&Heard| one.id == id && one.url == row.request.path;
    let taken = heard.iter().filter(of_it).any(|one| one.taken);
    let ill = trouble.ills.iter().find(|ill| ill.host == Hook::host_of(&row.request.path));
    let is = |how: Ill| ill.is_some_and(|ill| ill.how == how);
    match &row.verdict {
        Some(Verdict::Accepted { .. }) if !taken => {
            broken.push("a notice counts as taken, and nobody has heard it".to_owned());
        }
        // That it never had an outcome is told of every command.
        Some(Verdict::Accepted { .. }) | None => {}
        Some(Verdict::Refused { why: Refusal::Unavailable, .. }) if ill.is_some_and(outlasts) => {}
        Some(Verdict::Refused { why: Refusal::Invalid, .. }) if is(Ill::Gone) => {}
        Some(Verdict::Refused { why: Refusal::Unavailable, .. }) => {
            broken.push("a notice is given up that would have been taken".to_owned());
        }
        Some(verdict) => broken.push(format!("a notice ends as {}", verdict.word())),
    }
}

/// Whether somebody is ill for as long as he is told the same thing.
fn outlasts(ill: &Illness) -> bool {
    ill.lasts + LAST_REST >= PATIENCE
}
