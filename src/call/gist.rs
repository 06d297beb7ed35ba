//! A call in one sentence: who got it and why, or why nobody did.

use std::collections::BTreeMap;
use std::time::Duration;

use super::command::Verb;
use super::remark::{EndWhy, Remark};
use super::story::Chapter;
use crate::routing::{Outcome, Place, Rules};

/// What the sentence is made of, as far as the call has come.
#[derive(Default)]
struct Gist<'a> {
    /// How long each of those who were rung was to ring.
    rings: BTreeMap<&'a str, Duration>,
    /// The step that the call is at.
    step: Option<Place>,
    /// Who is out of it, and how.
    outs: Vec<(&'a str, Outcome)>,
    /// Who is being joined with the caller: others are out of it for that.
    taking: Option<&'a str>,
    /// Why the call is at this step, and the line that says so.
    because: Option<(String, Place)>,
    /// Who got the call, and why.
    got: Option<(&'a str, Option<(String, Place)>)>,
    /// The mailbox that the caller came to last, and how long his message is, if one came of it.
    mailbox: Option<(Place, Option<Option<u64>>)>,
    ends: Option<EndWhy>,
}

/// The sentence, with the lines of the rules that decided it.
pub fn gist(chapters: &[Chapter], rules: &Rules) -> String {
    let mut gist = Gist::default();
    for chapter in chapters {
        let decision = &chapter.decision;
        for command in &decision.commands {
            if let Verb::Dial { ring_for, .. } | Verb::Transfer { ring_for, .. } = &command.verb {
                let name = decision.call.leg(command.leg).map_or("somebody", |leg| leg.name());
                gist.rings.insert(name, *ring_for);
            }
        }
        decision.remarks.iter().for_each(|remark| gist.hear(remark));
    }
    let over = chapters.last().is_some_and(|last| last.decision.call.has_ended());
    gist.told(rules, over)
}

impl<'a> Gist<'a> {
    fn hear(&mut self, remark: &'a Remark) {
        match remark {
            Remark::StepBegan { at, .. } => {
                self.step = Some(*at);
                self.outs.clear();
                self.taking = None;
            }
            Remark::Takes { name } => self.taking = Some(name),
            Remark::Out { name, .. } if self.taking.is_some_and(|taking| taking != name) => {}
            Remark::Out { name, outcome } => {
                self.taking = None;
                self.outs.push((name, *outcome));
            }
            Remark::StepEnded { at, outcome } => self.because = Some((self.failed(*outcome), *at)),
            Remark::KeyPressed { at, key } => self.because = Some((format!("the caller pressed {key}"), *at)),
            Remark::Connected { name } if self.got.is_none() => {
                let here = self.step.filter(|_| !self.outs.is_empty());
                let because = here.map(|at| (self.failed(Outcome::NoAnswer), at)).or_else(|| self.because.clone());
                self.got = Some((name, because));
            }
            Remark::MessageLeft { at, seconds } => self.mailbox = Some((*at, Some(*seconds))),
            Remark::MessageLost { at } if !self.has_message() => self.mailbox = Some((*at, None)),
            Remark::Ends { why } => self.ends = Some(*why),
            Remark::MessageLost { .. } => {}
            Remark::StepSkipped { .. } | Remark::Connected { .. } => {}
            Remark::RouteChosen { .. } | Remark::NoRoute | Remark::ListEnded { .. } | Remark::Rings { .. } => {}
            Remark::WrongKey { .. } | Remark::NoKey { .. } | Remark::OnceMore { .. } => {}
            Remark::WaitedLong | Remark::Apologises | Remark::CallerGone { .. } | Remark::PartyGone { .. } => {}
            Remark::Over | Remark::Refused { .. } | Remark::Unanswered { .. } | Remark::NothingCame { .. } => {}
            Remark::LegLost { .. } | Remark::LegFound { .. } | Remark::SaidGone { .. } | Remark::Ignored { .. } => {}
        }
    }

    /// Why nobody of a step took the call.
    fn failed(&self, outcome: Outcome) -> String {
        match self.outs.as_slice() {
            [] if outcome == Outcome::Invalid => "the caller pressed a key that leads nowhere".to_owned(),
            [] if outcome == Outcome::Exhausted => "the caller pressed no key".to_owned(),
            [] => "nobody took it".to_owned(),
            [(name, how)] => self.missed(name, *how),
            several => {
                let names: Vec<&str> = several.iter().map(|(name, _)| *name).collect();
                let (last, others) = names.split_last().map_or(("", [].as_slice()), |(last, others)| (*last, others));
                format!("neither {} nor {last} took it", others.join(", "))
            }
        }
    }

    fn missed(&self, name: &str, how: Outcome) -> String {
        match (how, self.rings.get(name)) {
            (Outcome::Busy, _) => format!("{name} was busy"),
            (Outcome::Declined, _) => format!("{name} turned it away"),
            (Outcome::NoAnswer, Some(time)) => format!("{name} did not answer within {}s", time.as_secs()),
            (Outcome::NoAnswer, None) => format!("{name} did not answer"),
            (Outcome::Failed | Outcome::Invalid | Outcome::Exhausted, _) => format!("{name} could not be reached"),
        }
    }

    fn has_message(&self) -> bool {
        self.mailbox.is_some_and(|(_, came)| came.is_some())
    }

    /// What came of the mailbox at a line. `came`: how long the message is, if there is one and that was told.
    fn message(&self, at: &str, came: Option<Option<u64>>) -> String {
        let after = self.because.as_ref().map_or(String::new(), |(why, _)| format!(" after {why}"));
        match came {
            Some(Some(seconds)) => format!("the caller left a message of {seconds}s{after}, {at}"),
            Some(None) => format!("the caller left a message{after}, {at}"),
            None => format!("nobody got the call: the caller left no message{after}, {at}"),
        }
    }

    fn told(&self, rules: &Rules, over: bool) -> String {
        let at = |place: &Place| rules.place(*place);
        if let Some((name, because)) = &self.got {
            return match (because, self.step) {
                (Some((why, place)), _) => format!("{name} got the call because {why}, {}", at(place)),
                (None, Some(place)) => format!("{name} got the call, as {} says", at(&place)),
                (None, None) => format!("{name} got the call"),
            };
        }
        if let Some((place, came)) = self.mailbox {
            return self.message(&at(&place), came);
        }
        let Some(ends) = self.ends else {
            let nobody = if over {
                "nobody got the call: it was over when we heard of it"
            } else {
                "nobody has got the call yet"
            };
            return nobody.to_owned();
        };
        let step = self.step.as_ref().map_or(String::new(), |place| format!(", {}", at(place)));
        let why = match (ends, &self.because) {
            (EndWhy::CallerGone, _) => format!("the caller left{step}"),
            (EndWhy::NoRoute, _) => "no line takes calls to this number".to_owned(),
            (EndWhy::TooLong, _) => format!("it lasted as long as a call may{step}"),
            (EndWhy::Fault, _) => format!("something went wrong on our side{step}"),
            (EndWhy::Step | EndWhy::ListEnded | EndWhy::PartyGone, Some((why, place))) => {
                format!("{why}, {}", at(place))
            }
            (EndWhy::Step | EndWhy::ListEnded | EndWhy::PartyGone, None) => format!("the rules end it{step}"),
        };
        format!("nobody got the call: {why}")
    }
}
