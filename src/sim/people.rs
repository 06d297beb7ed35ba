//! What people do of themselves: call, lose patience, pick up or not, hang up.

use std::time::Duration;

use super::agenda::Due;
use super::ledger::{By, CallNo, LegNo, What};
use super::leg::{Leg, Purpose, State, Way};
use super::script::{Callee, Side};
use super::switches::{FirstCommandCause, PassedOnHeaders, RingTimeoutCause, TransferBridgedOnB};
use super::wire::{End, News};
use super::world::World;

const BUSY: End = End { cause: "user_busy", source: "callee", sip: "486" };
const DECLINED: End = End { cause: "call_rejected", source: "callee", sip: "603" };
const NOT_FOUND: End = End { cause: "not_found", source: "callee", sip: "404" };
const FAILED: End = End { cause: "unspecified", source: "unknown", sip: "503" };

impl World {
    /// A caller calls.
    pub(super) fn arrive(&mut self, no: CallNo) {
        let Some(call) = self.call(no) else { return };
        let (from, to, mut headers) = (call.script.from.clone(), call.script.to.clone(), call.script.headers.clone());
        if self.settings.switches.passed_on_headers == PassedOnHeaders::Lost {
            headers.clear();
        }
        let mut leg = Leg::new(self.next_leg(), Way::In, from.clone(), to.clone(), self.now, &mut self.rng);
        (leg.call, leg.headers) = (Some(no), headers);
        let caller = leg.no;
        self.add(leg);
        if let Some(call) = self.call_mut(no) {
            call.caller = Some(caller);
        }
        self.present.insert(no);
        self.enter(caller, What::Arrived { from, to });
        self.tell(caller, &News::Initiated);
        self.wait_again(no);
        if let Some(limit) = self.settings.first_command_timeout {
            self.while_live(caller, limit, Due::Unattended(caller));
        }
    }

    /// The caller begins to wait for somebody to talk with.
    pub(super) fn wait_again(&mut self, no: CallNo) {
        let Some(call) = self.call_mut(no) else { return };
        let Some(caller) = call.caller else { return };
        call.wait += 1;
        let (wait, patience) = (call.wait, call.script.patience);
        self.while_live(caller, patience, Due::Impatient(no, wait));
    }

    /// A caller has waited long enough: he hangs up, unless he was served meanwhile.
    pub(super) fn impatient(&mut self, no: CallNo, wait: u32) {
        let Some(caller) = self.call(no).filter(|call| call.wait == wait).and_then(|call| call.caller) else { return };
        if self.live(caller).is_some_and(|leg| leg.peer.is_none()) {
            self.person_leaves(caller);
        }
    }

    /// A caller for whom no command ever came is hung up.
    pub(super) fn unattended(&mut self, no: LegNo) {
        if self.live(no).is_none_or(|leg| leg.commanded) {
            return;
        }
        let cause = match self.settings.switches.first_command_cause {
            FirstCommandCause::Timeout => "timeout",
            FirstCommandCause::Unspecified => "unspecified",
        };
        *self.limits.entry("first_command").or_default() += 1;
        self.end(no, End { cause, source: "unknown", sip: "480" }, By::Limit);
    }

    /// An outbound leg begins to ring.
    pub(super) fn ring(&mut self, no: LegNo) {
        let Some(leg) = self.live(no) else { return };
        let Some(outbound) = leg.outbound().cloned() else { return };
        let target = leg.to.clone();
        self.enter(no, What::Rang { target });
        self.tell(no, &News::Initiated);
        self.while_live(no, outbound.ring_for, Due::RangTooLong(no));
        if let Some(wait) = outbound.callee.rings_for() {
            self.while_live(no, wait, Due::CalleeActs(no));
        }
        let early = matches!(outbound.purpose, Purpose::Take { early_media: true, .. });
        if early && self.settings.switches.transfer_bridged_on_b == TransferBridgedOnB::WhenRinging {
            let wait = self.lag(300, 900);
            self.while_live(no, wait, Due::EarlyMedia(no));
        }
    }

