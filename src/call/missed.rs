//! A call that ends without anybody having talked with the caller: whoever the rules name is told so.

use super::leg::{Leg, Role};
use super::remark::EndWhy;
use super::tell::tell_missed;
use super::turn::Turn;
use crate::routing::Action;

/// Tells the hooks of the number that was called, as its call begins to end. Whoever is turned away by a `reject` is not
/// missed, nor is a call whose beginning we never see.
pub(super) fn missed(why: EndWhy, turn: &mut Turn<'_>) {
    let rules = turn.rules;
    let step = turn.call.step.and_then(|step| rules.step(step));
    let rejected = why == EndWhy::Step && step.is_some_and(|step| matches!(step.action, Action::Reject(_)));
    let entry = rules.entry(&turn.call.to).filter(|_| turn.call.route.is_some() && !rejected);
    if let Some(entry) = entry {
        let why = in_words(why, &turn.call.legs);
        tell_missed(&entry.on_missed, None, &why, turn);
    }
}

fn in_words(why: EndWhy, legs: &[Leg]) -> String {
    match why {
        EndWhy::CallerGone => left(legs),
        EndWhy::Step | EndWhy::PartyGone | EndWhy::ListEnded | EndWhy::NoRoute => "nobody took the call".to_owned(),
        EndWhy::TooLong => "it lasted as long as a call may".to_owned(),
        EndWhy::Fault => "something went wrong on our side".to_owned(),
    }
}

