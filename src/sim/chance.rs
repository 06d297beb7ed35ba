//! What may go wrong between us and Telnyx, and how often: the faults of the REST side and those of the network.

use std::collections::BTreeMap;
use std::error::Error;
use std::fmt;

use fastrand::Rng;
use serde::{Deserialize, Serialize};

/// What can go wrong with one REST request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    /// 500, and nothing was done.
    Error,
    /// 500, and it was done all the same.
    ErrorDone,
    /// 429 with `retry-after`, and nothing was done.
    TooMany,
    /// No answer ever, and nothing was done.
    Hang,
    /// No answer ever, and it was done.
    HangDone,
    /// Accepted, and nothing is done.
    Ignored,
}

/// What can go wrong with one webhook.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mishap {
    /// It comes late.
    Delay,
    /// It comes twice, at once or later.
    Duplicate,
    /// It changes places with the next one of its session.
    Swap,
    /// It never comes at all.
    Drop,
    /// One attempt is lost; the next may arrive.
    Lose,
}

/// A setting that does not exist or cannot have that value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadSetting(pub(super) String);

/// How likely each of several things is, 0 to 1, and how often each came about.
#[derive(Clone, Debug, PartialEq)]
pub struct Rates<T: Ord> {
    rates: BTreeMap<T, f64>,
    counts: BTreeMap<T, u64>,
}

/// Something that can happen by chance, by name.
pub trait Chance: Copy + Ord + 'static {
    /// Everything of its kind.
    const EVERY: &'static [Self];

    /// Its name on the command line and in counters.
    fn word(self) -> &'static str;
}

impl Chance for Fault {
    const EVERY: &'static [Self] =
        &[Self::Error, Self::ErrorDone, Self::TooMany, Self::Hang, Self::HangDone, Self::Ignored];

    fn word(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::ErrorDone => "error_done",
            Self::TooMany => "too_many",
            Self::Hang => "hang",
            Self::HangDone => "hang_done",
            Self::Ignored => "ignored",
        }
    }
}

impl Chance for Mishap {
    const EVERY: &'static [Self] = &[Self::Delay, Self::Duplicate, Self::Swap, Self::Drop, Self::Lose];

    fn word(self) -> &'static str {
        match self {
            Self::Delay => "delay",
            Self::Duplicate => "duplicate",
            Self::Swap => "swap",
            Self::Drop => "drop",
            Self::Lose => "lose",
        }
    }
}

impl<T: Ord> Default for Rates<T> {
    fn default() -> Self {
        Self { rates: BTreeMap::new(), counts: BTreeMap::new() }
    }
}

impl<T: Chance> Rates<T> {
    /// The same rates with one of them set; a rate outside 0 to 1 is cut to it.
    #[must_use]
    pub fn with(mut self, what: T, rate: f64) -> Self {
        self.rate(what, rate);
        self
    }

    /// Sets one rate; one outside 0 to 1 is cut to it.
    pub fn rate(&mut self, what: T, rate: f64) {
        self.rates.insert(what, rate.clamp(0.0, 1.0));
    }

    /// Sets one rate by `name=probability`.
    ///
    /// # Errors
    /// No such name, or no number from 0 to 1.
    pub fn set(&mut self, text: &str) -> Result<(), BadSetting> {
        let known = || T::EVERY.iter().map(|what| what.word()).collect::<Vec<_>>().join(", ");
        let bad =
            || BadSetting(format!("`{text}`: write NAME=PROBABILITY with a number from 0 to 1; there are {}", known()));
        let (name, rate) = text.split_once('=').ok_or_else(bad)?;
        let what = T::EVERY.iter().find(|what| what.word() == name).ok_or_else(bad)?;
        let rate: f64 = rate.parse().map_err(|_| bad())?;
        if !(0.0..=1.0).contains(&rate) {
            return Err(bad());
        }
        self.rates.insert(*what, rate);
        Ok(())
    }

    /// Nothing goes wrong from now on; what has is still counted.
    pub fn calm(&mut self) {
        self.rates.clear();
    }

    /// Every thing that can happen and how often it has.
    pub fn counts(&self) -> BTreeMap<&'static str, u64> {
        T::EVERY.iter().map(|what| (what.word(), self.counts.get(what).copied().unwrap_or(0))).collect()
    }

    /// At most one of them, by its rate.
    pub(super) fn one(&self, rng: &mut Rng) -> Option<T> {
        if self.rates.is_empty() {
            return None;
        }
        let mut left = rng.f64();
        self.rates
            .iter()
            .find(|(_, rate)| {
                left -= **rate;
                left < 0.0
            })
            .map(|(what, _)| *what)
    }

    /// Whether this one happens, by its rate.
    pub(super) fn hits(&self, what: T, rng: &mut Rng) -> bool {
        self.rates.get(&what).is_some_and(|rate| rng.f64() < *rate)
    }

    /// Counts one that came about.
    pub(super) fn count(&mut self, what: T) {
        *self.counts.entry(what).or_default() += 1;
    }
}

impl fmt::Display for BadSetting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Error for BadSetting {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_of_nothing_never_hits_and_one_always_does() {
        let mut rng = Rng::with_seed(7);
        let calm = Rates::<Fault>::default();
        let sure = Rates::default().with(Fault::Hang, 1.0);
        for _ in 0..100 {
            assert_eq!(calm.one(&mut rng), None);
            assert_eq!(sure.one(&mut rng), Some(Fault::Hang));
            assert!(!calm.hits(Fault::Hang, &mut rng));
        }
    }

    #[test]
    fn rates_share_one_draw() {
        let mut rng = Rng::with_seed(7);
        let rates = Rates::default().with(Fault::Error, 0.25).with(Fault::Ignored, 0.25);
        let hits = (0..10_000).filter(|_| rates.one(&mut rng).is_some()).count();
        assert!((4_700..5_300).contains(&hits), "{hits}");
    }

    #[test]
    fn rates_are_set_by_name() {
        let mut rates = Rates::<Mishap>::default();
        rates.set("swap=0.5").unwrap();
        assert_eq!(rates, Rates::default().with(Mishap::Swap, 0.5));
        for bad in ["swap", "swap=2", "swap=x", "swop=0.1", "swap=NaN"] {
            assert!(rates.set(bad).unwrap_err().to_string().contains("delay, duplicate, swap, drop, lose"), "{bad}");
        }
    }
}
