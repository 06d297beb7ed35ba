//! The truth: everything that happened, in order, and every command with what became of it.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

/// One call from outside, counted from 0 in the order in which they were scheduled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct CallNo(pub u32);

/// One leg, counted from 0 over all calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct LegNo(pub u32);

/// One command, counted from 0 in the order of arrival.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct CommandNo(pub u32);

/// Something that happened to a leg.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Entry {
    /// When.
    pub at: Timestamp,
    /// The session of the leg.
    pub session: Uuid,
    /// The leg.
    pub leg: LegNo,
    /// What.
    pub what: What,
}

/// What can happen to a leg.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum What {
    /// A call from outside came in.
    Arrived {
        /// The caller.
        from: String,
        /// The number called.
        to: String,
    },
    /// A dial made this leg.
    Dialled {
        /// Whom it is to ring.
        target: String,
        /// The id the dial had.
        command_id: Option<String>,
    },
    /// A transfer made this leg.
    Transferred {
        /// Whom it is to ring.
        target: String,
        /// The leg given away.
        on_behalf_of: LegNo,
    },
    /// The leg began to ring.
    Rang {
        /// At whose place.
        target: String,
    },
    /// It was answered.
    Answered,
    /// It was joined with another.
    Bridged {
        /// The other.
        with: LegNo,
    },
    /// The other end of its bridge left, and it stayed.
    Parked,
    /// A text began.
    Spoke {
        /// The text.
        text: String,
    },
    /// Audio began.
    Played {
        /// Its address or name.
        audio: String,
    },
    /// A text or audio ended.
    MediaEnded,
    /// Keys were asked for.
    Gathers,
    /// A key was pressed.
    Pressed {
        /// Which.
        key: char,
    },
    /// Keys are asked for no more.
    GatherEnded {
        /// Its status as the wire tells it.
        status: &'static str,
        /// What was pressed.
        digits: String,
    },
    /// What is said begins to be recorded.
    Records {
        /// The recording.
        recording: Uuid,
    },
    /// A recording ended.
    RecordingEnded {
        /// Which.
        recording: Uuid,
    },
    /// A recording was saved.
    RecordingSaved {
        /// Which.
        recording: Uuid,
    },
    /// It was turned away unanswered.
    Rejected {
        /// `call_rejected` or `user_busy`.
        cause: &'static str,
    },
    /// It ended.
    HungUp {
        /// The cause as the wire tells it.
        cause: &'static str,
        /// Whose doing it was.
        by: By,
    },
}

/// Whose doing the end of a leg was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum By {
    /// The person on its phone.
    Person,
    /// The other end of its bridge, by leaving.
    Peer,
    /// The one on whose behalf it rang, by leaving.
    Origin,
    /// A command.
    Command,
    /// A limit: of ringing, of talking, of waiting for the first command.
    Limit,
}

/// A command that arrived.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CommandEntry {
    /// When.
    pub at: Timestamp,
    /// `answer`, `dial`, ...
    pub verb: &'static str,
    /// The leg it was for; for a dial the new one.
    pub leg: Option<LegNo>,
    /// The path it was sent to.
    pub path: String,
    /// SHA-256 of its body, in hexadecimal digits.
    pub sha256: String,
    /// Its id.
    pub command_id: Option<String>,
    /// Whether it was ignored, its id having been used within the window.
    pub repeated: bool,
    /// Whether it was accepted and nothing was done.
    pub swallowed: bool,
    /// HTTP status of the answer; `None` if there never was one.
    pub status: Option<u16>,
    /// Code of the error, if it was refused.
    pub code: Option<String>,
    /// When it took effect; `None` if it has not.
    pub took_effect: Option<Timestamp>,
}

impl CommandEntry {
    /// A command of which nothing has come yet.
    pub(super) fn new(at: Timestamp, verb: &'static str, leg: Option<LegNo>, command_id: Option<String>) -> Self {
        let (path, sha256) = (String::new(), String::new());
        let (status, code, took_effect) = (None, None, None);
        Self { at, verb, leg, path, sha256, command_id, repeated: false, swallowed: false, status, code, took_effect }
    }
}

/// One attempt to deliver a webhook.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PostEntry {
    /// When its end was known.
    pub at: Timestamp,
    /// When what it tells of came about.
    pub occurred: Timestamp,
    /// Id of the event.
    pub event_id: Uuid,
    /// Type of the event.
    pub event_type: &'static str,
    /// The leg it tells of.
    pub leg: LegNo,
    /// Which attempt, from 1.
    pub attempt: u32,
    /// What became of it.
    pub fate: Fate,
}

/// What became of one attempt to deliver a webhook.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Fate {
    /// Taken: answered 2xx.
    Taken,
    /// Failed, to be tried again; with the status, if there was one.
    Failed(Option<u16>),
    /// Failed for good, with the status of the last attempt.
    GivenUp(Option<u16>),
    /// Lost by the network before it was sent, and never tried again.
    Dropped,
}

