//! What one sees while the calls run: a line each, side by side, drawn anew as they go on.

use std::io::{IsTerminal as _, Write as _};

use anstream::{AutoStream, ColorChoice};
use anstyle::{AnsiColor, Style};
use jiff::Timestamp;

use super::day::time_of_day;
use super::judge::ending;
use super::names::Names;
use crate::sim::CallOutcome;

/// Columns of a call's name, and the gap after it.
const NAME: usize = 33;
/// Columns of what it is doing: with name and time, a line has 80.
const STATE: usize = 37;
/// Lines longer than the terminal are cut and not broken: what is broken cannot be drawn over.
const CUT: &str = "\x1b[?7l";
const UNCUT: &str = "\x1b[?7h";

/// Where the calls are shown while they run.
pub struct Screen {
    kind: Kind,
    names: Names,
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
    /// A screen on stdout.
    pub fn new(names: Names) -> Self {
        let stdout = std::io::stdout();
        // Where colours are not wanted, the codes that draw over a line do not get through either.
        let draws = stdout.is_terminal() && AutoStream::choice(&stdout) != ColorChoice::Never;
        Self { kind: if draws { Kind::Terminal } else { Kind::Lines }, names, shown: Vec::new() }
    }

    /// No screen.
    pub fn none(names: Names) -> Self {
        Self { kind: Kind::Silent, names, shown: Vec::new() }
    }

    /// Shows how the calls stand.
    pub fn show(&mut self, now: Timestamp, outcomes: &[CallOutcome]) {
        let lines: Vec<String> = outcomes.iter().map(|outcome| line(outcome, now, &self.names)).collect();
        let frame = match self.kind {
            Kind::Silent => return,
            Kind::Lines => self.news(now, &lines),
            Kind::Terminal => self.frame(now, &lines),
        };
        self.shown = lines;
        let mut out = anstream::stdout().lock();
        // A terminal that is gone must not stop the calls.
        let _ = out.write_all(frame.as_bytes()).and_then(|()| out.flush());
    }

    /// The lines that are not as they were.
    fn news(&self, now: Timestamp, lines: &[String]) -> String {
        let new = lines.iter().enumerate().filter(|(index, line)| self.shown.get(*index) != Some(*line));
        new.map(|(_, line)| format!("{}  {line}\n", time_of_day(now))).collect()
    }

    /// Everything, over what stands there: in one piece, so that nothing flickers.
    fn frame(&self, now: Timestamp, lines: &[String]) -> String {
        let up = if self.shown.is_empty() { String::new() } else { format!("\x1b[{}A", self.shown.len() + 1) };
        let lines: String = lines.iter().map(|line| format!("{line}\x1b[K\n")).collect();
        format!("{CUT}{up}{}\x1b[K\n{lines}{UNCUT}", time_of_day(now))
    }
}

fn line(outcome: &CallOutcome, now: Timestamp, names: &Names) -> String {
    let (style, state) = state(outcome, now, names);
    format!("{:<NAME$}{style}{state}{style:#}", outcome.name)
}

/// A text, cut where it is longer than that.
fn short(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    text.chars().take(most.saturating_sub(1)).chain(['…']).collect()
}

fn state(outcome: &CallOutcome, now: Timestamp, names: &Names) -> (Style, String) {
    let colour = |colour: AnsiColor| colour.on_default();
    let rings = |ring: &&crate::sim::Ring| {
        ring.rang.is_some_and(|at| at <= now) && ring.answered.is_none() && ring.ended.is_none()
    };
    let mut ringing: Vec<&String> = outcome.rings.iter().filter(rings).map(|ring| &ring.target).collect();
    ringing.sort();
    let talking = outcome.rings.iter().find(|ring| ring.answered.is_some() && ring.ended.is_none());
    if outcome.began.is_none() {
        (Style::new().dimmed(), "not yet".to_owned())
    } else if let Some(end) = outcome.end {
        (Style::new().dimmed(), format!("over: {}", ending(end).word()))
    } else if let Some(ring) = talking.filter(|ring| outcome.bridged_to.contains(&ring.target)) {
        (colour(AnsiColor::Green), short(&format!("talks with {}", names.name(&ring.target)), STATE))
    } else if !ringing.is_empty() {
        (colour(AnsiColor::Yellow), short(&format!("rings {}", names.list(ringing)), STATE))
    } else if let (Some(text), Some(_)) = (outcome.heard.last(), outcome.answered) {
        (colour(AnsiColor::Cyan), format!("hears “{}”", short(text, STATE - "hears ..".len())))
    } else {
        (Style::new(), "waits".to_owned())
    }
}
