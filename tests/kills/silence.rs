//! No caller who was picked up is left in silence: not for 5 s, nor for 12 s after the last thing that went wrong for his
//! call. What went wrong is known: whoever drives the run tells when servers or their surroundings were out of order, and
//! the simulator's ledger has every command that met a fault, and every webhook that came late or not at all.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::Timestamp;
use switchhook::sim::{CallOutcome, CommandEntry, Fate, LegNo, PostEntry, World};

/// The longest silence where nothing goes wrong.
const CALM: Duration = Duration::from_secs(5);
/// How long after the end of the last harm silence may last.
const AFTER_HARM: Duration = Duration::from_secs(12);
/// How long the sender waits for the answer to one try.
const TRY: Duration = Duration::from_secs(4);
/// News that comes later than this came late.
const IN_TIME: Duration = Duration::from_millis(200);

/// When something was out of order: from, and to.
pub type Harm = (Timestamp, Timestamp);

/// What was judged.
#[derive(Debug, Default)]
pub struct Judged {
    /// Callers who were picked up.
    pub callers: usize,
    /// Of these, those whose own commands and webhooks met nothing wrong.
    pub faultless: usize,
    /// Of these, those during whose calls nothing else was out of order either.
    pub calm: usize,
    /// The longest silence of all, and of those during whose calls nothing was out of order.
    pub longest: Duration,
    pub longest_calm: Duration,
    /// Who was left in silence for too long.
    pub broken: Vec<String>,
}

/// Judges every caller who was picked up. `calls` has our call of each command; `harms` are everybody's.
pub fn judge(world: &World, calls: &BTreeMap<String, String>, harms: &[Harm]) -> Judged {
    let book = Book::new(world, calls);
    let mut judged = Judged::default();
    for outcome in world.outcomes() {
        let Some(answered) = outcome.answered else { continue };
        let own = book.harms_of(world.legs(outcome.call));
        let ended = outcome.ended.unwrap_or(Timestamp::MAX);
        // A harm that ended long before the caller was picked up is nothing to him.
        let touches = |harm: &&Harm| harm.0 <= ended && forgotten(harm.1) >= answered;
        let all: Vec<Harm> = harms.iter().filter(touches).chain(&own).copied().collect();
        let longest = outcome.silences.iter().map(|silence| silence.lasts()).max().unwrap_or_default();
        judged.callers += 1;
        judged.longest = judged.longest.max(longest);
        judged.faultless += usize::from(own.is_empty());
        if all.is_empty() {
            judged.calm += 1;
            judged.longest_calm = judged.longest_calm.max(longest);
        }
        judged.broken.extend(too_long(&outcome, &all));
    }
    judged
}

/// The silences of a call that last too long; a harm done while one may still last gives it more time.
fn too_long(outcome: &CallOutcome, harms: &[Harm]) -> Vec<String> {
    let mut harms = harms.to_vec();
    harms.sort_unstable();
    let more =
        |until: Timestamp, (from, to): &Harm| if *from <= until { until.max(later(*to, AFTER_HARM)) } else { until };
    let until = |from| harms.iter().fold(later(from, CALM), more);
    let broken = outcome.silences.iter().filter(|silence| silence.to > until(silence.from));
    broken.map(|silence| format!("silence of {:?} in {outcome:#?}\nharms {harms:?}", silence.lasts())).collect()
}

/// Which commands and webhooks are of which leg.
struct Book<'a> {
    world: &'a World,
    /// Our call of each command.
    calls: &'a BTreeMap<String, String>,
    commands: BTreeMap<&'a str, Vec<&'a CommandEntry>>,
    posts: BTreeMap<LegNo, Vec<&'a PostEntry>>,
}

impl<'a> Book<'a> {
    fn new(world: &'a World, calls: &'a BTreeMap<String, String>) -> Self {
        let mut commands: BTreeMap<&str, Vec<&CommandEntry>> = BTreeMap::new();
        for sent in world.ledger().commands() {
            if let Some(call) = sent.command_id.as_ref().and_then(|id| calls.get(id)) {
                commands.entry(call).or_default().push(sent);
            }
        }
        let mut posts: BTreeMap<LegNo, Vec<&PostEntry>> = BTreeMap::new();
        for post in world.ledger().posts() {
            posts.entry(post.leg).or_default().push(post);
        }
        Self { world, calls, commands, posts }
    }

    /// What went wrong for a call alone: with commands of it, whether they made a leg or not, and with news of its legs.
    fn harms_of(&self, legs: &[LegNo]) -> Vec<Harm> {
        let to_legs =
            self.world.ledger().commands_to(legs).filter_map(|sent| self.calls.get(sent.command_id.as_ref()?));
        let calls: BTreeSet<&String> = to_legs.collect();
        let commands = calls.iter().filter_map(|call| self.commands.get(call.as_str())).flatten();
        let posts = legs.iter().filter_map(|leg| self.posts.get(leg)).flatten();
        commands.filter_map(|sent| self.fault(sent)).chain(posts.flat_map(|post| news(post))).collect()
    }

    fn fault(&self, sent: &CommandEntry) -> Option<Harm> {
        let in_vain = |id: &String| sent.repeated && self.world.ledger().effects(id) == 0;
        let nothing_done = sent.swallowed || sent.command_id.as_ref().is_some_and(in_vain);
        match sent.status {
            None => Some((sent.at, later(sent.at, TRY))),
            // Telnyx asks to be left alone for a second.
            Some(429) => Some((sent.at, later(sent.at, Duration::from_secs(1)))),
            Some(408 | 500..) => Some((sent.at, sent.at)),
            Some(_) => nothing_done.then_some((sent.at, sent.at)),
        }
    }
}

/// The two moments of news that came late or not at all: that at which it was missed, and that of the attempt.
fn news(post: &PostEntry) -> Vec<Harm> {
    let late = post.at.duration_since(post.occurred).unsigned_abs() > IN_TIME;
    if post.fate == Fate::Taken && !late {
        return Vec::new();
    }
    vec![(post.occurred, post.occurred), (post.at, post.at)]
}

/// When a harm that ended then is over for everybody.
pub fn forgotten(end: Timestamp) -> Timestamp {
    later(end, AFTER_HARM)
}

fn later(at: Timestamp, by: Duration) -> Timestamp {
    at.checked_add(by).unwrap_or(Timestamp::MAX)
}
