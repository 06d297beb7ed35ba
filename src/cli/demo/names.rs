//! Who has which number, as far as the rules say.

use std::collections::BTreeMap;

use crate::routing::{Action, Rules};

/// Names by number or address.
#[derive(Clone, Debug)]
pub struct Names(BTreeMap<String, String>);

impl Names {
    /// The names of all whom the rules ring.
    pub fn of(rules: &Rules) -> Self {
        let mut names = BTreeMap::new();
        for step in &rules.steps {
            match &step.action {
                Action::Ring(ring) => {
                    names.extend(ring.members.iter().map(|member| (member.target.to_string(), member.name.clone())));
                }
                Action::Transfer(transfer) => {
                    names.insert(transfer.target.to_string(), transfer.name.clone());
                }
                Action::Answer
                | Action::Say(_)
                | Action::Play(_)
                | Action::Menu(_)
                | Action::Voicemail(_)
                | Action::Reject(_)
                | Action::Hangup
                | Action::Goto { .. }
                | Action::Do { .. } => {}
            }
        }
        Self(names)
    }

    /// The name of whoever is rung at `target`, or `target` itself.
    pub fn name<'a>(&'a self, target: &'a str) -> &'a str {
        self.0.get(target).map_or(target, String::as_str)
    }

    /// `anna, ben and cleo`.
    pub fn list<'a>(&'a self, targets: impl IntoIterator<Item = &'a String>) -> String {
        let names: Vec<&str> = targets.into_iter().map(|target| self.name(target)).collect();
        match names.as_slice() {
            [] => "nobody".to_owned(),
            [one] => (*one).to_owned(),
            [first @ .., last] => format!("{} and {last}", first.join(", ")),
        }
    }
}
