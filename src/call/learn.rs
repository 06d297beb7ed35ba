//! From an event to a fact: what it changes about a leg, whatever the call is doing.
//!
//! Legs only move forward. News that a leg is already past is no fact, and neither is news of a stranger. What was only
//! concluded, from a refusal or from silence, gives way to news: that a dial made no leg, that the caller is picked up.

use jiff::Timestamp;

use super::ending::{self, TWICE};
use super::event::{Cause, Entered, Event, Made, News, Refusal, Settled, Verdict, What, Who};
use super::ids::{LegNo, Mark};
use super::kind::Kind;
use super::leg::{Leg, LegState, Role, SaidGone};
use super::mailbox;
use super::remark::{Ignored, Remark};
use super::turn::{PICKS_UP, Turn, later};
use crate::phone::{Key, Party};
use crate::routing::Rules;

/// What an event amounts to.
pub(super) enum Fact {
    /// Somebody calls us.
    Arrived { from: Party, to: Party, hops: u8 },
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
    Pressed {
        key: Key,
        mark: Option<Mark>,
    },
    Gathered {
        entered: Entered,
        mark: Option<Mark>,
    },
    /// A recording of it was saved, for a message.
    Recorded,
    /// A recording of it could not be saved.
    RecordingFailed,
    /// A look-up found it alive.
    Alive,
    /// A look-up found it not alive, as it finds every leg that was never picked up, rung or gone.
    NotAlive,
}

/// Takes in an event: moves the leg it is about, and says what that amounts to.
///
/// `talk`: whom the caller talks with. `awaited`: the audio whose begin is waited for, if that is known.
pub(super) fn learn(
    turn: &mut Turn<'_>,
    event: &Event,
    talk: Option<LegNo>,
    awaited: Option<&str>,
) -> Result<Fact, Ignored> {
    match &event.what {
        What::Leg { who, news } => match recording(turn, who, news) {
            Some(change) => Ok(Fact::Leg { no: LegNo::CALLER, change: change? }),
            None => news_of_leg(turn, who, news, awaited),
        },
        What::Settled(settled) => {
            remark_on(turn, settled);
            if mailbox::settled(settled, turn) {
                return Ok(Fact::Leg { no: LegNo::CALLER, change: Change::Recorded });
            }
            settled_command(turn, settled, talk)
        }
        What::Due { version } if *version == turn.call.version => Ok(Fact::Due),
        What::Due { .. } => Err(Ignored::Stale),
        What::Fault { .. } => Ok(Fact::Fault),
    }
}

/// The ringing we played may begin late, when other audio is waited for. Only what we know for ours is told apart: whether an
/// address comes back letter for letter is not said.
fn is_ringing(news: &News, awaited: Option<&str>, rules: &Rules) -> bool {
    let News::PlaybackStarted { audio: Some(begun) } = news else { return false };
    rules.defaults.ringback.as_ref() == Some(begun) && awaited.is_some_and(|awaited| awaited != begun)
}

