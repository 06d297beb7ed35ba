//! From YAML to rules: what an operator wrote, read, checked and laid out as steps. Pure.

mod condition;
mod rules;
mod text;

pub use condition::{Condition, Match, Pattern};
pub use rules::{
    Action, CallerId, Defaults, Entry, Member, Order, Outbound, Outcome, Place, Play, RejectWith, Ring, RingAsked,
    Rules, RulesHash, Say, Step, StepId, Transfer,
};
pub use text::Text;
