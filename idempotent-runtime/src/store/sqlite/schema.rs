//! The table, made and changed by numbered migrations that a DBA can read and apply by hand.

use std::time::Duration;

use sqlx::{AssertSqlSafe, Connection, Executor, Row, SqliteConnection};

use super::{
    connect::Busy,
    failure::{NAME, unreachable},
};
use crate::store::SetupError;

/// The table of a store that is told no other name.
pub(super) const TABLE: &str = "idempotency_keys";

/// The migrations in order. The first leads from version 0 to version 1. One that has been released
/// is never edited.
const MIGRATIONS: [&str; 1] = [include_str!("migrations/0001_entries.sql")];

/// The script before the first: the table of versions.
const BEGINNING: &str = include_str!("migrations/0000_versions.sql");
/// End of the script of a version.
const WRITE_VERSION: &str = "
UPDATE \"{table}_schema\" SET version = {version};
";

/// The version that this release works with.
const WANTED: u32 = 1;

/// Time to wait for other processes that migrate the same file.
const MIGRATION_TIMEOUT: Duration = Duration::from_secs(10);

const NEWER: &str = "a newer release has migrated it, and only that one can use it";
const OLDER: &str = "call `migrate`, or apply what `migration_sql` gives";

fn schema(found: u32, hint: &'static str) -> SetupError {
    SetupError::Schema { store: NAME, found, wanted: WANTED, hint }
}

/// Applies the missing migrations, in one transaction. Of any number of processes at once, one does
/// it and the others find it done.
///
/// # Errors
/// The file cannot be written, or has a newer version.
pub(super) async fn migrate(connection: &mut SqliteConnection, table: &str) -> Result<(), SetupError> {
    let mut busy = Busy::for_at_most(MIGRATION_TIMEOUT);
    loop {
        match apply(connection, table).await {
            Ok(found) if found > WANTED => return Err(schema(found, NEWER)),
            Ok(_) => return Ok(()),
            Err(error) => busy.wait(error).await.map_err(unreachable)?,
        }
    }
}

/// Applies the missing migrations. Gives the version that was found.
async fn apply(connection: &mut SqliteConnection, table: &str) -> Result<u32, sqlx::Error> {
    let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await?;
    let found = version(&mut transaction, table).await?;
    if found >= WANTED {
        write_nothing(&mut transaction, table).await?;
        return transaction.rollback().await.map(|()| found);
    }
    transaction.execute(AssertSqlSafe(text(table, found))).await?;
    transaction.commit().await.map(|()| found)
}

/// Statements that lead from the version `found` to the one that this release works with.
pub(super) fn text(table: &str, found: u32) -> String {
    let mut text = String::new();
    if found == 0 {
        text.push_str(&BEGINNING.replace("{table}", table));
    }
    for (migration, version) in MIGRATIONS.iter().zip(1_u32..).skip(found as usize) {
        text.push_str(&migration.replace("{table}", table));
        let version = version.to_string();
        text.push_str(&WRITE_VERSION.replace("{table}", table).replace("{version}", &version));
    }
    text
}

/// Checks that the schema is the one that this release works with, and that the file can be
/// written.
///
/// # Errors
/// One of the two is not so.
pub(super) async fn verify(connection: &mut SqliteConnection, table: &str) -> Result<(), SetupError> {
    let mut busy = Busy::for_at_most(MIGRATION_TIMEOUT);
    loop {
        match look(connection, table).await {
            Ok(WANTED) => return Ok(()),
            Ok(found) if found > WANTED => return Err(schema(found, NEWER)),
            Ok(found) => return Err(schema(found, OLDER)),
            Err(error) => busy.wait(error).await.map_err(unreachable)?,
        }
    }
}

async fn look(connection: &mut SqliteConnection, table: &str) -> Result<u32, sqlx::Error> {
    let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await?;
    let found = version(&mut transaction, table).await?;
    if found > 0 {
        write_nothing(&mut transaction, table).await?;
    }
    transaction.rollback().await.map(|()| found)
}

/// Fails where the file cannot be written. `BEGIN IMMEDIATE` does not show that: in a file that is
/// read-only it begins to read.
async fn write_nothing(connection: &mut SqliteConnection, table: &str) -> Result<(), sqlx::Error> {
    let nothing = format!("UPDATE \"{table}_schema\" SET version = version WHERE false");
    connection.execute(AssertSqlSafe(nothing)).await.map(drop)
}

/// The version of the schema; 0 where there is none.
async fn version(connection: &mut SqliteConnection, table: &str) -> Result<u32, sqlx::Error> {
    let exists = sqlx::query("SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = ?")
        .bind(format!("{table}_schema"))
        .fetch_optional(&mut *connection)
        .await?;
    if exists.is_none() {
        return Ok(0);
    }
    let query = AssertSqlSafe(format!("SELECT max(version) FROM \"{table}_schema\""));
    let row = sqlx::query(query).fetch_one(connection).await?;
    row.try_get::<Option<u32>, _>(0).map(Option::unwrap_or_default)
}
