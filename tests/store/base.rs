//! A fresh database for each test, on either kind, with a way to look into it by hand.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use sqlx::postgres::{PgPool, PgPoolOptions};
use sqlx::sqlite::{SqliteConnectOptions, SqlitePool};
use sqlx::{AssertSqlSafe, ColumnIndex, Database, Decode, Row, Type};
use switchhook::store::{Postgres, Sqlite, Store};
use tempfile::TempDir;

/// Where a PostgreSQL server may be used whose user may create databases.
const VARIABLE: &str = "SWITCHHOOK_TEST_DATABASE_URL";

/// A database that is there for one test.
pub struct Base {
    place: Place,
    hand: Hand,
}

enum Place {
    File(TempDir),
    Server { url: String },
}

/// A connection of the test's own.
enum Hand {
    Sqlite(SqlitePool),
    Postgres(PgPool),
}

/// Runs a case on SQLite.
pub async fn on_sqlite<F: Future<Output = ()> + Send + 'static>(case: impl FnOnce(Arc<Base>) -> F) {
    let folder = TempDir::new().unwrap();
    let options = SqliteConnectOptions::new().filename(folder.path().join("calls.db"));
    let hand = Hand::Sqlite(SqlitePool::connect_lazy_with(options));
    let base = Base { place: Place::File(folder), hand };
    base.open().await.migrate().await.unwrap();
    case(Arc::new(base)).await;
}

/// Runs a case on PostgreSQL, in a database of its own that is dropped afterwards, whatever came of the case.
pub async fn on_postgres<F: Future<Output = ()> + Send + 'static>(case: impl FnOnce(Arc<Base>) -> F) {
    let Ok(server) = std::env::var(VARIABLE) else {
        assert!(std::env::var_os("CI").is_none(), "{VARIABLE} must name a PostgreSQL server");
        println!("SKIPPED: {VARIABLE} names no PostgreSQL server");
        return;
    };
    static DATABASES: AtomicU32 = AtomicU32::new(0);
    let name = format!("switchhook_test_{}_{}", std::process::id(), DATABASES.fetch_add(1, Ordering::Relaxed));
    let admin = PgPoolOptions::new().max_connections(1).connect(&server).await.unwrap();
    let run = async |text: String| sqlx::raw_sql(AssertSqlSafe(text)).execute(&admin).await.unwrap();
    run(format!("drop database if exists {name}")).await;
    run(format!("create database {name}")).await;
    let url = with_database(&server, &name);
    let hand = Hand::Postgres(PgPoolOptions::new().max_connections(2).connect_lazy(&url).unwrap());
    let base = Base { place: Place::Server { url }, hand };
    base.open().await.migrate().await.unwrap();
    let done = tokio::spawn(case(Arc::new(base))).await;
    run(format!("drop database {name} with (force)")).await;
    if let Err(failed) = done {
        std::panic::resume_unwind(failed.into_panic());
    }
}

fn with_database(url: &str, name: &str) -> String {
    let (address, query) = url.split_once('?').map_or((url, String::new()), |(a, q)| (a, format!("?{q}")));
    let host = address.find("://").unwrap() + 3;
    let end = address[host..].find('/').map_or(address.len(), |at| host + at);
    format!("{}/{name}{query}", &address[..end])
}

impl Base {
    /// A store of its own on this database, as another node would have.
    pub async fn open(&self) -> Arc<dyn Store> {
        self.open_narrow(4).await
    }

    /// A store with that many connections; SQLite writes on one, whatever is asked for.
    pub async fn open_narrow(&self, connections: u32) -> Arc<dyn Store> {
        match &self.place {
            Place::File(folder) => {
                Arc::new(Sqlite::open(folder.path().join("calls.db").to_str().unwrap()).await.unwrap())
            }
            Place::Server { url } => Arc::new(Postgres::connect(url, connections).await.unwrap()),
        }
    }

    /// Whether it is SQLite.
    pub fn is_sqlite(&self) -> bool {
        matches!(self.place, Place::File(_))
    }

    /// What a query gives, every column a text.
    pub async fn rows(&self, query: &str) -> Vec<Vec<Option<String>>> {
        let query = AssertSqlSafe(query.to_owned());
        match &self.hand {
            Hand::Sqlite(pool) => texts(&sqlx::query(query).fetch_all(pool).await.unwrap()),
            Hand::Postgres(pool) => texts(&sqlx::query(query).fetch_all(pool).await.unwrap()),
        }
    }

    /// Runs a statement.
    pub async fn run(&self, statement: &str) -> u64 {
        let statement = AssertSqlSafe(statement.to_owned());
        match &self.hand {
            Hand::Sqlite(pool) => sqlx::query(statement).execute(pool).await.unwrap().rows_affected(),
            Hand::Postgres(pool) => sqlx::query(statement).execute(pool).await.unwrap().rows_affected(),
        }
    }

    /// The SQLite database, for what only it has.
    pub fn sqlite(&self) -> &SqlitePool {
        match &self.hand {
            Hand::Sqlite(pool) => pool,
            Hand::Postgres(_) => panic!("not SQLite"),
        }
    }
}

fn texts<R: Row>(rows: &[R]) -> Vec<Vec<Option<String>>>
where
    usize: ColumnIndex<R>,
    Option<String>: Type<R::Database> + for<'r> Decode<'r, R::Database>,
    R::Database: Database,
{
    rows.iter().map(|row| (0..row.len()).map(|column| row.get(column)).collect()).collect()
}
