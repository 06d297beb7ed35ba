//! What a caller hears: texts and audio.

use super::text::Text;

/// What `say` speaks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Say {
    /// The text, with its placeholders.
    pub text: Text,
    /// The voice, in Telnyx' naming.
    pub voice: String,
    /// The language tag, for voices that want one.
    pub language: Option<String>,
}

/// What `play` plays.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Play {
    /// Address of a WAV or MP3 file.
    pub url: String,
}

/// A text or audio.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Prompt {
    /// It is spoken.
    Say(Say),
    /// It is played.
    Play(Play),
}
