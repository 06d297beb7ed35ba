//! What became of the requests at the door, counted; and a word to the log now and then when some were refused.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tracing::{debug, warn};

use super::seldom::Seldom;

/// Counters by name; names never come from a request.
#[derive(Default)]
pub(super) struct Tally(Mutex<Counts>);

#[derive(Default)]
struct Counts {
    by_name: BTreeMap<&'static str, u64>,
    refusals: Seldom,
}

impl Tally {
    /// Counts one of `name`.
    pub(super) fn count(&self, name: &'static str) {
        *self.counts().by_name.entry(name).or_default() += 1;
    }

    /// Counts a refusal. A flood of them is one line a minute, with the latest reason.
    pub(super) fn refused(&self, reason: &'static str) {
        debug!(reason, "webhook refused");
        let mut counts = self.counts();
        *counts.by_name.entry(reason).or_default() += 1;
        let times = counts.refusals.happened();
        drop(counts);
        if let Some(times) = times {
            warn!(reason, times, "webhooks refused: {}", advice(reason));
        }
    }

    /// All counters so far. Nothing in the program reads them yet: they are to be its metrics.
    pub(super) fn read(&self) -> BTreeMap<&'static str, u64> {
        self.counts().by_name.clone()
    }

    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What an operator whose own webhooks are refused should look at.
fn advice(reason: &str) -> &'static str {
    match reason {
        "no_match" => "no key in TELNYX_PUBLIC_KEY made the signature",
        "stale" | "early" => "their time is more than 300 s from ours; is this machine's clock right?",
        "missing" => "they bear no signature; does a proxy drop their telnyx- headers?",
        "cut" => "their bodies ended before their length; does a proxy hang up too soon?",
        "slow" => "their bodies took too long to arrive; is the network or a proxy slow?",
        "too_large" => "their bodies are larger than any of Telnyx'; somebody else sends them",
        "encoded" => "their bodies are compressed, which Telnyx does not do; does a proxy?",
        "not_json" => "they are no JSON; is the application's webhook API version 2?",
        _ => "they do not look like Telnyx' own",
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_reason_has_its_advice() {
        let reasons = ["no_match", "stale", "missing", "cut", "slow", "too_large", "encoded", "not_json", "doubled"];
        let advices: BTreeSet<&str> = reasons.into_iter().map(advice).collect();
        assert_eq!(advices.len(), reasons.len());
    }

    #[test]
    fn everything_is_counted() {
        let tally = Tally::default();
        tally.count("taken");
        for _ in 0..50 {
            tally.refused("no_match");
        }
        assert_eq!(tally.read(), BTreeMap::from([("no_match", 50), ("taken", 1)]));
    }
}
