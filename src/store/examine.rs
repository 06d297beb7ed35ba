//! What can be said of a database without a change to it: what version its tables have, and whether they can be written.

use std::time::Duration;

use sqlx::migrate::Migrator;
use sqlx::postgres::PgConnectOptions;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{ConnectOptions as _, Connection as _, PgConnection};

use super::rows::failed;
use super::types::StoreError;
use super::{postgres, sqlite};

/// What a look at a database tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Examined {
    /// The version its tables have; `None` if there are none.
    pub tables: Option<i64>,
    /// The version this program wants.
    pub wanted: i64,
    /// Why nothing can be written, if so.
    pub unwritable: Option<String>,
    /// Whether a commit is on disk when it is acknowledged.
    pub durable: bool,
}

/// How long an SQLite file may be held by whoever writes.
const PATIENCE: Duration = Duration::from_secs(2);
/// Something is written, and taken back: into the tables, or, where there are none, a table.
const WRITE: &str = "insert into rules (hash, sources, kept_at) values ('doctor', '', 0)";
const CREATE: &str = "create table switchhook_doctor (written integer)";

/// Looks at a PostgreSQL database.
///
/// # Errors
/// It cannot be reached, turns us away, or does not let itself be read.
pub async fn examine_postgres(url: &str) -> Result<Examined, StoreError> {
    let options: PgConnectOptions = url.parse().map_err(|why| {
        StoreError::Unusable(format!("DATABASE_URL is not an address of a PostgreSQL database: {why}"))
    })?;
    let options = options.application_name("switchhook doctor");
    let options = options.options([("statement_timeout", "5s"), ("lock_timeout", "2s")]);
    let mut connection = postgres::reach(&options).await?;
    let known: bool = sqlx::query_scalar("select to_regclass('_sqlx_migrations') is not null")
        .fetch_one(&mut connection)
        .await
        .map_err(failed)?;
    let tables = if known {
        let newest = sqlx::query_scalar("select max(version) from _sqlx_migrations where success");
        newest.fetch_one(&mut connection).await.map_err(failed)?
    } else {
        None
    };
    let commit: String =
        sqlx::query_scalar("show synchronous_commit").fetch_one(&mut connection).await.map_err(failed)?;
    let unwritable = written_to_postgres(&mut connection, tables).await.err().map(|why| why.to_string());
    // What it said counts, whatever it says to a farewell.
    drop(connection.close().await);
    Ok(Examined { tables, wanted: wanted(&postgres::MIGRATIONS), unwritable, durable: commit != "off" })
}

async fn written_to_postgres(connection: &mut PgConnection, tables: Option<i64>) -> Result<(), sqlx::Error> {
    let mut transaction = connection.begin().await?;
    sqlx::query(if tables.is_some() { WRITE } else { CREATE }).execute(&mut *transaction).await?;
    transaction.rollback().await
}

/// Looks at an SQLite file, which is there.
///
/// # Errors
/// It cannot be opened or read.
pub async fn examine_sqlite(path: &str) -> Result<Examined, StoreError> {
    let options = SqliteConnectOptions::new().filename(path).create_if_missing(false).busy_timeout(PATIENCE);
    let unusable = |why: sqlx::Error| StoreError::Unusable(format!("{path} cannot be opened: {why}"));
    let mut connection = options.connect().await.map_err(unusable)?;
    let known: bool = sqlx::query_scalar("select count(*) > 0 from sqlite_master where name = '_sqlx_migrations'")
        .fetch_one(&mut connection)
        .await
        .map_err(unusable)?;
    let tables = if known {
        let newest = sqlx::query_scalar("select max(version) from _sqlx_migrations where success");
        newest.fetch_one(&mut connection).await.map_err(failed)?
    } else {
        None
    };
    let unwritable = written_to_sqlite(&mut connection, tables).await.err().map(|why| why.to_string());
    drop(connection.close().await);
    Ok(Examined { tables, wanted: wanted(&sqlite::MIGRATIONS), unwritable, durable: true })
}

async fn written_to_sqlite(connection: &mut SqliteConnection, tables: Option<i64>) -> Result<(), sqlx::Error> {
    let mut transaction = connection.begin_with("begin immediate").await?;
    sqlx::query(if tables.is_some() { WRITE } else { CREATE }).execute(&mut *transaction).await?;
    transaction.rollback().await
}

fn wanted(migrations: &Migrator) -> i64 {
    migrations.iter().map(|migration| migration.version).max().unwrap_or_default()
}
