//! The Call Control application as Telnyx has it: `GET /call_control_applications/{id}`. Pure.

use std::time::Duration;

use serde_json::Value;

/// What Telnyx says of an application, as far as calls hang on it. What it does not say has Telnyx' own default.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Application {
    /// Whether it can be used: `active`.
    pub active: bool,
    /// The form of its webhooks: `webhook_api_version`.
    pub api_version: String,
    /// Where webhooks are posted: `webhook_event_url`.
    pub webhook_url: String,
    /// Where they are posted when that fails: `webhook_event_failover_url`.
    pub failover_url: Option<String>,
    /// How long a caller is left without a command before Telnyx hangs him up: `first_command_timeout`, in whole
    /// seconds; `None` if he is never.
    pub first_command: Option<Duration>,
    /// With what it may dial: `outbound.outbound_voice_profile_id`.
    pub voice_profile: Option<String>,
    /// The most calls at once that come in: `inbound.channel_limit`.
    pub most_inbound: Option<u64>,
    /// The most calls at once that go out: `outbound.channel_limit`.
    pub most_outbound: Option<u64>,
}

/// The path of an application below the base address. `line` is its id, of letters, digits and hyphens.
pub fn path(line: &str) -> String {
    format!("/call_control_applications/{line}")
}

impl Application {
    /// Reads the answer to a request for it; `None` if that is no application.
    pub fn read(body: &[u8]) -> Option<Self> {
        let body: Value = serde_json::from_slice(body).ok()?;
        let data = body.get("data")?.as_object()?;
        let inner = |of: &str, key: &str| data.get(of).and_then(|of| of.get(key));
        let secs = data.get("first_command_timeout_secs").and_then(Value::as_u64).unwrap_or(30);
        let times_out = data.get("first_command_timeout").and_then(Value::as_bool).unwrap_or(false);
        Some(Self {
            active: data.get("active").and_then(Value::as_bool).unwrap_or(true),
            api_version: data.get("webhook_api_version").and_then(text).unwrap_or_else(|| "1".to_owned()),
            webhook_url: data.get("webhook_event_url").and_then(text).unwrap_or_default(),
            failover_url: data.get("webhook_event_failover_url").and_then(text),
            first_command: times_out.then_some(Duration::from_secs(secs)),
            voice_profile: inner("outbound", "outbound_voice_profile_id").and_then(text),
            most_inbound: inner("inbound", "channel_limit").and_then(Value::as_u64),
            most_outbound: inner("outbound", "channel_limit").and_then(Value::as_u64),
        })
    }
}

/// The text of a string or a number; an empty one says nothing.
fn text(value: &Value) -> Option<String> {
    let text = value.as_str().map(str::to_owned).or_else(|| value.as_u64().map(|number| number.to_string()));
    text.filter(|text| !text.trim().is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_is_read() {
        let body = br#"{"data":{"record_type":"call_control_application","id":"42","active":false,
            "webhook_api_version":"2","webhook_event_url":"https://a.example/webhooks/telnyx",
            "webhook_event_failover_url":"https://b.example/webhooks/telnyx","first_command_timeout":true,
            "first_command_timeout_secs":10,"inbound":{"channel_limit":3},
            "outbound":{"channel_limit":4,"outbound_voice_profile_id":1293384261075731499}}}"#;
        let read = Application::read(body).unwrap();
        let expected = Application {
            active: false,
            api_version: "2".into(),
            webhook_url: "https://a.example/webhooks/telnyx".into(),
            failover_url: Some("https://b.example/webhooks/telnyx".into()),
            first_command: Some(Duration::from_secs(10)),
            voice_profile: Some("1293384261075731499".into()),
            most_inbound: Some(3),
            most_outbound: Some(4),
        };
        assert_eq!(read, expected);
    }

    #[test]
    fn what_is_not_said_is_as_telnyx_has_it_by_default() {
        let body = br#"{"data":{"webhook_event_failover_url":null,"first_command_timeout":false,"inbound":null,
            "outbound":{"outbound_voice_profile_id":"","channel_limit":null}}}"#;
        let read = Application::read(body).unwrap();
        let expected = Application {
            active: true,
            api_version: "1".into(),
            webhook_url: String::new(),
            failover_url: None,
            first_command: None,
            voice_profile: None,
            most_inbound: None,
            most_outbound: None,
        };
        assert_eq!(read, expected);
        for other in ["", "[]", "{}", r#"{"data":[]}"#, r#"{"errors":[]}"#] {
            assert_eq!(Application::read(other.as_bytes()), None, "{other}");
        }
    }
}
