//! The fields of a command's body, read strictly: what is missing, of the wrong type or out of range is refused
//! with the code Telnyx has for it. Fields nobody asks for are ignored.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value};

use super::reply::Refusal;
use super::script::Header;
use super::switches::{ClientStateLimit, ClientStateLineFeed, Switches};

/// The longest client state, where there is such a limit.
const LONGEST_STATE: usize = 128;

/// The fields of a command's body.
#[derive(Debug, Default)]
pub(super) struct Fields(Map<String, Value>);

impl Fields {
    /// Reads a body; an empty one has no fields.
    pub fn read(body: &[u8]) -> Result<Self, Refusal> {
        if body.is_empty() {
            return Ok(Self::default());
        }
        match serde_json::from_slice(body) {
            Ok(Value::Object(fields)) => Ok(Self(fields)),
            Ok(Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_)) | Err(_) => {
                Err(Refusal::new(400, "10015", "Bad Request", "The body has to be a JSON object."))
            }
        }
    }

    fn get(&self, name: &str) -> Option<&Value> {
        self.0.get(name).filter(|value| !value.is_null())
    }

    /// A text, if it is there.
    pub fn text(&self, name: &str) -> Result<Option<&str>, Refusal> {
        self.get(name).map(|value| value.as_str().ok_or_else(|| wrong(name, "text"))).transpose()
    }

    /// A text that has to be there and not be blank.
    pub fn need(&self, name: &str) -> Result<&str, Refusal> {
        self.text(name)?.filter(|text| !text.trim().is_empty()).ok_or_else(|| missing(name))
    }

    pub fn flag(&self, name: &str) -> Result<Option<bool>, Refusal> {
        self.get(name).map(|value| value.as_bool().ok_or_else(|| wrong(name, "true or false"))).transpose()
    }

    /// A number of seconds within a range.
    pub fn seconds(&self, name: &str, range: RangeInclusive<u64>) -> Result<Option<Duration>, Refusal> {
        Ok(self.number(name, range)?.map(Duration::from_secs))
    }

    /// A whole number within a range.
    pub fn number(&self, name: &str, range: RangeInclusive<u64>) -> Result<Option<u64>, Refusal> {
        let Some(value) = self.get(name) else { return Ok(None) };
        let number = value.as_u64().ok_or_else(|| wrong(name, "a whole number"))?;
        if range.contains(&number) {
            return Ok(Some(number));
        }
        let detail = format!("The value has to be from {} to {}.", range.start(), range.end());
        Err(Refusal::new(422, "10033", "Value outside of range", &detail).of(name))
    }

    /// One of a few words, if it is there.
    pub fn one_of(&self, name: &str, words: &[&str]) -> Result<Option<&str>, Refusal> {
        let Some(text) = self.text(name)? else { return Ok(None) };
        if words.contains(&text) {
            return Ok(Some(text));
        }
        let detail = format!("The value has to be one of: {}.", words.join(", "));
        Err(Refusal::new(422, "10032", "Invalid enumerated value", &detail).of(name))
    }

    /// A client state: a text in base64, kept as it is, unless it has a line feed or is very long.
    pub fn client_state(&self, name: &str, switches: &Switches) -> Result<Option<String>, Refusal> {
        let Some(mut text) = self.text(name)? else { return Ok(None) };
        let bad = |why| Refusal::new(422, "90017", "Invalid client state", why).of(name);
        if switches.client_state_line_feed == ClientStateLineFeed::Cut {
            text = text.lines().next().unwrap_or_default();
        }
        if STANDARD.decode(text).is_err() {
            return Err(bad("The value has to be base64."));
        }
        match switches.client_state_limit {
            ClientStateLimit::Refused if text.len() > LONGEST_STATE => Err(bad("The value is too long.")),
            ClientStateLimit::Cut => Ok(Some(text.chars().take(LONGEST_STATE).collect())),
            ClientStateLimit::Refused | ClientStateLimit::None => Ok(Some(text.to_owned())),
        }
    }

    /// A number in E.164 form, or a SIP address.
    pub fn party(&self, name: &str) -> Result<&str, Refusal> {
        let text = self.need(name)?;
        // Digits after a comma are pressed once the call is answered.
        let party = text.split_once(',').map_or(text, |(party, _)| party);
        if is_party(party) {
            return Ok(party);
        }
        let title = "Phone number must be in +E164 format";
        Err(Refusal::new(422, "10016", title, "The value has to be a number in E.164 form or a SIP address.").of(name))
    }

    /// Whom to ring: one party, or a list of one.
    pub fn target(&self) -> Result<&str, Refusal> {
        match self.get("to").and_then(Value::as_array).map(Vec::as_slice) {
            None => self.party("to"),
            Some([]) => Err(missing("to")),
            Some([one]) => match one.as_str() {
                Some(text) if is_party(text) => Ok(text),
                Some(_) | None => Err(wrong("to", "a number in E.164 form")),
            },
            Some(_) => Err(Refusal::unfit("The simulator rings one target for each dial.").of("to")),
        }
    }

    /// How often something is to be heard; `None` is without end.
    pub fn times(&self) -> Result<Option<u32>, Refusal> {
        let Some(value) = self.get("loop") else { return Ok(Some(1)) };
        if value.as_str() == Some("infinity") {
            return Ok(None);
        }
        let number = value.as_u64().or_else(|| value.as_str()?.parse().ok());
        let times = number.and_then(|times| u32::try_from(times).ok()).filter(|times| (1..=100).contains(times));
        times.map(Some).ok_or_else(|| {
            Refusal::new(422, "10033", "Value outside of range", "The value has to be from 1 to 100, or `infinity`.")
                .of("loop")
        })
    }

    /// Whether the leg stays when the other end of its bridge leaves: only the text `self` says so,
    /// anything else is ignored without a word.
    pub fn parks(&self) -> bool {
        self.get("park_after_unbridge").and_then(Value::as_str) == Some("self")
    }

    /// The headers of the call that is made.
    pub fn headers(&self) -> Result<Vec<Header>, Refusal> {
        const NAME: &str = "custom_headers";
        let Some(list) = self.get(NAME) else { return Ok(Vec::new()) };
        serde_json::from_value(list.clone()).map_err(|_| wrong(NAME, "a list of objects with `name` and `value`"))
    }

    /// What repeats of failed deliveries wait for, by event type: at most five each, of a minute together.
    pub fn retries(&self) -> Result<BTreeMap<String, Vec<Duration>>, Refusal> {
        const NAME: &str = "webhook_retries_policies";
        let Some(policies) = self.get(NAME) else { return Ok(BTreeMap::new()) };
        let policies = policies.as_object().ok_or_else(|| wrong(NAME, "an object"))?;
        let mut retries = BTreeMap::new();
        for (kind, policy) in policies {
            let list = policy.get("retries_ms").and_then(Value::as_array);
            let waits: Option<Vec<u64>> = list.and_then(|list| list.iter().map(Value::as_u64).collect());
            let waits = waits.ok_or_else(|| wrong(NAME, "an object with `retries_ms`, a list of milliseconds"))?;
            if waits.len() > 5 || waits.iter().fold(0u64, |sum, wait| sum.saturating_add(*wait)) > 60_000 {
                let detail = "There may be at most 5 repeats, of 60000 ms together.";
                return Err(Refusal::new(422, "10033", "Value outside of range", detail).of(NAME));
            }
            retries.insert(kind.clone(), waits.into_iter().map(Duration::from_millis).collect());
        }
        Ok(retries)
    }
}

