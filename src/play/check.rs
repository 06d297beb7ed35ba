//! What must hold of every call, whatever happens to it.

use std::collections::BTreeMap;
use std::time::Duration;

use super::agenda::between;
use super::judge::{Bound, Case};
use super::memory::{Kept, Row};
use super::messages::messages;
use crate::call::{Chapter, CommandId, EndWhy, Leg, Phase, Remark, What as Event};
use crate::sim::{By, Entry, LegNo, What};

/// Silence for an answered caller.
const SILENCE: Bound = Bound::secs(5, 12);
/// A phone that rings on after its caller has left, from when we know of both.
const RINGS_ON: Bound = Bound::secs(2, 8);
/// Somebody who picked up and is neither joined nor hung up.
const FORGOTTEN: Bound = Bound::secs(5, 12);
/// A caller to be told that something went wrong, until he hears it or is hung up; and how long he may hear it.
const NO_APOLOGY: Bound = Bound::secs(5, 12);
const APOLOGY: Bound = Bound::secs(6, 22);
/// The same phone ringing on two legs: as long as it takes to hang up one of them.
const TWO_RINGS: Bound = Bound { calm: Duration::from_millis(500), upset: Duration::from_secs(8) };
/// An end that we do not know of.
const UNNOTICED: Bound = Bound::secs(60, 120);

/// Everything that does not hold of a call, a sentence each.
pub(super) fn check(case: &Case<'_>, kept: Option<&Kept>, rows: &[(CommandId, &Row)]) -> Vec<String> {
    let mut broken = Vec::new();
    silences(case, &mut broken);
    idles(case, &mut broken);
    twice(case, &mut broken);
    rings(case, &mut broken);
    bridges(case, &mut broken);
    ends(case, &mut broken);
    states(case, &mut broken);
    apologies(case, &mut broken);
    messages(case, kept, &mut broken);
    if let Some(kept) = kept {
        if !kept.call.has_ended() || kept.wake_at.is_some() {
            broken.push(format!("at rest it is still {}", kept.call.phase.word()));
        }
        for (id, row) in rows.iter().filter(|(_, row)| row.verdict.is_none()) {
            broken.push(format!("command {id} ({}) never had an outcome", row.kind));
        }
    }
    broken
}

fn silences(case: &Case<'_>, broken: &mut Vec<String>) {
    for silence in &case.outcome.silences {
        if !case.keeps(silence.from, silence.to, SILENCE) {
            broken.push(format!("the caller hears nothing for {:.1?}", silence.lasts()));
        }
    }
}

/// A caller who is not picked up yet and for whom nobody rings.
fn idles(case: &Case<'_>, broken: &mut Vec<String>) {
    // Of a call whose beginning is lost nobody knows that there is anything to do.
    let Some(heard) = case.since(|chapter| chapter.decision.call.route.is_some()) else { return };
    let (mut busy, mut since) = (BTreeMap::<(LegNo, bool), u32>::new(), None);
    for entry in &case.entries {
        let own = Some(entry.leg) == case.caller;
        match &entry.what {
            What::Gathers | What::Spoke { .. } | What::Played { .. } | What::Records { .. } => {
                *busy.entry((entry.leg, true)).or_default() += 1;
            }
            What::GatherEnded { .. } | What::MediaEnded | What::RecordingEnded { .. } => {
                busy.entry((entry.leg, true)).and_modify(|n| *n = n.saturating_sub(1));
            }
            What::Rang { .. } => drop(busy.insert((entry.leg, false), 1)),
            What::Bridged { .. } if own => drop(busy.insert((entry.leg, false), 1)),
            What::Answered if !own => drop(busy.remove(&(entry.leg, false))),
            What::HungUp { .. } => drop(busy.remove(&(entry.leg, false))),
            What::Arrived { .. } | What::Dialled { .. } | What::Transferred { .. } | What::Answered => {}
            What::Bridged { .. } | What::Parked | What::Rejected { .. } | What::Pressed { .. } => {}
            What::RecordingSaved { .. } => {}
        }
        let ended = own && matches!(entry.what, What::HungUp { .. });
        let idle = !ended && busy.values().all(|n| *n == 0);
        if let Some(from) = since.filter(|_| !idle) {
            let from = heard.max(from);
            if !case.keeps(from, entry.at, SILENCE) && !case.is_unanswerable(from, entry.at, SILENCE) {
                broken.push(format!("nothing is done for the caller for {:.1?}", between(from, entry.at)));
            }
            since = None;
        } else if since.is_none() && idle {
            since = Some(entry.at);
        }
        if ended || (own && entry.what == What::Answered) {
            return;
        }
    }
}

