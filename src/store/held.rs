//! A connection with a transaction on it, that whoever is dropped half way leaves to nobody.

use sqlx::Database;
use sqlx::pool::PoolConnection;

/// A connection that is closed when it is dropped, unless it was let go.
///
/// A future can be dropped wherever it waits, and an error can leave a transaction half closed. What the driver then
/// believes of the connection is wrong (sqlx 0.9.0: a `begin` that is dropped leaves a transaction open that nobody
/// knows of, and the next user writes into it), so such a connection goes back to no pool.
pub(super) struct Held<DB: Database> {
    connection: PoolConnection<DB>,
    whole: bool,
}

impl<DB: Database> Held<DB> {
    pub fn new(connection: PoolConnection<DB>) -> Self {
        Self { connection, whole: false }
    }

    pub fn connection(&mut self) -> &mut DB::Connection {
        &mut self.connection
    }

    /// Gives it back to its pool: no transaction is open on it.
    pub fn let_go(mut self) {
        self.whole = true;
    }
}

impl<DB: Database> Drop for Held<DB> {
    fn drop(&mut self) {
        if !self.whole {
            self.connection.close_on_drop();
        }
    }
}
