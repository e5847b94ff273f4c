//! Transactions of Diesel, on connections of diesel-async.

use std::time::Duration;

use diesel::{
    QueryableByName,
    deserialize::Result as Deserialized,
    pg::Pg,
    result::{DatabaseErrorKind, Error},
    row::NamedRow,
    sql_query,
    sql_types::Binary,
};
use diesel_async::{
    AnsiTransactionManager, AsyncPgConnection, RunQueryDsl, SimpleAsyncConnection, TransactionManager,
    pooled_connection::deadpool::{Object, Pool},
};
use tokio::time::timeout;

use crate::store::transactional::{TransactionError, TransactionErrorKind, TransactionalDatabase};

/// Time for which a handler waits for a connection. The pool itself may have no limit.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(30);

/// Transactions of Diesel on PostgreSQL, through diesel-async 0.9 and its pool of `deadpool`:
/// `IdempotentTx<DieselPg>` dereferences to its `AsyncPgConnection`.
///
/// ```
/// # mod shop {
/// use actix_web::{HttpResponse, post, web};
/// use diesel::prelude::*;
/// use diesel_async::{AsyncPgConnection, RunQueryDsl, pooled_connection::deadpool::Pool};
/// use idempotent_runtime::{
///     DieselPg, Idempotency, IdempotentTx, PostgresStore, TransactionError, idempotent,
/// };
///
/// diesel::table! { orders (id) { id -> BigInt, sku -> Text } }
///
/// #[post("/orders")]
/// #[idempotent(transaction)]
/// async fn create_order(
///     sku: web::Json<String>,
///     mut tx: IdempotentTx<DieselPg>,
/// ) -> Result<HttpResponse, TransactionError> {
///     let insert = diesel::insert_into(orders::table).values(orders::sku.eq(&*sku));
///     insert.execute(&mut *tx).await?;
///     Ok(HttpResponse::Created().finish())
/// }
///
/// async fn set_up(
///     url: &str,
///     pool: Pool<AsyncPgConnection>,
/// ) -> Result<Idempotency, Box<dyn std::error::Error>> {
///     let store = PostgresStore::at(url)?.transactions::<DieselPg>(pool).build().await?;
///     Ok(Idempotency::builder().store(store).build()?)
/// }
/// # }
/// ```
///
/// `tx.transaction(…)` makes savepoints. No libpq is needed.
///
/// # Connections
///
/// The transaction is on a connection of Diesel's pool, for which a handler waits for 30 seconds at
/// most. The store's own connections are sqlx's, made with the URL: the numbers are those of
/// [`PostgresStore`](crate::PostgresStore). Both may have TLS, each by its own settings.
///
/// A first execution is one round trip more than with sqlx, since Diesel prepares the statement
/// that writes the record each time. Its pool asks each connection that it lends, unless its
/// `RecyclingMethod` is `Fast`.
///
/// # Errors
///
/// Diesel does not tell the SQLSTATE of an error. A deadlock and a lock that was not to be had are
/// recognised by their messages in English (`lc_messages`); in other languages they are a 500
/// instead of a 503. The key is free in either case.
#[derive(Clone, Copy, Debug)]
pub enum DieselPg {}

/// A connection of Diesel's pool, until it is closed.
#[allow(missing_debug_implementations, reason = "Diesel's connection has none, and nobody can name this")]
pub struct DieselTransaction(Object<AsyncPgConnection>);

/// The one column that the library's statements return.
struct Answer(Vec<u8>);

impl QueryableByName<Pg> for Answer {
    fn build<'a>(row: &impl NamedRow<'a, Pg>) -> Deserialized<Self> {
        NamedRow::get::<Binary, _>(row, "answer").map(Answer)
    }
}

impl TransactionalDatabase for DieselPg {
    type Pool = Pool<AsyncPgConnection>;
    type Transaction = DieselTransaction;
    type Connection = AsyncPgConnection;

