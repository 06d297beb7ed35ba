//! `dial` and `ring`: parties are rung, the first to pick up is joined with the caller, the others are hung up.

use std::time::Duration;

use jiff::Timestamp;

use super::answer::Picked;
use super::command::Verb;
use super::event::{Cause, Refusal};
use super::ids::LegNo;
use super::join::Joined;
use super::learn::{Change, Fact};
use super::leg::{LegState, Role};
use super::phase::{Chair, Joining, Phase, PickUp, Ringing};
use super::plan::{self, Seat};
use super::remark::Remark;
use super::state::Call;
use super::turn::{Flow, Turn, between, later};
use crate::routing::{Action, CallerId, Member, Outcome, Ring, Rules, StepId};

/// A leg that fails as fast as this was refused by somebody on the way, perhaps for the number it showed.
const REFUSED_WITHIN: Duration = Duration::from_secs(3);

/// How long after the end of a ring its leg may go on before whoever is to be rung anew is passed over.
const HELD: Duration = Duration::from_secs(2);

/// Begins to ring.
pub(super) fn enter(step: StepId, ring: &Ring, turn: &mut Turn<'_>) -> Flow {
    let chairs = vec![Chair::default(); ring.members.len()];
    let answering = turn.pickup.take();
    proceed(Ringing { step, since: turn.now, chairs, joining: None, answering, ringback: false }, ring, turn)
}

/// Hears a fact while parties ring.
pub(super) fn on(mut ringing: Ringing, fact: &Fact, turn: &mut Turn<'_>) -> Flow {
    let Some(ring) = ring_of(&ringing, turn.rules) else { return without_rules(ringing, fact, turn) };
    if let Fact::Leg { no, change } = fact {
        ringing.leg_changed(*no, *change, ring, turn);
    }
    if let Some(pickup) = ringing.answering.take()
        && let Picked::Waiting(pickup) = pickup.hear(fact, turn)
    {
        ringing.answering = Some(pickup);
    }
    if let Some(joining) = ringing.joining.take() {
        let winner = joining.leg;
        let picking_up = joining.picking_up();
        match joining.hear(fact, turn) {
            Joined::Waiting(joining) => {
                if joining.is_accepted() {
                    ringing.stop_others(winner, turn);
                }
                ringing.joining = Some(joining);
            }
            Joined::Yes => return Flow::Talk(winner),
            Joined::No => {
                turn.stop(winner, turn.now);
                ringing.out(winner, Outcome::Failed, turn);
                // If that was the last of them, it goes on for whatever comes next.
                turn.pickup = picking_up;
            }
        }
    }
    proceed(ringing, ring, turn)
}

/// The rules of this ring are lost: whoever is being joined still is, else it is over.
fn without_rules(mut ringing: Ringing, fact: &Fact, turn: &mut Turn<'_>) -> Flow {
    if let Some(joining) = ringing.joining.take() {
        let winner = joining.leg;
        match joining.hear(fact, turn) {
            Joined::Waiting(joining) => {
                ringing.joining = Some(joining);
                return Flow::Stay(Phase::Ringing(ringing));
            }
            Joined::Yes => return Flow::Talk(winner),
            Joined::No => {}
        }
    }
    ringing.silence(turn);
    Flow::Advance(ringing.step, Some(Outcome::Failed))
}

/// When a ring wants to be asked again if nothing happens before.
pub(super) fn deadline(ringing: &Ringing, call: &Call, rules: &Rules) -> Option<Timestamp> {
    let joining = ringing.joining.as_ref().map(Joining::deadline);
    let Some(ring) = ring_of(ringing, rules) else { return joining.or(Some(ringing.since)) };
    let seats = ringing.seats(call, rules);
    let answer = if joining.is_some() { None } else { ringing.answers_at(call, rules) };
    // Also where the other leg is over: that may have been concluded without anybody being told. Nobody is rung anew while
    // another is being joined.
    let held = ringing.chairs.iter().filter(|chair| joining.is_none() && chair.leg.is_none() && chair.out.is_none());
    let held = held.filter_map(|chair| chair.held).map(|(_, until)| until);
    let plan = plan::deadline(ring, ringing.since, &seats, joining.is_some());
    plan.into_iter().chain(held).chain(joining).chain(answer).min()
}

fn ring_of<'a>(ringing: &Ringing, rules: &'a Rules) -> Option<&'a Ring> {
    match rules.step(ringing.step).map(|step| &step.action) {
        Some(Action::Ring(ring)) => Some(ring),
        Some(_) | None => None,
    }
}

fn proceed(mut ringing: Ringing, ring: &Ring, turn: &mut Turn<'_>) -> Flow {
    // A refused dial may empty a seat at once, so a plan may follow on a plan; each gives a seat its end or a leg.
    for _ in 0..=ring.members.len() {
        let seats = ringing.seats(&turn.call, turn.rules);
        let moves = plan::plan(ring, ringing.since, &seats, ringing.joining.is_some(), turn.now);
        for index in moves.stop {
            match ringing.chairs.get_mut(index) {
                Some(Chair { leg: Some(leg), .. }) => {
                    let leg = *leg;
                    turn.stop(leg, turn.now);
                    ringing.out(leg, Outcome::NoAnswer, turn);
                }
                Some(chair) => chair.never_rung(ring.members.get(index), Outcome::NoAnswer, turn),
                None => {}
            }
        }
        if let Some(winner) = moves.take.and_then(|index| ringing.chairs.get(index)).and_then(|chair| chair.leg) {
            turn.remark(Remark::Takes { name: turn.name(winner) });
            ringing.silence(turn);
            ringing.joining = Some(Joining::begin(winner, ringing.answering.take(), turn));
            break;
        }
        if let Some(outcome) = moves.over {
            ringing.silence(turn);
            turn.pickup = ringing.answering.take().or(turn.pickup.take());
            return Flow::Advance(ringing.step, Some(outcome));
        }
        let placed = moves.dial.iter().all(|index| ringing.dial(*index, ring, turn));
        if placed {
            break;
        }
    }
    if ringing.joining.is_none() {
        ringing.pick_up(turn);
        ringing.sound(turn);
    }
    Flow::Stay(Phase::Ringing(ringing))
}

