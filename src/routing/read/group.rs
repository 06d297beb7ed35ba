//! A ring group, as it is written and flat, and how long each of its members rings.

use std::time::Duration;

use super::said::Callee;
use crate::phone::Target;
use crate::routing::rules::{CallerId, Member, Order};
use crate::yaml::Spot;

/// A group as it is written.
pub struct Raw {
    pub at: Spot,
    pub order: Order,
    pub members: Vec<RawMember>,
    pub timeout: Option<Duration>,
    pub ring_each: Option<Duration>,
    pub caller_id: Option<CallerId>,
}

/// A member as it is written.
pub struct RawMember {
    pub at: Spot,
    pub delay: Duration,
    pub who: Who,
}

/// Whom a member names.
pub enum Who {
    One(Callee),
    Group(String),
}

/// A group with the groups in it flattened.
#[derive(Clone)]
pub struct Group {
    pub order: Order,
    pub members: Vec<Flat>,
    pub timeout: Option<Duration>,
    pub caller_id: Option<CallerId>,
}

/// A member of a flat group. How long it rings is known only when a step rings the group.
#[derive(Clone)]
pub struct Flat {
    pub at: Spot,
    pub name: String,
    pub target: Target,
    pub delay: Duration,
    /// What the innermost group that says so gives each of its members.
    pub each: Option<Duration>,
    /// What the person wants.
    pub own: Option<Duration>,
    /// When a group in the group has rung long enough.
    pub until: Option<Duration>,
}

impl Group {
    /// Whether a member's turn comes only when the ringing is over.
    pub fn never_rings(&self, member: &Flat, timeout: Option<Duration>) -> bool {
        let until = earlier(member.until, timeout);
        self.order == Order::Simultaneous && until.is_some_and(|until| member.delay >= until)
    }

    /// Who rings how long. What is said nearest counts: the step's `each`, the group's, the person's own, then, where
    /// all ring at once, the time that is left, else the default.
    pub fn ring(&self, timeout: Option<Duration>, each: Option<Duration>, usual: Duration) -> Vec<Member> {
        let member = |flat: &Flat| {
            let until = earlier(flat.until, timeout).filter(|_| self.order == Order::Simultaneous);
            let left = until.map(|until| until.saturating_sub(flat.delay));
            let wish = each.or(flat.each).or(flat.own).or(left).unwrap_or(usual);
            Member {
                name: flat.name.clone(),
                target: flat.target.clone(),
                delay: flat.delay,
                ring_for: left.map_or(wish, |left| wish.min(left)),
            }
        };
        self.members.iter().map(member).collect()
    }
}

/// The earlier of two ends, of which either may be missing.
pub fn earlier(a: Option<Duration>, b: Option<Duration>) -> Option<Duration> {
    a.into_iter().chain(b).min()
}
