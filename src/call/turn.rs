//! One decision in the making: the call as it becomes, what it wants done, and why.

use std::time::Duration;

use jiff::Timestamp;

use super::command::{Command, Verb};
use super::ids::{CommandId, EventId, Handle, LegNo, Tag};
use super::leg::{Leg, LegState, Role};
use super::phase::{Phase, PickUp};
use super::remark::{EndWhy, Remark};
use super::state::Call;
use crate::phone::{Number, Target};
use crate::routing::{CallerId, Forbidden, Outcome, Rules, StepId};

/// How long a phone may ring that nobody knows to ring: the last try of its dial, and its time after that.
const MAY_RING: Duration = Duration::from_secs(75);
/// How long a dial or a transfer may go without its outcome, and without any word of its leg after that, while the caller
/// hears nothing: nearly two tries of it.
pub(super) const UNSEEN: Duration = Duration::from_secs(7);
/// How long after the news that a party is joined that of his picking up may take: he is left alone for so long.
pub(super) const PICKS_UP: Duration = Duration::from_secs(2);
/// How often legs are looked at of which nothing is heard: a missed hangup must not keep a call for ever.
pub(super) const LOOK_EVERY: Duration = Duration::from_secs(300);
/// How many pages are asked for in search of one leg.
const MOST_SOUGHT: u8 = 100;

/// What `decide` collects while it decides.
pub(super) struct Turn<'a> {
    pub call: Call,
    pub rules: &'a Rules,
    pub now: Timestamp,
    cause: &'a EventId,
    pub commands: Vec<Command>,
    pub remarks: Vec<Remark>,
    /// A picking-up that is under way as its step ends: whatever wants it next goes on with it.
    pub pickup: Option<PickUp>,
}

/// What a phase makes of a fact. Only `decide` acts on it: phases never call each other.
pub(super) enum Flow {
    /// The phase goes on, as given.
    Stay(Phase),
    /// The step is done with; `None` for steps without outcomes.
    Advance(StepId, Option<Outcome>),
    /// The caller must be picked up before this step can begin.
    AnswerFor(StepId),
    /// This step can begin now.
    Enter(StepId),
    /// The caller talks with this leg.
    Talk(LegNo),
    /// The call is to be brought to an end.
    End(EndWhy),
}

impl<'a> Turn<'a> {
    pub fn new(call: Call, cause: &'a EventId, rules: &'a Rules, now: Timestamp) -> Self {
        Self { call, rules, now, cause, commands: Vec::new(), remarks: Vec::new(), pickup: None }
    }

    /// Wants `verb` done for `leg`.
    pub fn command(&mut self, leg: LegNo, verb: Verb) -> CommandId {
        self.call.commands += 1;
        let id = CommandId::derive(self.call.id, self.call.commands, self.cause, verb.kind(), leg);
        self.commands.push(Command { id, leg, verb });
        id
    }

    pub fn remark(&mut self, remark: Remark) {
        self.remarks.push(remark);
    }

    /// The moment `span` from now.
    pub fn after(&self, span: Duration) -> Timestamp {
        later(self.now, span)
    }

    pub fn caller_handle(&self) -> Option<Handle> {
        self.call.caller().and_then(|leg| leg.handle.clone())
    }

    pub fn tag(&self, leg: LegNo) -> Tag {
        Tag { call: self.call.id, leg }
    }

    /// Adds a leg we ask for. `None`: the call has had as many as can be numbered.
    pub fn add_leg(&mut self, role: Role) -> Option<LegNo> {
        let no = LegNo(u16::try_from(self.call.legs.len()).ok()?);
        self.call.legs.push(Leg::new(no, role, LegState::Dialled, self.now));
        Some(no)
    }

    /// Somebody else than `with` who may be the one the caller talks with.
    pub fn rival(&self, with: LegNo) -> Option<LegNo> {
        let spared = |leg: &&Leg| leg.stop.as_ref().is_some_and(|stop| stop.asked.is_none() && stop.from > self.now);
        let others = self.call.legs.iter().filter(|leg| leg.no != LegNo::CALLER && leg.no != with && leg.is_answered());
        others.rev().find(spared).map(|leg| leg.no)
    }

