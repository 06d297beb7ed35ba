//! `limits.outbound`: where we may dial. Every number in the file is held against it, used or not.

use std::collections::BTreeSet;

use super::reader::Reader;
use super::said::Numbers;
use super::{values, words};
use crate::phone::{Country, Number, Target, Tariff};
use crate::routing::rules::Outbound;
use crate::yaml::{Map, Node, Spot, Value};

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
        let named = self.section(map, "limits").and_then(|limits| self.limits(limits));
        let targets: Vec<(Spot, Number)> = self.targets.iter().filter_map(by_number).collect();
        let allowed = match (named, &numbers.rest) {
            (Some(named), _) => named,
            (None, Some(rest)) if !targets.is_empty() => {
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
        for (at, number) in targets {
            if let Some(message) = refused(&number, numbers, &allowed) {
                self.found.objection(at, message);
            }
        }
        match allowed {
            Allowed::Named(countries) | Allowed::Own(countries) => Outbound { countries },
            Allowed::Unclear => Outbound { countries: Vec::new() },
        }
    }

    /// The countries that the file allows, if it says so.
    fn limits(&mut self, limits: &Map) -> Option<Allowed> {
        for entry in limits.entries.iter().filter(|entry| entry.key != "outbound") {
            if self.routes.has(&entry.key) || Number::parse(&entry.key).is_ok() {
                self.found.error(entry.at, "this version does not have limits of one route or number yet");
            } else {
                self.found.unknown(entry.at, "key", &entry.key, words::LIMITS.iter().copied());
            }
        }
        let outbound = self.section(limits, "outbound")?;
        values::keys(&mut self.found, outbound, words::OUTBOUND, words::OUTBOUND_LATER);
        outbound.get("countries").map(|node| self.countries(node))
    }

    fn countries(&mut self, node: &Node) -> Allowed {
        let read: Vec<Option<Country>> = match &node.value {
            Value::List(items) => items.iter().map(|item| self.country(item)).collect(),
            Value::Text(_) => vec![self.country(node)],
            Value::Map(_) => vec![values::wrong(&mut self.found, node, "a list of countries like [US, CA]")],
        };
        read.into_iter().collect::<Option<_>>().map_or(Allowed::Unclear, Allowed::Named)
    }
}

fn by_number((at, target): &(Spot, Target)) -> Option<(Spot, Number)> {
    match target {
        Target::Number(number) => Some((*at, number.clone())),
        Target::Sip(_) => None,
    }
}

/// Why a number may not be dialled.
fn refused(number: &Number, numbers: &Numbers, allowed: &Allowed) -> Option<String> {
    if numbers.lines.contains_key(number) {
        return Some("this is one of our own numbers: we would call ourselves; use `goto: ROUTE`".to_owned());
    }
    match number.tariff() {
        Tariff::Ordinary => {}
        Tariff::Premium => return Some("this is a premium-rate number: those are never dialled".to_owned()),
        Tariff::Shared => return Some("this is a shared-cost number: those are never dialled".to_owned()),
    }
    let (countries, whose) = match allowed {
        Allowed::Named(countries) => (countries, "`limits.outbound` allows"),
        Allowed::Own(countries) => (countries, "our own numbers are in"),
        Allowed::Unclear => return None,
    };
    let Some(country) = number.country() else {
        return Some("this number belongs to no country, so no country of `limits.outbound` allows it".to_owned());
    };
    if countries.contains(&country) {
        return None;
    }
    let list: Vec<String> = countries.iter().map(ToString::to_string).collect();
    let list = if list.is_empty() { "none".to_owned() } else { list.join(", ") };
    Some(format!(
        "this number is in {country}, and {whose} {list}: \
         to allow it, name {country} in `limits: {{outbound: {{countries: [...]}}}}`"
    ))
}
