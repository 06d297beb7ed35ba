//! What one sees while the calls run: a line each, side by side, drawn anew as they go on.

use std::io::{IsTerminal as _, Write as _};

use anstyle::{AnsiColor, Style};
use jiff::Timestamp;

use super::judge::ending;
use crate::sim::CallOutcome;

/// Where the calls are shown while they run.
pub struct Screen {
    kind: Kind,
    shown: Vec<String>,
}

#[derive(PartialEq, Eq)]
enum Kind {
    /// Lines are drawn over.
    Terminal,
    /// A line is printed whenever a call goes on.
    Lines,
    Silent,
}

impl Screen {
    /// A screen on stdout, or none.
    pub fn new(silent: bool) -> Self {
        let kind = match (silent, std::io::stdout().is_terminal()) {
            (true, _) => Kind::Silent,
            (false, true) => Kind::Terminal,
            (false, false) => Kind::Lines,
        };
        Self { kind, shown: Vec::new() }
    }

    /// Shows how the calls stand.
    pub fn show(&mut self, now: Timestamp, outcomes: &[CallOutcome]) {
        let lines: Vec<String> = outcomes.iter().map(|outcome| line(outcome, now)).collect();
        let mut out = anstream::stdout().lock();
        let time = now.strftime("%H:%M:%S");
        // A terminal that is gone must not stop the calls.
        let _ = match self.kind {
            Kind::Silent => Ok(()),
            Kind::Lines => lines
                .iter()
                .enumerate()
                .filter(|(index, line)| self.shown.get(*index) != Some(*line))
                .try_for_each(|(_, line)| writeln!(out, "{time}  {line}")),
            Kind::Terminal => {
                let up = if self.shown.is_empty() { String::new() } else { format!("\x1b[{}A", self.shown.len()) };
                write!(out, "{up}")
                    .and_then(|()| lines.iter().try_for_each(|line| writeln!(out, "\x1b[2K{time}  {line}")))
            }
        };
        let _ = out.flush();
        self.shown = lines;
    }
}

fn line(outcome: &CallOutcome, now: Timestamp) -> String {
    let (style, state) = state(outcome, now);
    format!("{:<34} {style}{state}{style:#}", outcome.name)
}

fn state(outcome: &CallOutcome, now: Timestamp) -> (Style, String) {
    let colour = |colour: AnsiColor| colour.on_default();
    let ringing: Vec<&str> = outcome
        .rings
        .iter()
        .filter(|ring| ring.rang.is_some_and(|at| at <= now) && ring.answered.is_none() && ring.ended.is_none())
        .map(|ring| ring.target.as_str())
        .collect();
    let talking = outcome.rings.iter().find(|ring| ring.answered.is_some() && ring.ended.is_none());
    if outcome.began.is_none() {
        (Style::new().dimmed(), "not yet".to_owned())
    } else if let Some(end) = outcome.end {
        (Style::new().dimmed(), format!("over: {}", ending(end).word()))
    } else if let Some(ring) = talking.filter(|ring| outcome.bridged_to.contains(&ring.target)) {
        (colour(AnsiColor::Green), format!("talks with {}", ring.target))
    } else if !ringing.is_empty() {
        (colour(AnsiColor::Yellow), format!("rings {}", ringing.join(", ")))
    } else if let (Some(text), Some(_)) = (outcome.heard.last(), outcome.answered) {
        (colour(AnsiColor::Cyan), format!("hears “{}”", text.chars().take(48).collect::<String>()))
    } else {
        (Style::new(), "waits".to_owned())
    }
}
