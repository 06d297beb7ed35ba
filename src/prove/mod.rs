//! What is known of calls before there are any. Pure: it walks the rules, and asks for no database and no clock.
//!
//! [`lines()`] is what `check` tells of each number, [`Ahead`] what `explain --to` tells of one call. That a file is refused
//! for what can be proved of it is the loader's business, in `routing`.

mod ahead;
mod lines;
mod notes;
mod pickup;
mod says;

pub use ahead::{Ahead, Branch, Meets};
pub use lines::{Line, lines};
pub use notes::notes;
pub use pickup::{PickedUp, When};
