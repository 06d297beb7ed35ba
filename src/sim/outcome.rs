//! What became of a call, read off the ledger: who was reached, what was heard, how it ended, and what went wrong.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;

use super::ledger::{By, CallNo, Entry, LegNo, What};
use super::moment::between;
use super::world::World;

/// What became of a call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CallOutcome {
    /// Which call.
    pub call: CallNo,
    /// The name of its script.
    pub name: String,
    /// When the caller called; `None` if he has not yet.
    pub began: Option<Timestamp>,
    /// When he was answered.
    pub answered: Option<Timestamp>,
    /// When his leg ended; `None` if it lives.
    pub ended: Option<Timestamp>,
    /// How it ended.
    pub end: Option<End>,
    /// Whom he talked with, in order.
    pub bridged_to: Vec<String>,
    /// The texts and audio addresses he heard, in order.
    pub heard: Vec<String>,
    /// How long each recording of him lasted, in order.
    pub recorded: Vec<Duration>,
    /// Every leg that was made for him.
    pub rings: Vec<Ring>,
    /// Stretches in which he was answered and there was nothing: no sound, nobody rung, nobody to talk with.
    pub silences: Vec<Silence>,
    /// How often the command that took effect most often did so: more than 1 is one too many.
    pub most_effects: u32,
}

/// How a caller's leg ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum End {
    /// Turned away unanswered, with this cause.
    Rejected(&'static str),
    /// He hung up before he talked with anybody.
    GaveUp,
    /// He hung up after talking with somebody.
    CallerLeft,
    /// The one he talked with hung up.
    CalleeLeft,
    /// A command hung him up.
    HungUp,
    /// A limit of Telnyx ended it.
    Limit,
}

/// A leg that was made for a caller.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Ring {
    /// The leg.
    pub leg: LegNo,
    /// Who was rung.
    pub target: String,
    /// When it began to ring; `None` if it never did.
    pub rang: Option<Timestamp>,
    /// When it was answered.
    pub answered: Option<Timestamp>,
    /// When it ended; `None` if it lives.
    pub ended: Option<Timestamp>,
    /// Its cause as the wire tells it.
    pub cause: Option<&'static str>,
    /// How long it lived on after the caller's leg had ended; until now, if it lives.
    pub outlived: Duration,
}

/// A stretch of silence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Silence {
    /// Its beginning.
    pub from: Timestamp,
    /// Its end.
    pub to: Timestamp,
}

impl Silence {
    /// How long it lasts.
    pub fn lasts(&self) -> Duration {
        between(self.from, self.to)
    }
}

impl World {
    /// What became of a call so far; `None` if there is no such call.
    pub fn outcome(&self, no: CallNo) -> Option<CallOutcome> {
        let call = self.call(no)?;
        let entries = self.ledger.of_legs(&call.legs);
        let (own, others): (Vec<&Entry>, Vec<&Entry>) =
            entries.iter().partition(|entry| Some(entry.leg) == call.caller);
        let when = |found: fn(&What) -> bool| own.iter().find(|entry| found(&entry.what)).map(|entry| entry.at);
        let ended = when(|what| matches!(what, What::HungUp { .. }));
        let target = |leg: LegNo| self.leg(leg).map(|leg| leg.to.clone());
        Some(CallOutcome {
            call: no,
            name: call.script.name.clone(),
            began: when(|what| matches!(what, What::Arrived { .. })),
            answered: when(|what| matches!(what, What::Answered)),
            ended,
            end: end(&own),
            bridged_to: own.iter().filter_map(|entry| target(entry.what.bridged_with()?)).collect(),
            heard: own.iter().filter_map(|entry| entry.what.heard().map(str::to_owned)).collect(),
            recorded: recorded(&own, self.now),
            rings: rings(&others, ended, self.now),
            silences: call.caller.map(|caller| silences(caller, &entries, self.now)).unwrap_or_default(),
            most_effects: self.most_effects(&call.legs),
        })
    }

    /// What became of every call so far.
    pub fn outcomes(&self) -> Vec<CallOutcome> {
        let count = u32::try_from(self.calls.len()).unwrap_or(u32::MAX);
        (0..count).filter_map(|no| self.outcome(CallNo(no))).collect()
    }

