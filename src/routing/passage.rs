//! A way through the steps, told by the lines passed: `routes.yaml:41 ring -> no_answer -> :43 say -> end`.

use super::ways::Led;

/// The most places of a way that are told.
const MOST: usize = 12;

/// A place on a way, and what leads on from it.
pub(super) struct Passage {
    pub line: u32,
    pub does: String,
    pub led: Led,
}

/// The way, from the first place to the last; with `end`, what leads on from there is told too.
pub(super) fn told(file: &str, way: &[Passage], end: bool) -> String {
    let mut text = String::new();
    for (index, Passage { line, does, led }) in way.iter().enumerate() {
        let file = if index == 0 { file } else { "" };
        // The middle of a long way tells least.
        let cut = way.len() > MOST && (MOST / 2..way.len() - MOST / 2).contains(&index);
        if cut && index == MOST / 2 {
            text.push_str("... -> ");
        }
        if cut {
            continue;
        }
        text.push_str(&format!("{file}:{line} {does}"));
        if index + 1 == way.len() && !end {
            break;
        }
        text.push_str(" -> ");
        if *led != Led::Done {
            text.push_str(&format!("{led} -> "));
        }
    }
    if end { text + "end" } else { text }
}

#[cfg(test)]
mod tests {
    use super::super::rules::Outcome;
    use super::*;

    fn way(lines: std::ops::RangeInclusive<u32>) -> Vec<Passage> {
        lines.map(|line| Passage { line, does: "say".into(), led: Led::Done }).collect()
    }

    #[test]
    fn a_way_names_what_led_on() {
        let ring = Passage { line: 41, does: "ring".into(), led: Led::Outcome(Outcome::NoAnswer) };
        let way: Vec<Passage> = std::iter::once(ring).chain(way(43..=43)).collect();
        assert_eq!(told("routes.yaml", &way, true), "routes.yaml:41 ring -> no_answer -> :43 say -> end");
        assert_eq!(told("routes.yaml", &way, false), "routes.yaml:41 ring -> no_answer -> :43 say");
    }

    #[test]
    fn the_middle_of_a_long_way_is_left_out() {
        assert_eq!(told("r", &way(1..=12), true).matches("say").count(), 12);
        let long = told("r", &way(1..=40), true);
        assert!(long.starts_with("r:1 say -> :2 say") && long.ends_with(":39 say -> :40 say -> end"), "{long}");
        assert_eq!((long.matches("say").count(), long.matches("...").count()), (12, 1), "{long}");
    }
}