impl Ringing {
    fn seats(&self, call: &Call, rules: &Rules) -> Vec<Seat> {
        let silent = call.caller_is_answered() && rules.defaults.ringback.is_none();
        self.chairs
            .iter()
            .map(|chair| match (chair.out, chair.leg.and_then(|no| call.leg(no))) {
                (Some(outcome), _) => Seat::Out(outcome),
                (None, None) => match chair.held.filter(|(by, _)| call.leg(*by).is_some_and(|by| !by.has_ended())) {
                    Some((_, until)) => Seat::Held(until),
                    None => Seat::Waiting,
                },
                // Told to hang up for somebody else's sake: he is out, whatever becomes of that.
                (None, Some(leg)) if leg.stop.is_some() => Seat::Out(Outcome::NoAnswer),
                (None, Some(leg)) => match leg.state {
                    LegState::Dialled if silent => Seat::Unseen(leg.began),
                    LegState::Dialled => Seat::Dialled(leg.began),
                    LegState::Ringing if silent && !leg.heard => Seat::Unseen(chair.rings_since.unwrap_or(leg.began)),
                    LegState::Ringing => Seat::Ringing(chair.tried.or(chair.rings_since).unwrap_or(leg.began)),
                    LegState::Answered { .. } => Seat::Answered,
                    LegState::Ended { .. } => Seat::Out(Outcome::Failed),
                },
            })
            .collect()
    }

    /// Dials a member. False: he cannot be dialled, and is out.
    fn dial(&mut self, index: usize, ring: &Ring, turn: &mut Turn<'_>) -> bool {
        let alone = self.chairs.iter().any(|chair| chair.alone);
        let (Some(member), Some(chair)) = (ring.members.get(index), self.chairs.get_mut(index)) else { return false };
        if turn.forbids(&member.name, &member.target) {
            chair.never_rung(Some(member), Outcome::Failed, turn);
            return false;
        }
        if let Some(by) = turn.rings_at(&member.target) {
            let since = turn.call.leg(by).and_then(|by| by.stop.as_ref()).map_or(turn.now, |stop| stop.from);
            let until = chair.held.map_or(later(since, HELD), |(_, until)| until);
            chair.held = Some((by, until));
            if until > turn.now {
                return true;
            }
            chair.never_rung(Some(member), Outcome::NoAnswer, turn);
            return false;
        }
        let role = Role::Rung { name: member.name.clone(), target: member.target.clone() };
        let from = turn.number_shown(&ring.caller_id, chair.tried.is_some());
        let Some((from, leg)) = from.and_then(|from| Some((from, turn.add_leg(role)?))) else {
            chair.never_rung(Some(member), Outcome::Failed, turn);
            return false;
        };
        chair.leg = Some(leg);
        chair.rings_since = None;
        chair.alone = alone;
        turn.remark(Remark::Rings { name: member.name.clone(), leg });
        let link_to = if chair.alone || chair.tried.is_some() { None } else { turn.caller_handle() };
        let (tag, time_limit, hops) = (turn.tag(leg), turn.time_limit(), turn.next_hop());
        let to = member.target.clone();
        turn.command(leg, Verb::Dial { to, from, ring_for: member.ring_for, time_limit, link_to, hops, tag });
        true
    }

    fn leg_changed(&mut self, no: LegNo, change: Change, ring: &Ring, turn: &mut Turn<'_>) {
        let Some(chair) = self.chairs.iter_mut().find(|chair| chair.leg == Some(no) && chair.out.is_none()) else {
            return;
        };
        // Whoever is not wanted any more is not rung again, and nobody is while another is being joined.
        let stopped = turn.call.leg(no).is_some_and(|leg| leg.stop.is_some());
        let wanted = self.joining.is_none() && !stopped;
        match change {
            Change::Placed => chair.rings_since = Some(turn.now),
            Change::Refused(why) => {
                if !(wanted && self.dial_otherwise(no, why, ring, turn)) {
                    self.out(no, Outcome::Failed, turn);
                }
            }
            Change::Unsure => self.out(no, Outcome::Failed, turn),
            Change::Ended(cause) => {
                let plainly = wanted && refused_at_once(no, cause, &ring.caller_id, turn);
                if !(plainly && self.once_more(no, ring, turn)) {
                    self.out(no, outcome_of(cause), turn);
                }
            }
            Change::Answered | Change::Bridged | Change::Alive | Change::NotAlive => {}
            Change::Pressed { .. } | Change::Gathered { .. } | Change::Recorded | Change::RecordingFailed => {}
            Change::SpeechStarted | Change::SpeechEnded | Change::PlaybackStarted | Change::PlaybackEnded => {}
        }
    }

    /// Rings a member again whose dial was refused, if something about it can be changed.
    fn dial_otherwise(&mut self, no: LegNo, why: Refusal, ring: &Ring, turn: &mut Turn<'_>) -> bool {
        match why {
            Refusal::NotAnswered => self.without_link(no, ring, turn),
            Refusal::Invalid => self.once_more(no, ring, turn),
            Refusal::Ended | Refusal::Limit | Refusal::Key | Refusal::Unavailable | Refusal::Stopped => false,
        }
    }

