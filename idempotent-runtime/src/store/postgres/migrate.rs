//! The schema, brought up to what this release works with.

use std::cmp::Ordering;

use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection, Row};

use super::{
    failure::{NAME, refused, unreachable},
    names::Names,
    rights,
};
use crate::store::SetupError;

/// The scripts, from version 1 on. One that has been released is never changed.
pub(super) const MIGRATIONS: [&str; 1] = [concat!(
    include_str!("migrations/0001_verbs.sql"),
    include_str!("migrations/0001_batches.sql"),
    include_str!("migrations/0001_transactions.sql"),
    include_str!("migrations/0001_resolve.sql"),
    include_str!("migrations/0001_inspect.sql"),
)];

/// The version this release works with.
#[allow(clippy::cast_possible_truncation, reason = "a handful")]
const WANTED: u32 = MIGRATIONS.len() as u32;

/// Lock under a number that nobody else is likely to lock.
const LOCK: &str = "SELECT pg_advisory_xact_lock(1768189039, 0)";

const TABLE_EXISTS: &str =
    "SELECT count(*) FROM pg_tables WHERE schemaname = '{schema_name}' AND tablename = '{table}_versions'";
const READ_VERSION: &str = "SELECT coalesce(max(version), 0)::bigint FROM {schema}.{table}_versions";

/// The script before the first: the schema, and the table of versions.
const BEGINNING: &str = include_str!("migrations/0000_versions.sql");
/// End of the script of a version.
const WRITE_VERSION: &str = "
INSERT INTO {schema}.{table}_versions (version) VALUES ({version});
";

/// Beginning of a transaction in which statements see others' transactions once they have
/// committed, whatever the database is set to.
const BEGIN: &str = "BEGIN ISOLATION LEVEL READ COMMITTED";

/// Brings the schema up to date. Where it is, this does nothing and needs no privilege.
///
/// One node at a time: the others wait, and find that nothing is left to do.
pub(super) async fn migrate(connection: &mut PgConnection, names: &Names) -> Result<(), SetupError> {
    if version(connection, names).await? != WANTED {
        rights::to_migrate(connection, names).await?;
        // The connection is nobody else's. Dropped half-way, it ends the transaction.
        let mut transaction = connection.begin_with(BEGIN).await.map_err(unreachable)?;
        transaction.execute(LOCK).await.map_err(refused)?;
        let found = version(&mut transaction, names).await?;
        run(&mut transaction, names, found).await?;
        transaction.commit().await.map_err(refused)?;
    }
    Ok(())
}

/// Checks that the schema is what this release works with.
pub(super) async fn check(connection: &mut PgConnection, names: &Names) -> Result<(), SetupError> {
    match version(connection, names).await? {
        WANTED => Ok(()),
        found => Err(wrong(found)),
    }
}

fn wrong(found: u32) -> SetupError {
    let hint = match found > WANTED {
        true => "a newer release has migrated it, so run that release",
        false => "run `PostgresStore::builder(pool).migrate()` first, or leave `migrate_at_start` on",
    };
    SetupError::Schema { store: NAME, found, wanted: WANTED, hint }
}

/// The version that is there; 0 where there is none.
async fn version(connection: &mut PgConnection, names: &Names) -> Result<u32, SetupError> {
    if number(connection, names.fill(TABLE_EXISTS)).await? == 0 {
        return Ok(0);
    }
    let found = number(connection, names.fill(READ_VERSION)).await?;
    Ok(u32::try_from(found).unwrap_or(u32::MAX))
}

async fn run(connection: &mut PgConnection, names: &Names, found: u32) -> Result<(), SetupError> {
    match found.cmp(&WANTED) {
        Ordering::Less => execute(connection, text(names, found)).await?,
        // Another node has been quicker.
        Ordering::Equal => return Ok(()),
        Ordering::Greater => return Err(wrong(found)),
    }
    tracing::info!(
        schema = names.schema,
        table = names.table,
        version = WANTED,
        "migrated the idempotency keys"
    );
    Ok(())
}

/// Statements that lead from the version `found` to the one this release works with.
pub(super) fn text(names: &Names, found: u32) -> String {
    let mut text = String::new();
    if found == 0 {
        text.push_str(&names.fill(BEGINNING));
    }
    for (script, version) in MIGRATIONS.iter().zip(1_u32..).skip(found as usize) {
        text.push_str(&names.fill(script));
        text.push_str(&names.fill(WRITE_VERSION).replace("{version}", &version.to_string()));
    }
    text
}

// Statements without parameters leave nothing on the connection, which a pooler may lend to others.
async fn execute(connection: &mut PgConnection, sql: String) -> Result<(), SetupError> {
    sqlx::raw_sql(AssertSqlSafe(sql)).execute(connection).await.map(|_| ()).map_err(refused)
}

async fn number(connection: &mut PgConnection, sql: String) -> Result<i64, SetupError> {
    let row = sqlx::raw_sql(AssertSqlSafe(sql)).fetch_one(connection).await;
    row.and_then(|row| row.try_get(0)).map_err(refused)
}
