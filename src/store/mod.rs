//! The only room with SQL. One trait of units of work, two databases behind it, one suite that both must pass.

mod examine;
mod held;
mod postgres;
mod postgres_write;
mod rows;
mod sqlite;
mod sqlite_write;
mod types;

pub use crate::hall::Renewed;
pub use examine::{Examined, examine_postgres, examine_sqlite};
pub use postgres::Postgres;
pub use sqlite::Sqlite;
pub use types::{
    CallRow, Claimed, Decider, Draft, Due, Gauges, JournalRow, OutboxRow, Parcel, Stamp, Store, StoreError, Taken,
};
