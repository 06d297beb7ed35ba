//! What became of a play: each call by the ledger, as a story, and everything that should not be.

use std::collections::{BTreeMap, BTreeSet};

use fastrand::Rng;

use super::check::check;
use super::diary::{Diary, Heard, Try};
use super::hearsay;
use super::hops::hops;
use super::judge::Case;
use super::memory::{Kept, Memory, Row, rendered};
use super::order::tells_the_same;
use super::trouble::Trouble;
use crate::call::{CallId, Chapter, CommandId, Event, Kind, Verdict, replay, story};
use crate::routing::{Action, Rules};
use crate::sim::{CallOutcome, CommandEntry, PostEntry, World};

/// In how many other orders the news of every call is heard once more.
const ORDERS: usize = 20;

/// What became of a play.
#[derive(Debug)]
pub struct Played {
    /// The calls, in the order of their scripts; then those that phones have passed on.
    pub calls: Vec<PlayedCall>,
    /// Everything that must not happen and did, a sentence each; empty if all is well.
    pub broken: Vec<String>,
    /// Every command as often as it left us, in order.
    pub tries: Vec<Try>,
    /// What was heard by those who are told of calls, in order.
    pub heard: Vec<Heard>,
    /// How often what happened.
    pub counts: BTreeMap<String, u64>,
}

/// What became of one call.
#[derive(Debug)]
pub struct PlayedCall {
    /// Our id of it; `None` if we never heard of it.
    pub id: Option<CallId>,
    /// What happened, by the simulator's ledger.
    pub outcome: CallOutcome,
    /// What was decided, by the journal.
    pub chapters: Vec<Chapter>,
    /// The same as a story.
    pub story: String,
    /// The requests that reached Telnyx, and what became of them.
    pub requests: Vec<CommandEntry>,
    /// The webhooks of its legs, attempt by attempt.
    pub posts: Vec<PostEntry>,
}

impl Played {
    /// `orders` is where the other orders come from in which news is heard once more.
    pub(super) fn of(
        world: World,
        memory: Memory,
        mut diary: Diary,
        rules: &Rules,
        trouble: &Trouble,
        orders: u64,
    ) -> Self {
        let mut played = Vec::new();
        for no in world.all_calls() {
            let Some(outcome) = world.outcome(no) else { continue };
            let id = world.caller(no).and_then(|handle| memory.of_handle(handle));
            let kept = id.and_then(|id| memory.calls().find(|(known, _)| *known == id));
            let rows = id.map(|id| memory.rows(id)).unwrap_or_default();
            let chapters = match kept {
                Some((id, kept)) => told(id, kept, &rows, &world, rules, orders, &mut diary),
                None => Vec::new(),
            };
            let case = Case::new(&world, no, outcome, id, &rows, &chapters, &diary);
            let name = case.outcome.name.clone();
            let mut broken = check(&case, kept.map(|(_, kept)| kept), &rows);
            broken.extend(hearsay::check(&chapters, &rows, rules, &diary.heard, trouble));
            let outcome = case.outcome;
            diary.broken.extend(broken.into_iter().map(|what| format!("{name}: {what}")));
            let story = story(&chapters, rules);
            let ours = |sent: &&CommandEntry| {
                let id = sent.command_id.as_deref();
                rows.iter().any(|(known, _)| Some(known.to_string().as_str()) == id)
            };
            let requests = world.ledger().commands().iter().filter(ours).cloned().collect();
            let legs = world.legs(no);
            let posts = world.ledger().posts().iter().filter(|post| legs.contains(&post.leg)).cloned().collect();
            played.push(PlayedCall { id, outcome, chapters, story, requests, posts });
        }
        let ours: Vec<CallId> = played.iter().filter_map(|call| call.id).collect();
        for (id, kept) in memory.calls().filter(|(id, _)| !ours.contains(id)) {
            let rows = memory.rows(id);
            let chapters = told(id, kept, &rows, &world, rules, orders, &mut diary);
            strangers(id, &chapters, &rows, &mut diary);
        }
        if let Some(id) = ours.iter().find(|id| diary.strangers.contains(id)) {
            diary.broken(format!("call {id} was changed by what is not its own"));
        }
        effects(&world, &memory, &mut diary);
        targets(&played, rules, trouble, &mut diary);
        played.iter().for_each(|call| hops(&world, &call.outcome, rules.outbound.hops, &mut diary));
        let mut counts = world.counts();
        counts.extend(diary.counts);
        Self { calls: played, broken: diary.broken, tries: diary.tries, heard: diary.heard, counts }
    }
}

/// A call that is none of those played: somebody else's, which nothing may be wanted of but a look.
fn strangers(id: CallId, chapters: &[Chapter], rows: &[(CommandId, &Row)], diary: &mut Diary) {
    let last = chapters.last().map_or("nowhere", |chapter| chapter.decision.call.phase.word());
    if !diary.strangers.contains(&id) {
        diary.broken(format!("call {id} is nobody's: {last}"));
    }
    if last != "ended" {
        diary.broken(format!("call {id} of a stranger is {last} at rest"));
    }
    for (_, row) in rows.iter().filter(|(_, row)| row.kind != Kind::Look) {
        diary.broken(format!("call {id} of a stranger has a {}", row.kind));
    }
    let words: Vec<&str> = chapters.iter().map(|chapter| chapter.decision.call.phase.word()).collect();
    words.iter().for_each(|word| diary.count(&format!("stranger.{word}")));
}

