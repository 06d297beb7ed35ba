//! What is known of one call from both sides, and how long it may suffer from what went wrong.

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::Timestamp;

use super::agenda::{between, later};
use super::diary::Diary;
use super::faults::{Sight, Stretch, does_nothing, is_gone, is_late, is_mute, late, lost};
use super::memory::Row;
use crate::call::{CallId, Chapter, Command, CommandId, Kind, Leg, News, Phase, Settled, Verb, Verdict, What};
use crate::sim::{CallNo, CallOutcome, CommandEntry, Entry, Fate, LegNo, PostEntry, What as Happened, World};

/// A bridge told of longer before anybody picks up is early media.
const EARLY: Duration = Duration::from_secs(2);

/// How often a talk is looked at, and how long that may take.
const A_TALK: Duration = Duration::from_secs(300 + 60);
/// How long audio is waited for, and how long what follows may take.
const AUDIO: Duration = Duration::from_secs(610 + 60);

/// One call, from both sides.
pub(super) struct Case<'a> {
    pub outcome: CallOutcome,
    pub chapters: &'a [Chapter],
    /// What truly happened to its legs, in order.
    pub entries: Vec<&'a Entry>,
    pub caller: Option<LegNo>,
    /// How many recordings of it were saved of which the word arrived.
    pub saved: usize,
    /// The commands to its legs.
    commands: Vec<&'a CommandEntry>,
    /// News of a leg's end was lost, or came late.
    misses_end: bool,
    /// Legs of whose answer no word ever came.
    unheard: Vec<LegNo>,
    /// What we call its legs.
    names: Vec<(LegNo, Option<String>)>,
    /// What went wrong, by its beginning.
    upsets: Vec<Stretch>,
    /// Stretches in which nobody can know of it.
    blind: Vec<Stretch>,
    /// When nobody can be picked up.
    unanswerable: Option<Stretch>,
}

/// How long something may last: undisturbed, and after a disturbance.
#[derive(Clone, Copy)]
pub(super) struct Bound {
    pub calm: Duration,
    pub upset: Duration,
}

impl Bound {
    pub const fn secs(calm: u64, upset: u64) -> Self {
        Self { calm: Duration::from_secs(calm), upset: Duration::from_secs(upset) }
    }
}

impl<'a> Case<'a> {
    pub fn new(
        world: &'a World,
        no: CallNo,
        outcome: CallOutcome,
        id: Option<CallId>,
        rows: &[(CommandId, &Row)],
        chapters: &'a [Chapter],
        diary: &Diary,
    ) -> Self {
        let (legs, ledger) = (world.legs(no), world.ledger());
        let entries = ledger.of_legs(legs);
        let mine = |upset: &&super::diary::Upset| id.is_none() || upset.call.is_none() || upset.call == id;
        let mut upsets: Vec<_> = diary.upsets.iter().filter(mine).map(|upset| (upset.from, upset.to)).collect();
        // What came and could not be decided is as good as lost.
        let spoiled = |post: &PostEntry| diary.spoiled.contains(&post.event_id.to_string());
        let fate = |post: &PostEntry| if spoiled(post) { Fate::Dropped } else { post.fate };
        let posts = ledger.posts().iter().filter(|post| legs.contains(&post.leg));
        let posts: Vec<_> = posts.map(|post| PostEntry { fate: fate(post), ..post.clone() }).collect();
        let posts = posts.iter();
        let saved = saved(posts.clone(), &entries);
        let unheard = posts.clone().filter(|post| post.event_type == "call.answered" && is_gone(post));
        let misses_end = posts.clone().any(|post| post.event_type == "call.hangup" && post.fate != Fate::Taken);
        upsets.extend(posts.clone().flat_map(|post| lost(post, world.webhook_timeout())));
        upsets.extend(chapters.iter().flat_map(late));
        let ours: BTreeSet<String> = rows.iter().map(|(id, _)| id.to_string()).collect();
        let known = |sent: &&CommandEntry| sent.command_id.as_ref().is_some_and(|id| ours.contains(id));
        let sent: Vec<&CommandEntry> = ledger.commands().iter().filter(known).collect();
        let nothing: Vec<_> = sent.iter().copied().filter(|sent| does_nothing(sent, ledger)).collect();
        upsets.extend(nothing.iter().map(|sent| (sent.at, sent.at)));
        upsets.sort_unstable();
        let sight = Sight { chapters, entries: &entries, sent: &sent };
        let mut blind: Vec<Stretch> = posts
            .filter_map(|post| match post.fate {
                // What comes late after all shows no later than it comes.
                Fate::Taken if is_late(post) => Some((post.occurred, sight.shows(post)?.min(post.at))),
                Fate::Taken => None,
                Fate::Dropped | Fate::GivenUp(_) | Fate::Failed(_) => Some((post.at, sight.shows(post)?)),
            })
            .collect();
        let hears = |at: Timestamp| outcome.answered.is_none_or(|answered| answered > at) || is_mute(&nothing);
        let waits = nothing.iter().filter(|sent| hears(sent.at));
        blind.extend(waits.filter_map(|sent| Some((sent.at, sight.waits(sent)?))));
        blind.extend(sight.unasked(ledger).chain(sight.unrecorded(ledger)));
        let names = legs.iter().map(|leg| (*leg, world.control_id(*leg).map(str::to_owned))).collect();
        Self {
            outcome,
            saved,
            misses_end,
            unheard: unheard.map(|post| post.leg).collect(),
            commands: ledger.commands_to(legs).collect(),
            chapters,
            entries,
            caller: legs.first().copied(),
            names,
            upsets,
            blind,
            unanswerable: diary.unanswerable,
        }
    }