    /// What rings there is heard already by the one on whose behalf it rings.
    pub(super) fn early_media(&mut self, no: LegNo) {
        if self.leg(no).is_some_and(|leg| leg.state == State::Ringing) {
            self.tell(no, &News::Bridged);
        }
    }

    /// The one who is rung does what he does.
    pub(super) fn callee_acts(&mut self, no: LegNo) {
        let Some(leg) = self.leg(no).filter(|leg| leg.state == State::Ringing) else { return };
        let Some(outbound) = leg.outbound().cloned() else { return };
        match outbound.callee {
            Callee::Answers { hangs_up_after, .. } => {
                self.answered_by_callee(no, outbound.time_limit);
                if let Some(wait) = hangs_up_after {
                    self.while_live(no, wait, Due::PersonLeaves(no));
                }
            }
            Callee::Vanishes { .. } => {
                self.answered_by_callee(no, outbound.time_limit);
                let wait = self.lag(20, 80);
                self.while_live(no, wait, Due::PersonLeaves(no));
            }
            Callee::Busy { .. } => self.end(no, BUSY, By::Person),
            Callee::Declines { .. } => self.end(no, DECLINED, By::Person),
            Callee::NotFound { .. } => self.end(no, NOT_FOUND, By::Limit),
            Callee::Fails { .. } => self.end(no, FAILED, By::Limit),
            Callee::PassesOn { to, .. } => self.pass_on(no, &to),
            Callee::RingsOut | Callee::Refused { .. } => {}
        }
    }

    pub(super) fn answered_by_callee(&mut self, no: LegNo, time_limit: Duration) {
        self.while_live(no, time_limit, Due::TalkedTooLong(no));
        self.answered_outside(no);
    }

    /// Nobody picked up in time.
    pub(super) fn rang_too_long(&mut self, no: LegNo) {
        let Some(leg) = self.leg(no).filter(|leg| leg.state == State::Ringing) else { return };
        let retry = leg.outbound().is_none_or(|outbound| outbound.retry_on_timeout);
        let cause = match (self.settings.switches.ring_timeout_cause, retry) {
            (RingTimeoutCause::Documented, false) | (RingTimeoutCause::NoAnswer, _) => "no_answer",
            (RingTimeoutCause::Documented, true) | (RingTimeoutCause::Timeout, _) => "timeout",
        };
        self.end(no, End { cause, source: "unknown", sip: "487" }, By::Limit);
    }

    /// The longest a leg may last is over.
    pub(super) fn talked_too_long(&mut self, no: LegNo) {
        self.end(no, End { cause: "time_limit", source: "unknown", sip: "200" }, By::Limit);
    }

    /// The person on this leg hangs up.
    pub(super) fn person_leaves(&mut self, no: LegNo) {
        let Some(leg) = self.live(no) else { return };
        let source = if leg.incoming() { "caller" } else { "callee" };
        let end = if leg.state == State::Answered {
            End { cause: "normal_clearing", source, sip: "200" }
        } else {
            End { cause: "originator_cancel", source, sip: "487" }
        };
        self.end(no, end, By::Person);
    }

    /// A conversation is over: whoever ends it hangs up.
    pub(super) fn talk_over(&mut self, no: LegNo, talk: u32) {
        if self.leg(no).is_some_and(|leg| leg.peer.is_some() && leg.talk == talk) {
            self.person_leaves(no);
        }
    }

    /// A conversation between these two begins, if one of them is a caller: it will end as his script says.
    pub(super) fn talk_begins(&mut self, a: LegNo, b: LegNo) {
        let call_of = |no| {
            let leg = self.leg(no)?;
            leg.call.filter(|_| leg.incoming())
        };
        let Some((caller, other, call)) =
            call_of(a).map(|call| (a, b, call)).or_else(|| call_of(b).map(|call| (b, a, call)))
        else {
            return;
        };
        let Some(talk) = self.call(call).map(|call| call.script.talk) else { return };
        let leaves = match talk.ends {
            Side::Caller => caller,
            Side::Callee => other,
        };
        let Some(number) = self.leg(leaves).map(|leg| leg.talk) else { return };
        self.while_live(leaves, talk.lasts, Due::TalkOver { leg: leaves, talk: number });
    }
}
