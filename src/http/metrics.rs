//! Every figure on one page.

use super::tally::Tally;
use crate::engine::{Counts, Stand};
use crate::store::Gauges;
use crate::telemetry::Page;

/// The page, in the form that Prometheus reads.
pub(super) fn page(tally: &Tally, counts: &Counts, gauges: Option<&Gauges>, stand: &Stand) -> String {
    let mut page = Page::default();
    tally.write(&mut page);
    counts.write(&mut page);
    if let Some(gauges) = gauges {
        write_gauges(&mut page, gauges);
    }
    page.gauge(
        "switchhook_config_last_reload_success_timestamp_seconds",
        "When what is in force was last found to be as the files say.",
        &[],
        stand.since.as_second(),
    );
    page.gauge(
        "switchhook_config_last_reload_successful",
        "Whether the files could be used when they were read last; if not, what was in force before still is.",
        &[],
        u8::from(stand.is_good()),
    );
    let build = [
        ("version", env!("CARGO_PKG_VERSION")),
        ("commit", option_env!("SWITCHHOOK_COMMIT").filter(|commit| !commit.is_empty()).unwrap_or("unknown")),
    ];
    page.gauge("switchhook_build_info", "Which build this is.", &build, 1);
    page.text()
}

/// What is the same on every node that shares the database.
fn write_gauges(page: &mut Page, gauges: &Gauges) {
    page.gauge("switchhook_calls_active", "Calls that live, on all nodes together.", &[], gauges.calls_active);
    page.gauge(
        "switchhook_deadlines_due",
        "Calls whose deadline is over and was not decided yet, on all nodes together.",
        &[],
        gauges.deadlines_due,
    );
    page.gauge(
        "switchhook_outbox_depth",
        "Commands to Telnyx without an outcome, on all nodes together.",
        &[],
        gauges.outbox_depth,
    );
    page.gauge(
        "switchhook_outbox_oldest_seconds",
        "How long the oldest of them has been waiting.",
        &[],
        gauges.outbox_oldest.as_secs_f64(),
    );
    page.gauge(
        "switchhook_notices_open",
        "Notices that those who are to be told have not taken yet, on all nodes together.",
        &[],
        gauges.notices_open,
    );
}
