//! A transaction that has begun, and what a database has to offer for it.

use std::{io, ops::DerefMut, time::Duration};

use futures_util::{FutureExt, future::LocalBoxFuture};
use sqlx::{Error, SqlStr, pool::PoolConnection};
use sqlx_core::transaction::TransactionManager;
use tokio::time::timeout;

use crate::store::{Completion, Hold, Record, Retention};

/// How long the record may take to be written, and a rollback.
const PATIENCE: Duration = Duration::from_secs(2);
/// How long the commit may take: it is what waits for disks and replicas.
const COMMIT: Duration = Duration::from_secs(5);

/// A database in which a handler's rows can commit together with the record: sqlx's `Postgres` and `Sqlite`, with the features of
/// the stores of these names.
pub trait TransactionalDatabase: Database {}

impl<DB: Database> TransactionalDatabase for DB {}

/// What a store of this database has to offer.
pub trait Database: sqlx::Database {
    /// What the store knows: where to begin, and where records are.
    type Access: Clone + Send + Sync + 'static;
    /// Whatever has to be kept until the transaction has ended.
    type Turn: 'static;
    /// Whether nobody else writes to the database, the store itself included, while a transaction is open.
    const WRITES_ALONE: bool;

    /// A connection of the application's pool, on which a transaction may begin.
    fn acquire(
        access: &Self::Access,
    ) -> impl Future<Output = Result<(PoolConnection<Self>, Self::Turn), Error>>;

    /// What begins a transaction.
    fn statement() -> SqlStr;

    /// Writes the record in place of the claim, if the hold still stands.
    fn complete(
        connection: &mut Self::Connection,
        access: &Self::Access,
        hold: &Hold,
        record: &Record,
        retention: Retention,
    ) -> impl Future<Output = Result<Completion, Error>>;
}

// The connection of a transaction:
//
//   acquired ─ BEGIN ─▶ lent to the handler ─ it ends ─▶ given back ─ record written ─▶ given back ─ committed ──▶ in the pool again
//                                                         └ rolled back ─▶ in the pool again
//
// Any failure, and being dropped in between, closes it: nobody uses it in a state that nobody knows, and the server rolls back what
// was not committed.
/// A transaction of the application's database.
pub(crate) struct Begun<DB: Database> {
    connection: PoolConnection<DB>,
    access: DB::Access,
    ended: bool,
    turn: Option<DB::Turn>,
}

/// How many transactions are open, one inside the other, where the handler has left only the execution's own.
const ONE: usize = 1;

impl<DB: Database> Begun<DB> {
    pub(super) async fn begin(access: DB::Access) -> Result<Self, Error> {
        let (connection, turn) = DB::acquire(&access).await?;
        let mut begun = Begun { connection, access, ended: false, turn: Some(turn) };
        DB::TransactionManager::begin(&mut begun.connection, Some(DB::statement())).await?;
        Ok(begun)
    }

    pub(super) fn connection(&self) -> &DB::Connection {
        &self.connection
    }

    pub(super) fn connection_mut(&mut self) -> &mut DB::Connection {
        &mut self.connection
    }

    fn depth(&self) -> usize {
        <DB::TransactionManager as TransactionManager>::get_transaction_depth(&self.connection)
    }

    async fn write(
        &mut self,
        hold: &Hold,
        record: &Record,
        retention: Retention,
    ) -> Result<Completion, Error> {
        if self.depth() != ONE {
            let left = "the handler has ended its transaction, or has left one open inside it";
            return Err(Error::Protocol(left.to_owned()));
        }
        in_time(PATIENCE, DB::complete(&mut self.connection, &self.access, hold, record, retention)).await
    }

    /// Whoever is next need not wait for what is left to be done.
    fn has_ended(&mut self) {
        self.ended = true;
        self.turn = None;
    }

    async fn commit(&mut self) -> Result<(), Error> {
        in_time(COMMIT, DB::TransactionManager::commit(&mut self.connection)).await?;
        self.has_ended();
        Ok(())
    }

    async fn rollback(&mut self) -> Result<(), Error> {
        while self.depth() > 0 {
            in_time(PATIENCE, DB::TransactionManager::rollback(&mut self.connection)).await?;
        }
        self.has_ended();
        Ok(())
    }
}

async fn in_time<T>(patience: Duration, work: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    timeout(patience, work).await.unwrap_or_else(|_| Err(io::Error::from(io::ErrorKind::TimedOut).into()))
}

impl<DB: Database> Drop for Begun<DB> {
    fn drop(&mut self) {
        if !self.ended {
            self.connection.close_on_drop();
        }
    }
}

/// A transaction that its handler has given back, of whichever database.
pub(crate) trait Open {
    /// Writes the record in place of the claim, if the hold still stands.
    fn write<'a>(
        &'a mut self,
        hold: &'a Hold,
        record: &'a Record,
        retention: Retention,
    ) -> LocalBoxFuture<'a, Result<Completion, Error>>;

    /// Commits. Where the failure is not the database's own it is not known whether it has.
    fn commit(&mut self) -> LocalBoxFuture<'_, Result<(), Error>>;

    /// Takes everything back.
    fn rollback(&mut self) -> LocalBoxFuture<'_, Result<(), Error>>;
}

impl<DB: Database, B: DerefMut<Target = Begun<DB>>> Open for B {
    fn write<'a>(
        &'a mut self,
        hold: &'a Hold,
        record: &'a Record,
        retention: Retention,
    ) -> LocalBoxFuture<'a, Result<Completion, Error>> {
        Begun::write(self, hold, record, retention).boxed_local()
    }

    fn commit(&mut self) -> LocalBoxFuture<'_, Result<(), Error>> {
        Begun::commit(self).boxed_local()
    }

    fn rollback(&mut self) -> LocalBoxFuture<'_, Result<(), Error>> {
        Begun::rollback(self).boxed_local()
    }
}
