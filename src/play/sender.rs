//! Commands on their way: the lanes say when, the network takes its time, the world answers.

use std::time::Duration;

use jiff::Timestamp;

use super::agenda::{Due, between, later};
use super::diary::Try;
use super::stage::{Job, Play, Then};
use super::trouble::Step;
use crate::call::{CommandId, Event, EventId, Kind, Refusal, Settled, Verdict, What};
use crate::hall::courier::{self, Miss};
use crate::hall::{Arrival, Holder, Leave, Move, Teller, Turn, Wish, asks_before_sending, holds, leave, teller};
use crate::sim::Reply;
use crate::telnyx::answer::{Hints, Pulse, Reading, read};
use crate::telnyx::request::Method;

impl Play {
    /// Commands that are kept may leave. False: that was the end of this node.
    pub(super) fn post(&mut self, ids: &[CommandId]) -> bool {
        let node = self.memory.node;
        for id in ids {
            let Some(slip) = self.memory.row(*id).map(|row| row.slip(*id)) else { continue };
            if slip.kind == Kind::Notify {
                self.announce(*id);
                if self.memory.node != node {
                    return false;
                }
                continue;
            }
            let Some(begun) = self.lanes.accept(slip) else { continue };
            for void in begun.void {
                self.settle(void, Verdict::Void);
            }
            for id in begun.go {
                self.go(id);
                if self.memory.node != node {
                    return false;
                }
            }
        }
        true
    }

    /// A command that has its turn: what is done with it now.
    pub(super) fn go(&mut self, id: CommandId) {
        let age = self.age(id);
        let next = self.lanes.next(id, age);
        self.follow(id, next);
    }

    /// Lets a pause pass. Nobody is to take the command over meanwhile.
    fn rest(&mut self, id: CommandId, left: Duration) {
        let nap = courier::nap(left);
        if !self.covers(id, nap) && self.hold(id) == Holder::Another {
            return self.lost(id);
        }
        self.agenda.add(later(self.now, nap), Due::Rested(id, left.saturating_sub(nap)));
    }

    /// Some of the pause before a command's next try is over, or all of it.
    pub(super) fn rested(&mut self, id: CommandId, left: Duration) {
        if !left.is_zero() {
            return self.rest(id, left);
        }
        let age = self.age(id);
        let next = self.lanes.rested(id, age);
        self.follow(id, next);
    }

    /// Time since the first byte of a command may have been sent. After a restart of the machine nobody can say.
    pub(super) fn age(&self, id: CommandId) -> Option<Duration> {
        let row = self.memory.row(id).filter(|row| row.first_sent_at >= self.booted)?;
        Some(between(row.first_sent_at, self.now))
    }

    fn follow(&mut self, id: CommandId, next: Option<Move>) {
        match next {
            None => {}
            Some(Move::Settle(verdict)) => self.settle(id, verdict),
            Some(Move::Wait(pause)) => {
                self.rest(id, pause);
            }
            Some(Move::Send { patience, fresh, .. }) => {
                let Some(row) = self.memory.row(id) else { return };
                let now = self.clock(self.now);
                let (kind, born) = (row.kind, self.clock(row.first_sent_at));
                self.pace.ask(Wish { id, kind, born, until: patience.map(|patience| now + patience), fresh });
                self.asked.insert(id, self.now);
            }
        }
    }

    /// Time as the pace has it.
    fn clock(&self, at: Timestamp) -> Duration {
        between(Timestamp::UNIX_EPOCH, at)
    }

    /// Lets everything leave whose turn it is.
    pub(super) fn pump(&mut self) {
        self.pace.share(self.trouble.nodes);
        let now = self.clock(self.now);
        while let Some(turn) = self.pace.next(now) {
            let (Turn::Go(id) | Turn::Refused(id, _)) = turn;
            let asked = self.asked.remove(&id).filter(|asked| *asked < self.now);
            if let Some(asked) = asked {
                self.diary.count("pace.waited");
                self.diary.upset(self.memory.row(id).map(|row| row.call), asked, self.now);
            }
            match turn {
                Turn::Go(id) => self.leave(id),
                Turn::Refused(id, why) => {
                    self.diary.count(&format!("pace.refused: {why}"));
                    self.diary.upset(self.memory.row(id).map(|row| row.call), self.now, self.now);
                    self.give_up(id, why);
                }
            }
        }
        if let Some(at) = self.pace.wake_at() {
            let at = later(Timestamp::UNIX_EPOCH, at);
            if self.agenda.next().is_none_or(|next| at < next) {
                self.agenda.add(at, Due::Pace);
            }
        }
    }