    /// Rings a member again, once, with our own number shown and without linking: what may have been refused. Not if
    /// that would be the same dial again.
    fn once_more(&mut self, no: LegNo, ring: &Ring, turn: &mut Turn<'_>) -> bool {
        let Some(index) = self.chairs.iter().position(|chair| chair.leg == Some(no)) else { return false };
        let own_number = turn.has_another_number(&ring.caller_id);
        let otherwise = |chair: &&mut Chair| chair.tried.is_none() && (own_number || !chair.alone);
        let Some(chair) = self.chairs.get_mut(index).filter(otherwise) else { return false };
        chair.tried = turn.call.leg(no).map(|leg| leg.began);
        turn.remark(Remark::OnceMore { name: turn.name(no), own_number });
        self.dial(index, ring, turn)
    }

    /// Rings a member again without linking him to the caller, who may not be linked to before he is picked up.
    /// Whoever is rung after him is not linked either.
    fn without_link(&mut self, no: LegNo, ring: &Ring, turn: &mut Turn<'_>) -> bool {
        let Some(index) = self.chairs.iter().position(|chair| chair.leg == Some(no)) else { return false };
        let Some(chair) = self.chairs.get_mut(index).filter(|chair| !chair.alone && chair.tried.is_none()) else {
            return false;
        };
        chair.alone = true;
        self.dial(index, ring, turn)
    }

    fn out(&mut self, no: LegNo, outcome: Outcome, turn: &mut Turn<'_>) {
        if let Some(chair) = self.chairs.iter_mut().find(|chair| chair.leg == Some(no) && chair.out.is_none()) {
            chair.out = Some(outcome);
            turn.remark(Remark::Out { name: turn.name(no), outcome });
        }
    }

    fn stop_others(&mut self, winner: LegNo, turn: &mut Turn<'_>) {
        for leg in self.chairs.iter().filter_map(|chair| chair.leg).filter(|leg| *leg != winner) {
            turn.stop(leg, turn.now);
        }
    }

    /// When a caller who is not picked up yet is, or is asked for again. Carriers give up on what rings for long; but
    /// where we have nothing to play to him, what he hears from them is better than silence.
    fn answers_at(&self, call: &Call, rules: &Rules) -> Option<Timestamp> {
        let can = rules.defaults.ringback.is_some() && !call.caller_is_answered();
        let can = can && call.caller().is_some_and(|caller| caller.handle.is_some());
        let at = || later(call.began, rules.defaults.answer_after);
        can.then(|| self.answering.as_ref().map_or_else(at, PickUp::deadline))
    }

    /// Picks a caller up who has waited for long.
    fn pick_up(&mut self, turn: &mut Turn<'_>) {
        if self.answering.is_none() && self.answers_at(&turn.call, turn.rules).is_some_and(|at| at <= turn.now) {
            turn.remark(Remark::WaitedLong);
            self.answering = PickUp::begin(turn);
        }
    }

    /// Plays ringing to a caller who is picked up: Telnyx plays him none.
    fn sound(&mut self, turn: &mut Turn<'_>) {
        if !self.ringback
            && turn.call.caller_is_answered()
            && let (Some(on), Some(url)) = (turn.caller_handle(), turn.rules.defaults.ringback.clone())
        {
            turn.command(LegNo::CALLER, Verb::Play { on, url, looped: true });
            self.ringback = true;
        }
    }

    /// Stops the ringing that we play.
    pub(super) fn silence(&mut self, turn: &mut Turn<'_>) {
        if std::mem::take(&mut self.ringback)
            && let Some(on) = turn.caller_handle()
        {
            turn.command(LegNo::CALLER, Verb::StopPlay { on });
        }
    }
}

impl Chair {
    /// He is out of it without a leg.
    fn never_rung(&mut self, member: Option<&Member>, outcome: Outcome, turn: &mut Turn<'_>) {
        self.out = Some(outcome);
        let name = member.map(|member| member.name.clone()).unwrap_or_default();
        turn.remark(Remark::Out { name, outcome });
    }
}

/// Whether a leg failed so fast that the number it showed may be to blame, and there is another to show.
pub(super) fn refused_at_once(no: LegNo, cause: Cause, wanted: &CallerId, turn: &Turn<'_>) -> bool {
    let fast = turn.call.leg(no).is_some_and(|leg| between(leg.began, turn.now) <= REFUSED_WITHIN);
    cause == Cause::Failed && fast && turn.has_another_number(wanted)
}

/// What the end of an unanswered leg means for the one who rang it.
pub(super) fn outcome_of(cause: Cause) -> Outcome {
    match cause {
        Cause::Busy => Outcome::Busy,
        Cause::Declined => Outcome::Declined,
        Cause::NoAnswer | Cause::Normal | Cause::Cancelled | Cause::TimeLimit => Outcome::NoAnswer,
        Cause::Failed => Outcome::Failed,
    }
}

#[cfg(test)]
#[expect(clippy::wildcard_enum_match_arm, reason = "whatever a test does not name it does not want")]
mod tests {
    use super::super::kit::{CALLER, Life, NOTHING, OURS, RINGBACK, dial, member, ring, rules, say, secs, transfer};
    use super::super::{Command, Handle, Kind, Leg, News, Tag, Verdict, What, Who};
    use super::*;
    use crate::phone::{Country, Number, Party, Target};
    use crate::routing::{Action, Forbidden, Member, Order};

    fn three() -> Vec<Member> {
        vec![member("anna", 141, 20), member("ben", 142, 20), member("cleo", 143, 20)]
    }

