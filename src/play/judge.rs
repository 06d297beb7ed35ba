//! What is known of one call from both sides, and how long it may suffer from what went wrong.

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::Timestamp;

use super::agenda::{between, later};
use super::diary::Diary;
use super::memory::Row;
use crate::call::{CallId, Chapter, CommandId, Ignored, Kind, Leg, News, Phase, Remark, Verdict, What};
use crate::sim::{CallNo, CallOutcome, CommandEntry, Entry, Fate, Ledger, LegNo, PostEntry, What as Happened, World};

/// News that comes later than this came late.
const IN_TIME: Duration = Duration::from_millis(200);
/// The longest anybody rings, with all that is allowed on top before it is looked into.
const LONGEST_RING: Duration = Duration::from_secs(75);

/// A bridge told of longer before anybody picks up is early media.
const EARLY: Duration = Duration::from_secs(2);
/// How much longer the texts of these plays may be expected to take than they do.
const LONGEST_TEXT: Duration = Duration::from_secs(5);
/// The longest that a gather is waited for in these plays, twice, with all that is allowed on top.
pub(super) const LONGEST_GATHER: Duration = Duration::from_secs(45);
/// The longest that audio is waited for: nobody tells its length.
const LONGEST_AUDIO: Duration = Duration::from_secs(600);

/// One call, from both sides.
pub(super) struct Case<'a> {
    pub outcome: CallOutcome,
    pub chapters: &'a [Chapter],
    /// What truly happened to its legs, in order.
    pub entries: Vec<&'a Entry>,
    pub caller: Option<LegNo>,
    /// Telnyx hangs up whoever has no command for some time.
    pub is_pressed: bool,
    /// The commands to its legs.
    commands: Vec<&'a CommandEntry>,
    /// Legs of whose answer no word ever came.
    unheard: Vec<LegNo>,
    /// What we call its legs.
    names: Vec<(LegNo, Option<String>)>,
    /// Stretches in which something went wrong, by their beginning.
    upsets: Vec<(Timestamp, Timestamp)>,
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
        let mine = |upset: &&super::diary::Upset| id.is_none() || upset.call.is_none() || upset.call == id;
        let mut upsets: Vec<_> = diary.upsets.iter().filter(mine).map(|upset| (upset.from, upset.to)).collect();
        let posts = ledger.posts().iter().filter(|post| legs.contains(&post.leg));
        let unheard = posts.clone().filter(|post| post.event_type == "call.answered" && lost(post).is_some());
        let unheard = unheard.map(|post| post.leg).collect();
        upsets.extend(posts.clone().filter_map(lost));
        upsets.extend(posts.filter_map(|post| delayed(post, world.webhook_timeout())));
        upsets.extend(chapters.iter().filter_map(late));
        upsets.extend(chapters.iter().filter_map(unknown_gather));
        let ours: BTreeSet<String> = rows.iter().map(|(id, _)| id.to_string()).collect();
        let known = |sent: &&CommandEntry| sent.command_id.as_ref().is_some_and(|id| ours.contains(id));
        let some_do_nothing = world.counts().get("fault.ignored").is_some_and(|count| *count > 0);
        let nothing = ledger.commands().iter().filter(known).filter(|sent| some_do_nothing || sent.repeated);
        upsets.extend(nothing.filter_map(|sent| does_nothing(sent, ledger)));
        upsets.sort_unstable();
        let names = legs.iter().map(|leg| (*leg, world.control_id(*leg).map(str::to_owned))).collect();
        let is_pressed = world.settings().first_command_timeout.is_some();
        Self {
            outcome,
            is_pressed,
            unheard,
            commands: ledger.commands_to(legs).collect(),
            chapters,
            entries: ledger.of_legs(legs),
            caller: legs.first().copied(),
            names,
            upsets,
        }
    }

    /// Whether something that lasts from `from` to `to` keeps within a bound: each disturbance that comes while it
    /// may still last gives it more time.
    pub fn keeps(&self, from: Timestamp, to: Timestamp, bound: Bound) -> bool {
        let mut until = later(from, bound.calm);
        for (start, end) in &self.upsets {
            if *start <= until && *end <= to {
                until = until.max(later(*end, bound.upset));
            } else if *start <= until {
                return true;
            }
        }
        to <= until
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
        if self
            .entries
            .iter()
            .rev()
            .filter(|entry| entry.at <= end.at)
            .find(joins)
            .is_none_or(|one| one.at > decided.at)
        {
            return false;
        }
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

/// The stretch until news was heard that came late, or after that of the leg's end. The begin of a text that is heard
/// late is taken for the next one's, since nothing tells which text it is of, and the end of that is waited for.
fn late(chapter: &Chapter) -> Option<(Timestamp, Timestamp)> {
    let at = chapter.event.at?;
    let What::Leg { news, .. } = &chapter.event.what else { return None };
    let joins = matches!(news, News::Answered | News::Bridged);
    let overtaken = joins && chapter.decision.remarks.contains(&Remark::Ignored { why: Ignored::Late });
    let until = if *news == News::SpeechStarted { later(chapter.at, LONGEST_TEXT) } else { chapter.at };
    (overtaken || between(at, chapter.at) > IN_TIME).then_some((at, until))
}

/// The stretch in which nobody knows whether a caller is asked for a key: no word comes of that until it would be over.
fn unknown_gather(chapter: &Chapter) -> Option<(Timestamp, Timestamp)> {
    let What::Settled(settled) = &chapter.event.what else { return None };
    let unknown = settled.kind == Kind::Gather && settled.verdict == Verdict::Unknown;
    unknown.then(|| (chapter.at, later(chapter.at, LONGEST_GATHER)))
}

/// The stretch in which news that never comes is missed. Nothing can be asked of Telnyx about a leg that rings, or
/// about what is being played: what was lost of them shows only when their time is over.
fn lost(post: &PostEntry) -> Option<(Timestamp, Timestamp)> {
    let until = match post.event_type {
        "call.answered" | "call.hangup" => later(post.at, LONGEST_RING),
        "call.speak.ended" => later(post.at, LONGEST_TEXT),
        "call.gather.ended" => later(post.at, LONGEST_GATHER),
        "call.playback.ended" => later(post.at, LONGEST_AUDIO),
        _ => post.at,
    };
    match post.fate {
        Fate::Dropped | Fate::GivenUp(_) => Some((post.at, until)),
        Fate::Taken | Fate::Failed(_) => None,
    }
}

/// The stretch in which nobody knew yet that an attempt to deliver had failed.
fn delayed(post: &PostEntry, timeout: Duration) -> Option<(Timestamp, Timestamp)> {
    let failed = matches!(post.fate, Fate::Failed(_) | Fate::GivenUp(_));
    failed.then(|| (post.at.saturating_sub(timeout).unwrap_or(post.at), post.at))
}

/// A command that was taken and did nothing. A leg that never was and one that rings look alike.
fn does_nothing(command: &CommandEntry, ledger: &Ledger) -> Option<(Timestamp, Timestamp)> {
    let until = match command.verb {
        "dial" | "transfer" => later(command.at, LONGEST_RING),
        "gather_using_speak" | "gather_using_audio" => later(command.at, LONGEST_GATHER),
        _ => command.at,
    };
    let taken = command.status.is_some_and(|status| status < 300);
    let effects = command.command_id.as_ref().map_or(0, |id| ledger.effects(id));
    (taken && effects == 0).then_some((command.at, until))
}