    fn most_effects(&self, legs: &[LegNo]) -> u32 {
        let commands = self.ledger.commands_to(legs);
        commands.filter_map(|entry| Some(self.ledger.effects(entry.command_id.as_ref()?))).max().unwrap_or(0)
    }
}

impl What {
    fn bridged_with(&self) -> Option<LegNo> {
        if let Self::Bridged { with } = self { Some(*with) } else { None }
    }

    fn heard(&self) -> Option<&str> {
        match self {
            Self::Spoke { text } => Some(text),
            Self::Played { audio } => Some(audio),
            Self::Arrived { .. }
            | Self::Dialled { .. }
            | Self::Transferred { .. }
            | Self::Rang { .. }
            | Self::Answered
            | Self::Bridged { .. }
            | Self::Parked
            | Self::MediaEnded
            | Self::Gathers
            | Self::Pressed { .. }
            | Self::GatherEnded { .. }
            | Self::Records { .. }
            | Self::RecordingEnded { .. }
            | Self::RecordingSaved { .. }
            | Self::Rejected { .. }
            | Self::HungUp { .. } => None,
        }
    }
}

fn end(own: &[&Entry]) -> Option<End> {
    let talked = own.iter().any(|entry| entry.what.bridged_with().is_some());
    let rejected =
        own.iter().find_map(|entry| if let What::Rejected { cause } = entry.what { Some(cause) } else { None });
    let by = own.iter().find_map(|entry| if let What::HungUp { by, .. } = entry.what { Some(by) } else { None })?;
    Some(match (rejected, by) {
        (Some(cause), _) => End::Rejected(cause),
        (None, By::Person) if talked => End::CallerLeft,
        (None, By::Person) => End::GaveUp,
        (None, By::Peer) => End::CalleeLeft,
        (None, By::Command) => End::HungUp,
        (None, By::Limit | By::Origin) => End::Limit,
    })
}

fn recorded(own: &[&Entry], now: Timestamp) -> Vec<Duration> {
    let begins = own.iter().filter_map(|entry| {
        if let What::Records { recording } = entry.what { Some((entry.at, recording)) } else { None }
    });
    let end = |recording| own.iter().find(|entry| entry.what == What::RecordingEnded { recording });
    begins.map(|(from, recording)| between(from, end(recording).map_or(now, |entry| entry.at))).collect()
}

fn rings(others: &[&Entry], caller_ended: Option<Timestamp>, now: Timestamp) -> Vec<Ring> {
    let mut rings: BTreeMap<LegNo, Ring> = BTreeMap::new();
    for entry in others {
        let fresh = |target: &String| Ring {
            leg: entry.leg,
            target: target.clone(),
            rang: None,
            answered: None,
            ended: None,
            cause: None,
            outlived: Duration::ZERO,
        };
        if let What::Dialled { target, .. } | What::Transferred { target, .. } = &entry.what {
            rings.insert(entry.leg, fresh(target));
        }
        let Some(ring) = rings.get_mut(&entry.leg) else { continue };
        if matches!(entry.what, What::Rang { .. }) {
            ring.rang = Some(entry.at);
        } else if entry.what == What::Answered {
            ring.answered = Some(entry.at);
        } else if let What::HungUp { cause, .. } = entry.what {
            (ring.ended, ring.cause) = (Some(entry.at), Some(cause));
        }
    }
    let outlived = |ring: Ring| {
        let outlived = caller_ended.map(|left| between(left, ring.ended.unwrap_or(now))).unwrap_or_default();
        Ring { outlived, ..ring }
    };
    rings.into_values().map(outlived).collect()
}

