//! A database of its own for each test, and what is in it.

use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};

use sqlx::postgres::{PgConnection, PgRow};
use sqlx::sqlite::{SqliteConnection, SqliteRow};
use sqlx::{Connection, FromRow};
use switchhook::config::Settings;
use switchhook::store::Store;
use tempfile::TempDir;
use tokio::runtime::Runtime;

/// What waits for databases and answers for Telnyx; the tests themselves are plain threads.
pub static RUNTIME: LazyLock<Runtime> =
    LazyLock::new(|| tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap());

/// A database.
pub enum Base {
    Sqlite { folder: TempDir },
    Postgres { url: String, house: Drops },
}

/// A row of the journal.
#[derive(Debug, FromRow)]
pub struct Entry {
    pub event: String,
    pub call: String,
    pub remarks: String,
    pub raw: Vec<u8>,
}

/// A row of the quarantine.
#[derive(Debug, FromRow)]
pub struct Aside {
    pub why: String,
    pub raw: Vec<u8>,
}

/// A row of the outbox.
#[derive(Debug, FromRow)]
pub struct Sent {
    pub id: String,
    pub kind: String,
    pub path: String,
    pub body: Vec<u8>,
    pub status: String,
}

impl Base {
    pub fn sqlite() -> Self {
        Self::Sqlite { folder: tempfile::tempdir().unwrap() }
    }

    /// A fresh database beside the one the tests are given. None: there is none, and the test is left out.
    pub fn postgres() -> Option<Self> {
        let Ok(given) = std::env::var("SWITCHHOOK_TEST_DATABASE_URL") else {
            assert!(std::env::var_os("CI").is_none(), "SWITCHHOOK_TEST_DATABASE_URL is not set: run ./test");
            println!("SKIPPED: SWITCHHOOK_TEST_DATABASE_URL is not set");
            return None;
        };
        Some(Self::postgres_at(&given))
    }

    /// A fresh database beside this one.
    pub fn postgres_at(given: &str) -> Self {
        let name = format!("house_{:016x}", fastrand::u64(..));
        administer(given, format!("create database {name}"));
        let mut url = reqwest::Url::parse(given).unwrap();
        url.set_path(&name);
        Self::Postgres { url: url.into(), house: Drops { given: given.to_owned(), name } }
    }

    pub fn url(&self) -> String {
        match self {
            Self::Sqlite { .. } => format!("sqlite://{}", self.file().unwrap().display()),
            Self::Postgres { url, .. } => url.clone(),
        }
    }

    /// The file, where it is one.
    pub fn file(&self) -> Option<PathBuf> {
        match self {
            Self::Sqlite { folder } => Some(folder.path().join("switchhook.db")),
            Self::Postgres { .. } => None,
        }
    }

    /// The journal's rows that came by a webhook.
    pub fn journal(&self) -> Vec<Entry> {
        self.rows(
            "select event, cast(call as text) as call, remarks, raw from journal where length(raw) > 0 order by version",
        )
    }

    pub fn quarantine(&self) -> Vec<Aside> {
        self.rows("select why, raw from quarantine")
    }

    pub fn outbox(&self) -> Vec<Sent> {
        self.rows("select cast(id as text) as id, kind, path, body, status from outbox order by call, seq")
    }

    /// How many rows there are in all that what comes in may leave behind.
    pub fn kept(&self) -> usize {
        self.journal().len() + self.quarantine().len() + self.outbox().len()
    }

    /// The database, opened as the program does.
    pub async fn open(&self) -> Arc<dyn Store> {
        let env = [("DATABASE_URL".to_owned(), self.url())].into();
        let settings = Settings::collect(Path::new(""), false, &env, &[]).unwrap();
        switchhook::app::open(&settings.database().unwrap(), false).await.unwrap().store
    }

