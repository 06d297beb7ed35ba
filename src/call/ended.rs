//! Where a call is, or how it ended, in a word or two: for lists, which read no journal.

use std::collections::BTreeSet;

use super::leg::Leg;
use super::message::Came;
use super::phase::Phase;
use super::state::Call;

impl Call {
    /// Its phase; or how it ended, as far as its state tells that without the rules.
    pub fn in_short(&self) -> String {
        if !matches!(self.phase, Phase::Ended { .. }) {
            return self.phase.word().to_owned();
        }
        let came = |wanted: fn(&Came) -> bool| self.messages.iter().any(|message| wanted(&message.came));
        if self.talked {
            format!("talked with {}", self.partners())
        } else if came(|came| matches!(came, Came::Recorded(_))) {
            "message left".to_owned()
        } else if came(|came| matches!(came, Came::Waited)) {
            "message not come yet".to_owned()
        } else if self.was_turned_away() {
            "turned away".to_owned()
        } else if self.route.is_some() {
            "missed".to_owned()
        } else {
            self.phase.word().to_owned()
        }
    }

    /// With whom the caller talked.
    fn partners(&self) -> String {
        let names: BTreeSet<&str> = self.legs.iter().filter(|leg| leg.talked).map(Leg::name).collect();
        if names.is_empty() { "somebody".to_owned() } else { names.into_iter().collect::<Vec<_>>().join(" and ") }
    }

    /// He was neither picked up nor was anybody rung for him, and it was we who ended that.
    fn was_turned_away(&self) -> bool {
        let [caller] = self.legs.as_slice() else { return false };
        caller.answered_at().is_none() && caller.stop.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::super::kit::{Life, dial, member, ring, rules, say};
    use super::super::{Cause, News, Tape};
    use super::*;
    use crate::routing::{Action, Order, RejectWith, StepId};

    #[test]
    fn a_call_that_goes_on_is_where_it_is() {
        let rules = rules(vec![say("Hello.")], &[]);
        let mut life = Life::begun(&rules);
        assert_eq!(life.call.in_short(), "answering");
        life.news(0, News::Answered);
        assert_eq!(life.call.in_short(), "speaking");
    }

    #[test]
    fn one_that_is_over_tells_who_talked_with_the_caller() {
        let rules = rules(vec![Action::Answer, dial(member("anna", 141, 20))], &[]);
        let mut life = Life::answered(&rules);
        life.dialled(1);
        life.news(1, News::Answered);
        life.news(1, News::Bridged);
        assert_eq!(life.call.in_short(), "talking");
        life.hangs_up(1, Cause::Normal);
        life.hangs_up(0, Cause::Normal);
        assert_eq!((life.phase(), life.call.in_short().as_str()), ("ended", "talked with anna"));
    }

    #[test]
    fn or_that_nobody_did() {
        let both = rules(vec![ring(Order::Simultaneous, vec![member("anna", 141, 20), member("ben", 142, 20)])], &[]);
        let mut life = Life::begun(&both);
        life.hangs_up(0, Cause::Cancelled);
        (1..3).for_each(|leg| life.hangs_up(leg, Cause::Cancelled));
        assert_eq!((life.phase(), life.call.in_short().as_str()), ("ended", "missed"));
        let rejects = rules(vec![Action::Reject(RejectWith::Busy)], &[]);
        let mut life = Life::begun(&rejects);
        life.hangs_up(0, Cause::Declined);
        assert_eq!(life.call.in_short(), "turned away");
        let greets = rules(vec![say("We are closed.")], &[]);
        let mut life = Life::answered(&greets);
        life.hangs_up(0, Cause::Normal);
        assert_eq!(life.call.in_short(), "missed");
        // We heard of its end only.
        let mut life = Life::new(&greets);
        life.hangs_up(0, Cause::Normal);
        assert_eq!(life.call.in_short(), "ended");
    }

    #[test]
    fn or_what_he_left() {
        let rules = rules(vec![say("Hello.")], &[]);
        let mut life = Life::answered(&rules);
        life.hangs_up(0, Cause::Normal);
        let since = life.now;
        let message = |came| {
            let over = Some(since);
            super::super::Message {
                step: StepId(0),
                since,
                asked: None,
                recording: None,
                late: None,
                over,
                sought: None,
                came,
            }
        };
        for (came, told) in [
            (Came::Waited, "message not come yet"),
            (Came::Recorded(Tape::default()), "message left"),
            (Came::Nothing, "missed"),
        ] {
            life.call.messages = vec![message(came)];
            assert_eq!(life.call.in_short(), told);
        }
    }
}
