//! `ring_groups`: read, then flattened, so that whoever rings a group sees its members only.

use std::collections::BTreeSet;
use std::time::Duration;

use super::group::{Flat, Group, Raw, RawMember, Who, earlier};
use super::reader::Reader;
use super::{values, words};
use crate::phone::masked;
use crate::routing::problem::{one_of, short};
use crate::routing::rules::Order;
use crate::yaml::{Map, Node, Spot, Value};

/// How deep groups may stand in each other.
const MOST_NESTED: usize = 16;
/// How many a ring may have. Telnyx takes some 30 dials a second from one account.
const MOST_MEMBERS: usize = 50;

impl Reader<'_> {
    pub(super) fn read_groups(&mut self, map: &Map) {
        for entry in &map.entries {
            self.check_name(entry);
            self.groups.add(&entry.key, entry.at, None);
        }
        for entry in &map.entries {
            if let Some(map) = values::map(&mut self.found, &entry.value, "a map with `members`")
                && let Some(raw) = self.raw_group(&entry.value, map)
            {
                self.raws.insert(entry.key.clone(), raw);
            }
        }
        for entry in &map.entries {
            self.settle(entry.value.at, &entry.key);
        }
    }

    /// The body of a group, in its place or with a name.
    pub(super) fn raw_group(&mut self, whole: &Node, map: &Map) -> Option<Raw> {
        values::keys(&mut self.found, map, words::GROUP, words::GROUP_LATER);
        let order = map.get("strategy").and_then(|n| self.order(n)).unwrap_or(Order::Simultaneous);
        let found = &mut self.found;
        let timeout = map.get("timeout").and_then(|n| values::duration(found, n, &values::RINGING));
        let ring_each = map.get("ring_each").and_then(|n| values::duration(found, n, &values::RINGING));
        let caller_id = map.get("caller_id").and_then(|n| values::caller_id(found, n));
        let node = values::need(found, whole, map, words::GROUP, ["members", "who rings"])?;
        let members = self.raw_members(node, order)?;
        Some(Raw { at: node.at, order, members, timeout, ring_each, caller_id })
    }

    pub(super) fn order(&mut self, node: &Node) -> Option<Order> {
        values::word(&mut self.found, node, "strategy", words::STRATEGIES, words::STRATEGIES_LATER).map(|word| {
            match word {
                "sequential" => Order::Sequential,
                _ => Order::Simultaneous,
            }
        })
    }

    pub(super) fn raw_members(&mut self, node: &Node, order: Order) -> Option<Vec<RawMember>> {
        let items = values::list(&mut self.found, node, "a list of members")?;
        if items.is_empty() {
            self.found.error(node.at, "the group is empty: nobody would ring");
        }
        Some(items.iter().filter_map(|item| self.raw_member(item, order)).collect())
    }

    fn raw_member(&mut self, node: &Node, order: Order) -> Option<RawMember> {
        let at = node.at;
        let Value::Map(map) = &node.value else {
            return Some(RawMember { at, delay: Duration::ZERO, who: Who::One(self.callee(node)?) });
        };
        values::keys(&mut self.found, map, words::MEMBER, words::MEMBER_LATER);
        let delay = map.get("delay").and_then(|n| self.delay(n, order)).unwrap_or_default();
        let named: Vec<_> =
            map.entries.iter().filter(|e| e.key != "delay" && words::MEMBER.contains(&e.key.as_str())).collect();
        let [entry] = named.as_slice() else {
            // A key that is not known, or not yet, is told already.
            if map.entries.iter().all(|entry| words::MEMBER.contains(&entry.key.as_str())) {
                let known = one_of(&["person", "number", "group"]);
                self.found.error(at, format!("a member is one {known}, like {{person: anna, delay: 10s}}"));
            }
            return None;
        };
        let who = match entry.key.as_str() {
            "group" => Who::Group(values::text(&mut self.found, &entry.value, "the name of a ring group")?.to_owned()),
            _ => Who::One(self.callee(&entry.value)?),
        };
        Some(RawMember { at: entry.value.at, delay, who })
    }

    fn delay(&mut self, node: &Node, order: Order) -> Option<Duration> {
        let delay = values::duration(&mut self.found, node, &values::DELAY)?;
        if order == Order::Sequential {
            self.found.error(node.at, "a delay has no meaning where members ring one after the other");
            return None;
        }
        Some(delay)
    }

    /// The group of this name, flat.
    pub(super) fn group(&mut self, at: Spot, name: &str) -> Option<Group> {
        self.settle(at, name);
        self.groups.find(&mut self.found, at, name).cloned()
    }

    /// Flattens a group that is not flat yet.
    fn settle(&mut self, at: Spot, name: &str) {
        if self.open.iter().any(|open| open == name) {
            let way: Vec<String> = self.open.iter().skip_while(|open| *open != name).map(|open| short(open)).collect();
            let name = short(name);
            self.found.error(at, format!("`{name}` would ring itself: {} -> {name}", way.join(" -> ")));
            return;
        }
        let Some(raw) = self.raws.remove(name) else { return };
        if self.open.len() >= MOST_NESTED {
            self.found.error(at, format!("ring groups stand more than {MOST_NESTED} deep in each other"));
            return;
        }
        self.open.push(name.to_owned());
        let group = self.flatten(raw);
        self.open.pop();
        self.groups.set(name, group);
    }

    /// A group without groups in it; nothing, if nobody is left.
    pub(super) fn flatten(&mut self, raw: Raw) -> Option<Group> {
        let mut seen = BTreeSet::new();
        let mut members = Vec::new();
        for member in raw.members {
            let flat = match member.who {
                Who::One(callee) => vec![Flat {
                    at: member.at,
                    name: callee.name,
                    target: callee.target,
                    delay: member.delay,
                    each: raw.ring_each,
                    own: callee.timeout,
                    until: None,
                }],
                Who::Group(name) => self.nested(member.at, &name, member.delay, raw.order, raw.ring_each),
            };
            for one in flat {
                if seen.insert(one.target.clone()) {
                    members.push(one);
                } else {
                    let name = masked(&short(&one.name));
                    self.found.warning(member.at, format!("`{name}` is in this group already, and rings once"));
                }
            }
        }
        let group = Group { order: raw.order, members, timeout: raw.timeout, caller_id: raw.caller_id };
        self.check_group(&group, raw.at).then_some(group)
    }

    /// The members of a group in a group.
    fn nested(&mut self, at: Spot, name: &str, delay: Duration, order: Order, each: Option<Duration>) -> Vec<Flat> {
        let Some(inner) = self.group(at, name) else { return Vec::new() };
        let name = short(name);
        if inner.order != order && inner.members.len() > 1 {
            let (inside, outside) = match order {
                Order::Simultaneous => ("one after the other", "all at once"),
                Order::Sequential => ("all at once", "one after the other"),
            };
            self.found.error(
                at,
                format!(
                    "`{name}` rings {inside}, but stands in a group that rings {outside}: \
                         ring it in a step of its own, or give both the same strategy"
                ),
            );
            return Vec::new();
        }
        if inner.caller_id.is_some() {
            self.found.warning(at, format!("inside this group the caller_id of `{name}` does not count"));
        }
        if inner.timeout.is_some() && order == Order::Sequential {
            self.found.warning(at, format!("inside this group the timeout of `{name}` does not count: use ring_each"));
        }
        let until = inner.timeout.filter(|_| order == Order::Simultaneous);
        let shift = |flat: Flat| Flat {
            at,
            delay: flat.delay + delay,
            each: flat.each.or(each),
            until: earlier(flat.until, until).map(|until| until + delay),
            ..flat
        };
        inner.members.into_iter().map(shift).collect()
    }

    fn check_group(&mut self, group: &Group, at: Spot) -> bool {
        let count = group.members.len();
        if count > MOST_MEMBERS {
            self.found.error(at, format!("{count} would ring: at most {MOST_MEMBERS} can"));
        }
        for member in &group.members {
            if group.never_rings(member, group.timeout) {
                let delay = values::shown(member.delay);
                self.found.error(member.at, format!("this member would never ring: after {delay} the ringing is over"));
            }
        }
        (1..=MOST_MEMBERS).contains(&count)
    }
}
