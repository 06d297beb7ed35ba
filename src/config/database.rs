//! Where the calls are kept, by its address.

use std::path::PathBuf;

use secrecy::SecretString;
use sqlx::postgres::PgConnectOptions;

/// Where the calls are kept.
#[derive(Clone, Debug)]
pub enum Database {
    /// On a PostgreSQL server.
    Postgres {
        /// Its address, which may hold a password.
        url: SecretString,
        /// The most connections to it.
        connections: u32,
    },
    /// In a file.
    Sqlite {
        /// The file.
        path: PathBuf,
    },
}

impl Database {
    /// Reads an address.
    ///
    /// # Errors
    /// It is of no database we know, or malformed. The address may hold a password: the message does not show it.
    pub(super) fn parse(url: &str, connections: u32) -> Result<Self, String> {
        if url.starts_with("postgres://") || url.starts_with("postgresql://") {
            let parsed = url.parse::<PgConnectOptions>();
            parsed.map_err(|why| format!("{why}; write it like postgres://USER@HOST:5432/NAME"))?;
            return Ok(Self::Postgres { url: url.into(), connections });
        }
        let path =
            url.strip_prefix("sqlite://").or_else(|| url.strip_prefix("sqlite:")).filter(|path| !path.is_empty());
        let path = path.ok_or("expected postgres://USER@HOST/NAME or sqlite://FILE")?;
        if path.starts_with(":memory:") {
            return Err("calls must outlive the program: write sqlite://FILE".to_owned());
        }
        match path.split_once('?') {
            Some((file, _)) => Err(format!("a file takes no options: write sqlite://{file}")),
            None => Ok(Self::Sqlite { path: path.into() }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_address_is_told_without_its_password() {
        for (url, told) in [
            ("postgres://[x", "write it like postgres://"),
            ("postgres://me:canary@localhost:99999/calls", "invalid port number"),
            ("postgres://me:canary@localhost/calls?sslmode=canary", "write it like postgres://"),
            ("mysql://me:canary@localhost/calls", "expected postgres://USER@HOST/NAME or sqlite://FILE"),
            ("sqlite::memory:", "write sqlite://FILE"),
            ("sqlite://:memory:", "write sqlite://FILE"),
            ("sqlite://x.db?mode=rwc", "write sqlite://x.db"),
            ("sqlite://", "expected"),
        ] {
            let why = Database::parse(url, 4).unwrap_err();
            assert!(why.contains(told) && !why.contains("me:canary"), "{url}: {why}");
        }
    }

    #[test]
    fn an_address_is_not_shown() {
        let database = Database::parse("postgresql://me:canary@localhost/calls", 4).unwrap();
        assert!(!format!("{database:?}").contains("canary"));
    }
}
