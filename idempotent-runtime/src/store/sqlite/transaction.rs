//! Transactions on connections of sqlx's pool.

use std::{fmt, time::Duration};

use sqlx::{Sqlite, SqliteConnection, SqlitePool, pool::PoolConnection};

use super::{
    guard::Guard,
    turns::{Turn, Turns},
};
use crate::store::transactional::{
    Revoke, TransactionError, TransactionState, TransactionalDatabase,
    on_sqlx::{begin, close, commit, depth, execute, rollback, run},
};

/// The application's pool, and the turns of its connections to write.
#[derive(Clone)]
pub struct SqliteLending {
    pub(super) pool: SqlitePool,
    pub(super) turns: Turns,
}

/// A transaction on one connection, which is watched, with its turn to write.
pub struct SqliteTransaction {
    connection: PoolConnection<Sqlite>,
    guard: Guard,
    turns: Turns,
    turn: Option<Turn>,
}

/// Time for which a handler waits for its turn. A pool lets it wait as long for a connection, by
/// default.
const TURN_TIMEOUT: Duration = Duration::from_secs(30);

impl SqliteTransaction {
    /// Gives the connection back as it came. Whoever is next need not wait for that.
    async fn give_back(&mut self) {
        self.turn = None;
        if Guard::lift(&mut self.connection).await.is_err() {
            self.connection.close_on_drop();
        }
    }
}

impl TransactionalDatabase for Sqlite {
    type Pool = SqliteLending;
    type Transaction = SqliteTransaction;
    type Connection = SqliteConnection;

    async fn acquire(pool: &SqliteLending) -> Result<SqliteTransaction, TransactionError> {
        let connection = pool.pool.acquire().await?;
        Ok(SqliteTransaction { connection, guard: Guard::default(), turns: pool.turns.clone(), turn: None })
    }

    // The turn comes last. A handler that still waits for a connection holds up nobody. And a
    // transaction that reads first and writes later would fail where another has written in
    // between.
    async fn begin(transaction: &mut SqliteTransaction, _: &str) -> Result<(), TransactionError> {
        let SqliteTransaction { connection, guard, turns, turn } = transaction;
        guard.watch(connection).await?;
        *turn = Some(turns.next(TURN_TIMEOUT).await?);
        begin::<Sqlite>(connection, "BEGIN IMMEDIATE").await
    }

    fn connection(transaction: &mut SqliteTransaction) -> &mut SqliteConnection {
        &mut transaction.connection
    }

    async fn run(transaction: &mut SqliteTransaction, text: &str) -> Result<(), TransactionError> {
        run::<Sqlite>(&mut transaction.connection, text).await
    }

    async fn execute(
        transaction: &mut SqliteTransaction,
        statement: &str,
        parameters: &[&[u8]],
    ) -> Result<Option<Vec<u8>>, TransactionError> {
        execute::<Sqlite>(&mut transaction.connection, (statement, parameters), true).await
    }

    async fn commit(transaction: &mut SqliteTransaction) -> Result<(), TransactionError> {
        commit::<Sqlite>(&mut transaction.connection).await?;
        transaction.give_back().await;
        Ok(())
    }

    async fn rollback(transaction: &mut SqliteTransaction) -> Result<(), TransactionError> {
        rollback::<Sqlite>(&mut transaction.connection).await?;
        transaction.give_back().await;
        Ok(())
    }

    fn close(transaction: SqliteTransaction) {
        close(transaction.connection);
    }

    fn depth(transaction: &mut SqliteTransaction) -> usize {
        depth::<Sqlite>(&transaction.connection)
    }

    async fn witnessed(transaction: &mut SqliteTransaction) -> Option<TransactionState> {
        let SqliteTransaction { connection, guard, .. } = transaction;
        Some(guard.standing(connection).await)
    }

    fn revoke(transaction: &SqliteTransaction) -> Option<Revoke> {
        let guard = transaction.guard.clone();
        Some(Box::new(move || guard.revoke()))
    }
}

impl fmt::Debug for SqliteLending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteLending").field("pool", &self.pool).finish_non_exhaustive()
    }
}

impl fmt::Debug for SqliteTransaction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteTransaction").field("guard", &self.guard).finish_non_exhaustive()
    }
}
