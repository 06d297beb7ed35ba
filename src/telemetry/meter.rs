//! Figures that are counted while the program runs, and the page on which a scrape reads them: Prometheus' text form.
//!
//! Whoever counts owns what he counts with; nothing is global, so many servers may live in one process.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt::{Display, Write as _};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{PoisonError, RwLock};
use std::time::Duration;

/// The most sets of labels of one figure; what comes beyond them is counted as `other`.
const MOST: usize = 500;

/// A number that only grows.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

/// The value of a label: one of few, never a phone number nor an id.
pub type Label = Cow<'static, str>;

/// Counters told apart by `N` labels.
#[derive(Debug)]
pub struct Family<const N: usize>(RwLock<BTreeMap<[Label; N], Counter>>);

/// How long something took, in buckets.
#[derive(Debug)]
pub struct Histogram {
    /// The upper bounds in seconds, rising.
    bounds: &'static [f64],
    /// One for each bound, and one for what is beyond the last.
    buckets: Vec<Counter>,
    micros: AtomicU64,
}

impl Counter {
    /// One more.
    pub fn one(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    /// How many so far.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

impl<const N: usize> Default for Family<N> {
    fn default() -> Self {
        Self(RwLock::default())
    }
}

impl<const N: usize> Family<N> {
    /// One more with these labels.
    pub fn one(&self, labels: [impl Into<Label>; N]) {
        let labels = labels.map(Into::into);
        {
            let counters = self.0.read().unwrap_or_else(PoisonError::into_inner);
            if let Some(counter) = counters.get(&labels) {
                return counter.one();
            }
        }
        let mut counters = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let full = counters.len() >= MOST && !counters.contains_key(&labels);
        let labels = if full { labels.map(|_| Label::Borrowed("other")) } else { labels };
        counters.entry(labels).or_default().one();
    }

    /// All of them so far.
    pub fn read(&self) -> Vec<([Label; N], u64)> {
        let counters = self.0.read().unwrap_or_else(PoisonError::into_inner);
        counters.iter().map(|(labels, counter)| (labels.clone(), counter.get())).collect()
    }
}

impl Histogram {
    /// None so far; `bounds` are the upper ends of the buckets in seconds, rising.
    pub fn new(bounds: &'static [f64]) -> Self {
        let buckets = std::iter::repeat_with(Counter::default).take(bounds.len() + 1).collect();
        Self { bounds, buckets, micros: AtomicU64::new(0) }
    }

    /// One that took so long.
    pub fn note(&self, span: Duration) {
        let bucket = self.bounds.partition_point(|bound| *bound < span.as_secs_f64());
        if let Some(bucket) = self.buckets.get(bucket) {
            bucket.one();
        }
        self.micros.fetch_add(u64::try_from(span.as_micros()).unwrap_or(0), Ordering::Relaxed);
    }
}

/// A page of figures, in the text form that Prometheus reads.
#[derive(Debug, Default)]
pub struct Page(String);

impl Page {
    /// A figure that only grows.
    pub fn counter(&mut self, name: &str, help: &str, counter: &Counter) {
        self.head(name, "counter", help);
        self.line(name, &[], counter.get());
    }

    /// A figure that only grows, by labels of these names.
    pub fn family<const N: usize>(&mut self, name: &str, help: &str, labels: [&str; N], family: &Family<N>) {
        self.head(name, "counter", help);
        for (values, count) in family.read() {
            let labels: Vec<_> = labels.into_iter().zip(values.iter().map(AsRef::as_ref)).collect();
            self.line(name, &labels, count);
        }
    }

    /// A figure that rises and falls.
    pub fn gauge(&mut self, name: &str, help: &str, labels: &[(&str, &str)], value: impl Display) {
        self.head(name, "gauge", help);
        self.line(name, labels, value);
    }

    /// How long something took.
    pub fn histogram(&mut self, name: &str, help: &str, histogram: &Histogram) {
        self.head(name, "histogram", help);
        let bounds = histogram.bounds.iter().map(f64::to_string).chain(["+Inf".to_owned()]);
        let mut count = 0;
        for (bound, bucket) in bounds.zip(&histogram.buckets) {
            count += bucket.get();
            self.line(&format!("{name}_bucket"), &[("le", &bound)], count);
        }
        let sum = Duration::from_micros(histogram.micros.load(Ordering::Relaxed)).as_secs_f64();
        self.line(&format!("{name}_sum"), &[], sum);
        self.line(&format!("{name}_count"), &[], count);
    }

    /// The page.
    pub fn text(self) -> String {
        self.0
    }

    fn head(&mut self, name: &str, kind: &str, help: &str) {
        // A text takes whatever is written to it.
        let _ = writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}");
    }

    fn line(&mut self, name: &str, labels: &[(&str, &str)], value: impl Display) {
        let labels: Vec<String> = labels.iter().map(|(name, value)| format!("{name}=\"{}\"", escaped(value))).collect();
        let labels = if labels.is_empty() { String::new() } else { format!("{{{}}}", labels.join(",")) };
        let _ = writeln!(self.0, "{name}{labels} {value}");
    }
}

fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_in_the_form_that_is_read() {
        let (counter, family, spans) = (Counter::default(), Family::default(), Histogram::new(&[0.1, 1.0]));
        counter.one();
        family.one(["front-desk", "connected"]);
        family.one(["front-desk", "connected"]);
        family.one(["a \"b\\c\"\n", "none"]);
        for millis in [50, 100, 101, 5_000] {
            spans.note(Duration::from_millis(millis));
        }
        let mut page = Page::default();
        page.counter("retries_total", "Sent again.", &counter);
        page.family("calls_total", "Calls.", ["route", "outcome"], &family);
        page.histogram("took_seconds", "How long.", &spans);
        page.gauge("build_info", "This build.", &[("version", "1")], 1);
        insta::assert_snapshot!(page.text(), @r#"
        # HELP retries_total Sent again.
        # TYPE retries_total counter
        retries_total 1
        # HELP calls_total Calls.
        # TYPE calls_total counter
        calls_total{route="a \"b\\c\"\n",outcome="none"} 1
        calls_total{route="front-desk",outcome="connected"} 2
        # HELP took_seconds How long.
        # TYPE took_seconds histogram
        took_seconds_bucket{le="0.1"} 2
        took_seconds_bucket{le="1"} 3
        took_seconds_bucket{le="+Inf"} 4
        took_seconds_sum 5.251
        took_seconds_count 4
        # HELP build_info This build.
        # TYPE build_info gauge
        build_info{version="1"} 1
        "#);
    }

    #[test]
    fn labels_do_not_grow_without_end() {
        let family = Family::default();
        (0..2 * MOST).for_each(|n| family.one([format!("route {n}")]));
        let read = family.read();
        assert_eq!(read.len(), MOST + 1);
        assert!(read.contains(&([Label::Borrowed("other")], MOST as u64)));
    }
}
