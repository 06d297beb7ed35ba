//! Menus: what a caller hears, which keys he may press, and where each leads.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::rules::{Place, Play, Say, StepId};

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

/// A text or audio.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Prompt {
    /// It is spoken.
    Say(Say),
    /// It is played.
    Play(Play),
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

/// A key of a phone.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Key(char);

impl Key {
    /// Every key of a phone. The one that ends an input elsewhere comes first.
    pub const ALL: [Self; 12] = [
        Self('#'),
        Self('*'),
        Self('0'),
        Self('1'),
        Self('2'),
        Self('3'),
        Self('4'),
        Self('5'),
        Self('6'),
        Self('7'),
        Self('8'),
        Self('9'),
    ];

    /// The key that sends this tone: `0` to `9`, `*`, `#`.
    pub fn of(tone: char) -> Option<Self> {
        Self::ALL.into_iter().find(|key| key.0 == tone)
    }

    /// Reads a key as a routing file has it: `0` to `9`, `star`, `pound`.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|key| key.to_string() == word)
    }

    /// The tone it sends.
    pub fn tone(self) -> char {
        self.0
    }
}

impl Menu {
    /// A key that leads nowhere here.
    pub fn free_key(&self) -> Option<Key> {
        Key::ALL.into_iter().find(|key| !self.keys.contains_key(key))
    }

    /// The first steps its keys lead to.
    pub fn firsts(&self) -> impl Iterator<Item = StepId> {
        self.keys.values().filter_map(|choice| match choice.leads {
            Leads::To(first) => Some(first),
            Leads::Again => None,
        })
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            '*' => f.write_str("star"),
            '#' => f.write_str("pound"),
            digit => write!(f, "{digit}"),
        }
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
