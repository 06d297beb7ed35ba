//! Webhooks on their way: sent late, twice, in the wrong order or never, and tried again when they fail.

use std::collections::BTreeMap;
use std::time::Duration;

use fastrand::Rng;
use jiff::Timestamp;
use uuid::Uuid;

use super::chance::Mishap;
use super::ids::uuid;
use super::ledger::{Fate, Ledger, LegNo, PostEntry};
use super::moment::later;
use super::settings::Settings;
use super::switches::{RetryEventId, RetryPlan, RetryStamp, WebhookTimeout};
use super::wire::Event;

/// From the event to its webhook.
const WAY: Duration = Duration::from_millis(20);
/// How long a webhook that is to change places waits for another of its session.
pub const LONGEST_HELD: Duration = Duration::from_secs(2);

/// One attempt to deliver one webhook, to be made now. Its end is told by `World::delivered`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// Names this attempt.
    pub id: u64,
    /// When it was due.
    pub at: Timestamp,
    /// What the header `telnyx-timestamp` is to say, in whole seconds.
    pub stamp: Timestamp,
    /// The body.
    pub body: Vec<u8>,
    /// Which attempt, from 1.
    pub attempt: u32,
}

/// Every webhook that is not settled.
#[derive(Debug, Default)]
pub(super) struct Posts {
    waiting: BTreeMap<(Timestamp, u64), Post>,
    flying: BTreeMap<u64, Post>,
    /// By session, the one that is to change places with the next.
    held: BTreeMap<Uuid, (Timestamp, u64)>,
    count: u64,
}

/// One webhook with its next attempt.
#[derive(Clone, Debug)]
pub(super) struct Post {
    pub event: Event,
    pub leg: LegNo,
    pub session: Uuid,
    /// What repeats wait for.
    pub plan: Vec<Duration>,
    attempt: u32,
    stamp: Timestamp,
    /// A second copy, whose end nobody waits for.
    copy: bool,
}

impl Post {
    /// The first attempt.
    pub fn new(event: Event, leg: LegNo, session: Uuid, plan: Vec<Duration>) -> Self {
        Self { stamp: event.occurred, event, leg, session, plan, attempt: 1, copy: false }
    }

    fn entry(&self, at: Timestamp, fate: Fate) -> PostEntry {
        let (event_id, event_type) = (self.event.id, self.event.kind);
        PostEntry {
            at,
            occurred: self.event.occurred,
            event_id,
            event_type,
            leg: self.leg,
            attempt: self.attempt,
            fate,
        }
    }
}

impl Posts {
    /// When the next one is due.
    pub fn next(&self) -> Option<Timestamp> {
        self.waiting.keys().next().map(|(at, _)| *at)
    }

    /// Sends a first attempt on its way, through the network.
    pub fn send(&mut self, post: Post, settings: &mut Settings, rng: &mut Rng, ledger: &mut Ledger) {
        let network = &mut settings.network;
        let mut at = later(post.event.occurred, WAY);
        if network.hits(Mishap::Drop, rng) {
            network.count(Mishap::Drop);
            ledger.post(post.entry(at, Fate::Dropped));
            return;
        }
        if network.hits(Mishap::Delay, rng) {
            network.count(Mishap::Delay);
            at = later(at, some_of(settings.longest_delay, rng));
        }
        if network.hits(Mishap::Duplicate, rng) {
            network.count(Mishap::Duplicate);
            let mut copy = Post { copy: true, ..post.clone() };
            let apart = if rng.bool() { Duration::ZERO } else { some_of(settings.longest_delay, rng) };
            if !apart.is_zero() {
                copy.attempt += 1;
            }
            self.put(later(at, apart), copy);
        }
        let session = post.session;
        let before = self.held.remove(&session).and_then(|key| self.waiting.remove(&key));
        if let Some(before) = before {
            network.count(Mishap::Swap);
            self.put(at, post);
            self.put(later(at, Duration::from_millis(1)), before);
        } else if network.hits(Mishap::Swap, rng) {
            let key = self.put(later(at, LONGEST_HELD), post);
            self.held.insert(session, key);
        } else {
            self.put(at, post);
        }
    }

    /// Takes what is due.
    pub fn poll(
        &mut self,
        now: Timestamp,
        settings: &mut Settings,
        rng: &mut Rng,
        ledger: &mut Ledger,
    ) -> Vec<Delivery> {
        let mut due = Vec::new();
        while let Some(slot) = self.waiting.first_entry().filter(|slot| slot.key().0 <= now) {
            let ((at, id), post) = slot.remove_entry();
            if !post.copy && settings.network.hits(Mishap::Lose, rng) {
                settings.network.count(Mishap::Lose);
                self.failed(post, None, later(at, timeout(settings)), settings, rng, ledger);
                continue;
            }
            let body = post.event.body(post.attempt, &settings.webhook_url, &settings.switches);
            due.push(Delivery { id, at, stamp: post.stamp, body, attempt: post.attempt });
            self.flying.insert(id, post);
        }
        due
    }

