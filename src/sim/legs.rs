//! The life of a leg: answered, joined, left alone, ended; and what each means for the legs it hangs together with.

use std::time::Duration;

use super::agenda::{Due, Stop};
use super::ledger::{By, CommandNo, LegNo, What};
use super::leg::{Purpose, State};
use super::moment::later;
use super::switches::{
    HangupUnansweredCause, MediaAtBridge, ParkedEvent, TransferAnswersCaller, TransferBridgedOnA, TransferBridgedOnB,
    TransferOfBridged,
};
use super::wire::{End, News};
use super::world::World;

impl World {
    /// An answer takes effect.
    pub(super) fn pick_up(&mut self, no: LegNo, command: CommandNo) {
        if self.leg(no).is_none_or(|leg| leg.state != State::Ringing) {
            return;
        }
        self.ledger.took(command, self.now);
        self.set_answered(no);
        self.tell(no, &News::Answered);
    }

    /// A reject takes effect.
    pub(super) fn turn_away(&mut self, no: LegNo, end: End, command: CommandNo) {
        if self.leg(no).is_none_or(|leg| leg.state != State::Ringing) {
            return;
        }
        self.ledger.took(command, self.now);
        self.enter(no, What::Rejected { cause: end.cause });
        self.end(no, end, By::Command);
    }

    /// A hangup takes effect.
    pub(super) fn let_go(&mut self, no: LegNo, command: CommandNo) {
        let Some(leg) = self.live(no) else { return };
        let rejected = self.settings.switches.hangup_unanswered_cause == HangupUnansweredCause::CallRejected;
        // The application is the callee of a caller's leg, and the caller of those it dialled.
        let (source, answered) = (if leg.incoming() { "callee" } else { "caller" }, leg.state == State::Answered);
        let end = match (answered, leg.incoming()) {
            (true, _) => End { cause: "normal_clearing", source, sip: "200" },
            (false, true) if rejected => End { cause: "call_rejected", source, sip: "603" },
            (false, true) => End { cause: "normal_clearing", source, sip: "603" },
            (false, false) => End { cause: "originator_cancel", source, sip: "487" },
        };
        self.ledger.took(command, self.now);
        self.end(no, end, By::Command);
    }

    /// Somebody who was rung picks up.
    pub(super) fn answered_outside(&mut self, no: LegNo) {
        let Some(purpose) = self.leg(no).and_then(|leg| Some(leg.outbound()?.purpose.clone())) else { return };
        match purpose {
            Purpose::Wait => {
                self.set_answered(no);
                self.tell(no, &News::Answered);
            }
            Purpose::Join(with) => {
                self.set_answered(no);
                self.tell(no, &News::Answered);
                let free = |leg: &super::leg::Leg| leg.state == State::Answered && leg.peer.is_none();
                if self.leg(with).is_some_and(free) {
                    self.join(no, with);
                    self.tell(with, &News::Bridged);
                    self.tell(no, &News::Bridged);
                }
            }
            Purpose::Take { given, early_media } => self.take(no, given, early_media),
        }
    }

    /// The new leg of a transfer is answered: it is joined with the one given away.
    fn take(&mut self, no: LegNo, given: LegNo, early_media: bool) {
        let on_b = self.settings.switches.transfer_bridged_on_b;
        let on_a = self.settings.switches.transfer_bridged_on_a;
        if self.live(given).is_none() {
            return;
        }
        let elsewhere = self.leg(given).is_some_and(|leg| leg.peer.is_some());
        match self.settings.switches.transfer_of_bridged {
            TransferOfBridged::HangsUp | TransferOfBridged::Nothing if elsewhere => return self.take_nobody(no),
            TransferOfBridged::Takes | TransferOfBridged::HangsUp | TransferOfBridged::Nothing => {}
        }
        if early_media && on_b == TransferBridgedOnB::AtAnswer {
            self.tell(no, &News::Bridged);
        }
        if on_a == TransferBridgedOnA::BeforeAnswer {
            self.tell(given, &News::Bridged);
        }
        self.set_answered(no);
        self.tell(no, &News::Answered);
        if self.leg(given).is_some_and(|leg| leg.state == State::Ringing) {
            self.set_answered(given);
            if self.settings.switches.transfer_answers_caller == TransferAnswersCaller::Event {
                self.tell(given, &News::Answered);
            }
        }
        self.join(given, no);
        if on_b == TransferBridgedOnB::AfterAnswer || !early_media {
            self.tell(no, &News::Bridged);
        }
        if on_a == TransferBridgedOnA::AfterAnswer {
            self.tell(given, &News::Bridged);
        }
    }

