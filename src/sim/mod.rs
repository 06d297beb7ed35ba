//! A small Telnyx: calls come in, commands take effect, people pick up or do not, webhooks go out.
//!
//! [`World`] is the whole of it as one value: time is handed in, chance comes from a seed, nothing waits. It knows
//! nothing of the router and has its own idea of the wire, so that a wrong one cannot agree with itself.
//! [`face`] puts it behind HTTP.
//!
//! What is not known of Telnyx is a switch with each of its values ([`Switches`]); what can go wrong has a rate
//! ([`Fault`], [`Mishap`]); what people do is a [`Script`]; what truly happened is in the [`Ledger`].

mod agenda;
mod application;
mod chance;
mod commands;
pub mod face;
mod fields;
mod forward;
mod gather;
mod happen;
mod ids;
mod ledger;
mod leg;
mod legs;
mod look;
mod media;
mod moment;
mod outcome;
mod people;
mod posts;
mod recorded;
mod recordings;
mod reply;
mod requests;
mod rings;
mod script;
mod set;
mod settings;
pub mod sign;
mod switch;
pub mod switches;
mod tape;
mod window;
mod wire;
mod world;

pub use application::Application;
pub use chance::{BadSetting, Chance, Fault, Mishap, Rates};
pub use forward::MOST_PASSED_ON;
pub use ledger::{By, CallNo, CommandEntry, CommandNo, Entry, Fate, Ledger, LegNo, PostEntry, What};
pub use outcome::{CallOutcome, End, Ring, Silence};
pub use posts::{Delivery, LONGEST_HELD};
pub use reply::{NoAnswer, Reply};
pub use script::{Callee, Header, Message, Press, Script, Side, Talk};
pub use settings::Settings;
pub use switches::Switches;
pub use world::World;

#[cfg(test)]
mod dice;
#[cfg(test)]
mod lives;
#[cfg(test)]
mod stage;
#[cfg(test)]
mod tour;
