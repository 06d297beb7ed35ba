//! What has to hold of an outage, a sentence for everything that does not.

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::Timestamp;
use switchhook::call::{Chapter, Kind, LegNo, Phase, Remark, What};
use switchhook::play::{Manner, Outage, Played, PlayedCall, Try};
use switchhook::sim::{End, Script};

use super::people::{AT, FOR_EVER, LASTS};

/// How long our call may live on after its caller has left.
const UNNOTICED: Duration = Duration::from_secs(60);
/// The same, and how long anything may be left, once an outage is over.
const PUT_RIGHT: Duration = Duration::from_secs(120);
/// Whoever calls so long after it is served as if nothing had been.
const SERVED: Duration = Duration::from_secs(30);
/// The longest silence of a caller while only some kinds of command fail.
const SILENCE: Duration = Duration::from_secs(12);
/// How long nobody may try to hang up a caller who is to be hung up: a pause between two tries, and one that hangs. Where
/// many hang they wait for one another's places.
const HANGS_UP: Duration = Duration::from_secs(13);
const HANGS_UP_ONE_OF_MANY: Duration = Duration::from_secs(45);
/// So many callers are many.
const MANY: usize = 200;
/// The longest silence of one who calls when it has lasted for a minute: by then what rings is left at once, and two texts
/// one after the other are what takes longest.
const IN_ALL: Duration = Duration::from_secs(20);
const A_MINUTE: Duration = Duration::from_secs(60);
/// Whoever is picked up as he is hung up, when an outage of answers ends, hears nothing.
const GLIMPSE: Duration = Duration::from_secs(1);
/// The most tries in any second, for each call that is alive then, and on top of that: a call that begins or ends asks
/// for several things at once, and each of them is repeated soon at first.
const EACH: usize = 2;
const MORE: usize = 16;
/// The most dials in any five seconds: 25 a second, and half a second's worth at once.
const DIALS: usize = 137;

/// What was measured of an outage: the worst of each.
#[derive(Clone, Copy, Debug, Default)]
pub struct Worst {
    /// Silence of a caller while only some kinds fail, and the longest of it in which nothing else was tried.
    silence: Duration,
    untried: Duration,
    /// How long a call lived on after its caller, or after the outage if he left in it.
    unnoticed: Duration,
    /// How long after the outage a caller from before its end was neither talking nor gone.
    left: Duration,
    /// How long nobody tried to hang up a caller who was to be.
    not_hung_up: Duration,
    /// Tries within a second of the outage, calls alive then, and how many tries more than [`EACH`] of them explain.
    tries: usize,
    alive: usize,
    more: usize,
    /// Dials within five seconds.
    dials: usize,
}

/// A play with an outage, and the same play without.
pub struct Case<'a> {
    pub outage: Outage,
    pub scripts: &'a [Script],
    pub played: &'a Played,
    pub calm: &'a Played,
    begin: Timestamp,
}

impl<'a> Case<'a> {
    pub fn new(outage: Outage, scripts: &'a [Script], played: &'a Played, calm: &'a Played) -> Self {
        // The first one calls as the play begins.
        let begin = played.calls[0].outcome.began.unwrap();
        Self { outage, scripts, played, calm, begin }
    }

    fn calls(&self) -> impl Iterator<Item = (&'a Script, &'a PlayedCall)> {
        self.scripts.iter().zip(&self.played.calls)
    }

    /// How long after the beginning.
    fn since(&self, at: Timestamp) -> Duration {
        at.duration_since(self.begin).try_into().unwrap()
    }

    fn over(&self, call: &PlayedCall) -> Option<Duration> {
        let ended = call.chapters.iter().find(|one| matches!(one.decision.call.phase, Phase::Ended { .. }));
        ended.map(|one| self.since(one.at))
    }

    /// Everything that does not hold, and what was measured.
    pub fn judged(&self) -> (Vec<String>, Worst) {
        let (mut broken, mut worst) = (self.played.broken.clone(), Worst::default());
        let partial = !self.outage.is_total();
        for (script, call) in self.calls() {
            let mut found = Vec::new();
            self.once(call, &mut found);
            self.noticed(call, &mut worst, &mut found);
            self.put_right(call, &mut worst, &mut found);
            self.as_before(script, call, &mut found);
            if partial {
                self.hears(script, call, &mut worst, &mut found);
            }
            broken.extend(found.into_iter().map(|what| format!("{}: {what}", script.name)));
        }
        if !partial {
            self.hangs_up(&mut worst, &mut broken);
        }
        self.no_storm(&mut worst, &mut broken);
        (broken, worst)
    }

