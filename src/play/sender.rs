//! Commands on their way: the lanes say when, the network takes its time, the world answers.

use std::time::Duration;

use super::agenda::{Due, between, later};
use super::judge::LONGEST_GATHER;
use super::stage::{Job, Play, Then};
use super::trouble::Step;
use crate::call::{CommandId, Event, EventId, Kind, Settled, Verdict, What};
use crate::hall::{Arrival, Move, courier};
use crate::sim::Reply;
use crate::telnyx::answer::{Hints, Reading, read};
use crate::telnyx::request::Method;

impl Play {
    /// Commands that are kept may leave. False: that was the end of this node.
    pub(super) fn post(&mut self, ids: &[CommandId]) -> bool {
        let node = self.memory.node;
        for id in ids {
            let Some(slip) = self.memory.row(*id).map(|row| row.slip(*id)) else { continue };
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
        let Some(row) = self.memory.row(id) else { return };
        let call = row.call;
        // After a restart of the machine nobody can say.
        let known = row.first_sent_at >= self.booted;
        let age = known.then(|| between(row.first_sent_at, self.now));
        match self.lanes.next(id, age) {
            None => {}
            Some(Move::Settle(verdict)) => self.settle(id, verdict),
            Some(Move::Wait(pause)) => {
                let at = later(self.now, pause);
                self.diary.upset(Some(call), self.now, at);
                self.agenda.add(at, Due::Rested(id));
            }
            Some(Move::Send { .. }) if self.crashes(Step::BeforeSend) => {}
            Some(Move::Send { again }) => {
                self.memory.renew(id, self.now);
                self.diary.count(if again { "request.again" } else { "request.first" });
                let way = self.way();
                self.tries += 1;
                self.flying.insert(id, (self.tries, self.now));
                self.agenda.add(later(self.now, way), Due::Reach(id, self.tries));
                // A word that comes before has been heard by then, and this one is not.
                let nothing = Reading::Again { after: None, code: "no answer".to_owned() };
                self.agenda.add(later(self.now, courier::TRY), Due::Hear(id, self.tries, nothing));
                self.crashes(Step::AfterSend);
            }
        }
    }

    /// How long a request is on its way.
    fn way(&mut self) -> Duration {
        if self.rng.f64() < self.trouble.slow {
            self.diary.count("us.slow");
            return Duration::from_millis(self.rng.u64(500..=9_000));
        }
        Duration::from_micros(self.rng.u64(5_000..=60_000))
    }

    /// A request reaches Telnyx, whoever has sent it and whether he lives.
    pub(super) fn reach(&mut self, id: CommandId, one: u64) {
        let Some(row) = self.memory.row(id) else { return };
        let kind = row.kind;
        if let Some(at) = self.trouble.ignored.iter().position(|ignored| *ignored == kind) {
            self.trouble.ignored.remove(at);
            self.diary.count("us.ignored");
            // Of a gather that is never heard no word comes until it would be over.
            let until = if kind == Kind::Gather { later(self.now, LONGEST_GATHER) } else { self.now };
            self.diary.upset(Some(row.call), self.now, until);
            self.agenda.add(self.now, Due::Hear(id, one, read(kind, 200, Hints::default(), b"")));
            return;
        }
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
        let hints = Hints::of(header("retry-after-ms"), header("retry-after"), header("x-ratelimit-reset"));
        if self.flying.get(&id).is_some_and(|(flying, _)| *flying == one) {
            let way = Duration::from_micros(self.rng.u64(5_000..=60_000));
            self.agenda.add(later(self.now, way), Due::Hear(id, one, read(kind, status, hints, &body)));
        }
    }

    /// Word of a try, unless that try is over.
    pub(super) fn hear(&mut self, id: CommandId, one: u64, reading: Reading) {
        if self.crashes(Step::BeforeSettle) {
            return;
        }
        let Some((_, sent)) = self.flying.get(&id).filter(|(flying, _)| *flying == one).copied() else { return };
        self.flying.remove(&id);
        let call = self.memory.row(id).map(|row| row.call);
        if between(sent, self.now) > Duration::from_millis(200) {
            self.diary.upset(call, sent, self.now);
        }
        match reading {
            Reading::Verdict(verdict) => self.settle(id, verdict),
            Reading::Again { after, .. } => {
                self.diary.upset(call, sent, self.now);
                self.lanes.unanswered(id, after);
                self.go(id);
            }
        }
    }

    /// Hands the outcome of a command in.
    fn settle(&mut self, id: CommandId, verdict: Verdict) {
        let Some(row) = self.memory.row(id) else { return };
        let (call, kind, leg) = (row.call, row.kind, row.leg);
        self.diary.count(&format!("verdict.{}", verdict.word()));
        let event = EventId::settled(id, verdict.word());
        let what = What::Settled(Settled { command: id, kind, leg, verdict });
        let arrival = Arrival::own(call, Event { id: event, at: None, what });
        self.hand_in(Job { arrival, then: Then::Settled(id) });
    }
}
