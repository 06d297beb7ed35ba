//! Something went wrong on our side, and no step can say what is to be done: the caller is told so, and hung up.

use std::time::Duration;

use jiff::Timestamp;

use super::answer::Picked;
use super::command::Verb;
use super::ending;
use super::event::{Settled, Verdict};
use super::ids::{CommandId, LegNo};
use super::learn::{Change, Fact};
use super::phase::{Apology, Phase, PickUp};
use super::remark::{EndWhy, Remark};
use super::turn::{Flow, PICKS_UP, Turn};

/// What the caller hears. Fixed, since it must not hang on any rules.
const SORRY: &str = "We are sorry, something went wrong on our side. Please call again.";
/// How long that may take, from when it is asked for and from when it begins.
const TAKES: Duration = Duration::from_secs(10);

/// Begins to apologise; whoever was tried for the caller is not wanted any more. A caller who cannot be told is hung up.
pub(super) fn begin(turn: &mut Turn<'_>) -> Phase {
    turn.remark(Remark::Apologises);
    let (now, given) = (turn.now, turn.after(PICKS_UP));
    let others = turn.call.legs.iter_mut().filter(|leg| leg.no != LegNo::CALLER && !leg.has_ended());
    others.for_each(|leg| leg.stop_from(if leg.is_given() { given } else { now }));
    if turn.call.caller_is_answered() {
        return say(turn);
    }
    // Whoever is being turned away is not picked up.
    let waits = turn.call.caller().is_some_and(|leg| leg.is_live() && leg.stop.is_none());
    let pickup = if waits { PickUp::begin(turn) } else { None };
    match pickup {
        Some(pickup) => Phase::Apologising(Apology::PickingUp(pickup)),
        None => over(turn),
    }
}

pub(super) fn on(apology: Apology, fact: &Fact, turn: &mut Turn<'_>) -> Flow {
    Flow::Stay(match apology {
        Apology::PickingUp(_) if matches!(fact, Fact::Fault) => over(turn),
        Apology::PickingUp(pickup) => match pickup.hear(fact, turn) {
            Picked::Waiting(pickup) => Phase::Apologising(Apology::PickingUp(pickup)),
            Picked::Up => say(turn),
        },
        Apology::Saying { command, until } => {
            match fact {
                Fact::Leg { no: LegNo::CALLER, change: Change::SpeechEnded } | Fact::Fault => over(turn),
                Fact::Leg { no: LegNo::CALLER, change: Change::SpeechStarted } => saying(command, turn.after(TAKES)),
                Fact::Settled(Settled {
                    command: settled, verdict: Verdict::Refused { .. } | Verdict::Void, ..
                }) if *settled == command => over(turn),
                Fact::Due if turn.now >= until => over(turn),
                Fact::Leg { .. } | Fact::Settled(_) | Fact::Due | Fact::Arrived { .. } => saying(command, until),
            }
        }
    })
}

pub(super) fn deadline(apology: &Apology) -> Timestamp {
    match apology {
        Apology::PickingUp(pickup) => pickup.deadline(),
        Apology::Saying { until, .. } => *until,
    }
}

fn say(turn: &mut Turn<'_>) -> Phase {
    let Some(on) = turn.caller_handle() else { return over(turn) };
    let (voice, language) = (turn.rules.defaults.voice.clone(), turn.rules.defaults.language.clone());
    let command = turn.command(LegNo::CALLER, Verb::Speak { on, text: SORRY.to_owned(), voice, language });
    saying(command, turn.after(TAKES))
}

fn saying(command: CommandId, until: Timestamp) -> Phase {
    Phase::Apologising(Apology::Saying { command, until })
}

fn over(turn: &mut Turn<'_>) -> Phase {
    ending::begin(EndWhy::Fault, None, turn)
}

#[cfg(test)]
#[expect(clippy::wildcard_enum_match_arm, reason = "whatever a test does not name it does not want")]
mod tests {
    use super::super::kit::{Life, NOTHING, RINGBACK, dial, member, play, ring, rules, say, transfer};
    use super::super::{Cause, EventId, Kind, Leg, News, Refusal, What};
    use super::*;
    use crate::routing::{Action, Hook, Order, Rules, RulesHash};

    fn fault(life: &mut Life<'_>) {
        life.take(What::Fault { event: EventId("e".into()), who: None });
    }

    fn spoken(life: &Life<'_>) -> String {
        let text = |command: &super::super::Command| match &command.verb {
            Verb::Speak { text, .. } => Some(text.clone()),
            _ => None,
        };
        life.asked.iter().rev().find_map(text).expect("a text")
    }

