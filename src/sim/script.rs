//! What people do: who calls when, how long he waits, who picks up and how.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::fmt::serde::unsigned_duration::friendly::compact::{optional, required};
use serde::{Deserialize, Serialize};

/// One call from outside and everybody in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Script {
    /// What the ledger calls it.
    pub name: String,
    /// When it begins, after the start of the schedule.
    #[serde(default, with = "required")]
    pub at: Duration,
    /// The caller: a number or a SIP address.
    pub from: String,
    /// The number he calls.
    pub to: String,
    /// How long he waits for somebody to talk with before he hangs up; three minutes unless said.
    #[serde(default = "three_minutes", with = "required")]
    pub patience: Duration,
    /// How his conversations go.
    #[serde(default)]
    pub talk: Talk,
    /// What happens when a number or address is rung: first time, second time; the last one repeats.
    /// `*` stands for all others; who is not listed lets it ring.
    #[serde(default)]
    pub callees: BTreeMap<String, Vec<Callee>>,
    /// What the caller presses when he is asked for keys: the first time, the second time; then nothing more.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub presses: Vec<Press>,
    /// What he says when he is recorded: the first time, the second time; then he stays on and says nothing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub messages: Vec<Message>,
}

/// What a caller says when he is recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Message {
    /// How long he speaks before he hangs up.
    #[serde(with = "required")]
    pub lasts: Duration,
}

/// A key that a caller presses.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Press {
    /// How long after he was asked, whether he hears it to its end or not.
    #[serde(with = "required")]
    pub after: Duration,
    /// `0` to `9`, `*` or `#`.
    pub key: char,
}

/// How a conversation goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Talk {
    /// How long it lasts.
    #[serde(with = "required")]
    pub lasts: Duration,
    /// Who hangs up.
    pub ends: Side,
}

/// A side of a conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    /// The caller.
    Caller,
    /// The one who was rung.
    Callee,
}

/// What somebody who is rung does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Callee {
    /// Picks up.
    Answers {
        /// After ringing so long.
        #[serde(with = "required")]
        after: Duration,
        /// And hangs up so long after that, whatever happens.
        #[serde(default, with = "optional", skip_serializing_if = "Option::is_none")]
        hangs_up_after: Option<Duration>,
    },
    /// Picks up and is gone at once.
    Vanishes {
        /// After ringing so long.
        #[serde(with = "required")]
        after: Duration,
    },
    /// Is on the phone.
    Busy {
        /// Said after so long.
        #[serde(with = "required")]
        after: Duration,
    },
    /// Turns the call away.
    Declines {
        /// After ringing so long.
        #[serde(with = "required")]
        after: Duration,
    },
    /// Lets it ring.
    RingsOut,
    /// Does not exist.
    NotFound {
        /// Said after so long.
        #[serde(with = "required")]
        after: Duration,
    },
    /// Cannot be reached: the network gives up.
    Fails {
        /// Said after so long.
        #[serde(with = "required")]
        after: Duration,
    },
    /// The dial or transfer itself is refused.
    Refused {
        /// HTTP status, 400 to 499.
        status: u16,
        /// Code of the error: `10016`, or a D-code like `D38`.
        code: String,
    },
}

impl Script {
    /// A call by `from` to `to`, with three minutes of patience, that talks for a minute and hangs up himself.
    pub fn call(name: &str, from: &str, to: &str) -> Self {
        Self {
            name: name.to_owned(),
            at: Duration::ZERO,
            from: from.to_owned(),
            to: to.to_owned(),
            patience: three_minutes(),
            talk: Talk::default(),
            callees: BTreeMap::new(),
            presses: Vec::new(),
            messages: Vec::new(),
        }
    }

    /// The same call, begun `at` after the start of the schedule.
    #[must_use]
    pub fn at(mut self, at: Duration) -> Self {
        self.at = at;
        self
    }

    /// The same call with another patience.
    #[must_use]
    pub fn patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// The same call with other conversations.
    #[must_use]
    pub fn talk(mut self, lasts: Duration, ends: Side) -> Self {
        self.talk = Talk { lasts, ends };
        self
    }

