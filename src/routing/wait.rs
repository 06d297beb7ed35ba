//! How long a caller can wait for a person or a mailbox: what rings for him, what he is told and what he is asked on the way there.

use std::collections::BTreeMap;
use std::time::Duration;

use super::passage::{Passage, told};
use super::problem::Findings;
use super::prompt::Prompt;
use super::rules::{Action, Menu, Order, Place, Ring, Rules, Step, StepId, Transfer};
use super::ways::{Led, from_the_end};
use crate::yaml::Spot;

/// How much longer than the rules say a ring can take: commands and news have a way to go.
pub const WAY: Duration = Duration::from_secs(5);

/// The longest that a caller can wait.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wait {
    /// How long, audio not counted: nobody knows how long that is.
    pub lasts: Duration,
    /// The steps on the longest way, in their order.
    pub way: Vec<Stretch>,
    /// Lines on any way there at which he hears audio.
    pub audio: Vec<Place>,
}

/// A step on a way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stretch {
    /// The step.
    pub step: StepId,
    /// How long he waits there.
    pub lasts: Duration,
    /// What leads on from there, if anything does.
    pub led: Led,
}

/// The longest waits from each step on that leads to anybody.
pub struct Waits<'r> {
    steps: &'r [Step],
    longest: BTreeMap<StepId, Longest>,
}

/// The longest wait from a step on.
#[derive(Clone, Copy)]
struct Longest {
    lasts: Duration,
    own: Duration,
    led: Led,
    to: Option<StepId>,
}

impl<'r> Waits<'r> {
    /// The waits of every call to one of our numbers.
    pub fn of(rules: &'r Rules) -> Self {
        let entries = rules.numbers.values().chain(&rules.rest);
        Self::among(&rules.steps, entries.map(|entry| entry.first))
    }

    /// The waits from these steps on. Each step is looked at once, from the ends of all ways to their beginnings.
    fn among(steps: &'r [Step], firsts: impl IntoIterator<Item = StepId>) -> Self {
        let mut waits = Self { steps, longest: BTreeMap::new() };
        for id in from_the_end(steps, firsts) {
            if let Some(longest) = waits.step(id).and_then(|step| waits.longest_of(step)) {
                waits.longest.insert(id, longest);
            }
        }
        waits
    }

    /// The longest wait of a call that begins at a step; `None`: it comes to nobody. A conversation, a rejection and a
    /// hangup end it, and so does a text after which nobody is rung: that is its answer.
    pub fn from(&self, first: StepId) -> Option<Wait> {
        let lasts = self.longest.get(&first)?.lasts;
        let mut way = Vec::new();
        let mut next = Some(first);
        while let Some((step, longest)) = next.and_then(|id| Some((id, self.longest.get(&id)?))) {
            way.push(Stretch { step, lasts: longest.own, led: longest.led });
            next = longest.to;
        }
        Some(Wait { lasts, way, audio: self.audio(first) })
    }

    fn step(&self, id: StepId) -> Option<&'r Step> {
        usize::try_from(id.0).ok().and_then(|index| self.steps.get(index))
    }

    fn longest_of(&self, step: &Step) -> Option<Longest> {
        let own = lasts(&step.action);
        let further = step.ways().into_iter().filter_map(|way| {
            let (to, rest) = (way.to?, self.longest.get(&way.to?)?.lasts);
            let passed = way.by == Led::Passed;
            // Whoever has left a message waits no longer.
            if !passed && takes_a_message(&step.action) {
                return None;
            }
            // Whoever passes a step over does not wait there.
            let own = if passed { Duration::ZERO } else { own };
            Some(Longest { lasts: own + rest, own, led: way.by, to: Some(to) })
        });
        let here = reaches_somebody(&step.action).then_some(Longest { lasts: own, own, led: Led::Done, to: None });
        // Of equal ones the first.
        further.chain(here).reduce(|best, other| if other.lasts > best.lasts { other } else { best })
    }

    /// Where audio is heard on ways from a step to somebody.
    fn audio(&self, first: StepId) -> Vec<Place> {
        let leads_on = |step: &Step| step.ways().iter().any(|way| way.by != Led::Passed && self.leads(way.to));
        let order = from_the_end(self.steps, [first]);
        let steps = order.into_iter().filter_map(|id| self.step(id));
        let mut places: Vec<Place> =
            steps.filter(|step| plays(&step.action) && leads_on(step)).map(|step| step.at).collect();
        places.sort_unstable();
        places.dedup();
        places
    }

    /// Whether a way leads to anybody.
    fn leads(&self, to: Option<StepId>) -> bool {
        to.is_some_and(|to| self.longest.contains_key(&to))
    }
}

