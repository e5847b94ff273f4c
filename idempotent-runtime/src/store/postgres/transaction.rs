//! Completing a claim within the transaction of a handler.

use std::sync::Arc;

use sqlx::{AssertSqlSafe, PgConnection, PgPool, Postgres, Row, SqlSafeStr, SqlStr, pool::PoolConnection};

use super::{calls::micros, names::Names, pool_mode::PoolMode};
use crate::{
    store::transactional::{Database, TransactionState},
    store::{Completion, Hold, Record, Retention, Token},
};

// The mark of a transaction is a setting of the application's own kind. It is set twice as the
// transaction begins, for the session and for the transaction. It reads:
//
//   in the transaction   the mark
//   after a COMMIT       'committed ' and the mark: the session has it now
//   after a ROLLBACK     what was there before, nothing of this transaction's
//
// The record is written only under the mark. The statement that writes it takes the setting back,
// so with the execution's own commit nothing is left to the session.
const COMPLETE: &str = "SELECT said, record, \
     CASE said WHEN 'stored' THEN set_config('idempotent.transaction', '', false) END \
     FROM {schema}.{table}_complete_within($1, $2, $3, $4, $5, $6) \
     WHERE current_setting('idempotent.transaction', true) = $7";

/// Stands before a mark that a commit has left to the session.
const COMMITTED: &str = "committed ";

/// SQLSTATE of every statement in a transaction in which an earlier statement has failed.
const IN_FAILED_TRANSACTION: &str = "25P02";

/// The place where a mark was found.
enum Marked {
    Transaction,
    Session,
    Nothing,
}

/// Runs `before`, and reads the mark. It is one message of text, so one session answers all of it,
/// whatever stands between.
async fn read_mark(connection: &mut PgConnection, before: &str, mark: &str) -> Result<Marked, sqlx::Error> {
    let read = format!("{before}SELECT coalesce(current_setting('idempotent.transaction', true), '')");
    let row = sqlx::raw_sql(AssertSqlSafe(read)).fetch_one(connection).await?;
    let found: &str = row.try_get(0)?;
    Ok(match found.strip_prefix(COMMITTED) {
        Some(committed) if committed == mark => Marked::Session,
        None if found == mark => Marked::Transaction,
        _ => Marked::Nothing,
    })
}

impl PoolMode {
    /// Standing of a transaction whose mark the session does not have.
    fn without_mark(self) -> TransactionState {
        match self {
            PoolMode::Session => TransactionState::RolledBack,
            // Another session may have answered than the transaction was in.
            PoolMode::Transaction => TransactionState::Unknown,
        }
    }
}

/// The application's pool, and the way to write a record.
#[derive(Clone, Debug)]
pub struct Transactions {
    pool: PgPool,
    mode: PoolMode,
    complete: Arc<str>,
}

impl Transactions {
    pub(super) fn new(pool: PgPool, mode: PoolMode, names: &Names) -> Self {
        Transactions { pool, mode, complete: names.fill(COMPLETE).into() }
    }
}

impl Database for Postgres {
    type Access = Transactions;
    type Turn = ();
    type Mark = Arc<str>;
    const WRITES_ALONE: bool = false;

    async fn acquire(access: &Transactions) -> Result<PoolConnection<Postgres>, sqlx::Error> {
        access.pool.acquire().await
    }

    async fn mark(_: &mut PgConnection) -> Result<Arc<str>, sqlx::Error> {
        let token = Token::random().map_err(|error| sqlx::Error::Protocol(error.to_string()))?;
        Ok(format!("{:032x}", u128::from_be_bytes(*token.as_bytes())).into())
    }

    async fn turn(_: &Transactions) -> Result<(), sqlx::Error> {
        Ok(())
    }

    // One message. It takes no snapshot, so the handler may still set an isolation level.
    fn statement(mark: &Arc<str>) -> SqlStr {
        let begin = format!(
            "BEGIN; SET idempotent.transaction = '{COMMITTED}{mark}'; SET LOCAL idempotent.transaction = '{mark}'"
        );
        AssertSqlSafe(begin).into_sql_str()
    }

    async fn standing(
        connection: &mut PgConnection,
        access: &Transactions,
        mark: &Arc<str>,
    ) -> Result<TransactionState, sqlx::Error> {
        match read_mark(connection, "", mark).await {
            Ok(Marked::Transaction) => Ok(TransactionState::Stands),
            Ok(Marked::Session) => Ok(TransactionState::Committed),
            Ok(Marked::Nothing) => Ok(access.mode.without_mark()),
            Err(sqlx::Error::Database(error)) if error.code().as_deref() == Some(IN_FAILED_TRANSACTION) => {
                // It can only be rolled back. Unless its handler had committed before, it was ours.
                match read_mark(connection, "ROLLBACK; ", mark).await? {
                    Marked::Session => Ok(TransactionState::Committed),
                    Marked::Transaction | Marked::Nothing => Ok(TransactionState::Stands),
                }
            }
            Err(error) => Err(error),
        }
    }

    async fn complete(
        connection: &mut PgConnection,
        access: &Transactions,
        mark: &Arc<str>,
        hold: &Hold,
        record: &Record,
        retention: Retention,
    ) -> Result<Option<Completion>, sqlx::Error> {
        // The transaction keeps its session, so no pooler needs to know the statement: it has no
        // name.
        let row = sqlx::query(AssertSqlSafe(Arc::clone(&access.complete)))
            .bind(&hold.address.as_bytes()[..])
            .bind(&hold.token.as_bytes()[..])
            .bind(&hold.fingerprint.as_bytes()[..])
            .bind(micros(retention.replay))
            .bind(micros(retention.remember))
            .bind(&record.as_bytes()[..])
            .bind(&**mark)
            .persistent(access.mode == PoolMode::Session)
            .fetch_optional(connection)
            .await?;
        let Some(row) = row else { return Ok(None) };
        let record: Option<Vec<u8>> = row.try_get(1)?;
        match row.try_get(0)? {
            "stored" => Ok(Some(Completion::Stored)),
            _ => Ok(Some(Completion::Fenced(record.map(Record::from_bytes)))),
        }
    }

    // The holder of the connection may commit at any time, and nobody else can prevent it.
    fn revoke(_: &Arc<str>) -> TransactionState {
        TransactionState::Unknown
    }

    async fn unmark(_: &mut PgConnection) -> Result<(), sqlx::Error> {
        Ok(())
    }
}
