//! `routes`: steps as they are written, one reader for each action.

use super::reader::Reader;
use super::ring::To;
use super::said::{Draft, Todo};
use super::{values, words};
use crate::routing::problem::{one_of, short};
use crate::routing::prompt::{Play, Say};
use crate::routing::rules::{Action, Outcome, RejectWith};
use crate::routing::text::Text;
use crate::yaml::{Entry, Map, Node, Value};

/// The longest text that is spoken, in characters. Telnyx: `payload` of speak.
const LONGEST_TEXT: usize = 3000;
/// How some step ends.
const OUTCOMES: [&str; 6] = ["busy", "no_answer", "declined", "failed", "invalid", "exhausted"];

impl Reader<'_> {
    /// A list of steps; what cannot be read is left out.
    pub(super) fn list_of_steps(&mut self, node: &Node) -> Vec<Draft> {
        let expected = "a list of steps, each on a line that begins with `-`";
        let Some(items) = values::list(&mut self.found, node, expected) else { return Vec::new() };
        if items.is_empty() {
            self.found.error(node.at, "the list of steps is empty");
        }
        items.iter().filter_map(|item| self.step(item)).collect()
    }

    /// A list of steps, or one step in its place.
    pub(super) fn step_or_list(&mut self, node: &Node) -> Vec<Draft> {
        match &node.value {
            Value::List(_) => self.list_of_steps(node),
            Value::Text(_) | Value::Map(_) => self.step(node).into_iter().collect(),
        }
    }

    fn step(&mut self, node: &Node) -> Option<Draft> {
        match &node.value {
            Value::Text(_) => self.bare_step(node),
            Value::Map(map) => self.full_step(node, map),
            Value::List(_) => values::wrong(&mut self.found, node, "a step (for several use `do: [...]`)"),
        }
    }

    /// `- hangup`
    fn bare_step(&mut self, node: &Node) -> Option<Draft> {
        let word = values::text(&mut self.found, node, "a step")?;
        let action = match word {
            "answer" => Action::Answer,
            "hangup" => Action::Hangup,
            _ if words::ACTIONS.contains(&word) => {
                self.found.error(node.at, format!("`{word}` does not stand alone: write `{word}: ...`"));
                return None;
            }
            _ if words::ACTIONS_LATER.contains(&word) => {
                self.found.not_yet(node.at, word);
                return None;
            }
            _ if self.routes.has(word) => {
                let word = short(word);
                self.found.error(node.at, format!("`{word}` is a route: to go on there write `goto: {word}`"));
                return None;
            }
            _ => {
                self.found.unknown(node.at, "step", word, words::ACTIONS.iter().copied());
                return None;
            }
        };
        Some(Draft { at: node.at, when: None, todo: Todo::Act(action), on: Vec::new() })
    }

    fn full_step(&mut self, node: &Node, map: &Map) -> Option<Draft> {
        let action = self.the_action(node, map);
        let when = map.get("when").map(|node| self.condition(node));
        let mut on = match (action, map.get("on")) {
            (Some(action), Some(node)) => self.outcomes(node, &action.key),
            (_, _) => Vec::new(),
        };
        let mut todo = self.todo(action?, map)?;
        if let Todo::Menu(menu) = &mut todo {
            // The step's word counts before the menu's.
            let own = std::mem::take(&mut menu.on);
            on.extend(
                own.into_iter().filter(|(outcome, _)| !on.iter().any(|(said, _)| said == outcome)).collect::<Vec<_>>(),
            );
        }
        // A step whose guard cannot be read is not one without a guard.
        let when = match when {
            Some(condition) => Some(condition?),
            None => None,
        };
        Some(Draft { at: node.at, when, todo, on })
    }

    /// The one key of a step that says what it does; all others are held against it.
    fn the_action<'n>(&mut self, node: &Node, map: &'n Map) -> Option<&'n Entry> {
        let known = |entry: &&Entry| words::ACTIONS.contains(&entry.key.as_str());
        let later = |entry: &Entry| words::ACTIONS_LATER.contains(&entry.key.as_str());
        let actions: Vec<&Entry> = map.entries.iter().filter(known).collect();
        self.step_keys(map, actions.first().map(|entry| entry.key.as_str()));
        match actions.as_slice() {
            [one] => Some(one),
            [] => {
                if !map.entries.iter().any(later) && !self.has_unknown_key(map) {
                    let message = format!("this step does nothing: it needs one of {}", one_of(words::ACTIONS));
                    self.found.error(node.at, message);
                }
                None
            }
            [first, second, ..] => {
                let (first, second_key) = (&first.key, &second.key);
                let message =
                    format!("two actions in one step, `{first}` and `{second_key}`: give each a step (`-`) of its own");
                self.found.error(second.at, message);
                None
            }
        }
    }

    fn has_unknown_key(&self, map: &Map) -> bool {
        map.entries.iter().any(|entry| !words::OPTIONS.contains(&entry.key.as_str()))
    }

    fn step_keys(&mut self, map: &Map, action: Option<&str>) {
        for entry in &map.entries {
            let key = entry.key.as_str();
            if words::ACTIONS_LATER.contains(&key) || words::OPTIONS_LATER.contains(&key) {
                self.found.not_yet(entry.at, key);
            } else if words::OPTIONS.contains(&key) {
                if let Some(action) = action.filter(|action| key != "when" && !words::options_of(action).contains(&key))
                {
                    self.found.error(entry.at, format!("`{key}` has no meaning on `{action}`"));
                }
            } else if !words::ACTIONS.contains(&key) {
                let known = words::ACTIONS.iter().chain(words::OPTIONS).copied();
                self.found.unknown(entry.at, "key", key, known);
            }
        }
    }

    fn todo(&mut self, action: &Entry, map: &Map) -> Option<Todo> {
        let node = &action.value;
        Some(Todo::Act(match action.key.as_str() {
            "answer" => self.alone(&action.key, node, Action::Answer)?,
            "hangup" => self.alone(&action.key, node, Action::Hangup)?,
            "say" => Action::Say(self.say(node)?),
            "play" => Action::Play(Play { url: values::audio(&mut self.found, node)? }),
            "dial" => self.ring_or_transfer(node, map, To::Dial)?,
            "ring" => self.ring_or_transfer(node, map, To::Ring)?,
            "transfer" => self.ring_or_transfer(node, map, To::Transfer)?,
            "menu" => return self.menu(node).map(Todo::Menu),
            "voicemail" => Action::Voicemail(self.mailbox(node)?),
            "reject" => Action::Reject(self.reject(node)?),
            "goto" if matches!(node.value, Value::List(_)) => {
                let steps = self.list_of_steps(node);
                return (!steps.is_empty()).then_some(Todo::Away(steps));
            }
            "goto" => return self.route_named(node).map(Todo::Goto),
            _ => {
                let steps = self.list_of_steps(node);
                return (!steps.is_empty()).then_some(Todo::Do(steps));
            }
        }))
    }

    /// `answer:` and `hangup:` have nothing after the colon.
    fn alone(&mut self, word: &str, node: &Node, action: Action) -> Option<Action> {
        if node.is_nothing() || node.as_text() == Some("true") {
            return Some(action);
        }
        self.found.error(node.at, format!("`{word}` takes nothing: write `{word}` alone"));
        None
    }

    fn reject(&mut self, node: &Node) -> Option<RejectWith> {
        values::word(&mut self.found, node, "way to reject a call", &["busy", "decline"], &[]).map(|word| match word {
            "busy" => RejectWith::Busy,
            _ => RejectWith::Decline,
        })
    }

    pub(super) fn say(&mut self, node: &Node) -> Option<Say> {
        let (mut voice, mut language) = (self.defaults.voice.clone(), self.defaults.language.clone());
        let mut text = Some(node);
        if let Value::Map(map) = &node.value {
            self.say_keys(map);
            let found = &mut self.found;
            voice = map.get("voice").and_then(|n| values::tag(found, n, "AWS.Polly.Joanna")).unwrap_or(voice);
            language = map.get("language").and_then(|n| values::tag(found, n, "en-US")).or(language);
            text = values::need(found, node, map, words::SAY, ["text", "what is spoken"]);
        }
        Some(Say { text: self.text(text?)?, voice, language })
    }

    fn say_keys(&mut self, map: &Map) {
        let is_language = |key: &str| key.len() == 2 && key.bytes().all(|b| b.is_ascii_lowercase());
        if let Some(entry) = map.entries.iter().find(|entry| is_language(&entry.key)) {
            self.found.error(entry.at, "this version does not have texts in several languages yet");
        } else {
            values::keys(&mut self.found, map, words::SAY, &[]);
        }
    }

    fn text(&mut self, node: &Node) -> Option<Text> {
        let text = values::text(&mut self.found, node, "a text to speak")?;
        let text = Text::parse(text).map_err(|message| self.found.error(node.at, message)).ok()?;
        let length = text.longest();
        if length > LONGEST_TEXT {
            let message = format!("the text has {length} characters: at most {LONGEST_TEXT} can be spoken at once");
            self.found.error(node.at, message);
            return None;
        }
        Some(text)
    }

    /// `on:`: where outcomes lead.
    pub(super) fn outcomes(&mut self, node: &Node, action: &str) -> Vec<(Outcome, Vec<Draft>)> {
        let known: &[(&str, Outcome)] = match action {
            "dial" | "transfer" => &[
                ("busy", Outcome::Busy),
                ("no_answer", Outcome::NoAnswer),
                ("declined", Outcome::Declined),
                ("failed", Outcome::Failed),
            ],
            "ring" => &[("no_answer", Outcome::NoAnswer), ("declined", Outcome::Declined), ("failed", Outcome::Failed)],
            "menu" => &[("invalid", Outcome::Invalid), ("exhausted", Outcome::Exhausted)],
            // `on` has no meaning there, which is told already.
            _ => return Vec::new(),
        };
        let Some(map) = values::map(&mut self.found, node, "a map like {no_answer: hangup}") else { return Vec::new() };
        let mut on = Vec::new();
        for entry in &map.entries {
            let key = entry.key.as_str();
            if let Some((_, outcome)) = known.iter().find(|(word, _)| *word == key) {
                let steps = self.step_or_list(&entry.value);
                if !steps.is_empty() {
                    on.push((*outcome, steps));
                }
            } else if OUTCOMES.contains(&key) {
                let ends = one_of(&known.iter().map(|(word, _)| *word).collect::<Vec<_>>());
                self.found.error(entry.at, format!("a {action} is never `{key}`: it ends with {ends}"));
            } else if words::OUTCOMES_LATER.contains(&key) {
                self.found.not_yet(entry.at, key);
            } else {
                self.found.unknown(entry.at, "outcome", key, known.iter().map(|(word, _)| *word));
            }
        }
        on
    }
}
