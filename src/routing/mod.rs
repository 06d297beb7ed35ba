//! From YAML to rules: what an operator wrote, read, checked and laid out as steps. Pure.
//!
//! [`wanted`] says which files and values a routing file refers to, whoever has a disk fetches them, and [`load()`]
//! turns all of it into [`Rules`], or into everything that is wrong with it.

mod check;
mod condition;
mod expand;
mod hook;
mod layout;
mod list;
mod load;
mod mailbox;
mod problem;
mod prompt;
mod read;
mod rules;
mod schedule;
mod sources;
mod text;

pub use condition::{Condition, Match};
pub use hook::Hook;
pub use list::{List, Pattern};
pub use load::{Loaded, load, recall};
pub use mailbox::Mailbox;
pub use problem::{Problem, Problems};
pub use prompt::{Play, Prompt, Say};
pub use rules::{
    Action, CallerId, Choice, Defaults, Entry, Leads, Member, Menu, Order, Outbound, Outcome, Place, RejectWith, Ring,
    RingAsked, Route, Rules, RulesHash, Step, StepId, Transfer,
};
pub use schedule::{Hours, Odd, Schedule, Wall};
pub use sources::{Sources, Wanted, wanted};
pub use text::Text;
