//! Commands on their way: the desk says what is to be done, the network takes its time, the world answers.

use std::time::Duration;

use jiff::Timestamp;

use super::agenda::{Due, between, later};
use super::diary::Try;
use super::stage::{Job, Play, Then};
use super::trouble::Step;
use crate::call::{CommandId, Event, EventId, Kind, Refusal, Settled, Verdict, What};
use crate::hall::courier::{self, Miss};
use crate::hall::{Act, Arrival, Done, Holder, Teller, Todo, asks_before_sending, kept_back, stands, teller};
use crate::sim::Reply;
use crate::telnyx::answer::{Hints, Pulse, Reading, read};
use crate::telnyx::request::Method;

impl Play {
    /// Commands that are kept may leave. False: that was the end of this node.
    pub(super) fn post(&mut self, ids: &[CommandId]) -> bool {
        let node = self.memory.node;
        for id in ids {
            let Some(row) = self.memory.row(*id) else { continue };
            if row.kind == Kind::Notify {
                self.announce(*id);
            } else {
                let to = if row.kind.rings() { row.request.destination() } else { String::new() };
                let first = (row.first_sent_at >= self.booted).then(|| clock(row.first_sent_at));
                self.desk.accept(row.slip(*id), first, to, clock(self.now));
                self.act();
            }
            if self.memory.node != node {
                return false;
            }
        }
        true
    }

    /// Says what came of a command, and does what follows from it.
    pub(super) fn came(&mut self, id: CommandId, done: Done) {
        match done {
            Done::Lost => self.diary.count("us.lost"),
            Done::GivenUp(_) => self.diary.count("request.given_up"),
            Done::Settles(_) | Done::Missed(_) | Done::Rested | Done::Settled => {}
        }
        self.desk.came(id, done, clock(self.now));
        self.act();
    }

    /// Lets everything leave whose turn it is.
    pub(super) fn pump(&mut self) {
        self.desk.pump(&self.gate, &self.outbound, self.trouble.nodes, clock(self.now));
        while self.act() {
            self.desk.pump(&self.gate, &self.outbound, self.trouble.nodes, clock(self.now));
        }
        if let Some(at) = self.desk.wake_at() {
            let at = later(Timestamp::UNIX_EPOCH, at);
            if self.agenda.next().is_none_or(|next| at < next) {
                self.agenda.add(at, Due::Pace);
            }
        }
    }

    /// Does what is to be done, one after the other, unless one of it is the end of this node. False: there was nothing.
    fn act(&mut self) -> bool {
        let mut acts = false;
        while let Some(Act { id, todo, waited }) = self.desk.next_act() {
            acts = true;
            let call = self.memory.row(id).map(|row| row.call);
            if !waited.is_zero() {
                self.diary.count("pace.waited");
                let since = self.now.saturating_sub(waited).unwrap_or(self.now);
                self.diary.upset(call, since, self.now);
            }
            match todo {
                Todo::Try { again } => self.send(id, again),
                Todo::Rest(nap) => self.rest(id, nap),
                Todo::Settle(verdict) => self.settle(id, verdict),
                Todo::Refuse(why, verdict) => {
                    self.diary.count(&format!("pace.refused: {why}"));
                    self.diary.upset(call, self.now, self.now);
                    self.settle(id, verdict);
                }
                Todo::Stop(why, verdict) => {
                    self.diary.count("us.stopped");
                    self.diary.count(&format!("stopped.{why}"));
                    self.settle(id, verdict);
                }
            }
        }
        acts
    }

    /// Lets a time pass. Nobody is to take the command over meanwhile.
    fn rest(&mut self, id: CommandId, nap: Duration) {
        if !self.covers(id, nap) && self.hold(id) == Holder::Another {
            return self.came(id, Done::Lost);
        }
        self.agenda.add(later(self.now, nap), Due::Rested(id));
    }

    /// Time since the first byte of a command may have been sent. After a restart of the machine nobody can say.
    pub(super) fn age(&self, id: CommandId) -> Option<Duration> {
        let row = self.memory.row(id).filter(|row| row.first_sent_at >= self.booted)?;
        Some(between(row.first_sent_at, self.now))
    }

    /// Sends a command once, if it is ours to send.
    fn send(&mut self, id: CommandId, again: bool) {
        let Some(row) = self.memory.row(id) else { return };
        let (call, leg, kind, taken_over) = (row.call, row.leg, row.kind, row.taken_over);
        let asks = asks_before_sending(again, taken_over, self.covers(id, courier::TRY));
        let holder = if asks { self.hold(id) } else { Holder::Us };
        if let Some(done) = kept_back(kind, self.age(id), holder) {
            return self.came(id, done);
        }
        if self.crashes(Step::BeforeSend) {
            return;
        }
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

    pub(super) fn covers(&self, id: CommandId, span: Duration) -> bool {
        self.memory.row(id).is_some_and(|row| later(self.now, span) < row.lease_until)
    }

    fn hold(&mut self, id: CommandId) -> Holder {
        Holder::of(Some(self.memory.renew(id, later(self.now, courier::LEASE))), false)
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
            self.world.all_calls().find(|no| caller.is_some_and(|handle| self.world.caller(*no) == Some(handle)));
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
        self.desk.heard(id, pulse.answers, pulse.hold, clock(self.now));
        let call = self.memory.row(id).map(|row| row.call);
        if between(sent, self.now) > Duration::from_millis(200) {
            self.diary.upset(call, sent, self.now);
        }
        let done = match reading {
            Reading::Verdict(verdict) => Done::Settles(verdict),
            Reading::Again { perhaps, after, code } => {
                // For as long as Telnyx wants to be left alone, nothing can be had of it.
                self.diary.upset(call, sent, later(self.now, after.unwrap_or_default()));
                Done::Missed(Miss { perhaps, after, code })
            }
        };
        self.came(id, done);
    }

    /// Hands the outcome of a command in.
    pub(super) fn settle(&mut self, id: CommandId, verdict: Verdict) {
        let Some(row) = self.memory.row(id) else { return };
        let (call, kind, leg) = (row.call, row.kind, row.leg);
        let ours = stands(&verdict) || self.covers(id, Duration::ZERO);
        match teller(if ours { Holder::Us } else { self.hold(id) }) {
            Teller::Us => {}
            Teller::Another | Teller::Later => return self.came(id, Done::Lost),
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

/// Time as the desk has it.
fn clock(at: Timestamp) -> Duration {
    between(Timestamp::UNIX_EPOCH, at)
}
