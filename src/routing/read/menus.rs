//! `menus`: read when a step first asks for them, since one may lead to another.

use std::time::Duration;

use super::reader::Reader;
use super::said::{Draft, MenuDraft, OnKey, Todo};
use super::{values, words};
use crate::phone::Key;
use crate::routing::problem::short;
use crate::routing::prompt::{Play, Prompt};
use crate::yaml::{Entry, Map, Node, Spot, Value};

/// How deep menus may lie in each other.
const DEEPEST: usize = 8;
/// How many steps all menus may come to, each counted wherever it is used.
const MOST_STEPS: usize = 20_000;
/// How long a key is waited for, unless the menu says so.
const TIMEOUT: Duration = Duration::from_secs(5);
/// How often the greeting is heard, unless the menu says so.
const TRIES: u8 = 3;
/// The most often it may be.
const MOST_TRIES: u8 = 10;

impl Reader<'_> {
    /// Names all menus, then reads them.
    pub(super) fn read_menus(&mut self, map: &Map) {
        for entry in &map.entries {
            self.check_name(entry);
            self.menus.add(&entry.key, entry.at, None);
            self.unread_menus.insert(entry.key.clone(), entry.value.clone());
        }
        map.entries.iter().for_each(|entry| self.read_menu(&entry.key));
    }

    /// Reads a menu, unless that is done.
    fn read_menu(&mut self, name: &str) {
        let Some(node) = self.unread_menus.remove(name) else { return };
        self.open_menus.push(name.to_owned());
        let menu = self.menu_at(name, &node);
        self.open_menus.pop();
        self.menus.set(name, menu);
    }

    /// The menu of a step: by its name, or written in place.
    pub(super) fn menu(&mut self, node: &Node) -> Option<MenuDraft> {
        match &node.value {
            Value::Map(_) => self.menu_at("", node),
            Value::Text(_) => {
                let name = values::text(&mut self.found, node, "a menu")?;
                self.menu_named(node.at, name)
            }
            Value::List(_) => values::wrong(&mut self.found, node, "the name of a menu, or a menu"),
        }
    }

    fn menu_named(&mut self, at: Spot, name: &str) -> Option<MenuDraft> {
        if let Some(first) = self.open_menus.iter().position(|open| open == name) {
            let way = self.open_menus.iter().skip(first).map(String::as_str).chain([name]);
            let way = way.map(short).collect::<Vec<_>>().join(", ");
            let message = format!("the menus lead in a circle, so a call could go round for ever: {way}");
            self.found.error(at, message);
            return None;
        }
        if self.open_menus.len() >= DEEPEST {
            self.too_deep(at);
            return None;
        }
        self.read_menu(name);
        let menu = self.menus.find(&mut self.found, at, name)?.clone();
        if menu.depth >= DEEPEST {
            self.too_deep(at);
            return None;
        }
        let room = self.menu_steps <= MOST_STEPS;
        self.menu_steps = self.menu_steps.saturating_add(menu.steps());
        if room && self.menu_steps > MOST_STEPS {
            let message = format!("the menus come to more than {MOST_STEPS} steps, counted wherever they are used");
            self.found.error(at, message);
        }
        (self.menu_steps <= MOST_STEPS).then_some(menu)
    }

    fn too_deep(&mut self, at: Spot) {
        self.found.error(at, format!("menus lie more than {DEEPEST} deep in each other"));
    }

    fn menu_at(&mut self, name: &str, node: &Node) -> Option<MenuDraft> {
        let expected = "a map like {greeting: {say: \"For sales press 1.\"}, keys: {1: [...]}}";
        let map = values::map(&mut self.found, node, expected)?;
        values::keys(&mut self.found, map, words::MENU, words::MENU_LATER);
        let found = &mut self.found;
        let timeout = map.get("timeout").map_or(Some(TIMEOUT), |n| values::duration(found, n, &values::KEY_WAIT));
        let tries = map.get("tries").map_or(Some(TRIES), |node| self.tries(node));
        let invalid = map.get("invalid").map(|node| self.prompt(node));
        let on = map.get("on").map(|node| self.outcomes(node, "menu")).unwrap_or_default();
        let all = [words::MENU, words::MENU_LATER].concat();
        let greeting = values::need(&mut self.found, node, map, &all, ["greeting", "what the caller hears"]);
        let greeting = greeting.and_then(|node| self.prompt(node));
        let keys = values::need(&mut self.found, node, map, &all, ["keys", "what each key does"]);
        let keys = keys.map(|node| self.keys(node)).unwrap_or_default();
        let invalid = match invalid {
            Some(prompt) => Some(prompt?),
            None => None,
        };
        if keys.is_empty() {
            return None;
        }
        let inner = keys.iter().flat_map(|(_, _, does)| does.steps()).chain(on.iter().flat_map(|(_, steps)| steps));
        let depth = 1 + inner.map(depth).max().unwrap_or(0);
        let (name, tries) = (name.to_owned(), tries?);
        Some(MenuDraft { name, greeting: greeting?, keys, timeout: timeout?, tries, invalid, on, depth })
    }

    fn tries(&mut self, node: &Node) -> Option<u8> {
        let text = values::text(&mut self.found, node, "a number of tries")?;
        let tries = text.parse().ok().filter(|tries| (1..=MOST_TRIES).contains(tries));
        if tries.is_none() {
            let message = format!("`{}` is no number of tries: write 1 to {MOST_TRIES}", short(text));
            self.found.error(node.at, message);
        }
        tries
    }

    /// `{say: TEXT}` or `{play: URL}`.
    pub(super) fn prompt(&mut self, node: &Node) -> Option<Prompt> {
        const EXPECTED: &str = "{say: TEXT} or {play: URL}";
        let map = values::map(&mut self.found, node, EXPECTED)?;
        values::keys(&mut self.found, map, words::PROMPT, &[]);
        match (map.get("say"), map.get("play")) {
            (Some(text), None) => self.say(text).map(Prompt::Say),
            (None, Some(url)) => values::audio(&mut self.found, url).map(|url| Prompt::Play(Play { url })),
            (Some(_), Some(_)) => {
                self.found.error(node.at, "either `say` or `play`: a caller hears one of them");
                None
            }
            (None, None) => {
                if map.entries.is_empty() {
                    self.found.error(node.at, format!("there is nothing to hear here: write {EXPECTED}"));
                }
                None
            }
        }
    }

    fn keys(&mut self, node: &Node) -> Vec<(Key, Spot, OnKey)> {
        let expected = "a map like {1: [{dial: anna}], star: {repeat: true}}";
        let Some(map) = values::map(&mut self.found, node, expected) else { return Vec::new() };
        if map.entries.is_empty() {
            self.found.error(node.at, "there are no keys here: a menu leads somewhere");
        }
        let mut keys = Vec::new();
        for entry in &map.entries {
            let (key, does) = (self.key(entry), self.on_key(&entry.value));
            keys.extend(key.zip(does).map(|(key, does)| (key, entry.at, does)));
        }
        if keys.len() == Key::ALL.len() {
            let message = "all twelve keys are taken: leave one that leads nowhere, Telnyx needs one to end an input";
            self.found.error(node.at, message);
        }
        keys
    }

    fn key(&mut self, entry: &Entry) -> Option<Key> {
        let word = entry.key.as_str();
        let key = Key::parse(word);
        if key.is_none() {
            let message = match word {
                "*" | "#" => format!("write `{}` for the key {word}", Key::of(word.chars().next()?)?),
                _ if word.len() > 1 && word.bytes().all(|byte| byte.is_ascii_digit()) => {
                    "this version does not have keys of several digits yet".to_owned()
                }
                _ => format!("`{}` is no key: write 0 to 9, star or pound", short(word)),
            };
            self.found.error(entry.at, message);
        }
        key
    }

    /// What a key does: steps, one step in their place, or `{repeat: true}`.
    fn on_key(&mut self, node: &Node) -> Option<OnKey> {
        if let Some(map) = node.as_map() {
            if let Some(entry) = map.entries.iter().find(|entry| entry.key == "continue") {
                self.found.not_yet(entry.at, "continue");
                return None;
            }
            if let Some(repeat) = map.get("repeat") {
                values::keys(&mut self.found, map, &["repeat"], &[]);
                if repeat.as_text() != Some("true") {
                    self.found.error(repeat.at, "write `repeat: true`, or steps in its place");
                }
                return Some(OnKey::Again);
            }
        }
        let steps = self.step_or_list(node);
        (!steps.is_empty()).then_some(OnKey::Steps(steps))
    }
}

/// How many menus lie in each other in a step.
fn depth(draft: &Draft) -> usize {
    let own = match &draft.todo {
        Todo::Menu(menu) => menu.depth,
        Todo::Do(steps) | Todo::Away(steps) => steps.iter().map(depth).max().unwrap_or(0),
        Todo::Act(_) | Todo::Goto(_) => 0,
    };
    draft.on.iter().flat_map(|(_, steps)| steps).map(depth).max().unwrap_or(0).max(own)
}
