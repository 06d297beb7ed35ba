//! From the tree of a routing file to what it says. One file per part of the language; each reports what is wrong
//! and goes on, so that one reading tells everything.

mod group;
mod groups;
mod hooks;
mod lists;
mod mailboxes;
mod menus;
mod numbers;
mod outbound;
mod people;
mod reader;
mod register;
mod ring;
mod said;
mod schedules;
mod settings;
mod steps;
mod values;
mod when;
mod whole;
mod words;

pub(super) use reader::Reader;
pub(super) use said::{Draft, Line, MenuDraft, OnKey, Said, Todo, count};
