//! Notices on their way to systems that are not Telnyx, as the engine tells them, and those systems: they take a notice,
//! or do not, and note it.

use std::time::Duration;

use serde_json::Value;

use super::agenda::{Due, between, later};
use super::diary::Heard;
use super::stage::Play;
use super::trouble::{Ill, Step};
use crate::call::{CommandId, Refusal, Verdict};
use crate::hall::notices::{self, Place};
use crate::outside::notices::{Answer, read};
use crate::routing::Hook;

impl Play {
    /// A notice is to be told.
    pub(super) fn announce(&mut self, id: CommandId) {
        match self.places.enter(&self.host(id), id) {
            Place::Now => self.tell(id),
            Place::Waits | Place::Twice => {}
            Place::Full => self.give_back(id, notices::put_off(self.age(id))),
        }
    }

    fn host(&self, id: CommandId) -> String {
        let url = self.memory.row(id).map(|row| row.request.path.clone()).unwrap_or_default();
        Hook { url }.host().to_owned()
    }

    fn tell(&mut self, id: CommandId) {
        if self.crashes(Step::BeforeSend) {
            return;
        }
        let again = self.diary.heard.iter().any(|heard| heard.id == id.to_string());
        self.diary.count(if again { "notice.again" } else { "notice.first" });
        self.tries += 1;
        self.telling.insert(id, self.tries);
        let way = self.way();
        self.agenda.add(later(self.now, way), Due::Told(id, self.tries));
        self.agenda.add(later(self.now, notices::TRY), Due::Heard(id, self.tries, None));
        self.crashes(Step::AfterSend);
    }

    /// A notice reaches whoever it is for, whether whoever sent it lives or not.
    pub(super) fn told(&mut self, id: CommandId, one: u64) {
        let host = self.host(id);
        let ill = self.trouble.ills.iter().find(|ill| ill.host == host).filter(|ill| {
            let since = between(self.begin, self.now);
            (ill.at..ill.at.saturating_add(ill.lasts)).contains(&since)
        });
        let how = ill.map(|ill| ill.how);
        if let Some(how) = how {
            self.diary.count(how.word());
        }
        let (status, wait) = match how {
            None => (Some(204), self.way()),
            Some(Ill::Dead) => return self.agenda.add(self.now, Due::Heard(id, one, None)),
            Some(Ill::Hangs) => return,
            Some(Ill::Fails) => (Some(500), self.way()),
            Some(Ill::Gone) => (Some(410), self.way()),
            Some(Ill::Slow) => (Some(200), Duration::from_millis(self.rng.u64(500..9_000))),
            Some(Ill::LosesAnswers) => (None, notices::TRY),
        };
        let taken = status.is_none_or(|status| status < 300);
        self.note(id, taken);
        self.agenda.add(later(self.now, wait), Due::Heard(id, one, status));
    }

    /// Whoever is told reads for himself what he is sent.
    fn note(&mut self, id: CommandId, taken: bool) {
        let Some(row) = self.memory.row(id) else { return };
        let body: Value = serde_json::from_slice(&row.request.body).unwrap_or_default();
        let text = |name: &str| body.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        let (id, kind, call) = (text("id"), text("type"), text("call"));
        self.diary.heard.push(Heard { at: self.now, url: row.request.path.clone(), id, kind, call, taken });
    }

    /// The answer to a try, or that there is none, unless that try is over.
    pub(super) fn answered(&mut self, id: CommandId, one: u64, status: Option<u16>) {
        if self.telling.get(&id) != Some(&one) || self.crashes(Step::BeforeSettle) {
            return;
        }
        self.telling.remove(&id);
        let code = status.map_or("no answer".to_owned(), |status| status.to_string());
        match (status.map_or(Answer::Again, read), notices::rest(self.age(id))) {
            (Answer::Taken, _) => self.settle(id, Verdict::accepted()),
            (Answer::Again, Some(pause)) => self.give_back(id, pause),
            (Answer::Again, None) => {
                self.diary.count("notice.given_up");
                self.settle(id, Verdict::Refused { why: Refusal::Unavailable, code });
            }
            (Answer::Refused, _) => {
                self.diary.count("notice.refused");
                self.settle(id, Verdict::Refused { why: Refusal::Invalid, code });
            }
        }
        self.next_in_line(id);
    }

    /// A place is free. Whoever waited for longer than its lease is left to whoever takes it over.
    fn next_in_line(&mut self, id: CommandId) {
        let (host, mut left) = (self.host(id), id);
        while let Some(next) = self.places.leave(&host, left) {
            if self.covers(next, notices::TRY) {
                return self.tell(next);
            }
            let over = self.memory.row(next).map_or(self.now, |row| row.lease_until);
            self.agenda.add(over.max(self.now), Due::Lapse);
            left = next;
        }
    }

    /// It is nobody's until its pause is over, and then whoever's takes it over first.
    fn give_back(&mut self, id: CommandId, rests: Duration) {
        self.diary.count("notice.rests");
        let until = later(self.now, rests);
        self.memory.lease(id, until);
        self.agenda.add(until, Due::Lapse);
    }
}
