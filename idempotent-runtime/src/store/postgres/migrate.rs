//! The schema, brought up to what this release works with.

use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};

use super::{NAME, link::Link, names::Names};
use crate::store::SetupError;

/// The scripts, from version 1 on. One that has been released is never changed.
const MIGRATIONS: [&str; 1] = [concat!(
    include_str!("migrations/0001_keys.sql"),
    include_str!("migrations/0001_calls.sql"),
    include_str!("migrations/0001_transactions.sql"),
    include_str!("migrations/0001_resolve.sql"),
    include_str!("migrations/0001_inspect.sql"),
)];

/// The version this release works with.
#[allow(clippy::cast_possible_truncation, reason = "a handful")]
const WANTED: u32 = MIGRATIONS.len() as u32;

/// Any number that nobody else is likely to lock.
const LOCK: &str = "SELECT pg_advisory_xact_lock(1768189039, 0)";

const SCHEMA_EXISTS: &str = "SELECT count(*) FROM pg_namespace WHERE nspname = $1";
const TABLE_EXISTS: &str = "SELECT count(*) FROM pg_tables WHERE schemaname = $1 AND tablename = $2";
const READ_VERSION: &str = "SELECT coalesce(max(version), 0) FROM {schema}.{table}_versions";
const CREATE_VERSIONS: &str = "CREATE TABLE {schema}.{table}_versions (
    version integer PRIMARY KEY, migrated_at timestamptz NOT NULL DEFAULT now())";
const WRITE_VERSION: &str = "INSERT INTO {schema}.{table}_versions (version) VALUES ($1)";

/// Brings the schema up to date. Does nothing, and needs no privilege, where it is.
///
/// One node at a time: the others wait, and find that nothing is left to do.
pub(super) async fn migrate(link: &Link, names: &Names) -> Result<(), SetupError> {
    let mut connection = link.connect().await.map_err(unreachable)?;
    if version(&mut connection, names).await? != WANTED {
        // The connection is nobody else's: dropped half-way, the transaction ends with it.
        let mut transaction = connection.begin().await.map_err(unreachable)?;
        transaction.execute(LOCK).await.map_err(failed)?;
        let found = version(&mut transaction, names).await?;
        run(&mut transaction, names, found).await?;
        transaction.commit().await.map_err(failed)?;
    }
    let _ = connection.close().await;
    Ok(())
}

/// Checks that the schema is what this release works with.
pub(super) async fn check(link: &Link, names: &Names) -> Result<(), SetupError> {
    let mut connection = link.connect().await.map_err(unreachable)?;
    let found = version(&mut connection, names).await?;
    let _ = connection.close().await;
    match found {
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
    let versions = format!("{}_versions", names.table);
    let exists = sqlx::query_scalar(TABLE_EXISTS).bind(&names.schema).bind(versions);
    let exists: i64 = exists.fetch_one(&mut *connection).await.map_err(failed)?;
    if exists == 0 {
        return Ok(0);
    }
    let found = sqlx::query_scalar(AssertSqlSafe(names.fill(READ_VERSION)));
    let found: i32 = found.fetch_one(connection).await.map_err(failed)?;
    Ok(found.unsigned_abs())
}

async fn run(connection: &mut PgConnection, names: &Names, found: u32) -> Result<(), SetupError> {
    if found > WANTED {
        return Err(wrong(found));
    }
    if found == 0 {
        create_schema(connection, names).await?;
        let create = sqlx::raw_sql(AssertSqlSafe(names.fill(CREATE_VERSIONS)));
        create.execute(&mut *connection).await.map_err(failed)?;
    }
    for (script, version) in MIGRATIONS.iter().zip(1_i32..).skip(found as usize) {
        sqlx::raw_sql(AssertSqlSafe(names.fill(script))).execute(&mut *connection).await.map_err(failed)?;
        let write = sqlx::query(AssertSqlSafe(names.fill(WRITE_VERSION))).bind(version);
        write.execute(&mut *connection).await.map_err(failed)?;
        tracing::info!(schema = names.schema, table = names.table, version, "migrated the idempotency keys");
    }
    Ok(())
}

/// Asked for first: `IF NOT EXISTS` wants the privilege to create even where there is nothing to create.
async fn create_schema(connection: &mut PgConnection, names: &Names) -> Result<(), SetupError> {
    let exists = sqlx::query_scalar(SCHEMA_EXISTS).bind(&names.schema);
    let exists: i64 = exists.fetch_one(&mut *connection).await.map_err(failed)?;
    if exists == 0 {
        let create = sqlx::raw_sql(AssertSqlSafe(names.fill("CREATE SCHEMA {schema}")));
        create.execute(connection).await.map_err(failed)?;
    }
    Ok(())
}

pub(super) fn unreachable(error: sqlx::Error) -> SetupError {
    SetupError::Unreachable { store: NAME, source: error.into() }
}

/// What the server refused is told in its words; the rest is that it cannot be reached.
pub(super) fn failed(error: sqlx::Error) -> SetupError {
    match error {
        sqlx::Error::Database(refusal) => {
            SetupError::Setting { store: NAME, why: format!("the server refuses: {refusal}") }
        }
        error => unreachable(error),
    }
}