/// How a caller left who was still to be helped.
fn left(legs: &[Leg]) -> String {
    let tried = |leg: &&Leg| !matches!(leg.role, Role::Caller) && leg.is_live() && leg.stop.is_none();
    let (picked_up, rung): (Vec<&Leg>, Vec<&Leg>) = legs.iter().filter(tried).partition(|leg| leg.is_answered());
    let names: Vec<&str> = rung.iter().map(|leg| leg.name()).collect();
    match (picked_up.first(), names.as_slice()) {
        (Some(leg), _) => format!("hung up as {} picked up", leg.name()),
        (None, []) => "hung up".to_owned(),
        (None, [name]) => format!("hung up while {name} rang"),
        (None, [others @ .., last]) => format!("hung up while {} and {last} rang", others.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::super::kit::{CALLER, OURS};
    use super::super::kit::{Life, dial, member, ring, rules, say, transfer};
    use super::super::{Call, Cause, Event, EventId, Kind, News, Notice, NoticeKind, Refusal, Verb, What, decide};
    use crate::routing::{Action, Hook, Order, RejectWith, Rules};

    fn hooks(urls: &[&str]) -> Vec<Hook> {
        urls.iter().map(|url| Hook { url: (*url).into() }).collect()
    }

    /// Rules whose line tells two hooks, one of them twice.
    fn watched(actions: Vec<Action>) -> Rules {
        let mut rules = rules(actions, &[]);
        let urls = ["https://one.example/secret", "https://two.example/", "https://one.example/secret"];
        rules.rest.as_mut().unwrap().on_missed = hooks(&urls);
        rules
    }

    /// Whom a call has wanted told, and what.
    fn told(life: &Life<'_>) -> Vec<(String, Notice)> {
        let told = life.asked.iter().filter(|command| command.verb.kind() == Kind::Notify);
        let told = told.map(|command| {
            let Verb::Notify { to, notice } = command.verb.clone() else { panic!("{command:?}") };
            (to.url, notice)
        });
        told.collect()
    }

    /// How a call was missed, if it was; both hooks hear the same.
    fn why(life: &Life<'_>) -> Option<String> {
        let told = told(life);
        let [(one, notice), (two, same)] = told.as_slice() else {
            assert!(told.is_empty(), "{told:?}");
            return None;
        };
        assert_eq!((one.as_str(), two.as_str()), ("https://one.example/secret", "https://two.example/"));
        assert_eq!(notice, same);
        assert_eq!((notice.kind, notice.call, notice.at), (NoticeKind::Missed, life.call.id, life.now));
        let parties = (notice.from.as_str(), notice.to.as_str(), notice.route.as_deref());
        assert_eq!(parties, (CALLER, OURS, Some("main")));
        assert_eq!((&notice.mailbox, &notice.recording), (&None, &None));
        Some(notice.why.clone())
    }

    fn both() -> Action {
        ring(Order::Simultaneous, vec![member("anna", 141, 20), member("ben", 142, 20)])
    }

    #[test]
    fn a_caller_who_leaves_early_is_missed() {
        let ringing = watched(vec![both()]);
        let mut life = Life::begun(&ringing);
        life.hangs_up(0, Cause::Cancelled);
        assert_eq!(why(&life).as_deref(), Some("hung up while anna and ben rang"));
        let mut life = Life::begun(&ringing);
        life.hangs_up(1, Cause::Busy);
        life.hangs_up(0, Cause::Cancelled);
        assert_eq!(why(&life).as_deref(), Some("hung up while ben rang"));
        let mut life = Life::begun(&ringing);
        life.dialled(2);
        life.news(2, News::Answered);
        life.hangs_up(0, Cause::Cancelled);
        assert_eq!(why(&life).as_deref(), Some("hung up as ben picked up"));
        let greeted = watched(vec![say("Hello."), both()]);
        let mut life = Life::answered(&greeted);
        life.hangs_up(0, Cause::Normal);
        assert_eq!(why(&life).as_deref(), Some("hung up"));
    }

    #[test]
    fn a_call_that_the_rules_end_is_missed_before_anything_of_it_is_hung_up() {
        let hangs_up = watched(vec![say("We are closed."), Action::Hangup]);
        let mut life = Life::answered(&hangs_up);
        life.news(0, News::SpeechEnded);
        assert_eq!(why(&life).as_deref(), Some("nobody took the call"));
        assert_eq!(life.wants(), ["speak 0", "notify 0", "notify 0", "hangup 0"]);
        let nobody = watched(vec![dial(member("anna", 141, 20))]);
        let mut life = Life::begun(&nobody);
        life.hangs_up(1, Cause::Busy);
        assert_eq!(why(&life).as_deref(), Some("nobody took the call"));
        assert_eq!(life.wants(), ["dial 1", "reject 0", "notify 0", "notify 0"]);
        // Whatever comes then, it is told once.
        life.hangs_up(0, Cause::Declined);
        assert_eq!((life.phase(), told(&life).len()), ("ended", 2));
    }

    #[test]
    fn whoever_talked_or_was_turned_away_is_not_missed() {
        let dials = watched(vec![Action::Answer, dial(member("anna", 141, 20))]);
        let mut life = Life::answered(&dials);
        life.dialled(1);
        life.news(1, News::Answered);
        life.accept(Kind::Bridge, 0);
        life.news(1, News::Bridged);
        assert_eq!(life.phase(), "talking");
        life.hangs_up(0, Cause::Normal);
        assert_eq!((life.phase(), why(&life)), ("ending", None));
        let gives = watched(vec![Action::Answer, transfer(member("anna", 141, 20))]);
        let mut life = Life::answered(&gives);
        life.news(1, News::Answered);
        life.hangs_up(1, Cause::Normal);
        assert_eq!((life.phase(), why(&life)), ("ending", None));
        let rejects = watched(vec![Action::Reject(RejectWith::Busy)]);
        let mut life = Life::begun(&rejects);
        life.hangs_up(0, Cause::Declined);
        assert_eq!((life.phase(), why(&life)), ("ended", None));
    }

    #[test]
    fn a_call_that_is_not_ours_to_run_is_not_missed() {
        let rules = watched(vec![both()]);
        for news in [News::Answered, News::Placed, News::HungUp { cause: Cause::Normal }] {
            let mut life = Life::new(&rules);
            life.news(0, news);
            life.hangs_up(0, Cause::Normal);
            assert_eq!((life.phase(), why(&life)), ("ended", None));
        }
        let mut unknown = rules.clone();
        unknown.rest = None;
        let life = Life::begun(&unknown);
        assert_eq!((life.phase(), why(&life)), ("ending", None));
    }

    #[test]
    fn what_became_of_a_notice_changes_nothing() {
        let rules = watched(vec![both()]);
        let mut life = Life::begun(&rules);
        life.hangs_up(0, Cause::Cancelled);
        life.hangs_up(1, Cause::Cancelled);
        life.hangs_up(2, Cause::Cancelled);
        let before = life.call.clone();
        assert_eq!((life.phase(), life.deadline()), ("ended", None));
        life.accept(Kind::Notify, 0);
        life.refuse(Kind::Notify, 0, Refusal::Unavailable);
        assert_eq!(Call { version: before.version, ..life.call }, before);
    }

    #[test]
    fn deciding_it_again_tells_the_same_notice() {
        let rules = watched(vec![both()]);
        let life = Life::begun(&rules);
        let gone = |id: &str| {
            let what = What::Leg { who: life.who(0), news: News::HungUp { cause: Cause::Cancelled } };
            let event = Event { id: EventId(id.into()), at: None, what };
            let decision = decide(life.call.clone(), &event, &rules, life.now);
            decision.commands.iter().map(|command| command.id).collect::<Vec<_>>()
        };
        assert_eq!((gone("e"), gone("e").len()), (gone("e"), 2));
        assert_ne!(gone("e"), gone("f"));
    }
}