    fn at_once() -> Rules {
        rules(vec![ring(Order::Simultaneous, three()), Action::Hangup], &[])
    }

    fn in_turn() -> Rules {
        rules(vec![ring(Order::Sequential, three()), Action::Hangup], &[])
    }

    /// A caller who is picked up, and what follows.
    fn picked_up(then: Vec<Action>) -> Rules {
        rules(std::iter::once(Action::Answer).chain(then).collect(), &[])
    }

    fn number(text: &str) -> Number {
        Number::parse(text).unwrap()
    }

    /// What the last dial shows, and what it is linked to.
    fn shown(life: &Life<'_>) -> (String, Option<Handle>) {
        let dial = life.asked.iter().rev().find_map(|command| match &command.verb {
            Verb::Dial { from, link_to, .. } => Some((from.to_string(), link_to.clone())),
            _ => None,
        });
        dial.expect("a dial")
    }

    fn linked() -> Option<Handle> {
        Some(Handle("v3:h0".into()))
    }

    #[test]
    fn a_dial_carries_all_that_is_known() {
        let rules = rules(vec![dial(member("anna", 141, 20))], &[]);
        let mut life = Life::begun(&rules);
        assert_eq!((life.wants(), life.phase()), (vec!["dial 1".into()], "ringing"));
        let tag = Tag { call: life.call.id, leg: LegNo(1) };
        let expected = Verb::Dial {
            to: member("anna", 141, 20).target,
            from: number(CALLER),
            ring_for: secs(20),
            time_limit: secs(4 * 3600 + 60),
            link_to: linked(),
            hops: 1,
            tag,
        };
        assert_eq!(life.asked[0].verb, expected);
    }

