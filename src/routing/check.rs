//! What can be proved of a table of steps without running a call: that every step can be reached, that nothing goes
//! round for ever, that only ringing callers are rejected, and that no caller is dropped without a word.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::layout::Table;
use super::problem::{Findings, short};
use super::rules::{Action, Defaults, Order, Outcome, Ring, RingAsked, Step, StepId};
use crate::yaml::Spot;

/// Tells what is wrong with the steps of a table; calls begin at `entries`.
pub(super) fn check(table: &Table, entries: impl Iterator<Item = StepId>, defaults: &Defaults, found: &mut Findings) {
    let answer_after = defaults.ringback.as_ref().map(|_| defaults.answer_after);
    let mut walk = Walk { table, answer_after, met: BTreeMap::new(), ends: BTreeMap::new() };
    entries.for_each(|first| walk.from(first));
    let unused: Vec<_> = table.routes.iter().filter(|(_, route)| !walk.met.contains_key(&route.first)).collect();
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
    silent_ends(table, &walk, whole, found);
    if answer_after.is_none() {
        silent_rings(table, &walk, found);
    }
}

/// How a caller comes to a step.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Caller {
    answered: bool,
    /// Whether the last thing was a text or audio.
    spoken_to: bool,
    /// The longest that phones can have rung while he was not answered.
    waited: Duration,
}

const NEW: Caller = Caller { answered: false, spoken_to: false, waited: Duration::ZERO };
/// How much longer than the rules say a ring can take: commands and news have a way to go.
const WAY: Duration = Duration::from_secs(5);

/// Every way in which callers come to every step.
struct Walk<'t> {
    table: &'t Table,
    /// When a caller who waits is picked up, if he is.
    answer_after: Option<Duration>,
    met: BTreeMap<StepId, BTreeSet<Caller>>,
    /// Steps after which the list is over, and with whom.
    ends: BTreeMap<StepId, BTreeSet<Caller>>,
}

impl Walk<'_> {
    fn from(&mut self, first: StepId) {
        let mut waiting = vec![(first, NEW)];
        while let Some((id, caller)) = waiting.pop() {
            if !self.met.entry(id).or_default().insert(caller) {
                continue;
            }
            let Some(step) = step(self.table, id) else { continue };
            for (next, caller) in leads(step, caller, self.answer_after) {
                match next {
                    Some(next) => waiting.push((next, caller)),
                    None => drop(self.ends.entry(id).or_default().insert(caller)),
                }
            }
        }
    }
}

fn step(table: &Table, id: StepId) -> Option<&Step> {
    usize::try_from(id.0).ok().and_then(|index| table.steps.get(index))
}

/// Where a step leads a caller, and how the caller is then; `None` is the end of the list.
fn leads(step: &Step, caller: Caller, answer_after: Option<Duration>) -> Vec<(Option<StepId>, Caller)> {
    let answered = Caller { answered: true, ..NEW };
    let mut ways = Vec::new();
    match &step.action {
        Action::Answer => ways.push((step.next, answered)),
        Action::Say(_) | Action::Play(_) => ways.push((step.next, Caller { spoken_to: true, ..answered })),
        Action::Ring(_) | Action::Transfer(_) => {
            let nexts = step.on.values().map(|first| Some(*first)).chain(falls_through(step).then_some(step.next));
            let after = after_waiting(&step.action, caller, answer_after);
            ways.extend(nexts.flat_map(|next| after.iter().map(move |caller| (next, *caller))));
        }
        Action::Menu(menu) => {
            let heard = Caller { spoken_to: true, ..answered };
            ways.extend(menu.firsts().chain(step.on.values().copied()).map(|first| (Some(first), heard)));
            ways.extend(falls_through(step).then_some((step.next, heard)));
        }
        // A message is an end that a caller may be left with.
        Action::Voicemail(_) => ways.push((step.next, Caller { spoken_to: true, ..answered })),
        Action::Reject(_) | Action::Hangup => {}
        Action::Goto { first, .. } | Action::Do { first } => ways.push((Some(*first), caller)),
    }
    if step.when.is_some() {
        ways.push((step.next, caller));
    }
    ways
}

/// Whether an outcome of it leads to the next step.
fn falls_through(step: &Step) -> bool {
    outcomes(&step.action).iter().any(|outcome| !step.on.contains_key(outcome))
}