    /// Settles an attempt: 2xx is taken, 408, 429, 3xx, 5xx and no answer are tried again, other 4xx are not.
    pub fn delivered(
        &mut self,
        id: u64,
        status: Option<u16>,
        now: Timestamp,
        settings: &Settings,
        rng: &mut Rng,
        ledger: &mut Ledger,
    ) {
        let Some(post) = self.flying.remove(&id) else { return };
        match status {
            Some(200..=299) => ledger.post(post.entry(now, Fate::Taken)),
            Some(400..=407 | 409..=428 | 430..=499) => ledger.post(post.entry(now, Fate::GivenUp(status))),
            Some(_) | None => self.failed(post, status, now, settings, rng, ledger),
        }
    }

    fn failed(
        &mut self,
        mut post: Post,
        status: Option<u16>,
        now: Timestamp,
        settings: &Settings,
        rng: &mut Rng,
        ledger: &mut Ledger,
    ) {
        let tried = usize::try_from(post.attempt).unwrap_or(usize::MAX);
        let wait = post.plan.get(tried.saturating_sub(1)).copied().filter(|_| !post.copy);
        let Some(wait) = wait else {
            ledger.post(post.entry(now, Fate::GivenUp(status)));
            return;
        };
        ledger.post(post.entry(now, Fate::Failed(status)));
        let at = later(now, wait);
        post.attempt += 1;
        if settings.switches.retry_stamp == RetryStamp::Renewed {
            post.stamp = at;
        }
        if settings.switches.retry_event_id == RetryEventId::New {
            post.event.id = uuid(rng);
        }
        self.put(at, post);
    }

    fn put(&mut self, at: Timestamp, post: Post) -> (Timestamp, u64) {
        self.count += 1;
        self.waiting.insert((at, self.count), post);
        (at, self.count)
    }
}

/// What repeats wait for where no command said.
pub(super) fn plan(settings: &Settings) -> Vec<Duration> {
    let seconds: &[u64] = match settings.switches.retry_plan {
        RetryPlan::Seconds => &[1, 2, 5, 10],
        RetryPlan::Twice => &[0, 0],
        RetryPlan::Minutes => &[60, 300, 900, 3600],
    };
    seconds.iter().copied().map(Duration::from_secs).collect()
}

/// How long a delivery may take.
pub(super) fn timeout(settings: &Settings) -> Duration {
    match settings.switches.webhook_timeout {
        WebhookTimeout::Two => Duration::from_secs(2),
        WebhookTimeout::Ten => Duration::from_secs(10),
    }
}

