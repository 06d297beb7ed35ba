//! When a notice to a system that is not Telnyx leaves, and how long it rests.
//!
//! None of what holds for commands holds here: a notice may come twice, in any order, and nobody waits for it. So it has
//! places of its own, few for each host, so that one that is silent keeps no other back. One that was not taken is given
//! back to the database until its pause is over, and costs nothing meanwhile; how long that is follows from its age.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use crate::call::{CommandId, Refusal, Verdict};

/// The longest one try may take: a lease covers it.
pub const TRY: Duration = Duration::from_secs(5);
/// How long after it was decided a notice is told again and again.
pub const PATIENCE: Duration = Duration::from_secs(3600);
/// The pause after the first try, doubled with its age.
const SHORTEST_REST: Duration = Duration::from_secs(1);
/// The longest pause.
const LONGEST_REST: Duration = Duration::from_secs(300);

/// How many are told to one host at once.
const AT_ONCE: usize = 4;
/// How many wait for one of those places; whatever is beyond is given back.
const WAITING: usize = 64;

/// What follows from a try.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum After {
    /// It has its outcome.
    Settles(Verdict),
    /// It is given back for so long, and then told again.
    Rests(Duration),
}

/// What follows from a try of a notice that was decided so long ago, by the status of the answer, if there was one. What
/// is not wanted is not told again; what could not be taken is, for an hour.
pub fn after(status: Option<u16>, age: Option<Duration>) -> After {
    let refused = |why| After::Settles(Verdict::Refused { why, code: code(status) });
    match status {
        Some(200..=299) => After::Settles(Verdict::accepted()),
        None | Some(408 | 425 | 429 | 500..=599) => match rest(age) {
            Some(pause) => After::Rests(pause),
            None => refused(Refusal::Unavailable),
        },
        Some(_) => refused(Refusal::Invalid),
    }
}

/// What is said of an answer, or that there was none.
pub fn code(status: Option<u16>) -> String {
    status.map_or("no answer".to_owned(), |status| status.to_string())
}

/// How long a notice that was not taken rests, so long after it was decided: as long again. `None`: it is given up. Where
/// nobody can say how old it is, it is told on.
fn rest(age: Option<Duration>) -> Option<Duration> {
    let Some(age) = age else { return Some(LONGEST_REST) };
    let pause = age.clamp(SHORTEST_REST, LONGEST_REST);
    (age + pause < PATIENCE).then_some(pause)
}

/// How long a notice that found no place rests: it is not given up for that.
pub fn put_off(age: Option<Duration>) -> Duration {
    age.unwrap_or_default().clamp(SHORTEST_REST, LONGEST_REST)
}

/// Who is being told, and what waits for it.
#[derive(Clone, Debug, Default)]
pub struct Places(BTreeMap<String, Host>);

#[derive(Clone, Debug, Default)]
struct Host {
    told: BTreeSet<CommandId>,
    waiting: VecDeque<CommandId>,
}

/// What becomes of a notice that is to be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// It is told now.
    Now,
    /// It waits for its turn.
    Waits,
    /// It is here already.
    Twice,
    /// There is no place for it.
    Full,
}

impl Places {
    /// A notice is to be told.
    pub fn enter(&mut self, host: &str, id: CommandId) -> Place {
        let host = self.0.entry(host.to_owned()).or_default();
        if host.told.contains(&id) || host.waiting.contains(&id) {
            Place::Twice
        } else if host.told.len() < AT_ONCE {
            host.told.insert(id);
            Place::Now
        } else if host.waiting.len() < WAITING {
            host.waiting.push_back(id);
            Place::Waits
        } else {
            Place::Full
        }
    }

    /// A notice leaves its place: whose turn it is now.
    pub fn leave(&mut self, name: &str, id: CommandId) -> Option<CommandId> {
        let host = self.0.get_mut(name)?;
        host.told.remove(&id);
        let next = host.waiting.pop_front();
        host.told.extend(next);
        if host.told.is_empty() {
            self.0.remove(name);
        }
        next
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::super::courier::LEASE;
    use super::*;

    fn id(no: usize) -> CommandId {
        CommandId(Uuid::from_u128(no as u128))
    }

    #[test]
    fn pauses_double_and_end_within_the_hour() {
        let (mut age, mut pauses) = (Duration::from_millis(50), Vec::new());
        while let Some(pause) = rest(Some(age)) {
            pauses.push(pause.as_secs());
            age += pause;
        }
        assert_eq!(pauses[..10], [1, 1, 2, 4, 8, 16, 33, 67, 134, 268]);
        assert!(pauses[10..].iter().all(|pause| *pause == 300) && pauses.len() == 20, "{pauses:?}");
        assert!(age < PATIENCE && age + LONGEST_REST >= PATIENCE);
        assert_eq!(rest(Some(2 * PATIENCE)), None);
        assert_eq!(rest(None), Some(LONGEST_REST));
        assert!(TRY < LEASE);
    }

    #[test]
    fn answers_are_taken_refused_or_come_again() {
        let refused = |why, code: &str| After::Settles(Verdict::Refused { why, code: code.into() });
        for status in [200, 202, 204, 299] {
            assert_eq!(after(Some(status), None), After::Settles(Verdict::accepted()), "{status}");
        }
        for status in [301, 302, 400, 401, 404, 410, 422, 600] {
            let code = status.to_string();
            assert_eq!(after(Some(status), Some(TRY)), refused(Refusal::Invalid, &code), "{status}");
        }
        for status in [408, 425, 429, 500, 503, 599] {
            assert_eq!(after(Some(status), Some(TRY)), After::Rests(TRY), "{status}");
            assert_eq!(after(Some(status), Some(PATIENCE)), refused(Refusal::Unavailable, &status.to_string()));
        }
        assert_eq!(after(None, Some(TRY)), After::Rests(TRY));
        assert_eq!(after(None, Some(PATIENCE)), refused(Refusal::Unavailable, "no answer"));
    }

    #[test]
    fn one_host_keeps_no_other_back() {
        let mut places = Places::default();
        let entered: Vec<Place> = (0..70).map(|no| places.enter("silent", id(no))).collect();
        assert!(entered[..4].iter().all(|place| *place == Place::Now));
        assert!(entered[4..68].iter().all(|place| *place == Place::Waits));
        assert_eq!(entered[68..], [Place::Full, Place::Full]);
        assert_eq!(places.enter("other", id(100)), Place::Now);
        assert_eq!([0, 67].map(|no| places.enter("silent", id(no))), [Place::Twice, Place::Twice]);
        assert_eq!(places.leave("silent", id(2)), Some(id(4)));
        assert_eq!(places.enter("silent", id(68)), Place::Waits);
        (5..=68).for_each(|no| assert_eq!(places.leave("silent", id(no - 1)), Some(id(no))));
        (0..200).for_each(|no| {
            let _ = places.leave("silent", id(no));
        });
        assert_eq!(places.leave("other", id(100)), None);
        assert!(places.0.is_empty());
    }
}
