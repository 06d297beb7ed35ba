//! The caller talks with somebody. All we do is make sure, now and then, that both are still there.

use std::time::Duration;

use jiff::Timestamp;

use super::ids::LegNo;
use super::learn::{Change, Fact};
use super::phase::Phase;
use super::remark::{EndWhy, Remark};
use super::turn::{Flow, Turn, later};

/// How often both legs are looked at: a missed hangup must not keep a call for ever.
const LOOK_EVERY: Duration = Duration::from_secs(300);

/// The caller talks with `with`, and whoever else was tried for him is not wanted any more.
pub(super) fn begin(with: LegNo, turn: &mut Turn<'_>) -> Phase {
    turn.remark(Remark::Connected { name: turn.name(with) });
    let now = turn.now;
    for leg in turn.call.legs.iter_mut().filter(|leg| leg.no != LegNo::CALLER && !leg.has_ended()) {
        if leg.no == with {
            leg.stop = None;
        } else {
            leg.stop_from(now);
        }
    }
    Phase::Talking { with, since: now, looked: now }
}

pub(super) fn on(with: LegNo, since: Timestamp, looked: Timestamp, fact: &Fact, turn: &mut Turn<'_>) -> Flow {
    match fact {
        Fact::Leg { no, change: Change::Ended(_) } if *no == with => {
            turn.remark(Remark::PartyGone { name: turn.name(with) });
            Flow::End(EndWhy::PartyGone)
        }
        // Somebody the caller was to be given to before, and who was taken for gone.
        Fact::Leg { no, change: Change::Answered } if *no != with && *no != LegNo::CALLER => {
            turn.stop(*no, turn.now);
            Flow::Stay(Phase::Talking { with, since, looked })
        }
        Fact::Due if turn.now >= deadline(looked) => {
            turn.look(LegNo::CALLER);
            turn.look(with);
            Flow::Stay(Phase::Talking { with, since, looked: turn.now })
        }
        Fact::Leg { .. } | Fact::Due | Fact::Arrived { .. } | Fact::Settled(_) | Fact::Fault => {
            Flow::Stay(Phase::Talking { with, since, looked })
        }
    }
}

pub(super) fn deadline(looked: Timestamp) -> Timestamp {
    later(looked, LOOK_EVERY)
}

#[cfg(test)]
mod tests {
    use super::super::kit::{Life, NOTHING, dial, member, rules, secs, transfer};
    use super::super::{Cause, EventId, Kind, News, Refusal, Verdict, What};
    use crate::routing::{Action, Rules};

    fn given_away() -> Rules {
        rules(vec![Action::Answer, transfer(member("anna", 141, 20)), Action::Hangup], &[])
    }

    fn talking(rules: &Rules) -> Life<'_> {
        let mut life = Life::answered(rules);
        life.news(1, News::Answered);
        assert_eq!((life.wants(), life.phase()), (vec!["transfer 0".into()], "talking"));
        life
    }

    #[test]
    fn both_are_looked_at_now_and_then() {
        let rules = given_away();
        let mut life = talking(&rules);
        for _ in 0..3 {
            assert!((life.next_in() - 300.0).abs() < 0.001);
            life.wait();
            assert_eq!(life.wants(), ["look 0", "look 1"]);
            life.found(0, true);
            life.settle(Kind::Look, 1, Verdict::Unknown);
            assert_eq!((life.wants(), life.phase()), (vec![], "talking"));
        }
        life.wait();
        life.found(0, true);
        life.found(1, false);
        assert_eq!((life.wants(), life.phase()), (vec!["look 0".into(), "look 1".into()], "ending"));
    }

    #[test]
    fn who_is_left_alone_is_hung_up_unless_telnyx_does_it() {
        for (first, other) in [(0, 1), (1, 0)] {
            let rules = given_away();
            let mut life = talking(&rules);
            life.hangs_up(first, Cause::Normal);
            assert_eq!((life.wants(), life.phase()), (vec![], "ending"));
            let mut alone = life.clone();
            life.hangs_up(other, Cause::Normal);
            assert_eq!((life.wants(), life.phase()), (vec![], "ended"));
            assert!((alone.next_in() - 3.0).abs() < 0.001);
            alone.wait();
            assert_eq!(alone.wants(), [format!("hangup {other}")]);
        }
    }

    #[test]
    fn a_talk_lasts_as_long_as_a_call_may() {
        let mut rules = given_away();
        rules.defaults.max_call = secs(100);
        let mut life = talking(&rules);
        assert!((life.next_in() - 100.0).abs() < 0.001);
        life.wait();
        assert_eq!((life.wants(), life.phase()), (vec!["hangup 0".into(), "hangup 1".into()], "ending"));
    }

    #[test]
    fn nothing_else_disturbs_a_talk() {
        let rules = given_away();
        let mut life = talking(&rules);
        life.take(What::Fault { event: EventId("e".into()) });
        life.take(What::Due { version: life.call.version });
        life.refuse(Kind::Transfer, 0, Refusal::Limit);
        for news in [News::Bridged, News::Answered, News::SpeechEnded, News::PlaybackEnded { played: true }] {
            life.news(0, news.clone());
            life.news(1, news);
        }
        assert_eq!((life.wants(), life.phase()), (vec![], "talking"));
    }

    #[test]
    fn whoever_picks_up_late_is_hung_up() {
        let rules = rules(
            vec![
                Action::Answer,
                dial(member("anna", 141, 20)),
                transfer(member("ben", 142, 20)),
                transfer(member("cleo", 143, 20)),
            ],
            &[],
        );
        let mut life = Life::answered(&rules);
        life.settle(Kind::Dial, 1, Verdict::Unknown);
        life.accept(Kind::Transfer, 0);
        life.wait();
        life.news(3, News::Answered);
        assert_eq!(
            (life.wants(), life.phase()),
            (vec!["dial 1".into(), "transfer 0".into(), "transfer 0".into()], "talking")
        );
        life.news(1, News::Answered);
        assert_eq!(life.wants(), ["hangup 1"]);
        life.news(2, News::Answered);
        assert_eq!((life.wants(), life.phase()), (vec!["hangup 2".into()], "talking"));
        life.hangs_up(1, Cause::Normal);
        life.hangs_up(2, Cause::Normal);
        assert_eq!((life.wants(), life.phase()), (NOTHING.map(String::from).to_vec(), "talking"));
    }
}
