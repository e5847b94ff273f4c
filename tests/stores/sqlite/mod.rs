//! The SQLite store conforms, and what is special about it.

mod conforms;
mod crashes;
mod line;
mod log;
mod migrations;
mod restarts;
mod setup;
mod stuck;
mod trouble;
mod waits;

use std::path::Path;

use idempotent_runtime::SqliteStore;
use idempotent_tests::requests::{HOUR, hold, request as claim, retry};
use sqlx::{SqlitePool, sqlite::SqliteConnectOptions};

/// The application's own pool on the file at `path`.
async fn pool(path: &Path) -> SqlitePool {
    let options = SqliteConnectOptions::new().filename(path).create_if_missing(true);
    SqlitePool::connect_with(options).await.unwrap()
}

async fn open(path: &Path) -> SqliteStore {
    SqliteStore::open(path).await.unwrap()
}
