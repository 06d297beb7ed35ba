//! What became of the requests at the door, counted; and a word to the log now and then when some were refused.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tracing::{debug, warn};

use super::seldom::Seldom;
use crate::telemetry::{Family, Histogram, Page};

/// How long a webhook takes to be kept, in seconds.
const TOOK: [f64; 10] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0];
/// How old what it tells is when it comes, in seconds.
const AGES: [f64; 9] = [0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0, 60.0, 300.0];

/// What stands in place of an event's name where the body was not read.
pub(super) const UNREAD: &str = "unread";
/// The result of a request that is not genuine; why, is counted by itself.
const NOT_GENUINE: &str = "not_genuine";

/// What is counted; names never come from a request.
pub struct Tally {
    /// By event and result.
    webhooks: Family<2>,
    /// By reason.
    not_genuine: Family<1>,
    took: Histogram,
    ages: Histogram,
    refusals: Mutex<Seldom>,
}

impl Default for Tally {
    fn default() -> Self {
        Self {
            webhooks: Family::default(),
            not_genuine: Family::default(),
            took: Histogram::new(&TOOK),
            ages: Histogram::new(&AGES),
            refusals: Mutex::default(),
        }
    }
}

impl Tally {
    /// Counts a request and what became of it.
    pub(super) fn count(&self, event: &'static str, result: &'static str) {
        self.webhooks.one([event, result]);
    }

    /// Notes how long it took until a genuine webhook was answered.
    pub(super) fn took(&self, span: Duration) {
        self.took.note(span);
    }

    /// Notes how old what a webhook tells was when it came.
    pub(super) fn came(&self, age: Duration) {
        self.ages.note(age);
    }

    /// Counts a refusal; `genuine`: that is not the reason. A flood of them is one line a minute, with the latest reason.
    pub(super) fn refused(&self, reason: &'static str, genuine: bool) {
        debug!(reason, "webhook refused");
        self.count(UNREAD, if genuine { reason } else { NOT_GENUINE });
        if !genuine {
            self.not_genuine.one([reason]);
        }
        let times = self.refusals.lock().unwrap_or_else(PoisonError::into_inner).happened();
        if let Some(times) = times {
            warn!(reason, times, "webhooks refused: {}", advice(reason));
        }
    }

    /// How many requests had each result so far; those that were not genuine, by reason.
    pub(super) fn read(&self) -> BTreeMap<String, u64> {
        let mut counts = BTreeMap::new();
        let results = self.webhooks.read().into_iter().map(|([_, result], count)| (result, count));
        let reasons = self.not_genuine.read().into_iter().map(|([reason], count)| (reason, count));
        for (name, count) in results.filter(|(result, _)| *result != NOT_GENUINE).chain(reasons) {
            *counts.entry(name.into_owned()).or_default() += count;
        }
        counts
    }

    /// Writes all of it on a page.
    pub(super) fn write(&self, page: &mut Page) {
        page.family(
            "switchhook_webhooks_total",
            "Requests at the door, by event and by what became of them.",
            ["event", "result"],
            &self.webhooks,
        );
        page.histogram(
            "switchhook_webhook_duration_seconds",
            "How long it took until genuine webhooks were answered.",
            &self.took,
        );
        page.family(
            "switchhook_signature_failures_total",
            "Requests at the door that were not genuine, by what was wrong with their signature.",
            ["reason"],
            &self.not_genuine,
        );
        page.histogram(
            "switchhook_webhook_age_seconds",
            "How long before it came to us what a webhook tells had happened, as Telnyx says.",
            &self.ages,
        );
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
        tally.count("call.hangup", "taken");
        tally.count("other", "taken");
        tally.refused("slow", true);
        for _ in 0..50 {
            tally.refused("no_match", false);
        }
        let counts = [("no_match", 50), ("slow", 1), ("taken", 2)].map(|(name, count)| (name.to_owned(), count));
        assert_eq!(tally.read(), BTreeMap::from(counts));
    }
}