    /// Whether somebody may not be rung for this call, which is told then.
    pub fn forbids(&mut self, name: &str, target: &Target) -> bool {
        let outbound = &self.rules.outbound;
        let why = if self.call.hops >= outbound.hops { Some(Forbidden::Hops) } else { outbound.forbids(target) };
        if let Some(why) = why {
            self.remark(Remark::Forbidden { name: name.to_owned(), why });
        }
        why.is_some()
    }

    /// How often the call was passed on once it is passed on by us.
    pub fn next_hop(&self) -> u8 {
        self.call.hops.saturating_add(1)
    }

    /// A leg on which somebody's phone may ring. One that was given up long ago is no reason not to ring him.
    pub fn rings_at(&self, target: &Target) -> Option<LegNo> {
        let may = |leg: &&Leg| leg.is_to(target) && (!leg.lost || self.now < later(leg.began, MAY_RING));
        self.call.legs.iter().find(may).map(|leg| leg.no)
    }

    /// Wants a leg hung up from now on. A leg whose handle is not known yet is hung up when it is.
    pub fn stop(&mut self, leg: LegNo, from: Timestamp) {
        if let Some(leg) = self.call.leg_mut(leg)
            && !leg.has_ended()
        {
            leg.stop_from(from);
        }
    }

    /// Something was refused since somebody is not picked up. True: that is the caller, of whom it was only supposed.
    pub fn caller_is_doubted(&mut self) -> bool {
        self.call.leg_mut(LegNo::CALLER).is_some_and(Leg::doubt_answer)
    }

    /// Whether that the caller is picked up is only supposed.
    pub fn caller_is_supposed(&self) -> bool {
        self.call.caller().is_some_and(|caller| caller.is_answered() && caller.supposed)
    }

    /// Whether there was word that the caller is picked up.
    pub fn caller_is_known_up(&self) -> bool {
        self.call.caller().is_some_and(|caller| caller.is_answered() && !caller.supposed)
    }

    /// Asks whether a leg is alive, if we can. One that cannot be commanded yet is looked for among all that live.
    pub fn look(&mut self, leg: LegNo) -> Option<CommandId> {
        let live = self.call.leg(leg).filter(|leg| leg.is_live())?;
        match live.handle.clone() {
            Some(on) => Some(self.command(leg, Verb::Look { on })),
            None => self.seek(leg, None),
        }
    }

    /// Looks for a leg that we asked for and cannot command, on the next page of all that live.
    pub fn seek(&mut self, no: LegNo, after: Option<String>) -> Option<CommandId> {
        let leg = self.call.leg_mut(no).filter(|leg| leg.role != Role::Caller && leg.sought < MOST_SOUGHT)?;
        leg.sought += 1;
        Some(self.command(no, Verb::Find { after }))
    }

    pub fn name(&self, leg: LegNo) -> String {
        self.call.leg(leg).map_or_else(String::new, |leg| leg.name().to_owned())
    }

    /// The number that a party rung is to see: a number of ours where the caller has none to show; with `own` the
    /// number called, whatever is wanted. `None`: the call has no number that could be shown.
    pub fn number_shown(&self, wanted: &CallerId, own: bool) -> Option<Number> {
        let called = || self.call.to.number().cloned();
        let wanted = || match wanted {
            CallerId::Number(number) => Some(number.clone()),
            CallerId::Called => called(),
            CallerId::Caller => self.call.from.number().cloned().or_else(called),
        };
        if own { called().or_else(wanted) } else { wanted() }
    }

    /// Whether there is another number to show than the one that is wanted.
    pub fn has_another_number(&self, wanted: &CallerId) -> bool {
        self.number_shown(wanted, true) != self.number_shown(wanted, false)
    }

    /// The longest a leg placed now may last: what is left of the call, and a minute for our own clean-up first.
    pub fn time_limit(&self) -> Duration {
        let over = later(self.call.began, self.rules.defaults.max_call);
        Duration::try_from(over.duration_since(self.now)).unwrap_or_default() + Duration::from_secs(60)
    }
}

/// The moment `span` after `at`.
pub(super) fn later(at: Timestamp, span: Duration) -> Timestamp {
    at.checked_add(span).unwrap_or(Timestamp::MAX)
}

/// How long it is from `since` to `now`.
pub(super) fn between(since: Timestamp, now: Timestamp) -> Duration {
    Duration::try_from(now.duration_since(since)).unwrap_or_default()
}
