//! What must hold of the notices of a call, whatever happens to it and to those who are told.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde_json::Value;

use super::diary::Heard;
use super::memory::Row;
use super::trouble::{Ill, Illness, Trouble};
use crate::call::{Chapter, CommandId, EndWhy, Kind, Refusal, Remark, StepWord, Verdict};
use crate::hall::notices::PATIENCE;
use crate::routing::{Action, Hook, Place, Rules};

/// The last pause before a notice is given up.
const LAST_REST: Duration = Duration::from_secs(300);

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
    missed(chapters, &notices, rules, &mut broken);
    left(chapters, &notices, rules, &mut broken);
    notices.iter().for_each(|(id, row)| outcome(*id, row, heard, trouble, &mut broken));
    broken
}

/// Who is to be told that it was missed, and who is.
fn missed(chapters: &[Chapter], notices: &[(CommandId, &Row)], rules: &Rules, broken: &mut Vec<String>) {
    let Some(last) = chapters.last() else { return };
    let call = &last.decision.call;
    let mut wanted: BTreeSet<&str> = if is_missed(chapters) {
        let hooks = rules.entry(&call.to).map(|entry| entry.on_missed.as_slice()).unwrap_or_default();
        hooks.iter().map(|hook| hook.url.as_str()).collect()
    } else {
        BTreeSet::new()
    };
    // Nor was a message left, where there was one to leave.
    wanted.extend(mailboxes(chapters, false).flat_map(|at| hooks_of(at, rules)));
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
        if !wanted.contains(url) {
            broken.push("somebody is told that it was missed, and it was not, or it is not his".to_owned());
        }
    }
    if wanted.iter().any(|url| !told.contains(url)) {
        broken.push("it was missed, and somebody is not told".to_owned());
    }
}

/// Each message is told to everybody whom its mailbox names, once, with where it can be heard.
fn left(chapters: &[Chapter], notices: &[(CommandId, &Row)], rules: &Rules, broken: &mut Vec<String>) {
    let mut wanted: BTreeMap<&str, u32> = BTreeMap::new();
    for url in mailboxes(chapters, true).flat_map(|at| hooks_of(at, rules)) {
        *wanted.entry(url).or_default() += 1;
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

/// The mailboxes that a message was left in, or none, each by the place of its step.
fn mailboxes(chapters: &[Chapter], left: bool) -> impl Iterator<Item = Place> {
    chapters.iter().flat_map(|chapter| &chapter.decision.remarks).filter_map(move |remark| {
        if let Remark::MessageLeft { at, .. } = remark {
            left.then_some(*at)
        } else if let Remark::MessageLost { at } = remark {
            (!left).then_some(*at)
        } else {
            None
        }
    })
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

/// Whether a call that the rules took ended without a talk, and not since they turn the caller away.
fn is_missed(chapters: &[Chapter]) -> bool {
    let (mut routed, mut rejected, mut missed) = (false, false, false);
    for remark in chapters.iter().flat_map(|chapter| &chapter.decision.remarks) {
        if let Remark::Connected { .. } = remark {
            return false;
        } else if let Remark::RouteChosen { .. } = remark {
            routed = true;
        } else if let Remark::StepBegan { step, .. } = remark {
            rejected = *step == StepWord::Reject;
        } else if let Remark::Ends { why } = remark {
            missed = routed && !(rejected && *why == EndWhy::Step);
        }
    }
    missed
}

/// What became of a notice, by those who were to hear it.
fn outcome(id: CommandId, row: &Row, heard: &[Heard], trouble: &Trouble, broken: &mut Vec<String>) {
    let id = id.to_string();
    let of_it = |one: &&Heard| one.id == id && one.url == row.request.path;
    let taken = heard.iter().filter(of_it).any(|one| one.taken);
    let host = host(&row.request.path);
    let ill = trouble.ills.iter().find(|ill| ill.host == host);
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

fn host(url: &str) -> String {
    Hook { url: url.to_owned() }.host().to_owned()
}