    /// The same call, in which `target` does this the next time he is rung.
    #[must_use]
    pub fn callee(mut self, target: &str, does: Callee) -> Self {
        self.callees.entry(target.to_owned()).or_default().push(does);
        self
    }

    /// The same call, in which the caller presses this key the next time he is asked for one.
    #[must_use]
    pub fn press(mut self, after: Duration, key: char) -> Self {
        self.presses.push(Press { after, key });
        self
    }

    /// The same call, in which the caller speaks for so long the next time he is recorded, and hangs up.
    #[must_use]
    pub fn message(mut self, lasts: Duration) -> Self {
        self.messages.push(Message { lasts });
        self
    }

    /// Whether it says what happens when `target` is rung.
    pub(super) fn knows(&self, target: &str) -> bool {
        self.callees.contains_key(target) || self.callees.contains_key("*")
    }

    /// What `target` does when he is rung for the time `attempt`, counted from 0.
    pub fn does(&self, target: &str, attempt: usize) -> Callee {
        let listed = self.callees.get(target).or_else(|| self.callees.get("*"));
        listed.and_then(|does| does.get(attempt).or(does.last())).cloned().unwrap_or(Callee::RingsOut)
    }
}

impl Callee {
    /// Picks up after ringing for `after`, and stays.
    pub fn answers(after: Duration) -> Self {
        Self::Answers { after, hangs_up_after: None }
    }

    /// Its word in counters.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Answers { .. } => "answers",
            Self::Vanishes { .. } => "vanishes",
            Self::Busy { .. } => "busy",
            Self::Declines { .. } => "declines",
            Self::RingsOut => "rings_out",
            Self::NotFound { .. } => "not_found",
            Self::Fails { .. } => "fails",
            Self::Refused { .. } => "refused",
        }
    }

    /// How long it rings before he does anything; `None` if he never does.
    pub(super) fn rings_for(&self) -> Option<Duration> {
        match self {
            Self::Answers { after, .. }
            | Self::Vanishes { after }
            | Self::Busy { after }
            | Self::Declines { after }
            | Self::NotFound { after }
            | Self::Fails { after } => Some(*after),
            Self::RingsOut | Self::Refused { .. } => None,
        }
    }
}

impl Default for Talk {
    fn default() -> Self {
        Self { lasts: Duration::from_secs(60), ends: Side::Caller }
    }
}

fn three_minutes() -> Duration {
    Duration::from_secs(180)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_script_is_read_from_json() {
        let read: Script = serde_json::from_str(
            r#"{
                "name": "busy first", "at": "2s", "from": "+12025550142", "to": "+12025550100", "patience": "1m",
                "talk": {"lasts": "30s", "ends": "callee"},
                "callees": {
                    "+12025550101": [{"busy": {"after": "1s"}}, {"answers": {"after": "3s"}}],
                    "*": ["rings_out"]
                }
            }"#,
        )
        .unwrap();
        let built = Script::call("busy first", "+12025550142", "+12025550100")
            .at(2 * SECOND)
            .patience(60 * SECOND)
            .talk(30 * SECOND, Side::Callee)
            .callee("+12025550101", Callee::Busy { after: SECOND })
            .callee("+12025550101", Callee::answers(3 * SECOND))
            .callee("*", Callee::RingsOut);
        assert_eq!(read, built);
        let again: Script = serde_json::from_str(&serde_json::to_string(&built).unwrap()).unwrap();
        assert_eq!(again, built);
    }

    #[test]
    fn a_word_nobody_knows_is_refused() {
        let text = r#"{"name": "x", "from": "+1", "to": "+2", "patient": "1m"}"#;
        assert!(serde_json::from_str::<Script>(text).unwrap_err().to_string().contains("patient"));
    }

    #[test]
    fn the_last_behaviour_repeats_and_strangers_let_it_ring() {
        let script =
            Script::call("x", "+1", "+2").callee("a", Callee::Busy { after: SECOND }).callee("a", Callee::RingsOut);
        assert_eq!(script.does("a", 0), Callee::Busy { after: SECOND });
        assert_eq!(script.does("a", 7), Callee::RingsOut);
        assert_eq!(script.does("b", 0), Callee::RingsOut);
    }
}
