//! What a server needs, read off the settings.

use std::net::SocketAddr;
use std::num::{NonZeroU32, NonZeroUsize};
use std::path::PathBuf;

use secrecy::{ExposeSecret as _, SecretString};

use super::bad::BadSettings;
use super::database::Database;
use super::settings::Settings;
use crate::telnyx::signature::Keys;

/// What a server needs.
#[derive(Debug)]
pub struct Server {
    /// Where it listens.
    pub listen: SocketAddr,
    /// The admin listener, if there is to be one.
    pub admin: Option<Admin>,
    /// How many connections it takes at once.
    pub connections: usize,
    /// How many of them from one address, if that is said.
    pub connections_per_source: Option<usize>,
    /// The database.
    pub database: Database,
    /// Telnyx.
    pub telnyx: Telnyx,
    /// What is not to be done.
    pub limits: Limits,
}

/// Where it is watched, and told to read its files again.
#[derive(Debug)]
pub struct Admin {
    /// Where it listens.
    pub listen: SocketAddr,
    /// What whoever asks must show.
    pub token: Option<SecretString>,
}

/// What is not to be done, whatever the rules say.
#[derive(Debug)]
pub struct Limits {
    /// Numbers and SIP addresses that are not dialled, or how they begin.
    pub stop: Vec<String>,
    /// Nobody is dialled.
    pub stopped: bool,
}

/// How to reach Telnyx, and how to know it.
#[derive(Debug)]
pub struct Telnyx {
    /// The API key.
    pub api_key: SecretString,
    /// The public keys that webhooks are signed with.
    pub keys: Keys,
    /// The Call Control application that dials go out on.
    pub connection: String,
    /// The REST API.
    pub base_url: String,
    /// The most commands a second, if there is to be a limit.
    pub rate: Option<NonZeroU32>,
}

impl Settings {
    /// What a server needs.
    ///
    /// # Errors
    /// Everything that is missing or malformed, at once.
    pub fn server(&self) -> Result<Server, BadSettings> {
        let mut bad = Vec::new();
        let listen = self.listen().map_err(|why| bad.extend(why.0)).ok();
        let connections = self.parsed("server.connections", ABOVE_ZERO, &mut bad).map(NonZeroUsize::get);
        let connections_per_source = self.some_above_zero("server.connections_per_source", &mut bad);
        let database = self.database().map_err(|why| bad.extend(why.0)).ok();
        let telnyx = self.telnyx(&mut bad);
        let limits = self.limits().map_err(|why| bad.extend(why.0)).ok();
        let admin = self.admin(&mut bad);
        match (listen, connections, database, telnyx, limits) {
            (Some(listen), Some(connections), Some(database), Some(telnyx), Some(limits)) if bad.is_empty() => {
                Ok(Server { listen, admin, connections, connections_per_source, database, telnyx, limits })
            }
            _ => Err(BadSettings(bad)),
        }
    }

    /// Where it listens.
    ///
    /// # Errors
    /// It is no address.
    pub fn listen(&self) -> Result<SocketAddr, BadSettings> {
        let mut bad = Vec::new();
        let listen = self.parsed("server.listen", "an address and a port, like 0.0.0.0:8080", &mut bad);
        listen.ok_or(BadSettings(bad))
    }

    /// The routing file.
    pub fn routes(&self) -> PathBuf {
        self.text("routes.file").into()
    }

    /// Where the calls are kept.
    ///
    /// # Errors
    /// The address is malformed, or of no database we know.
    pub fn database(&self) -> Result<Database, BadSettings> {
        let mut bad = Vec::new();
        let connections = self.parsed("database.connections", ABOVE_ZERO, &mut bad);
        let database = Database::parse(self.text("database.url"), connections.map_or(1, NonZeroU32::get));
        let by = self.by("database.url");
        let database = database.map_err(|why| bad.push(format!("database.url ({by}): {why}"))).ok();
        database.filter(|_| bad.is_empty()).ok_or(BadSettings(bad))
    }

    fn telnyx(&self, bad: &mut Vec<String>) -> Option<Telnyx> {
        let api_key = self.api_key().or_else(|| self.read_of("telnyx.api_key_file", bad).map(Into::into));
        let api_key = checked("TELNYX_API_KEY", api_key, API_KEY_PLACE, is_a_key, bad);
        let public = if self.outranks("telnyx.public_key_file", "telnyx.public_key") {
            self.read_of("telnyx.public_key_file", bad)
        } else {
            self.some("telnyx.public_key")
        };
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
        let connection = self.some("telnyx.connection_id").map(SecretString::from);
        let connection = checked("TELNYX_CONNECTION_ID", connection, CONNECTION_PLACE, is_an_id, bad);
        let connection = connection.map(|connection| connection.expose_secret().to_owned());
        let rate = self.some("telnyx.rate").and_then(|_| self.parsed("telnyx.rate", ABOVE_ZERO, bad));
        let base_url = self.text("telnyx.base_url").to_owned();
        Some(Telnyx { api_key: api_key?, keys: keys?, connection: connection?, base_url, rate })
    }

    fn some_above_zero(&self, key: &str, bad: &mut Vec<String>) -> Option<usize> {
        self.some(key).and_then(|_| self.parsed(key, ABOVE_ZERO, bad)).map(NonZeroUsize::get)
    }

    /// What is not to be done.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn limits(&self) -> Result<Limits, BadSettings> {
        let mut bad = Vec::new();
        let stop = self.text("limits.stop").split(',').map(str::trim).filter(|entry| !entry.is_empty());
        let stopped = self.parsed("limits.stopped", "true or false", &mut bad);
        let stop = stop.map(str::to_owned).collect();
        stopped.map(|stopped| Limits { stop, stopped }).ok_or(BadSettings(bad))
    }

    /// Who can reach it from elsewhere must know something.
    fn admin(&self, bad: &mut Vec<String>) -> Option<Admin> {
        if self.text("server.admin_listen") == "off" {
            return None;
        }
        let listen: SocketAddr =
            self.parsed("server.admin_listen", "an address and a port, like 127.0.0.1:8081, nor `off`", bad)?;
        let token = self.admin_token().or_else(|| self.read_of("server.admin_token_file", bad).map(Into::into));
        if token.is_none() && !listen.ip().to_canonical().is_loopback() {
            bad.push(format!(
                "server.admin_listen ({}): {listen} can be reached from other machines, and there is no token: set \
                 SWITCHHOOK_ADMIN_TOKEN or SWITCHHOOK_ADMIN_TOKEN_FILE, or listen on 127.0.0.1, or say `off`",
                self.by("server.admin_listen")
            ));
        }
        let good = token.as_ref().is_none_or(|token| is_a_key(token.expose_secret()));
        if !good {
            bad.push(
                "SWITCHHOOK_ADMIN_TOKEN has characters that do not go through a header, such as a space: make one with \
                 `openssl rand -hex 32`"
                    .to_owned(),
            );
        }
        Some(Admin { listen, token })
    }
}

const ABOVE_ZERO: &str = "a number above 0";
const API_KEY_PLACE: &str = "in Mission Control, Keys & Credentials, API Keys";
const PUBLIC_KEY_PLACE: &str = "in Mission Control, Keys & Credentials, Public Key";
const CONNECTION_PLACE: &str = "the id of your Call Control application (Voice API application) in Mission Control";

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
