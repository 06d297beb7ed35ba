//! `limits.outbound`: where we may dial. Every number in the file is held against it, used or not.

use std::collections::BTreeSet;

use super::reader::Reader;
use super::said::Numbers;
use super::{values, words};
use crate::phone::{Country, Number, Target};
use crate::routing::outbound::{Forbidden, Outbound};
use crate::routing::problem::short;
use crate::yaml::{Map, Node, Spot, Value};

/// How often a call may be passed on where nothing else is said.
const HOPS: u8 = 3;
/// And the most that can be said.
const MOST_HOPS: u8 = 10;

/// What the file says of it.
#[derive(Default)]
struct Limits {
    countries: Option<Allowed>,
    hops: Option<u8>,
}

/// The countries we may dial to, and where they come from.
enum Allowed {
    /// `limits.outbound.countries` names them.
    Named(Vec<Country>),
    /// They are those of our own numbers.
    Own(Vec<Country>),
    /// What is written could not be read; nothing is held against it.
    Unclear,
}

impl Reader<'_> {
    pub(super) fn read_outbound(&mut self, map: &Map, numbers: &Numbers) -> Outbound {
        let limits = self.section(map, "limits").map(|limits| self.limits(limits)).unwrap_or_default();
        let targets: Vec<(Spot, Target)> = self.targets.clone();
        let dials = targets.iter().any(|(_, target)| matches!(target, Target::Number(_)));
        let allowed = match (limits.countries, &numbers.rest) {
            (Some(named), _) => named,
            (None, Some(rest)) if dials => {
                let message = "`\"*\"` takes calls to any number, so say where we may dial: \
                               `limits: {outbound: {countries: [US]}}`";
                self.found.error(rest.at, message);
                Allowed::Unclear
            }
            (None, _) if numbers.broken => Allowed::Unclear,
            (None, _) => {
                let own: BTreeSet<Country> = numbers.lines.keys().filter_map(Number::country).collect();
                Allowed::Own(own.into_iter().collect())
            }
        };
        let countries = match &allowed {
            Allowed::Named(countries) | Allowed::Own(countries) => countries.clone(),
            Allowed::Unclear => Vec::new(),
        };
        let ours = numbers.lines.keys().cloned().collect();
        let outbound = Outbound { countries, ours, hops: limits.hops.unwrap_or(HOPS) };
        for (at, target) in targets {
            if let Some(message) = outbound.forbids(&target).and_then(|why| told(why, &allowed)) {
                self.found.objection(at, message);
            }
        }
        outbound
    }

    fn limits(&mut self, limits: &Map) -> Limits {
        for entry in limits.entries.iter().filter(|entry| entry.key != "outbound") {
            if self.routes.has(&entry.key) || Number::parse(&entry.key).is_ok() {
                self.found.error(entry.at, "this version does not have limits of one route or number yet");
            } else {
                self.found.unknown(entry.at, "key", &entry.key, words::LIMITS.iter().copied());
            }
        }
        let Some(outbound) = self.section(limits, "outbound") else { return Limits::default() };
        values::keys(&mut self.found, outbound, words::OUTBOUND, words::OUTBOUND_LATER);
        let countries = outbound.get("countries").map(|node| self.countries(node));
        let hops = outbound.get("hops").and_then(|node| self.hops(node));
        Limits { countries, hops }
    }

    fn countries(&mut self, node: &Node) -> Allowed {
        let read: Vec<Option<Country>> = match &node.value {
            Value::List(items) => items.iter().map(|item| self.country(item)).collect(),
            Value::Text(_) => vec![self.country(node)],
            Value::Map(_) => vec![values::wrong(&mut self.found, node, "a list of countries like [US, CA]")],
        };
        read.into_iter().collect::<Option<_>>().map_or(Allowed::Unclear, Allowed::Named)
    }

    fn hops(&mut self, node: &Node) -> Option<u8> {
        let text = values::text(&mut self.found, node, "a number of hops")?;
        let hops = text.parse().ok().filter(|hops| (1..=MOST_HOPS).contains(hops));
        if hops.is_none() {
            let message = format!("`{}` is no number of hops: write how often a call may be passed on", short(text));
            self.found.error(node.at, format!("{message}, 1 to {MOST_HOPS}"));
        }
        hops
    }
}

/// Why a number may not be dialled, and what to do; nothing where the file did not get so far as to say.
fn told(why: Forbidden, allowed: &Allowed) -> Option<String> {
    let (countries, whose) = match allowed {
        Allowed::Named(countries) => (countries, "`limits.outbound` allows"),
        Allowed::Own(countries) => (countries, "our own numbers are in"),
        Allowed::Unclear if matches!(why, Forbidden::NoCountry | Forbidden::Country(_)) => return None,
        Allowed::Unclear => (&Vec::new(), ""),
    };
    Some(match why {
        Forbidden::OurNumber => format!("{why}; use `goto: ROUTE`"),
        Forbidden::Premium | Forbidden::SharedCost | Forbidden::Personal | Forbidden::Pager => {
            format!("{why}: those are never dialled")
        }
        Forbidden::NoCountry => format!("{why}, so no country of `limits.outbound` allows it"),
        Forbidden::Country(country) => {
            let list: Vec<String> = countries.iter().map(ToString::to_string).collect();
            let list = if list.is_empty() { "none".to_owned() } else { list.join(", ") };
            format!(
                "{why}, and {whose} {list}: \
                 to allow it, name {country} in `limits: {{outbound: {{countries: [...]}}}}`"
            )
        }
        Forbidden::Hops => why.to_string(),
    })
}
