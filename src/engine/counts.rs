//! What the engine counts of what it did. Everything is read off values that exist anyway, once they are committed.

use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use crate::call::{Call, Leg, LegState, Remark, Role, What};
use crate::hall::{Changes, Entry, Fate};
use crate::telemetry::{Counter, Family, Histogram, Label, Page};

/// How long a try of a command takes: from a quick answer to the end of our patience, in seconds.
const TRIES: [f64; 10] = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0];
/// How long calls last, in seconds.
const CALLS: [f64; 9] = [5.0, 15.0, 30.0, 60.0, 120.0, 300.0, 900.0, 3_600.0, 14_400.0];

/// What was counted since the process began.
#[derive(Debug)]
pub struct Counts {
    /// By what became of them.
    events: Family<1>,
    /// By route and how far they came.
    calls: Family<2>,
    lasted: Histogram,
    /// By kind and outcome.
    commands: Family<2>,
    tries: Histogram,
    retries: Counter,
    circuit: AtomicU8,
}

impl Default for Counts {
    fn default() -> Self {
        Self {
            events: Family::default(),
            calls: Family::default(),
            lasted: Histogram::new(&CALLS),
            commands: Family::default(),
            tries: Histogram::new(&TRIES),
            retries: Counter::default(),
            circuit: AtomicU8::new(0),
        }
    }
}

impl Counts {
    /// A batch was committed.
    pub(super) fn batch(&self, changes: &Changes) {
        changes.fates.iter().for_each(|fate| self.events.one([word(*fate)]));
        for entry in &changes.entries {
            if let What::Settled(settled) = &entry.event.what {
                self.commands.one([settled.kind.word(), settled.verdict.word()]);
            }
            // One that had come back was over before, and is counted.
            if entry.remarks.contains(&Remark::Over) && !entry.back {
                let saved = changes.calls.iter().find(|saved| saved.call.id == entry.call);
                saved.iter().for_each(|saved| self.over(&saved.call, entry));
            }
        }
    }

    fn over(&self, call: &Call, entry: &Entry) {
        let route = call.route.clone().map_or(Label::Borrowed("none"), Label::Owned);
        self.calls.one([route, Label::Borrowed(outcome(call))]);
        self.lasted.note(Duration::try_from(entry.decided_at.duration_since(call.began)).unwrap_or_default());
    }

    /// A request to Telnyx was answered, or not; `again`: the command had been sent before.
    pub(super) fn tried(&self, took: Duration, again: bool) {
        self.tries.note(took);
        if again {
            self.retries.one();
        }
    }

    /// How the circuit stands.
    pub(super) fn circuit(&self, level: u8) {
        self.circuit.store(level, Ordering::Relaxed);
    }

    /// Writes all of it on a page.
    pub fn write(&self, page: &mut Page) {
        page.family(
            "switchhook_events_total",
            "Events handed in, by what became of them: taken, or twice, stale, conflict and aside, which changed nothing.",
            ["result"],
            &self.events,
        );
        page.family(
            "switchhook_calls_total",
            "Calls that are over, by route and by who was picked up: a party that was rung, only the caller, or nobody.",
            ["route", "outcome"],
            &self.calls,
        );
        page.histogram("switchhook_call_duration_seconds", "How long calls lasted with us.", &self.lasted);
        page.family(
            "switchhook_commands_total",
            "Commands that have an outcome, by kind and outcome.",
            ["command", "result"],
            &self.commands,
        );
        page.histogram(
            "switchhook_command_duration_seconds",
            "How long requests to Telnyx took to be answered, or to be given up.",
            &self.tries,
        );
        page.counter(
            "switchhook_command_retries_total",
            "Requests to Telnyx that repeated a command under the same id.",
            &self.retries,
        );
        page.gauge(
            "switchhook_circuit_state",
            "Whether Telnyx answers us: 0 it does, 1 one dial tries, 2 it does not, and dials and transfers are refused.",
            &[],
            self.circuit.load(Ordering::Relaxed),
        );
    }
}

fn word(fate: Fate) -> &'static str {
    match fate {
        Fate::Taken => "taken",
        Fate::Twice => "twice",
        Fate::Conflict => "conflict",
        Fate::Stale => "stale",
        Fate::Aside => "aside",
    }
}

/// How far a call came.
fn outcome(call: &Call) -> &'static str {
    let picked_up = |leg: &&Leg| match leg.state {
        LegState::Answered { .. } => true,
        LegState::Ended { answered, .. } => answered.is_some(),
        LegState::Dialled | LegState::Ringing => false,
    };
    let (callers, parties): (Vec<&Leg>, Vec<&Leg>) =
        call.legs.iter().filter(picked_up).partition(|leg| leg.role == Role::Caller);
    match (callers.is_empty(), parties.is_empty()) {
        (_, false) => "party",
        (false, true) => "caller",
        (true, true) => "nobody",
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::call::{CallId, Event, EventId};
    use crate::hall::{EventKey, Saved};
    use crate::routing::RulesHash;

    #[test]
    fn a_call_that_comes_back_is_counted_when_it_ends_first() {
        let (counts, now) = (Counts::default(), Timestamp::UNIX_EPOCH);
        let mut call = Call::new(CallId::of("leg"), RulesHash("1".into()), now);
        // It ends; it ends again, having come back; another does both in one batch.
        for ends in [&[false][..], &[true], &[false, true]] {
            call.back = ends.contains(&true);
            let saved = Saved { call: call.clone(), before: None, wake_at: None, known: Vec::new(), ended: Vec::new() };
            let event = Event { id: EventId("e".into()), at: None, what: What::Due { version: 1 } };
            let key = EventKey { stream: String::new(), event: event.id.clone() };
            let remarks = vec![Remark::Over];
            let entry =
                Entry { index: 0, key, call: call.id, version: 1, back: false, decided_at: now, event, remarks };
            let entries = ends.iter().map(|back| Entry { back: *back, ..entry.clone() }).collect();
            counts.batch(&Changes { calls: vec![saved], entries, ..Changes::default() });
        }
        let mut page = Page::default();
        counts.write(&mut page);
        let text = page.text();
        let counted = "switchhook_calls_total{route=\"none\",outcome=\"nobody\"} 2\n";
        assert!(text.contains(counted), "{text}");
    }
}