/// Somebody whose phone rings for the same caller on two legs at once, both of which we know. A leg that never showed
/// itself is nobody's to hang up.
fn twice(case: &Case<'_>, broken: &mut Vec<String>) {
    let rings = &case.outcome.rings;
    for (at, later) in rings.iter().enumerate() {
        for earlier in rings.iter().take(at).filter(|ring| ring.target == later.target) {
            let known = |leg| case.since(|chapter| case.ours(leg, chapter).is_some());
            let (Some(one), Some(other)) = (known(earlier.leg), known(later.leg)) else { continue };
            let (Some(first), Some(second)) = (earlier.rang, later.rang) else { continue };
            let from = first.max(second).max(one).max(other);
            let until = earlier.ended.into_iter().chain(later.ended).min();
            if until.is_none_or(|until| until > from && !case.keeps(from, until, TWO_RINGS)) {
                broken.push(format!("{} is rung twice at once", later.target));
            }
        }
    }
}

fn rings(case: &Case<'_>, broken: &mut Vec<String>) {
    for ring in &case.outcome.rings {
        let Some(ended) = ring.ended else { continue };
        let gone =
            case.since(|chapter| matches!(chapter.decision.call.phase, Phase::Ending { .. } | Phase::Ended { .. }));
        let known = case.since(|chapter| case.ours(ring.leg, chapter).is_some());
        if let (Some(left), Some(gone), Some(known), None) = (case.outcome.ended, gone, known, ring.answered) {
            let from = left.max(gone).max(known);
            if from < ended && !case.keeps(from, ended, RINGS_ON) {
                let lasts = between(from, ended);
                broken.push(format!("{} rings on for {lasts:.1?} after the caller has left", ring.target));
            }
        }
        if let Some(answered) = ring.answered {
            let joined =
                case.entries.iter().find(|entry| entry.leg == ring.leg && matches!(entry.what, What::Bridged { .. }));
            let until = joined.map_or(ended, |entry| entry.at);
            // A leg of which no word ever came, not even the answer to its dial, is nobody's to hang up.
            let from = known.map_or(until, |known| answered.max(known));
            if from < until && !case.keeps(from, until, FORGOTTEN) {
                let lasts = between(from, until);
                broken.push(format!("{} has picked up and hears nothing for {lasts:.1?}", ring.target));
            }
        }
    }
}

/// Walks through the talks: one at a time, and none is cut.
fn bridges(case: &Case<'_>, broken: &mut Vec<String>) {
    let mut peers: BTreeMap<LegNo, LegNo> = BTreeMap::new();
    let too_long = case.chapters.iter().any(|chapter| {
        chapter.decision.remarks.iter().any(|remark| matches!(remark, Remark::Ends { why: EndWhy::TooLong }))
    });
    for entry in &case.entries {
        if let What::Bridged { with } = entry.what {
            let before = peers.insert(entry.leg, with);
            // Of a talk that nobody told us of we know nothing, and nothing can be asked about it.
            let other = before.filter(|before| *before != with && !case.is_unheard(*before));
            // Whoever was given up and picks up all the same may have the caller taken to him: Telnyx does that.
            let other = other.filter(|before| case.is_calm() || !(case.is_given(*before) || case.is_given(with)));
            if other.is_some() && Some(entry.leg) == case.caller {
                broken.push("the caller is taken out of one talk into another".to_owned());
            }
        } else if let What::HungUp { by, .. } = entry.what {
            let peer = peers.remove(&entry.leg);
            let talking = peer.is_some_and(|peer| peers.get(&peer) == Some(&entry.leg));
            if talking && by == By::Command && !too_long && peer.is_some_and(|peer| case.knew_of_talk(entry, peer)) {
                broken.push("a talk is cut by a command".to_owned());
            }
        }
    }
    let unheard = |target: &&String| {
        let mut rings = case.outcome.rings.iter().filter(|ring| ring.target == **target);
        rings.any(|ring| case.is_unheard(ring.leg) || (!case.is_calm() && case.is_given(ring.leg)))
    };
    let mut truly: Vec<_> = case.outcome.bridged_to.iter().filter(|target| !unheard(target)).cloned().collect();
    truly.dedup();
    if truly.len() > 1 {
        broken.push(format!("the caller talks with several: {}", truly.join(", ")));
    }
    let connected = case.chapters.iter().flat_map(|chapter| &chapter.decision.remarks);
    let connected = connected.filter(|remark| matches!(remark, Remark::Connected { .. })).count();
    if case.is_calm() && connected != truly.len() {
        broken.push(format!("we tell of {connected} talks, and there were {}", truly.len()));
    }
}

