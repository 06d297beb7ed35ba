//! The lines of a text: where they end, and tabs before the first word of one. YAML forbids some of these tabs and reads
//! others as part of a text; both surprise, so here all are errors.

use std::borrow::Cow;

use super::node::Spot;

/// A text whose lines all end with LF. YAML has CR LF and CR as well, of which the parser does not count all.
pub(super) fn with_line_feeds(text: &str) -> Cow<'_, str> {
    if text.contains('\r') { Cow::Owned(text.replace("\r\n", "\n").replace('\r', "\n")) } else { Cow::Borrowed(text) }
}

/// How long each line is, in characters.
#[derive(Default)]
pub(super) struct Lines(Vec<u32>);

impl Lines {
    pub fn of(text: &str) -> Self {
        Self(text.lines().map(|line| u32::try_from(line.chars().count()).unwrap_or(u32::MAX - 1)).collect())
    }

    /// The place that people see: the parser may stand behind the end of a line, or on one after the last.
    pub fn within(&self, at: Spot) -> Spot {
        let (last, length) = (u32::try_from(self.0.len()).unwrap_or(u32::MAX).max(1), self.length(at.line));
        match length {
            Some(length) => Spot { column: at.column.min(length + 1), ..at },
            None => Spot { line: last, column: self.length(last).unwrap_or(0) + 1, ..at },
        }
    }

    fn length(&self, line: u32) -> Option<u32> {
        usize::try_from(line).ok().and_then(|line| self.0.get(line.checked_sub(1)?)).copied()
    }
}

/// The first line that is indented with a tab and has content, outside the `texts`: spans of lines that belong to
/// a text in quotes or a block, first line not counted, in the order of the file.
pub(super) fn first_tab(text: &str, texts: &[(u32, u32)], file: u16) -> Option<Spot> {
    let mut texts = texts.iter().peekable();
    for (line, content) in (1..).zip(text.lines()) {
        let lead = content.trim_start_matches([' ', '\t']);
        let Some(column) = content.chars().take(content.len() - lead.len()).position(|c| c == '\t') else { continue };
        if lead.is_empty() || lead.starts_with('#') {
            continue;
        }
        while texts.peek().is_some_and(|(_, last)| *last < line) {
            texts.next();
        }
        if texts.peek().is_none_or(|(first, _)| *first >= line) {
            let column = u32::try_from(column).unwrap_or(u32::MAX - 1) + 1;
            return Some(Spot { file, line, column });
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(text: &str, texts: &[(u32, u32)]) -> Option<(u32, u32)> {
        first_tab(&with_line_feeds(text), texts, 0).map(|at| (at.line, at.column))
    }

    #[test]
    fn a_tab_counts_only_before_words() {
        assert_eq!(line("a:\n \tb: 1", &[]), Some((2, 2)));
        assert_eq!(line("a:\tb\n\t\n\t# note\n", &[]), None);
        assert_eq!(line("a: 1\r\tb: 2\r\n", &[]), Some((2, 1)));
    }

    #[test]
    fn a_place_is_one_that_is_there() {
        let lines = Lines::of("ab\n\ncdé\n");
        let within = |line, column| {
            let at = lines.within(Spot { file: 0, line, column });
            (at.line, at.column)
        };
        assert_eq!([within(1, 1), within(1, 3), within(1, 9)], [(1, 1), (1, 3), (1, 3)]);
        assert_eq!([within(2, 7), within(3, 9), within(4, 1), within(9, 1)], [(2, 1), (3, 4), (3, 4), (3, 4)]);
        assert_eq!(Lines::of("").within(Spot { file: 0, line: 1, column: 1 }), Spot { file: 0, line: 1, column: 1 });
    }

    #[test]
    fn texts_of_several_lines_may_have_tabs() {
        assert_eq!(line("a: |\n  x\n \ty\nb: \"\n\tz\"\n\tc: 1", &[(1, 3), (4, 5)]), Some((6, 1)));
    }
}
