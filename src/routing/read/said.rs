//! What a file says: read and typed, but not laid out as steps yet.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::phone::{Number, Target};
use crate::routing::condition::Condition;
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
pub struct Draft {
    pub at: Spot,
    pub when: Option<Condition>,
    pub todo: Todo,
    pub on: Vec<(Outcome, Vec<Draft>)>,
}

/// What a step does, as far as it is known before all steps have their places.
pub enum Todo {
    Act(Action),
    Goto(String),
    /// A route in its place: nothing follows on it.
    Away(Vec<Draft>),
    Do(Vec<Draft>),
}