/// How a caller can be when phones have rung for him: in a ring that is long enough, he may have been picked up.
fn after_waiting(action: &Action, caller: Caller, answer_after: Option<Duration>) -> Vec<Caller> {
    let Some(answer_after) = answer_after.filter(|_| !caller.answered) else {
        return vec![Caller { spoken_to: false, ..caller }];
    };
    let (rung, can_pick_up) = match action {
        Action::Ring(ring) => (longest(ring), true),
        Action::Transfer(transfer) => (transfer.ring_for, false),
        Action::Answer
        | Action::Say(_)
        | Action::Play(_)
        | Action::Menu(_)
        | Action::Voicemail(_)
        | Action::Reject(_)
        | Action::Hangup
        | Action::Goto { .. }
        | Action::Do { .. } => (Duration::ZERO, false),
    };
    let waited = (caller.waited + rung + WAY).min(answer_after);
    let mut ways = vec![Caller { waited, ..NEW }];
    if can_pick_up && waited == answer_after {
        ways.push(Caller { answered: true, ..NEW });
    }
    ways
}

/// The longest a ring can last.
fn longest(ring: &Ring) -> Duration {
    let each = ring.members.iter().map(|member| member.delay + member.ring_for);
    let all = match ring.order {
        Order::Simultaneous => each.max().unwrap_or_default(),
        Order::Sequential => each.sum(),
    };
    ring.timeout.map_or(all, |timeout| timeout.min(all))
}

fn outcomes(action: &Action) -> &'static [Outcome] {
    match action {
        Action::Ring(ring) if ring.asked != RingAsked::Dial => &[Outcome::NoAnswer, Outcome::Declined, Outcome::Failed],
        Action::Ring(_) | Action::Transfer(_) => {
            &[Outcome::Busy, Outcome::NoAnswer, Outcome::Declined, Outcome::Failed]
        }
        Action::Menu(_) => &[Outcome::Invalid, Outcome::Exhausted],
        Action::Answer
        | Action::Say(_)
        | Action::Play(_)
        | Action::Voicemail(_)
        | Action::Reject(_)
        | Action::Hangup
        | Action::Goto { .. }
        | Action::Do { .. } => &[],
    }
}

/// Steps that stand after one which never leads on; of several in a row the first.
fn unreachable(table: &Table, walk: &Walk<'_>, found: &mut Findings) {
    for (id, origin) in (0..).map(StepId).zip(&table.origins) {
        if let Some(before) = origin.before
            && !walk.met.contains_key(&id)
            && walk.met.contains_key(&before)
        {
            let line = line(table, before);
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
    let next = |id: StepId| {
        step(table, id).map(|step| leads(step, NEW, None)).unwrap_or_default().into_iter().filter_map(|(next, _)| next)
    };
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
    let gotos = circle.filter_map(|id| match step(table, id).map(|step| &step.action) {
        Some(Action::Goto { route, .. }) => Some(format!("line {} `goto: {}`", line(table, id), short(route))),
        Some(_) | None => None,
    });
    let mut way: Vec<String> = gotos.take(MOST + 1).collect();
    if way.len() > MOST {
        way.truncate(MOST);
        way.push("and so on".to_owned());
    }
    if let Some(at) = origin(table, closing) {
        found.error(at, format!("the call would go round for ever: {}", way.join(", ")));
    }
}

fn late_rejects(table: &Table, walk: &Walk<'_>, whole: bool, found: &mut Findings) {
    for (id, callers) in &walk.met {
        let reject = step(table, *id).is_some_and(|step| matches!(step.action, Action::Reject(_)));
        let Some(at) = origin(table, *id).filter(|_| reject) else { continue };
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
    for (id, callers) in &walk.met {
        let rings = step(table, *id).is_some_and(|step| matches!(step.action, Action::Ring(_)));
        let Some(at) = origin(table, *id).filter(|_| rings) else { continue };
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
fn silent_ends(table: &Table, walk: &Walk<'_>, whole: bool, found: &mut Findings) {
    for (id, callers) in &walk.ends {
        let silent = |answered: bool| callers.iter().any(|caller| !caller.spoken_to && caller.answered == answered);
        let Some(at) = origin(table, *id) else { continue };
        if silent(true) {
            let message = "after this step the list can be over, and an answered caller is hung up on without a word: \
                           add a message, or `hangup` if that is meant";
            // A step that could not be read may be the one that is missing here.
            if whole {
                found.objection(at, message);
            }
        } else if silent(false) {
            found.warning(
                at,
                "after this step the list can be over, and the caller is turned away as if the line were busy, without \
                 a word: add a message, or `reject: busy` if that is meant",
            );
        }
    }
}

fn origin(table: &Table, id: StepId) -> Option<Spot> {
    usize::try_from(id.0).ok().and_then(|index| table.origins.get(index)).map(|origin| origin.at)
}

fn line(table: &Table, id: StepId) -> u32 {
    origin(table, id).map_or(0, |at| at.line)
}
