//! Completing a claim within the transaction of a handler.

use std::sync::Arc;

use sqlx::{AssertSqlSafe, PgConnection, PgPool, Postgres, Row, SqlSafeStr, SqlStr, pool::PoolConnection};

use super::{calls::micros, names::Names};
use crate::{
    store::{Completion, Hold, Record, Retention},
    transaction::Database,
};

const COMPLETE: &str = "SELECT said, record FROM {schema}.{table}_complete_within($1, $2, $3, $4, $5, $6)";

/// The application's pool, and how a record is written.
#[derive(Clone, Debug)]
pub struct Transactions {
    pool: PgPool,
    complete: Arc<str>,
}

impl Transactions {
    pub(super) fn new(pool: PgPool, names: &Names) -> Self {
        Transactions { pool, complete: names.fill(COMPLETE).into() }
    }
}

impl Database for Postgres {
    type Access = Transactions;
    type Turn = ();
    const WRITES_ALONE: bool = false;

    async fn acquire(access: &Transactions) -> Result<(PoolConnection<Postgres>, ()), sqlx::Error> {
        Ok((access.pool.acquire().await?, ()))
    }

    fn statement() -> SqlStr {
        "BEGIN".into_sql_str()
    }

    async fn complete(
        connection: &mut PgConnection,
        access: &Transactions,
        hold: &Hold,
        record: &Record,
        retention: Retention,
    ) -> Result<Completion, sqlx::Error> {
        let row = sqlx::query(AssertSqlSafe(Arc::clone(&access.complete)))
            .bind(&hold.address.as_bytes()[..])
            .bind(&hold.token.as_bytes()[..])
            .bind(&hold.fingerprint.as_bytes()[..])
            .bind(micros(retention.replay))
            .bind(micros(retention.remember))
            .bind(&record.as_bytes()[..])
            .fetch_one(connection)
            .await?;
        let record: Option<Vec<u8>> = row.try_get(1)?;
        match row.try_get(0)? {
            "stored" => Ok(Completion::Stored),
            _ => Ok(Completion::Fenced(record.map(Record::from_bytes))),
        }
    }
}
