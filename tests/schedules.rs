//! Hours by the clock on the wall, held against a second reading of the rules: somebody walks through time minute by minute
//! and looks at the clock. Hours have begun, or are over, from the first minute on at which it shows that time or a later
//! one. That covers what the clock passes over and what it shows twice.
//!
//! Twenty zones, every change of their clocks from 1990 to 2050; with SWITCHHOOK_ALL_ZONES=1 every zone there is. Where
//! the clocks of two zones show the same for days around a change, one of them is looked at.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test")]

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};

use jiff::civil::{Date, DateTime, date};
use jiff::tz::{TimeZone, TimeZoneDatabase};
use jiff::{Timestamp, ToSpan};
use switchhook::routing::{Condition, Hours, Rules, Schedule, Sources, Wall, load};

/// Those with odd clocks among them: by half an hour, at midnight, a minute after it, twice a year for a fast, for good.
const ZONES: [&str; 20] = [
    "America/New_York",
    "America/Los_Angeles",
    "America/St_Johns",
    "America/Sao_Paulo",
    "America/Havana",
    "America/Santiago",
    "America/Asuncion",
    "America/Caracas",
    "Europe/Berlin",
    "Europe/London",
    "Europe/Dublin",
    "Europe/Moscow",
    "Atlantic/Azores",
    "Africa/Casablanca",
    "Africa/Cairo",
    "Asia/Tehran",
    "Asia/Gaza",
    "Asia/Pyongyang",
    "Australia/Lord_Howe",
    "Pacific/Apia",
];

/// Days whose hours begin and end where clocks are changed, and before and after.
fn weeks() -> Vec<Vec<(u16, u16)>> {
    let at = |hour: u16, minute: u16| hour * 60 + minute;
    vec![
        vec![(at(8, 30), at(12, 0)), (at(13, 0), at(17, 30)), (at(22, 0), at(6, 0))],
        vec![(at(0, 0), at(0, 30)), (at(1, 0), at(1, 30)), (at(2, 0), at(2, 30)), (at(3, 0), at(3, 15))],
        vec![(at(0, 15), at(1, 45)), (at(2, 15), at(2, 45)), (at(23, 30), at(0, 15))],
        vec![(at(1, 59), at(3, 1)), (at(23, 0), at(24, 0))],
        vec![(at(0, 0), at(24, 0))],
    ]
}

fn hours((from, to): (u16, u16)) -> Hours {
    Hours { from: Wall(from), to: Wall(to) }
}

/// What the walker sees: each minute, and the latest time the clock has shown until then.
struct Walk(Vec<(Timestamp, DateTime)>);

impl Walk {
    fn around(change: Timestamp, zone: &TimeZone) -> Self {
        let start = change - 54.hours();
        let mut latest = DateTime::MIN;
        let minutes = (0..54 * 60 + 30 * 60).map(|minute: i64| start + minute.minutes());
        Self(
            minutes
                .map(|at| {
                    latest = latest.max(zone.to_datetime(at));
                    (at, latest)
                })
                .collect(),
        )
    }

    /// From the day before the change on: whether each minute lies within hours.
    fn open(&self, week: &[Vec<(u16, u16)>; 7], from: Timestamp) -> Vec<(Timestamp, bool)> {
        let (first, last) = (self.0[0].1.date(), self.0.last().unwrap().1.date());
        let days: Vec<Date> = first.series(1.day()).take_while(|date| *date <= last).collect();
        let begun = |date: Date, minute: u16| {
            let time = date.to_datetime(jiff::civil::Time::midnight()) + i64::from(minute).minutes();
            self.0.partition_point(|(_, latest)| *latest < time)
        };
        let mut open = vec![false; self.0.len()];
        for date in days {
            for (from, to) in &week[usize::try_from(date.weekday().to_monday_zero_offset()).unwrap()] {
                let end = if to > from { begun(date, *to) } else { begun(date.tomorrow().unwrap(), *to) };
                (begun(date, *from)..end).for_each(|index| open[index] = true);
            }
        }
        self.0.iter().zip(open).map(|((at, _), open)| (*at, open)).filter(|(at, _)| *at >= from).collect()
    }
}

#[test]
fn hours_are_kept_through_every_change_of_the_clocks() {
    let every = std::env::var_os("SWITCHHOOK_ALL_ZONES").is_some();
    let zones = TimeZoneDatabase::bundled();
    let names: Vec<String> =
        if every { zones.available().map(|name| name.to_string()).collect() } else { ZONES.map(str::to_owned).into() };
    let (changes, walks) = changes(&names);
    let (next, threads) = (AtomicUsize::new(0), std::thread::available_parallelism().map_or(1, std::num::NonZero::get));
    let work = || {
        let mine = std::iter::from_fn(|| walks.get(next.fetch_add(1, Ordering::Relaxed)));
        mine.map(|(name, change)| walked(name, *change)).sum::<u64>()
    };
    let minutes: u64 = std::thread::scope(|scope| {
        let hands: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        hands.into_iter().map(|hand| hand.join().unwrap()).sum()
    });
    println!("{} zones, {changes} changes, {} of them unlike each other, {minutes} minutes", names.len(), walks.len());
    assert!(changes > 1_000, "{changes} changes only");
}

