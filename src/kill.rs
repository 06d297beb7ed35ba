//! Named places where a test ends this process, as a loss of power would. A build without the feature `kill_points` has
//! none of them.

/// Ends the process here, if `SWITCHHOOK_KILL` says so and the condition holds where there is one.
macro_rules! kill_point {
    ($name:literal) => {
        #[cfg(feature = "kill_points")]
        $crate::kill::pass($name);
    };
    ($name:literal, $if:expr) => {
        #[cfg(feature = "kill_points")]
        if $if {
            $crate::kill::pass($name);
        }
    };
}
pub(crate) use kill_point;

/// Every place, on the way of a webhook, of a command and of a notice.
#[cfg(feature = "kill_points")]
pub const POINTS: [&str; 19] = [
    "webhook.verified",
    "batch.locked",
    "batch.decided",
    "batch.journaled",
    "batch.before_commit",
    "batch.after_commit",
    "webhook.before_200",
    "dispatch.before_send",
    "dispatch.after_send",
    "dispatch.before_settle",
    "dispatch.after_settle",
    "alarm.before_apply",
    "takeover.claimed",
    "lookup.answered",
    "notice.written",
    "notice.claimed",
    "notice.given_back",
    "notice.before_settle",
    "notice.after_settle",
];

/// Counts one time past a place. `SWITCHHOOK_KILL=batch.decided:3` ends the process at the third time past that place.
#[cfg(feature = "kill_points")]
pub fn pass(name: &str) {
    use std::sync::LazyLock;
    use std::sync::atomic::{AtomicU32, Ordering};

    static ORDER: LazyLock<Option<(String, u32)>> = LazyLock::new(|| {
        let order = std::env::var("SWITCHHOOK_KILL").ok()?;
        let (name, times) = order.split_once(':')?;
        Some((name.to_owned(), times.parse().ok()?))
    });
    static PASSED: AtomicU32 = AtomicU32::new(0);
    if let Some((_, times)) = ORDER.as_ref().filter(|(place, _)| place == name)
        && PASSED.fetch_add(1, Ordering::Relaxed) + 1 == *times
    {
        // Nothing is flushed, closed or said on the way out.
        std::process::abort();
    }
}
