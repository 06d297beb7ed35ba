//! Single values: texts, durations, addresses, caller ids. Each reader says what it expected and what it found.

use std::time::Duration;

use reqwest::Url;

use crate::phone::Number;
use crate::routing::problem::{Findings, one_of, short};
use crate::routing::rules::CallerId;
use crate::yaml::{Map, Node};

/// How long something may last.
pub struct Bounds {
    what: &'static str,
    least: Duration,
    most: Duration,
    why: &'static str,
}

/// How long something rings. Telnyx: `timeout_secs` ends at 600 s.
pub const RINGING: Bounds =
    Bounds { what: "ringing", least: Duration::from_secs(1), most: Duration::from_secs(600), why: "" };
/// How long after the others a member begins to ring.
pub const DELAY: Bounds =
    Bounds { what: "a delay", least: Duration::from_secs(1), most: Duration::from_secs(600), why: "" };
/// How long a key is waited for.
pub const KEY_WAIT: Bounds =
    Bounds { what: "waiting for a key", least: Duration::from_secs(1), most: Duration::from_secs(60), why: "" };
/// How long a caller waits for somebody.
pub const WAIT: Bounds =
    Bounds { what: "waiting for somebody", least: Duration::from_secs(1), most: Duration::from_secs(13_800), why: "" };
/// How long a message that a caller leaves lasts at most.
pub const MESSAGE: Bounds =
    Bounds { what: "a message", least: Duration::from_secs(5), most: Duration::from_secs(1800), why: "" };
/// How long a call lasts. Telnyx ends any leg after 14,400 s, or after 14,000 s by another of its texts; what is left
/// of that is ours, for an orderly end.
pub const CALL: Bounds = Bounds {
    what: "a call",
    least: Duration::from_secs(60),
    most: Duration::from_secs(13_800),
    why: ": Telnyx ends every leg after 14000s, and some of that is kept for an orderly end",
};

/// A text with something in it.
pub fn text<'n>(found: &mut Findings, node: &'n Node, expected: &str) -> Option<&'n str> {
    let text = node.as_text().filter(|text| !text.is_empty() && !node.is_nothing());
    text.or_else(|| wrong(found, node, expected))
}

/// A map.
pub fn map<'n>(found: &mut Findings, node: &'n Node, expected: &str) -> Option<&'n Map> {
    node.as_map().or_else(|| wrong(found, node, expected))
}

/// A list.
pub fn list<'n>(found: &mut Findings, node: &'n Node, expected: &str) -> Option<&'n [Node]> {
    node.as_list().or_else(|| wrong(found, node, expected))
}

/// It is not what was expected.
pub fn wrong<T>(found: &mut Findings, node: &Node, expected: &str) -> Option<T> {
    let kind = if node.as_text() == Some("") { "nothing" } else { node.kind() };
    found.error(node.at, format!("expected {expected}, found {kind}"));
    None
}

/// Tells of keys that are not known in a map.
pub fn keys(found: &mut Findings, map: &Map, known: &[&str], later: &[&str]) {
    for entry in &map.entries {
        if later.contains(&entry.key.as_str()) {
            found.not_yet(entry.at, &entry.key);
        } else if !known.contains(&entry.key.as_str()) {
            found.unknown(entry.at, "key", &entry.key, known.iter().copied());
        }
    }
}

/// The value of a key that must be there. Nothing is said if the map has a key that nobody knows: that will be it.
pub fn need<'n>(found: &mut Findings, node: &Node, map: &'n Map, known: &[&str], what: [&str; 2]) -> Option<&'n Node> {
    let [key, says] = what;
    let value = map.get(key);
    if value.is_none() && map.entries.iter().all(|entry| known.contains(&entry.key.as_str())) {
        found.error(node.at, format!("`{key}` is missing: it says {says}"));
    }
    value
}

/// One of a few words; `later` are words that this version does not have.
pub fn word<'w>(found: &mut Findings, node: &Node, what: &str, known: &[&'w str], later: &[&str]) -> Option<&'w str> {
    let text = text(found, node, &one_of(known))?;
    if let Some(word) = known.iter().find(|word| **word == text) {
        return Some(word);
    }
    if later.contains(&text) {
        found.not_yet(node.at, text);
    } else {
        found.error(node.at, format!("`{}` is no {what}: write {}", short(text), one_of(known)));
    }
    None
}

/// A duration within bounds, to the second.
pub fn duration(found: &mut Findings, node: &Node, bounds: &Bounds) -> Option<Duration> {
    let text = text(found, node, "a duration like 20s")?;
    let Bounds { what, least, most, why } = bounds;
    match parse(text) {
        Ok(duration) if duration < *least || duration > *most => {
            let (least, most) = (shown(*least), shown(*most));
            found
                .error(node.at, format!("`{}` is out of range: {what} lasts from {least} to {most}{why}", short(text)));
            None
        }
        Ok(duration) => Some(duration),
        Err(message) => {
            found.error(node.at, message);
            None
        }
    }
}