/// The truth.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Ledger {
    entries: Vec<Entry>,
    commands: Vec<CommandEntry>,
    posts: Vec<PostEntry>,
    effects: BTreeMap<String, u32>,
    #[serde(skip)]
    of_leg: BTreeMap<LegNo, Vec<usize>>,
    #[serde(skip)]
    commands_to: BTreeMap<LegNo, Vec<CommandNo>>,
}

impl Ledger {
    /// Everything that happened, in order.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// What happened to some legs, in order.
    pub fn of_legs(&self, legs: &[LegNo]) -> Vec<&Entry> {
        let mut at: Vec<usize> = legs.iter().filter_map(|leg| self.of_leg.get(leg)).flatten().copied().collect();
        at.sort_unstable();
        at.into_iter().filter_map(|at| self.entries.get(at)).collect()
    }

    /// Every command, in order of arrival.
    pub fn commands(&self) -> &[CommandEntry] {
        &self.commands
    }

    /// The commands that were for some legs, dials of them included.
    pub fn commands_to(&self, legs: &[LegNo]) -> impl Iterator<Item = &CommandEntry> {
        let numbers = legs.iter().filter_map(|leg| self.commands_to.get(leg)).flatten();
        numbers.filter_map(|no| self.commands.get(usize::try_from(no.0).ok()?))
    }

    /// Every attempt to deliver a webhook, in the order in which their ends were known.
    pub fn posts(&self) -> &[PostEntry] {
        &self.posts
    }

    /// How often commands with this id took effect.
    pub fn effects(&self, command_id: &str) -> u32 {
        self.effects.get(command_id).copied().unwrap_or(0)
    }

    /// The ids with which commands took effect more than once, and how often.
    pub fn doubled(&self) -> Vec<(&str, u32)> {
        self.effects.iter().filter(|(_, times)| **times > 1).map(|(id, times)| (id.as_str(), *times)).collect()
    }

    pub(super) fn enter(&mut self, entry: Entry) {
        self.of_leg.entry(entry.leg).or_default().push(self.entries.len());
        self.entries.push(entry);
    }

    pub(super) fn command(&mut self, entry: CommandEntry) -> CommandNo {
        let no = CommandNo(u32::try_from(self.commands.len()).unwrap_or(u32::MAX));
        if let Some(leg) = entry.leg {
            self.commands_to.entry(leg).or_default().push(no);
        }
        self.commands.push(entry);
        no
    }

    /// How the commands from this one on came: the path and the body of their request.
    pub(super) fn came(&mut self, first: usize, path: &str, body: &[u8]) {
        for entry in self.commands.iter_mut().skip(first) {
            path.clone_into(&mut entry.path);
            entry.sha256 = Sha256::digest(body).iter().map(|byte| format!("{byte:02x}")).collect();
        }
    }

    /// The command was accepted, and nothing will be done.
    pub(super) fn swallowed(&mut self, no: CommandNo) {
        if let Some(entry) = usize::try_from(no.0).ok().and_then(|no| self.commands.get_mut(no)) {
            entry.swallowed = true;
        }
    }

    /// The command took effect.
    pub(super) fn took(&mut self, no: CommandNo, at: Timestamp) {
        let entry = usize::try_from(no.0).ok().and_then(|no| self.commands.get_mut(no));
        let Some(entry) = entry.filter(|entry| entry.took_effect.is_none()) else { return };
        entry.took_effect = Some(at);
        if let Some(id) = &entry.command_id {
            *self.effects.entry(id.clone()).or_default() += 1;
        }
    }

    /// A dial made this leg; gives back the id the dial had.
    pub(super) fn dialled(&mut self, no: CommandNo, leg: LegNo) -> Option<String> {
        let entry = self.commands.get_mut(usize::try_from(no.0).ok()?)?;
        entry.leg = Some(leg);
        self.commands_to.entry(leg).or_default().push(no);
        entry.command_id.clone()
    }

    /// A command was answered, or, with no status, left without an answer.
    pub(super) fn answered(&mut self, no: CommandNo, status: Option<u16>, code: Option<String>) {
        if let Some(entry) = usize::try_from(no.0).ok().and_then(|no| self.commands.get_mut(no)) {
            (entry.status, entry.code) = (status, code);
        }
    }

    pub(super) fn post(&mut self, entry: PostEntry) {
        self.posts.push(entry);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn command(id: &str) -> CommandEntry {
        CommandEntry::new(Timestamp::UNIX_EPOCH, "dial", None, Some(id.to_owned()))
    }

    #[test]
    fn one_command_takes_effect_once_and_two_of_one_id_twice() {
        let mut ledger = Ledger::default();
        let (first, second) = (ledger.command(command("a")), ledger.command(command("a")));
        ledger.took(first, Timestamp::UNIX_EPOCH);
        ledger.took(first, Timestamp::UNIX_EPOCH);
        assert_eq!((ledger.effects("a"), ledger.doubled()), (1, vec![]));
        ledger.took(second, Timestamp::UNIX_EPOCH);
        assert_eq!(ledger.doubled(), [("a", 2)]);
        assert_eq!(ledger.effects("b"), 0);
    }
}
