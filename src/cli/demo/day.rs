//! The day on which the demo's calls are made.

use anyhow::{Context as _, Result};
use jiff::Timestamp;
use jiff::civil::date;
use jiff::tz::TimeZone;

/// When it begins: on a Monday, 10:00 in New York.
pub fn begin() -> Result<Timestamp> {
    Ok(date(2026, 3, 9).at(10, 0, 0, 0).to_zoned(zone()?)?.timestamp())
}

/// The time of day there.
pub fn time_of_day(now: Timestamp) -> String {
    now.to_zoned(zone().unwrap_or(TimeZone::UTC)).strftime("%H:%M:%S").to_string()
}

fn zone() -> Result<TimeZone> {
    TimeZone::get("America/New_York").context("the time zone data are missing")
}
