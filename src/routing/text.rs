//! Texts that are spoken: words with `{caller}` and `{called}` in them, and nothing else.

use std::time::Duration;

use super::problem::short;
use crate::phone::Party;

/// Time per character of a text, slowly spoken.
const PER_CHARACTER: Duration = Duration::from_millis(80);
/// The same for scripts in which a character is a syllable or a word: Chinese, Japanese, Korean.
const PER_SYLLABLE: Duration = Duration::from_millis(300);
/// The first character of those scripts.
const SYLLABLES: char = '\u{2e80}';
/// How many characters a number has at most: fifteen digits, spelled.
const NUMBER: usize = 29;

/// A text with its placeholders found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Text(Vec<Piece>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Words(String),
    Caller,
    Called,
}

impl Text {
    /// Finds the placeholders of a text.
    ///
    /// # Errors
    /// A brace that is not closed, or a name that no text knows; the message says which.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut pieces = Vec::new();
        let mut rest = text;
        while let Some((words, after)) = rest.split_once('{') {
            if !words.is_empty() {
                pieces.push(Piece::Words(words.to_owned()));
            }
            let (name, after) = after.split_once('}').ok_or("`{` is never closed with `}`")?;
            pieces.push(match name.trim() {
                "caller" => Piece::Caller,
                "called" => Piece::Called,
                "position" | "holiday" => return Err(format!("this version does not have `{{{name}}}` yet")),
                tag if tag.starts_with("tag.") => return Err("this version does not have `{tag.x}` yet".to_owned()),
                other => return Err(format!("a text knows {{caller}} and {{called}}, not {{{}}}", short(other))),
            });
            rest = after;
        }
        if !rest.is_empty() {
            pieces.push(Piece::Words(rest.to_owned()));
        }
        Ok(Self(pieces))
    }

    /// How many characters it has at most, once it is rendered with numbers.
    pub fn longest(&self) -> usize {
        let length = |piece: &Piece| match piece {
            Piece::Words(words) => words.chars().count(),
            Piece::Caller | Piece::Called => NUMBER,
        };
        self.0.iter().map(length).sum()
    }

    /// How long it takes to speak at most, to a caller who calls from a number.
    pub fn lasts(&self) -> Duration {
        let number = PER_CHARACTER.saturating_mul(u32::try_from(NUMBER).unwrap_or(u32::MAX));
        let lasts = |piece: &Piece| match piece {
            Piece::Words(words) => spoken(words),
            Piece::Caller | Piece::Called => number,
        };
        self.0.iter().map(lasts).sum()
    }

    /// The text as this call hears it. Numbers are spelled, so that they are read digit by digit.
    pub fn render(&self, from: &Party, to: &Party) -> String {
        self.0
            .iter()
            .map(|piece| match piece {
                Piece::Words(words) => words.clone(),
                Piece::Caller => spelled(from),
                Piece::Called => spelled(to),
            })
            .collect()
    }
}

/// How long a text takes to speak at most.
pub fn spoken(text: &str) -> Duration {
    text.chars().map(|c| if c < SYLLABLES { PER_CHARACTER } else { PER_SYLLABLE }).sum()
}

fn spelled(party: &Party) -> String {
    match party {
        Party::Number(number) => {
            let digits: Vec<String> = number.as_str().chars().skip(1).map(String::from).collect();
            digits.join(" ")
        }
        Party::Withheld => "a withheld number".to_owned(),
        Party::Sip(text) | Party::Other(text) => text.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_knows_its_placeholders_and_no_others() {
        let text = Text::parse("Call from {caller}.").unwrap();
        let from = Party::read("+12025550100");
        assert_eq!(text.render(&from, &Party::Withheld), "Call from 1 2 0 2 5 5 5 0 1 0 0.");
        assert!(Text::parse("{name}").unwrap_err().contains("{name}"));
        assert!(Text::parse("{caller").is_err());
    }

    #[test]
    fn a_number_counts_as_long_as_it_can_be() {
        let text = Text::parse("Call from {caller}.").unwrap();
        let longest = Party::read("+123456789012345");
        let rendered = text.render(&longest, &Party::Withheld);
        assert_eq!((rendered.chars().count(), spoken(&rendered)), (text.longest(), text.lasts()));
    }
}
