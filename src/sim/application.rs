//! The Call Control application as its owner has set it up: `GET /call_control_applications/{id}`.

use std::collections::BTreeMap;

use serde_json::Value;

use super::chance::BadSetting;

/// Fields of the application that are told otherwise than this simulator is set up.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Application(BTreeMap<&'static str, Value>);

/// The fields that can be told otherwise; a dot leads into an object.
const FIELDS: [&str; 9] = [
    "active",
    "webhook_api_version",
    "webhook_event_url",
    "webhook_event_failover_url",
    "first_command_timeout",
    "first_command_timeout_secs",
    "inbound.channel_limit",
    "outbound.channel_limit",
    "outbound.outbound_voice_profile_id",
];

impl Application {
    /// Takes `NAME=VALUE`; the value is JSON, or else a text.
    ///
    /// # Errors
    /// There is no such field.
    pub fn set(&mut self, text: &str) -> Result<(), BadSetting> {
        let bad = || BadSetting(format!("`{text}`: write FIELD=VALUE; there are {}", FIELDS.join(", ")));
        let (name, value) = text.split_once('=').ok_or_else(bad)?;
        let field = FIELDS.into_iter().find(|field| *field == name).ok_or_else(bad)?;
        // An API version is a text of one digit, and an id one of many.
        let is_text = ["webhook_api_version", "outbound.outbound_voice_profile_id"].contains(&field);
        let value = serde_json::from_str(value).ok().filter(|value: &Value| !(is_text && value.is_number()));
        self.0.insert(field, value.unwrap_or_else(|| text.split_once('=').map_or("", |(_, value)| value).into()));
        Ok(())
    }

    /// The application as it is set up, but for what is told otherwise.
    pub(super) fn told(&self, mut as_it_is: Value) -> Value {
        for (field, value) in &self.0 {
            let pointer = format!("/{}", field.replace('.', "/"));
            if let Some(place) = as_it_is.pointer_mut(&pointer) {
                place.clone_from(value);
            }
        }
        as_it_is
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::{Settings, World};
    use super::*;

    fn asked(said: &[&str], id: &str) -> (u16, Value) {
        let mut settings = Settings::default();
        said.iter().for_each(|text| settings.application.set(text).unwrap());
        let mut world = World::new(1, settings);
        let path = format!("/v2/call_control_applications/{id}");
        let reply = world.request("2026-03-09T10:00:00Z".parse().unwrap(), "GET", &path, b"").unwrap();
        (reply.status, serde_json::from_slice(&reply.body).unwrap())
    }

    #[test]
    fn every_field_can_be_told_otherwise() {
        let id = Settings::default().connection_id;
        let (status, good) = asked(&[], &id);
        assert_eq!((status, &good["data"]["id"]), (200, &json!(id)));
        for field in FIELDS {
            let (_, told) = asked(&[&format!("{field}=\"x\"")], &id);
            assert_eq!(told.pointer(&format!("/data/{}", field.replace('.', "/"))), Some(&json!("x")), "{field}");
        }
        let (_, told) = asked(&["webhook_api_version=1", "active=false", "outbound.channel_limit=3"], &id);
        assert_eq!(told["data"]["webhook_api_version"], "1");
        assert_eq!((&told["data"]["active"], &told["data"]["outbound"]["channel_limit"]), (&json!(false), &json!(3)));
        let (_, told) = asked(&["webhook_event_url=https://a.example/x"], &id);
        assert_eq!(told["data"]["webhook_event_url"], "https://a.example/x");
        assert_eq!(asked(&[], "42").0, 404);
    }

    #[test]
    fn a_field_that_is_none_is_refused_with_all_there_are() {
        for text in ["active", "name=x"] {
            let why = Application::default().set(text).unwrap_err().to_string();
            assert!(why.contains(text) && why.contains("webhook_api_version"), "{why}");
        }
    }
}
