//! What `check` tells of each number: how long its callers can wait, and where they are picked up.

use std::fmt;

use serde_json::{Value, json};

use super::pickup::{PickedUp, When};
use crate::routing::{Entry, Led, Rules, StepId, Stretch, Wait, Waits, seconds};

/// The most places that are named in a sentence.
const MOST: usize = 3;

/// What is known of the calls to a number.
#[derive(Clone, Debug)]
pub struct Line<'r> {
    /// The number; `*` for the line that takes the rest.
    pub number: &'r str,
    /// Where its calls begin.
    pub entry: &'r Entry,
    /// The longest that its callers wait for somebody; `None`: nobody is ever rung for them.
    pub wait: Option<Wait>,
    /// Where they are picked up, or turned away.
    pub picked_up: PickedUp,
    rules: &'r Rules,
}

/// What is known of the calls to each number, the `"*"` line last.
pub fn lines<'r>(rules: &'r Rules) -> Vec<Line<'r>> {
    let waits = Waits::of(rules);
    let numbers = rules.numbers.iter().map(|(number, entry)| (number.as_str(), entry));
    let all = numbers.chain(rules.rest.as_ref().map(|entry| ("*", entry)));
    let line = |(number, entry): (_, &'r Entry)| {
        let (wait, picked_up) = (waits.from(entry.first), PickedUp::of(rules, entry.first));
        Line { number, entry, wait, picked_up, rules }
    };
    all.map(line).collect()
}

impl Line<'_> {
    /// The same for machines.
    pub fn json(&self) -> Value {
        let at =
            |(step, when): &(StepId, When)| json!({ "line": self.line(*step), "step": self.word(*step), "when": when });
        let away = |step: &StepId| json!({ "line": self.line(*step), "step": self.word(*step) });
        json!({
            "number": self.number,
            "route": self.entry.route,
            "line": self.entry.at.line,
            "longest_wait": self.wait.as_ref().map(|wait| self.wait_json(wait)),
            "answered": self.picked_up.at.iter().map(at).collect::<Vec<_>>(),
            "turned_away": self.picked_up.turned_away.iter().map(away).collect::<Vec<_>>(),
        })
    }

    fn wait_json(&self, wait: &Wait) -> Value {
        let stretch = |stretch: &Stretch| {
            let then = Some(stretch.led).filter(|led| *led != Led::Done).map(|led| led.to_string());
            let (line, step) = (self.line(stretch.step), self.word(stretch.step));
            json!({ "line": line, "step": step, "seconds": stretch.lasts.as_secs_f64(), "then": then })
        };
        json!({
            "seconds": wait.lasts.as_secs_f64(),
            "way": wait.way.iter().map(stretch).collect::<Vec<_>>(),
            "audio_of_unknown_length": wait.audio.iter().map(|at| at.line).collect::<Vec<_>>(),
        })
    }

    fn line(&self, step: StepId) -> u32 {
        self.rules.step(step).map_or(0, |step| step.at.line)
    }

    fn word(&self, step: StepId) -> &'static str {
        self.rules.step(step).map_or("?", |step| step.action.word())
    }

    fn waits(&self) -> String {
        let Some(Wait { lasts, audio, .. }) = &self.wait else { return "nobody is rung".to_owned() };
        let audio = match audio.as_slice() {
            [] => String::new(),
            lines => format!(
                ", and for audio of unknown length ({})",
                several("line", "lines", lines.iter().map(|at| at.line.to_string()).collect())
            ),
        };
        if lasts.is_zero() && audio.is_empty() {
            return "a caller does not wait".to_owned();
        }
        format!("a caller waits {} at most{audio}", seconds(*lasts))
    }

    fn answered(&self) -> String {
        let when = |wanted: When| self.picked_up.at.iter().filter(move |(_, when)| *when == wanted);
        let mut ways = Vec::new();
        if when(When::Taken).next().is_some() {
            ways.push("when somebody takes the call".to_owned());
        }
        if when(When::Waited).next().is_some() {
            ways.push(format!("{} after he called", seconds(self.rules.defaults.answer_after)));
        }
        let begins: Vec<String> =
            when(When::Begins).map(|(step, _)| format!("{} ({})", self.line(*step), self.word(*step))).collect();
        if !begins.is_empty() {
            ways.push(format!("at {}", several("line", "lines", begins)));
        }
        match ways.as_slice() {
            [] => "never answered".to_owned(),
            ways => format!("answered {}", ways.join(", or ")),
        }
    }

    fn turned_away(&self) -> String {
        let lines: Vec<String> = self
            .picked_up
            .turned_away
            .iter()
            .map(|step| format!("{} ({})", self.line(*step), self.word(*step)))
            .collect();
        if lines.is_empty() {
            String::new()
        } else {
            format!("; or turned away unanswered, at {}", several("line", "lines", lines))
        }
    }
}