/// How many changes of the clocks these zones have, and those that are to be walked through: clocks that show the same for
/// days before and after are one clock by then, wherever they hang.
fn changes(names: &[String]) -> (usize, Vec<(&str, Timestamp)>) {
    let since = date(1990, 1, 1).to_zoned(TimeZone::UTC).unwrap().timestamp();
    let until = date(2051, 1, 1).to_zoned(TimeZone::UTC).unwrap().timestamp();
    let days = (5 * 24).hours();
    let (mut all, mut unlike) = (0, BTreeMap::new());
    for name in names {
        let zone = TimeZoneDatabase::bundled().get(name).unwrap();
        let near = zone.following(since - days).take_while(|change| change.timestamp() < until + days);
        let near: Vec<(Timestamp, i32)> = near.map(|change| (change.timestamp(), change.offset().seconds())).collect();
        for (at, _) in near.iter().copied().filter(|(at, _)| (since..until).contains(at)) {
            all += 1;
            let shows = near.iter().filter(|(other, _)| (at - days..at + days).contains(other)).copied();
            let before = zone.to_offset(at - days).seconds();
            unlike.entry((at, before, shows.collect::<Vec<_>>())).or_insert((name.as_str(), at));
        }
    }
    (all, unlike.into_values().collect())
}

/// Walks through a change of the clocks of a zone; tells how many minutes were looked at.
fn walked(name: &str, change: Timestamp) -> u64 {
    let zone = TimeZoneDatabase::bundled().get(name).unwrap();
    let walk = Walk::around(change, &zone);
    let mut minutes = 0;
    // Each day of the week has other hours, and in turn all that there are.
    let days = weeks();
    for turn in 0..days.len() {
        let week: [Vec<(u16, u16)>; 7] = std::array::from_fn(|day| days[(day + turn) % days.len()].clone());
        let schedule =
            Schedule { zone: zone.clone(), week: week.clone().map(|day| day.into_iter().map(hours).collect()) };
        for (at, open) in walk.open(&week, change - 26.hours()) {
            // Every minute near the change, and some of the others.
            let near = (at - change).get_minutes().abs() < 3 * 60;
            if near || at.as_second() / 60 % 61 == 0 {
                minutes += 1;
                let clock = zone.to_datetime(at);
                assert_eq!(schedule.is_open(at), open, "{name}, {week:?}, {at}, {clock} on the wall");
            }
        }
    }
    minutes
}

fn rules(text: &str) -> Rules {
    let sources = Sources { name: "routes.yaml".into(), text: text.into(), ..Sources::default() };
    load(&sources).unwrap_or_else(|problems| panic!("{problems}")).rules
}

/// Whether `schedule: WRITTEN` is open at each of these moments.
fn open(timezone: &str, weekly: &str, moments: &[&str]) -> Vec<bool> {
    let rules = rules(&format!(
        "version: 1\ntimezone: {timezone}\nnumbers: {{'+12025550100': main}}\nschedules: {{office: {{weekly: {weekly}}}}}\n\
         routes:\n  main:\n    - when: {{schedule: office}}\n      say: open\n    - say: closed\n"
    ));
    let when: Condition = rules.steps[0].when.clone().unwrap();
    let nobody = switchhook::phone::Party::read("anonymous");
    moments.iter().map(|moment| when.holds(&nobody, &nobody, moment.parse().unwrap())).collect()
}

#[test]
fn an_office_opens_and_closes() {
    let weekly = "{mon-fri: ['08:30-12:00', '13:00-17:30'], sat: '09:00-12:00'}";
    let moments = [
        "2026-03-09T08:29:59-04[America/New_York]",
        "2026-03-09T08:30:00-04[America/New_York]",
        "2026-03-09T12:00:00-04[America/New_York]",
        "2026-03-09T13:00:00-04[America/New_York]",
        "2026-03-13T17:29:59-04[America/New_York]",
        "2026-03-13T17:30:00-04[America/New_York]",
        "2026-03-14T11:00:00-04[America/New_York]",
        "2026-03-15T11:00:00-04[America/New_York]",
    ];
    let open = open("America/New_York", weekly, &moments);
    assert_eq!(open, [false, true, false, true, true, false, true, false]);
}

#[test]
fn hours_over_midnight_belong_to_the_day_they_begin_on() {
    let moments = [
        "2026-11-27T21:59:00+01[Europe/Berlin]",
        "2026-11-27T22:00:00+01[Europe/Berlin]",
        "2026-11-28T05:59:00+01[Europe/Berlin]",
        "2026-11-28T06:00:00+01[Europe/Berlin]",
        "2026-11-28T22:30:00+01[Europe/Berlin]",
    ];
    assert_eq!(open("Europe/Berlin", "{fri: '22:00-06:00'}", &moments), [false, true, true, false, false]);
}

#[test]
fn weeks_may_go_round_their_end_and_a_leap_day_is_a_day() {
    let moments = ["2028-02-28T10:00:00Z", "2028-02-29T10:00:00Z", "2028-03-01T00:00:00Z", "2028-03-05T12:00:00Z"];
    assert_eq!(open("UTC", "{sun-mon: '00:00-24:00', tue: '09:30-24:00'}", &moments), [true, true, false, true]);
}

#[test]
fn a_moment_on_the_wall_that_is_odd_is_told() {
    let zone = TimeZone::get("Europe/Berlin").unwrap();
    let night = vec![hours((150, 210))];
    let schedule = Schedule { zone, week: std::array::from_fn(|_| night.clone()) };
    let odd = schedule.oddities(date(2026, 3, 1), 365);
    let told: Vec<_> =
        odd.iter().map(|odd| (odd.date, odd.wall.to_string(), odd.twice, odd.taken.to_string())).collect();
    let expected = [
        (date(2026, 3, 29), "02:30".to_owned(), false, "2026-03-29T01:00:00Z".to_owned()),
        (date(2026, 10, 25), "02:30".to_owned(), true, "2026-10-25T00:30:00Z".to_owned()),
    ];
    assert_eq!(told, expected);
}