    #[test]
    fn a_caller_who_is_picked_up_is_told_and_hung_up() {
        let rules = rules(vec![Action::Answer, dial(member("anna", 141, 20))], &[]);
        let mut life = Life::answered(&rules);
        life.dialled(1);
        assert_eq!(life.wants(), ["dial 1"]);
        fault(&mut life);
        assert_eq!((life.wants(), life.phase()), (vec!["speak 0".into(), "hangup 1".into()], "apologising"));
        assert_eq!(spoken(&life), SORRY);
        assert_eq!(life.remarks, [Remark::Apologises]);
        life.news(1, News::Answered);
        life.news(0, News::SpeechStarted);
        life.hangs_up(1, Cause::Normal);
        assert_eq!((life.wants(), life.phase()), (vec![], "apologising"));
        life.news(0, News::SpeechEnded);
        assert_eq!((life.wants(), life.phase()), (vec!["hangup 0".into()], "ending"));
        assert_eq!(life.remarks, [Remark::Ends { why: EndWhy::Fault }]);
    }

    #[test]
    fn a_caller_who_is_not_picked_up_is_first() {
        let rules = rules(vec![dial(member("anna", 141, 20))], &[]);
        let mut life = Life::begun(&rules);
        life.dialled(1);
        fault(&mut life);
        assert_eq!(life.wants(), ["dial 1", "answer 0", "hangup 1"]);
        let mut gone = life.clone();
        life.news(0, News::Answered);
        assert_eq!((life.wants(), life.phase()), (vec!["speak 0".into()], "apologising"));
        gone.hangs_up(1, Cause::Cancelled);
        gone.hangs_up(0, Cause::Cancelled);
        assert_eq!((gone.wants(), gone.phase()), (vec![], "ended"));
    }

    #[test]
    fn whoever_has_the_caller_by_then_keeps_him() {
        let rules = rules(vec![Action::Answer, transfer(member("anna", 141, 20))], &[]);
        let mut life = Life::answered(&rules);
        life.news(1, News::Placed);
        let mut unseen = Life::answered(&rules);
        for (life, after) in [(&mut life, 1), (&mut unseen, 4)] {
            fault(life);
            assert_eq!(life.wants(), ["transfer 0", "speak 0"], "he may be picking up");
            life.sleep(after);
            life.news(1, News::Bridged);
            life.news(1, News::Answered);
            assert_eq!((life.wants(), life.phase()), (vec![], "talking"));
        }
        let mut rings = Life::answered(&rules);
        rings.news(1, News::Placed);
        fault(&mut rings);
        rings.wants();
        rings.wait();
        assert_eq!((rings.wants(), rings.phase()), (vec!["hangup 1".into()], "apologising"));
    }

    #[test]
    fn what_cannot_be_said_is_not_waited_for() {
        let rules = rules(vec![Action::Answer, dial(member("anna", 141, 20))], &[]);
        let mut life = Life::answered(&rules);
        fault(&mut life);
        assert_eq!(life.wants(), ["dial 1", "speak 0"]);
        let (mut again, mut silent) = (life.clone(), life.clone());
        life.refuse(Kind::Speak, 0, Refusal::Invalid);
        assert_eq!((life.wants(), life.phase()), (vec!["hangup 0".into()], "ending"));
        fault(&mut again);
        assert_eq!((again.wants(), again.phase()), (vec!["hangup 0".into()], "ending"), "once is enough");
        silent.dialled(1);
        silent.hangs_up(1, Cause::Cancelled);
        silent.wants();
        assert!((silent.next_in() - 10.0).abs() < 0.001);
        silent.wait();
        assert_eq!((silent.wants(), silent.phase()), (vec!["hangup 0".into()], "ending"));
    }

    #[test]
    fn what_the_caller_hears_is_stopped_for_it() {
        let mut rules = rules(vec![play("https://example.com/a.mp3"), dial(member("anna", 141, 20))], &[]);
        rules.defaults.ringback = Some(RINGBACK.into());
        let mut life = Life::begun(&rules);
        life.news(0, News::Answered);
        let mut rings = life.clone();
        fault(&mut life);
        assert_eq!(life.wants(), ["answer 0", "play 0", "stop_play 0", "speak 0"]);
        rings.news(0, News::PlaybackEnded { played: true });
        fault(&mut rings);
        assert_eq!(rings.wants(), ["answer 0", "play 0", "dial 1", "play 0", "stop_play 0", "speak 0"]);
    }

    #[test]
    fn two_who_are_being_joined_are_not_torn_apart() {
        let rules = rules(vec![Action::Answer, dial(member("anna", 141, 20))], &[]);
        let mut life = Life::answered(&rules);
        life.news(1, News::Answered);
        assert_eq!(life.wants(), ["dial 1", "bridge 0"]);
        fault(&mut life);
        assert_eq!((life.wants(), life.phase()), (vec![], "ringing"));
        life.news(1, News::Bridged);
        assert_eq!(life.phase(), "talking");
    }