/// `line 3`, `lines 3 and 4`, `lines 3, 4, 5 and 2 more`.
fn several(one: &str, many: &str, mut names: Vec<String>) -> String {
    names.dedup();
    let more = names.len().saturating_sub(MOST);
    if more > 0 {
        names.truncate(MOST);
        names.push(format!("{more} more"));
    }
    match names.as_slice() {
        [] => String::new(),
        [only] => format!("{one} {only}"),
        [first @ .., last] => format!("{many} {} and {last}", first.join(", ")),
    }
}

/// Wait, where answering begins, and where nobody answers: one line of text.
impl fmt::Display for Line<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}; {}{}", self.waits(), self.answered(), self.turned_away())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::routing::{Sources, load};

    fn told(text: &str) -> Vec<String> {
        let sources = Sources { name: "routes.yaml".into(), text: text.into(), ..Sources::default() };
        let rules = load(&sources).unwrap_or_else(|problems| panic!("{problems}")).rules;
        lines(&rules).iter().map(|line| format!("{} {}: {line}", line.number, line.entry.route)).collect()
    }

    #[test]
    fn each_number_has_a_sentence() {
        let text = include_str!("../../config/routes.yaml");
        assert_eq!(
            told(text),
            [
                "+12025550100 front-desk: a caller waits 25s at most; answered when somebody takes the call, or at line 83 \
                 (say); or turned away unanswered, at line 80 (reject)",
                "+12025550101 direct-anna: a caller waits 50s at most; answered when somebody takes the call, or 45s after \
                 he called, or at line 91 (say)",
                "+12025550102 on-the-road: a caller waits 40s at most; answered when somebody takes the call, or 45s after \
                 he called, or at line 98 (say)",
                "+12025550103 old-number: nobody is rung; answered at line 102 (say)",
                "+12025550104 office: a caller waits 51s at most; answered at lines 106 (menu) and 108 (say)",
                "+12025550105 weekend: a caller waits 20s at most; answered when somebody takes the call, or at line 114 \
                 (say)",
                "+12025550106 message: a caller does not wait; answered at line 118 (voicemail)",
            ]
        );
    }

    #[test]
    fn audio_and_waiting_and_turning_away_are_named() {
        let text = "version: 1\nnumbers:\n  '*':\n    - play: https://example.com/a.mp3\n    - dial: sip:a@example.com\n    \
                    - hangup\n  '+12025550100': [{ reject: decline }]\n  '+12025550101': [{ dial: sip:a@example.com }, \
                    hangup]\ndefaults: { ringback: 'https://example.com/r.mp3', answer_after: 10s }\nroutes: { x: [hangup] }\n";
        assert_eq!(
            told(text),
            [
                "+12025550100 +12025550100: nobody is rung; never answered; or turned away unanswered, at line 7 (reject)",
                "+12025550101 +12025550101: a caller waits 20s at most; answered when somebody takes the call, or 10s \
                 after he called; or turned away unanswered, at line 8 (hangup)",
                "* *: a caller waits 20s at most, and for audio of unknown length (line 4); answered at line 4 (play)",
            ]
        );
    }

    #[test]
    fn machines_are_told_the_way_and_its_sums() {
        let text = include_str!("../../config/routes.yaml");
        let sources = Sources { name: "routes.yaml".into(), text: text.into(), ..Sources::default() };
        let rules = load(&sources).unwrap_or_else(|problems| panic!("{problems}")).rules;
        let json = lines(&rules).get(1).unwrap().json();
        assert_eq!(
            json,
            json!({
                "number": "+12025550101",
                "route": "direct-anna",
                "line": 23,
                "longest_wait": {
                    "seconds": 50.0,
                    "way": [
                        { "line": 87, "step": "dial", "seconds": 20.0, "then": "busy" },
                        { "line": 90, "step": "ring", "seconds": 30.0, "then": null },
                    ],
                    "audio_of_unknown_length": [],
                },
                "answered": [
                    { "line": 87, "step": "dial", "when": "taken" },
                    { "line": 90, "step": "ring", "when": "taken" },
                    { "line": 90, "step": "ring", "when": "waited" },
                    { "line": 91, "step": "say", "when": "begins" },
                ],
                "turned_away": [],
            })
        );
    }
}
