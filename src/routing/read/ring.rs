//! `dial`, `ring` and `transfer`: whom a step rings, and for how long.

use std::time::Duration;

use super::group::{Group, Raw};
use super::people::looks_like_target;
use super::reader::Reader;
use super::values;
use crate::routing::problem::short;
use crate::routing::rules::{Action, CallerId, Member, Order, Ring, RingAsked, Transfer};
use crate::yaml::{Map, Node, Value};

/// Which of the three actions is read.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum To {
    Dial,
    Ring,
    Transfer,
}

/// What stands beside the action.
struct Options {
    timeout: Option<Duration>,
    each: Option<Duration>,
    order: Option<Order>,
    caller_id: Option<CallerId>,
}

impl Reader<'_> {
    pub(super) fn ring_or_transfer(&mut self, node: &Node, step: &Map, to: To) -> Option<Action> {
        let found = &mut self.found;
        let options = Options {
            timeout: step.get("timeout").and_then(|n| values::duration(found, n, &values::RINGING)),
            each: step.get("ring_each").and_then(|n| values::duration(found, n, &values::RINGING)),
            caller_id: step.get("caller_id").and_then(|n| values::caller_id(found, n)),
            order: step.get("strategy").and_then(|n| self.order(n)),
        };
        match to {
            To::Dial => self.dial(node, &options).map(Action::Ring),
            To::Ring => self.ring(node, step, &options).map(Action::Ring),
            To::Transfer => self.transfer(node, &options).map(Action::Transfer),
        }
    }

    fn dial(&mut self, node: &Node, options: &Options) -> Option<Ring> {
        let callee = self.callee(node)?;
        let ring_for = options.timeout.or(callee.timeout).unwrap_or(self.defaults.timeout);
        let member = Member { name: callee.name, target: callee.target, delay: Duration::ZERO, ring_for };
        Some(Ring {
            asked: RingAsked::Dial,
            members: vec![member],
            order: Order::Simultaneous,
            timeout: None,
            caller_id: self.caller_id_of(options, None),
        })
    }

    fn transfer(&mut self, node: &Node, options: &Options) -> Option<Transfer> {
        let callee = self.callee(node)?;
        Some(Transfer {
            name: callee.name,
            target: callee.target,
            ring_for: options.timeout.or(callee.timeout).unwrap_or(self.defaults.timeout),
            caller_id: self.caller_id_of(options, None),
        })
    }

    fn ring(&mut self, node: &Node, step: &Map, options: &Options) -> Option<Ring> {
        let (asked, mut group) = self.whom(node, options)?;
        if let Some(order) = options.order {
            self.reorder(&mut group, order, step)?;
        }
        let timeout = options.timeout.or(group.timeout);
        if options.timeout.is_some() && group.members.iter().any(|member| group.never_rings(member, timeout)) {
            let at = step.get("timeout").map_or(node.at, |node| node.at);
            self.found.error(at, "this is so short that a member of the group, with its delay, would never ring");
            return None;
        }
        Some(Ring {
            asked,
            members: group.ring(timeout, options.each, self.defaults.timeout),
            order: group.order,
            timeout,
            caller_id: self.caller_id_of(options, group.caller_id),
        })
    }

    /// The group that is rung: by its name, or written in place.
    fn whom(&mut self, node: &Node, options: &Options) -> Option<(RingAsked, Group)> {
        match &node.value {
            Value::Text(_) => {
                let name = values::text(&mut self.found, node, "a ring group, or a list of members")?;
                if !self.groups.has(name) && (self.people.has(name) || looks_like_target(name)) {
                    let name = short(name);
                    let message = format!("`{name}` is one party: write `dial: {name}`, or `ring: [{name}]`");
                    self.found.error(node.at, message);
                    return None;
                }
                self.group(node.at, name).map(|group| (RingAsked::Group(name.to_owned()), group))
            }
            Value::List(_) => {
                let order = options.order.unwrap_or(Order::Simultaneous);
                let members = self.raw_members(node, order)?;
                let raw = Raw { at: node.at, order, members, timeout: None, ring_each: None, caller_id: None };
                self.flatten(raw).map(|group| (RingAsked::List, group))
            }
            Value::Map(map) => {
                let raw = self.raw_group(node, map)?;
                self.flatten(raw).map(|group| (RingAsked::List, group))
            }
        }
    }

    /// The step wants another order than the group.
    fn reorder(&mut self, group: &mut Group, order: Order, step: &Map) -> Option<()> {
        let delays = group.members.iter().any(|member| !member.delay.is_zero());
        if order == Order::Sequential && delays {
            if let Some(node) = step.get("strategy") {
                self.found.error(node.at, "the group has members with a delay, so it cannot ring one after the other");
            }
            return None;
        }
        group.order = order;
        Some(())
    }

    /// The step's word counts before the group's, and that before the defaults.
    fn caller_id_of(&self, options: &Options, group: Option<CallerId>) -> CallerId {
        options.caller_id.clone().or(group).unwrap_or_else(|| self.defaults.caller_id.clone())
    }
}
