//! An event that cannot be decided, as it would be if `decide` had a bug: its call hears of the fault in its place. The
//! hall does the same; what is played here is what becomes of the call.

use super::stage::{Job, Play, Then};
use crate::call::{CallId, CommandId, Event, EventId, Verdict, What};
use crate::hall::locate;

impl Play {
    /// Makes a fault of what was handed in alone, if it is drawn and would be decided for a call that is there. Gives back
    /// the outcome that is written all the same, if it was one.
    pub(super) fn spoils(&mut self, jobs: &mut [Job]) -> Option<(CallId, CommandId, Verdict)> {
        let [Job { arrival, then }] = jobs else { return None };
        if self.trouble.faults == 0 || self.faulty.f64() >= self.trouble.fault || matches!(then, Then::Nothing) {
            return None;
        }
        let loaded = self.memory.load(std::slice::from_ref(arrival));
        let id = locate(arrival, &loaded.calls, &loaded.index)?;
        let call = loaded.calls.get(&id).filter(|_| !loaded.seen.contains_key(&arrival.key))?;
        let settled = match &arrival.event.what {
            What::Due { version } if *version != call.version => return None,
            What::Settled(settled) => Some((id, settled.command, settled.verdict.clone())),
            What::Leg { .. } | What::Due { .. } | What::Fault { .. } => None,
        };
        self.trouble.faults -= 1;
        self.diary.count("us.fault");
        self.diary.upset(Some(id), self.now, self.now);
        let event = arrival.event.id.clone();
        self.diary.spoiled.insert(event.0.clone());
        let what = What::Fault { event: event.clone(), who: None };
        arrival.event = Event { id: EventId::fault(id, &event), at: None, what };
        arrival.call = Some(id);
        settled
    }
}
