//! How often calls were passed on, by what came in and what went out on the wire.

use super::diary::Diary;
use crate::sim::{CallOutcome, Header, World};

/// The header that counts it.
const HEADER: &str = "X-Switchhook-Hops";

/// Nobody is rung for a call that was passed on as often as calls may be, and whoever is rung is told the count.
pub(super) fn hops(world: &World, call: &CallOutcome, most: u8, diary: &mut Diary) {
    let came_with = world.legs(call.call).first().map(|caller| world.headers(*caller));
    let count = counted(came_with.unwrap_or_default()).unwrap_or(0);
    let name = &call.name;
    if count > 0 {
        diary.count(if count >= u64::from(most) { "hops.most" } else { "hops.fewer" });
    }
    for ring in &call.rings {
        if count >= u64::from(most) {
            diary.broken(format!("{name}: {} is rung, and the call was passed on too often", ring.target));
        }
        if counted(world.headers(ring.leg)) != Some(count + 1) {
            diary.broken(format!("{name}: {} is not told how often the call was passed on", ring.target));
        }
    }
}

/// The count that headers tell; what is none says nothing.
fn counted(headers: &[Header]) -> Option<u64> {
    let ours = headers.iter().filter(|header| header.name.eq_ignore_ascii_case(HEADER));
    ours.filter_map(|header| header.value.parse().ok()).filter(|count| *count < 100).max()
}
