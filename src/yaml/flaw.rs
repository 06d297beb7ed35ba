//! What is wrong with a text as YAML, in words for people who do not know its grammar.

use saphyr_parser::ScanError;

use super::lines::Lines;
use super::node::Spot;

/// Something that is not good YAML, and where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Flaw {
    /// Where.
    pub at: Spot,
    /// What.
    pub message: String,
}

/// What the parser says, and what it means.
const MEANINGS: &[(&str, &str)] = &[
    (
        "mapping values are not allowed",
        "a `:` cannot stand here: put the text in quotes if the `:` belongs to it, else check the indentation",
    ),
    ("illegal placement of ':'", "a `:` cannot stand here: put the text in quotes if the `:` belongs to it"),
    (
        "did not find expected key",
        "expected a key here: the keys of a map, and the entries of a list, stand under each other",
    ),
    ("did not find expected '-'", "expected `-` here: the entries of a list stand under each other"),
    ("did not find expected ',' or '}'", "expected `,` or `}`"),
    ("expected ',' or ']'", "expected `,` or `]`"),
    ("simple key expect", "expected `:` after the key"),
    ("did not find expected node content", "expected a value here"),
    ("did not find expected <document start>", "the text does not fit here: check the indentation of this line"),
    ("invalid indentation in quoted", "the quote opened here is never closed, or its next line is not indented"),
    ("invalid indentation in flow", "the bracket opened above is never closed, or this line is not indented"),
    ("invalid indentation", "the text does not fit here: check the indentation of this line"),
    ("comment intercepting", "a comment cannot stand inside a text of several lines"),
    ("misplaced bracket", "a bracket is closed that was never opened"),
    ("block sequence entries are not allowed", "a `-` cannot stand here: begin the list on a line of its own"),
    ("found unexpected end of stream", "the quote opened here is never closed"),
    ("unclosed bracket", "the bracket opened here is never closed"),
    ("unclosed brace", "the bracket opened here is never closed"),
    ("scanning an anchor or alias", STAR),
    ("found unprintable character", "there is a character here that cannot be printed"),
    ("unknown escape character", ESCAPE),
    ("expected hexadecimal number", ESCAPE),
    ("invalid Unicode character escape", ESCAPE),
    ("tabs disallowed", TAB),
    ("tab cannot be used", TAB),
    ("cannot start with a tab", TAB),
    ("found a tab", TAB),
];

const ESCAPE: &str = "`\\` has a meaning in double quotes, and what follows it has none: use single quotes";
const STAR: &str = "a text that begins with `*` or `&` must stand in quotes, like \"*\"";

/// What is said of a tab before the first word of a line.
pub(super) const TAB: &str = "a line is indented with a tab: use spaces";

impl Flaw {
    pub(super) fn new(at: Spot, message: impl Into<String>) -> Self {
        Self { at, message: message.into() }
    }

    /// The parser's complaint, in our words.
    pub(super) fn of(error: &ScanError, file: u16, text: &str, lines: &Lines) -> Self {
        let at = lines.within(spot(error.marker(), file));
        let info = error.info();
        if info.contains("unknown anchor") {
            return Self::new(at, undefined(text, at));
        }
        if let Some((_, character)) = info.split_once("unexpected character: `") {
            let character: String = character.chars().take(1).collect();
            return Self::new(at, format!("a text that begins with `{character}` must stand in quotes"));
        }
        let meaning = MEANINGS.iter().find(|(said, _)| info.contains(said));
        Self::new(at, meaning.map_or_else(|| format!("not good YAML: {info}"), |(_, means)| (*means).to_owned()))
    }
}

/// A parser's mark as a place.
pub(super) fn spot(mark: &saphyr_parser::Marker, file: u16) -> Spot {
    let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    Spot { file, line: number(mark.line()).max(1), column: number(mark.col()).saturating_add(1) }
}

fn undefined(text: &str, at: Spot) -> String {
    let index = |n: u32| usize::try_from(n).unwrap_or(usize::MAX).saturating_sub(1);
    let name: String = text
        .lines()
        .nth(index(at.line))
        .unwrap_or_default()
        .chars()
        .skip(index(at.column).saturating_add(1))
        .take_while(|c| !c.is_whitespace() && !c.is_control() && !",]}:".contains(*c))
        .take(60)
        .collect();
    if name.is_empty() {
        return STAR.to_owned();
    }
    format!("undefined anchor `*{name}`: write `&{name}` before the thing it stands for, above this line")
}