    /// The new leg of a transfer is answered, and the one given away talks with another.
    fn take_nobody(&mut self, no: LegNo) {
        self.set_answered(no);
        self.tell(no, &News::Answered);
        if self.settings.switches.transfer_of_bridged == TransferOfBridged::HangsUp {
            self.end(no, End { cause: "normal_clearing", source: "unknown", sip: "200" }, By::Peer);
        }
    }

    fn set_answered(&mut self, no: LegNo) {
        let now = self.now;
        let Some(leg) = self.leg_mut(no) else { return };
        leg.state = State::Answered;
        leg.answered = Some(now);
        self.enter(no, What::Answered);
        self.goes_through(no);
    }

    /// A bridge command takes effect.
    pub(super) fn join_by_command(&mut self, no: LegNo, with: LegNo, parks: bool, command: CommandNo) {
        let answered = |no| self.leg(no).is_some_and(|leg| leg.state == State::Answered);
        if !answered(no) || !answered(with) {
            return;
        }
        self.ledger.took(command, self.now);
        if let Some(leg) = self.leg_mut(no) {
            leg.parks = parks;
        }
        self.join(no, with);
        self.tell(no, &News::Bridged);
        self.tell(with, &News::Bridged);
    }

    /// Joins two answered legs, taking each out of the bridge it was in. Tells nobody.
    fn join(&mut self, a: LegNo, b: LegNo) {
        for (no, with) in [(a, b), (b, a)] {
            let old = self.leg_mut(no).and_then(|leg| {
                leg.talk += 1;
                leg.peer.replace(with)
            });
            if let Some(old) = old.filter(|old| *old != with) {
                self.left_alone(old, "unknown");
            }
        }
        for (no, with) in [(a, b), (b, a)] {
            self.enter(no, What::Bridged { with });
            if self.settings.switches.media_at_bridge == MediaAtBridge::Stops {
                self.stop_media(no, Stop::All);
            }
        }
        self.talk_begins(a, b);
    }

    /// The other end of its bridge is gone: a leg that parks stays, any other will be hung up.
    fn left_alone(&mut self, no: LegNo, source: &'static str) {
        let Some(leg) = self.leg_mut(no) else { return };
        leg.peer = None;
        let (parks, call) = (std::mem::take(&mut leg.parks), leg.call.filter(|_| leg.incoming()));
        if !parks {
            let at = later(self.now, self.lag(40, 120));
            self.agenda.add(at, Due::PeerLeft { leg: no, source });
            return;
        }
        self.enter(no, What::Parked);
        if self.settings.switches.parked_event == ParkedEvent::Yes {
            self.tell(no, &News::Parked);
        }
        if let Some(call) = call {
            self.wait_again(call);
        }
    }

    /// A leg whose bridge was ended by the other side is hung up, unless it was joined again meanwhile.
    pub(super) fn peer_left(&mut self, no: LegNo, source: &'static str) {
        if self.live(no).is_some_and(|leg| leg.peer.is_none()) {
            self.end(no, End { cause: "normal_clearing", source, sip: "200" }, By::Peer);
        }
    }

    /// A leg that rang on behalf of one that has left is cancelled.
    pub(super) fn origin_left(&mut self, no: LegNo) {
        if self.leg(no).is_none_or(|leg| leg.state != State::Ringing) {
            return;
        }
        self.end(no, End { cause: "originator_cancel", source: "caller", sip: "487" }, By::Origin);
    }

    /// Ends a leg, and what hangs on it: its media, its bridge, what rang on its behalf.
    pub(super) fn end(&mut self, no: LegNo, end: End, by: By) {
        if self.live(no).is_none() {
            return;
        }
        self.end_gather(no, "call_hangup");
        self.drop_media(no);
        self.end_tape_with_leg(no);
        let now = self.now;
        let Some(leg) = self.leg_mut(no) else { return };
        leg.state = State::Ended;
        leg.ended = Some(now);
        let (peer, ringing) = (leg.peer.take(), std::mem::take(&mut leg.ringing));
        let called = leg.call.filter(|_| leg.incoming());
        for timer in std::mem::take(&mut leg.timers) {
            self.agenda.remove(timer);
        }
        if let Some(call) = called {
            self.present.remove(&call);
        }
        self.enter(no, What::HungUp { cause: end.cause, by });
        self.tell(no, &News::Hangup(end));
        self.half_is_over(no, end);
        if let Some(peer) = peer {
            self.left_alone(peer, end.source);
        }
        for other in ringing {
            // Never before it has begun to ring.
            let soon = later(now, self.lag(40, 120));
            let rings = self.leg(other).map_or(now, |leg| later(leg.settled, Duration::from_millis(1)));
            self.agenda.add(soon.max(rings), Due::OriginLeft(other));
        }
    }
}
