//! `version`, `timezone` and `defaults`.

use jiff::tz::TimeZone;

use super::reader::Reader;
use super::{values, words};
use crate::routing::problem::short;
use crate::routing::rules::Defaults;
use crate::yaml::{Map, Node};

impl Reader<'_> {
    pub(super) fn settings(&mut self, root: &Node, map: &Map) {
        match map.get("version") {
            None => self.found.error(root.at, "`version` is missing: write `version: 1` at the top"),
            Some(node) => self.version(node),
        }
        if let Some(node) = map.get("timezone") {
            // One that cannot be read is told of once.
            self.timezone = Some(self.zone(node).unwrap_or(TimeZone::UTC));
        }
        if let Some(map) = self.section(map, "defaults") {
            self.read_defaults(map);
        }
    }

    fn version(&mut self, node: &Node) {
        if let Some(text) = values::text(&mut self.found, node, "1")
            && text != "1"
        {
            let said = short(text);
            self.found.error(node.at, format!("version `{said}` of the language is not known: this program reads 1"));
        }
    }

    fn read_defaults(&mut self, map: &Map) {
        let found = &mut self.found;
        values::keys(found, map, words::DEFAULTS, words::DEFAULTS_LATER);
        if let (Some(node), None) = (map.get("answer_after"), map.get("ringback")) {
            found.warning(
                node.at,
                "without `ringback` there is nothing to answer a waiting caller for: this does nothing",
            );
        }
        let usual = Defaults::default();
        self.defaults = Defaults {
            caller_id: map.get("caller_id").and_then(|n| values::caller_id(found, n)).unwrap_or(usual.caller_id),
            ringback: map.get("ringback").and_then(|n| values::audio(found, n)),
            answer_after: map
                .get("answer_after")
                .and_then(|n| values::duration(found, n, &values::RINGING))
                .unwrap_or(usual.answer_after),
            voice: map.get("voice").and_then(|n| values::tag(found, n, "AWS.Polly.Joanna")).unwrap_or(usual.voice),
            language: map.get("language").and_then(|n| values::tag(found, n, "en-US")),
            timeout: map
                .get("timeout")
                .and_then(|n| values::duration(found, n, &values::RINGING))
                .unwrap_or(usual.timeout),
            max_call: map
                .get("max_call")
                .and_then(|n| values::duration(found, n, &values::CALL))
                .unwrap_or(usual.max_call),
            max_wait: map.get("max_wait").and_then(|n| values::duration(found, n, &values::WAIT)),
        };
    }
}
