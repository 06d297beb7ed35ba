//! People who call, and what those who are rung do.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use fastrand::Rng;
use switchhook::sim::{Callee, Script, Side};

use crate::stage::Phones;

const LINES: [&str; 5] = ["+12025550100", "+12025550101", "+12025550102", "+12025550103", "+12025550105"];
const PEOPLE: [&str; 4] = ["+12025550111", "+12025550112", "+12025550113", "+12025550114"];
/// Between two calls.
const CALL_EVERY: Duration = Duration::from_millis(60);

/// People who call, one after another, until they are stopped.
pub struct Callers {
    stop: Arc<AtomicBool>,
    thread: thread::JoinHandle<()>,
}

impl Callers {
    pub fn start(phones: Phones, seed: u64) -> Self {
        let stop: Arc<AtomicBool> = Arc::default();
        let stopped = stop.clone();
        let thread = thread::spawn(move || {
            let mut rng = Rng::with_seed(seed);
            while !stopped.load(Ordering::Relaxed) {
                phones.call(&script(&mut rng));
                thread::sleep(CALL_EVERY);
            }
        });
        Self { stop, thread }
    }

    pub fn stop(self) {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().unwrap();
    }
}

/// Somebody who calls one of the lines, and what those who are rung do.
fn script(rng: &mut Rng) -> Script {
    let from = format!("+1312555{:04}", rng.u32(..10_000));
    let mut script = Script::call("a call", &from, LINES[rng.usize(..LINES.len())])
        // Some wait for as long as it takes: whoever is forgotten is there to be found.
        .patience(Duration::from_millis(if rng.bool() { rng.u64(2_000..15_000) } else { 60_000 }))
        .message(Duration::from_millis(rng.u64(300..6_000)))
        .talk(Duration::from_millis(rng.u64(300..3_000)), if rng.bool() { Side::Caller } else { Side::Callee });
    for person in PEOPLE {
        let after = Duration::from_millis(rng.u64(100..2_500));
        script = script.callee(
            person,
            match rng.u8(..8) {
                0 => Callee::Busy { after },
                1 => Callee::Declines { after },
                2 => Callee::RingsOut,
                3 => Callee::Refused { status: 422, code: "10016".to_owned() },
                _ => Callee::answers(after),
            },
        );
    }
    script
}
