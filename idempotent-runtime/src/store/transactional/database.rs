//! The connections of a library for databases, as far as a lent transaction needs them.

use super::{Revoke, TransactionError, TransactionState};

/// A database in which a handler's rows can commit together with its response: the type that stands
/// in [`IdempotentTx`](crate::IdempotentTx).
///
/// | type | feature | the handler has | the store |
/// | --- | --- | --- | --- |
/// | `sqlx::Postgres` | `postgres` | sqlx's `PgConnection` | a `PostgresStore` |
/// | `sqlx::Sqlite` | `sqlite` | sqlx's `SqliteConnection` | a `SqliteStore` made with a pool |
/// | `SeaOrm` | `sea-orm` | SeaORM's `DatabaseTransaction` | `PostgresStore::from_sea_orm` |
/// | `DieselPg` | `diesel-async` | Diesel's `AsyncPgConnection` | as for your own |
/// | your own | `postgres` | your library's connection | `PostgresStoreBuilder::transactions` |
///
/// # One of your own
///
/// An implementation is a type without values. It says how a library for PostgreSQL begins a
/// transaction, runs a text or one statement in it, and ends it. The example `tokio_postgres` has
/// one for `tokio-postgres` with `deadpool-postgres`; it is a page of code. The rest is the
/// library's: which statements, when they are run, what their failure means, and how long each may
/// take. `PostgresStoreBuilder::transactions` hands the pool to the store. When the store is built,
/// it runs one transaction with it and rolls that back. A pool of another database, or parameters
/// that do not arrive as they are, are an error then.
///
/// SQLite has no transactions but sqlx's. That they have ended is seen by hooks of its connection,
/// which this trait cannot set, so a `SqliteStore` takes no other pool.
///
/// # One transaction
///
/// ```text
///   acquire ─ begin ─▶ connection: the handler has it ─┬─ execute … ─ commit ───▶ back in the pool
///                │                                     ├─ execute … ─ rollback ─▶ back in the pool
///                └─────────────── anything else ───────┴────────────────────────▶ close
/// ```
///
/// - Calls come one after the other, never two at once.
/// - Each future may be dropped before it ends, because it takes too long or because its request is
///   dropped. Nothing is asked of that transaction any more but [`close`](Self::close).
/// - An error of a statement leaves the transaction as PostgreSQL leaves it: failed, until it is
///   rolled back. The library then runs a `ROLLBACK AND CHAIN` (PostgreSQL 12), to find out whether
///   the handler had ended its transaction before.
/// - The connection may die at any time. Then each call is to return an error in bounded time, of
///   the kind [`Unavailable`](crate::TransactionErrorKind::Unavailable) or `Other`. Nothing else is
///   needed: what has not been committed is rolled back by the server. Where it dies in
///   [`commit`](Self::commit), the library asks the store what has become of the transaction.
///
/// # Errors
///
/// Each error is a [`TransactionError`], and its kind decides. `Conflict` and `Refused` say that
/// the server has answered, and has done nothing. Take them only where that is certain: an error of
/// `commit` of these kinds frees the key at once. `TransactionError::of_sqlstate` knows which codes
/// are. Everything else is `Unavailable`, where another try may succeed, or `Other`.
///
/// # Savepoints
///
/// A transaction inside the transaction has to be a savepoint. Hand out only what makes it one: a
/// `begin` that sends `BEGIN` to a connection that is in a transaction already ends, by its
/// `COMMIT`, the outer one. The library notices that and answers 500, but what was committed
/// stands.
///
/// Nor may anything else have the connection when the handler has given it back, or a task of the
/// handler's could take the record back before the commit. Where an inner transaction shares it, as
/// SeaORM's do, [`commit`](Self::commit) has to see that the setting `idempotent.transaction` is
/// still empty, in the message that commits: a `ROLLBACK TO SAVEPOINT` behind the record brings
/// back what it was before.
pub trait TransactionalDatabase: Sized + 'static {
    /// The application's pool, or whatever a connection is had from. Clones share everything.
    type Pool: Clone + Send + Sync + 'static;

    /// A connection of the pool's, and the transaction on it.
    ///
    /// Dropped after [`commit`](Self::commit) or [`rollback`](Self::rollback) has returned `Ok`, it
    /// gives the connection back to its pool, with nothing of the transaction left on it. It is
    /// never dropped otherwise, but handed to [`close`](Self::close).
    type Transaction: Send + 'static;

    /// Connection that handlers have: [`IdempotentTx`](crate::IdempotentTx) dereferences to it.
    type Connection: Send + 'static;

    /// Takes a connection out of the pool. A library that has no other way may begin the
    /// transaction already.
    ///
    /// # Errors
    /// No connection is to be had. It has to end in bounded time: a pool that waits for ever is
    /// given a limit. The future may be dropped at any time; nothing is lost then but the place in
    /// the queue.
    fn acquire(pool: &Self::Pool)
    -> impl Future<Output = Result<Self::Transaction, TransactionError>> + Send;

    /// Begins the transaction, and runs the statements `first` in it: a text without parameters,
    /// which may be empty. `BEGIN; {first}` as one message is one round trip.
    ///
    /// They take no snapshot. The isolation level is the session's, and a handler may still set
    /// another.
    ///
    /// # Errors
    /// As the [trait](TransactionalDatabase) says. [`close`](Self::close) follows.
    fn begin(
        transaction: &mut Self::Transaction,
        first: &str,
    ) -> impl Future<Output = Result<(), TransactionError>> + Send;

    /// The connection, for the handler.
    ///
    /// The handler runs its own statements on it. It may also end the transaction by a `COMMIT` or
    /// a `ROLLBACK`: the library finds that out, by [`execute`](Self::execute).
    fn connection(transaction: &mut Self::Transaction) -> &mut Self::Connection;

    /// Runs a text of statements on the transaction's connection, without parameters and without a
    /// result, as one message: by the simple query protocol, and not as a prepared statement.
    ///
    /// # Errors
    /// As the [trait](TransactionalDatabase) says. The statements behind the one that has failed
    /// are not run.
    fn run(
        transaction: &mut Self::Transaction,
        text: &str,
    ) -> impl Future<Output = Result<(), TransactionError>> + Send;

    /// Runs one statement on the transaction's connection, and gives the first column of the first
    /// row that it returns: `None` where it returns no row.
    ///
    /// `parameters` are the values of `$1`, `$2`, …, each of the type `bytea`. The column is a
    /// `bytea` that is not null, and its name is `answer`. Texts come again and again: a library
    /// that keeps prepared statements saves a round trip. Whether the transaction still stands is
    /// not to be looked at. Sent exactly once: a statement that has failed is not tried again.
    ///
    /// # Errors
    /// As the [trait](TransactionalDatabase) says.
    fn execute(
        transaction: &mut Self::Transaction,
        statement: &str,
        parameters: &[&[u8]],
    ) -> impl Future<Output = Result<Option<Vec<u8>>, TransactionError>> + Send;

    /// Commits. `Ok` says that the server has answered a `COMMIT` with success. The transaction is
    /// dropped then. It is asked for only behind a statement that has succeeded, so it is not that
    /// of a failed transaction, which PostgreSQL answers with success and a rollback.
    ///
    /// # Errors
    /// As the [trait](TransactionalDatabase) says. [`close`](Self::close) follows.
    fn commit(
        transaction: &mut Self::Transaction,
    ) -> impl Future<Output = Result<(), TransactionError>> + Send;

    /// Rolls back everything, all savepoints included. The transaction is dropped then. One that
    /// has failed is rolled back like any other.
    ///
    /// # Errors
    /// As the [trait](TransactionalDatabase) says. [`close`](Self::close) follows.
    fn rollback(
        transaction: &mut Self::Transaction,
    ) -> impl Future<Output = Result<(), TransactionError>> + Send;

    /// Ends the connection of a transaction in a state that nobody knows: an error came, a call was
    /// dropped half-way, the handler has ended the transaction itself, or a task that has outlived
    /// the handler gives it back.
    ///
    /// Afterwards the connection is not in the pool any more, and is closed, so that the server
    /// rolls back what was not committed. Does not wait. A pool that merely looks at connections
    /// when it lends them the next time is not enough: the open transaction would hold its locks
    /// until then. What has been sent before may still be carried out. A library that cannot close
    /// a connection rolls back, in a task that waits for it, before the pool gets it.
    fn close(transaction: Self::Transaction);

    /// Number of transactions that are open, one inside the other, as the library counts them: 1,
    /// the default, where there is only the one that was begun, or where it does not count.
    ///
    /// A handler that leaves an inner transaction open has not decided about its rows, so nothing
    /// is kept where this is not 1. A savepoint that is not counted commits with the rest.
    fn depth(transaction: &mut Self::Transaction) -> usize {
        let _ = transaction;
        1
    }

    /// State of the transaction, where the process itself has seen its end. `None`, the default:
    /// the server is asked.
    #[doc(hidden)]
    fn witnessed(
        transaction: &mut Self::Transaction,
    ) -> impl Future<Output = Option<TransactionState>> + Send {
        let _ = transaction;
        std::future::ready(None)
    }

    /// Means to keep the transaction from being committed while somebody else has it. By default
    /// there is none: whoever has the connection may commit.
    #[doc(hidden)]
    fn revoke(transaction: &Self::Transaction) -> Option<Revoke> {
        let _ = transaction;
        None
    }
}
