//! Between the doors and the law. Pure: which call an event belongs to, the fold of a batch, and what the sender does
//! next with a command. The engine runs it with a database, the lives without one.

mod arrival;
mod bucket;
mod circuit;
mod claim;
pub mod courier;
mod desk;
mod fold;
mod gate;
mod holder;
mod lanes;
mod locate;
pub mod notices;
mod pace;

pub use arrival::{Arrival, Digest, EventKey};
pub use claim::{Far, Found, Renewed, may_claim, renewed};
pub use desk::{Act, Desk, Done, Todo};
pub use fold::{Aside, Book, Changes, Entry, Fate, Loaded, MissingRules, Post, Saved, fold};
pub use gate::Gate;
pub use holder::{Holder, Teller, asks_before_sending, kept_back, stands, teller};
pub use lanes::Slip;
pub use locate::{Clues, Index, clues, likely, locate};