    /// Whether something that lasts from `from` to `to` keeps within a bound: whatever goes wrong while it may still
    /// last gives it more time, counted from when that is over.
    pub fn keeps(&self, from: Timestamp, to: Timestamp, bound: Bound) -> bool {
        let calm = if self.misses_answer(from) { bound.upset } else { bound.calm };
        let mut wrong: Vec<Stretch> = self.upsets.iter().chain(&self.blind).copied().collect();
        wrong.sort_unstable();
        let more = |until: Timestamp, (start, end): &Stretch| {
            if *start <= until { until.max(later(*end, bound.upset)) } else { until }
        };
        to <= wrong.iter().fold(later(from, calm), more)
    }

    /// Whether a caller waits from `from` to `to` who cannot be picked up, since Telnyx takes no answers: nobody can be joined
    /// with him, whoever picks up for him. He hears ringing from his carrier.
    pub fn is_unanswerable(&self, from: Timestamp, to: Timestamp, bound: Bound) -> bool {
        self.unanswerable.is_some_and(|(start, end)| start <= later(from, bound.calm) && to <= later(end, bound.upset))
    }

    /// Whether the caller is picked up and the news of it was lost before: that is felt only once he is needed.
    fn misses_answer(&self, at: Timestamp) -> bool {
        let lost = self.caller.is_some_and(|caller| self.is_unheard(caller));
        let known = self.since(|chapter| chapter.decision.call.caller_is_answered());
        lost && self.outcome.answered.is_some_and(|answered| answered <= at) && known.is_none_or(|known| known > at)
    }

    /// Whether an end of which every news was lost was found out by the next look: a talk is looked at every five minutes,
    /// and whoever is played audio when the longest audio is over.
    pub fn is_looked_at(&self, from: Timestamp, to: Timestamp) -> bool {
        let Some(then) = self.chapters.iter().rev().find(|chapter| chapter.at <= from) else { return false };
        let within = match then.decision.call.phase {
            Phase::Talking { .. } => A_TALK,
            Phase::Speaking(_) | Phase::Choosing(_) | Phase::Recording(_) => AUDIO,
            Phase::Arriving | Phase::Discovered { .. } | Phase::Foreign { .. } | Phase::Answering(_) => return false,
            Phase::Ringing(_) | Phase::Transferring(_) | Phase::Apologising(_) => return false,
            Phase::Ending { .. } | Phase::Ended { .. } => return false,
        };
        // What a look tells may be what could not be decided.
        let faults = self.chapters.iter().filter(|one| one.at > from && matches!(one.event.what, What::Fault { .. }));
        self.misses_end && to <= later(from, faults.fold(within, |within, _| within + A_TALK))
    }

