//! Reading what a body should hold, whatever it holds: no type is trusted, no text is taken as it is.

use std::borrow::Cow;

use base64::alphabet;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};
use serde_json::Value;
use serde_json::value::RawValue;

/// The longest an id may be, in bytes; Telnyx' are below 80. A longer one names nothing.
pub(super) const LONGEST_ID: usize = 255;

/// Base64 whose padding may be lost: people copy it, and others cut it.
pub(super) const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// A value that may be missing, null, or of another type than it should be.
pub(super) type Loose<'a> = Option<&'a RawValue>;

/// The text of a string, or of a number as it was written. Anything else has none.
pub(super) fn text(value: Loose<'_>) -> Option<Cow<'_, str>> {
    let raw = value?.get();
    if raw.starts_with(|first: char| first == '-' || first.is_ascii_digit()) {
        return Some(Cow::Borrowed(raw));
    }
    let inner = raw.strip_prefix('"')?.strip_suffix('"')?;
    if inner.contains('\\') {
        // Half of a surrogate pair is no text.
        return serde_json::from_str(raw).ok().map(Cow::Owned);
    }
    Some(Cow::Borrowed(inner))
}

/// A text of an object's member, if it is one that can be kept.
pub(super) fn member(of: &Value, name: &str) -> Option<String> {
    let text = of.get(name)?.as_str()?;
    (!text.is_empty() && !text.contains(char::is_control)).then(|| text.to_owned())
}

/// A name of something. An empty one is none; one that is too long is none, for cut off it would name another thing.
pub(super) fn id(value: Loose<'_>) -> Option<String> {
    let text = clean(&text(value)?, usize::MAX);
    (!text.is_empty() && text.len() <= LONGEST_ID).then_some(text)
}

/// A text without control characters (NUL is none that a database would keep), cut to a number of characters.
pub(super) fn clean(text: &str, longest: usize) -> String {
    text.chars().filter(|c| !c.is_control()).take(longest).collect()
}

/// Whether a value is an object.
pub(super) fn is_object(raw: &str) -> bool {
    raw.starts_with('{')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_read_off_strings_and_numbers() {
        let cases = [
            (r#""plain""#, Some("plain")),
            (r#""a\"b\u00e9""#, Some("a\"bé")),
            ("28000000000000000000001", Some("28000000000000000000001")),
            ("-1e999", Some("-1e999")),
            (r#""\ud800""#, None),
            ("true", None),
            ("[\"a\"]", None),
            ("{}", None),
        ];
        for (json, expected) in cases {
            let raw: &RawValue = serde_json::from_str(json).unwrap();
            assert_eq!(text(Some(raw)).as_deref(), expected, "{json}");
        }
        assert_eq!(text(None), None);
    }

    #[test]
    fn an_id_is_clean_short_and_not_empty() {
        let id = |json: &str| super::id(Some(serde_json::from_str(json).unwrap()));
        assert_eq!(id(r#""a\u0000b\n""#).as_deref(), Some("ab"));
        assert_eq!(id(r#""""#), None);
        assert_eq!(id(r#""\u0000""#), None);
        assert_eq!(id(&format!("\"{}\"", "x".repeat(255))).map(|id| id.len()), Some(255));
        assert_eq!(id(&format!("\"{}\"", "x".repeat(256))), None);
    }
}