/// Tells which lines let a caller wait for longer than `most`.
pub(super) fn too_long(steps: &[Step], lines: &[(Spot, StepId)], most: Duration, file: &str, found: &mut Findings) {
    let waits = Waits::among(steps, lines.iter().map(|(_, first)| *first));
    for (at, first) in lines {
        let Some(wait) = waits.from(*first).filter(|wait| wait.lasts > most) else { continue };
        let passages: Vec<Passage> = wait.way.iter().filter_map(|stretch| passage(stretch, &waits)).collect();
        let (lasts, most, way) = (seconds(wait.lasts), seconds(most), told(file, &passages, false));
        found.objection(*at, format!("a caller can wait {lasts} here, longer than `max_wait`, {most}: {way}"));
    }
}

fn passage(stretch: &Stretch, waits: &Waits<'_>) -> Option<Passage> {
    let step = waits.step(stretch.step)?;
    let word = step.action.word();
    let does = if stretch.lasts.is_zero() { word.to_owned() } else { format!("{word} {}", seconds(stretch.lasts)) };
    Some(Passage { line: step.at.line, does, led: stretch.led })
}

/// Whole seconds, not less than it is: `1m30s`.
pub fn seconds(duration: Duration) -> String {
    let seconds = duration.as_secs() + u64::from(duration.subsec_nanos() > 0);
    let (hours, minutes, rest) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    let part = |count: u64, unit: char| if count > 0 { format!("{count}{unit}") } else { String::new() };
    let text = [part(hours, 'h'), part(minutes, 'm'), part(rest, 's')].concat();
    if text.is_empty() { "0s".to_owned() } else { text }
}

/// Whether a caller leaves a message there.
fn takes_a_message(action: &Action) -> bool {
    matches!(action, Action::Voicemail(_))
}

/// Whether a caller may be connected there, or leave a message.
fn reaches_somebody(action: &Action) -> bool {
    match action {
        Action::Ring(_) | Action::Transfer(_) | Action::Voicemail(_) => true,
        Action::Answer | Action::Say(_) | Action::Play(_) | Action::Menu(_) => false,
        Action::Reject(_) | Action::Hangup | Action::Goto { .. } | Action::Do { .. } => false,
    }
}

/// How long a caller is at a step at most, audio not counted.
fn lasts(action: &Action) -> Duration {
    match action {
        Action::Say(say) => say.text.lasts(),
        Action::Ring(ring) => ring.lasts(),
        Action::Transfer(transfer) => transfer.ring_for,
        Action::Menu(menu) => menu.lasts(),
        // Its greeting is the mailbox that he waited for.
        Action::Voicemail(_) => Duration::ZERO,
        Action::Answer | Action::Play(_) | Action::Reject(_) | Action::Hangup => Duration::ZERO,
        Action::Goto { .. } | Action::Do { .. } => Duration::ZERO,
    }
}