/// The end is known on both sides.
fn ends(case: &Case<'_>, broken: &mut Vec<String>) {
    let Some(ended) = case.outcome.ended else { return };
    let last = case.outcome.rings.iter().filter_map(|ring| ring.ended).max();
    let last = last.map_or(ended, |last| last.max(ended));
    // Of a call of which nothing was heard nobody knows that it ends.
    let last = case.since(|_| true).map_or(last, |heard| heard.max(last));
    if let Some(over) = case.over()
        && over > last
        && !case.keeps(last, over, UNNOTICED)
        && !case.is_looked_at(last, over)
    {
        broken.push(format!("its end is not noticed for {:.1?}", between(last, over)));
    }
    if case.is_calm() && case.chapters.is_empty() {
        broken.push("we never heard of it".to_owned());
    }
    let limits = |entry: &&Entry| matches!(entry.what, What::HungUp { cause: "time_limit", .. });
    if case.is_calm() && case.entries.iter().any(limits) {
        broken.push("a limit of Telnyx ends it".to_owned());
    }
}

/// What must hold of every state our call was in.
fn states(case: &Case<'_>, broken: &mut Vec<String>) {
    for chapter in case.chapters {
        let call = &chapter.decision.call;
        let caller_lives = call.caller().is_some_and(Leg::is_live);
        let over = call.has_ended();
        for leg in call.legs.iter().filter(|leg| leg.is_live()) {
            if over || (!caller_lives && leg.stop.is_none()) {
                broken.push(format!("{} is left alone in {}", leg.name(), call.phase.word()));
            }
        }
    }
}

/// Where something went wrong on our side and no step says what is to be done, the caller hears so, and is hung up. Not if
/// somebody has him by then, or has him after all.
fn apologies(case: &Case<'_>, broken: &mut Vec<String>) {
    let faults = case.chapters.windows(2).filter_map(|pair| match pair {
        [before, fault] if matches!(fault.event.what, Event::Fault { .. }) && waits(before) => Some(fault.at),
        _ => None,
    });
    let Some(from) = faults.min() else { return };
    let tells = |what: &What| matches!(what, What::Spoke { text } if text.contains("something went wrong"));
    let own = || case.entries.iter().filter(|entry| Some(entry.leg) == case.caller);
    if own().any(|entry| matches!(entry.what, What::Bridged { .. })) {
        return;
    }
    let after = |found: &dyn Fn(&What) -> bool| own().find(|entry| entry.at >= from && found(&entry.what));
    let told = after(&tells).map(|entry| entry.at);
    let over = after(&|what| matches!(what, What::HungUp { .. })).map(|entry| entry.at);
    let Some(first) = told.into_iter().chain(over).min() else { return };
    if !case.keeps(from, first, NO_APOLOGY) {
        broken.push(format!("nobody apologises to the caller for {:.1?}", between(from, first)));
    }
    if let (Some(told), Some(over)) = (told, over)
        && !case.keeps(told, over, APOLOGY)
    {
        broken.push(format!("the caller is kept for {:.1?} after an apology", between(told, over)));
    }
}

/// Whether a call is under way, and nobody is being joined with its caller.
fn waits(chapter: &Chapter) -> bool {
    match &chapter.decision.call.phase {
        Phase::Answering(_) | Phase::Speaking(_) | Phase::Choosing(_) | Phase::Transferring(_) => true,
        Phase::Recording(_) => true,
        Phase::Ringing(ringing) => ringing.joining.is_none(),
        Phase::Arriving | Phase::Discovered { .. } | Phase::Foreign { .. } | Phase::Apologising(_) => false,
        Phase::Talking { .. } | Phase::Ending { .. } | Phase::Ended { .. } => false,
    }
}
