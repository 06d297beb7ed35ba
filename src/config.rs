//! Settings: where they come from, what they mean, and what is wrong with them.
//!
//! A flag is believed before the environment, the environment before the file, the file before the default. The API
//! key comes from the environment or from a file of its own, never from the settings file.

use std::collections::BTreeMap;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use secrecy::{ExposeSecret as _, SecretString};

use crate::telnyx::signature::Keys;
use crate::yaml;

/// Every setting: its name, the environment variable it has besides `SWITCHHOOK_SECTION__KEY`, and its default.
const KNOWN: [(&str, Option<&str>, Option<&str>); 10] = [
    ("server.listen", None, Some("0.0.0.0:8080")),
    ("server.connections", None, Some("2048")),
    ("routes.file", None, Some("config/routes.yaml")),
    ("database.url", Some("DATABASE_URL"), Some("sqlite://switchhook.db")),
    ("database.connections", None, Some("4")),
    ("telnyx.base_url", Some("TELNYX_BASE_URL"), Some("https://api.telnyx.com/v2")),
    ("telnyx.connection_id", Some("TELNYX_CONNECTION_ID"), None),
    ("telnyx.public_key", Some("TELNYX_PUBLIC_KEY"), None),
    ("telnyx.public_key_file", Some("TELNYX_PUBLIC_KEY_FILE"), None),
    ("telnyx.api_key_file", Some("TELNYX_API_KEY_FILE"), None),
];

/// The settings as texts, with where each was said.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    values: BTreeMap<&'static str, Said>,
    api_key: Option<SecretString>,
}

#[derive(Clone, Debug)]
struct Said {
    text: String,
    by: String,
}

/// What a server needs.
#[derive(Debug)]
pub struct Server {
    /// Where it listens.
    pub listen: SocketAddr,
    /// How many connections it takes at once.
    pub connections: usize,
    /// The routing file.
    pub routes: PathBuf,
    /// The database.
    pub database: Database,
    /// Telnyx.
    pub telnyx: Telnyx,
}

/// Where the calls are kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Database {
    /// On a PostgreSQL server.
    Postgres {
        /// Its address.
        url: String,
        /// The most connections to it.
        connections: u32,
    },
    /// In a file.
    Sqlite {
        /// The file.
        path: PathBuf,
    },
}

/// How to reach Telnyx, and how to know it.
#[derive(Debug)]
pub struct Telnyx {
    /// The API key.
    pub api_key: SecretString,
    /// The public keys that webhooks are signed with.
    pub keys: Keys,
    /// The Call Control application that dials go out on.
    pub line: String,
    /// The REST API.
    pub base_url: String,
}

/// Everything that is wrong with the settings.
#[derive(Debug, thiserror::Error)]
#[error("{}", .0.join("\n"))]
pub struct BadSettings(pub Vec<String>);