/// What took effect was decided, and took effect once.
fn effects(world: &World, memory: &Memory, diary: &mut Diary) {
    for (id, times) in world.ledger().doubled() {
        diary.broken(format!("command {id} took effect {times} times"));
    }
    let decided: BTreeSet<String> = memory.ids().map(|id| id.to_string()).collect();
    for id in memory.ids() {
        let accepted = memory.row(id).filter(|row| matches!(row.verdict, Some(Verdict::Accepted { .. })));
        if let Some(row) = accepted
            && let Some(what) = unmade(id, row, world, diary)
        {
            diary.broken(what);
        }
    }
    for sent in world.ledger().commands() {
        if !sent.command_id.as_ref().is_some_and(|id| decided.contains(id)) {
            diary.broken(format!("a {} was sent that nobody has decided", sent.verb));
        }
    }
}

/// What is wrong with a command that was accepted, by what the ledger says of its tries.
fn unmade(id: CommandId, row: &Row, world: &World, diary: &Diary) -> Option<String> {
    let (kind, text) = (row.kind, id.to_string());
    if matches!(kind, Kind::Look | Kind::Find | Kind::Recordings | Kind::Notify) || diary.ignored.contains(&id) {
        return None;
    }
    let tries = world.ledger().commands().iter().filter(|sent| sent.command_id.as_deref() == Some(&text));
    let statuses: Vec<_> = tries.map(|sent| sent.status).collect();
    if statuses.is_empty() {
        return Some(format!("command {text} ({kind}) was accepted and never sent"));
    }
    let taken = statuses.iter().flatten().any(|status| *status < 300);
    (!taken).then(|| format!("command {text} ({kind}) was refused, and counts as accepted"))
}

/// Nobody is rung whom the rules do not name, whom the operator has stopped, or whom the rules of now forbid to ring.
fn targets(played: &[PlayedCall], rules: &Rules, trouble: &Trouble, diary: &mut Diary) {
    let named: BTreeSet<&str> = rules.steps.iter().flat_map(|step| named(&step.action)).collect();
    for ring in played.iter().flat_map(|call| &call.outcome.rings) {
        if !named.contains(ring.target.as_str()) {
            diary.broken(format!("{} is rung, and the rules do not name him", ring.target));
        }
        if trouble.stops(&ring.target) {
            diary.broken(format!("{} is rung, though it is stopped", ring.target));
        }
        if trouble.forbids(&ring.target) {
            diary.broken(format!("{} is rung, though the rules of now forbid it", ring.target));
        }
    }
}

fn named(action: &Action) -> Vec<&str> {
    match action {
        Action::Ring(ring) => ring.members.iter().map(|member| member.target.as_str()).collect(),
        Action::Transfer(transfer) => vec![transfer.target.as_str()],
        Action::Answer | Action::Say(_) | Action::Play(_) | Action::Reject(_) | Action::Hangup => Vec::new(),
        Action::Menu(_) | Action::Voicemail(_) | Action::Goto { .. } | Action::Do { .. } => Vec::new(),
    }
}

/// Decides the journal of a call again, from its stored form: the same commands must come of it, byte for byte.
fn told(
    id: CallId,
    kept: &Kept,
    rows: &[(CommandId, &Row)],
    world: &World,
    rules: &Rules,
    orders: u64,
    diary: &mut Diary,
) -> Vec<Chapter> {
    let read = |(at, json): &(_, String)| Some((*at, serde_json::from_str::<Event>(json).ok()?));
    let journal: Vec<_> = kept.journal.iter().filter_map(read).collect();
    let events: Vec<&Event> = journal.iter().map(|(_, event)| event).collect();
    let mut rng = Rng::with_seed(orders.wrapping_add(u64::from(kept.call.commands)));
    if !(0..ORDERS).all(|_| tells_the_same(kept, &events, rules, &mut rng)) {
        diary.broken(format!("call {id}: its webhooks in another order tell something else of its legs"));
    }
    let chapters = replay(id, rules, journal.iter().map(|(at, event)| (*at, event)));
    if chapters.last().map(|chapter| &chapter.decision.call) != Some(&kept.call) {
        diary.broken(format!("call {id}: decided again, it comes to another state"));
    }
    let line = &world.settings().connection_id;
    let commands = chapters.iter().flat_map(|chapter| &chapter.decision.commands);
    let again = commands.map(|command| (command.id, rendered(command, line)));
    if !again.eq(rows.iter().map(|(id, row)| (*id, row.request.clone()))) {
        diary.broken(format!("call {id}: decided again, it wants other commands"));
    }
    let stored = serde_json::to_string(&kept.call).ok().and_then(|json| serde_json::from_str(&json).ok());
    if stored.as_ref() != Some(&kept.call) {
        diary.broken(format!("call {id}: its state does not survive being stored"));
    }
    chapters
}
