//! Requests by dice, in a world in which everything goes wrong: nothing makes it panic, and one seed is one world.

use std::collections::BTreeMap;

use fastrand::Rng;
use jiff::Timestamp;
use serde_json::json;

use super::stage::{ANNA, BEN, CALLER, LINE, SECOND, answers};
use super::switches::Switches;
use super::{Callee, Fault, Mishap, Rates, Script, Settings, World};

const EVE: &str = "sip:eve@example.com";

/// A world in which everything goes wrong, and requests by dice; everything that comes out of it.
fn storm(seed: u64, requests: u32) -> (World, Vec<u8>) {
    let mut rng = Rng::with_seed(seed);
    let mut settings = Settings { switches: Switches::draw(&mut rng), ..Settings::default() };
    settings.faults = [Fault::Error, Fault::ErrorDone, Fault::TooMany, Fault::Hang, Fault::HangDone, Fault::Ignored]
        .into_iter()
        .fold(Rates::default(), |rates, fault| rates.with(fault, 0.04));
    settings.network = [Mishap::Delay, Mishap::Duplicate, Mishap::Swap, Mishap::Drop, Mishap::Lose]
        .into_iter()
        .fold(Rates::default(), |rates, mishap| rates.with(mishap, 0.1));
    let mut now: Timestamp = "2026-03-09T10:00:00Z".parse().unwrap();
    let mut world = World::new(seed, settings);
    let mut out = Vec::new();
    let actions = [
        "answer",
        "reject",
        "hangup",
        "bridge",
        "transfer",
        "speak",
        "playback_start",
        "playback_stop",
        "record_start",
        "record_stop",
        "fly",
    ];
    for n in 0..requests {
        if n % 20 == 0 {
            world.call_in(now, &dice_script(&mut rng));
        }
        now = now.saturating_add(SECOND.mul_f64(rng.f64() * 4.0)).unwrap();
        for delivery in world.poll(now) {
            out.extend_from_slice(&delivery.body);
            let status = rng.choice([Some(200), Some(200), Some(200), Some(503), Some(404), None]).flatten();
            world.delivered(delivery.id, status, now);
        }
        let legs: Vec<String> = world.legs.iter().rev().take(6).map(|leg| leg.control_id.clone()).collect();
        let leg = rng.choice(&legs).cloned().unwrap_or_default();
        let target = match rng.u8(..10) {
            0..2 => "/v2/calls".to_owned(),
            2 => format!("/v2/calls/{leg}"),
            3 => "/v2/connections/2000000000000000001/active_calls?page[limit]=0".to_owned(),
            _ => format!("/calls/{leg}/actions/{}", rng.choice(actions).unwrap()),
        };
        let body = dice_body(&mut rng, &legs);
        let method = rng.choice(["POST", "POST", "POST", "GET"]).unwrap();
        match world.request(now, method, &target, &body) {
            Ok(reply) => out.extend_from_slice(&reply.body),
            Err(_) => out.push(b'-'),
        }
    }
    (world, out)
}

fn dice_script(rng: &mut Rng) -> Script {
    let after = SECOND * rng.u32(0..20);
    let callee = [answers(3), Callee::Vanishes { after }, Callee::Busy { after }, Callee::RingsOut];
    let callee = rng.choice(callee).unwrap();
    let from = format!("+1202555{:04}", rng.u32(..10_000));
    Script::call("dice", &from, LINE).patience(SECOND * rng.u32(1..200)).callee(ANNA, callee).callee(BEN, answers(1))
}

/// A body in which every field is right, wrong or missing.
fn dice_body(rng: &mut Rng, legs: &[String]) -> Vec<u8> {
    if rng.u8(..20) == 0 {
        let junk: Vec<u8> = (0..rng.usize(..40)).map(|_| rng.u8(..)).collect();
        return junk;
    }
    let mut body = json!({
        "connection_id": "2000000000000000001", "from": CALLER, "to": rng.choice([ANNA, BEN, EVE]).unwrap(),
        "link_to": rng.choice(legs), "call_control_id": rng.choice(legs), "cause": "USER_BUSY",
        "channels": "single", "format": "mp3", "max_length": 20,
        "payload": "Hello.", "voice": "female", "audio_url": "https://example.com/a.mp3",
        "command_id": rng.u8(..8).to_string(), "client_state": "QQ==", "timeout_secs": 20, "loop": 2, "stop": "all",
        "time_limit_secs": 60, "park_after_unbridge": "self", "bridge_on_answer": true, "early_media": false,
        "webhook_retries_policies": {"call.hangup": {"retries_ms": [1]}},
    });
    let fields = body.as_object_mut().unwrap();
    for name in fields.keys().cloned().collect::<Vec<_>>() {
        let wrong = [json!(7), json!("x"), json!(true), json!([]), json!({"x": {}}), json!(u64::MAX), json!(-1)];
        match rng.u8(..30) {
            0 => drop(fields.insert(name, rng.choice(wrong).unwrap())),
            1..6 => drop(fields.remove(&name)),
            _ => {}
        }
    }
    body.to_string().into_bytes()
}

#[test]
fn the_same_seed_gives_the_same_world_byte_for_byte() {
    let (first, second) = (storm(5, 300), storm(5, 300));
    assert!(first.1 == second.1, "the same requests, other bytes");
    let ledger = |world: &World| serde_json::to_string(world.ledger()).unwrap();
    assert_eq!(ledger(&first.0), ledger(&second.0));
    assert!(first.1 != storm(6, 300).1);
}

#[test]
fn no_request_makes_it_panic_and_everything_that_can_happen_does() {
    let mut counts: BTreeMap<String, u64> = BTreeMap::new();
    let mut effects = 0;
    for seed in 0..10 {
        let (mut world, _) = storm(seed, 300);
        for (name, count) in world.counts() {
            *counts.entry(name).or_default() += count;
        }
        effects += world.outcomes().iter().map(|outcome| outcome.most_effects).sum::<u32>();
        serde_json::to_string(&(world.outcomes(), world.ledger())).unwrap();
        // And it comes to rest: nothing goes on for ever.
        world.calm();
        let mut last = Timestamp::MIN;
        while let Some(due) = world.next_due() {
            for delivery in world.poll(due) {
                world.delivered(delivery.id, Some(200), due);
            }
            assert!(due >= last);
            last = due;
        }
        assert!(world.outcomes().iter().all(|outcome| outcome.ended.is_some()), "seed {seed}");
    }
    let never: Vec<_> = counts.iter().filter(|(_, count)| **count == 0).collect();
    assert!(never.is_empty() && counts.len() >= 15, "{counts:?}");
    assert!(effects > 0);
}
