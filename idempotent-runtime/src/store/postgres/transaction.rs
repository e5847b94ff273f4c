//! Completing a claim within the transaction of a handler.

use sqlx::{PgConnection, PgPool, Postgres, Row, SqlSafeStr, SqlStr, pool::PoolConnection};

use super::{
    calls::micros,
    function::{Function, Value},
    names::Names,
    pool_mode::PoolMode,
};
use crate::{
    store::{Completion, Hold, Record, Retention},
    transaction::Database,
};

const COMPLETE: &str = "SELECT said, record FROM {schema}.{table}_complete_within";

/// The application's pool, and how a record is written.
#[derive(Clone, Debug)]
pub struct Transactions {
    pool: PgPool,
    mode: PoolMode,
    complete: Function,
}

impl Transactions {
    pub(super) fn new(pool: PgPool, mode: PoolMode, names: &Names) -> Self {
        Transactions { pool, mode, complete: Function::new(names, COMPLETE, 6) }
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
        let values = [
            Value::Bytes(hold.address.as_bytes()),
            Value::Bytes(hold.token.as_bytes()),
            Value::Bytes(hold.fingerprint.as_bytes()),
            Value::Number(micros(retention.replay)),
            Value::Number(micros(retention.remember)),
            Value::Bytes(record.as_bytes()),
        ];
        // The transaction keeps its session, so a pooler need not know the statement: it has no
        // name.
        let keeps_statements = access.mode == PoolMode::Session;
        let complete = access.complete.bound(&values).persistent(keeps_statements);
        let row = complete.fetch_one(connection).await?;
        let record: Option<Vec<u8>> = row.try_get(1)?;
        match row.try_get(0)? {
            "stored" => Ok(Completion::Stored),
            _ => Ok(Completion::Fenced(record.map(Record::from_bytes))),
        }
    }
}
