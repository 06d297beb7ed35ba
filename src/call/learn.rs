//! From an event to a fact: what it changes about a leg, whatever the call is doing.
//!
//! Legs only move forward. News that a leg is already past is no fact, and neither is news of a stranger.

use jiff::Timestamp;

use super::event::{Cause, Event, Made, News, Refusal, Settled, Verdict, What, Who};
use super::ids::LegNo;
use super::kind::Kind;
use super::leg::{Leg, LegState, Role};
use super::remark::{Ignored, Remark};
use super::turn::Turn;
use crate::phone::Party;

/// What an event amounts to.
pub(super) enum Fact {
    /// Somebody calls us.
    Arrived { from: Party, to: Party },
    /// A leg changed.
    Leg { no: LegNo, change: Change },
    /// A command that makes no leg and ends none was settled.
    Settled(Settled),
    /// A deadline fell due.
    Due,
    /// An event could not be decided.
    Fault,
}

/// How a leg changed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Change {
    Placed,
    Answered,
    Bridged,
    Ended(Cause),
    /// The dial was refused: the leg never was.
    Refused(Refusal),
    /// Nobody knows whether the dial made a leg.
    Unsure,
    SpeechStarted,
    SpeechEnded,
    PlaybackStarted,
    PlaybackEnded,
    /// A look-up found it alive.
    Alive,
    /// A look-up found it not alive, as it finds every leg that was never picked up, rung or gone.
    NotAlive,
}

/// Takes in an event: moves the leg it is about, and says what that amounts to.
pub(super) fn learn(turn: &mut Turn<'_>, event: &Event) -> Result<Fact, Ignored> {
    match &event.what {
        What::Leg { who, news } => news_of_leg(turn, who, news),
        What::Settled(settled) => settled_command(turn, settled),
        What::Due { version } if *version == turn.call.version => Ok(Fact::Due),
        What::Due { .. } => Err(Ignored::Stale),
        What::Fault { .. } => Ok(Fact::Fault),
    }
}

fn news_of_leg(turn: &mut Turn<'_>, who: &Who, news: &News) -> Result<Fact, Ignored> {
    if turn.call.legs.is_empty() {
        let leg = Leg::new(LegNo::CALLER, Role::Caller, LegState::Ringing, turn.now);
        turn.call.legs.push(leg);
    }
    let no = find(turn, who).ok_or(Ignored::NotOurs)?;
    let now = turn.now;
    let leg = turn.call.leg_mut(no).ok_or(Ignored::NotOurs)?;
    leg.recognise(who);
    leg.heard = true;
    let change = match news {
        News::Arrived { from, to } if no == LegNo::CALLER => {
            return if leg.has_ended() {
                Err(Ignored::Late)
            } else {
                Ok(Fact::Arrived { from: from.clone(), to: to.clone() })
            };
        }
        News::Arrived { .. } | News::Other { .. } => return Err(Ignored::NothingToDo),
        News::HungUp { cause } if !leg.has_ended() => {
            leg.end(now, *cause);
            Change::Ended(*cause)
        }
        News::HungUp { .. } => return Err(Ignored::Twice),
        _ if leg.has_ended() => return Err(Ignored::Late),
        News::Placed => placed(leg)?,
        News::Answered if leg.answered_at().is_some() => return Err(Ignored::Twice),
        News::Answered => {
            leg.state = LegState::Answered { at: now };
            // What was to turn him away unanswered comes too late for that: he is hung up at once.
            if let Some(stop) = leg.stop.as_mut().filter(|_| no == LegNo::CALLER) {
                stop.asked = None;
            }
            Change::Answered
        }
        News::Bridged => {
            // A leg can be joined before it is picked up (early media): it exists, no more is said.
            let _ = placed(leg);
            Change::Bridged
        }
        News::SpeechStarted => Change::SpeechStarted,
        News::SpeechEnded => Change::SpeechEnded,
        News::PlaybackStarted => Change::PlaybackStarted,
        News::PlaybackEnded { .. } => Change::PlaybackEnded,
    };
    found_again(turn, no, change);
    Ok(Fact::Leg { no, change })
}

/// A leg that shows itself after it was taken for gone is hung up: nobody waits for it any more. Only a party the
/// caller was given to is with him once he picks up, and what that means is for the phase to say.
fn found_again(turn: &mut Turn<'_>, no: LegNo, change: Change) {
    let now = turn.now;
    let Some(leg) = turn.call.leg_mut(no).filter(|leg| leg.lost && !leg.has_ended()) else { return };
    leg.lost = false;
    if !(leg.is_given() && change == Change::Answered) {
        leg.stop_from(now);
        turn.remark(Remark::LegFound { leg: no });
    }
}

fn placed(leg: &mut Leg) -> Result<Change, Ignored> {
    match leg.state {
        LegState::Dialled => {
            leg.state = LegState::Ringing;
            Ok(Change::Placed)
        }
        LegState::Ringing | LegState::Answered { .. } => Err(Ignored::Twice),
        LegState::Ended { .. } => Err(Ignored::Late),
    }
}

