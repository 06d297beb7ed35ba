//! The subcommands: what each is given, and what it does.

pub mod sim;
