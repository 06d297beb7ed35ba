//! What a file says: read and typed, but not laid out as steps yet.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::phone::{Key, Number, Target};
use crate::routing::condition::Condition;
use crate::routing::hook::Hook;
use crate::routing::prompt::Prompt;
use crate::routing::rules::{Action, Defaults, Outbound, Outcome};
use crate::yaml::Spot;

/// What a file says.
pub struct Said {
    pub defaults: Defaults,
    pub numbers: Numbers,
    pub outbound: Outbound,
    /// The routes in the order of the file.
    pub routes: Vec<(String, Spot, Vec<Draft>)>,
}

/// Our lines.
#[derive(Default)]
pub struct Numbers {
    pub lines: BTreeMap<Number, Line>,
    /// The `"*"` line.
    pub rest: Option<Line>,
    /// A number could not be read.
    pub broken: bool,
    /// The routes that stand in their place, each with its number as its name.
    pub routes: Vec<(String, Spot, Vec<Draft>)>,
}

/// Where the calls of a line begin.
pub struct Line {
    pub at: Spot,
    /// The route; nothing, if it could not be read.
    pub route: Option<String>,
    /// Who is told of a call that was missed.
    pub on_missed: Vec<Hook>,
}

/// Somebody with a name.
#[derive(Clone)]
pub struct Person {
    pub target: Target,
    pub timeout: Option<Duration>,
}

/// Somebody who is to be rung.
#[derive(Clone)]
pub struct Callee {
    /// The person's name, or the number or address itself.
    pub name: String,
    pub target: Target,
    /// How long, if the person says so.
    pub timeout: Option<Duration>,
}

/// A step that is read, but not laid out yet.
#[derive(Clone)]
pub struct Draft {
    pub at: Spot,
    pub when: Option<Condition>,
    pub todo: Todo,
    pub on: Vec<(Outcome, Vec<Draft>)>,
}

/// What a step does, as far as it is known before all steps have their places.
#[derive(Clone)]
pub enum Todo {
    Act(Action),
    Goto(String),
    /// A route in its place: nothing follows on it.
    Away(Vec<Draft>),
    Do(Vec<Draft>),
    Menu(MenuDraft),
}

/// A menu that is read. Its steps are laid out wherever it is used: where they fall through to is another step there.
#[derive(Clone)]
pub struct MenuDraft {
    pub name: String,
    pub greeting: Prompt,
    pub keys: Vec<(Key, Spot, OnKey)>,
    pub timeout: Duration,
    pub tries: u8,
    pub invalid: Option<Prompt>,
    /// What the menu itself says of its outcomes.
    pub on: Vec<(Outcome, Vec<Draft>)>,
    /// How many menus lie in each other here, this one included.
    pub depth: usize,
}

/// What a key does.
#[derive(Clone)]
pub enum OnKey {
    Again,
    Steps(Vec<Draft>),
}

impl OnKey {
    pub fn steps(&self) -> &[Draft] {
        match self {
            Self::Again => &[],
            Self::Steps(steps) => steps,
        }
    }
}

impl MenuDraft {
    /// How many steps lie in it.
    pub fn steps(&self) -> usize {
        let keys = self.keys.iter().map(|(_, _, does)| count(does.steps()));
        keys.chain(self.on.iter().map(|(_, steps)| count(steps))).sum()
    }
}

/// How many steps a list comes to, with all that lies in them.
pub fn count(drafts: &[Draft]) -> usize {
    let one = |draft: &Draft| {
        let inner = match &draft.todo {
            Todo::Do(drafts) | Todo::Away(drafts) => count(drafts),
            // What it says of its outcomes stands under `on` of the step.
            Todo::Menu(menu) => menu.keys.iter().map(|(_, _, does)| count(does.steps())).sum(),
            Todo::Act(_) | Todo::Goto(_) => 0,
        };
        1 + inner + draft.on.iter().map(|(_, drafts)| count(drafts)).sum::<usize>()
    };
    drafts.iter().map(one).sum()
}