    async fn acquire(pool: &Pool<AsyncPgConnection>) -> Result<DieselTransaction, TransactionError> {
        let acquired = timeout(ACQUIRE_TIMEOUT, pool.get()).await;
        match acquired.map_err(|_| TransactionError::timed_out())? {
            Ok(connection) => Ok(DieselTransaction(connection)),
            Err(error) => Err(TransactionError::new(TransactionErrorKind::Unavailable, error)),
        }
    }

    async fn begin(transaction: &mut DieselTransaction, first: &str) -> Result<(), TransactionError> {
        let begin = format!("BEGIN; {first}");
        Ok(AnsiTransactionManager::begin_transaction_sql(&mut *transaction.0, &begin).await?)
    }

    fn connection(transaction: &mut DieselTransaction) -> &mut AsyncPgConnection {
        &mut transaction.0
    }

    async fn run(transaction: &mut DieselTransaction, text: &str) -> Result<(), TransactionError> {
        Ok(transaction.0.batch_execute(text).await?)
    }

    async fn execute(
        transaction: &mut DieselTransaction,
        statement: &str,
        parameters: &[&[u8]],
    ) -> Result<Option<Vec<u8>>, TransactionError> {
        let mut query = sql_query(statement).into_boxed::<Pg>();
        for bytes in parameters {
            query = query.bind::<Binary, _>(bytes.to_vec());
        }
        let rows: Vec<Answer> = query.load(&mut *transaction.0).await?;
        Ok(rows.into_iter().next().map(|answer| answer.0))
    }

    async fn commit(transaction: &mut DieselTransaction) -> Result<(), TransactionError> {
        AnsiTransactionManager::commit_transaction(&mut *transaction.0).await.map_err(not_committed)
    }

    async fn rollback(transaction: &mut DieselTransaction) -> Result<(), TransactionError> {
        while depth(transaction) > 0 {
            AnsiTransactionManager::rollback_transaction(&mut *transaction.0).await?;
        }
        Ok(())
    }

    fn close(transaction: DieselTransaction) {
        drop(Object::take(transaction.0));
    }

    fn depth(transaction: &mut DieselTransaction) -> usize {
        depth(transaction)
    }
}

/// Number of open transactions, one inside the other; 0 also where Diesel has lost count.
fn depth(transaction: &mut DieselTransaction) -> usize {
    let status = AnsiTransactionManager::transaction_manager_status_mut(&mut *transaction.0);
    let depth = status.transaction_depth().ok().flatten();
    depth.map_or(0, |depth| depth.get().try_into().unwrap_or(usize::MAX))
}

/// Error of a commit. Diesel has one kind for most, also for a server that ends the connection, and
/// that may have committed before.
fn not_committed(error: Error) -> TransactionError {
    match error {
        Error::DatabaseError(DatabaseErrorKind::Unknown, _) => {
            TransactionError::new(TransactionErrorKind::Other, error)
        }
        error => error.into(),
    }
}

/// Messages of PostgreSQL for errors that Diesel has no kind for.
const CONFLICTS: [&str; 3] = ["deadlock detected", "could not obtain lock", "due to lock timeout"];

impl From<Error> for TransactionError {
    fn from(error: Error) -> Self {
        use DatabaseErrorKind::{
            ClosedConnection, ReadOnlyTransaction, SerializationFailure, UnableToSendCommand,
        };

        let kind = match &error {
            Error::DatabaseError(SerializationFailure, _) => TransactionErrorKind::Conflict,
            Error::DatabaseError(ClosedConnection | UnableToSendCommand | ReadOnlyTransaction, _)
            | Error::BrokenTransactionManager => TransactionErrorKind::Unavailable,
            Error::DatabaseError(_, told)
                if CONFLICTS.iter().any(|conflict| told.message().contains(conflict)) =>
            {
                TransactionErrorKind::Conflict
            }
            Error::DatabaseError(..) => TransactionErrorKind::Refused,
            _ => TransactionErrorKind::Other,
        };
        TransactionError::new(kind, error)
    }
}