    /// Rules that could be read once, and a call in every phase in which a caller is in our hands.
    fn all_steps() -> Rules {
        let two = ring(Order::Simultaneous, vec![member("anna", 141, 20), member("ben", 142, 20)]);
        let steps = vec![say("Hello."), two, play("https://example.com/a.mp3"), transfer(member("ben", 142, 20))];
        let mut rules = rules(steps, &[]);
        rules.hash = RulesHash("old".into());
        rules
    }

    fn under_way(rules: &Rules) -> Vec<Life<'_>> {
        let answering = Life::begun(rules);
        let mut speaking = answering.clone();
        speaking.news(0, News::Answered);
        let mut ringing = speaking.clone();
        ringing.news(0, News::SpeechEnded);
        ringing.dialled(1);
        ringing.dialled(2);
        let mut playing = ringing.clone();
        playing.hangs_up(1, Cause::Busy);
        playing.hangs_up(2, Cause::Busy);
        let mut transferring = playing.clone();
        transferring.news(0, News::PlaybackEnded { played: true });
        transferring.news(3, News::Placed);
        let mut lives = vec![answering, speaking, ringing, playing, transferring];
        lives.iter_mut().for_each(|life| drop(life.wants()));
        lives
    }

    #[test]
    fn a_call_whose_rules_are_lost_ends_announced_wherever_it_is() {
        let old = all_steps();
        // Other steps under the same numbers: none of them may be taken for one of the call's.
        let wrong = rules(vec![dial(member("dora", 144, 20)); 9], &[]);
        let lost = Rules::lost(old.hash.clone(), &wrong);
        assert_eq!((&lost.hash, lost.defaults.max_call), (&old.hash, wrong.defaults.max_call));
        for mut life in under_way(&old) {
            let phase = life.phase();
            life.rules = &lost;
            life.wait();
            for _ in 0..3 {
                if life.phase() != "apologising" {
                    life.news(0, News::Answered);
                }
            }
            let wants = life.wants();
            assert_eq!((life.phase(), wants.iter().filter(|want| *want == "speak 0").count()), ("apologising", 1));
            assert_eq!(spoken(&life), SORRY);
            assert!(!wants.iter().any(|want| want.starts_with("dial") || want.starts_with("transfer")), "{wants:?}");
            let alone = |leg: &&Leg| leg.is_live() && leg.no != LegNo::CALLER && leg.stop.is_none();
            assert_eq!(life.call.legs.iter().filter(alone).count(), 0, "{phase}");
            life.news(0, News::SpeechEnded);
            // Whoever the caller was being given to is left alone for a moment.
            let left = if phase == "transferring" { vec!["hangup 0", "hangup 3"] } else { vec!["hangup 0"] };
            let left: Vec<String> = left.into_iter().map(String::from).collect();
            assert_eq!((life.wants(), life.phase()), (left, "ending"), "{phase}");
        }
    }

    #[test]
    fn who_is_told_of_missed_calls_by_now_is_told_of_one_whose_rules_are_lost() {
        let (old, mut now) = (all_steps(), all_steps());
        now.rest.as_mut().unwrap().on_missed = vec![Hook { url: "https://one.example/".into() }];
        let lost = Rules::lost(old.hash.clone(), &now);
        let mut life = under_way(&old).remove(1);
        life.rules = &lost;
        life.news(0, News::SpeechEnded);
        assert_eq!((life.wants(), life.phase()), (vec!["stop_play 0".into(), "speak 0".into()], "apologising"));
        life.news(0, News::SpeechEnded);
        assert_eq!((life.wants(), life.phase()), (vec!["notify 0".into(), "hangup 0".into()], "ending"));
    }

    #[test]
    fn a_talk_outlasts_the_loss_of_its_rules_and_so_does_one_that_begins() {
        let old = all_steps();
        let lost = Rules::lost(old.hash.clone(), &old);
        let mut lives = under_way(&old);
        let (mut given, mut rings) = (lives.remove(4), lives.remove(2));
        (given.rules, rings.rules) = (&lost, &lost);
        given.news(3, News::Answered);
        assert_eq!((given.wants(), given.phase()), (vec![], "talking"));
        rings.rules = &old;
        rings.news(1, News::Answered);
        rings.rules = &lost;
        rings.accept(Kind::Bridge, 0);
        assert!(rings.deadline().is_some_and(|at| at > rings.now));
        rings.news(1, News::Bridged);
        assert_eq!((rings.wants(), rings.phase()), (vec!["bridge 0".into(), "hangup 2".into()], "talking"));
        assert_eq!(rings.wants(), NOTHING);
    }
}
