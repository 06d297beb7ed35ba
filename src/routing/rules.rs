//! What a routing file becomes once it is read: steps that name the step after them.
//!
//! A list of steps, the steps under `on:` and those under `do:` are one flat table here. Each step knows where
//! every outcome of it leads, so whoever walks the rules needs no stack and can keep its place as one number.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::condition::Condition;
use super::hook::Hook;
use super::mailbox::Mailbox;
use super::outbound::Outbound;
use super::prompt::{Play, Prompt, Say};
use crate::phone::{Key, Number, Party, Target};

/// A routing file with all it includes, read and found good.
#[derive(Clone, Debug)]
pub struct Rules {
    /// Names this version: a hash over the file, its included files and the values it takes from outside.
    pub hash: RulesHash,
    /// Names of the file and its included files; [`Place::file`] is an index into it.
    pub files: Vec<String>,
    /// Our numbers, and where their calls begin.
    pub numbers: BTreeMap<Number, Entry>,
    /// The `"*"` line: where calls to any other number begin.
    pub rest: Option<Entry>,
    /// Where each route begins.
    pub routes: BTreeMap<String, Route>,
    /// Every step of every route.
    pub steps: Vec<Step>,
    /// What holds where a step does not say otherwise.
    pub defaults: Defaults,
    /// Where we may dial.
    pub outbound: Outbound,
}

/// A version of the rules, by its SHA-256 in lower-case hex.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RulesHash(pub String);

/// Where the calls of a number begin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The route's name.
    pub route: String,
    /// Its first step.
    pub first: StepId,
    /// The line under `numbers:`.
    pub at: Place,
    /// Who is told of a call that nobody talked with.
    pub on_missed: Vec<Hook>,
}

/// Where a route begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Route {
    /// Its first step.
    pub first: StepId,
    /// The line of its name.
    pub at: Place,
}

/// A step's index in [`Rules::steps`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct StepId(pub u32);

/// A line of a routing file, for whoever wants to know why.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Place {
    /// Index into [`Rules::files`]; 0 is the routing file itself.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub file: u16,
    /// Line, from 1.
    pub line: u32,
}

/// One step: what is done, and where it leads.
#[derive(Clone, Debug)]
pub struct Step {
    /// The line it stands on.
    pub at: Place,
    /// The guard; a step whose guard does not hold is passed over.
    pub when: Option<Condition>,
    /// What is done.
    pub action: Action,
    /// Where an outcome named under `on:` leads.
    pub on: BTreeMap<Outcome, StepId>,
    /// Where any other outcome leads; `None`: the list ends here.
    pub next: Option<StepId>,
}

/// What a step does.
#[derive(Clone, Debug)]
pub enum Action {
    /// Picks up.
    Answer,
    /// Speaks a text.
    Say(Say),
    /// Plays audio from an address.
    Play(Play),
    /// Rings one party or several, and joins the first to take the call: `dial` and `ring`.
    Ring(Ring),
    /// Gives the caller away: Telnyx dials and joins.
    Transfer(Transfer),
    /// Lets the caller choose by a key.
    Menu(Menu),
    /// Takes a message.
    Voicemail(Mailbox),
    /// Turns the caller away without answering.
    Reject(RejectWith),
    /// Ends the call.
    Hangup,
    /// Goes on at the first step of a route.
    Goto {
        /// The route's name.
        route: String,
        /// Its first step.
        first: StepId,
    },
    /// Goes on at the first step of a group.
    Do {
        /// The group's first step.
        first: StepId,
    },
}

/// How a step can end without the caller being connected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The party's line was busy.
    Busy,
    /// Nobody took the call in time.
    NoAnswer,
    /// The party turned the call away.
    Declined,
    /// The party could not be reached at all.
    Failed,
    /// The last key pressed in a menu leads nowhere.
    Invalid,
    /// A menu was heard as often as it may be, and nothing was chosen.
    Exhausted,
}

/// Who is rung, and how. Groups are flattened to this before anything is dialled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ring {
    /// Which key of the file asked for it.
    pub asked: RingAsked,
    /// Those to ring, at least one, in the order of the file.
    pub members: Vec<Member>,
    /// All at once or one after the other.
    pub order: Order,
    /// The longest the whole step may ring; `None`: until each member had its time.
    pub timeout: Option<Duration>,
    /// Which number the parties see.
    pub caller_id: CallerId,
}

/// Which key asked for a ring: outcomes of a single dial are told more exactly.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RingAsked {
    /// `dial:` one party.
    Dial,
    /// `ring:` a named group.
    Group(String),
    /// `ring:` a list in place.
    List,
}

