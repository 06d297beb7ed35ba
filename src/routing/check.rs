//! What can be proved of a table of steps without running a call: that every step can be reached, that nothing goes
//! round for ever, that only ringing callers are rejected, and that no caller is dropped without a word.

use std::collections::{BTreeMap, BTreeSet};

use super::layout::Table;
use super::problem::{Findings, short};
use super::rules::{Action, Defaults, StepId};
use super::wait::too_long;
use super::walk::{Caller, Walk};
use crate::yaml::Spot;

/// Tells what is wrong with the steps of a table; calls begin at `entries`.
pub(super) fn check(
    table: &Table,
    entries: impl Iterator<Item = StepId>,
    defaults: &Defaults,
    file: &str,
    found: &mut Findings,
) {
    let answer_after = defaults.ringback.as_ref().map(|_| defaults.answer_after);
    let mut walk = Walk::new(table, answer_after);
    entries.for_each(|first| walk.from(first));
    let unused: Vec<_> = table.routes.iter().filter(|(_, route)| !walk.meets(route.first)).collect();
    for (name, route) in unused {
        if let Some(at) = table.names.get(name) {
            found.warning(*at, "this route is not used: no number leads here");
        }
        walk.from(route.first);
    }
    // A step that could not be read may be the one that is missing here: first things first.
    let whole = !found.has_errors();
    unreachable(table, &walk, found);
    circles(table, found);
    late_rejects(table, &walk, whole, found);
    silent_ends(table, &walk, whole, file, found);
    if answer_after.is_none() {
        silent_rings(table, &walk, found);
    }
}

/// Tells which lines let a caller wait for longer than he may; calls of each begin at a step. Where something else is
/// wrong that comes first: what goes round for ever has no longest way.
pub(super) fn waits(table: &Table, lines: &[(Spot, StepId)], defaults: &Defaults, file: &str, found: &mut Findings) {
    if let Some(most) = defaults.max_wait.filter(|_| !found.has_errors()) {
        too_long(&table.steps, lines, most, file, found);
    }
}

/// Steps that stand after one which never leads on; of several in a row the first.
fn unreachable(table: &Table, walk: &Walk<'_>, found: &mut Findings) {
    for (id, origin) in (0..).map(StepId).zip(&table.origins) {
        if let Some(before) = origin.before
            && !walk.meets(id)
            && walk.meets(before)
        {
            let line = table.line(before);
            found.objection(origin.at, format!("this step is never reached: the one in line {line} never leads on"));
        }
    }
}

/// Ways that come back to where they were. Every pass would do the same, so none of them ends.
fn circles(table: &Table, found: &mut Findings) {
    #[derive(Clone, Copy, PartialEq, Eq)]
    enum Seen {
        Open,
        Done,
    }
    let next =
        |id: StepId| table.step(id).map(|step| step.ways()).unwrap_or_default().into_iter().filter_map(|way| way.to);
    let mut seen: BTreeMap<StepId, Seen> = BTreeMap::new();
    let firsts: BTreeSet<StepId> = table.routes.values().map(|route| route.first).collect();
    for first in firsts {
        if seen.contains_key(&first) {
            continue;
        }
        seen.insert(first, Seen::Open);
        let mut way = vec![(first, next(first))];
        while let Some((id, ways)) = way.last_mut() {
            let id = *id;
            match ways.next() {
                None => {
                    seen.insert(id, Seen::Done);
                    way.pop();
                }
                Some(to) => match seen.get(&to) {
                    None => {
                        seen.insert(to, Seen::Open);
                        way.push((to, next(to)));
                    }
                    Some(Seen::Open) => {
                        let circle = way.iter().map(|(id, _)| *id).skip_while(|id| *id != to);
                        tell_circle(table, id, circle, found);
                    }
                    Some(Seen::Done) => {}
                },
            }
        }
    }
}

fn tell_circle(table: &Table, closing: StepId, circle: impl Iterator<Item = StepId>, found: &mut Findings) {
    const MOST: usize = 12;
    let gotos = circle.filter_map(|id| match table.step(id).map(|step| &step.action) {
        Some(Action::Goto { route, .. }) => Some(format!("line {} `goto: {}`", table.line(id), short(route))),
        Some(_) | None => None,
    });
    let mut way: Vec<String> = gotos.take(MOST + 1).collect();
    if way.len() > MOST {
        way.truncate(MOST);
        way.push("and so on".to_owned());
    }
    if let Some(at) = table.at(closing) {
        found.error(at, format!("the call would go round for ever: {}", way.join(", ")));
    }
}

fn late_rejects(table: &Table, walk: &Walk<'_>, whole: bool, found: &mut Findings) {
    for (id, callers) in walk.met() {
        let reject = table.step(id).is_some_and(|step| matches!(step.action, Action::Reject(_)));
        let Some(at) = table.at(id).filter(|_| reject) else { continue };
        if !callers.iter().any(|caller| caller.answered) {
            continue;
        }
        if callers.iter().any(|caller| !caller.answered) {
            found.warning(
                at,
                "some callers come here answered, and an answered call cannot be rejected: it is hung up instead",
            );
        } else if whole {
            found.objection(at, "the call is answered by now and cannot be rejected: use `hangup`");
        }
    }
}

/// Steps in which an answered caller waits for somebody and hears nothing. A transfer has the sound of its own ringing.
fn silent_rings(table: &Table, walk: &Walk<'_>, found: &mut Findings) {
    for (id, callers) in walk.met() {
        let rings = table.step(id).is_some_and(|step| matches!(step.action, Action::Ring(_)));
        let Some(at) = table.at(id).filter(|_| rings) else { continue };
        if callers.iter().any(|caller| caller.answered) {
            found.warning(
                at,
                "the caller is answered by now and hears nothing while phones ring: \
                 set `ringback` under `defaults` to the address of an audio file",
            );
        }
    }
}

/// Lists that can be over without a word. An answered caller must not be hung up on so; one who is not answered is
/// rejected, which is an end, if perhaps not the one that was meant.
fn silent_ends(table: &Table, walk: &Walk<'_>, whole: bool, file: &str, found: &mut Findings) {
    for (id, callers) in walk.ends() {
        let silent = |answered: bool| {
            let silent = |caller: &&Caller| !caller.spoken_to && caller.answered == answered;
            callers.iter().find(silent).map(|caller| walk.way(id, *caller, file))
        };
        let Some(at) = table.at(id) else { continue };
        if let Some(way) = silent(true) {
            let message = "after this step the list can be over, and an answered caller is hung up on without a word: \
                           add a message, or `hangup` if that is meant";
            // A step that could not be read may be the one that is missing here.
            if whole {
                found.objection(at, format!("{message}; the way there: {way}"));
            }
        } else if let Some(way) = silent(false) {
            let message = "after this step the list can be over, and the caller is turned away as if the line were busy, \
                           without a word: add a message, or `reject: busy` if that is meant";
            found.warning(at, format!("{message}; the way there: {way}"));
        }
    }
}