    /// Changes rows behind the program's back.
    pub fn run(&self, statement: &'static str) {
        RUNTIME.block_on(async {
            match self {
                Self::Sqlite { .. } => {
                    let mut connection = SqliteConnection::connect(&self.url()).await.unwrap();
                    sqlx::raw_sql(statement).execute(&mut connection).await.unwrap();
                    connection.close().await.unwrap();
                }
                Self::Postgres { url, .. } => {
                    let mut connection = PgConnection::connect(url).await.unwrap();
                    sqlx::raw_sql(statement).execute(&mut connection).await.unwrap();
                    connection.close().await.unwrap();
                }
            }
        });
    }

    pub fn rows<T>(&self, statement: &'static str) -> Vec<T>
    where
        T: Send + Unpin + for<'r> FromRow<'r, SqliteRow> + for<'r> FromRow<'r, PgRow>,
    {
        match self {
            Self::Sqlite { .. } => RUNTIME.block_on(async {
                let mut connection = SqliteConnection::connect(&format!("{}?mode=ro", self.url())).await.unwrap();
                let rows = sqlx::query_as(statement).fetch_all(&mut connection).await.unwrap();
                connection.close().await.unwrap();
                rows
            }),
            Self::Postgres { url, .. } => RUNTIME.block_on(async {
                let mut connection = PgConnection::connect(url).await.unwrap();
                let rows = sqlx::query_as(statement).fetch_all(&mut connection).await.unwrap();
                connection.close().await.unwrap();
                rows
            }),
        }
    }
}

/// Nobody can write while this is there.
pub struct Locked(Lock);

enum Lock {
    Sqlite(SqliteConnection),
    Postgres(PgConnection),
}

impl Locked {
    pub fn new(base: &Base) -> Self {
        Self(RUNTIME.block_on(async {
            match base {
                Base::Sqlite { .. } => {
                    let mut connection = SqliteConnection::connect(&base.url()).await.unwrap();
                    sqlx::raw_sql("begin immediate").execute(&mut connection).await.unwrap();
                    Lock::Sqlite(connection)
                }
                Base::Postgres { url, .. } => {
                    let mut connection = PgConnection::connect(url).await.unwrap();
                    let lock = "begin; lock table journal in access exclusive mode";
                    sqlx::raw_sql(lock).execute(&mut connection).await.unwrap();
                    Lock::Postgres(connection)
                }
            }
        }))
    }

    pub fn release(self) {
        RUNTIME.block_on(async {
            match self.0 {
                Lock::Sqlite(connection) => connection.close().await.unwrap(),
                Lock::Postgres(connection) => connection.close().await.unwrap(),
            }
        });
    }
}

/// Drops a database when the test is over.
pub struct Drops {
    given: String,
    name: String,
}

impl Drops {
    /// Throws everybody out, and lets nobody in: as a server that is down.
    pub fn close(&self) {
        administer(&self.given, format!("alter database {} allow_connections false", self.name));
        let name = &self.name;
        administer(
            &self.given,
            format!("select pg_terminate_backend(pid) from pg_stat_activity where datname = '{name}'"),
        );
    }

    /// Lets everybody in again.
    pub fn open(&self) {
        administer(&self.given, format!("alter database {} allow_connections true", self.name));
    }
}

impl Drop for Drops {
    fn drop(&mut self) {
        administer(&self.given, format!("drop database {} with (force)", self.name));
    }
}

fn administer(url: &str, statement: String) {
    RUNTIME.block_on(async {
        let mut connection = PgConnection::connect(url).await.unwrap();
        // Names are made here, of letters and digits.
        sqlx::raw_sql(sqlx::AssertSqlSafe(statement)).execute(&mut connection).await.unwrap();
        connection.close().await.unwrap();
    });
}

/// A file of the checkout.
pub fn checkout(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// Runs each of these tests on both databases.
macro_rules! on_both {
    ($($test:ident)*) => {
        mod on_sqlite {
            $(#[test] fn $test() { super::$test($crate::base::Base::sqlite()); })*
        }
        mod on_postgres {
            $(#[test] fn $test() {
                if let Some(base) = $crate::base::Base::postgres() {
                    super::$test(base);
                }
            })*
        }
    };
}
pub(crate) use on_both;