fn news_of_leg(turn: &mut Turn<'_>, who: &Who, news: &News, awaited: Option<&str>) -> Result<Fact, Ignored> {
    if turn.call.legs.is_empty() {
        let leg = Leg::new(LegNo::CALLER, Role::Caller, LegState::Ringing, turn.now);
        turn.call.legs.push(leg);
    }
    let no = find(turn, who).ok_or(Ignored::NotOurs)?;
    let (now, rules, routed) = (turn.now, turn.rules, turn.call.route.is_some());
    let leg = turn.call.leg_mut(no).ok_or(Ignored::NotOurs)?;
    // A dial that was refused, or never sent, can have made a leg all the same: a try of it that was long on its way.
    if leg.never_was() && !matches!(news, News::HungUp { .. }) {
        if who.handle.is_none() || !matches!(news, News::Placed | News::Answered | News::Bridged) {
            return Err(Ignored::Late);
        }
        leg.turn_up();
    }
    leg.recognise(who);
    (leg.heard, leg.said_gone) = (true, None);
    let change = match news {
        News::Arrived { .. } if no == LegNo::CALLER && leg.has_ended() && routed => return Err(Ignored::Late),
        News::Arrived { from, to, hops } if no == LegNo::CALLER => {
            return Ok(Fact::Arrived { from: from.clone(), to: to.clone(), hops: *hops });
        }
        News::Arrived { .. } | News::Other { .. } | News::Recorded(_) | News::RecordingFailed => {
            return Err(Ignored::NothingToDo);
        }
        News::HungUp { cause } if !leg.has_ended() => {
            leg.end(now, *cause);
            Change::Ended(*cause)
        }
        News::HungUp { .. } => return Err(Ignored::Twice),
        _ if leg.has_ended() => return Err(Ignored::Late),
        News::Placed => placed(leg)?,
        News::Answered => answered(leg, now)?,
        News::Bridged => {
            wait_for_answer(leg, now);
            // A leg can be joined before it is picked up (early media): it exists, no more is said.
            let _ = placed(leg);
            Change::Bridged
        }
        News::SpeechStarted => Change::SpeechStarted,
        News::SpeechEnded => Change::SpeechEnded,
        News::PlaybackStarted { .. } if is_ringing(news, awaited, rules) => return Err(Ignored::Late),
        News::PlaybackStarted { .. } => Change::PlaybackStarted,
        News::PlaybackEnded { .. } => Change::PlaybackEnded,
        News::Pressed { key, mark } => Change::Pressed { key: *key, mark: *mark },
        News::Gathered { entered, mark } => Change::Gathered { entered: *entered, mark: *mark },
    };
    found_again(turn, no, change);
    Ok(Fact::Leg { no, change })
}

/// News of a recording, if it is that: it says nothing of how far a leg has come, and may not say which leg it is of. We
/// have nobody recorded but callers.
fn recording(turn: &mut Turn<'_>, who: &Who, news: &News) -> Option<Result<Change, Ignored>> {
    if find(turn, who).map_or(who.handle.is_some(), |no| no != LegNo::CALLER) {
        return None;
    }
    if let News::Recorded(tape) = news {
        Some(mailbox::saved(tape, turn).map(|()| Change::Recorded))
    } else {
        (*news == News::RecordingFailed).then(|| mailbox::failed(turn).map(|()| Change::RecordingFailed))
    }
}

/// A leg that shows itself after it was taken for gone is hung up: nobody waits for it any more. Only a party the
/// caller was given to is with him once he picks up, and what that means is for the phase to say. That they are joined
/// may be told just before that, so it is waited for a moment: a hangup would cut their talk.
fn found_again(turn: &mut Turn<'_>, no: LegNo, change: Change) {
    let now = turn.now;
    let Some(leg) = turn.call.leg_mut(no).filter(|leg| leg.lost && !leg.has_ended()) else { return };
    leg.lost = false;
    if !(leg.is_given() && change == Change::Answered) {
        let joined = leg.is_given() && change == Change::Bridged;
        // He was to be hung up as soon as he could be: what that can wait for is known only now.
        leg.stop = None;
        leg.stop_from(if joined { later(now, PICKS_UP) } else { now });
        turn.remark(Remark::LegFound { leg: no });
    }
}

/// Somebody the caller was to be given to, and who is to be hung up once he shows himself, is joined with him: he may be
/// picking up, and the news of that is waited for.
fn wait_for_answer(leg: &mut Leg, now: Timestamp) {
    let given = leg.is_given();
    if let Some(stop) = leg.stop.as_mut().filter(|stop| given && stop.asked.is_none()) {
        stop.from = stop.from.max(later(now, PICKS_UP));
    }
}

