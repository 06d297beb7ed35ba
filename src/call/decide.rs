//! The law: a call changes only here.
//!
//! `decide` is given everything it may know and gives back everything it wants. It cannot fail, wait or be surprised:
//! every phase has an answer to every fact, even if the answer is that nothing changes.

use jiff::Timestamp;

use super::command::Command;
use super::event::Event;
use super::ids::LegNo;
use super::learn::{Change, Fact, learn};
use super::leg::Leg;
use super::phase::{Joining, Phase};
use super::remark::{EndWhy, Remark, StepWord};
use super::state::Call;
use super::turn::{Flow, Turn, later};
use super::{answer, birth, ending, mailbox, menu, recorder, ring, sorry, speech, talk, transfer, voicemail};
use crate::routing::{Action, Outcome, Place, RejectWith, RingAsked, Rules, Step, StepId};

/// What came of an event.
#[derive(Clone, Debug, PartialEq)]
pub struct Decision {
    /// The call as it is now.
    pub call: Call,
    /// What it wants done, in this order.
    pub commands: Vec<Command>,
    /// Why.
    pub remarks: Vec<Remark>,
}

/// Decides what an event means for a call, by its rules, at `now`.
pub fn decide(call: Call, event: &Event, rules: &Rules, now: Timestamp) -> Decision {
    let mut turn = Turn::new(call, &event.id, rules, now);
    let phase = std::mem::take(&mut turn.call.phase);
    turn.call.phase = if phase == Phase::Arriving {
        let flow = birth::first(event, &mut turn);
        follow(flow, None, &mut turn)
    } else {
        match learn(&mut turn, event, phase.talks_with(), speech::awaited(&phase, rules)) {
            Ok(fact) => react(phase, &fact, &mut turn),
            Err(why) => {
                turn.remark(Remark::Ignored { why });
                phase
            }
        }
    };
    ending::sweep(&mut turn);
    recorder::sweep(&mut turn);
    ending::close(&mut turn);
    mailbox::close(&mut turn);
    turn.call.version += 1;
    Decision { call: turn.call, commands: turn.commands, remarks: turn.remarks }
}

/// When the call wants to be asked again if nothing happens before. Only an ended call does not, once it waits for no
/// recording.
pub fn deadline(call: &Call, rules: &Rules) -> Option<Timestamp> {
    let phase = match &call.phase {
        Phase::Arriving => Some(call.began),
        Phase::Discovered { since } => Some(birth::discovered_deadline(*since, call.began)),
        Phase::Foreign { .. } => Some(birth::foreign_deadline(call.began)),
        Phase::Answering(answering) => Some(answering.pickup.deadline()),
        Phase::Speaking(speaking) => Some(speaking.until),
        Phase::Choosing(choosing) => Some(choosing.until),
        Phase::Recording(recording) => Some(recording.deadline()),
        Phase::Ringing(ringing) => ring::deadline(ringing, call, rules),
        Phase::Transferring(transferring) => Some(transferring.until),
        Phase::Apologising(apology) => Some(sorry::deadline(apology)),
        Phase::Talking { looked, .. } => Some(talk::deadline(*looked)),
        // Whatever is left is to be hung up, and that has its moment.
        Phase::Ending { .. } | Phase::Ended { .. } => None,
    };
    let whole = call.phase.is_under_way().then(|| later(call.began, rules.defaults.max_call));
    phase
        .into_iter()
        .chain(whole)
        .chain(ending::sweep_deadline(call))
        .chain(recorder::deadline(call))
        .chain(mailbox::deadline(call))
        .min()
}

/// What a fact means for the call in its phase.
fn react(phase: Phase, fact: &Fact, turn: &mut Turn<'_>) -> Phase {
    let with = phase.talks_with();
    let closing = matches!(phase, Phase::Ending { .. } | Phase::Ended { .. });
    if let Fact::Leg { no: LegNo::CALLER, change: Change::Ended(cause) } = fact
        && !closing
    {
        turn.remark(Remark::CallerGone { cause: *cause });
        return ending::begin(EndWhy::CallerGone, with, turn);
    }
    let too_long = turn.now >= later(turn.call.began, turn.rules.defaults.max_call);
    let waits = phase.is_under_way() && with.is_none();
    let flow = if matches!(fact, Fact::Due) && phase.is_under_way() && too_long {
        Flow::End(EndWhy::TooLong)
    } else if matches!(fact, Fact::Fault) && waits && !matters_more(&phase) {
        quiet(phase, turn);
        Flow::End(EndWhy::Fault)
    } else if let Some(leg) = given_to(fact, turn).filter(|_| waits) {
        if let Phase::Ringing(mut ringing) = phase {
            if let Some(joining) = ringing.joining.as_ref().filter(|joining| joining.is_asked()) {
                talk::spare(joining.leg, turn);
            }
            ringing.silence(turn);
        } else if let Phase::Recording(recording) = phase {
            voicemail::silence(&recording, turn);
        }
        Flow::Talk(leg)
    } else if let Some(leg) = joined_after_all(&phase, fact, turn) {
        quiet(phase, turn);
        Flow::Talk(leg)
    } else {
        hear(phase, fact, turn)
    };
    follow(flow, with, turn)
}

