//! Opening the database.

use std::fs::{File, TryLockError};
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use secrecy::ExposeSecret as _;

use crate::config::Database;
use crate::store::{Postgres, Sqlite, Store};

/// An opened database.
pub struct Opened {
    /// It.
    pub store: Arc<dyn Store>,
    /// Held for as long as this process may write to an SQLite file; other processes are kept out.
    pub lock: Option<File>,
}

/// Opens the database; for an SQLite file, `alone` keeps every other server out.
///
/// # Errors
/// It does not answer, or another server uses the file.
pub async fn open(database: &Database, alone: bool) -> Result<Opened> {
    match database {
        Database::Postgres { url, connections } => {
            let store =
                Postgres::connect(url.expose_secret(), *connections).await.context("the database cannot be used")?;
            Ok(Opened { store: Arc::new(store), lock: None })
        }
        Database::Sqlite { path } => {
            let lock = if alone { Some(lock(path)?) } else { None };
            let store = Sqlite::open(&path.to_string_lossy()).await.context("the database cannot be used")?;
            Ok(Opened { store: Arc::new(store), lock })
        }
    }
}

fn lock(path: &Path) -> Result<File> {
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty() && !folder.is_dir()) {
        bail!("the database {} cannot be made: there is no folder {}", path.display(), folder.display());
    }
    let open = |path: &Path| File::options().create(true).append(true).open(path);
    // The file may have several names: the lock lies beside what all of them lead to. SQLite takes an empty file for a
    // new one.
    let mut name = open(path)
        .and_then(|_| path.canonicalize())
        .with_context(|| format!("the database {} cannot be used", path.display()))?
        .into_os_string();
    name.push(".lock");
    let file = open(Path::new(&name))
        .with_context(|| format!("the database {} cannot be used: its lock file cannot be made", path.display()))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => bail!(
            "another `switchhook serve` uses {}: an SQLite file has one server; several servers share a PostgreSQL database",
            path.display()
        ),
        Err(TryLockError::Error(why)) => bail!("the database {} cannot be locked: {why}", path.display()),
    }
}
