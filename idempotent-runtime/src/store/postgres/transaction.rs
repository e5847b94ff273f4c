//! Transactions on connections of sqlx's pool.

use sqlx::{AssertSqlSafe, PgConnection, PgPool, Postgres, pool::PoolConnection};

use super::pool_mode::PoolMode;
use crate::store::transactional::{
    TransactionError, TransactionalDatabase,
    on_sqlx::{begin, close, commit, depth, execute, rollback, run},
};

/// The application's pool, and the time for which its sessions are lent.
#[derive(Clone, Debug)]
pub struct PostgresPool {
    pub(super) pool: PgPool,
    pub(super) mode: PoolMode,
}

/// A transaction that was begun on one connection.
#[derive(Debug)]
pub struct PostgresTransaction {
    connection: PoolConnection<Postgres>,
    mode: PoolMode,
}

impl TransactionalDatabase for Postgres {
    type Pool = PostgresPool;
    type Transaction = PostgresTransaction;
    type Connection = PgConnection;

    async fn acquire(pool: &PostgresPool) -> Result<PostgresTransaction, TransactionError> {
        Ok(PostgresTransaction { connection: pool.pool.acquire().await?, mode: pool.mode })
    }

    async fn begin(transaction: &mut PostgresTransaction, first: &str) -> Result<(), TransactionError> {
        begin::<Postgres>(&mut transaction.connection, AssertSqlSafe(format!("BEGIN; {first}"))).await
    }

    fn connection(transaction: &mut PostgresTransaction) -> &mut PgConnection {
        &mut transaction.connection
    }

    async fn run(transaction: &mut PostgresTransaction, text: &str) -> Result<(), TransactionError> {
        run::<Postgres>(&mut transaction.connection, text).await
    }

    // The transaction keeps its session, so no pooler needs to know the statement: it has no name.
    async fn execute(
        transaction: &mut PostgresTransaction,
        statement: &str,
        parameters: &[&[u8]],
    ) -> Result<Option<Vec<u8>>, TransactionError> {
        let persistent = transaction.mode == PoolMode::Session;
        execute::<Postgres>(&mut transaction.connection, (statement, parameters), persistent).await
    }

    async fn commit(transaction: &mut PostgresTransaction) -> Result<(), TransactionError> {
        commit::<Postgres>(&mut transaction.connection).await
    }

    async fn rollback(transaction: &mut PostgresTransaction) -> Result<(), TransactionError> {
        rollback::<Postgres>(&mut transaction.connection).await
    }

    fn close(transaction: PostgresTransaction) {
        close(transaction.connection);
    }

    fn depth(transaction: &mut PostgresTransaction) -> usize {
        depth::<Postgres>(&transaction.connection)
    }
}
