//! Whole calls as stories.

use jiff::Timestamp;

use super::kit::{Life, member, ring, rules, say, transfer};
use super::*;
use crate::phone::Party;
use crate::routing::{Action, Order, Rules};

/// A call with its journal.
struct Told<'a> {
    life: Life<'a>,
    journal: Vec<(Timestamp, Event)>,
}

impl Told<'_> {
    fn take(&mut self, after: u64, what: What) {
        self.life.sleep(after);
        let event = Event { id: EventId(format!("e{}", self.journal.len() + 1)), at: None, what };
        self.life.take(event.what.clone());
        self.journal.push((self.life.now, event));
    }

    fn news(&mut self, after: u64, leg: u16, news: News) {
        let tag = (leg > 0).then_some(Tag { call: self.life.call.id, leg: LegNo(leg) });
        let handle = Some(Handle(format!("v3:h{leg}")));
        let who = Who { tag, handle, leg: Some(format!("l{leg}")), session: Some("s".into()) };
        self.take(after, What::Leg { who, news });
    }

    fn settles(&mut self, kind: Kind, leg: u16, verdict: Verdict) {
        let of = |command: &&Command| command.leg == LegNo(leg) && command.verb.kind() == kind;
        let command = self.life.asked.iter().rev().find(of).unwrap().id;
        self.take(0, What::Settled(Settled { command, kind, leg: LegNo(leg), verdict }));
    }

    fn story(&self) -> String {
        let journal = self.journal.iter().map(|(at, event)| (*at, event));
        story(&replay(self.life.call.id, self.life.rules, journal), self.life.rules)
    }
}

fn begun(rules: &Rules) -> Told<'_> {
    let mut told = Told { life: Life::new(rules), journal: Vec::new() };
    let (from, to) = (Party::read("+12025550131"), Party::read("+12025550100"));
    told.news(0, 0, News::Arrived { from, to, hops: 0 });
    told
}

#[test]
fn a_call_reads_like_a_play() {
    let both = ring(Order::Simultaneous, vec![member("anna", 111, 20), member("ben", 112, 20)]);
    let rules = rules(vec![both], &[]);
    let mut told = begun(&rules);
    for leg in [1, 2] {
        told.news(0, leg, News::Placed);
        told.settles(Kind::Dial, leg, Verdict::accepted());
    }
    told.news(6, 2, News::Answered);
    told.news(1, 0, News::Answered);
    told.settles(Kind::Bridge, 0, Verdict::accepted());
    told.news(0, 2, News::Bridged);
    told.news(0, 0, News::Bridged);
    told.news(0, 1, News::HungUp { cause: Cause::Cancelled });
    told.news(20, 0, News::HungUp { cause: Cause::Normal });
    told.news(0, 2, News::HungUp { cause: Cause::Normal });
    insta::assert_snapshot!(told.story(), @r"
   0.0s  +12025550131 calls +12025550100
         - route `main` (routes.yaml:100)
         - step `ring` (routes.yaml:1)
         > dial anna (+12025550111), showing +12025550131
         > dial ben (+12025550112), showing +12025550131
   0.0s  anna is being rung
   0.0s  ben is being rung
   6.0s  ben picks up
         > answer the caller
   7.0s  the caller is answered
         > bridge the caller with ben
   7.0s  bridge for the caller accepted
         > hang up anna
   7.0s  ben is joined
         - the caller talks with ben
   7.0s  anna is hung up
  27.0s  the caller hangs up
         - the call ends: the caller is gone
  27.0s  ben hangs up
         - the call is over
    ");
}

#[test]
fn a_call_that_reaches_nobody_says_why() {
    let away = transfer(member("anna", 111, 20));
    let text = "Nobody can take your call at the moment. Please call again tomorrow, or write to us.";
    let rules = rules(vec![away, say(text), Action::Hangup], &[]);
    let mut told = begun(&rules);
    told.settles(Kind::Transfer, 0, Verdict::Refused { why: Refusal::Limit, code: "90041".into() });
    told.news(1, 0, News::Answered);
    told.news(7, 0, News::SpeechEnded);
    told.news(0, 0, News::HungUp { cause: Cause::Normal });
    insta::assert_snapshot!(told.story(), @r"
   0.0s  +12025550131 calls +12025550100
         - route `main` (routes.yaml:100)
         - step `transfer` (routes.yaml:1)
         > transfer to anna (+12025550111), showing +12025550131
   0.0s  transfer for the caller refused: no more channels (90041)
         - anna: not reached
         - the step ends: not reached (routes.yaml:1)
         - step `say` (routes.yaml:2)
         > answer the caller
   1.0s  the caller is answered
         > say “Nobody can take your call at the moment. Please call again
           tomorrow, or write to us.”
   8.0s  the text has been spoken
         - step `hangup` (routes.yaml:3)
         - the call ends: the rules say so
         > hang up the caller
   8.0s  the caller is hung up
         - the call is over
    ");
    assert!(told.story().lines().all(|line| line.chars().count() <= 80));
}
