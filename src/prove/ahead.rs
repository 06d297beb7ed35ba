//! What a call would meet: the steps it comes to if nobody takes it, where else it may go, and why each guard holds or
//! does not. Hours are looked up for the moment at which the call begins.

use std::collections::BTreeSet;
use std::fmt;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::Serialize;

use super::says::does;
use crate::phone::Party;
use crate::routing::{Action, Led, Outcome, Rules, Step, StepId, moment};

/// How deep branches are told: deeper than anybody writes them.
const DEEPEST: usize = 40;
/// How many steps the sentence names.
const NAMED: usize = 6;

/// What a call would meet.
#[derive(Clone, Debug, Serialize)]
pub struct Ahead {
    /// It in one sentence.
    pub gist: String,
    /// The route it takes; `None`: no line takes it.
    pub route: Option<String>,
    /// Where that is said: `FILE:LINE`.
    pub at: Option<String>,
    /// The steps it meets if nobody takes it.
    pub steps: Vec<Meets>,
}

/// A step that a call comes to.
#[derive(Clone, Debug, Serialize)]
pub struct Meets {
    /// Its line.
    pub line: u32,
    /// Its key in the file.
    pub step: &'static str,
    /// What it does.
    pub does: String,
    /// Whether its guard holds; `None`: it has none.
    pub holds: Option<bool>,
    /// Why that is so.
    pub why: Option<String>,
    /// What leads on to the step told next, where several things may.
    pub then: Option<String>,
    /// Where else it may lead.
    pub branches: Vec<Branch>,
    /// What follows from there is told at its line already.
    pub told_before: bool,
}

/// Somewhere else that a step may lead.
#[derive(Clone, Debug, Serialize)]
pub struct Branch {
    /// What leads there: `busy`, `key 1`.
    pub on: String,
    /// The steps there, until it comes to those after the step it belongs to.
    pub steps: Vec<Meets>,
}

impl Ahead {
    /// What a call from `from` to `to` at a moment would meet; `zone` is whose clock the moment is told by.
    pub fn of(rules: &Rules, from: &Party, to: &Party, at: Timestamp, zone: &TimeZone) -> Self {
        let who = if *from == Party::Withheld { "a withheld number".to_owned() } else { from.to_string() };
        let call = format!("A call from {who} to {to} on {}", moment(at, zone));
        let Some(entry) = rules.entry(to) else {
            let gist = format!("{call} is declined: no line takes calls to this number");
            return Self { gist, route: None, at: None, steps: Vec::new() };
        };
        let mut ahead = Walker { rules, from, to, at, told: BTreeSet::new() };
        let steps = ahead.list(entry.first, None, 0);
        let gist = format!("{call} takes route `{}`: {}", entry.route, ahead.named(entry.first));
        Self { gist, route: Some(entry.route.clone()), at: Some(rules.place(entry.at)), steps }
    }
}

struct Walker<'r> {
    rules: &'r Rules,
    from: &'r Party,
    to: &'r Party,
    at: Timestamp,
    /// The steps told so far.
    told: BTreeSet<StepId>,
}

impl<'r> Walker<'r> {
    /// The steps from one on, until the list is over or comes to `join`; then where else each of them leads.
    fn list(&mut self, first: StepId, join: Option<StepId>, depth: usize) -> Vec<Meets> {
        let mut meets = Vec::new();
        let mut entered = Vec::new();
        for (step, id) in self.chain(first, join) {
            let told_before = !self.told.insert(id) || depth > DEEPEST;
            meets.push(self.meets(step, told_before));
            entered.push(step);
            if told_before {
                break;
            }
        }
        for (step, meets) in entered.into_iter().zip(&mut meets) {
            if !meets.told_before && meets.holds != Some(false) {
                meets.branches = self.branches(step, depth);
            }
        }
        meets
    }

    /// The steps that follow on each other if nobody takes the call and no key is pressed.
    fn chain(&self, first: StepId, join: Option<StepId>) -> Vec<(&'r Step, StepId)> {
        let mut chain = Vec::new();
        let mut next = Some(first);
        // No way is longer than there are steps.
        while let Some(id) = next.filter(|id| Some(*id) != join && chain.len() <= self.rules.steps.len()) {
            let Some(step) = self.rules.step(id) else { break };
            chain.push((step, id));
            next = self.next(step);
        }
        chain
    }

    fn holds(&self, step: &Step) -> Option<bool> {
        step.when.as_ref().map(|when| when.holds(self.from, self.to, self.at))
    }

    fn next(&self, step: &Step) -> Option<StepId> {
        let by = if self.holds(step) == Some(false) { Led::Passed } else { mostly(&step.action) };
        step.ways().into_iter().find(|way| way.by == by).and_then(|way| way.to)
    }