fn answered(leg: &mut Leg, now: Timestamp) -> Result<Change, Ignored> {
    if leg.answered_at().is_some() {
        leg.supposed = false;
        return Err(Ignored::Twice);
    }
    leg.state = LegState::Answered { at: now };
    // What was to turn him away unanswered comes too late for that: he is hung up at once.
    if let Some(stop) = leg.stop.as_mut().filter(|_| leg.no == LegNo::CALLER) {
        stop.asked = None;
    }
    Ok(Change::Answered)
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
    // Of several who were taken for gone it is most likely the last: the others have rung for longer.
    let waiting = |lost: bool| {
        let new = |leg: &&Leg| leg.is_given() && leg.handle.is_none() && !leg.has_ended();
        legs.iter().rev().filter(new).find(|leg| leg.lost == lost)
    };
    let refused = || legs.iter().rev().filter(|leg| leg.is_given()).find(|leg| leg.never_was());
    let given = || waiting(false).or_else(|| waiting(true)).or_else(refused).filter(|_| who.handle.is_some());
    // The first leg of a call whose beginning we missed may be known by its session alone.
    let only = || legs.first().filter(|leg| legs.len() == 1 && leg.handle.is_none() && leg.id.is_none());
    by_handle().or_else(by_id).or_else(by_tag).or_else(given).or_else(only).map(|leg| leg.no)
}

fn settled_command(turn: &mut Turn<'_>, settled: &Settled, talk: Option<LegNo>) -> Result<Fact, Ignored> {
    let no = settled.leg;
    let now = turn.now;
    let caller = no == LegNo::CALLER;
    let leg = turn.call.leg_mut(no).ok_or(Ignored::NotOurs)?;
    match (settled.kind, &settled.verdict) {
        (Kind::Dial, verdict) => {
            let change = dial_settled(leg, verdict, now)?;
            if change == Change::Placed {
                found_again(turn, no, change);
            } else if change == Change::Refused(Refusal::Ended) {
                // What it was to be linked to is gone.
                turn.look(LegNo::CALLER);
            } else if change == Change::Unsure {
                ending::seek(no, turn);
            }
            Ok(Fact::Leg { no, change })
        }
        (Kind::Hangup, Verdict::Refused { why: Refusal::Ended, .. }) if !leg.has_ended() => {
            leg.end(now, Cause::Normal);
            Ok(Fact::Leg { no, change: Change::Ended(Cause::Normal) })
        }
        (Kind::Hangup, verdict) => {
            leg.stop.iter_mut().for_each(|stop| stop.hear(verdict));
            Err(Ignored::NothingToDo)
        }
        (Kind::Reject, Verdict::Refused { why, .. }) if *why != Refusal::Ended => {
            // He is picked up, and the news of it was lost: he is hung up at once.
            if let Some(stop) = &mut leg.stop {
                stop.asked = None;
            }
            Ok(Fact::Settled(settled.clone()))
        }
        (Kind::Look, Verdict::Found { alive: true }) if leg.is_live() => {
            leg.said_gone = None;
            Ok(Fact::Leg { no, change: Change::Alive })
        }
        (Kind::Look, Verdict::Found { alive: false }) if !leg.has_ended() && (caller || leg.is_answered()) => {
            not_alive(turn, no, talk)
        }
        (Kind::Look, Verdict::Found { alive: false }) if leg.is_live() => {
            Ok(Fact::Leg { no, change: Change::NotAlive })
        }
        (Kind::Find, Verdict::Listed { legs, next }) if leg.is_live() && leg.handle.is_none() => {
            listed(turn, no, legs, next.as_ref())
        }
        (Kind::Look, Verdict::Unknown | Verdict::Refused { why: Refusal::Unavailable, .. }) if talk.is_some() => {
            Ok(Fact::Settled(settled.clone()))
        }
        (Kind::Look | Kind::Find, _) => Err(Ignored::NothingToDo),
        // What it comes to stands with the messages.
        (Kind::Recordings, _) => Ok(Fact::Settled(settled.clone())),
        (kind, Verdict::Refused { why: Refusal::Ended, .. }) => {
            is_he_gone(kind, turn);
            Ok(Fact::Settled(settled.clone()))
        }
        (_, _) => Ok(Fact::Settled(settled.clone())),
    }
}

