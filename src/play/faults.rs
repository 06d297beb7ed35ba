//! What went wrong for a call, moment by moment, and the few stretches in which nobody can know that it did.

use std::time::Duration;

use jiff::Timestamp;

use super::agenda::{between, later};
use crate::call::{Chapter, Command, Heard, Ignored, News, Remark, Settled, Verb, Verdict, What};
use crate::sim::{CommandEntry, Entry, Fate, Ledger, LegNo, PostEntry, What as Happened};

/// A stretch of time; one moment, if it ends as it begins.
pub(super) type Stretch = (Timestamp, Timestamp);

/// News that comes later than this came late.
const IN_TIME: Duration = Duration::from_millis(200);
/// How much longer than it rings a transfer is waited for of which nothing is seen: Telnyx has its end to tell.
const AFTER_A_TRANSFER: Duration = Duration::from_secs(12);
/// The longest that a text of these plays may be expected to take.
const LONGEST_TEXT: Duration = Duration::from_secs(6);
/// The longest that audio is waited for: nobody tells its length.
const LONGEST_AUDIO: Duration = Duration::from_secs(600);

/// The two moments of news that came late: that at which it was missed, and that at which it was no longer expected.
pub(super) fn late(chapter: &Chapter) -> Vec<Stretch> {
    let (Some(at), What::Leg { news, .. }) = (chapter.event.at, &chapter.event.what) else { return Vec::new() };
    let joins = matches!(news, News::Answered | News::Bridged);
    let overtaken = joins && chapter.decision.remarks.contains(&Remark::Ignored { why: Ignored::Late });
    // Nothing tells which text a begin is of: one that is late is taken for the next one's, and its end waited for.
    let until = if *news == News::SpeechStarted { later(chapter.at, LONGEST_TEXT) } else { chapter.at };
    let moments = (overtaken || between(at, chapter.at) > IN_TIME).then_some([(at, at), (chapter.at, until)]);
    moments.into_iter().flatten().collect()
}

/// The moments of an attempt to deliver that came to nothing: that at which the news was missed, which is long before if
/// the attempt was late, and that of the attempt.
pub(super) fn lost(post: &PostEntry, timeout: Duration) -> Vec<Stretch> {
    let at = match post.fate {
        Fate::Dropped => post.at,
        Fate::GivenUp(_) | Fate::Failed(_) => post.at.saturating_sub(timeout).unwrap_or(post.at),
        Fate::Taken => return Vec::new(),
    };
    vec![(post.occurred, post.occurred), (at, at)]
}

/// Whether news was on its way for long.
pub(super) fn is_late(post: &PostEntry) -> bool {
    between(post.occurred, post.at) > IN_TIME
}

/// Whether news never came.
pub(super) fn is_gone(post: &PostEntry) -> bool {
    matches!(post.fate, Fate::Dropped | Fate::GivenUp(_))
}

/// Whether a command was taken and nothing was done, by a fault or because its id was used before in vain.
pub(super) fn does_nothing(command: &CommandEntry, ledger: &Ledger) -> bool {
    let taken = command.status.is_some_and(|status| status < 300);
    let in_vain = || taken && command.command_id.as_ref().map_or(0, |id| ledger.effects(id)) == 0;
    command.swallowed || (command.repeated && in_vain())
}

/// Whether something that was to be played did nothing: then a caller who is picked up hears as little of a ring as there
/// is of it.
pub(super) fn is_mute(nothing: &[&CommandEntry]) -> bool {
    nothing.iter().any(|sent| sent.verb == "playback_start")
}

/// The commands of a call as we decided them, and what is known of its legs.
pub(super) struct Sight<'a> {
    pub chapters: &'a [Chapter],
    pub entries: &'a [&'a Entry],
    /// The call's requests that reached Telnyx.
    pub sent: &'a [&'a CommandEntry],
}