/// Whether a call that hears of a fault goes on: two who are being joined are not torn apart for it, and an apology ends
/// by itself.
fn matters_more(phase: &Phase) -> bool {
    match phase {
        Phase::Ringing(ringing) => ringing.joining.as_ref().is_some_and(Joining::is_asked),
        Phase::Apologising(_) => true,
        Phase::Arriving | Phase::Discovered { .. } | Phase::Foreign { .. } | Phase::Answering(_) => false,
        Phase::Speaking(_) | Phase::Choosing(_) | Phase::Transferring(_) | Phase::Talking { .. } => false,
        Phase::Recording(_) => false,
        Phase::Ending { .. } | Phase::Ended { .. } => false,
    }
}

/// Stops what the caller hears, if it would not end soon by itself.
fn quiet(phase: Phase, turn: &mut Turn<'_>) {
    if let Phase::Ringing(mut ringing) = phase {
        ringing.silence(turn);
    } else if let Phase::Speaking(speaking) = phase {
        speech::silence(&speaking, turn);
    } else if let Phase::Choosing(choosing) = phase {
        menu::silence(&choosing, turn);
    } else if let Phase::Recording(recording) = phase {
        voicemail::silence(&recording, turn);
    }
}

/// Somebody whose bridge was given up, as news comes that he is joined all the same: it was long on its way, and to go on
/// would be to cut their talk. Not while another's bridge is under way, which may take the caller from him.
fn joined_after_all(phase: &Phase, fact: &Fact, turn: &Turn<'_>) -> Option<LegNo> {
    let Fact::Leg { no, change: Change::Bridged } = fact else { return None };
    let waits = phase.is_under_way() && phase.talks_with().is_none();
    let another = matches!(phase, Phase::Ringing(ringing) if ringing.joining.as_ref().is_some_and(Joining::is_asked));
    let given_up = |leg: &&Leg| leg.no != LegNo::CALLER && !leg.is_given() && leg.is_answered() && leg.stop.is_some();
    turn.call.leg(*no).filter(given_up).filter(|_| waits && !another).map(|leg| leg.no)
}

/// The party a caller was given to, as he picks up: Telnyx joins them by itself, whatever the call does by then.
fn given_to(fact: &Fact, turn: &Turn<'_>) -> Option<LegNo> {
    match fact {
        Fact::Leg { no, change: Change::Answered } => turn.call.leg(*no).filter(|leg| leg.is_given()).map(|leg| leg.no),
        Fact::Leg { .. } | Fact::Settled(_) | Fact::Arrived { .. } | Fact::Due | Fact::Fault => None,
    }
}

fn hear(phase: Phase, fact: &Fact, turn: &mut Turn<'_>) -> Flow {
    match phase {
        Phase::Arriving => Flow::Stay(phase),
        Phase::Discovered { since } => birth::discovered(since, fact, turn),
        Phase::Foreign { since } => Flow::Stay(birth::foreign(since, turn)),
        Phase::Answering(answering) => answer::on(answering, fact, turn),
        Phase::Speaking(speaking) => speech::on(speaking, fact, turn),
        Phase::Choosing(choosing) => menu::on(choosing, fact, turn),
        Phase::Recording(recording) => voicemail::on(recording, fact, turn),
        Phase::Ringing(ringing) => ring::on(ringing, fact, turn),
        Phase::Transferring(transferring) => transfer::on(transferring, fact, turn),
        Phase::Apologising(apology) => sorry::on(apology, fact, turn),
        Phase::Talking { with, since, looked } => talk::on(with, since, looked, fact, turn),
        Phase::Ending { since } => ending::on(since, turn),
        Phase::Ended { since } => match fact {
            Fact::Arrived { from, to, hops } if turn.call.route.is_none() => {
                birth::too_late(since, from, to, *hops, turn)
            }
            Fact::Arrived { .. } | Fact::Leg { .. } | Fact::Settled(_) | Fact::Due | Fact::Fault => {
                ending::after(since, turn)
            }
        },
    }
}

