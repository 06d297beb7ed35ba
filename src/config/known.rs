//! The settings there are, under all their names.

use std::collections::BTreeMap;

/// Every setting: its name, the environment variable it has besides `SWITCHHOOK_SECTION__KEY`, and its default.
pub(super) const KNOWN: [(&str, Option<&str>, Option<&str>); 16] = [
    ("server.listen", None, Some("0.0.0.0:8080")),
    ("server.admin_listen", None, Some("127.0.0.1:8081")),
    ("server.admin_token_file", Some("SWITCHHOOK_ADMIN_TOKEN_FILE"), None),
    ("server.connections", None, Some("2048")),
    ("server.connections_per_source", None, None),
    ("routes.file", None, Some("config/routes.yaml")),
    ("database.url", Some("DATABASE_URL"), Some("sqlite://switchhook.db")),
    ("database.connections", None, Some("4")),
    ("telnyx.base_url", Some("TELNYX_BASE_URL"), Some("https://api.telnyx.com/v2")),
    ("telnyx.connection_id", Some("TELNYX_CONNECTION_ID"), None),
    ("telnyx.public_key", Some("TELNYX_PUBLIC_KEY"), None),
    ("telnyx.public_key_file", Some("TELNYX_PUBLIC_KEY_FILE"), None),
    ("telnyx.api_key_file", Some("TELNYX_API_KEY_FILE"), None),
    ("telnyx.rate", None, None),
    ("limits.stop", None, None),
    ("limits.stopped", None, Some("false")),
];

/// Variables of this program that are no settings; the last four are for its tests.
const OTHERS: [&str; 6] = [
    "SWITCHHOOK_CONFIG",
    "SWITCHHOOK_ADMIN_TOKEN",
    "SWITCHHOOK_KILL",
    "SWITCHHOOK_KILLS",
    "SWITCHHOOK_LIVES",
    "SWITCHHOOK_TEST_",
];

/// The setting of that name.
pub(super) fn known(setting: &str) -> Option<&'static str> {
    KNOWN.iter().map(|(key, ..)| *key).find(|key| *key == setting)
}

/// Says that there is no such setting, and what there is.
pub(super) fn unknown(setting: &str) -> String {
    if setting == "telnyx.api_key" {
        return "the API key never stands in a file of settings: set TELNYX_API_KEY, or telnyx.api_key_file".to_owned();
    }
    if setting == "server.admin_token" {
        return "the token never stands in a file of settings: set SWITCHHOOK_ADMIN_TOKEN, or server.admin_token_file"
            .to_owned();
    }
    let all: Vec<&str> = KNOWN.iter().map(|(key, ..)| *key).collect();
    let meant = meant(setting, all.iter().copied());
    format!("there is no setting `{setting}`{meant}; there are {}", all.join(", "))
}

/// What the environment says of settings, with the name that said it; and what is wrong with it. What is empty says
/// nothing.
pub(super) fn in_environment(env: &BTreeMap<String, String>) -> (Vec<(&'static str, &str, &str)>, Vec<String>) {
    let (mut said, mut bad) = (Vec::new(), Vec::new());
    for (name, value) in env.iter().filter(|(_, value)| !value.trim().is_empty()) {
        let alias = KNOWN.iter().find(|(_, alias, _)| alias.is_some_and(|alias| alias == name));
        if let Some((key, ..)) = alias {
            said.push((*key, name.as_str(), value.as_str()));
            continue;
        }
        let Some(rest) = name.strip_prefix("SWITCHHOOK_").filter(|_| !is_other(name)) else { continue };
        let setting = rest.replacen("__", ".", 1).to_lowercase();
        match known(&setting) {
            Some(key) => said.push((key, name.as_str(), value.as_str())),
            None if setting.contains('.') => bad.push(format!("{name}: {}", unknown(&setting))),
            None => {
                let names: Vec<String> = KNOWN.iter().map(|(key, ..)| variable(key)).collect();
                let meant = meant(name, names.iter().map(String::as_str).chain(OTHERS));
                bad.push(format!(
                    "{name}: there is no such variable{meant}; settings are named SWITCHHOOK_SECTION__KEY, with two \
                     underscores"
                ));
            }
        }
    }
    (said, bad)
}

/// The variable that every setting has.
fn variable(key: &str) -> String {
    format!("SWITCHHOOK_{}", key.replace('.', "__").to_uppercase())
}

fn is_other(name: &str) -> bool {
    OTHERS.iter().any(|other| *other == name || (other.ends_with('_') && name.starts_with(other))) || is_a_service(name)
}

/// Kubernetes sets such variables in every container for each of its services, and one may well be named `switchhook`.
fn is_a_service(name: &str) -> bool {
    let port = |rest: &str| rest.is_empty() || rest.starts_with(|first: char| first == '_' || first.is_ascii_digit());
    ["_SERVICE_HOST", "_SERVICE_PORT", "_PORT"]
        .iter()
        .any(|end| name.match_indices(end).any(|(at, _)| name.get(at + end.len()..).is_some_and(port)))
}

/// `; did you mean ...?`, if one of the names is near.
fn meant<'a>(name: &str, names: impl Iterator<Item = &'a str>) -> String {
    let near = names.map(|near| (strsim::osa_distance(name, near), near)).filter(|(distance, _)| *distance <= 3);
    near.min().map_or(String::new(), |(_, near)| format!("; did you mean `{near}`?"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(name: &str) -> Vec<String> {
        in_environment(&BTreeMap::from([(name.to_owned(), "1".to_owned())])).1
    }

    #[test]
    fn a_variable_with_a_slip_is_told_its_name() {
        for (slip, name) in [
            ("SWITCHHOOK_SERVER_LISTEN", "did you mean `SWITCHHOOK_SERVER__LISTEN`?"),
            ("SWITCHHOOK_CONFG", "did you mean `SWITCHHOOK_CONFIG`?"),
            ("SWITCHHOOK_SERVER__LISEN", "did you mean `server.listen`?"),
            ("SWITCHHOOK_FROBNICATE", "two underscores"),
        ] {
            let told = told(slip);
            assert!(told.len() == 1 && told[0].starts_with(slip) && told[0].contains(name), "{told:?}");
        }
    }

    #[test]
    fn variables_of_others_are_theirs() {
        for name in [
            "SWITCHHOOK_CONFIG",
            "SWITCHHOOK_KILLS",
            "SWITCHHOOK_TEST_DATABASE_URL",
            "SWITCHHOOK_SERVICE_HOST",
            "SWITCHHOOK_PORT",
            "SWITCHHOOK_PORT_8080_TCP_ADDR",
            "SWITCHHOOK_WEB_SERVICE_PORT_HTTP",
            "PATH",
        ] {
            assert!(told(name).is_empty(), "{name}");
        }
    }
}
