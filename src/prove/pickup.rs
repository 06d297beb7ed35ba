//! Where a caller is picked up first, and begins to pay for it.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;

use crate::routing::{Action, Led, Rules, StepId, WAY};

/// Everything that can become of a caller whom nobody has picked up yet.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PickedUp {
    /// The steps at which he may be picked up, each before those it leads to, and when.
    pub at: Vec<(StepId, When)>,
    /// The steps at which he may be turned away unanswered instead: a rejection, a hangup, the end of the list.
    pub turned_away: Vec<StepId>,
    /// The longest that phones can ring for him meanwhile, by the clock.
    pub rung: Duration,
}

/// When a step picks a caller up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum When {
    /// When it begins.
    Begins,
    /// When somebody takes the call.
    Taken,
    /// When he has waited for as long as `answer_after` says, to hear `ringback`.
    Waited,
}

impl PickedUp {
    /// What can become of callers who begin at a step.
    pub fn of(rules: &Rules, first: StepId) -> Self {
        let waits = rules.defaults.ringback.as_ref().map(|_| rules.defaults.answer_after);
        let mut found = Self::default();
        // The longest that phones can have rung for him by then.
        let mut rung = BTreeMap::from([(first, Duration::ZERO)]);
        for id in rules.in_order(first) {
            let (Some(step), Some(before)) = (rules.step(id), rung.get(&id).copied()) else { continue };
            let after = match &step.action {
                Action::Ring(ring) => {
                    let after = before + ring.takes();
                    found.at.push((id, When::Taken));
                    found.at.extend(waits.filter(|waits| after >= *waits).map(|_| (id, When::Waited)));
                    // No longer than that, unless he had waited longer before; and our answer has a way to go.
                    let picked_up = waits.map_or(after, |waits| before.max(waits));
                    found.rung = found.rung.max(after.min(picked_up + WAY));
                    Some(after.min(picked_up))
                }
                Action::Transfer(transfer) => {
                    let after = before + transfer.takes();
                    found.at.push((id, When::Taken));
                    found.rung = found.rung.max(after);
                    Some(after)
                }
                Action::Answer | Action::Say(_) | Action::Play(_) | Action::Menu(_) | Action::Voicemail(_) => {
                    found.at.push((id, When::Begins));
                    None
                }
                Action::Reject(_) | Action::Hangup => {
                    found.turned_away.push(id);
                    None
                }
                Action::Goto { .. } | Action::Do { .. } => Some(before),
            };
            let ways = step.ways().into_iter().filter_map(|way| match way.by {
                Led::Passed => Some((way.to, before)),
                Led::Done | Led::Outcome(_) | Led::Key(_) => Some((way.to, after?)),
            });
            for (to, by_then) in ways {
                let Some(to) = to else {
                    found.turned_away.push(id);
                    continue;
                };
                let known = rung.entry(to).or_default();
                *known = by_then.max(*known);
            }
        }
        found.turned_away.dedup();
        found
    }
}

#[cfg(test)]
mod tests {
    use super::When::{Begins, Taken, Waited};
    use super::*;
    use crate::routing::{Sources, load};

    /// What becomes of callers, by lines; the steps begin in line 7.
    fn becomes(defaults: &str, steps: &str) -> (Vec<(u32, When)>, Vec<u32>) {
        let steps = steps.replace('\n', "\n    ");
        let text = format!(
            "version: 1\nnumbers: {{ '+12025550100': main }}\ndefaults: {{ {defaults} }}\npeople: {{ anna: \
             '+12025550111', ben: '+12025550112' }}\nroutes:\n  main: [\n    {steps}\n    ]\n"
        );
        let sources = Sources { name: "routes.yaml".into(), text, ..Sources::default() };
        let rules = load(&sources).unwrap_or_else(|problems| panic!("{problems}")).rules;
        let line = |id: StepId| rules.step(id).unwrap().at.line;
        let found = PickedUp::of(&rules, rules.numbers.values().next().unwrap().first);
        let at = found.at.iter().map(|(id, when)| (line(*id), *when)).collect();
        (at, found.turned_away.into_iter().map(line).collect())
    }

    #[test]
    fn the_first_step_that_needs_him_picked_up_does_it() {
        let steps = "dial: anna,\nsay: Nobody is here.,\ndial: ben,\nhangup";
        assert_eq!(becomes("", steps), (vec![(7, Taken), (8, Begins)], vec![]));
        assert_eq!(becomes("", "answer,\ndial: anna,\nhangup").0, [(7, Begins)]);
        assert_eq!(becomes("", "{ transfer: anna },\nhangup"), (vec![(7, Taken)], vec![8]));
    }

