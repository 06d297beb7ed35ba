//! Lays the steps of all routes out in one table, each with the step after it.
//!
//! A step stands before those under its `on:` and `do:`, and these before the step that follows it: the table is in
//! the order of the file.

use std::collections::BTreeMap;

use super::read::{Draft, MenuDraft, OnKey, Todo, count};
use super::rules::{Action, Choice, Leads, Menu, Outcome, Place, Route, Step, StepId};
use crate::yaml::Spot;

/// The table, and what only the checks need to know of it.
#[derive(Default)]
pub(super) struct Table {
    pub routes: BTreeMap<String, Route>,
    pub steps: Vec<Step>,
    /// Beside each step: where it is written, and which step stands before it in its list.
    pub origins: Vec<Origin>,
    /// Where each route's name is written.
    pub names: BTreeMap<String, Spot>,
}

/// Where a step comes from.
#[derive(Clone, Copy)]
pub(super) struct Origin {
    pub at: Spot,
    pub before: Option<StepId>,
}

/// Lays the routes out in their order. A route of which no step could be read gets no place.
pub(super) fn lay_out(routes: &[(String, Spot, Vec<Draft>)]) -> Table {
    let mut table = Table::default();
    let mut first = 0;
    for (name, at, drafts) in routes.iter().filter(|(_, _, drafts)| !drafts.is_empty()) {
        table.routes.insert(name.clone(), Route { first: StepId(first), at: place(*at) });
        table.names.insert(name.clone(), *at);
        first += size_of(drafts);
    }
    for (_, _, drafts) in routes {
        table.list(drafts, None);
    }
    table
}

/// A spot as a place that is kept.
pub(super) fn place(at: Spot) -> Place {
    Place { file: at.file, line: at.line }
}

impl Table {
    pub fn step(&self, id: StepId) -> Option<&Step> {
        usize::try_from(id.0).ok().and_then(|index| self.steps.get(index))
    }

    /// Where a step is written.
    pub fn at(&self, id: StepId) -> Option<Spot> {
        usize::try_from(id.0).ok().and_then(|index| self.origins.get(index)).map(|origin| origin.at)
    }

    /// The line of a step.
    pub fn line(&self, id: StepId) -> u32 {
        self.at(id).map_or(0, |at| at.line)
    }

    /// One list; `after` is where its last step leads.
    fn list(&mut self, drafts: &[Draft], after: Option<StepId>) {
        let mut before = None;
        for (index, draft) in drafts.iter().enumerate() {
            let id = u32::try_from(self.steps.len()).unwrap_or(u32::MAX);
            let last = index + 1 == drafts.len();
            let next = if last { after } else { Some(StepId(id + size(draft))) };
            self.put(draft, id, next, before);
            before = Some(StepId(id));
        }
    }

    fn put(&mut self, draft: &Draft, id: u32, next: Option<StepId>, before: Option<StepId>) {
        let mut free = id + 1;
        let mut inner: Vec<(&[Draft], Option<StepId>)> = Vec::new();
        let mut take = |drafts, after| {
            let first = StepId(free);
            free += size_of(drafts);
            inner.push((drafts, after));
            first
        };
        let action = match &draft.todo {
            Todo::Act(action) => action.clone(),
            // A route without a place could not be read, and then no rules come of this table.
            Todo::Goto(route) => match self.routes.get(route) {
                Some(found) => Action::Goto { route: route.clone(), first: found.first },
                None => Action::Hangup,
            },
            Todo::Away(drafts) => Action::Goto { route: "[...]".to_owned(), first: take(drafts, None) },
            Todo::Do(drafts) => Action::Do { first: take(drafts, next) },
            Todo::Menu(draft) => Action::Menu(menu(draft, |drafts| take(drafts, next))),
        };
        let mut on: BTreeMap<Outcome, StepId> =
            draft.on.iter().map(|(outcome, drafts)| (*outcome, take(drafts, next))).collect();
        // Whoever says nothing of a wrong key at last means it too.
        if let Some(first) = on.get(&Outcome::Exhausted).copied() {
            on.entry(Outcome::Invalid).or_insert(first);
        }
        self.steps.push(Step { at: place(draft.at), when: draft.when.clone(), action, on, next });
        self.origins.push(Origin { at: draft.at, before });
        for (drafts, after) in inner {
            self.list(drafts, after);
        }
    }
}

/// A menu, with the first step of each key as `take` places it.
fn menu<'d>(draft: &'d MenuDraft, mut take: impl FnMut(&'d [Draft]) -> StepId) -> Menu {
    let mut choice = |at, does: &'d OnKey| {
        let leads = match does {
            OnKey::Again => Leads::Again,
            OnKey::Steps(drafts) => Leads::To(take(drafts)),
        };
        Choice { at: place(at), leads }
    };
    Menu {
        name: draft.name.clone(),
        greeting: draft.greeting.clone(),
        keys: draft.keys.iter().map(|(key, at, does)| (*key, choice(*at, does))).collect(),
        timeout: draft.timeout,
        tries: draft.tries,
        invalid: draft.invalid.clone(),
    }
}

fn size_of(drafts: &[Draft]) -> u32 {
    u32::try_from(count(drafts)).unwrap_or(u32::MAX)
}

fn size(draft: &Draft) -> u32 {
    size_of(std::slice::from_ref(draft))
}