/// One to be rung.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// The person's name, or the number or address itself.
    pub name: String,
    /// Where it rings.
    pub target: Target,
    /// How long after the step began it starts to ring. Nothing in a sequence.
    pub delay: Duration,
    /// How long it rings.
    pub ring_for: Duration,
}

/// The order in which members ring.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// All at once, each after its delay.
    Simultaneous,
    /// One after the other.
    Sequential,
}

/// Where a caller is given away to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transfer {
    /// The person's name, or the number or address itself.
    pub name: String,
    /// Where it rings.
    pub target: Target,
    /// How long it rings.
    pub ring_for: Duration,
    /// Which number the party sees.
    pub caller_id: CallerId,
}

/// What `menu` does: a caller hears the greeting and presses a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Menu {
    /// Its name; empty where it is written in its place.
    pub name: String,
    /// What he hears.
    pub greeting: Prompt,
    /// What each key does. At least one, and not all there are.
    pub keys: BTreeMap<Key, Choice>,
    /// How long a key is waited for once the greeting is over.
    pub timeout: Duration,
    /// How often he hears the greeting at most.
    pub tries: u8,
    /// What he hears after a key that leads nowhere.
    pub invalid: Option<Prompt>,
}

/// What a key of a menu does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Choice {
    /// The key's line.
    pub at: Place,
    /// Where it leads.
    pub leads: Leads,
}

/// Where a key leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leads {
    /// To its first step.
    To(StepId),
    /// To the greeting again, as another try.
    Again,
}

/// Which number the party rung sees.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CallerId {
    /// The caller's.
    Caller,
    /// The number the caller dialled.
    Called,
    /// This one.
    Number(Number),
}

/// What a rejected caller hears.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RejectWith {
    /// The busy tone.
    Busy,
    /// The call declined.
    Decline,
}

/// What holds where a step does not say otherwise.
#[derive(Clone, Debug)]
pub struct Defaults {
    /// Which number parties see.
    pub caller_id: CallerId,
    /// What an answered caller hears while others are rung: the address of an audio file.
    pub ringback: Option<String>,
    /// When a caller who hears phones ring unanswered is picked up to hear `ringback`, from when he called.
    pub answer_after: Duration,
    /// Voice of `say`, in Telnyx' naming.
    pub voice: String,
    /// Language of `say`.
    pub language: Option<String>,
    /// How long a party rings.
    pub timeout: Duration,
    /// The longest a call may last.
    pub max_call: Duration,
    /// The longest a caller may wait for somebody, audio not counted; the loader proves it.
    pub max_wait: Option<Duration>,
}

/// What holds when the file says nothing.
impl Default for Defaults {
    fn default() -> Self {
        Self {
            caller_id: CallerId::Caller,
            ringback: None,
            answer_after: Duration::from_secs(45),
            voice: "AWS.Polly.Joanna".to_owned(),
            language: None,
            timeout: Duration::from_secs(20),
            // Telnyx ends a leg before four hours are over; some minutes of that are ours, for an orderly end.
            max_call: Duration::from_secs(13_800),
            max_wait: None,
        }
    }
}

impl Rules {
    /// What stands in for a version that cannot be read back: it has no steps, so that a call which began with it is
    /// at none of them, is told that something went wrong, and is hung up. `current` gives the voice,
    /// the limits, and who is told of missed calls to a number.
    pub fn lost(hash: RulesHash, current: &Self) -> Self {
        Self {
            hash,
            files: Vec::new(),
            // Their steps are not there: a call that comes to one ends with an apology.
            numbers: current.numbers.clone(),
            rest: current.rest.clone(),
            routes: BTreeMap::new(),
            steps: Vec::new(),
            defaults: current.defaults.clone(),
            outbound: current.outbound.clone(),
        }
    }

    /// Where a call to `to` begins, if any line takes it.
    pub fn entry(&self, to: &Party) -> Option<&Entry> {
        to.number().and_then(|number| self.numbers.get(number)).or(self.rest.as_ref())
    }

    /// The step with this index.
    pub fn step(&self, id: StepId) -> Option<&Step> {
        usize::try_from(id.0).ok().and_then(|index| self.steps.get(index))
    }

    /// `FILE:LINE`, for people.
    pub fn place(&self, at: Place) -> String {
        let file = self.files.get(usize::from(at.file)).map_or("?", String::as_str);
        format!("{file}:{}", at.line)
    }
}

impl Menu {
    /// A key that leads nowhere here.
    pub fn free_key(&self) -> Option<Key> {
        Key::ALL.into_iter().find(|key| !self.keys.contains_key(key))
    }
}

impl RejectWith {
    /// Whether it is the busy tone; else the call is declined.
    pub fn is_busy(self) -> bool {
        self == Self::Busy
    }
}

fn is_zero(n: &u16) -> bool {
    *n == 0
}
