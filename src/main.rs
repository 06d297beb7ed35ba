//! The `switchhook` program.
fn main() {}