    /// Whether the list is over after it, for want of another step.
    fn is_last(&self, step: &Step) -> bool {
        let ends = matches!(step.action, Action::Reject(_) | Action::Hangup) && self.holds(step) != Some(false);
        !ends && self.next(step).is_none()
    }

    fn meets(&self, step: &Step, told_before: bool) -> Meets {
        let holds = self.holds(step);
        let then = match mostly(&step.action) {
            Led::Outcome(outcome) if holds != Some(false) => Some(self.then(step, outcome)),
            Led::Outcome(_) | Led::Done | Led::Passed | Led::Key(_) => {
                self.is_last(step).then(|| "the call is over".to_owned())
            }
        };
        Meets {
            line: step.at.line,
            step: step.action.word(),
            does: does(&step.action, self.from, self.to, false),
            holds,
            why: step.when.as_ref().map(|when| when.why(self.from, self.to, self.at)),
            then,
            branches: Vec::new(),
            told_before,
        }
    }

    fn then(&self, step: &Step, outcome: Outcome) -> String {
        let why = match outcome {
            Outcome::Exhausted | Outcome::Invalid => "no key is pressed",
            Outcome::NoAnswer | Outcome::Busy | Outcome::Declined | Outcome::Failed => "nobody takes it",
        };
        match self.next(step).and_then(|id| self.rules.step(id)) {
            Some(next) => format!("if {why}, line {} follows", next.at.line),
            None => format!("if {why}, the call is over"),
        }
    }

    /// Where a step leads that it does not lead mostly.
    fn branches(&mut self, step: &Step, depth: usize) -> Vec<Branch> {
        let mostly = mostly(&step.action);
        let mut branches = Vec::new();
        for way in step.ways().into_iter().filter(|way| way.by != mostly && way.by != Led::Passed) {
            if let Some(to) = way.to.filter(|to| Some(*to) != step.next) {
                branches.push(Branch { on: way.by.to_string(), steps: self.list(to, step.next, depth + 1) });
            }
        }
        branches
    }

    /// What is done to the caller on the way, in a sentence.
    fn named(&self, first: StepId) -> String {
        let chain = self.chain(first, None);
        let over = chain.last().is_some_and(|(step, _)| self.is_last(step));
        let mut does: Vec<String> = chain
            .into_iter()
            .map(|(step, _)| step)
            .filter(|step| self.holds(step) != Some(false) && is_felt(&step.action))
            .map(|step| does(&step.action, self.from, self.to, true))
            .collect();
        if does.len() > NAMED {
            does.truncate(NAMED);
            does.push("so on".to_owned());
        } else if over {
            does.push("the call is over".to_owned());
        }
        does.join("; then ")
    }
}

/// What leads on from a step if nobody takes the call and no key is pressed.
fn mostly(action: &Action) -> Led {
    match action {
        Action::Ring(_) | Action::Transfer(_) => Led::Outcome(Outcome::NoAnswer),
        Action::Menu(_) => Led::Outcome(Outcome::Exhausted),
        Action::Answer | Action::Say(_) | Action::Play(_) | Action::Voicemail(_) | Action::Reject(_) => Led::Done,
        Action::Hangup | Action::Goto { .. } | Action::Do { .. } => Led::Done,
    }
}

/// Whether a caller notices it.
fn is_felt(action: &Action) -> bool {
    match action {
        Action::Goto { .. } | Action::Do { .. } => false,
        Action::Answer | Action::Say(_) | Action::Play(_) | Action::Ring(_) => true,
        Action::Transfer(_) | Action::Menu(_) | Action::Voicemail(_) | Action::Reject(_) | Action::Hangup => true,
    }
}

/// The sentence, then a line for each step, and those of its branches below it.
impl fmt::Display for Ahead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.gist)?;
        if let (Some(route), Some(at)) = (&self.route, &self.at) {
            writeln!(f, "\n{at}  route `{route}`")?;
        }
        tell(&self.steps, 0, f)
    }
}

fn tell(steps: &[Meets], indent: usize, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let space = " ".repeat(4 * indent);
    for meets in steps {
        write!(f, "{space}{:>5}  {:<9} ", meets.line, meets.step)?;
        match (meets.holds, meets.why.as_deref().unwrap_or_default()) {
            (Some(false), why) => write!(f, "passed over: {why}")?,
            (Some(true), why) => write!(f, "{} (since {why})", meets.does)?,
            (None, _) => f.write_str(&meets.does)?,
        }
        if let Some(then) = &meets.then {
            write!(f, "; {then}")?;
        }
        f.write_str(if meets.told_before { "; as told before\n" } else { "\n" })?;
        for branch in &meets.branches {
            writeln!(f, "{space}       on {}:", branch.on)?;
            tell(&branch.steps, indent + 1, f)?;
        }
    }
    Ok(())
}