    /// A call that was passed on so often before it came to us.
    fn passed_on(rules: &Rules, hops: u8) -> Life<'_> {
        let mut life = Life::new(rules);
        life.news(0, News::Arrived { from: Party::read(CALLER), to: Party::read(OURS), hops });
        life
    }

    #[test]
    fn whoever_is_rung_is_told_how_often_the_call_was_passed_on() {
        let rules = rules(vec![dial(member("anna", 141, 20))], &[]);
        for before in 0..3 {
            let life = passed_on(&rules, before);
            let Verb::Dial { hops, .. } = life.asked[0].verb else { panic!("a dial") };
            assert_eq!((hops, life.call.hops), (before + 1, before));
        }
    }

    #[test]
    fn a_call_that_goes_round_in_circles_rings_nobody_and_goes_on_with_its_list() {
        for (step, outs) in [
            (ring(Order::Simultaneous, three()), 3),
            (ring(Order::Sequential, three()), 3),
            (dial(three().remove(0)), 1),
        ] {
            let rules = rules(vec![step, say("Nobody is there.")], &[]);
            for hops in [3, 4, u8::MAX] {
                let mut life = passed_on(&rules, hops);
                assert_eq!((life.wants(), life.phase()), (vec!["answer 0".into()], "answering"));
                let why = Forbidden::Hops;
                let told = life
                    .remarks
                    .iter()
                    .filter(|remark| matches!(remark, Remark::Forbidden { why: told, .. } if *told == why));
                assert_eq!(told.count(), outs);
                let out = Remark::Out { name: "anna".into(), outcome: Outcome::Failed };
                assert!(life.remarks.contains(&out));
                assert_eq!(life.call.legs.len(), 1, "nothing is asked for");
            }
        }
    }

    #[test]
    fn a_step_rings_nobody_whom_the_rules_forbid() {
        let mut rules = rules(vec![ring(Order::Sequential, three()), Action::Hangup], &[]);
        rules.outbound.ours.insert(number("+12025550141"));
        let Action::Ring(ring) = &mut rules.steps[0].action else { panic!() };
        ring.members[1].target = Target::parse("+493023125010").unwrap();
        let mut life = Life::begun(&rules);
        assert_eq!((life.wants(), life.leg(1).name()), (vec!["dial 1".into()], "cleo"));
        let forbidden: Vec<_> =
            life.remarks.iter().filter(|remark| matches!(remark, Remark::Forbidden { .. })).collect();
        let germany = Forbidden::Country(Country::parse("DE").unwrap());
        let told = |name: &str, why| Remark::Forbidden { name: name.into(), why };
        assert_eq!(forbidden, [&told("anna", Forbidden::OurNumber), &told("ben", germany)]);
        rules.outbound.countries.clear();
        let mut life = Life::begun(&rules);
        assert_eq!((life.wants(), life.phase()), (vec!["hangup 0".into()], "ending"));
    }

    #[test]
    fn the_first_to_pick_up_is_joined_and_the_others_are_hung_up() {
        let rules = at_once();
        let mut life = Life::begun(&rules);
        (1..=3).for_each(|leg| life.dialled(leg));
        (1..=3).for_each(|leg| life.news(leg, News::Placed));
        assert_eq!(life.wants(), ["dial 1", "dial 2", "dial 3"]);
        life.news(2, News::Answered);
        assert_eq!(life.wants(), ["answer 0"], "the caller first; the others ring on");
        life.news(0, News::Answered);
        assert_eq!(life.wants(), ["bridge 0"]);
        life.accept(Kind::Bridge, 0);
        assert_eq!(life.wants(), ["hangup 1", "hangup 3"]);
        life.news(2, News::Bridged);
        assert_eq!((life.wants(), life.call.phase.talks_with()), (vec![], Some(LegNo(2))));
        life.news(3, News::Answered);
        life.hangs_up(1, Cause::Cancelled);
        life.hangs_up(3, Cause::Normal);
        assert_eq!((life.wants(), life.phase()), (vec![], "talking"), "a late answer changes nothing");
    }

    #[test]
    fn one_after_the_other_until_the_steps_end() {
        let rules = in_turn();
        let mut life = Life::begun(&rules);
        for (leg, cause) in [(1, Cause::Busy), (2, Cause::Declined), (3, Cause::NoAnswer)] {
            assert_eq!(life.wants(), [format!("dial {leg}")]);
            life.dialled(leg);
            life.hangs_up(leg, cause);
        }
        assert_eq!((life.wants(), life.phase()), (vec!["hangup 0".into()], "ending"));
    }

    #[test]
    fn he_rings_for_his_time_from_when_it_is_known() {
        let rules = in_turn();
        let mut life = Life::begun(&rules);
        life.sleep(7);
        life.dialled(1);
        assert!((life.next_in() - 20.0).abs() < 0.001, "{}", life.next_in());
        life.sleep(2);
        life.news(1, News::Placed);
        life.wait();
        assert_eq!(life.wants(), ["dial 1", "dial 2", "hangup 1"]);
        life.news(1, News::Answered);
        assert_eq!((life.wants(), life.phase()), (vec![], "ringing"), "he is being hung up already");
    }

    #[test]
    fn who_picks_up_before_the_dial_is_answered_is_taken() {
        let rules = at_once();
        let mut life = Life::begun(&rules);
        life.news(1, News::Answered);
        assert_eq!(life.wants(), ["dial 1", "dial 2", "dial 3", "answer 0"]);
        life.dialled(1);
        life.news(1, News::Placed);
        assert_eq!(life.wants(), NOTHING);
    }

    #[test]
    fn whoever_picks_up_second_is_joined_if_the_first_is_lost() {
        let rules = at_once();
        let mut life = Life::begun(&rules);
        life.news(0, News::Answered);
        (1..=3).for_each(|leg| life.news(leg, News::Placed));
        life.news(1, News::Answered);
        life.news(2, News::Answered);
        assert_eq!(life.wants(), ["dial 1", "dial 2", "dial 3", "bridge 0"]);
        life.hangs_up(1, Cause::Normal);
        assert_eq!(life.wants(), ["bridge 0"]);
        let Some(Command { verb: Verb::Bridge { with, .. }, .. }) = life.asked.last() else { panic!() };
        assert_eq!(with.0, "v3:h2");
    }

    #[test]
    fn a_winner_lost_before_the_bridge_is_accepted_leaves_the_others_ringing() {
        let rules = at_once();
        let mut life = Life::begun(&rules);
        (1..=3).for_each(|leg| life.news(leg, News::Placed));
        life.news(1, News::Answered);
        life.hangs_up(1, Cause::Normal);
        assert_eq!(life.wants(), ["dial 1", "dial 2", "dial 3", "answer 0"]);
        assert_eq!(life.phase(), "ringing");
        life.news(3, News::Answered);
        assert_eq!(life.wants(), ["answer 0"]);
    }

    #[test]
    fn a_winner_lost_after_it_leaves_nobody() {
        let rules = at_once();
        let mut life = Life::begun(&rules);
        life.news(0, News::Answered);
        (1..=3).for_each(|leg| life.news(leg, News::Placed));
        life.news(1, News::Answered);
        life.news(2, News::Answered);
        life.accept(Kind::Bridge, 0);
        assert_eq!(life.wants(), ["dial 1", "dial 2", "dial 3", "bridge 0", "hangup 2", "hangup 3"]);
        life.hangs_up(1, Cause::Normal);
        assert_eq!((life.wants(), life.phase()), (vec!["hangup 0".into()], "ending"), "the others are told to go");
    }

    #[test]
    fn a_loser_whose_dial_is_not_settled_is_hung_up_as_soon_as_he_can_be() {
        let rules = at_once();
        let mut life = Life::begun(&rules);
        life.news(0, News::Answered);
        life.news(1, News::Answered);
        life.accept(Kind::Bridge, 0);
        assert_eq!(life.wants(), ["dial 1", "dial 2", "dial 3", "bridge 0"]);
        life.dialled(2);
        assert_eq!(life.wants(), ["hangup 2"]);
        life.news(1, News::Bridged);
        life.news(3, News::Answered);
        assert_eq!((life.wants(), life.phase()), (vec!["hangup 3".into()], "talking"));
    }

    #[test]
    fn a_caller_who_leaves_takes_everybody_along() {
        let rules = at_once();
        let mut life = Life::begun(&rules);
        life.dialled(1);
        life.news(2, News::Placed);
        life.hangs_up(0, Cause::Cancelled);
        assert_eq!(life.wants(), ["dial 1", "dial 2", "dial 3", "hangup 1", "hangup 2"]);
        life.dialled(3);
        assert_eq!(life.wants(), ["hangup 3"]);
        (1..=3).for_each(|leg| life.hangs_up(leg, Cause::Cancelled));
        assert_eq!((life.wants(), life.phase()), (vec![], "ended"));
    }

    #[test]
    fn a_dial_of_which_nobody_knows_is_taken_for_gone_until_its_leg_shows_itself() {
        for news in [News::Placed, News::Answered, News::Bridged] {
            let rules = in_turn();
            let mut life = Life::begun(&rules);
            life.settle(Kind::Dial, 1, Verdict::Unknown);
            assert_eq!(life.wants(), ["dial 1", "find 1", "dial 2"]);
            life.news(1, news.clone());
            assert_eq!((life.wants(), life.phase()), (vec!["hangup 1".into()], "ringing"), "{news:?}");
        }
    }

    /// Anna is to be rung again right after a dial of which nobody knows.
    fn anna_again(rules: &Rules) -> Life<'_> {
        let mut life = Life::answered(rules);
        life.settle(Kind::Dial, 1, Verdict::Unknown);
        assert_eq!((life.wants(), life.phase()), (vec!["dial 1".into(), "find 1".into()], "ringing"));
        life
    }

    #[test]
    fn nobody_is_rung_again_while_his_phone_may_ring() {
        let rules =
            picked_up(vec![dial(member("anna", 141, 20)), dial(member("anna", 141, 20)), dial(member("ben", 142, 20))]);
        let mut life = anna_again(&rules);
        assert!((life.next_in() - 2.0).abs() < 0.001);
        let mut found = life.clone();
        life.absent(1);
        assert_eq!(life.wants(), NOTHING, "one that rings may not be in the list");
        life.wait();
        assert_eq!((life.wants(), life.phase()), (vec!["dial 2".into()], "ringing"), "Ben is next");
        assert!(life.remarks.contains(&Remark::Out { name: "anna".into(), outcome: Outcome::NoAnswer }));

        let legs = vec![found.who(1)];
        found.settle(Kind::Find, 1, Verdict::Listed { legs, next: None });
        assert_eq!(found.wants(), ["hangup 1"]);
        found.hangs_up(1, Cause::Cancelled);
        assert_eq!((found.wants(), found.phase()), (vec!["dial 2".into()], "ringing"), "Anna anew");
        assert_eq!(found.leg(2).name(), "anna");
    }

    #[test]
    fn whoever_is_being_hung_up_is_rung_anew_when_he_is() {
        let rules = picked_up(vec![dial(member("anna", 141, 20)), ring(Order::Simultaneous, three())]);
        let mut life = Life::answered(&rules);
        life.news(1, News::Placed);
        life.wait();
        assert_eq!(life.wants(), ["dial 1", "dial 2", "dial 3", "hangup 1"], "Ben and Cleo at once");
        life.hangs_up(1, Cause::Cancelled);
        assert_eq!(life.wants(), ["dial 4"]);
        assert_eq!(life.leg(4).name(), "anna");
    }

    #[test]
    fn a_refused_dial_is_tried_as_plainly_as_possible_once() {
        let rules = in_turn();
        let mut life = Life::begun(&rules);
        assert_eq!(shown(&life), (CALLER.into(), linked()));
        life.refuse(Kind::Dial, 1, Refusal::Invalid);
        assert_eq!(life.wants(), ["dial 1", "dial 2"]);
        assert_eq!(shown(&life), (OURS.into(), None));
        assert!(life.remarks.contains(&Remark::OnceMore { name: "anna".into(), own_number: true }));
        life.refuse(Kind::Dial, 2, Refusal::Invalid);
        assert_eq!(life.wants(), ["dial 3"]);
        assert_eq!(shown(&life), (CALLER.into(), linked()), "the next one is another matter");
        assert_eq!(life.leg(3).name(), "ben");
    }

    #[test]
    fn a_number_of_the_rules_falls_back_to_the_one_called() {
        let mut rules = rules(vec![dial(member("anna", 141, 20)), Action::Hangup], &[]);
        let Action::Ring(ring) = &mut rules.steps[0].action else { panic!() };
        ring.caller_id = CallerId::Number(number("+12025550190"));
        let mut life = Life::begun(&rules);
        assert_eq!(shown(&life).0, "+12025550190");
        life.refuse(Kind::Dial, 1, Refusal::Invalid);
        assert_eq!((life.wants().len(), shown(&life)), (2, (OURS.into(), None)));
    }

    #[test]
    fn the_same_dial_is_not_tried_again() {
        let mut rules = rules(vec![dial(member("anna", 141, 20)), Action::Hangup], &[]);
        let Action::Ring(ring) = &mut rules.steps[0].action else { panic!() };
        ring.caller_id = CallerId::Called;
        let mut life = Life::begun(&rules);
        let mut alone = life.clone();
        life.refuse(Kind::Dial, 1, Refusal::Invalid);
        assert_eq!((life.wants(), shown(&life)), (vec!["dial 1".into(), "dial 2".into()], (OURS.into(), None)));
        assert!(life.remarks.contains(&Remark::OnceMore { name: "anna".into(), own_number: false }), "the link it was");
        alone.refuse(Kind::Dial, 1, Refusal::NotAnswered);
        assert_eq!(shown(&alone), (OURS.into(), None));
        alone.refuse(Kind::Dial, 2, Refusal::Invalid);
        assert_eq!(alone.wants(), ["dial 1", "dial 2", "hangup 0"], "nothing about it can be changed");

        let rules = in_turn();
        let mut life = Life::begun(&rules);
        life.refuse(Kind::Dial, 1, Refusal::Key);
        assert_eq!((life.wants(), life.leg(2).name()), (vec!["dial 1".into(), "dial 2".into()], "ben"), "nor our key");
    }

    #[test]
    fn a_dial_that_cannot_be_linked_goes_without() {
        let rules = in_turn();
        let mut life = Life::begun(&rules);
        life.refuse(Kind::Dial, 1, Refusal::NotAnswered);
        assert_eq!(life.wants(), ["dial 1", "dial 2"]);
        assert_eq!((shown(&life), life.leg(2).name()), ((CALLER.into(), None), "anna"));
        life.hangs_up(2, Cause::Busy);
        assert_eq!(life.wants(), ["dial 3"]);
        assert_eq!((shown(&life), life.leg(3).name()), ((CALLER.into(), None), "ben"), "nor does the next one");
        life.refuse(Kind::Dial, 3, Refusal::NotAnswered);
        assert_eq!((life.wants(), life.leg(4).name()), (vec!["dial 4".into()], "cleo"), "linking was not it");
    }

    #[test]
    fn no_more_channels_is_final_for_a_member_and_so_is_what_cannot_be_done_for_now() {
        let rules = in_turn();
        for why in [Refusal::Limit, Refusal::Unavailable, Refusal::Stopped] {
            let mut life = Life::begun(&rules);
            life.refuse(Kind::Dial, 1, why);
            assert_eq!((life.wants(), life.leg(2).name()), (vec!["dial 1".into(), "dial 2".into()], "ben"), "{why:?}");
        }
    }

    #[test]
    fn a_dial_that_cannot_be_linked_to_somebody_gone_makes_us_look() {
        let rules = in_turn();
        let mut life = Life::begun(&rules);
        life.refuse(Kind::Dial, 1, Refusal::Ended);
        assert_eq!(life.wants(), ["dial 1", "look 0", "dial 2"]);
        life.found(0, false);
        assert_eq!((life.wants(), life.phase()), (vec![], "ending"));
        life.dialled(2);
        assert_eq!(life.wants(), ["hangup 2"]);
    }

    #[test]
    fn a_leg_refused_at_once_is_tried_with_our_own_number() {
        for (after, wanted) in [(3, vec!["dial 1", "dial 2"]), (4, vec!["dial 1", "hangup 0"])] {
            let rules = rules(vec![dial(member("anna", 141, 20)), Action::Hangup], &[]);
            let mut life = Life::begun(&rules);
            life.dialled(1);
            life.sleep(after);
            life.hangs_up(1, Cause::Failed);
            assert_eq!(life.wants(), wanted);
            if after == 3 {
                life.dialled(2);
                life.sleep(16);
                assert_eq!(life.wants(), NOTHING);
                life.sleep(1);
                life.wait();
                assert_eq!(life.wants(), ["hangup 0", "hangup 2"], "he has rung for 20 s in all");
            }
        }
        let rules = rules(vec![dial(member("anna", 141, 20)), Action::Hangup], &[]);
        let mut life = Life::new(&rules);
        life.news(0, News::Arrived { from: Party::Withheld, to: Party::read(OURS), hops: 0 });
        assert_eq!(shown(&life).0, OURS);
        life.hangs_up(1, Cause::Failed);
        assert_eq!(life.wants(), ["dial 1", "hangup 0"], "it was our own already");
    }

    #[test]
    fn whoever_was_to_be_rung_anew_does_not_hurry_the_joining_of_another() {
        let two = vec![member("anna", 141, 20), member("ben", 142, 20)];
        let rules = rules(vec![transfer(member("anna", 141, 10)), ring(Order::Simultaneous, two)], &[]);
        let mut life = Life::begun(&rules);
        life.wait();
        life.wait();
        assert_eq!((life.phase(), life.wants().last().cloned()), ("ringing", Some("dial 2".to_owned())));
        life.news(2, News::Answered);
        life.hangs_up(1, Cause::Normal);
        assert_eq!(life.wants().last().map(String::as_str), Some("answer 0"), "anna may be rung anew, and is not");
        for _ in 0..3 {
            life.wait();
            assert!(life.next_in() > 0.0);
        }
    }

    #[test]
    fn nobody_is_rung_again_while_another_is_joined() {
        let rules = at_once();
        let mut life = Life::begun(&rules);
        life.news(1, News::Answered);
        life.refuse(Kind::Dial, 2, Refusal::Invalid);
        life.dialled(3);
        life.hangs_up(3, Cause::Failed);
        assert_eq!(life.wants(), ["dial 1", "dial 2", "dial 3", "answer 0"]);
    }

    #[test]
    fn without_a_number_to_show_nobody_is_rung() {
        let rules = in_turn();
        let mut life = Life::new(&rules);
        life.news(0, News::Arrived { from: Party::Withheld, to: Party::read("sip:office@example.com"), hops: 0 });
        assert_eq!((life.wants(), life.call.legs.len()), (vec!["hangup 0".into()], 1));
    }

    #[test]
    fn more_legs_than_can_be_numbered_are_not_dialled() {
        let rules = in_turn();
        let mut life = Life::begun(&rules);
        let ended = LegState::Ended { at: life.now, cause: Cause::Busy, answered: None };
        for no in 2..=u16::MAX {
            life.call.legs.push(Leg::new(LegNo(no), Role::Caller, ended.clone(), life.now));
        }
        life.hangs_up(1, Cause::Busy);
        assert_eq!((life.wants(), life.phase()), (vec!["dial 1".into(), "hangup 0".into()], "ending"));
    }

    #[test]
    fn a_member_may_ring_later_than_the_others() {
        let mut members = three();
        (members[1].delay, members[2].delay) = (secs(7), secs(9));
        let rules = rules(vec![ring(Order::Simultaneous, members), Action::Hangup], &[]);
        let mut life = Life::begun(&rules);
        life.dialled(1);
        assert_eq!(life.wants(), ["dial 1"]);
        life.wait();
        assert_eq!(life.wants(), ["dial 2"]);
        life.hangs_up(1, Cause::Busy);
        assert_eq!(life.wants(), NOTHING);
        life.hangs_up(2, Cause::Busy);
        assert_eq!(life.wants(), ["dial 3"], "nobody rings: he need not wait");
    }

    #[test]
    fn a_caller_who_is_picked_up_hears_ringing_until_somebody_takes_him() {
        let mut rules = picked_up(vec![ring(Order::Simultaneous, three()), say("Nobody is here.")]);
        rules.defaults.ringback = Some(RINGBACK.into());
        let mut life = Life::answered(&rules);
        assert_eq!(life.wants(), ["dial 1", "dial 2", "dial 3", "play 0"]);
        life.news(1, News::Answered);
        assert_eq!(life.wants(), ["stop_play 0", "bridge 0"]);
        life.hangs_up(1, Cause::Normal);
        assert_eq!(life.wants(), ["play 0"], "he waits again");
        life.hangs_up(2, Cause::Busy);
        assert_eq!(life.wants(), NOTHING);
        life.hangs_up(3, Cause::Busy);
        assert_eq!(life.wants(), ["stop_play 0", "speak 0"]);
    }

    #[test]
    fn a_caller_picked_up_in_mid_ring_hears_ringing_too() {
        let mut rules = at_once();
        rules.defaults.ringback = Some(RINGBACK.into());
        let mut life = Life::begun(&rules);
        (1..=3).for_each(|leg| life.news(leg, News::Placed));
        life.news(1, News::Answered);
        life.hangs_up(1, Cause::Normal);
        assert_eq!(life.wants(), ["dial 1", "dial 2", "dial 3", "answer 0"]);
        life.news(0, News::Answered);
        assert_eq!(life.wants(), ["play 0"]);
    }

    #[test]
    fn a_caller_who_hears_it_ring_for_long_is_picked_up_to_hear_it_from_us() {
        let mut rules = in_turn();
        rules.defaults.ringback = Some(RINGBACK.into());
        let mut life = Life::begun(&rules);
        for leg in 1..=2 {
            life.dialled(leg);
            life.wait();
            life.hangs_up(leg, Cause::Cancelled);
        }
        life.dialled(3);
        assert_eq!(life.wants(), ["dial 1", "dial 2", "hangup 1", "dial 3", "hangup 2"]);
        assert!((life.next_in() - 5.0).abs() < 0.001, "45 s after he called");
        life.wait();
        assert_eq!(life.wants(), ["answer 0"]);
        let mut silent = life.clone();
        life.news(0, News::Answered);
        assert_eq!(life.wants(), ["play 0"]);
        life.news(3, News::Answered);
        assert_eq!(life.wants(), ["stop_play 0", "bridge 0"]);

        silent.wait();
        assert_eq!(silent.wants(), ["answer 0"], "nothing came of it");
        silent.news(3, News::Answered);
        assert_eq!(silent.wants(), NOTHING, "that answer is waited for, and no other asked for");
        silent.news(0, News::Answered);
        assert_eq!(silent.wants(), ["bridge 0"]);

        rules.defaults.ringback = None;
        let mut bare = Life::begun(&rules);
        while bare.phase() == "ringing" {
            bare.wait();
        }
        assert!(!bare.wants().contains(&"answer 0".to_owned()), "there is nothing to play to him");
    }

    #[test]
    fn a_picking_up_that_is_under_way_goes_on_in_the_next_step() {
        for (next, then) in [(say("Nobody is here."), "speak 0"), (dial(member("ben", 142, 20)), "play 0")] {
            let mut rules = rules(vec![dial(member("anna", 141, 48)), next], &[]);
            rules.defaults.ringback = Some(RINGBACK.into());
            let mut life = Life::begun(&rules);
            life.news(1, News::Placed);
            life.wait();
            assert_eq!(life.wants(), ["dial 1", "answer 0"]);
            life.hangs_up(1, Cause::Busy);
            assert!(!life.wants().contains(&"answer 0".to_owned()), "it is asked for");
            life.news(0, News::Answered);
            assert_eq!(life.wants(), [then]);
        }
    }

    #[test]
    fn a_dial_that_shows_nothing_leaves_nobody_in_silence() {
        let rules = picked_up(vec![ring(Order::Sequential, three())]);
        let mut life = Life::answered(&rules);
        life.dialled(1);
        assert!((life.next_in() - 7.0).abs() < 0.001);
        let mut heard = life.clone();
        life.wait();
        assert_eq!(life.wants(), ["dial 1", "dial 2", "hangup 1"]);
        heard.news(1, News::Placed);
        assert!((heard.next_in() - 20.0).abs() < 0.001, "now it is known to ring");

        let unanswered = in_turn();
        let mut life = Life::begun(&unanswered);
        life.dialled(1);
        assert!((life.next_in() - 20.0).abs() < 0.001, "the caller hears it ring");
    }

    #[test]
    fn a_leg_of_an_earlier_ring_is_none_of_this_one() {
        let rules = picked_up(vec![dial(member("anna", 141, 20)), dial(member("ben", 142, 20))]);
        let mut life = Life::answered(&rules);
        life.settle(Kind::Dial, 1, Verdict::Unknown);
        life.dialled(2);
        assert_eq!(life.wants(), ["dial 1", "find 1", "dial 2"]);
        life.news(1, News::Answered);
        life.hangs_up(1, Cause::Failed);
        assert_eq!((life.wants(), life.phase()), (vec!["hangup 1".into()], "ringing"));
    }

    #[test]
    fn strangers_and_transfers_do_not_touch_a_ring() {
        let rules = picked_up(vec![transfer(member("dora", 144, 5)), ring(Order::Sequential, three())]);
        let mut life = Life::answered(&rules);
        life.hangs_up(1, Cause::Busy);
        life.news(2, News::Placed);
        assert_eq!(life.wants(), ["transfer 0", "dial 2"]);
        let who = Who { handle: Some(Handle("v3:other".into())), session: Some("s".into()), ..Who::default() };
        for news in [News::Placed, News::Answered, News::Bridged, News::HungUp { cause: Cause::Busy }] {
            life.take(What::Leg { who: who.clone(), news });
            assert_eq!((life.wants(), life.phase()), (vec![], "ringing"));
        }
    }
}