    /// Nothing takes effect twice, and each command has its outcome.
    fn once(&self, call: &PlayedCall, broken: &mut Vec<String>) {
        if call.outcome.most_effects > 1 {
            broken.push(format!("a command took effect {} times", call.outcome.most_effects));
        }
        let wanted: BTreeSet<_> =
            call.chapters.iter().flat_map(|one| &one.decision.commands).map(|command| command.id).collect();
        let settled = call.chapters.iter().filter_map(|one| match &one.event.what {
            What::Settled(settled) => Some(settled.command),
            _ => None,
        });
        let open = wanted.difference(&settled.collect()).count();
        if open > 0 {
            broken.push(format!("{open} of its commands never had an outcome"));
        }
    }

    /// No call lives on for us when its caller is gone.
    fn noticed(&self, call: &PlayedCall, worst: &mut Worst, broken: &mut Vec<String>) {
        let (Some(ended), Some(over)) = (call.outcome.ended, self.over(call)) else {
            return broken.push("it never ends".to_owned());
        };
        let ended = self.since(ended);
        let disturbed = self.outage.is_total() && ended < AT + LASTS && ended + UNNOTICED > AT;
        let until = if disturbed { AT + LASTS + PUT_RIGHT } else { ended + UNNOTICED };
        worst.unnoticed = worst.unnoticed.max(over.saturating_sub(if disturbed { AT + LASTS } else { ended }));
        if over > until {
            broken.push(format!("its end is not noticed for {:.1?}", over - ended));
        }
    }

    /// Whoever called before its end is talking or gone soon after it.
    fn put_right(&self, call: &PlayedCall, worst: &mut Worst, broken: &mut Vec<String>) {
        let (began, end) = (self.since(call.outcome.began.unwrap()), AT + LASTS);
        if began >= end {
            return;
        }
        let talks = call.chapters.iter().find(|one| matches!(one.decision.call.phase, Phase::Talking { .. }));
        let settled = talks.map(|one| self.since(one.at)).or(self.over(call)).unwrap_or(Duration::MAX);
        worst.left = worst.left.max(settled.saturating_sub(end));
        if settled > end + PUT_RIGHT {
            broken.push("it is left over for long".to_owned());
        }
    }

    /// Who stays and calls well before or after it is served as if nothing had been.
    fn as_before(&self, script: &Script, call: &PlayedCall, broken: &mut Vec<String>) {
        let before = self.calm.calls.iter().find(|calm| calm.outcome.name == call.outcome.name).unwrap();
        let told = |call: &PlayedCall| {
            let it = &call.outcome;
            let waited = it.answered.map(|at| at.duration_since(it.began.unwrap()).as_secs_f64());
            (it.heard.clone(), it.bridged_to.clone(), it.end, waited)
        };
        let ended_before = self.since(before.outcome.ended.unwrap()) + Duration::from_secs(5) < AT;
        if script.patience < FOR_EVER || !(ended_before || script.at >= AT + LASTS + SERVED) {
            return;
        }
        let ((heard, to, end, waited), now) = (told(before), told(call));
        let as_long = waited.zip(now.3).is_none_or(|(a, b)| (a - b).abs() < 2.0);
        if (&heard, &to, end, waited.is_some()) != (&now.0, &now.1, now.2, now.3.is_some()) || !as_long {
            broken.push(format!("it was {heard:?} {to:?} {end:?} {waited:?} and is {now:?}"));
        }
    }

