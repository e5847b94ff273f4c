//! Transactions of tokio-postgres, on connections of deadpool-postgres: all that the library has to
//! be told of them.
#![allow(unreachable_pub, reason = "the tests take this file in as it is")]

use std::{fmt, ops::Deref, time::Duration};

use deadpool_postgres::{Client, ClientWrapper, Pool};
use idempotent_runtime::{TransactionError, TransactionErrorKind, TransactionalDatabase};
use tokio::time::timeout;
use tokio_postgres::{Error, types::ToSql};

/// Time for which a handler waits for a connection. The pool itself has no limit.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(30);

/// The kind of transactions: `IdempotentTx<TokioPostgres>`.
#[derive(Clone, Copy, Debug)]
pub enum TokioPostgres {}

/// A connection with a transaction, as handlers have it. They get a shared reference to the client
/// only: its own `transaction` takes another, and would begin and commit what has begun already.
/// `SAVEPOINT` is theirs.
pub struct Lent(Client);

impl Deref for Lent {
    type Target = ClientWrapper;

    fn deref(&self) -> &ClientWrapper {
        &self.0
    }
}

impl fmt::Debug for Lent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lent").finish_non_exhaustive()
    }
}

impl TransactionalDatabase for TokioPostgres {
    type Pool = Pool;
    type Transaction = Lent;
    type Connection = Lent;

    async fn acquire(pool: &Pool) -> Result<Lent, TransactionError> {
        let acquired = timeout(ACQUIRE_TIMEOUT, pool.get()).await.map_err(unavailable)?;
        acquired.map(Lent).map_err(unavailable)
    }

    async fn begin(transaction: &mut Lent, first: &str) -> Result<(), TransactionError> {
        transaction.batch_execute(&format!("BEGIN; {first}")).await.map_err(failed)
    }

    fn connection(transaction: &mut Lent) -> &mut Lent {
        transaction
    }

    async fn run(transaction: &mut Lent, text: &str) -> Result<(), TransactionError> {
        transaction.batch_execute(text).await.map_err(failed)
    }

    async fn execute(
        transaction: &mut Lent,
        statement: &str,
        parameters: &[&[u8]],
    ) -> Result<Option<Vec<u8>>, TransactionError> {
        let prepared = transaction.prepare_cached(statement).await.map_err(failed)?;
        let values: Vec<_> = parameters.iter().map(|bytes| bytes as &(dyn ToSql + Sync)).collect();
        let row = transaction.query_opt(&prepared, &values).await.map_err(failed)?;
        row.map(|row| row.try_get(0)).transpose().map_err(failed)
    }

    async fn commit(transaction: &mut Lent) -> Result<(), TransactionError> {
        transaction.batch_execute("COMMIT").await.map_err(failed)
    }

    async fn rollback(transaction: &mut Lent) -> Result<(), TransactionError> {
        transaction.batch_execute("ROLLBACK").await.map_err(failed)
    }

    // Taken out of the pool, the client ends its connection when it is dropped.
    fn close(transaction: Lent) {
        drop(Client::take(transaction.0));
    }
}

/// Error of a statement: what the server has answered, or the end of the connection.
pub fn failed(error: Error) -> TransactionError {
    match error.code().cloned() {
        Some(code) => TransactionError::of_sqlstate(code.code(), error),
        None => unavailable(error),
    }
}

fn unavailable(error: impl std::error::Error + Send + Sync + 'static) -> TransactionError {
    TransactionError::new(TransactionErrorKind::Unavailable, error)
}
