//! YAML as a tree of texts that know where they stand.
//!
//! Nothing is typed here: `+12025550100`, `no`, `17:30`, `1` and `"1"` are texts, and whoever reads the tree knows
//! what each should be. Anchors, aliases and `<<` are resolved. Size, depth and number of nodes are bounded, so
//! that no text can exhaust the machine.

mod build;
mod flaw;
mod lines;
mod node;
mod path;

pub use build::{MAX_BYTES, MAX_DEPTH, MAX_NODES, Tree, parse};
pub use flaw::Flaw;
pub use node::{Entry, Map, Node, Spot, Text, Value};