    #[test]
    fn each_way_has_its_own() {
        let steps = "{ when: { from: anonymous }, reject: busy },\n\
                     { when: { from: { country: US } }, say: Hello },\n\
                     { dial: anna, on: { busy: { play: 'https://example.com/a.mp3' } } },\nhangup";
        let (at, turned_away) = becomes("", steps);
        assert_eq!(at, [(8, Begins), (9, Taken), (9, Begins)]);
        assert_eq!(turned_away, [7, 10]);
    }

    #[test]
    fn who_waits_for_long_is_picked_up_where_there_is_ringback() {
        let steps = "{ dial: anna, timeout: 20s },\n{ transfer: ben, timeout: 10s },\n{ dial: ben },\nhangup";
        let ringback = "ringback: 'https://example.com/r.mp3'";
        assert_eq!(becomes("", steps).0, [(7, Taken), (8, Taken), (9, Taken)]);
        assert_eq!(becomes(ringback, steps).0, [(7, Taken), (8, Taken), (9, Taken), (9, Waited)]);
        let soon = format!("{ringback}, answer_after: 9s");
        assert_eq!(becomes(&soon, steps).0, [(7, Taken), (7, Waited), (8, Taken), (9, Taken), (9, Waited)]);
    }

    #[test]
    fn a_list_that_is_over_turns_him_away() {
        assert_eq!(becomes("", "dial: anna").1, [7]);
        assert_eq!(becomes("", "{ when: { from: anonymous }, say: Hello }"), (vec![(7, Begins)], vec![7]));
    }
    /// The longest that phones ring for a caller who is not answered, in seconds.
    fn rung(rest: &str) -> u64 {
        let text = format!(
            "version: 1\nnumbers: {{'+12025550100': main}}\npeople: {{anna: '+12025550111', ben: '+12025550112'}}\n{rest}"
        );
        let sources = Sources { name: "routes.yaml".into(), text, ..Sources::default() };
        let rules = load(&sources).unwrap_or_else(|problems| panic!("{problems}")).rules;
        PickedUp::of(&rules, rules.numbers.values().next().unwrap().first).rung.as_secs()
    }

    #[test]
    fn rings_add_up_until_somebody_is_answered() {
        assert_eq!(rung("routes: {main: [say: Hello, hangup]}"), 0);
        assert_eq!(rung("routes: {main: [{dial: anna}, {say: Sorry}, hangup]}"), 25);
        assert_eq!(rung("routes: {main: [{dial: anna}, {transfer: ben, timeout: 25s}, {say: Sorry}, hangup]}"), 55);
        assert_eq!(rung("routes: {main: [answer, {dial: anna}, {say: Sorry}, hangup]}"), 0);
        let on = "{dial: anna, on: {busy: {dial: ben, timeout: 40s}}}";
        assert_eq!(rung(&format!("routes: {{main: [{on}, {{say: Sorry}}, hangup]}}")), 70);
        let guarded = "{when: {from: anonymous}, say: Hello}, {dial: anna}, {goto: next}";
        assert_eq!(rung(&format!("routes: {{main: [{guarded}], next: [{{dial: ben}}, {{say: Sorry}}, hangup]}}")), 50);
    }

    #[test]
    fn each_who_is_rung_in_turn_has_a_way_to_go() {
        let with =
            |how: &str| rung(&format!("routes: {{main: [{{ring: [anna, ben], {how}}}, {{say: Sorry}}, hangup]}}"));
        assert_eq!(with("strategy: sequential, ring_each: 15s"), 40);
        assert_eq!(with("strategy: sequential, ring_each: 15s, timeout: 28s"), 33);
        assert_eq!(with("strategy: simultaneous, ring_each: 15s"), 20);
    }

    #[test]
    fn whoever_is_picked_up_while_it_rings_is_answered() {
        let with = |after: &str, steps: &str| {
            rung(&format!(
                "defaults: {{ringback: 'https://example.com/r.mp3', answer_after: {after}}}\nroutes: {{main: [{steps}]}}"
            ))
        };
        let steps = "{dial: anna, timeout: 40s}, {dial: ben, timeout: 40s}, {say: Sorry}, hangup";
        assert_eq!(with("45s", steps), 50, "and the answer has a way to go");
        assert_eq!(with("30s", steps), 35);
        assert_eq!(with("2m", steps), 90);
        assert_eq!(with("30s", "{transfer: anna, timeout: 40s}, {dial: ben}, {say: Sorry}, hangup"), 50);
    }
}
