//! `schedules:`: the hours of a week by the clock on the wall of some place.
//!
//! A local time that does not exist, since the clocks were put forward over it, is the moment at which they were; one that
//! exists twice is the first of both.

use std::fmt;

use jiff::civil::{Date, Time};
use jiff::tz::{AmbiguousOffset, TimeZone};
use jiff::{Span, Timestamp};

/// The hours of a week.
#[derive(Clone, Debug, PartialEq)]
pub struct Schedule {
    /// Whose clock it goes by.
    pub zone: TimeZone,
    /// The hours of each day, Monday first.
    pub week: [Vec<Hours>; 7],
}

/// A stretch of hours, from the first moment to the one that is no longer of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Hours {
    /// When it begins.
    pub from: Wall,
    /// When it is over; not after `from`: on the day after.
    pub to: Wall,
}

/// A time on the wall, in minutes since midnight; 24:00 is midnight after the day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Wall(pub u16);

/// A time on the wall that is not what it seems.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Odd {
    /// The day.
    pub date: Date,
    /// The time.
    pub wall: Wall,
    /// It exists twice; else not at all.
    pub twice: bool,
    /// The moment that is taken for it.
    pub taken: Timestamp,
}

impl Schedule {
    /// Whether it is open at a moment.
    pub fn is_open(&self, now: Timestamp) -> bool {
        let today = now.to_zoned(self.zone.clone()).date();
        // Hours over midnight belong to the day they begin on; and where clocks are put back over midnight, tomorrow has
        // been here before.
        [today.yesterday().ok(), Some(today), today.tomorrow().ok()].into_iter().flatten().any(|date| {
            self.hours(date).iter().any(|hours| {
                let from = moment(&self.zone, date, hours.from);
                let to = moment(&self.zone, hours.last_day(date), hours.to);
                from.is_some_and(|from| from <= now) && to.is_some_and(|to| now < to)
            })
        })
    }

    /// The beginnings and ends of hours that fall on clocks being put forward or back, from a day on for so many days.
    pub fn oddities(&self, from: Date, days: u16) -> Vec<Odd> {
        let mut found = Vec::new();
        for date in from.series(Span::new().days(1)).take(days.into()) {
            for hours in self.hours(date) {
                for (date, wall) in [(date, hours.from), (hours.last_day(date), hours.to)] {
                    found.extend(odd(&self.zone, date, wall));
                }
            }
        }
        found.sort_by_key(|odd| (odd.date, odd.wall));
        found.dedup();
        found
    }

    fn hours(&self, date: Date) -> &[Hours] {
        let day = usize::try_from(date.weekday().to_monday_zero_offset()).unwrap_or_default();
        self.week.get(day).map(Vec::as_slice).unwrap_or_default()
    }
}

impl Hours {
    /// The day on which the hours of a day are over.
    fn last_day(self, date: Date) -> Date {
        if self.to > self.from { date } else { date.tomorrow().unwrap_or(Date::MAX) }
    }
}

impl Wall {
    /// Midnight after the day.
    pub const END: Self = Self(24 * 60);

    fn on(self, date: Date) -> Option<(Date, Time)> {
        if self == Self::END {
            return Some((date.tomorrow().ok()?, Time::midnight()));
        }
        let (hour, minute) = (self.0 / 60, self.0 % 60);
        Some((date, Time::new(i8::try_from(hour).ok()?, i8::try_from(minute).ok()?, 0, 0).ok()?))
    }
}

/// The moment at which the clock on the wall of a place shows a time, or passes over it.
fn moment(zone: &TimeZone, date: Date, wall: Wall) -> Option<Timestamp> {
    let (date, time) = wall.on(date)?;
    let at = date.to_datetime(time);
    match zone.to_ambiguous_timestamp(at).offset() {
        AmbiguousOffset::Unambiguous { offset } | AmbiguousOffset::Fold { before: offset, .. } => {
            offset.to_timestamp(at).ok()
        }
        // As if the clocks had been put forward long ago, it is before the moment at which they are.
        AmbiguousOffset::Gap { after, .. } => {
            let before = after.to_timestamp(at).ok()?;
            zone.following(before).next().map(|transition| transition.timestamp())
        }
    }
}

fn odd(zone: &TimeZone, date: Date, wall: Wall) -> Option<Odd> {
    let (on, time) = wall.on(date)?;
    let twice = match zone.to_ambiguous_timestamp(on.to_datetime(time)).offset() {
        AmbiguousOffset::Unambiguous { .. } => return None,
        AmbiguousOffset::Fold { .. } => true,
        AmbiguousOffset::Gap { .. } => false,
    };
    moment(zone, date, wall).map(|taken| Odd { date, wall, twice, taken })
}

impl fmt::Display for Wall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02}:{:02}", self.0 / 60, self.0 % 60)
    }
}
