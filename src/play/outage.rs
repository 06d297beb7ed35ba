//! Telnyx is out of order for some time: as a whole, or for some kinds of command.

use super::agenda::{Due, between, later};
use super::stage::Play;
use super::trouble::{Manner, Outage};
use crate::call::{CommandId, Kind};
use crate::telnyx::answer::{Hints, Pulse, Reading, read};

impl Play {
    /// What is wrong now with commands of a kind.
    fn outage(&self, kind: Kind) -> Option<Outage> {
        let since = between(self.begin, self.now);
        self.trouble.outage.filter(|it| (it.at..it.at + it.lasts).contains(&since) && it.of.contains(&kind))
    }

    /// Whether a try gets nowhere. Then its sender hears what there is to hear.
    pub(super) fn fails(&mut self, id: CommandId, one: u64) -> bool {
        let Some(kind) = self.memory.row(id).map(|row| row.kind) else { return false };
        let Some(Outage { how, .. }) = self.outage(kind) else { return false };
        self.diary.count("us.outage");
        self.diary.count(&format!("us.outage.{}", how.word()));
        let (status, hints) = match how {
            Manner::Refuses => {
                let none = Reading::Again { perhaps: false, after: None, code: "no connection".to_owned() };
                self.agenda.add(self.now, Due::Hear(id, one, none, Pulse::default()));
                return true;
            }
            Manner::Hangs => return true,
            Manner::HangsDone => return false,
            Manner::Fails => (503, Hints::default()),
            Manner::TooMany { after } => {
                let after = after.map(|secs| secs.to_string());
                (429, Hints::of(None, after.as_deref(), None, None))
            }
        };
        let at = later(self.now, self.way());
        self.agenda.add(at, Due::Hear(id, one, read(kind, status, hints, b""), hints.pulse(status)));
        true
    }

    /// Whether nobody is told what becomes of a command of a kind.
    pub(super) fn is_silent(&self, kind: Kind) -> bool {
        self.outage(kind).is_some_and(|outage| outage.how == Manner::HangsDone)
    }
}