/// Walks from step to step until one of them waits for something. The loader refuses rules that go in circles, so no
/// step is met twice on the way, and each takes three turns here at most; this ends whatever it may have missed.
fn follow(mut flow: Flow, with: Option<LegNo>, turn: &mut Turn<'_>) -> Phase {
    for _ in 0..turn.rules.steps.len().saturating_mul(3).saturating_add(3) {
        flow = match flow {
            Flow::Stay(phase) => return phase,
            Flow::Talk(leg) => return talk::begin(leg, turn),
            Flow::End(EndWhy::Fault) if with.is_none() => return sorry::begin(turn),
            Flow::End(why) => return ending::begin(why, with, turn),
            Flow::AnswerFor(step) => answer::enter(step, turn),
            Flow::Enter(step) => enter(step, turn),
            Flow::Advance(step, outcome) => match turn.rules.step(step) {
                Some(found) => match advance(found, outcome, turn) {
                    Some(next) => Flow::Enter(next),
                    None => return list_ended(step, turn),
                },
                // The rules of this call are lost.
                None => Flow::End(EndWhy::Fault),
            },
        };
    }
    sorry::begin(turn)
}

fn advance(step: &Step, outcome: Option<Outcome>, turn: &mut Turn<'_>) -> Option<StepId> {
    if let Some(outcome) = outcome {
        turn.remark(Remark::StepEnded { at: step.at, outcome });
    }
    outcome.and_then(|outcome| step.on.get(&outcome).copied()).or(step.next)
}

/// The steps are over and the caller is with nobody: he is not kept waiting for nothing.
fn list_ended(last: StepId, turn: &mut Turn<'_>) -> Phase {
    let at = turn.rules.step(last).map_or_else(Place::default, |step| step.at);
    turn.remark(Remark::ListEnded { at });
    ending::reject(RejectWith::Busy, EndWhy::ListEnded, turn)
}

fn enter(id: StepId, turn: &mut Turn<'_>) -> Flow {
    let rules = turn.rules;
    let Some(step) = rules.step(id) else { return Flow::End(EndWhy::Fault) };
    // One that had to wait for the caller to be picked up has begun: what held then need not hold any more.
    let begun = turn.call.step == Some(id);
    if !begun && step.when.as_ref().is_some_and(|when| !when.holds(&turn.call.from, &turn.call.to, turn.now)) {
        turn.remark(Remark::StepSkipped { at: step.at });
        return match step.next {
            Some(next) => Flow::Enter(next),
            None => Flow::Stay(list_ended(id, turn)),
        };
    }
    if !begun {
        turn.remark(Remark::StepBegan { at: step.at, step: word(&step.action) });
        turn.call.step = Some(id);
    }
    match &step.action {
        Action::Answer if turn.call.caller_is_answered() => Flow::Advance(id, None),
        Action::Answer => Flow::AnswerFor(id),
        Action::Say(say) => speech::enter_say(id, say, turn),
        Action::Play(play) => speech::enter_play(id, play, turn),
        Action::Ring(ring) => ring::enter(id, ring, turn),
        Action::Transfer(transfer) => transfer::enter(id, transfer, turn),
        Action::Menu(menu) => menu::enter(id, menu, turn),
        Action::Voicemail(to) => voicemail::enter(id, to, turn),
        Action::Reject(with) => Flow::Stay(ending::reject(*with, EndWhy::Step, turn)),
        Action::Hangup => Flow::Stay(ending::begin(EndWhy::Step, None, turn)),
        Action::Goto { first, .. } | Action::Do { first } => Flow::Enter(*first),
    }
}

fn word(action: &Action) -> StepWord {
    match action {
        Action::Answer => StepWord::Answer,
        Action::Say(_) => StepWord::Say,
        Action::Play(_) => StepWord::Play,
        Action::Ring(ring) if ring.asked == RingAsked::Dial => StepWord::Dial,
        Action::Ring(_) => StepWord::Ring,
        Action::Transfer(_) => StepWord::Transfer,
        Action::Menu(_) => StepWord::Menu,
        Action::Voicemail(_) => StepWord::Voicemail,
        Action::Reject(_) => StepWord::Reject,
        Action::Hangup => StepWord::Hangup,
        Action::Goto { .. } => StepWord::Goto,
        Action::Do { .. } => StepWord::Do,
    }
}

