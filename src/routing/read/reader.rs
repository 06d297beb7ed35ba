//! What is known while a file is read; each part of the language adds its readers to it in a file of its own.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::tz::TimeZone;

use super::group::{Group, Raw};
use super::register::Register;
use super::said::{MenuDraft, Person};
use super::values;
use crate::phone::Target;
use crate::routing::list::List;
use crate::routing::mailbox::Mailbox;
use crate::routing::problem::{Findings, short};
use crate::routing::rules::Defaults;
use crate::routing::schedule::Schedule;
use crate::routing::sources::Sources;
use crate::yaml::{Entry, Map, Node, Spot};

/// What is known while a file is read.
pub struct Reader<'a> {
    pub found: Findings,
    /// Names of the files read; a [`Spot`]'s file is an index into it.
    pub files: Vec<String>,
    pub(super) sources: &'a Sources,
    pub(super) defaults: Defaults,
    /// Whose clock schedules go by that do not say it.
    pub(super) timezone: Option<TimeZone>,
    pub(super) schedules: Register<Arc<Schedule>>,
    pub(super) lists: Register<Arc<List>>,
    pub(super) people: Register<Person>,
    pub(super) groups: Register<Group>,
    /// Groups that are not flattened yet.
    pub(super) raws: BTreeMap<String, Raw>,
    /// Groups that are being flattened, each inside the one before.
    pub(super) open: Vec<String>,
    pub(super) mailboxes: Register<Mailbox>,
    pub(super) menus: Register<MenuDraft>,
    /// Menus that are not read yet.
    pub(super) unread_menus: BTreeMap<String, Node>,
    /// Menus that are being read, each inside the one before.
    pub(super) open_menus: Vec<String>,
    /// How many steps the menus used so far come to.
    pub(super) menu_steps: usize,
    pub(super) routes: Register<()>,
    /// Everybody the file can dial, and where that is written.
    pub(super) targets: Vec<(Spot, Target)>,
}

impl<'a> Reader<'a> {
    pub fn new(sources: &'a Sources, found: Findings) -> Self {
        Self {
            found,
            files: vec![sources.name.clone()],
            sources,
            defaults: Defaults::default(),
            timezone: None,
            schedules: Register::new("schedule"),
            lists: Register::new("list"),
            people: Register::new("person"),
            groups: Register::new("ring group"),
            raws: BTreeMap::new(),
            open: Vec::new(),
            mailboxes: Register::new("voicemail"),
            menus: Register::new("menu"),
            unread_menus: BTreeMap::new(),
            open_menus: Vec::new(),
            menu_steps: 0,
            routes: Register::new("route"),
            targets: Vec::new(),
        }
    }

    /// A part of the file that may be left out.
    pub(super) fn section<'n>(&mut self, map: &'n Map, key: &str) -> Option<&'n Map> {
        // A heading with everything below it commented out.
        let node = map.get(key).filter(|node| !node.is_nothing())?;
        values::map(&mut self.found, node, &format!("a map under `{key}`"))
    }

    /// A part of the file that must be there.
    pub(super) fn needed<'n>(&mut self, root: &Node, map: &'n Map, key: &str, what: &str) -> Option<&'n Map> {
        let Some(node) = map.get(key) else {
            self.found.error(root.at, format!("`{key}` is missing: it says {what}"));
            return None;
        };
        let part = values::map(&mut self.found, node, &format!("a map under `{key}`"))?;
        if part.entries.is_empty() {
            self.found.error(node.at, format!("`{key}` is empty: it says {what}"));
        }
        Some(part)
    }

    /// A name must be one that cannot be taken for a number or an address.
    pub(super) fn check_name(&mut self, entry: &Entry) {
        let name = entry.key.as_str();
        let number = name.starts_with(['+', '*']) || name.starts_with("sip:") || name.starts_with("sips:");
        if number || name.trim().is_empty() || name.chars().count() > 60 || name.chars().any(char::is_control) {
            let name = short(name);
            self.found.error(
                entry.at,
                format!("`{name}` is no good name: use a word of up to 60 letters that is not a number or an address"),
            );
        }
    }
}
