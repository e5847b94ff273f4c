//! A transaction that has begun, and how it ends.

use std::{
    ops::DerefMut,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use futures_util::{FutureExt, future::BoxFuture};
use tokio::time::timeout;

use crate::store::{
    Completion, Hold, Record, Retention, Token,
    transactional::{
        Held, Ledger, Offer, Revoke, TransactionError, TransactionErrorKind, TransactionState,
        TransactionalDatabase, complete, standing,
    },
};

/// Time limit for writing the record, and for a rollback.
const WRITE_TIMEOUT: Duration = Duration::from_secs(2);
/// Time limit for the commit: it is what waits for disks and replicas.
const COMMIT_TIMEOUT: Duration = Duration::from_secs(5);

// The connection of a transaction:
//
//   acquired ─ begun ─▶ lent to the handler ─ it ends ─▶ given back
//
//   given back ─ record written ─▶ given back ─ committed ─▶ in the pool again
//              └ rolled back ─▶ in the pool again
//
// Any failure, being dropped in between, and a transaction that ends while it is lent, close it:
// nobody uses it in a state that nobody knows, and the server rolls back what was not committed.
/// A transaction of the application's database.
pub(crate) struct OpenTransaction<DB: TransactionalDatabase> {
    held: Held<DB>,
    ledger: Arc<dyn Ledger>,
    mark: Box<str>,
    is_used: Arc<AtomicBool>,
}

/// Way in which a transaction has come to its end without a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// It was taken back after its handler had ended.
    TakenBack,
    /// It had been rolled back before its handler ended.
    RolledBackBefore,
    /// The handler has committed it, or nobody can tell that it has not.
    CommittedBefore,
}

impl<DB: TransactionalDatabase> OpenTransaction<DB> {
    pub(super) async fn begin(offer: Offer<DB>) -> Result<Self, TransactionError> {
        let Offer { pool, ledger } = offer;
        let mark = new_mark()?;
        let mut held = Held::acquire(&pool).await?;
        DB::begin(held.get_mut()?, &ledger.first(&mark)).await?;
        Ok(OpenTransaction { held, ledger, mark, is_used: Arc::default() })
    }

    /// The connection, for the handler.
    pub(super) fn lent(&mut self) -> Option<&mut DB::Connection> {
        Some(DB::connection(self.held.get_mut().ok()?))
    }

    /// Set once the handler has used the connection.
    pub(super) fn is_used(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.is_used)
    }

    /// Means to keep it from being committed while the handler has it.
    pub(super) fn revoke(&self) -> Option<Revoke> {
        DB::revoke(self.held.get()?)
    }

    pub(super) fn writes_alone(&self) -> bool {
        self.ledger.writes_alone()
    }

    async fn write(
        &mut self,
        hold: &Hold,
        record: &Record,
        retention: Retention,
    ) -> Result<Option<Completion>, TransactionError> {
        let OpenTransaction { held, ledger, mark, .. } = self;
        let connection = held.get_mut()?;
        in_time(WRITE_TIMEOUT, complete::<DB>(connection, &**ledger, mark, (hold, record, retention))).await
    }

    async fn commit(&mut self) -> Result<(), TransactionError> {
        in_time(COMMIT_TIMEOUT, DB::commit(self.held.get_mut()?)).await?;
        self.held.give_back();
        Ok(())
    }

    async fn take_back(&mut self) -> Result<End, TransactionError> {
        let found = self.standing().await?;
        // Also what the handler has begun after it: that may hold locks until the connection is
        // closed.
        let rolled_back = in_time(WRITE_TIMEOUT, DB::rollback(self.held.get_mut()?)).await;
        let end = match found {
            TransactionState::Stands => End::TakenBack,
            TransactionState::RolledBack => End::RolledBackBefore,
            TransactionState::Committed | TransactionState::Unknown => End::CommittedBefore,
        };
        if end == End::TakenBack {
            rolled_back?;
            self.held.give_back();
        }
        Ok(end)
    }

    async fn standing(&mut self) -> Result<TransactionState, TransactionError> {
        if !self.is_used.load(Ordering::Relaxed) {
            return Ok(TransactionState::Stands);
        }
        let OpenTransaction { held, ledger, mark, .. } = self;
        let connection = held.get_mut()?;
        in_time(WRITE_TIMEOUT, standing::<DB>(connection, &**ledger, mark)).await
    }
}

/// A mark that no other transaction has.
fn new_mark() -> Result<Box<str>, TransactionError> {
    let token = Token::random().map_err(|error| TransactionError::new(TransactionErrorKind::Other, error))?;
    Ok(format!("{:032x}", u128::from_be_bytes(*token.as_bytes())).into())
}

async fn in_time<T>(
    limit: Duration,
    work: impl Future<Output = Result<T, TransactionError>>,
) -> Result<T, TransactionError> {
    timeout(limit, work).await.unwrap_or_else(|_| Err(TransactionError::timed_out()))
}

/// A transaction that its handler has given back, of whichever database.
pub(crate) trait Open: Send {
    /// Writes the record in place of the claim, if the hold still stands. `None` where the
    /// transaction is not the one that was begun, or has another one open inside it.
    fn write<'a>(
        &'a mut self,
        hold: &'a Hold,
        record: &'a Record,
        retention: Retention,
    ) -> BoxFuture<'a, Result<Option<Completion>, TransactionError>>;

    /// Commits. Where the failure is not the database's own it is not known whether it has.
    fn commit(&mut self) -> BoxFuture<'_, Result<(), TransactionError>>;

    /// Takes everything back that can be taken back, and tells how it came to its end.
    fn take_back(&mut self) -> BoxFuture<'_, Result<End, TransactionError>>;
}

impl<DB: TransactionalDatabase, B: DerefMut<Target = OpenTransaction<DB>> + Send> Open for B {
    fn write<'a>(
        &'a mut self,
        hold: &'a Hold,
        record: &'a Record,
        retention: Retention,
    ) -> BoxFuture<'a, Result<Option<Completion>, TransactionError>> {
        OpenTransaction::write(self, hold, record, retention).boxed()
    }

    fn commit(&mut self) -> BoxFuture<'_, Result<(), TransactionError>> {
        OpenTransaction::commit(self).boxed()
    }

    fn take_back(&mut self) -> BoxFuture<'_, Result<End, TransactionError>> {
        OpenTransaction::take_back(self).boxed()
    }
}
