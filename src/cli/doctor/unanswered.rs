//! The longest that phones ring while a caller is not answered. Pure.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::routing::{Action, Rules, StepId};

/// The longest that phones ring for a caller who is not answered, over all ways through the rules; guards and outcomes
/// are taken as they come worst.
pub fn longest_unanswered(rules: &Rules) -> Duration {
    let answer_after = rules.defaults.ringback.as_ref().map(|_| rules.defaults.answer_after);
    let mut waiting: Vec<(StepId, Duration)> =
        rules.numbers.values().chain(&rules.rest).map(|entry| (entry.first, Duration::ZERO)).collect();
    let mut met = BTreeSet::new();
    let mut longest = Duration::ZERO;
    while let Some((id, waited)) = waiting.pop() {
        if !met.insert((id, waited)) {
            continue;
        }
        let Some(step) = rules.step(id) else { continue };
        if step.when.is_some() {
            waiting.extend(step.next.map(|next| (next, waited)));
        }
        let rung = match &step.action {
            Action::Ring(ring) => ring.lasts(),
            Action::Transfer(transfer) => transfer.ring_for,
            Action::Goto { first, .. } | Action::Do { first } => {
                waiting.push((*first, waited));
                continue;
            }
            Action::Answer
            | Action::Say(_)
            | Action::Play(_)
            | Action::Menu(_)
            | Action::Voicemail(_)
            | Action::Reject(_)
            | Action::Hangup => continue,
        };
        let in_all = waited + rung;
        // Only `dial` and `ring` pick somebody up who waits: a transfer is Telnyx' to ring.
        let picked_up = answer_after.filter(|_| matches!(step.action, Action::Ring(_)));
        let waited = picked_up.map_or(in_all, |after| in_all.min(waited.max(after)));
        longest = longest.max(waited);
        waiting.extend(step.on.values().copied().chain(step.next).map(|next| (next, waited)));
    }
    longest
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::routing::{Sources, load};

    fn of(rest: &str) -> u64 {
        let text = format!(
            "version: 1\nnumbers: {{'+12025550100': main}}\npeople: {{anna: '+12025550111', ben: '+12025550112'}}\n{rest}"
        );
        let sources = Sources { name: "routes.yaml".into(), text, ..Sources::default() };
        longest_unanswered(&load(&sources).unwrap_or_else(|bad| panic!("{bad}")).rules).as_secs()
    }

    #[test]
    fn rings_add_up_until_somebody_is_answered() {
        assert_eq!(of("routes: {main: [say: Hello, hangup]}"), 0);
        assert_eq!(of("routes: {main: [{dial: anna}, {say: Sorry}, hangup]}"), 20);
        assert_eq!(of("routes: {main: [{dial: anna}, {transfer: ben, timeout: 25s}, {say: Sorry}, hangup]}"), 45);
        assert_eq!(of("routes: {main: [answer, {dial: anna}, {say: Sorry}, hangup]}"), 0);
        let sequence = "{ring: [anna, ben], strategy: sequential, ring_each: 15s}";
        assert_eq!(of(&format!("routes: {{main: [{sequence}, {{say: Sorry}}, hangup]}}")), 30);
        let on = "{dial: anna, on: {busy: {dial: ben, timeout: 40s}}}";
        assert_eq!(of(&format!("routes: {{main: [{on}, {{say: Sorry}}, hangup]}}")), 60);
        let guarded = "{when: {from: anonymous}, say: Hello}, {dial: anna}, {goto: next}";
        assert_eq!(of(&format!("routes: {{main: [{guarded}], next: [{{dial: ben}}, {{say: Sorry}}, hangup]}}")), 40);
    }

    #[test]
    fn whoever_is_picked_up_while_it_rings_is_answered() {
        let with = |after: &str, steps: &str| {
            of(&format!(
                "defaults: {{ringback: 'https://example.com/r.mp3', answer_after: {after}}}\nroutes: {{main: [{steps}]}}"
            ))
        };
        let steps = "{dial: anna, timeout: 40s}, {dial: ben, timeout: 40s}, {say: Sorry}, hangup";
        assert_eq!(with("45s", steps), 45);
        assert_eq!(with("2m", steps), 80);
    }
}