fn parse(text: &str) -> Result<Duration, String> {
    if text.bytes().all(|b| b.is_ascii_digit()) {
        return Err(format!("`{0}` has no unit: write {0}s for seconds, {0}m for minutes", short(text)));
    }
    let mut rest = text;
    let mut total = 0_u64;
    for (unit, seconds) in [('h', 3600), ('m', 60), ('s', 1)] {
        let Some((digits, after)) = rest.split_once(unit) else { continue };
        if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
            break;
        }
        // What does not fit is out of any range.
        let number = digits.parse::<u64>().unwrap_or(u64::MAX);
        total = total.saturating_add(number.saturating_mul(seconds));
        rest = after;
    }
    if rest.is_empty() {
        return Ok(Duration::from_secs(total));
    }
    Err(format!("`{}` is not a duration: write it like 20s, 2m or 1h30m", short(text)))
}

/// A duration as it is written in a routing file.
pub fn shown(duration: Duration) -> String {
    let seconds = duration.as_secs();
    let mut text = String::new();
    for (unit, count) in [('h', seconds / 3600), ('m', seconds / 60 % 60), ('s', seconds % 60)] {
        if count > 0 {
            text.push_str(&format!("{count}{unit}"));
        }
    }
    text
}

/// `caller`, `called` or a number.
pub fn caller_id(found: &mut Findings, node: &Node) -> Option<CallerId> {
    let text = text(found, node, "caller, called, or one of our numbers")?;
    match text {
        "caller" => Some(CallerId::Caller),
        "called" => Some(CallerId::Called),
        _ => match Number::parse(text) {
            Ok(number) => Some(CallerId::Number(number)),
            Err(_) => {
                let said = short(text);
                found.error(
                    node.at,
                    format!("`{said}` is no caller id: write caller, called, or a number like +12025550100"),
                );
                None
            }
        },
    }
}

/// The address of an audio file.
pub fn audio(found: &mut Findings, node: &Node) -> Option<String> {
    let text = text(found, node, "the address of an audio file")?;
    if is_address(text) {
        return Some(text.to_owned());
    }
    let said = short(text);
    found
        .error(node.at, format!("`{said}` is no address of an audio file: write it like https://example.com/hold.mp3"));
    None
}

/// Whether it is an http or https address that somebody can be reached at, as those read it who will go there.
pub fn is_address(text: &str) -> bool {
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    // They would pass over slashes too many, and take what follows for the host.
    let plain = rest.is_some_and(|rest| !rest.starts_with(['/', '\\'])) && text.bytes().all(|b| b.is_ascii_graphic());
    plain && text.len() <= 2000 && Url::parse(text).is_ok_and(|url| url.has_host() && url.port() != Some(0))
}

/// The name of a voice or a language: one word.
pub fn tag(found: &mut Findings, node: &Node, example: &str) -> Option<String> {
    let text = text(found, node, &format!("a word like {example}"))?;
    if text.len() <= 200 && text.bytes().all(|b| b.is_ascii_graphic()) {
        return Some(text.to_owned());
    }
    found.error(node.at, format!("`{}` is not one word like {example}", short(text)));
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_has_units() {
        let seconds = |text| parse(text).map(|duration| duration.as_secs());
        for (text, expected) in [("20s", 20), ("2m", 120), ("1h30m", 5400), ("1h", 3600), ("90s", 90), ("1h1s", 3601)] {
            assert_eq!(seconds(text), Ok(expected));
        }
        for bad in ["20", "", "s", "20 s", "1m1h", "1s1s", "-1s", "1.5s", "20sec", "1d", "h30m", "²s"] {
            assert!(seconds(bad).is_err(), "{bad}");
        }
        assert_eq!(seconds("99999999999999999999999s"), Ok(u64::MAX));
    }

    #[test]
    fn an_address_has_a_host_and_a_port_that_there_can_be() {
        for good in [
            "https://example.com",
            "http://example.com:8080/a?b=c:d#e",
            "https://anna:secret@example.com/",
            "http://127.0.0.1:1",
            "http://[::1]:65535/",
            "https://[2001:db8::1]",
        ] {
            assert!(is_address(good), "{good}");
        }
        for bad in [
            "example.com",
            "ftp://example.com/",
            "https://",
            "https:///a",
            "https://?a",
            "https://:80/",
            "https://anna@/",
            "https://example.com:99999999/",
            "https://example.com:0/",
            "https://example.com:80:80/",
            "https://example.com:a/",
            "https://[::1/",
            "https://[example.com]/",
            "https://[::1]80/",
            "https://256.1.1.1/",
            "https://exa<mple.com/",
            "https://example.com/a b",
        ] {
            assert!(!is_address(bad), "{bad}");
        }
    }

    #[test]
    fn a_duration_is_shown_as_it_is_written() {
        for text in ["20s", "2m", "1h30m", "3h50m", "1h1s"] {
            assert_eq!(shown(parse(text).unwrap()), text);
        }
    }
}