/// A number in E.164 form, or a SIP address.
fn is_party(text: &str) -> bool {
    let digits = text.strip_prefix('+').unwrap_or_default();
    let number = (2..=15).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit());
    let sip = text.strip_prefix("sip:").or_else(|| text.strip_prefix("sips:"));
    number
        || sip.is_some_and(|rest| rest.split_once('@').is_some_and(|(user, host)| !user.is_empty() && !host.is_empty()))
}

fn missing(name: &str) -> Refusal {
    let detail = format!("The parameter '{name}' is required.");
    Refusal::new(422, "10004", "Missing required parameter", &detail).of(name)
}

fn wrong(name: &str, expected: &str) -> Refusal {
    Refusal::unfit(&format!("The parameter '{name}' has to be {expected}.")).of(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(text: &str) -> Fields {
        Fields::read(text.as_bytes()).unwrap()
    }

    fn code<T: std::fmt::Debug>(result: Result<T, Refusal>) -> String {
        result.unwrap_err().code
    }

    #[test]
    fn what_is_wrong_is_told_by_its_code() {
        let all = fields(
            r#"{"n": 5, "blank": " ", "state": "no base64!", "word": "x", "to": "12025550100", "many": 700, "loop": 0}"#,
        );
        assert_eq!(code(all.text("n")), "10015");
        assert_eq!(code(all.need("blank")), "10004");
        assert_eq!(code(all.need("absent")), "10004");
        assert_eq!(code(all.client_state("state", &Switches::default())), "90017");
        assert_eq!(code(all.one_of("word", &["a", "b"])), "10032");
        assert_eq!(code(all.party("to")), "10016");
        assert_eq!(code(all.seconds("many", 5..=600)), "10033");
        assert_eq!(code(all.times()), "10033");
        for bad in ["[]", "{", "7", "\"x\""] {
            assert_eq!(Fields::read(bad.as_bytes()).unwrap_err().status, 400, "{bad}");
        }
    }

    #[test]
    fn what_a_client_state_loses_is_a_switch() {
        let state = |text: &str, switch: &str| {
            let mut switches = Switches::default();
            switches.set(switch).unwrap();
            let body = serde_json::json!({ "client_state": text }).to_string();
            fields(&body).client_state("client_state", &switches).map_err(|refusal| refusal.code)
        };
        let kept = |text: &str| Ok(Some(text.to_owned()));
        let refused = Err("90017".to_owned());
        let (two_lines, long) = ("YWJj\nZGVm", "YWJj".repeat(33));
        assert_eq!(state(two_lines, "client_state_line_feed=cut"), kept("YWJj"));
        assert_eq!(state(two_lines, "client_state_line_feed=refused"), refused);
        assert_eq!(state(&long, "client_state_limit=none"), kept(&long));
        assert_eq!(state(&long, "client_state_limit=cut"), kept(&long[..128]));
        assert_eq!(state(&long, "client_state_limit=refused"), refused);
        for switch in ["client_state_limit=cut", "client_state_limit=refused"] {
            assert_eq!(state(&long[..128], switch), kept(&long[..128]), "{switch}");
        }
    }

    #[test]
    fn a_target_may_press_digits_or_be_a_list_of_one() {
        assert_eq!(fields(r#"{"to": "+12025550100,123"}"#).target().unwrap(), "+12025550100");
        assert_eq!(fields(r#"{"to": ["sip:ben@example.com"]}"#).target().unwrap(), "sip:ben@example.com");
        assert_eq!(code(fields(r#"{"to": ["+12025550100", "+12025550101"]}"#).target()), "10015");
        assert_eq!(code(fields(r#"{"to": []}"#).target()), "10004");
        assert_eq!(code(fields(r#"{"to": 12025550100}"#).target()), "10015");
    }

    #[test]
    fn only_the_text_self_parks() {
        assert!(fields(r#"{"park_after_unbridge": "self"}"#).parks());
        assert!(!fields(r#"{"park_after_unbridge": true}"#).parks());
    }

    #[test]
    fn repeats_are_at_most_five_of_a_minute_together() {
        let good = fields(r#"{"webhook_retries_policies": {"call.hangup": {"retries_ms": [1000, 5000]}}}"#);
        let waits = [Duration::from_secs(1), Duration::from_secs(5)].to_vec();
        assert_eq!(good.retries().unwrap()["call.hangup"], waits);
        for bad in ["[1,1,1,1,1,1]", "[60001]", "[-1]", "1"] {
            let text = format!(r#"{{"webhook_retries_policies": {{"call.hangup": {{"retries_ms": {bad}}}}}}}"#);
            assert!(fields(&text).retries().is_err(), "{bad}");
        }
    }
}