/// Which leg an event is about. A handle or leg id is believed before the tag: a tag that was meant for one leg
/// is said to come back on another's events when a caller is given away.
fn find(turn: &Turn<'_>, who: &Who) -> Option<LegNo> {
    let legs = &turn.call.legs;
    let by_handle = || legs.iter().find(|leg| leg.handle.is_some() && leg.handle == who.handle);
    let by_id = || legs.iter().find(|leg| leg.id.is_some() && leg.id == who.leg);
    let stranger = |leg: &&Leg| leg.handle.is_none() || who.handle.is_none();
    let by_tag = || {
        let tag = who.tag.filter(|tag| tag.call == turn.call.id)?;
        turn.call.leg(tag.leg).filter(stranger)
    };
    // The new leg of a transfer may come without its tag: it is the one that is waited for, or was.
    let waiting = |lost: bool| {
        let new = |leg: &&Leg| leg.is_given() && leg.handle.is_none() && !leg.has_ended();
        let mut waiting = legs.iter().filter(new).filter(|leg| leg.lost == lost);
        waiting.next().filter(|_| waiting.next().is_none())
    };
    let given = || waiting(false).or_else(|| waiting(true)).filter(|_| who.handle.is_some());
    // The first leg of a call whose beginning we missed may be known by its session alone.
    let only = || legs.first().filter(|leg| legs.len() == 1 && leg.handle.is_none() && leg.id.is_none());
    by_handle().or_else(by_id).or_else(by_tag).or_else(given).or_else(only).map(|leg| leg.no)
}

fn settled_command(turn: &mut Turn<'_>, settled: &Settled) -> Result<Fact, Ignored> {
    remark_on(turn, settled);
    let no = settled.leg;
    let now = turn.now;
    let caller = no == LegNo::CALLER;
    let leg = turn.call.leg_mut(no).ok_or(Ignored::NotOurs)?;
    match (settled.kind, &settled.verdict) {
        (Kind::Dial, verdict) => {
            let change = dial_settled(leg, verdict, now)?;
            if change == Change::Placed {
                found_again(turn, no, change);
            }
            if change == Change::Refused(Refusal::Ended) {
                // What it was to be linked to is gone.
                turn.look(LegNo::CALLER);
            }
            Ok(Fact::Leg { no, change })
        }
        (Kind::Hangup, Verdict::Refused { why: Refusal::Ended, .. }) if !leg.has_ended() => {
            leg.end(now, Cause::Normal);
            Ok(Fact::Leg { no, change: Change::Ended(Cause::Normal) })
        }
        (Kind::Hangup, _) => Err(Ignored::NothingToDo),
        (Kind::Look, Verdict::Found { alive: true }) if leg.is_live() => Ok(Fact::Leg { no, change: Change::Alive }),
        (Kind::Look, Verdict::Found { alive: false }) if !leg.has_ended() && (caller || leg.is_answered()) => {
            leg.end(now, Cause::Normal);
            Ok(Fact::Leg { no, change: Change::Ended(Cause::Normal) })
        }
        (Kind::Look, Verdict::Found { alive: false }) if leg.is_live() => {
            Ok(Fact::Leg { no, change: Change::NotAlive })
        }
        (Kind::Look, _) => Err(Ignored::NothingToDo),
        (_, Verdict::Refused { why: Refusal::Ended, .. }) => {
            // The ordinary race with somebody who hung up: his hangup is on its way, and if not, this finds out.
            turn.look(LegNo::CALLER);
            Ok(Fact::Settled(settled.clone()))
        }
        (_, _) => Ok(Fact::Settled(settled.clone())),
    }
}

fn dial_settled(leg: &mut Leg, verdict: &Verdict, now: Timestamp) -> Result<Change, Ignored> {
    match verdict {
        Verdict::Accepted { made: Some(Made { handle, leg: id, session }) } => {
            let who = Who { handle: Some(handle.clone()), leg: id.clone(), session: session.clone(), ..Who::default() };
            leg.recognise(&who);
            placed(leg)
        }
        Verdict::Accepted { made: None } | Verdict::Found { .. } => Err(Ignored::NothingToDo),
        _ if leg.has_ended() => Err(Ignored::Late),
        // It has shown itself by webhook before the answer came: the answer says nothing more.
        _ if leg.state != LegState::Dialled => Err(Ignored::Late),
        Verdict::Refused { why, .. } => {
            leg.end(now, Cause::Failed);
            Ok(Change::Refused(*why))
        }
        Verdict::Void => {
            leg.end(now, Cause::Cancelled);
            Ok(Change::Ended(Cause::Cancelled))
        }
        Verdict::Unknown => {
            leg.lost = true;
            Ok(Change::Unsure)
        }
    }
}

fn remark_on(turn: &mut Turn<'_>, settled: &Settled) {
    let kind = settled.kind;
    match &settled.verdict {
        Verdict::Refused { why: Refusal::Ended, .. } if kind == Kind::Hangup => {}
        Verdict::Refused { code, .. } => turn.remark(Remark::Refused { kind, code: code.clone() }),
        Verdict::Unknown => turn.remark(Remark::Unanswered { kind }),
        Verdict::Accepted { .. } | Verdict::Void | Verdict::Found { .. } => {}
    }
}
