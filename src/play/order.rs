//! What is known of legs is a matter of what happened to them, not of the order in which it was heard.

use fastrand::Rng;

use super::memory::Kept;
use crate::call::{Call, Cause, Event, LegNo, LegState, Phase, What, decide};
use crate::routing::Rules;

/// How far a leg has come, without the moments: these are those of hearing of it.
#[derive(Debug, PartialEq, Eq)]
enum Far {
    Dialled,
    Ringing,
    Answered,
    Ended(Cause),
}

/// Whether the webhooks of a call, some of them twice, tell the same of its legs in another order.
pub(super) fn tells_the_same(kept: &Kept, events: &[&Event], rules: &Rules, rng: &mut Rng) -> bool {
    let webhooks: Vec<&Event> = events.iter().copied().filter(|event| matches!(event.what, What::Leg { .. })).collect();
    let twice = webhooks.iter().copied().filter(|_| rng.u8(0..4) == 0);
    let mut other: Vec<&Event> = webhooks.iter().copied().chain(twice).collect();
    rng.shuffle(&mut other);
    far(&kept.call, &webhooks, rules) == far(&kept.call, &other, rules)
}

/// How far legs come that are known by name, and of which nothing was heard before.
fn far(call: &Call, events: &[&Event], rules: &Rules) -> Vec<Far> {
    let mut call = call.clone();
    // Where nothing is under way, nothing but the legs changes.
    call.phase = Phase::Ended { since: call.began };
    for leg in &mut call.legs {
        leg.state = if leg.no == LegNo::CALLER { LegState::Ringing } else { LegState::Dialled };
        (leg.heard, leg.lost, leg.supposed, leg.stop) = (false, false, false, None);
    }
    let now = call.began;
    let call = events.iter().fold(call, |call, event| decide(call, event, rules, now).call);
    call.legs
        .iter()
        .map(|leg| match leg.state {
            LegState::Dialled => Far::Dialled,
            LegState::Ringing => Far::Ringing,
            LegState::Answered { .. } => Far::Answered,
            LegState::Ended { cause, .. } => Far::Ended(cause),
        })
        .collect()
}