/// Walks through what happened and keeps the stretches in which nothing covered the answered caller.
fn silences(caller: LegNo, entries: &[&Entry], now: Timestamp) -> Vec<Silence> {
    let (mut answered, mut ended, mut playing, mut bridged) = (false, false, 0u32, false);
    let mut ringing = Vec::new();
    let mut since: Option<Timestamp> = None;
    let mut silences = Vec::new();
    for entry in entries {
        let own = entry.leg == caller;
        match &entry.what {
            What::Answered if own => answered = true,
            What::HungUp { .. } if own => ended = true,
            What::Bridged { .. } if own => bridged = true,
            What::Parked if own => bridged = false,
            What::Spoke { .. } | What::Played { .. } | What::Gathers | What::Records { .. } if own => playing += 1,
            What::MediaEnded | What::GatherEnded { .. } | What::RecordingEnded { .. } if own => {
                playing = playing.saturating_sub(1);
            }
            What::Rang { .. } => ringing.push(entry.leg),
            What::Answered | What::HungUp { .. } => ringing.retain(|leg| *leg != entry.leg),
            What::Arrived { .. }
            | What::Dialled { .. }
            | What::Transferred { .. }
            | What::Rejected { .. }
            | What::Bridged { .. }
            | What::Parked
            | What::Spoke { .. }
            | What::Played { .. }
            | What::Gathers
            | What::Pressed { .. }
            | What::GatherEnded { .. }
            | What::Records { .. }
            | What::RecordingEnded { .. }
            | What::RecordingSaved { .. }
            | What::MediaEnded => {}
        }
        let silent = answered && !ended && !bridged && playing == 0 && ringing.is_empty();
        match since {
            None if silent => since = Some(entry.at),
            Some(from) if !silent => {
                silences.push(Silence { from, to: entry.at });
                since = None;
            }
            None | Some(_) => {}
        }
    }
    silences.extend(since.map(|from| Silence { from, to: now }));
    silences.retain(|silence| !silence.lasts().is_zero());
    silences
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::stage::{ANNA, SECOND, Stage, answers, script};
    use super::super::{Callee, Side};
    use super::*;

    fn seconds(outcome: &CallOutcome) -> Vec<u64> {
        outcome.silences.iter().map(|silence| silence.lasts().as_secs()).collect()
    }

    #[test]
    fn silence_is_what_neither_sound_nor_ring_nor_talk_covers() {
        let mut stage = Stage::new(&script().callee(ANNA, answers(6)).talk(20 * SECOND, Side::Caller));
        stage.run(10 * SECOND);
        stage.answer();
        stage.run(4 * SECOND);
        stage.ok(&stage.a(), "playback_start", json!({"audio_url": "https://example.com/a.mp3", "loop": 2}));
        stage.run(5 * SECOND);
        let b = stage.dial(ANNA);
        stage.run_to("B call.answered");
        stage.run(7 * SECOND);
        stage.ok(&stage.a(), "bridge", json!({"call_control_id": b}));
        stage.run(40 * SECOND);
        let outcome = stage.outcome();
        assert_eq!(seconds(&outcome), [4, 7], "before the music, and after it until the bridge: {outcome:?}");
        assert_eq!(outcome.end, Some(End::CallerLeft));
    }

    #[test]
    fn a_caller_forgotten_is_silent_until_now() {
        let mut stage = Stage::new(&script());
        stage.answer();
        stage.run(100 * SECOND);
        assert_eq!(stage.outcome().silences.len(), 1);
        assert!(stage.outcome().silences[0].lasts() > 99 * SECOND);
        stage.ok(&stage.a(), "hangup", json!({}));
        stage.run(SECOND);
        assert_eq!(stage.outcome().end, Some(End::HungUp));
    }

    #[test]
    fn a_script_that_has_not_begun_has_no_outcome_yet() {
        let mut stage = Stage::new(&script());
        let later = stage.world.call_in(stage.now, &script().at(60 * SECOND));
        assert_eq!(stage.world.outcome(later).unwrap().began, None);
        stage.run(60 * SECOND);
        assert_eq!(stage.world.outcome(later).unwrap().began, Some(stage.now));
        assert_eq!(stage.world.outcomes().len(), 2);
        assert_eq!(stage.world.outcome(CallNo(7)), None);
    }

    #[test]
    fn a_callee_who_hangs_up_ends_the_call() {
        let callee = Callee::Answers { after: SECOND, hangs_up_after: Some(3 * SECOND) };
        let mut stage = Stage::new(&script().callee(ANNA, callee));
        stage.ok(&stage.a(), "transfer", json!({"to": ANNA}));
        stage.run(10 * SECOND);
        assert_eq!(stage.outcome().end, Some(End::CalleeLeft));
    }
}
