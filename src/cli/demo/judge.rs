//! Whether a call came to what it must: the simulator's ledger says what happened, whatever we think of it.

use std::collections::BTreeSet;
use std::time::Duration;

use super::program::{Ending, Expect, LONGEST_DELAY};
use crate::sim::{CallOutcome, End};

/// The longest a phone may ring on after its caller has left: two seconds, and as long as the news may be delayed.
const OUTLIVE: Duration = Duration::from_secs(2).saturating_add(LONGEST_DELAY);
/// The longest an answered caller may hear nothing while nothing goes wrong.
const SILENCE: Duration = Duration::from_secs(5);

/// Everything that is not as it must be; nothing if all is well.
pub fn judge(expect: &Expect, outcome: &CallOutcome) -> Vec<String> {
    let mut wrong = Vec::new();
    let end = outcome.end.map(ending);
    if end != Some(expect.end) {
        let was = end.map_or("it did not end", Ending::word);
        wrong.push(format!("expected: {}; was: {was}", expect.end.word()));
    }
    if outcome.bridged_to != expect.talks_with {
        wrong.push(format!("expected to talk with {}; was {}", list(&expect.talks_with), list(&outcome.bridged_to)));
    }
    let heard = outcome.heard.len() == expect.hears.len()
        && outcome.heard.iter().zip(&expect.hears).all(|(heard, words)| heard.contains(words));
    if !heard {
        wrong.push(format!("expected to hear {}; was {}", list(&expect.hears), list(&outcome.heard)));
    }
    let rang: BTreeSet<&String> =
        outcome.rings.iter().filter(|ring| ring.rang.is_some()).map(|ring| &ring.target).collect();
    if rang != expect.rings.iter().collect() {
        wrong.push(format!("expected to ring {}; was {}", list(&expect.rings), list(rang)));
    }
    for ring in outcome.rings.iter().filter(|ring| ring.answered.is_none() && ring.outlived > OUTLIVE) {
        wrong.push(format!("{} rang on for {:.1?} after the caller had left", ring.target, ring.outlived));
    }
    for silence in outcome.silences.iter().filter(|silence| silence.lasts() > SILENCE) {
        wrong.push(format!("the caller heard nothing for {:.1?}", silence.lasts()));
    }
    if outcome.most_effects > 1 {
        wrong.push(format!("a command took effect {} times", outcome.most_effects));
    }
    wrong
}

/// How a caller's leg ended, in the words of the program.
pub fn ending(end: End) -> Ending {
    match end {
        End::Rejected(_) => Ending::Rejected,
        End::GaveUp => Ending::GivesUp,
        End::CallerLeft => Ending::Leaves,
        End::CalleeLeft => Ending::IsLeft,
        End::HungUp | End::Limit => Ending::HungUp,
    }
}

fn list<T: AsRef<str>>(texts: impl IntoIterator<Item = T>) -> String {
    let texts: Vec<String> = texts.into_iter().map(|text| format!("“{}”", text.as_ref())).collect();
    if texts.is_empty() { "nothing".to_owned() } else { texts.join(", ") }
}