/// What was for the caller is refused since a leg is over. That is the ordinary race with somebody who hung up: his hangup
/// is on its way, and if not, a look at him finds out. A bridge is of two, and may mean the other one: then a look-up of a
/// caller who is not known to be picked up proves nothing, since it may find whoever waits not alive.
fn is_he_gone(refused: Kind, turn: &mut Turn<'_>) {
    if refused != Kind::Bridge || turn.caller_is_known_up() {
        turn.look(LegNo::CALLER);
    }
}

fn dial_settled(leg: &mut Leg, verdict: &Verdict, now: Timestamp) -> Result<Change, Ignored> {
    match verdict {
        Verdict::Accepted { made: Some(Made { handle, leg: id, session }), .. } => {
            let who = Who { handle: Some(handle.clone()), leg: id.clone(), session: session.clone(), ..Who::default() };
            leg.recognise(&who);
            placed(leg)
        }
        // The answer to a second try need not name the leg that the first one made; webhooks do.
        Verdict::Accepted { made: None, .. } => placed(leg),
        Verdict::Found { .. } | Verdict::Listed { .. } | Verdict::Recordings { .. } => Err(Ignored::NothingToDo),
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
        Verdict::Unknown => Ok(Change::Unsure),
    }
}

/// A look-up says that a leg is over. One word of that does not end a talk that nothing else says is over.
fn not_alive(turn: &mut Turn<'_>, no: LegNo, talk: Option<LegNo>) -> Result<Fact, Ignored> {
    let now = turn.now;
    let talks = talk.is_some_and(|with| (no == LegNo::CALLER || no == with) && turn.rival(with).is_none());
    let leg = turn.call.leg_mut(no).ok_or(Ignored::NotOurs)?;
    match leg.said_gone {
        None if talks => {
            leg.said_gone = Some(SaidGone { at: now, asked: false });
            turn.remark(Remark::SaidGone { leg: no });
            return Err(Ignored::NothingToDo);
        }
        // The same look again, or another of the same moment.
        Some(said) if talks && now < later(said.at, TWICE) => return Err(Ignored::NothingToDo),
        Some(_) | None => {}
    }
    leg.end(now, Cause::Normal);
    Ok(Fact::Leg { no, change: Change::Ended(Cause::Normal) })
}

/// A page of all that live, in search of a leg: it is there, or on a later page, or nobody can say.
fn listed(turn: &mut Turn<'_>, no: LegNo, legs: &[Who], next: Option<&String>) -> Result<Fact, Ignored> {
    let Some(who) = legs.iter().find(|who| find(turn, who) == Some(no)) else {
        let Some(after) = next else { return Ok(Fact::Leg { no, change: Change::NotAlive }) };
        turn.seek(no, Some(after.clone()));
        return Err(Ignored::NothingToDo);
    };
    let leg = turn.call.leg_mut(no).ok_or(Ignored::NotOurs)?;
    leg.recognise(who);
    // It exists: whether it rings or was picked up is not said.
    let _ = placed(leg);
    if leg.stop.is_some() {
        turn.remark(Remark::LegFound { leg: no });
    }
    Ok(Fact::Leg { no, change: Change::Placed })
}

fn remark_on(turn: &mut Turn<'_>, settled: &Settled) {
    let kind = settled.kind;
    match &settled.verdict {
        Verdict::Refused { why: Refusal::Ended, .. } if kind == Kind::Hangup => {}
        Verdict::Refused { code, .. } => turn.remark(Remark::Refused { kind, code: code.clone() }),
        Verdict::Unknown => turn.remark(Remark::Unanswered { kind }),
        Verdict::Accepted { .. }
        | Verdict::Void
        | Verdict::Found { .. }
        | Verdict::Listed { .. }
        | Verdict::Recordings { .. } => {}
    }
}

#[cfg(test)]
mod tests {
    use super::super::kit::{Life, NOTHING, dial, member, ring, rules, secs};
    use super::super::{CallId, CommandId, EventId, Handle, Tag, Verb};
    use super::*;
    use crate::routing::{Action, Order, Rules};

    fn two() -> Rules {
        let members = vec![member("anna", 141, 20), member("ben", 142, 20)];
        rules(vec![ring(Order::Simultaneous, members)], &[])
    }