    fn leave(&mut self, id: CommandId) {
        let age = self.age(id);
        match self.lanes.leaves(id, age) {
            Some(Move::Send { again, .. }) => match self.stopped(id).filter(|_| !again) {
                Some(why) => {
                    self.pace.free(id);
                    self.diary.count("us.stopped");
                    let verdict = self.lanes.stop(id, why);
                    verdict.into_iter().for_each(|verdict| self.settle(id, verdict));
                }
                None => self.send(id, again),
            },
            Some(Move::Settle(verdict)) => {
                self.pace.free(id);
                self.settle(id, verdict);
            }
            Some(Move::Wait(_)) | None => self.pace.free(id),
        }
    }

    fn stopped(&self, id: CommandId) -> Option<&'static str> {
        let row = self.memory.row(id)?;
        self.gate.shuts(row.kind, &row.request.destination())
    }

    fn give_up(&mut self, id: CommandId, why: &str) {
        if let Some(verdict) = self.lanes.give_up(id, why) {
            self.settle(id, verdict);
        }
    }

    /// Sends a command once, if it is ours to send.
    fn send(&mut self, id: CommandId, again: bool) {
        let Some(row) = self.memory.row(id) else { return };
        let (call, leg, kind, taken_over) = (row.call, row.leg, row.kind, row.taken_over);
        let asks = asks_before_sending(again, taken_over, self.covers(id, courier::TRY));
        let holder = if asks { self.hold(id) } else { Holder::Us };
        match leave(kind, self.age(id), holder) {
            Leave::GiveUp(why) => {
                self.pace.free(id);
                self.diary.count("request.given_up");
                self.give_up(id, why);
            }
            Leave::Lost => {
                self.pace.free(id);
                self.lost(id);
            }
            Leave::Not(miss) => {
                self.pace.free(id);
                self.lanes.missed(id, miss);
                self.go(id);
            }
            Leave::Go if self.crashes(Step::BeforeSend) => {}
            Leave::Go => {
                self.diary.count(if again { "request.again" } else { "request.first" });
                let way = self.way();
                self.tries += 1;
                self.diary.tries.push(Try { at: between(self.begin, self.now), call, leg, kind });
                self.flying.insert(id, (self.tries, self.now));
                self.agenda.add(later(self.now, way), Due::Reach(id, self.tries));
                // A word that comes before has been heard by then, and this one is not.
                let nothing = Reading::Again { perhaps: true, after: None, code: "no answer".to_owned() };
                self.agenda.add(later(self.now, courier::TRY), Due::Hear(id, self.tries, nothing, Pulse::default()));
                if !self.crashes(Step::AfterSend) {
                    self.cut_off(id);
                }
            }
        }
    }

    pub(super) fn covers(&self, id: CommandId, span: Duration) -> bool {
        self.memory.row(id).is_some_and(|row| later(self.now, span) < row.lease_until)
    }

    fn hold(&mut self, id: CommandId) -> Holder {
        Holder::of(Some(self.memory.renew(id, self.now)), false)
    }

    /// A command is another's now: what waits behind it has its turn.
    fn lost(&mut self, id: CommandId) {
        self.diary.count("us.lost");
        if let Some(next) = self.lanes.settled(id) {
            self.go(next);
        }
    }

    /// How long a request is on its way.
    pub(super) fn way(&mut self) -> Duration {
        if self.rng.f64() < self.trouble.slow {
            self.diary.count("us.slow");
            return Duration::from_millis(self.rng.u64(500..=9_000));
        }
        Duration::from_micros(self.rng.u64(5_000..=60_000))
    }

    /// A request reaches Telnyx, whoever has sent it and whether he lives.
    pub(super) fn reach(&mut self, id: CommandId, one: u64) {
        if self.fails(id, one) {
            return;
        }
        let Some(row) = self.memory.row(id).filter(|_| !self.is_swallowed(id, one)) else { return };
        let (call, kind) = (row.call, row.kind);
        if let Some(at) = self.trouble.ignored.iter().position(|ignored| *ignored == kind) {
            self.trouble.ignored.remove(at);
            self.diary.count("us.ignored");
            let hints = Hints::default();
            self.diary.ignored.insert(id);
            self.diary.upset(Some(row.call), self.now, self.now);
            self.agenda.add(self.now, Due::Hear(id, one, read(kind, 200, hints, b""), hints.pulse(200)));
            return;
        }
        let Some(row) = self.memory.row(id) else { return };
        let method = match row.request.method {
            Method::Get => "GET",
            Method::Post => "POST",
        };
        let caller = self.memory.caller(row.call);
        let on_behalf =
            self.calls.iter().copied().find(|no| caller.is_some_and(|handle| self.world.caller(*no) == Some(handle)));
        self.world.on_behalf_of(on_behalf);
        let reply = self.world.request(self.now, method, &row.request.path, &row.request.body);
        let Ok(Reply { status, headers, body }) = reply else { return };
        let header = |name| headers.iter().find(|(key, _)| *key == name).map(|(_, value)| value.as_str());
        let hints = Hints::of(
            header("retry-after-ms"),
            header("retry-after"),
            header("x-ratelimit-reset"),
            header("x-ratelimit-remaining"),
        );
        if self.flying.get(&id).is_some_and(|(flying, _)| *flying == one)
            && !self.is_unheard(id, one)
            && !self.is_silent(kind)
        {
            let way = Duration::from_micros(self.rng.u64(5_000..=60_000));
            let reading = read(kind, status, hints, &body).about(call);
            self.agenda.add(later(self.now, way), Due::Hear(id, one, reading, hints.pulse(status)));
        }
    }

    /// Word of a try, unless that try is over.
    pub(super) fn hear(&mut self, id: CommandId, one: u64, reading: Reading, pulse: Pulse) {
        if self.crashes(Step::BeforeSettle) {
            return;
        }
        let Some((_, sent)) = self.flying.get(&id).filter(|(flying, _)| *flying == one).copied() else { return };
        self.flying.remove(&id);
        self.pace.heard(id, pulse.answers, pulse.hold, self.clock(self.now));
        let call = self.memory.row(id).map(|row| row.call);
        if between(sent, self.now) > Duration::from_millis(200) {
            self.diary.upset(call, sent, self.now);
        }
        match reading {
            Reading::Verdict(verdict) => self.settle(id, verdict),
            Reading::Again { perhaps, after, code } => {
                // For as long as Telnyx wants to be left alone, nothing can be had of it.
                self.diary.upset(call, sent, later(self.now, after.unwrap_or_default()));
                self.lanes.missed(id, Miss { perhaps, after, code });
                self.go(id);
            }
        }
    }

    /// Hands the outcome of a command in.
    pub(super) fn settle(&mut self, id: CommandId, verdict: Verdict) {
        let Some(row) = self.memory.row(id) else { return };
        let (call, kind, leg) = (row.call, row.kind, row.leg);
        let ours = holds(&verdict) || self.covers(id, Duration::ZERO);
        match teller(if ours { Holder::Us } else { self.hold(id) }) {
            Teller::Us => {}
            Teller::Another | Teller::Later => return self.lost(id),
        }
        self.diary.count(&format!("verdict.{}", verdict.word()));
        if matches!(verdict, Verdict::Refused { why: Refusal::Unavailable, .. }) {
            self.diary.count("verdict.unavailable");
        }
        let event = EventId::settled(id, verdict.word());
        let what = What::Settled(Settled { command: id, kind, leg, verdict });
        let arrival = Arrival::own(call, Event { id: event, at: None, what });
        self.hand_in(Job { arrival, then: Then::Settled(id) });
    }
}
