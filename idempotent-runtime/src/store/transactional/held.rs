//! A connection that is closed unless it is given back.

use std::panic::{AssertUnwindSafe, catch_unwind};

use super::{TransactionError, TransactionErrorKind, TransactionalDatabase};

/// A connection with a transaction. Dropped before it is given back, it is closed.
pub(crate) struct Held<DB: TransactionalDatabase>(Option<DB::Transaction>);

impl<DB: TransactionalDatabase> Held<DB> {
    /// Takes a connection out of the pool.
    pub(crate) async fn acquire(pool: &DB::Pool) -> Result<Self, TransactionError> {
        Ok(Held(Some(DB::acquire(pool).await?)))
    }

    /// The connection, as long as it is held.
    pub(crate) fn get(&self) -> Option<&DB::Transaction> {
        self.0.as_ref()
    }

    /// The connection.
    ///
    /// # Errors
    /// It has been given back.
    pub(crate) fn get_mut(&mut self) -> Result<&mut DB::Transaction, TransactionError> {
        let ended = || TransactionError::new(TransactionErrorKind::Other, "the transaction has ended");
        self.0.as_mut().ok_or_else(ended)
    }

    /// Gives the connection back to its pool. What has been committed stands, also where that
    /// panics, as SeaORM's does while something that a handler has left behind uses the connection.
    pub(crate) fn give_back(&mut self) {
        let transaction = self.0.take();
        let _ = catch_unwind(AssertUnwindSafe(move || drop(transaction)));
    }
}

impl<DB: TransactionalDatabase> Drop for Held<DB> {
    fn drop(&mut self) {
        if let Some(transaction) = self.0.take() {
            DB::close(transaction);
        }
    }
}
