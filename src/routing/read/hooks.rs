//! Lists of `{webhook: URL}`: who is told of a message or a missed call. An address may hold a secret, so no message
//! shows it.

use super::reader::Reader;
use super::{values, words};
use crate::routing::hook::Hook;
use crate::yaml::Node;

impl Reader<'_> {
    /// A list of hooks; what cannot be read is left out, and has been told.
    pub(super) fn hooks(&mut self, node: &Node) -> Vec<Hook> {
        let expected = "a list like [{webhook: \"https://example.com/calls\"}]";
        let Some(items) = values::list(&mut self.found, node, expected) else { return Vec::new() };
        if items.is_empty() {
            self.found.error(node.at, "the list is empty: nobody would be told");
        }
        items.iter().filter_map(|item| self.hook(item)).collect()
    }

    fn hook(&mut self, node: &Node) -> Option<Hook> {
        let map = values::map(&mut self.found, node, "{webhook: URL}")?;
        for entry in &map.entries {
            if words::HOOK_LATER.contains(&entry.key.as_str()) {
                self.found.not_yet(entry.at, &entry.key);
            } else if !words::HOOK.contains(&entry.key.as_str()) {
                // Without a space after the colon the address is part of the key, and the key of its path.
                self.found.error(node.at, "there is an unknown key here: write {webhook: URL}, with a space between");
            }
        }
        let known = [words::HOOK, words::HOOK_LATER].concat();
        let url = values::need(&mut self.found, node, map, &known, ["webhook", "whom to tell"])?;
        let text = values::text(&mut self.found, url, "the address of a webhook")?;
        if values::is_address(text) {
            return Some(Hook { url: text.to_owned() });
        }
        self.found.error(url.at, "this is no address of a webhook: write it like https://example.com/calls");
        None
    }
}
