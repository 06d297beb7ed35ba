//! Who uses whom: the paths of every file, where they lead, and what is wrong with it.

mod bans;
mod circles;
mod modules;
mod paths;
mod rooms;

pub use bans::{bans, loose_items};
pub use circles::circles;
pub use modules::House;
pub use rooms::{ALL, Walls, trespasses};