    /// Whether we had heard of a talk when we decided the hangup that ended one of those in it: that both are picked up,
    /// or a moment before that they are joined. Longer before, that was early media. Of a talk that nobody has told us
    /// of yet we know nothing.
    pub fn knew_of_talk(&self, end: &Entry, peer: LegNo) -> bool {
        let hangup = self.commands.iter().find(|sent| sent.leg == Some(end.leg) && sent.took_effect == Some(end.at));
        let Some(id) = hangup.and_then(|sent| sent.command_id.as_deref()) else { return false };
        let wants = |chapter: &&Chapter| chapter.decision.commands.iter().any(|command| command.id.to_string() == id);
        let Some(index) = self.chapters.iter().position(|chapter| wants(&chapter)) else { return false };
        // What came later in the same batch was not known.
        let before = self.chapters.get(..=index).unwrap_or_default();
        let Some(decided) = before.last() else { return false };
        // A bridge that was given up may be taken just before the hangup that followed from it.
        let joins = |entry: &&&Entry| entry.leg == end.leg && entry.what == Happened::Bridged { with: peer };
        let joined = self.entries.iter().rev().filter(|entry| entry.at <= end.at).find(joins);
        let Some(joined) = joined.filter(|joined| joined.at <= decided.at) else { return false };
        let legs = [end.leg, peer];
        let answered = |leg: &Leg| leg.is_answered() && !leg.supposed;
        let both = legs.iter().all(|leg| self.ours(*leg, decided).is_some_and(answered));
        let party = legs.into_iter().find(|leg| Some(*leg) != self.caller);
        let told = |one: &&Chapter| match &one.event.what {
            What::Leg { who, news: News::Bridged } => {
                let handle = who.handle.as_ref().map(|handle| handle.0.as_str());
                handle.is_some() && handle == party.and_then(|party| self.handle(party))
            }
            What::Leg { .. } | What::Settled(_) | What::Due { .. } | What::Fault { .. } => false,
        };
        let told = before.iter().filter(told).any(|one| between(one.at, decided.at) < EARLY);
        // Of a bridge whose every try went without an answer, and of which no news came, nobody knows.
        let accepted = |one: &&Chapter| match &one.event.what {
            What::Settled(Settled { kind: Kind::Bridge, verdict: Verdict::Accepted { .. }, .. }) => true,
            What::Settled(_) | What::Leg { .. } | What::Due { .. } | What::Fault { .. } => false,
        };
        let given = party.is_some_and(|leg| self.is_given(leg));
        let both = both && (given || before.iter().any(|one| accepted(&one)));
        // A hangup that was decided before they were joined, and did nothing, is only asked for again: that an old
        // bridge is accepted meanwhile is no news of a talk.
        let hangs_up = |command: &Command| matches!(&command.verb, Verb::Hangup { on } if Some(on.0.as_str()) == self.handle(end.leg));
        let first = before.iter().find(|one| one.decision.commands.iter().any(hangs_up));
        let both = both && first.is_none_or(|first| first.at >= joined.at);
        (both || told) && !party.is_some_and(|leg| self.is_unheard(leg))
    }

    /// Whether somebody picked up on this leg and no word of it ever came.
    pub fn is_unheard(&self, leg: LegNo) -> bool {
        self.unheard.contains(&leg)
    }

    /// Whether a leg is of somebody the caller was to be given to.
    pub fn is_given(&self, leg: LegNo) -> bool {
        self.entries.iter().any(|entry| entry.leg == leg && matches!(entry.what, Happened::Transferred { .. }))
    }

    fn handle(&self, leg: LegNo) -> Option<&str> {
        self.names.iter().find(|(no, _)| *no == leg)?.1.as_deref()
    }

    /// The ids of the commands of a kind that took effect at a moment, by Telnyx' word for it.
    pub fn took_effect(&self, at: Timestamp, verb: &str) -> Vec<String> {
        let then = self.commands.iter().filter(|sent| sent.verb == verb && sent.took_effect == Some(at));
        then.filter_map(|sent| sent.command_id.clone()).collect()
    }

    /// Whether nothing went wrong at all.
    pub fn is_calm(&self) -> bool {
        self.upsets.is_empty()
    }

    /// A leg as we know it, once we know it by its handle.
    pub fn ours<'c>(&self, leg: LegNo, chapter: &'c Chapter) -> Option<&'c Leg> {
        let handle = self.handle(leg)?;
        let known = |leg: &&Leg| leg.handle.as_ref().is_some_and(|known| known.0 == handle);
        chapter.decision.call.legs.iter().find(known)
    }

    /// When we first knew of something.
    pub fn since(&self, known: impl Fn(&Chapter) -> bool) -> Option<Timestamp> {
        self.chapters.iter().find(|chapter| known(chapter)).map(|chapter| chapter.at)
    }

    /// Since when our call is over, for good.
    pub fn over(&self) -> Option<Timestamp> {
        let ended = |chapter: &&Chapter| matches!(chapter.decision.call.phase, Phase::Ended { .. });
        self.chapters.iter().rev().take_while(ended).last().map(|chapter| chapter.at)
    }
}

/// How many recordings the word arrived of that were asked for.
fn saved<'a>(posts: impl Iterator<Item = &'a PostEntry>, entries: &[&Entry]) -> usize {
    let asked = |post: &PostEntry| {
        let saved = |entry: &Entry| matches!(entry.what, Happened::RecordingSaved { .. });
        entries.iter().any(|entry| entry.leg == post.leg && entry.at == post.occurred && saved(entry))
    };
    let saved = posts.filter(|post| post.event_type == "call.recording.saved" && post.fate == Fate::Taken);
    let saved = saved.filter(|post| asked(post));
    saved.map(|post| (post.leg, post.occurred)).collect::<BTreeSet<_>>().len()
}
