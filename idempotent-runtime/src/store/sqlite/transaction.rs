//! Completing a claim within the transaction of a handler.

use std::{fmt, sync::Arc, time::Duration};

use sqlx::{AssertSqlSafe, SqlSafeStr, SqlStr, Sqlite, SqliteConnection, SqlitePool, pool::PoolConnection};

use super::{
    guard::Guard,
    rows,
    sql::Sql,
    turns::{Turn, Turns},
};
use crate::{
    clock::Clock,
    store::transactional::{Database, TransactionState},
    store::{Completion, Hold, Record, Retention},
};

/// The application's pool, and the way to write a record.
#[derive(Clone)]
pub struct Transactions {
    pub(super) pool: SqlitePool,
    pub(super) turns: Turns,
    pub(super) sql: Arc<Sql>,
    pub(super) clock: Arc<dyn Clock>,
}

/// Time for which a handler waits for its turn. A pool lets it wait as long for a connection, by
/// default.
const TURN_TIMEOUT: Duration = Duration::from_secs(30);

impl Database for Sqlite {
    type Access = Transactions;
    type Turn = Turn;
    type Mark = Guard;
    const WRITES_ALONE: bool = true;

    async fn acquire(access: &Transactions) -> Result<PoolConnection<Sqlite>, sqlx::Error> {
        access.pool.acquire().await
    }

    async fn mark(connection: &mut SqliteConnection) -> Result<Guard, sqlx::Error> {
        Guard::over(connection).await
    }

    // The turn comes last. A handler that still waits for a connection holds up nobody.
    async fn turn(access: &Transactions) -> Result<Turn, sqlx::Error> {
        access.turns.next(TURN_TIMEOUT).await
    }

    // A transaction that reads first and writes later would fail where another has written in
    // between.
    fn statement(_: &Guard) -> SqlStr {
        "BEGIN IMMEDIATE".into_sql_str()
    }

    async fn standing(
        connection: &mut SqliteConnection,
        _: &Transactions,
        guard: &Guard,
    ) -> Result<TransactionState, sqlx::Error> {
        Ok(guard.standing(connection).await)
    }

    async fn complete(
        connection: &mut SqliteConnection,
        access: &Transactions,
        guard: &Guard,
        hold: &Hold,
        record: &Record,
        retention: Retention,
    ) -> Result<Option<Completion>, sqlx::Error> {
        if guard.standing(connection).await != TransactionState::Stands {
            return Ok(None);
        }
        let now = access.clock.now();
        let until = now.after(retention.replay);
        let done = sqlx::query(AssertSqlSafe(Arc::clone(&access.sql.complete)))
            .bind(&hold.address.as_bytes()[..])
            .bind(&hold.token.as_bytes()[..])
            .bind(rows::integer(until.as_millis()))
            .bind(rows::integer(until.after(retention.remember).as_millis()))
            .bind(&record.as_bytes()[..])
            .bind(rows::integer(now.as_millis()))
            .execute(connection)
            .await?;
        Ok(Some(if done.rows_affected() == 1 { Completion::Stored } else { Completion::Fenced(None) }))
    }

    fn revoke(guard: &Guard) -> TransactionState {
        guard.revoke()
    }

    async fn unmark(connection: &mut SqliteConnection) -> Result<(), sqlx::Error> {
        Guard::lift(connection).await
    }
}

impl fmt::Debug for Transactions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Transactions").finish_non_exhaustive()
    }
}
