//! A commit of which nobody knows whether it came about: the database says nothing, and has written it or not.

use std::time::Duration;

use super::agenda::{Due, later};
use super::stage::{Job, Play, Then};
use crate::call::What;
use crate::hall::Post;
use crate::hall::courier::LEASE;

/// How soon an outcome is handed in again.
const OUTCOME_AGAIN: Duration = Duration::from_millis(20);
/// How soon a deadline that is still due is rung for again.
const DEADLINE_AGAIN: Duration = Duration::from_millis(200);
/// How often commands are looked for whose lease is over, in milliseconds.
const LOOKS: u64 = 500;

impl Play {
    /// Whether nothing is heard of this commit; if so, whether it came about.
    pub(super) fn doubts(&mut self) -> Option<bool> {
        if self.trouble.doubts == 0 || self.doubtful.f64() >= self.trouble.doubt {
            return None;
        }
        self.trouble.doubts -= 1;
        let written = self.doubtful.bool();
        self.diary.count(if written { "commit.lost_word" } else { "commit.lost" });
        Some(written)
    }

    /// What was written commands something, and whoever would send it does not know: it is found once its lease is over.
    pub(super) fn orphan(&mut self, posts: &[Post]) {
        if posts.is_empty() {
            return;
        }
        let found = later(self.now, LEASE + Duration::from_millis(self.doubtful.u64(1..LOOKS)));
        posts.iter().for_each(|post| self.diary.upset(Some(post.call), self.now, found));
        self.agenda.add(found, Due::Lapse);
    }

    /// Whoever handed something in is told that it is not kept, as far as anybody knows.
    pub(super) fn is_not_kept(&mut self, jobs: Vec<Job>) {
        for Job { arrival, then } in jobs {
            if arrival.call.is_some() {
                self.diary.upset(arrival.call, self.now, self.now);
            }
            match (then, arrival.event.what) {
                (Then::Answer(delivery), _) => self.world.delivered(delivery, Some(503), self.now),
                (Then::Settled(id), What::Settled(settled)) => {
                    self.agenda.add(later(self.now, OUTCOME_AGAIN), Due::Settle(id, settled.verdict));
                }
                (Then::Rung(call, version), _) => {
                    self.agenda.add(later(self.now, DEADLINE_AGAIN), Due::Ring(call, version));
                }
                (Then::Settled(_) | Then::Nothing, _) => {}
            }
        }
    }
}
