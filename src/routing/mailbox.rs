//! `voicemail`: where callers leave messages.

use std::time::Duration;

use super::hook::Hook;
use super::prompt::Prompt;

/// Where a caller leaves a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mailbox {
    /// Its name; empty where it is written in its place.
    pub name: String,
    /// What he hears first.
    pub greeting: Option<Prompt>,
    /// Whether a beep tells him when to speak.
    pub beep: bool,
    /// The longest his message may last.
    pub max_length: Duration,
    /// Who is told of it.
    pub notify: Vec<Hook>,
}