fn plays(action: &Action) -> bool {
    match action {
        Action::Play(_) => true,
        Action::Menu(menu) => {
            let prompts = std::iter::once(&menu.greeting).chain(&menu.invalid);
            prompts.into_iter().any(|prompt| matches!(prompt, Prompt::Play(_)))
        }
        Action::Answer | Action::Say(_) | Action::Ring(_) | Action::Transfer(_) | Action::Voicemail(_) => false,
        Action::Reject(_) | Action::Hangup | Action::Goto { .. } | Action::Do { .. } => false,
    }
}

impl Ring {
    /// The longest it can last.
    pub fn lasts(&self) -> Duration {
        let each = self.members.iter().map(|member| member.delay + member.ring_for);
        let all = match self.order {
            Order::Simultaneous => each.max().unwrap_or_default(),
            Order::Sequential => each.sum(),
        };
        self.timeout.map_or(all, |timeout| timeout.min(all))
    }

    /// The longest it can take by the clock: whoever rings in turn has a way to go of his own.
    pub fn takes(&self) -> Duration {
        let ways = match self.order {
            Order::Simultaneous => 1,
            Order::Sequential => u32::try_from(self.members.len()).unwrap_or(u32::MAX),
        };
        let all = self.lasts().saturating_add(WAY.saturating_mul(ways));
        self.timeout.map_or(all, |timeout| all.min(timeout + WAY))
    }
}

impl Transfer {
    /// The longest it can take by the clock.
    pub fn takes(&self) -> Duration {
        self.ring_for + WAY
    }
}

impl Menu {
    /// The longest it can last, audio not counted: it is heard as often as it may be, each time to the end of the wait
    /// for a key, and a wrong key is pressed in between.
    fn lasts(&self) -> Duration {
        let heard = |prompt: &Prompt| match prompt {
            Prompt::Say(say) => say.text.lasts(),
            Prompt::Play(_) => Duration::ZERO,
        };
        let tries = u32::from(self.tries);
        let wrong = self.invalid.as_ref().map(heard).unwrap_or_default();
        (heard(&self.greeting) + self.timeout) * tries + wrong * tries.saturating_sub(1)
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Sources, load};
    use super::*;

    const HEAD: &str = "version: 1\nnumbers: { '+12025550100': main }\nlimits: { outbound: { countries: [US] } }\n\
                        people: { anna: '+12025550111', ben: '+12025550112', cleo: '+12025550113' }\nroutes:\n  main:\n";

    fn rules(steps: &str) -> Rules {
        let sources = Sources { name: "routes.yaml".into(), text: format!("{HEAD}{steps}"), ..Sources::default() };
        load(&sources).unwrap_or_else(|problems| panic!("{problems}")).rules
    }

    fn wait(steps: &str) -> Option<Wait> {
        let rules = rules(steps);
        let first = rules.numbers.values().next().unwrap().first;
        Waits::of(&rules).from(first)
    }

    fn lasts(steps: &str) -> u128 {
        wait(steps).unwrap().lasts.as_millis()
    }

    #[test]
    fn those_who_ring_at_once_are_waited_for_until_the_last_of_them() {
        assert_eq!(lasts("    - { dial: anna, timeout: 12s }\n    - hangup\n"), 12_000);
        let late = "    - ring: [{person: anna}, {person: ben, delay: 8s}]\n      ring_each: 10s\n    - hangup\n";
        assert_eq!(lasts(late), 18_000);
        assert_eq!(lasts(&late.replace("ring_each: 10s", "timeout: 15s")), 15_000);
    }

    #[test]
    fn those_who_ring_in_turn_are_waited_for_one_after_the_other() {
        let turn = "    - ring: [anna, ben, cleo]\n      strategy: sequential\n      ring_each: 10s\n    - hangup\n";
        assert_eq!(lasts(turn), 30_000);
        assert_eq!(lasts(&turn.replace("ring_each", "timeout: 25s\n      ring_each")), 25_000);
    }

