//! The world breaks for a while and is mended, under calls; the server goes on, and is not started again.

use std::time::Duration;

use crate::server::wait_for;
use crate::stage::{Stage, now};

/// How soon what is there again is used again.
const BACK_WITHIN: Duration = Duration::from_secs(2);
/// How many webhooks must be taken before, and must be put off meanwhile.
const SOME: usize = 25;

/// Lets something break and mends it after a while, once it is felt: senders are told to come again, and soon after the
/// end they are taken. What was counted.
pub fn suffer(stage: &Stage, name: &str, lasts: Duration, begin: impl FnOnce(), end: impl FnOnce()) -> String {
    let before = now().as_millisecond();
    wait_for("all is well", || (stage.postman.answered(before, Some(200)) >= SOME).then_some(()));
    stage.wait_until_busy();
    let since = now();
    begin();
    let out = now().as_millisecond();
    wait_for(&format!("{name} is felt"), || {
        let felt = stage.postman.answered(out, Some(503)) >= SOME;
        (felt && now().as_millisecond().abs_diff(out) >= lasts.as_millis() as u64).then_some(())
    });
    end();
    let back = now().as_millisecond();
    let taken = wait_for("it is used again", || stage.postman.first_taken(back));
    stage.harm(since);
    let took = Duration::from_millis(taken.abs_diff(back));
    assert!(took <= BACK_WITHIN, "after {name} it took {took:?}");
    let (put_off, lost) = (stage.postman.answered(out, Some(503)), stage.postman.answered(out, None));
    format!("\n  {name}: {put_off} put off, {lost} without an answer in {} ms; used again after {took:?}", back - out)
}