    fn ignored(life: &Life<'_>) -> Option<Ignored> {
        life.remarks.iter().find_map(|remark| if let Remark::Ignored { why } = remark { Some(*why) } else { None })
    }

    fn word(leg: &Leg) -> &'static str {
        match leg.state {
            LegState::Dialled => "dialled",
            LegState::Ringing => "ringing",
            LegState::Answered { .. } => "answered",
            LegState::Ended { .. } => "ended",
        }
    }

    #[test]
    fn a_leg_only_moves_forward() {
        let hung_up = || News::HungUp { cause: Cause::Busy };
        let other = || News::Other { name: "call.dtmf.received".into() };
        let nothing = Some(Ignored::NothingToDo);
        let (late, twice) = (Some(Ignored::Late), Some(Ignored::Twice));
        let cases = [
            ("dialled", News::Placed, "ringing", None),
            ("dialled", News::Answered, "answered", None),
            ("dialled", News::Bridged, "ringing", None),
            ("dialled", hung_up(), "ended", None),
            ("dialled", other(), "dialled", nothing),
            ("ringing", News::Placed, "ringing", twice),
            ("ringing", News::Answered, "answered", None),
            ("ringing", News::Bridged, "ringing", None),
            ("ringing", hung_up(), "ended", None),
            ("answered", News::Placed, "answered", twice),
            ("answered", News::Answered, "answered", twice),
            ("answered", News::Bridged, "answered", None),
            ("answered", hung_up(), "ended", None),
            ("ended", News::Placed, "ended", late),
            ("ended", News::Answered, "ended", late),
            ("ended", News::Bridged, "ended", late),
            ("ended", News::SpeechStarted, "ended", late),
            ("ended", News::PlaybackEnded { played: true }, "ended", late),
            ("ended", hung_up(), "ended", twice),
            ("ended", other(), "ended", nothing),
        ];
        for (from, news, to, why) in cases {
            let rules = two();
            let mut life = Life::begun(&rules);
            match from {
                "ringing" => life.news(1, News::Placed),
                "answered" => life.news(1, News::Answered),
                "ended" => life.hangs_up(1, Cause::Declined),
                _ => {}
            }
            assert_eq!(word(life.leg(1)), from);
            life.news(1, news.clone());
            assert_eq!((word(life.leg(1)), ignored(&life)), (to, why), "{from} {news:?}");
        }
    }

    #[test]
    fn a_leg_is_told_by_its_handle_then_its_id_then_its_tag() {
        let rules = two();
        let mut life = Life::begun(&rules);
        life.news(1, News::Placed);
        let tag = |life: &Life<'_>, leg| Some(Tag { call: life.call.id, leg: LegNo(leg) });
        let handle = |text: &str| Some(Handle(text.into()));
        let who = |tag, handle, leg: Option<&str>| Who { tag, handle, leg: leg.map(Into::into), ..Who::default() };
        let wrong_tag = tag(&life, 2);
        let cases = [
            (who(wrong_tag, handle("v3:h1"), None), Some(1)),
            (who(wrong_tag, None, Some("l1")), Some(1)),
            (who(None, handle("v3:h1"), Some("l0")), Some(1)),
            (who(None, None, Some("l0")), Some(0)),
            (who(wrong_tag, None, None), Some(2)),
            (who(wrong_tag, handle("v3:new"), Some("new")), Some(2)),
            (who(tag(&life, 1), None, None), Some(1)),
            // The tag of a leg whose handle is known and another: no leg of ours.
            (who(tag(&life, 1), handle("v3:new"), Some("new")), None),
            (who(tag(&life, 9), None, None), None),
            (who(Some(Tag { call: CallId::of("other"), leg: LegNo(2) }), None, None), None),
            (who(None, handle("v3:new"), Some("new")), None),
            (who(None, None, None), None),
        ];
        for (who, expected) in cases {
            let mut life = life.clone();
            life.take(What::Leg { who: who.clone(), news: News::HungUp { cause: Cause::Busy } });
            let ended = life.call.legs.iter().find(|leg| leg.has_ended()).map(|leg| leg.no.0);
            assert_eq!(ended, expected, "{who:?}");
            assert_eq!(expected.is_none(), ignored(&life) == Some(Ignored::NotOurs), "{who:?}");
        }
    }

    #[test]
    fn what_a_leg_is_known_by_stays() {
        let rules = two();
        let mut life = Life::begun(&rules);
        life.news(1, News::Placed);
        let who = Who { handle: Some(Handle("v3:h1".into())), leg: Some("x".into()), ..Who::default() };
        life.take(What::Leg { who, news: News::Answered });
        assert_eq!((life.leg(1).id.as_deref(), life.leg(1).session.as_deref()), (Some("l1"), Some("s")));
        assert!(life.leg(1).heard && !life.leg(2).heard);
    }

    #[test]
    fn the_answer_to_a_dial_says_nothing_of_a_leg_that_was_seen() {
        let verdicts = [
            Verdict::Refused { why: Refusal::Invalid, code: "0".into() },
            Verdict::Unknown,
            Verdict::Void,
            Verdict::accepted(),
        ];
        for news in [News::Placed, News::Answered, News::HungUp { cause: Cause::Busy }] {
            for verdict in verdicts.clone() {
                let rules = rules(vec![dial(member("anna", 141, 20)), Action::Hangup], &[]);
                let mut life = Life::begun(&rules);
                life.news(1, news.clone());
                let before = life.leg(1).clone();
                life.wants();
                life.settle(Kind::Dial, 1, verdict.clone());
                assert_eq!((life.wants(), life.leg(1)), (vec![], &before), "{news:?} {verdict:?}");
            }
        }
    }

    #[test]
    fn a_dial_accepted_without_a_name_is_known_by_its_first_webhook() {
        let rules = two();
        let mut life = Life::begun(&rules);
        life.accept(Kind::Dial, 1);
        assert_eq!((word(life.leg(1)), ignored(&life)), ("ringing", None));
        assert_eq!((life.leg(1).handle.clone(), life.leg(1).heard), (None, false));
        life.news(1, News::Placed);
        assert_eq!((word(life.leg(1)), ignored(&life)), ("ringing", Some(Ignored::Twice)));
        assert_eq!(life.leg(1).handle, Some(Handle("v3:h1".into())));
    }

    #[test]
    fn a_leg_whose_dial_was_refused_and_that_turns_up_all_the_same_is_hung_up() {
        for (news, state) in [(News::Placed, "ringing"), (News::Answered, "answered"), (News::Bridged, "ringing")] {
            let rules = two();
            let mut life = Life::begun(&rules);
            life.refuse(Kind::Dial, 1, Refusal::Limit);
            assert_eq!((life.wants(), word(life.leg(1))), (vec!["dial 1".into(), "dial 2".into()], "ended"));
            life.news(1, News::Other { name: "call.machine.detection.ended".into() });
            assert_eq!((life.wants(), word(life.leg(1))), (vec![], "ended"));
            life.news(1, news);
            assert_eq!((life.wants(), word(life.leg(1))), (vec!["hangup 1".into()], state));
            assert!(life.remarks.contains(&Remark::LegFound { leg: LegNo(1) }));
        }
    }

    #[test]
    fn a_leg_whose_dial_was_refused_is_hung_up_even_after_the_call() {
        let rules = rules(vec![dial(member("anna", 141, 20))], &[]);
        let mut life = Life::begun(&rules);
        life.refuse(Kind::Dial, 1, Refusal::Limit);
        life.hangs_up(0, Cause::Cancelled);
        assert_eq!((life.wants(), life.phase()), (vec!["dial 1".into(), "reject 0".into()], "ended"));
        life.news(1, News::Placed);
        assert_eq!((life.wants(), life.phase()), (vec!["hangup 1".into()], "ending"));
        life.hangs_up(1, Cause::Cancelled);
        assert_eq!((life.wants(), life.phase()), (vec![], "ended"));
    }

    #[test]
    fn a_leg_that_may_never_have_been_is_looked_for_and_hung_up_once_seen() {
        let rules = two();
        let mut life = Life::begun(&rules);
        life.wants();
        life.settle(Kind::Dial, 1, Verdict::Unknown);
        assert_eq!(life.wants(), ["find 1"]);
        let (mut late, mut by_webhook) = (life.clone(), life.clone());
        late.dialled(1);
        assert_eq!(late.wants(), ["hangup 1"]);
        by_webhook.news(1, News::Answered);
        assert_eq!(by_webhook.wants(), ["hangup 1"]);
        let legs = |life: &Life<'_>, legs: &[u16]| legs.iter().map(|leg| life.who(*leg)).collect::<Vec<_>>();
        let absent = Verdict::Listed { legs: legs(&life, &[0, 2]), next: Some("more".into()) };
        life.settle(Kind::Find, 1, absent);
        assert_eq!(life.wants(), ["find 1"], "there is another page");
        assert!(matches!(&life.asked.last().unwrap().verb, Verb::Find { after: Some(after) } if after == "more"));
        let mut nowhere = life.clone();
        let there = Verdict::Listed { legs: legs(&life, &[2, 1]), next: None };
        life.settle(Kind::Find, 1, there);
        assert_eq!((life.wants(), word(life.leg(1))), (vec!["hangup 1".into()], "ringing"));
        assert!(life.remarks.contains(&Remark::LegFound { leg: LegNo(1) }));
        assert_eq!((life.leg(2).handle.clone(), life.leg(1).handle.clone()), (None, Some(Handle("v3:h1".into()))));

        nowhere.settle(Kind::Find, 1, Verdict::Listed { legs: legs(&nowhere, &[2]), next: None });
        assert_eq!(
            (nowhere.wants(), nowhere.leg(1).is_live()),
            (vec![], true),
            "one that rings may not be in the list"
        );
        let mut finds = 0;
        while nowhere.leg(1).is_live() {
            nowhere.now = nowhere.deadline().unwrap();
            nowhere.take(What::Due { version: nowhere.call.version });
            finds += nowhere.wants().iter().filter(|wants| *wants == "find 1").count();
        }
        assert!((3..8).contains(&finds), "{finds}");
        assert!(nowhere.now.duration_since(nowhere.leg(1).began) >= secs(60).try_into().unwrap());
    }

    #[test]
    fn a_look_ends_only_who_was_picked_up() {
        let rules = two();
        let mut life = Life::begun(&rules);
        life.news(1, News::Placed);
        life.news(2, News::Answered);
        life.wants();
        let mut found = |leg, alive| {
            let (command, kind, leg) = (CommandId(life.call.id.0), Kind::Look, LegNo(leg));
            life.take(What::Settled(Settled { command, kind, leg, verdict: Verdict::Found { alive } }));
            (life.wants(), life.call.leg(leg).is_some_and(Leg::has_ended))
        };
        assert_eq!(found(1, false), (vec![], false), "it rings");
        assert_eq!(found(2, true), (vec![], false));
        assert_eq!(found(2, false), (vec![], true));
        assert_eq!(found(0, false), (vec!["hangup 1".into()], true), "nobody is left who could want Anna");
    }

    #[test]
    fn what_is_of_nobody_is_ignored() {
        let rules = two();
        let mut life = Life::begun(&rules);
        life.wants();
        let (command, leg, verdict) = (CommandId(life.call.id.0), LegNo(9), Verdict::Void);
        life.take(What::Settled(Settled { command, kind: Kind::Hangup, leg, verdict }));
        assert_eq!(ignored(&life), Some(Ignored::NotOurs));
        life.take(What::Due { version: life.call.version - 1 });
        assert_eq!(ignored(&life), Some(Ignored::Stale));
        life.take(What::Due { version: life.call.version + 1 });
        assert_eq!((life.wants(), ignored(&life)), (NOTHING.map(String::from).to_vec(), Some(Ignored::Stale)));
        assert_eq!(EventId::due(life.call.id, 1), EventId::due(life.call.id, 1));
    }
}