    /// While only some kinds fail, whoever is picked up is never in silence for long, and whoever stays is joined or hung
    /// up; and where he can be told something, he is.
    fn hears(&self, script: &Script, call: &PlayedCall, worst: &mut Worst, broken: &mut Vec<String>) {
        let it = &call.outcome;
        let goes_on = |remark: &Remark| matches!(remark, Remark::StepBegan { .. } | Remark::Rings { .. });
        // A mailbox whose greeting comes to nothing begins to record.
        let records = |one: &Chapter| one.decision.commands.iter().any(|asked| asked.verb.kind() == Kind::Record);
        let moves = call.chapters.iter().filter(|one| records(one) || one.decision.remarks.iter().any(goes_on));
        let moves = moves.map(|one| one.at);
        let moves: Vec<_> = moves.collect();
        for silence in &it.silences {
            let within = moves.iter().copied().filter(|at| (silence.from..silence.to).contains(at));
            let moments: Vec<_> =
                [silence.from].into_iter().chain(within).chain([silence.to]).map(|at| self.since(at)).collect();
            let longest = moments.windows(2).map(|two| two[1] - two[0]).max().unwrap_or_default();
            worst.silence = worst.silence.max(silence.lasts());
            worst.untried = worst.untried.max(longest);
            if silence.lasts() > IN_ALL && script.at > AT + A_MINUTE {
                broken.push(format!("he is in silence for {:.1?} in all", silence.lasts()));
            }
            if longest > SILENCE {
                broken.push(format!("he is in silence for {longest:.1?}, and nothing is tried"));
            }
        }
        if script.patience < FOR_EVER {
            return;
        }
        let talked = !it.bridged_to.is_empty();
        if !talked && it.end != Some(End::HungUp) {
            broken.push(format!("he stays, is not joined, and ends {:?}", it.end));
        }
        let glimpse = if self.outage.of.contains(&Kind::Answer) { GLIMPSE } else { Duration::ZERO };
        let picked_up = it.answered.zip(it.ended).is_some_and(|(from, to)| self.since(to) - self.since(from) > glimpse);
        if !talked && picked_up && it.heard.is_empty() && !self.outage.of.contains(&Kind::Speak) {
            broken.push("he stays and hears nothing".to_owned());
        }
    }

    /// Whoever is to be hung up is, again and again, as long as nothing is answered.
    fn hangs_up(&self, worst: &mut Worst, broken: &mut Vec<String>) {
        for (script, call) in self.calls() {
            let Some(gone) = call.outcome.ended.map(|at| self.since(at)) else { continue };
            let hangups = self
                .played
                .tries
                .iter()
                .filter(|one| Some(one.call) == call.id && one.leg == LegNo::CALLER && one.kind == Kind::Hangup);
            let mut moments: Vec<Duration> = hangups.map(|one| one.at).filter(|at| *at <= gone).collect();
            let Some(first) = moments.first().copied() else { continue };
            let end = gone.min(AT + LASTS + SERVED);
            moments.push(end.max(first));
            let longest = moments.windows(2).map(|two| two[1].saturating_sub(two[0])).max().unwrap_or_default();
            worst.not_hung_up = worst.not_hung_up.max(longest);
            let asked = match self.outage.how {
                Manner::TooMany { after: Some(secs) } => Duration::from_secs(secs.into()),
                _ => Duration::ZERO,
            };
            let most = if self.scripts.len() < MANY { HANGS_UP } else { HANGS_UP_ONE_OF_MANY };
            if longest > most.max(asked + Duration::from_secs(1)) {
                broken.push(format!("{}: nobody tries to hang up for {longest:.1?}", script.name));
            }
        }
    }

    /// Neither the outage nor its end makes a storm.
    fn no_storm(&self, worst: &mut Worst, broken: &mut Vec<String>) {
        let second = Duration::from_secs(1);
        let tries = &self.played.tries;
        let spans: Vec<_> =
            self.calls().filter_map(|(_, call)| Some((self.since(call.outcome.began?), self.over(call)?))).collect();
        for (first, one) in tries.iter().enumerate().filter(|(_, one)| (AT..AT + LASTS + PUT_RIGHT).contains(&one.at)) {
            let many = tries[first..].iter().take_while(|other| other.at < one.at + second).count();
            let alive = spans.iter().filter(|(began, over)| *began <= one.at + second && *over >= one.at).count();
            if many > worst.tries {
                (worst.tries, worst.alive) = (many, alive);
            }
            worst.more = worst.more.max(many.saturating_sub(EACH * alive));
        }
        if worst.more > MORE {
            broken.push(format!("{} tries in a second, of {} calls", worst.tries, worst.alive));
        }
        let dials: Vec<&Try> = tries.iter().filter(|one| one.kind == Kind::Dial).collect();
        for (first, one) in dials.iter().enumerate() {
            let many = dials[first..].iter().take_while(|other| other.at < one.at + 5 * second).count();
            worst.dials = worst.dials.max(many);
        }
        if worst.dials > DIALS {
            broken.push(format!("{} dials in five seconds", worst.dials));
        }
    }
}
