//! Tabs before the first word of a line. YAML forbids some of them and reads others as part of a text; both
//! surprise, so here all are errors.

use super::node::Spot;

/// The first line that is indented with a tab and has content, outside the `texts`: spans of lines that belong to
/// a text in quotes or a block, first line not counted, in the order of the file.
pub(super) fn first_tab(text: &str, texts: &[(u32, u32)], file: u16) -> Option<Spot> {
    let mut texts = texts.iter().peekable();
    for (line, content) in (1..).zip(split(text)) {
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

/// Lines as YAML counts them: they end with CR LF, LF or CR.
fn split(text: &str) -> impl Iterator<Item = &str> {
    text.split('\n').flat_map(|line| line.strip_suffix('\r').unwrap_or(line).split('\r'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(text: &str, texts: &[(u32, u32)]) -> Option<(u32, u32)> {
        first_tab(text, texts, 0).map(|at| (at.line, at.column))
    }

    #[test]
    fn a_tab_counts_only_before_words() {
        assert_eq!(line("a:\n \tb: 1", &[]), Some((2, 2)));
        assert_eq!(line("a:\tb\n\t\n\t# note\n", &[]), None);
        assert_eq!(line("a: 1\r\tb: 2\r\n", &[]), Some((2, 1)));
    }

    #[test]
    fn texts_of_several_lines_may_have_tabs() {
        assert_eq!(line("a: |\n  x\n \ty\nb: \"\n\tz\"\n\tc: 1", &[(1, 3), (4, 5)]), Some((6, 1)));
    }
}