    #[test]
    fn a_wait_goes_the_longest_way() {
        let steps = "    - dial: anna\n      on:\n        busy: [{ say: 'Anna is busy.' }, { dial: ben, timeout: 30s }]\n\
                     \x20       declined: hangup\n    - { transfer: cleo, timeout: 25s }\n    - hangup\n";
        let wait = wait(steps).unwrap();
        assert_eq!(wait.lasts.as_millis(), 20_000 + 13 * 80 + 30_000 + 25_000);
        let led: Vec<Led> = wait.way.iter().map(|stretch| stretch.led).collect();
        use super::super::rules::Outcome::{Busy, NoAnswer};
        assert_eq!(led, [Led::Outcome(Busy), Led::Done, Led::Outcome(NoAnswer), Led::Done]);
    }

    #[test]
    fn a_text_is_waited_through_only_where_somebody_follows() {
        assert_eq!(lasts("    - say: '1234567890'\n    - dial: anna\n    - say: Nobody is here.\n"), 800 + 20_000);
        assert_eq!(wait("    - say: '1234567890'\n    - hangup\n"), None);
        assert_eq!(wait("    - reject: busy\n"), None);
        let asks = "    - menu: { greeting: { say: Hello }, keys: { 1: [{ say: Bye }] } }\n    - say: Bye\n";
        assert_eq!(wait(asks), None, "no key leads to anybody");
    }

    #[test]
    fn a_menu_is_heard_to_its_last_end() {
        let menu = "    - menu: { greeting: { say: '1234567890' }, keys: { 1: { dial: anna } }, timeout: 6s, tries: 2, \
                    invalid: { say: '12345' } }\n    - say: Bye\n";
        assert_eq!(lasts(menu), 2 * 6_800 + 400 + 20_000);
        assert_eq!(lasts(&menu.replace("tries: 2", "tries: 1")), 6_800 + 20_000);
    }

    #[test]
    fn a_step_that_is_passed_over_takes_no_time_and_those_under_a_guard_do() {
        let guarded = "    - when: { from: anonymous }\n      do: [{ dial: anna, timeout: 60s }, { say: Bye }, hangup]\n\
                       \x20   - dial: ben\n    - hangup\n";
        assert_eq!(lasts(guarded), 60_000);
        assert_eq!(lasts(&guarded.replace("60s", "5s")), 20_000);
    }

    #[test]
    fn audio_is_named_and_not_counted() {
        let steps = "    - play: https://example.com/a.mp3\n    - dial: anna\n    - play: https://example.com/b.mp3\n";
        let wait = wait(steps).unwrap();
        assert_eq!((wait.lasts.as_secs(), wait.audio), (20, vec![Place { file: 0, line: 7 }]));
    }

    #[test]
    fn what_is_longer_than_it_may_be_is_refused_with_its_sums() {
        let text = format!("{HEAD}    - dial: anna\n    - {{ transfer: ben, timeout: 41s }}\n    - hangup\n");
        let with = |most: &str| {
            let text = text.replace("routes:", &format!("defaults: {{ max_wait: {most} }}\nroutes:"));
            load(&Sources { name: "routes.yaml".into(), text, ..Sources::default() })
        };
        assert!(with("61s").is_ok());
        assert_eq!(
            with("1m").unwrap_err().to_string(),
            "routes.yaml:2:12: numbers: a caller can wait 1m1s here, longer than `max_wait`, 1m: \
             routes.yaml:8 dial 20s -> no_answer -> :9 transfer 41s"
        );
    }

    #[test]
    fn a_long_file_is_walked_once_for_each_step() {
        let steps: String = (0..2000).map(|_| "    - { dial: anna, on: { busy: { dial: ben } } }\n").collect();
        assert_eq!(lasts(&format!("{steps}    - hangup\n")), 2000 * 40_000);
    }

    #[test]
    fn seconds_are_whole_and_not_less() {
        let text = |millis| seconds(Duration::from_millis(millis));
        assert_eq!([text(0), text(1), text(60_000), text(3_661_500)], ["0s", "1s", "1m", "1h1m2s"]);
    }
}
