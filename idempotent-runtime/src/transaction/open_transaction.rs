//! A transaction that has begun, and how it ends.

use std::{io, ops::DerefMut, time::Duration};

use futures_util::{FutureExt, future::BoxFuture};
use sqlx::{Error, pool::PoolConnection};
use sqlx_core::transaction::TransactionManager;
use tokio::time::timeout;

use crate::store::{
    Completion, Hold, Record, Retention,
    transactional::{Database, TransactionState},
};

/// Time limit for writing the record, and for a rollback.
const WRITE_TIMEOUT: Duration = Duration::from_secs(2);
/// Time limit for the commit: it is what waits for disks and replicas.
const COMMIT_TIMEOUT: Duration = Duration::from_secs(5);

// The connection of a transaction:
//
//   acquired ─ BEGIN ─▶ lent to the handler ─ it ends ─▶ given back
//
//   given back ─ record written ─▶ given back ─ committed ─▶ in the pool again
//              └ rolled back ─▶ in the pool again
//
// Any failure, being dropped in between, and a transaction that ends while it is lent, close it:
// nobody uses it in a state that nobody knows, and the server rolls back what was not committed.
/// A transaction of the application's database.
pub(crate) struct OpenTransaction<DB: Database> {
    connection: PoolConnection<DB>,
    access: DB::Access,
    mark: DB::Mark,
    is_used: bool,
    ended: bool,
    turn: Option<DB::Turn>,
}

/// Number of open transactions, one inside the other, where the handler has left only the
/// execution's own.
const ONE: usize = 1;

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

impl<DB: Database> OpenTransaction<DB> {
    pub(super) async fn begin(access: DB::Access) -> Result<Self, Error> {
        let mut connection = DB::acquire(&access).await?;
        let mark = DB::mark(&mut connection).await?;
        let mut open = OpenTransaction { connection, access, mark, is_used: false, ended: false, turn: None };
        open.turn = Some(DB::turn(&open.access).await?);
        DB::TransactionManager::begin(&mut open.connection, Some(DB::statement(&open.mark))).await?;
        Ok(open)
    }

    pub(super) fn connection(&self) -> &DB::Connection {
        &self.connection
    }

    pub(super) fn connection_mut(&mut self) -> &mut DB::Connection {
        self.is_used = true;
        &mut self.connection
    }

    pub(super) fn mark(&self) -> DB::Mark {
        self.mark.clone()
    }

    fn depth(&self) -> usize {
        <DB::TransactionManager as TransactionManager>::get_transaction_depth(&self.connection)
    }

    async fn write(
        &mut self,
        hold: &Hold,
        record: &Record,
        retention: Retention,
    ) -> Result<Option<Completion>, Error> {
        if self.depth() != ONE {
            return Ok(None);
        }
        let OpenTransaction { connection, access, mark, .. } = self;
        in_time(WRITE_TIMEOUT, DB::complete(connection, access, mark, hold, record, retention)).await
    }

    async fn commit(&mut self) -> Result<(), Error> {
        in_time(COMMIT_TIMEOUT, DB::TransactionManager::commit(&mut self.connection)).await?;
        self.give_back().await;
        Ok(())
    }

    async fn take_back(&mut self) -> Result<End, Error> {
        let found = self.standing().await?;
        // Also what the handler has begun after it: that may hold locks until the connection is
        // closed.
        let rolled_back = self.rollback().await;
        let end = match found {
            TransactionState::Stands => End::TakenBack,
            TransactionState::RolledBack => End::RolledBackBefore,
            TransactionState::Committed | TransactionState::Unknown => End::CommittedBefore,
        };
        if end == End::TakenBack {
            rolled_back?;
            self.give_back().await;
        }
        Ok(end)
    }

    async fn standing(&mut self) -> Result<TransactionState, Error> {
        if !self.is_used {
            return Ok(TransactionState::Stands);
        }
        in_time(WRITE_TIMEOUT, DB::standing(&mut self.connection, &self.access, &self.mark)).await
    }

    async fn rollback(&mut self) -> Result<(), Error> {
        while self.depth() > 0 {
            in_time(WRITE_TIMEOUT, DB::TransactionManager::rollback(&mut self.connection)).await?;
        }
        Ok(())
    }

    /// Gives the connection back as it came. Whoever is next need not wait for that.
    async fn give_back(&mut self) {
        self.turn = None;
        self.ended = in_time(WRITE_TIMEOUT, DB::unmark(&mut self.connection)).await.is_ok();
    }
}

async fn in_time<T>(limit: Duration, work: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    timeout(limit, work).await.unwrap_or_else(|_| Err(io::Error::from(io::ErrorKind::TimedOut).into()))
}

impl<DB: Database> Drop for OpenTransaction<DB> {
    fn drop(&mut self) {
        if !self.ended {
            self.connection.close_on_drop();
        }
    }
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
    ) -> BoxFuture<'a, Result<Option<Completion>, Error>>;

    /// Commits. Where the failure is not the database's own it is not known whether it has.
    fn commit(&mut self) -> BoxFuture<'_, Result<(), Error>>;

    /// Takes everything back that can be taken back, and tells how it came to its end.
    fn take_back(&mut self) -> BoxFuture<'_, Result<End, Error>>;
}

impl<DB: Database, B: DerefMut<Target = OpenTransaction<DB>> + Send> Open for B {
    fn write<'a>(
        &'a mut self,
        hold: &'a Hold,
        record: &'a Record,
        retention: Retention,
    ) -> BoxFuture<'a, Result<Option<Completion>, Error>> {
        OpenTransaction::write(self, hold, record, retention).boxed()
    }

    fn commit(&mut self) -> BoxFuture<'_, Result<(), Error>> {
        OpenTransaction::commit(self).boxed()
    }

    fn take_back(&mut self) -> BoxFuture<'_, Result<End, Error>> {
        OpenTransaction::take_back(self).boxed()
    }
}
