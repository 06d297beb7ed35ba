//! What is proved of a routing file before there is any call, held against calls by it in which nothing goes wrong and whose
//! callers wait for ever: none waits longer than was proved, and none is picked up or turned away anywhere else.

use std::env::var;
use std::time::Duration;

use jiff::Timestamp;
use switchhook::call::{Chapter, EndWhy, Kind, Phase, Remark};
use switchhook::phone::Party;
use switchhook::play::{Play, PlayedCall};
use switchhook::prove::{Line, When, lines};
use switchhook::routing::StepId;
use switchhook::sim::{End, Script, Settings};

use super::draw::{draw, millis, secs};

/// One in so many lives is played so as well.
const ONE_IN: u64 = 5;
const AUDIO: Duration = millis(500);
/// How long a command and its news may be on their way.
const WAY: Duration = millis(1_000);

#[test]
fn nobody_waits_longer_than_was_proved_or_is_answered_elsewhere() {
    let lives: u64 = var("SWITCHHOOK_LIVES").ok().and_then(|lives| lives.parse().ok()).unwrap_or(super::LIVES);
    let (mut calls, mut long, mut broken) = (0, 0, Vec::new());
    for seed in 0..lives / ONE_IN {
        let life = draw(seed);
        let settings = Settings { audio_length: AUDIO, ..Settings::default() };
        let waiting = life.scripts.into_iter().map(|script| script.patience(secs(4 * 3600)));
        // In every other life nobody picks up.
        let alone = |script: Script| if seed % 2 == 0 { script } else { Script { callees: [].into(), ..script } };
        let scripts: Vec<_> = waiting.map(alone).collect();
        let played = Play::new(life.rules.clone(), seed, settings, &scripts).run();
        let proved = lines(&life.rules);
        for (script, call) in scripts.iter().zip(&played.calls) {
            let Some(line) = proved.iter().find(|line| line.number == script.to) else { continue };
            calls += 1;
            let wait = waits(&call.chapters);
            let most = line.wait.as_ref().map(|wait| wait.lasts);
            long += u64::from(most.is_some_and(|most| wait >= most.mul_f64(0.9)));
            let said = longer(line, call, wait).into_iter().chain(elsewhere(line, call));
            broken.extend(
                said.map(|what| format!("seed {seed}: {}: {what}\n{}\n{}", script.name, life.text, call.story)),
            );
        }
    }
    println!("{calls} calls, {long} of them wait for nearly as long as was proved, or longer for what is on its way");
    assert!(
        broken.is_empty(),
        "{}\n{} calls are not as was proved",
        broken[..broken.len().min(3)].join("\n"),
        broken.len()
    );
    // A proof that says much more than can be says nothing.
    assert!(lives < super::LIVES || long > calls / 5, "{long} of {calls} calls are too few");
}

/// How long the caller waited for somebody: until he had him, or until the last who was rung for him was out of it. Whoever
/// leaves a message waits no longer, whatever comes after it.
fn waits(chapters: &[Chapter]) -> Duration {
    let Some(first) = chapters.first() else { return Duration::ZERO };
    let message = chapters.iter().position(|chapter| matches!(chapter.decision.call.phase, Phase::Recording(_)));
    let chapters = message.and_then(|at| chapters.get(..=at)).unwrap_or(chapters);
    let rings = |chapter: &Chapter| match chapter.decision.call.phase {
        Phase::Ringing(_) | Phase::Transferring(_) => true,
        Phase::Arriving | Phase::Discovered { .. } | Phase::Foreign { .. } | Phase::Answering(_) => false,
        Phase::Speaking(_) | Phase::Choosing(_) | Phase::Recording(_) | Phase::Apologising(_) => false,
        Phase::Talking { .. } | Phase::Ending { .. } | Phase::Ended { .. } => false,
    };
    let last = chapters.windows(2).rfind(|two| rings(&two[0]) && !rings(&two[1]));
    last.map_or(Duration::ZERO, |two| since(first.at, two[1].at))
}

fn since(first: Timestamp, at: Timestamp) -> Duration {
    Duration::try_from(at.duration_since(first)).unwrap()
}

/// He waited for longer than was proved. Commands have a way to go, and audio is not counted.
fn longer(line: &Line<'_>, call: &PlayedCall, wait: Duration) -> Option<String> {
    let kinds = call.chapters.iter().flat_map(|chapter| &chapter.decision.commands).map(|command| command.verb.kind());
    let commands = kinds.filter(|kind| *kind != Kind::Hangup).count();
    let most = (WAY + AUDIO) * u32::try_from(commands).unwrap();
    let proved = line.wait.as_ref().map(|wait| wait.lasts);
    let is_longer = proved.map_or(!wait.is_zero(), |proved| wait > proved + most);
    is_longer.then(|| format!("he waits longer than was proved: {wait:?}, and {commands} commands; proved: {proved:?}"))
}

/// He is picked up, or turned away, where that was not to be.
fn elsewhere(line: &Line<'_>, call: &PlayedCall) -> Option<String> {
    let proved = &line.picked_up;
    let decides = |kind: Kind| {
        let wants = move |chapter: &&Chapter| chapter.decision.commands.iter().any(|one| one.verb.kind() == kind);
        call.chapters.iter().find(wants)
    };
    let step = |chapter: &Chapter| chapter.decision.call.step.unwrap_or(StepId(u32::MAX));
    if let Some(chapter) = decides(Kind::Answer) {
        let remarks = &chapter.decision.remarks;
        let waited = remarks.iter().any(|remark| matches!(remark, Remark::WaitedLong));
        let taken = remarks.iter().any(|remark| matches!(remark, Remark::Takes { .. }));
        let when = if waited {
            When::Waited
        } else if taken {
            When::Taken
        } else {
            When::Begins
        };
        let known = proved.at.contains(&(step(chapter), when));
        return (!known).then(|| format!("he is answered elsewhere than was proved: {:?} {when:?}", step(chapter)));
    }
    if call.outcome.answered.is_some() {
        let given = call.chapters.last().map(step).is_some_and(|step| proved.at.contains(&(step, When::Taken)));
        return (!given).then(|| "he is answered elsewhere than was proved, by a transfer".to_owned());
    }
    let ends = call.chapters.iter().flat_map(|chapter| &chapter.decision.remarks);
    let by_rules = |remark: &Remark| matches!(remark, Remark::Ends { why: EndWhy::Step | EndWhy::ListEnded });
    let turned_away = matches!(call.outcome.end, Some(End::Rejected(_) | End::HungUp)) && ends.clone().any(by_rules);
    let known = !proved.turned_away.is_empty();
    (turned_away && !known).then(|| "he is turned away unanswered, which was not to be".to_owned())
}

#[test]
fn the_number_called_is_the_one_that_was_proved() {
    let life = draw(1);
    for line in lines(&life.rules) {
        assert_eq!(life.rules.entry(&Party::read(line.number)), Some(line.entry));
    }
}
