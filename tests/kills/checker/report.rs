//! What was counted, and what was found broken.

use std::collections::BTreeMap;

/// What was counted, and what was found broken.
#[derive(Debug, Default)]
pub struct Report {
    pub counts: BTreeMap<String, usize>,
    pub breaches: Vec<String>,
}

impl Report {
    pub fn count(&mut self, what: impl Into<String>, n: usize) {
        *self.counts.entry(what.into()).or_default() += n;
    }

    pub fn must(&mut self, holds: bool, breach: impl FnOnce() -> String) {
        if !holds {
            self.breaches.push(breach());
        }
    }
}
