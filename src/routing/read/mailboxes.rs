//! `voicemail`: mailboxes with a name, and those written where a step uses them.

use std::time::Duration;

use super::reader::Reader;
use super::{values, words};
use crate::routing::mailbox::Mailbox;
use crate::yaml::{Map, Node, Value};

/// How long a message may last, unless the mailbox says so.
const MAX_LENGTH: Duration = Duration::from_secs(120);

impl Reader<'_> {
    pub(super) fn read_mailboxes(&mut self, map: &Map) {
        for entry in &map.entries {
            self.check_name(entry);
            let mailbox = self.mailbox_at(&entry.key, &entry.value);
            self.mailboxes.add(&entry.key, entry.at, mailbox);
        }
    }

    /// The mailbox of a step: by its name, or written in place.
    pub(super) fn mailbox(&mut self, node: &Node) -> Option<Mailbox> {
        match &node.value {
            Value::Map(_) => self.mailbox_at("", node),
            Value::Text(_) => {
                let name = values::text(&mut self.found, node, "a voicemail")?;
                self.mailboxes.find(&mut self.found, node.at, name).cloned()
            }
            Value::List(_) => values::wrong(&mut self.found, node, "the name of a voicemail, or a voicemail"),
        }
    }

    fn mailbox_at(&mut self, name: &str, node: &Node) -> Option<Mailbox> {
        let expected = "a map like {greeting: {say: \"Please leave a message.\"}, max_length: 2m}";
        let map = values::map(&mut self.found, node, expected)?;
        values::keys(&mut self.found, map, words::MAILBOX, words::MAILBOX_LATER);
        let greeting = map.get("greeting").map(|node| self.prompt(node));
        let beep = map.get("beep").map_or(Some(true), |node| self.beep(node));
        if greeting.is_none() && beep == Some(false) {
            self.found.objection(node.at, "nobody would know that he is recorded: give it a greeting or a beep");
        }
        let found = &mut self.found;
        let max_length =
            map.get("max_length").map_or(Some(MAX_LENGTH), |n| values::duration(found, n, &values::MESSAGE));
        let notify = map.get("notify").map(|node| self.hooks(node)).unwrap_or_default();
        // A greeting that cannot be read is not the same as none.
        let greeting = match greeting {
            Some(prompt) => Some(prompt?),
            None => None,
        };
        Some(Mailbox { name: name.to_owned(), greeting, beep: beep?, max_length: max_length?, notify })
    }

    fn beep(&mut self, node: &Node) -> Option<bool> {
        values::word(&mut self.found, node, "choice", &["true", "false"], &[]).map(|word| word == "true")
    }
}
