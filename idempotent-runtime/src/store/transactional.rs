//! Offer of a database for transactions that are lent to handlers and steps.

use sqlx::{Error, SqlStr, pool::PoolConnection};

use super::{Completion, Hold, Record, Retention};

/// A database in which a handler's rows can commit together with the record: sqlx's `Postgres` and
/// `Sqlite`, with the features of the stores of these names.
pub trait TransactionalDatabase: Database {}

impl<DB: Database> TransactionalDatabase for DB {}

/// State of a transaction that its handler has, or has had.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TransactionState {
    /// It is the one that was begun, and nothing of it is decided.
    Stands,
    /// It was rolled back, by the database or by its handler.
    RolledBack,
    /// Its handler has committed it.
    Committed,
    /// It has ended, and nobody can tell how.
    Unknown,
}

/// Offer of a store of this database.
pub trait Database: sqlx::Database {
    /// Knowledge of the store: where to begin, and where records are.
    type Access: Clone + Send + Sync + 'static;
    /// Permit that is kept until the transaction has ended.
    type Turn: Send + 'static;
    /// Mark that tells the transaction that was begun from every other on its connection.
    type Mark: Clone + Send + Sync + 'static;
    /// True where nobody else writes to the database while a transaction is open, the store itself
    /// included.
    const WRITES_ALONE: bool;

    /// A connection of the application's pool, on which a transaction may begin.
    fn acquire(access: &Self::Access) -> impl Future<Output = Result<PoolConnection<Self>, Error>> + Send;

    /// The mark of the transaction that is to begin on this connection.
    fn mark(connection: &mut Self::Connection) -> impl Future<Output = Result<Self::Mark, Error>> + Send;

    /// Waits until a transaction may begin.
    fn turn(access: &Self::Access) -> impl Future<Output = Result<Self::Turn, Error>> + Send;

    /// Statement that begins a transaction with this mark.
    fn statement(mark: &Self::Mark) -> SqlStr;

    /// State of the transaction with this mark. One in which a statement has failed is rolled back,
    /// and stood until then.
    fn standing(
        connection: &mut Self::Connection,
        access: &Self::Access,
        mark: &Self::Mark,
    ) -> impl Future<Output = Result<TransactionState, Error>> + Send;

    /// Writes the record in place of the claim, if the hold still stands. `None` where the
    /// transaction with this mark has ended: nothing is written.
    fn complete(
        connection: &mut Self::Connection,
        access: &Self::Access,
        mark: &Self::Mark,
        hold: &Hold,
        record: &Record,
        retention: Retention,
    ) -> impl Future<Output = Result<Option<Completion>, Error>> + Send;

    /// Lets nothing be committed any more while somebody else has the connection, and tells what
    /// had become of the transaction before. Where that cannot be done it is unknown: who has the
    /// connection may commit later.
    fn revoke(mark: &Self::Mark) -> TransactionState;

    /// Leaves nothing of the mark on a connection whose transaction has ended.
    fn unmark(connection: &mut Self::Connection) -> impl Future<Output = Result<(), Error>> + Send;
}
