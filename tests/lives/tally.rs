//! How often what came about, over all lives: what never did was not tested.

use std::collections::BTreeMap;
use std::time::Duration;

use switchhook::call::{Kind, News, Remark, Verb, What};
use switchhook::play::{Played, Trouble};
use switchhook::sim::{Settings, Switches};

const TEN_MINUTES: Duration = Duration::from_secs(600);

#[derive(Default)]
pub struct Tally(BTreeMap<String, u64>);

impl Tally {
    /// Everything that has to come about, at nothing.
    pub fn new() -> Self {
        let mut tally = Self::default();
        for (name, words) in Switches::ALL {
            words.iter().for_each(|word| tally.expect(&format!("switch.{name}={word}")));
        }
        Kind::ALL.iter().for_each(|kind| tally.expect(&format!("command.{kind}")));
        // Not "discovered" of a call of ours: nobody but us answers a caller here.
        for name in [
            "phase.answering",
            "phase.speaking",
            "phase.choosing",
            "phase.recording",
            "phase.ringing",
            "phase.transferring",
            "phase.apologising",
            "phase.talking",
            "phase.ending",
            "phase.ended",
            "event.twice",
            "event.conflict",
            "event.aside",
            "stray.again",
            "stray.altered",
            "stray.foreign",
            "stray.unknown",
            "stray.nameless",
            "stranger.foreign",
            "stranger.discovered",
            "stranger.ended",
            "code.90041",
            "code.90103",
            "code.90018",
            "code.90034",
            "callee.answers",
            "callee.busy",
            "callee.declines",
            "callee.fails",
            "callee.not_found",
            "callee.refused",
            "callee.rings_out",
            "callee.vanishes",
            "event.stale",
            "batch.several",
            "verdict.accepted",
            "verdict.refused",
            "verdict.unavailable",
            "verdict.unknown",
            "verdict.void",
            "verdict.alive",
            "verdict.gone",
            "verdict.listed",
            "verdict.recordings",
            "limit.requests",
            "limit.recording",
            "message.of_a_call_under_way",
            "message.of_a_call_that_is_over",
            "remark.message_left",
            "remark.message_lost",
            "told.call.missed",
            "told.call.voicemail",
            "limit.first_command",
            "remark.key_pressed",
            "remark.wrong_key",
            "remark.no_key",
            "us.died",
            "us.took_over",
            "us.took_over_lapsed",
            "us.left_to_a_holder",
            "crash.before_commit",
            "crash.after_commit",
            "crash.before_send",
            "crash.after_send",
            "crash.before_settle",
            "commit.lost",
            "commit.lost_word",
            "us.fault",
            "us.cut",
            "event.fault",
            "remark.apologises",
            "ends.fault",
            "us.stopped",
            "us.outage",
            "us.outage.refuses",
            "us.outage.fails",
            "us.outage.hangs",
            "us.outage.hangs_done",
            "us.outage.too_many",
            "us.outage.too_many_for_long",
            "outage.whole",
            "outage.part",
            "pace.refused: Telnyx does not answer",
            "pace.waited",
            "pace.refused: too much at once",
            "request.given_up",
            "us.slow",
            "us.ignored",
            "request.again",
            "remark.once_more",
            "remark.key_pressed",
            "remark.wrong_key",
            "remark.no_key",
            "remark.nothing_came",
            "remark.leg_lost",
            "remark.leg_found",
            "outbound.both",
            "stopped.limits.stop",
            "stopped.limits.stopped",
            "stopped.limits.outbound.countries",
            "hops.fewer",
            "hops.most",
            "remark.forbidden",
            "hours.open",
            "hours.closed",
            "outbound.US refused",
            "outbound.DE refused",
            "outbound.ours refused",
            "outbound.own number refused",
            "outbound.own numbers refused",
            "outbound.premium refused",
            "notice.first",
            "notice.again",
            "notice.rests",
            "notice.refused",
            "notice.given_up",
            "hook.dead",
            "hook.hangs",
            "hook.fails",
            "hook.gone",
            "hook.slow",
            "hook.loses_answers",
            "ends.too_long",
            "ends.caller_gone",
            "ends.party_gone",
            "ends.step",
            "ends.list_ended",
            "ends.no_route",
        ] {
            tally.expect(name);
        }
        tally
    }

    fn expect(&mut self, what: &str) {
        self.0.entry(what.to_owned()).or_default();
    }

    pub fn count(&mut self, what: &str, times: u64) {
        *self.0.entry(what.to_owned()).or_default() += times;
    }

    pub fn add(&mut self, settings: &Settings, trouble: &Trouble, played: &Played) {
        if let Some(outage) = trouble.outage.filter(|outage| outage.lasts >= TEN_MINUTES) {
            self.count(if outage.is_total() { "outage.whole" } else { "outage.part" }, 1);
        }
        settings.switches.values().iter().for_each(|(name, word)| self.count(&format!("switch.{name}={word}"), 1));
        played.counts.iter().for_each(|(what, times)| self.count(what, *times));
        let codes = played.calls.iter().flat_map(|call| &call.requests).filter_map(|request| request.code.as_ref());
        codes.for_each(|code| self.count(&format!("code.{code}"), 1));
        for chapter in played.calls.iter().flat_map(|call| &call.chapters) {
            self.count(&format!("phase.{}", chapter.decision.call.phase.word()), 1);
            for command in &chapter.decision.commands {
                self.count(&format!("command.{}", command.verb.kind()), 1);
                if let Verb::Notify { notice, .. } = &command.verb {
                    self.count(&format!("told.{}", notice.kind.word()), 1);
                }
            }
            let told = chapter.decision.remarks.iter().map(word);
            told.for_each(|word| self.count(&word, 1));
            if matches!(&chapter.event.what, What::Leg { news: News::Recorded(_), .. }) {
                let over = chapter.decision.call.has_ended();
                self.count(if over { "message.of_a_call_that_is_over" } else { "message.of_a_call_under_way" }, 1);
            }
            if matches!(chapter.event.what, What::Fault { .. }) {
                self.count("event.fault", 1);
            }
        }
    }

    pub fn merge(&mut self, other: Self) {
        other.0.iter().for_each(|(what, times)| self.count(what, *times));
    }

    pub fn never(&self) -> Vec<&str> {
        self.0.iter().filter(|(_, times)| **times == 0).map(|(what, _)| what.as_str()).collect()
    }

    pub fn text(&self) -> String {
        self.0.iter().map(|(what, times)| format!("{times:>9} {what}\n")).collect()
    }
}

/// A remark as a word, an end with its reason.
fn word(remark: &Remark) -> String {
    let json = serde_json::to_value(remark).unwrap();
    if let Remark::Ends { .. } = remark {
        return format!("ends.{}", json["ends"]["why"].as_str().unwrap());
    }
    let name = json.as_str().map(str::to_owned).or_else(|| json.as_object()?.keys().next().cloned());
    format!("remark.{}", name.unwrap())
}