impl Sight<'_> {
    /// When lost news shows at last, and nothing that can be asked of Telnyx would show it before. There are three such.
    ///
    /// Of a leg that rings a look-up tells nothing: it may be called alive or not, and so may one that was picked up or
    /// has ended since. That one of these was lost shows when the time it was to ring is over.
    ///
    /// Of audio nothing can be asked at all, and nobody tells its length. That its end was lost shows when the longest
    /// that audio is waited for is over.
    pub fn shows(&self, post: &PostEntry) -> Option<Timestamp> {
        match post.event_type {
            "call.answered" | "call.hangup" => self.rings_until(post.leg),
            "call.playback.ended" => {
                let played = |what: &Happened| matches!(what, Happened::Played { .. } | Happened::Gathers);
                let played = |entry: &&&Entry| entry.leg == post.leg && played(&entry.what);
                let began = self.entries.iter().rev().filter(|entry| entry.at <= post.at).find(played);
                began.map(|entry| later(entry.at, LONGEST_AUDIO))
            }
            "call.gather.ended" => {
                let asked = self.sent.iter().rev().filter(|sent| sent.leg == Some(post.leg) && sent.at <= post.at);
                asked
                    .filter_map(|sent| self.chooses(sent.command_id.as_deref()?))
                    .map(|time| later(post.at, time))
                    .next()
            }
            _ => None,
        }
    }

    /// The stretches in which a caller is thought to be asked for a key and is not: no word comes of that until the time
    /// that he would have for it is over. That audio begins is told, so that it is missed soon.
    pub fn unasked(&self, ledger: &Ledger) -> impl Iterator<Item = Stretch> {
        self.chapters.iter().filter_map(|chapter| {
            let What::Settled(settled) = &chapter.event.what else { return None };
            let asked = matches!(settled.verdict, Verdict::Accepted { .. } | Verdict::Unknown);
            let id = settled.command.to_string();
            let time = self.chooses(&id).filter(|_| asked && ledger.effects(&id) == 0)?;
            (time < LONGEST_AUDIO).then(|| (chapter.at, later(chapter.at, time)))
        })
    }

    /// The stretches in which a caller is thought to be recorded and is not: nothing tells that a recording begins, so that
    /// shows when the longest message is over.
    pub fn unrecorded(&self, ledger: &Ledger) -> impl Iterator<Item = Stretch> {
        self.chapters.iter().filter_map(|chapter| {
            let What::Settled(settled) = &chapter.event.what else { return None };
            let id = settled.command.to_string();
            let Verb::Record { max_length, .. } = &self.command(&id)?.verb else { return None };
            let taken = matches!(settled.verdict, Verdict::Accepted { .. });
            (taken && ledger.effects(&id) == 0).then(|| (chapter.at, later(chapter.at, *max_length)))
        })
    }

    /// Until when a caller who is not picked up waits for a dial that was taken and did nothing: a leg that never was
    /// and one that rings look alike, and he hears ringing from his carrier meanwhile.
    pub fn waits(&self, sent: &CommandEntry) -> Option<Timestamp> {
        let more = if sent.verb == "transfer" { AFTER_A_TRANSFER } else { Duration::ZERO };
        Some(later(sent.at, self.ring_of(sent)? + more))
    }

    /// Until when a leg rings that was dialled or given a caller: its time runs from when we knew of it.
    fn rings_until(&self, leg: LegNo) -> Option<Timestamp> {
        let made = |what: &Happened| matches!(what, Happened::Dialled { .. } | Happened::Transferred { .. });
        let made = self.entries.iter().find(|entry| entry.leg == leg && made(&entry.what))?;
        let by = self.sent.iter().find(|sent| sent.took_effect == Some(made.at) && self.ring_of(sent).is_some())?;
        let of_it = |settled: &Settled| by.command_id.as_ref().is_some_and(|id| settled.command.to_string() == *id);
        let told = |chapter: &&Chapter| matches!(&chapter.event.what, What::Settled(settled) if of_it(settled));
        let known = self.chapters.iter().find(told).map_or(made.at, |chapter| chapter.at);
        let more = if by.verb == "transfer" { AFTER_A_TRANSFER } else { Duration::ZERO };
        Some(later(known.max(made.at), self.ring_of(by)? + more))
    }

    fn ring_of(&self, sent: &CommandEntry) -> Option<Duration> {
        ring_for(self.command(sent.command_id.as_deref()?)?)
    }

    /// How long a caller may be silent after he was asked for a key so.
    fn chooses(&self, id: &str) -> Option<Duration> {
        let Verb::Gather { prompt, timeout, .. } = &self.command(id)?.verb else { return None };
        let heard = match prompt {
            Heard::Text { .. } => LONGEST_TEXT,
            Heard::Audio { .. } => LONGEST_AUDIO,
        };
        Some(heard + *timeout)
    }

    fn command(&self, id: &str) -> Option<&Command> {
        let mut commands = self.chapters.iter().flat_map(|chapter| &chapter.decision.commands);
        commands.find(|command| command.id.to_string() == id)
    }
}

fn ring_for(command: &Command) -> Option<Duration> {
    match &command.verb {
        Verb::Dial { ring_for, .. } | Verb::Transfer { ring_for, .. } => Some(*ring_for),
        Verb::Answer { .. } | Verb::Reject { .. } | Verb::Hangup { .. } | Verb::Bridge { .. } => None,
        Verb::Speak { .. } | Verb::Play { .. } | Verb::Gather { .. } | Verb::StopPlay { .. } => None,
        Verb::Record { .. } | Verb::StopRecord { .. } => None,
        Verb::Look { .. } | Verb::Find { .. } | Verb::Recordings { .. } | Verb::Notify { .. } => None,
    }
}