/// A delay up to `longest`: most are short, a few are long.
fn some_of(longest: Duration, rng: &mut Rng) -> Duration {
    longest.mul_f64(rng.f64().powi(3))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::Rates;
    use super::super::chance::Chance;
    use super::super::stage::{SECOND, Stage, script};
    use super::*;

    fn network(mishap: Mishap) -> Stage {
        let script = script().patience(5 * SECOND);
        Stage::with(&script, |settings| settings.network = Rates::default().with(mishap, 1.0))
    }

    fn count(stage: &Stage, mishap: Mishap) -> u64 {
        stage.world.counts()[&format!("network.{}", mishap.word())]
    }

    fn ids(stage: &Stage) -> Vec<Value> {
        stage.seen.iter().map(|(_, body)| body["data"]["id"].clone()).collect()
    }

    #[test]
    fn a_dropped_webhook_never_comes() {
        let mut stage = network(Mishap::Drop);
        stage.run(300 * SECOND);
        assert!(stage.seen.is_empty());
        assert_eq!(count(&stage, Mishap::Drop), 2);
        assert!(stage.world.ledger().posts().iter().all(|post| post.fate == Fate::Dropped));
    }

    #[test]
    fn a_delayed_webhook_comes_later_than_it_happened() {
        let mut stage = network(Mishap::Delay);
        stage.run(60 * SECOND);
        assert_eq!((stage.seen.len(), count(&stage, Mishap::Delay)), (2, 2));
        let late =
            stage.seen.iter().any(|(delivery, _)| super::super::moment::between(delivery.stamp, delivery.at) > WAY);
        assert!(late);
    }

    #[test]
    fn a_doubled_webhook_has_one_id() {
        let mut stage = network(Mishap::Duplicate);
        stage.run(60 * SECOND);
        let mut ids = ids(&stage);
        assert_eq!((ids.len(), count(&stage, Mishap::Duplicate)), (4, 2));
        ids.sort_by_key(Value::to_string);
        ids.dedup();
        assert_eq!(ids.len(), 2);
    }

    #[test]
    fn swapped_webhooks_change_places() {
        let mut stage = network(Mishap::Swap);
        stage.ok(&stage.a(), "answer", json!({}));
        stage.run(SECOND);
        assert_eq!(stage.story(), ["A call.answered", "A call.initiated"]);
        assert_eq!(count(&stage, Mishap::Swap), 1);
    }

    #[test]
    fn a_webhook_that_waits_in_vain_for_another_comes_all_the_same() {
        let mut stage = network(Mishap::Swap);
        stage.run(3 * SECOND);
        assert_eq!((stage.story(), count(&stage, Mishap::Swap)), (vec!["A call.initiated".to_owned()], 0));
    }

    #[test]
    fn a_lost_attempt_is_made_again() {
        let mut stage = network(Mishap::Lose);
        stage.run(SECOND);
        assert!(stage.seen.is_empty());
        stage.world.calm();
        stage.run(10 * SECOND);
        let attempts: Vec<_> =
            stage.seen.iter().map(|(delivery, body)| (delivery.attempt, &body["meta"]["attempt"])).collect();
        assert_eq!(attempts[0], (2, &json!(2)));
    }

    fn failing(status: Option<u16>, switch: &str) -> Stage {
        let mut stage = Stage::with(&script().patience(7200 * SECOND), |settings| {
            settings.switches.set(switch).unwrap();
            // Nothing is delivered while the stage is set.
            settings.network = Rates::default().with(Mishap::Drop, 1.0);
        });
        stage.world.calm();
        stage.answers = status;
        stage.ok(&stage.a(), "answer", json!({}));
        stage
    }

    fn waits(stage: &Stage) -> Vec<i64> {
        let at: Vec<_> = stage.seen.iter().map(|(delivery, _)| delivery.at.as_millisecond()).collect();
        at.windows(2).map(|pair| pair[1] - pair[0]).collect()
    }

    #[test]
    fn what_fails_is_tried_again_and_given_up_in_the_end() {
        for (switch, expected) in [
            ("seconds", vec![1000, 2000, 5000, 10_000]),
            ("twice", vec![0, 0]),
            ("minutes", vec![60_000, 300_000, 900_000, 3_600_000]),
        ] {
            let mut stage = failing(Some(503), &format!("retry_plan={switch}"));
            stage.run(6000 * SECOND);
            assert_eq!(waits(&stage), expected, "{switch}");
            assert_eq!(stage.world.ledger().posts().last().unwrap().fate, Fate::GivenUp(Some(503)));
        }
    }

    #[test]
    fn only_what_may_get_better_is_tried_again() {
        for (status, attempts) in [
            (Some(200), 1),
            (Some(204), 1),
            (Some(401), 1),
            (Some(404), 1),
            (Some(408), 5),
            (Some(429), 5),
            (Some(302), 5),
            (Some(500), 5),
            (None, 5),
        ] {
            let mut stage = failing(status, "retry_plan=seconds");
            stage.run(60 * SECOND);
            assert_eq!(stage.seen.len(), attempts, "{status:?}");
        }
    }

    #[test]
    fn a_command_may_say_what_repeats_wait_for() {
        let mut stage = failing(Some(200), "retry_plan=seconds");
        stage.run(2 * SECOND);
        stage.answers = None;
        let policy = json!({"call.hangup": {"retries_ms": [100, 300]}});
        stage.ok(&stage.a(), "transfer", json!({"to": "+12025550101", "webhook_retries_policies": policy}));
        stage.run(2 * SECOND);
        stage.answers = Some(200);
        stage.run(60 * SECOND);
        stage.seen.clear();
        stage.answers = None;
        stage.ok(&stage.a(), "hangup", json!({}));
        stage.run(30 * SECOND);
        assert_eq!(waits(&stage), [100, 300]);
    }

    #[test]
    fn what_a_repeat_renews_is_a_switch() {
        for (switch, same_id, same_stamp) in [
            ("retry_event_id=same", true, false),
            ("retry_event_id=new", false, false),
            ("retry_stamp=first", true, true),
            ("retry_stamp=renewed", true, false),
        ] {
            let mut stage = failing(None, switch);
            stage.run(5 * SECOND);
            let ids = ids(&stage);
            assert_eq!(ids[0] == ids[1], same_id, "{switch}");
            assert_eq!(stage.seen[0].0.stamp == stage.seen[1].0.stamp, same_stamp, "{switch}");
        }
    }
}