#[cfg(test)]
mod tests {
    use super::super::event::{Cause, News, What};
    use super::super::ids::EventId;
    use super::super::kit::{Life, dial, member, ring, rules, say, secs, transfer};
    use super::super::remark::Ignored;
    use super::*;
    use crate::phone::Party;
    use crate::routing::{Condition, Hours, Match, Order, Schedule, Wall};

    /// A call in every phase in which a caller is in our hands, the talk last.
    fn under_way(rules: &Rules) -> Vec<Life<'_>> {
        let answering = Life::begun(rules);
        let mut speaking = answering.clone();
        speaking.news(0, News::Answered);
        let mut ringing = speaking.clone();
        ringing.news(0, News::SpeechEnded);
        ringing.dialled(1);
        let mut transferring = ringing.clone();
        transferring.hangs_up(1, Cause::Busy);
        let mut talking = transferring.clone();
        talking.news(2, News::Answered);
        let mut lives = vec![answering, speaking, ringing, transferring, talking];
        lives.iter_mut().for_each(|life| drop(life.wants()));
        let phases: Vec<_> = lives.iter().map(Life::phase).collect();
        assert_eq!(phases, ["answering", "speaking", "ringing", "transferring", "talking"]);
        lives
    }

    fn all_steps() -> Rules {
        rules(vec![say("Hello."), dial(member("anna", 141, 20)), transfer(member("ben", 142, 20))], &[])
    }

    #[test]
    fn a_caller_who_leaves_ends_the_call_wherever_it_is() {
        let rules = all_steps();
        for mut life in under_way(&rules) {
            let phase = life.phase();
            life.hangs_up(0, Cause::Normal);
            assert!(life.call.legs.iter().all(|leg| !leg.is_live() || leg.stop.is_some()), "{phase}");
            let wanted: Vec<String> = if phase == "ringing" { vec!["hangup 1".into()] } else { vec![] };
            assert_eq!(life.wants(), wanted, "{phase}");
            let expected = if ["ringing", "talking"].contains(&phase) { "ending" } else { "ended" };
            assert_eq!(life.phase(), expected, "{phase}");
            assert!(life.remarks.contains(&Remark::Ends { why: EndWhy::CallerGone }), "{phase}");
        }
    }

    #[test]
    fn no_call_lasts_longer_than_it_may() {
        let mut rules = all_steps();
        rules.defaults.max_call = secs(3);
        for mut life in under_way(&rules) {
            let phase = life.phase();
            life.sleep(3);
            life.wait();
            assert!(life.remarks.contains(&Remark::Ends { why: EndWhy::TooLong }), "{phase}");
            assert_eq!(
                (life.phase(), life.wants().first().map(String::as_str)),
                ("ending", Some("hangup 0")),
                "{phase}"
            );
        }
    }

    #[test]
    fn what_cannot_be_decided_ends_a_call_but_no_talk() {
        let rules = all_steps();
        for mut life in under_way(&rules) {
            let phase = life.phase();
            life.take(What::Fault { event: EventId("e".into()), who: None });
            let goes_on = phase == "talking";
            assert_eq!(life.phase(), if goes_on { "talking" } else { "apologising" }, "{phase}");
            let said = if phase == "answering" { "answer 0" } else { "speak 0" };
            assert_eq!(life.wants().contains(&said.to_owned()), !goes_on, "{phase}");
        }
    }

    #[test]
    fn every_event_counts_and_those_that_change_nothing_say_why() {
        let rules = all_steps();
        let mut life = Life::begun(&rules);
        assert_eq!(life.call.version, 1);
        life.news(0, News::Other { name: "call.cost".into() });
        assert_eq!((life.call.version, life.remarks), (2, vec![Remark::Ignored { why: Ignored::NothingToDo }]));
    }

    #[test]
    fn deciding_twice_is_deciding_the_same() {
        let rules = rules(vec![ring(Order::Simultaneous, vec![member("a", 141, 20), member("b", 142, 20)])], &[]);
        let life = Life::begun(&rules);
        let decided = |id: &str| {
            let (mut life, id) = (life.clone(), EventId(id.into()));
            let event =
                Event { id, at: None, what: What::Leg { who: life.who(0), news: News::HungUp { cause: Cause::Busy } } };
            life.dialled(1);
            life.dialled(2);
            decide(life.call, &event, &rules, life.now)
        };
        let ids = |decision: &Decision| decision.commands.iter().map(|command| command.id).collect::<Vec<_>>();
        assert_eq!(decided("e"), decided("e"));
        assert_eq!(ids(&decided("e")).len(), 2);
        assert_ne!(ids(&decided("e")), ids(&decided("f")), "another cause makes another command");
    }

    #[test]
    fn a_step_whose_guard_does_not_hold_is_passed_over() {
        let mut rules = rules(vec![say("Who are you?"), dial(member("anna", 141, 20))], &[]);
        rules.steps[0].when = Some(Condition::From(Match::Anonymous));
        let mut life = Life::begun(&rules);
        assert_eq!(life.wants(), ["dial 1"]);
        let skipped = Place { file: 0, line: 1 };
        assert!(life.remarks.contains(&Remark::StepSkipped { at: skipped }));
        let mut withheld = Life::new(&rules);
        withheld.news(0, News::Arrived { from: Party::Withheld, to: Party::Withheld, hops: 0 });
        assert_eq!(withheld.wants(), ["answer 0"]);
        rules.steps[1].when = Some(Condition::From(Match::Anonymous));
        let mut life = Life::begun(&rules);
        assert_eq!((life.wants(), life.phase()), (vec!["reject 0".into()], "ending"), "no step is left");
    }

    #[test]
    fn a_step_that_waited_for_the_caller_is_not_asked_again_whether_it_holds() {
        let mut rules = rules(vec![say("We are open."), Action::Hangup], &[]);
        let monday = [vec![Hours { from: Wall(0), to: Wall(600) }], vec![], vec![], vec![], vec![], vec![], vec![]];
        let schedule = Schedule { zone: jiff::tz::TimeZone::UTC, week: monday };
        rules.steps[0].when = Some(Condition::Schedule { name: "office".into(), schedule: schedule.into() });
        let mut life = Life::new(&rules);
        life.now = "2026-03-09T09:59:59Z".parse().unwrap();
        life.news(0, News::Arrived { from: Party::Withheld, to: Party::Withheld, hops: 0 });
        life.sleep(2);
        life.news(0, News::Answered);
        assert_eq!(life.wants(), ["answer 0", "speak 0"], "it closed while he was being picked up for it");
    }

    #[test]
    fn a_long_list_of_guards_is_walked_to_its_end() {
        let mut actions = vec![say("Who are you?"); 1000];
        actions.push(dial(member("anna", 141, 20)));
        let mut rules = rules(actions, &[]);
        for step in rules.steps.iter_mut().take(1000) {
            step.when = Some(Condition::From(Match::Anonymous));
        }
        assert_eq!(Life::begun(&rules).wants(), ["dial 1"]);
    }

    #[test]
    fn an_outcome_leads_where_the_rules_say() {
        for (cause, wanted) in [(Cause::Busy, "hangup 0"), (Cause::Declined, "dial 2")] {
            let actions = vec![dial(member("anna", 141, 20)), dial(member("ben", 142, 20)), Action::Hangup];
            let rules = rules(actions, &[(0, Outcome::Busy, 2)]);
            let mut life = Life::begun(&rules);
            life.hangs_up(1, cause);
            assert_eq!(life.wants(), ["dial 1", wanted]);
        }
    }

    #[test]
    fn goto_and_do_go_on_elsewhere() {
        for action in [Action::Goto { route: "b".into(), first: StepId(2) }, Action::Do { first: StepId(2) }] {
            let rules = rules(vec![action, Action::Hangup, dial(member("anna", 141, 20))], &[]);
            assert_eq!(Life::begun(&rules).wants(), ["dial 1"]);
        }
    }

    #[test]
    fn rules_that_go_in_circles_or_nowhere_end_the_call() {
        for first in [0, 9] {
            let rules = rules(vec![Action::Do { first: StepId(first) }], &[]);
            let mut life = Life::begun(&rules);
            assert_eq!((life.wants(), life.phase()), (vec!["answer 0".into()], "apologising"));
            assert!(life.remarks.contains(&Remark::Apologises));
        }
    }

    #[test]
    fn a_step_that_waited_for_the_caller_is_told_once() {
        let rules = rules(vec![say("Hello.")], &[]);
        let mut life = Life::begun(&rules);
        let began = |life: &Life<'_>| life.remarks.iter().filter(|r| matches!(r, Remark::StepBegan { .. })).count();
        assert_eq!(began(&life), 1);
        life.news(0, News::Answered);
        assert_eq!((began(&life), life.wants()), (0, vec!["answer 0".into(), "speak 0".into()]));
    }
}