impl Settings {
    /// Collects the settings. `file`: the settings file, whether it was `asked` for by name (then it must be there);
    /// `env`: the environment; `flags`: what the command line says.
    ///
    /// # Errors
    /// The file cannot be read, or something in it or in the environment is no setting.
    pub fn collect(
        file: &Path,
        asked: bool,
        env: &BTreeMap<String, String>,
        flags: &[(&'static str, Option<String>)],
    ) -> Result<Self, BadSettings> {
        let mut settings = Self::default();
        let mut bad = Vec::new();
        for (key, _, default) in KNOWN {
            settings.say(key, default.map(str::to_owned), "the default");
        }
        match fs::read_to_string(file) {
            Ok(text) => settings.read_file(&file.display().to_string(), &text, &mut bad),
            Err(_) if !asked => {}
            Err(why) => bad.push(format!("{}: the settings file cannot be read: {why}", file.display())),
        }
        settings.read_env(env, &mut bad);
        for (key, value) in flags {
            settings.say(key, value.clone(), "the command line");
        }
        if bad.is_empty() { Ok(settings) } else { Err(BadSettings(bad)) }
    }

    fn say(&mut self, key: &'static str, text: Option<String>, by: &str) {
        if let Some(text) = text {
            self.values.insert(key, Said { text, by: by.to_owned() });
        }
    }

    fn read_file(&mut self, name: &str, text: &str, bad: &mut Vec<String>) {
        // A file of nothing but comments says nothing.
        if text.lines().all(|line| line.trim().is_empty() || line.trim_start().starts_with('#')) {
            return;
        }
        let tree = match yaml::parse(text, 0) {
            Ok(tree) => tree,
            Err(flaw) => return bad.push(format!("{name}:{}:{}: {flaw}", flaw.at.line, flaw.at.column)),
        };
        bad.extend(tree.flaws.iter().map(|flaw| format!("{name}:{}:{}: {flaw}", flaw.at.line, flaw.at.column)));
        let Some(sections) = tree.root.as_map() else {
            return bad
                .push(format!("{name}:1:1: expected sections, like `server:` with `listen: 0.0.0.0:8080` under it"));
        };
        for section in &sections.entries {
            let Some(keys) = section.value.as_map() else {
                let at = section.at;
                bad.push(format!("{name}:{}:{}: expected settings under `{}:`", at.line, at.column, section.key));
                continue;
            };
            for entry in &keys.entries {
                let place = format!("{name}:{}:{}", entry.at.line, entry.at.column);
                match (known(&format!("{}.{}", section.key, entry.key)), entry.value.as_text()) {
                    (Some(key), Some(text)) => self.say(key, Some(text.to_owned()), &place),
                    (Some(key), None) => bad.push(format!("{place}: `{key}` wants a text or a number")),
                    (None, _) => bad.push(format!("{place}: {}", unknown(&format!("{}.{}", section.key, entry.key)))),
                }
            }
        }
    }

    fn read_env(&mut self, env: &BTreeMap<String, String>, bad: &mut Vec<String>) {
        for (name, value) in env.iter().filter(|(_, value)| !value.trim().is_empty()) {
            let own = name.strip_prefix("SWITCHHOOK_").and_then(|rest| rest.split_once("__"));
            let alias = KNOWN.iter().find(|(_, alias, _)| alias.is_some_and(|alias| alias == name));
            if let Some((section, key)) = own {
                let setting = format!("{section}.{key}").to_lowercase();
                match known(&setting) {
                    Some(key) => self.say(key, Some(value.clone()), name),
                    None => bad.push(format!("{name}: {}", unknown(&setting))),
                }
            } else if let Some((key, ..)) = alias {
                self.say(key, Some(value.clone()), name);
            }
        }
        self.api_key = env.get("TELNYX_API_KEY").filter(|key| !key.trim().is_empty()).map(|key| key.trim().into());
    }

    /// What a server needs.
    ///
    /// # Errors
    /// Everything that is missing or malformed, at once.
    pub fn server(&self) -> Result<Server, BadSettings> {
        let mut bad = Vec::new();
        let listen = self.parsed("server.listen", "an address and a port, like 0.0.0.0:8080", &mut bad);
        let connections = self.parsed("server.connections", "a number", &mut bad);
        let database = self.database().map_err(|why| bad.extend(why.0)).ok();
        let telnyx = self.telnyx(&mut bad);
        match (listen, connections, database, telnyx) {
            (Some(listen), Some(connections), Some(database), Some(telnyx)) if bad.is_empty() => {
                Ok(Server { listen, connections, routes: self.routes(), database, telnyx })
            }
            _ => Err(BadSettings(bad)),
        }
    }

    /// The routing file.
    pub fn routes(&self) -> PathBuf {
        self.text("routes.file").into()
    }

    /// Where the calls are kept.
    ///
    /// # Errors
    /// The address is of no database we know.
    pub fn database(&self) -> Result<Database, BadSettings> {
        let mut bad = Vec::new();
        let connections = self.parsed("database.connections", "a number", &mut bad).unwrap_or(4);
        let url = self.text("database.url");
        let database = if url.starts_with("postgres://") || url.starts_with("postgresql://") {
            Some(Database::Postgres { url: url.to_owned(), connections })
        } else {
            let path = url.strip_prefix("sqlite://").or_else(|| url.strip_prefix("sqlite:"));
            path.filter(|path| !path.is_empty()).map(|path| Database::Sqlite { path: path.into() })
        };
        match database {
            Some(database) if bad.is_empty() => Ok(database),
            Some(_) => Err(BadSettings(bad)),
            None => {
                // The address may hold a password: it is not shown.
                let by = self.values.get("database.url").map_or("", |said| said.by.as_str());
                bad.push(format!("database.url ({by}): expected postgres://USER@HOST/NAME or sqlite://FILE"));
                Err(BadSettings(bad))
            }
        }
    }

    fn telnyx(&self, bad: &mut Vec<String>) -> Option<Telnyx> {
        let api_key = self.api_key.clone().or_else(|| self.read_of("telnyx.api_key_file", bad).map(Into::into));
        let api_key = checked("TELNYX_API_KEY", api_key, API_KEY_PLACE, is_a_key, bad);
        let public = self.read_of("telnyx.public_key_file", bad).or_else(|| self.some("telnyx.public_key"));
        let keys = match public.as_deref().map(Keys::parse) {
            None => {
                bad.push(format!("TELNYX_PUBLIC_KEY is not set: it is {PUBLIC_KEY_PLACE}"));
                None
            }
            Some(Err(why)) => {
                bad.push(format!("TELNYX_PUBLIC_KEY: {why}"));
                None
            }
            Some(Ok(keys)) => Some(keys),
        };
        let line = self.some("telnyx.connection_id").map(SecretString::from);
        let line = checked("TELNYX_CONNECTION_ID", line, LINE_PLACE, is_an_id, bad);
        let line = line.map(|line| line.expose_secret().to_owned());
        Some(Telnyx { api_key: api_key?, keys: keys?, line: line?, base_url: self.text("telnyx.base_url").to_owned() })
    }

    fn text(&self, key: &str) -> &str {
        self.values.get(key).map_or("", |said| said.text.trim())
    }

    fn some(&self, key: &str) -> Option<String> {
        Some(self.text(key).to_owned()).filter(|text| !text.is_empty())
    }

    fn read_of(&self, key: &str, bad: &mut Vec<String>) -> Option<String> {
        let path = self.some(key)?;
        match fs::read_to_string(&path) {
            Ok(text) => Some(text.trim().to_owned()),
            Err(why) => {
                bad.push(format!("{key}: {path} cannot be read: {why}"));
                None
            }
        }
    }

    fn parsed<T: std::str::FromStr>(&self, key: &str, expected: &str, bad: &mut Vec<String>) -> Option<T> {
        let said = self.values.get(key)?;
        let parsed = said.text.trim().parse().ok();
        if parsed.is_none() {
            bad.push(format!("{key} ({}): `{}` is not {expected}", said.by, said.text));
        }
        parsed
    }
}

const API_KEY_PLACE: &str = "in Mission Control, Keys & Credentials, API Keys";
const PUBLIC_KEY_PLACE: &str = "in Mission Control, Keys & Credentials, Public Key";
const LINE_PLACE: &str = "the id of your Call Control application (Voice API application) in Mission Control";

/// A value that must be there and well formed. It is never shown: it may be another one's secret, in the wrong place.
fn checked(
    name: &str,
    value: Option<SecretString>,
    place: &str,
    good: fn(&str) -> bool,
    bad: &mut Vec<String>,
) -> Option<SecretString> {
    match value {
        None => bad.push(format!("{name} is not set: it is {place}")),
        Some(value) if good(value.expose_secret()) => return Some(value),
        Some(_) => bad.push(format!("{name} has characters that do not belong there, such as a space: it is {place}")),
    }
    None
}

fn is_a_key(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_graphic())
}

fn is_an_id(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

fn known(setting: &str) -> Option<&'static str> {
    KNOWN.iter().map(|(key, ..)| *key).find(|key| *key == setting)
}

fn unknown(setting: &str) -> String {
    let all: Vec<&str> = KNOWN.iter().map(|(key, ..)| *key).collect();
    if setting == "telnyx.api_key" {
        return "the API key never stands in a file of settings: set TELNYX_API_KEY, or telnyx.api_key_file".to_owned();
    }
    format!("there is no setting `{setting}`; there are {}", all.join(", "))
}
