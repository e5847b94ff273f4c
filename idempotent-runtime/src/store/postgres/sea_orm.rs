//! Transactions of SeaORM.

use sea_orm::{
    ConnectionTrait, DatabaseConnection, DatabaseConnectionType, DatabaseTransaction, DbBackend, DbErr,
    RuntimeErr, Statement, TransactionTrait, Value,
};
use tokio::runtime::Handle;

use super::{PostgresStore, PostgresStoreBuilder, failure::NAME};
use crate::store::{
    SetupError,
    transactional::{TransactionError, TransactionErrorKind, TransactionalDatabase, of_sqlx},
};

/// Transactions of SeaORM 2 on PostgreSQL: `IdempotentTx<SeaOrm>` dereferences to its
/// `DatabaseTransaction`.
///
/// ```
/// use actix_web::{HttpResponse, post, web};
/// use idempotent_runtime::{
///     Idempotency, IdempotentTx, PostgresStore, SeaOrm, TransactionError, idempotent,
/// };
/// use sea_orm::{ConnectionTrait, DatabaseConnection};
///
/// #[post("/orders")]
/// #[idempotent(transaction)]
/// async fn create_order(
///     sku: web::Json<String>,
///     tx: IdempotentTx<SeaOrm>,
/// ) -> Result<HttpResponse, TransactionError> {
///     // Whatever takes a connection of SeaORM's takes `&*tx`: `model.insert(&*tx)`.
///     tx.execute_unprepared("UPDATE stock SET left_over = left_over - 1").await?;
///     Ok(HttpResponse::Created().json(sku))
/// }
///
/// async fn set_up(db: &DatabaseConnection) -> Result<Idempotency, Box<dyn std::error::Error>> {
///     let store = PostgresStore::from_sea_orm(db)?.build().await?;
///     Ok(Idempotency::builder().store(store).build()?)
/// }
/// ```
///
/// # Inner transactions
///
/// `tx.begin()` and `tx.transaction(…)` make savepoints. SeaORM's inner transaction owns a share of
/// the connection, so a handler can leave one behind, to a task or in a place that outlives it.
/// SeaORM does not tell that any is open. What such a one has done before the handler ends commits
/// with the handler's rows, and what it does later fails. If it takes back what it has done while
/// the handler's transaction is ending, nothing is kept: the request is a 500.
///
/// # Behind a pooler
///
/// SeaORM names the statements that it prepares. A pooler in transaction mode has to know the
/// names, as PgBouncer does since 1.21 (`max_prepared_statements`). Behind an older one such a
/// statement may fail: the request is a 500, or its key is `outcome_unknown`.
///
/// # Connections
///
/// The transaction is on a connection of SeaORM's pool. SeaORM cannot close one of them. One in a
/// state that nobody knows is rolled back, and then goes back to the pool, which tests it.
///
/// A first execution is one round trip more than with sqlx: SeaORM's `begin` takes no text, so the
/// mark of the transaction goes behind it.
#[derive(Clone, Copy, Debug)]
pub enum SeaOrm {}

/// A transaction of SeaORM's.
#[derive(Debug)]
pub struct SeaOrmTransaction(DatabaseTransaction);

// The mark is empty since the record was written, and is not any more if that was taken back. When
// it is dropped, SeaORM's transaction rolls back: the next, empty one is for that.
const COMMIT: &str = "DO $$ BEGIN IF current_setting('idempotent.transaction', true) <> '' THEN \
     RAISE EXCEPTION 'an inner transaction that was left behind has taken the record back'; END IF; END $$; \
     COMMIT AND CHAIN";

impl SeaOrmTransaction {
    async fn text(&self, text: &str) -> Result<(), TransactionError> {
        self.0.execute_unprepared(text).await?;
        Ok(())
    }
}

impl TransactionalDatabase for SeaOrm {
    type Pool = DatabaseConnection;
    type Transaction = SeaOrmTransaction;
    type Connection = DatabaseTransaction;

    // SeaORM begins whatever it gives out.
    async fn acquire(pool: &DatabaseConnection) -> Result<SeaOrmTransaction, TransactionError> {
        Ok(SeaOrmTransaction(pool.begin().await?))
    }

    async fn begin(transaction: &mut SeaOrmTransaction, first: &str) -> Result<(), TransactionError> {
        transaction.text(first).await
    }

    fn connection(transaction: &mut SeaOrmTransaction) -> &mut DatabaseTransaction {
        &mut transaction.0
    }

    async fn run(transaction: &mut SeaOrmTransaction, text: &str) -> Result<(), TransactionError> {
        transaction.text(text).await
    }

    async fn execute(
        transaction: &mut SeaOrmTransaction,
        statement: &str,
        parameters: &[&[u8]],
    ) -> Result<Option<Vec<u8>>, TransactionError> {
        let values = parameters.iter().map(|bytes| Value::Bytes(Some(bytes.to_vec())));
        let statement = Statement::from_sql_and_values(DbBackend::Postgres, statement, values);
        let row = transaction.0.query_one_raw(statement).await?;
        Ok(row.map(|row| row.try_get_by_index(0)).transpose()?)
    }

    // SeaORM's own commit would release the innermost savepoint only, and that may be one that the
    // handler has left behind.
    async fn commit(transaction: &mut SeaOrmTransaction) -> Result<(), TransactionError> {
        transaction.text(COMMIT).await
    }

    // For the same reason.
    async fn rollback(transaction: &mut SeaOrmTransaction) -> Result<(), TransactionError> {
        transaction.text("ROLLBACK AND CHAIN").await
    }

    // Dropped while something else uses the connection, SeaORM's transaction panics. Its lock is
    // waited for instead.
    fn close(transaction: SeaOrmTransaction) {
        let ends = async move {
            let _ = transaction.text("ROLLBACK; RESET idempotent.transaction").await;
            drop(transaction);
        };
        if let Ok(runtime) = Handle::try_current() {
            runtime.spawn(ends);
        }
    }
}

impl PostgresStore {
    /// Settings of a store in the database of a connection of SeaORM's, with which handlers may
    /// have an [`IdempotentTx<SeaOrm>`](crate::IdempotentTx).
    ///
    /// The store's own connections are made with the options of SeaORM's pool and are not taken out
    /// of it, as for [`builder`](Self::builder).
    ///
    /// # Errors
    /// The connection is not one of sqlx's to PostgreSQL.
    pub fn from_sea_orm(db: &DatabaseConnection) -> Result<PostgresStoreBuilder, SetupError> {
        if !matches!(db.inner, DatabaseConnectionType::SqlxPostgresPoolConnection(_)) {
            return Err(SetupError::setting(NAME, "SeaORM's connection has to be one to PostgreSQL"));
        }
        let pool = db.get_postgres_connection_pool().clone();
        Ok(Self::builder(pool).transactions::<SeaOrm>(db.clone()))
    }
}

impl From<DbErr> for TransactionError {
    fn from(error: DbErr) -> Self {
        let kind = match &error {
            DbErr::Conn(RuntimeErr::SqlxError(error))
            | DbErr::Exec(RuntimeErr::SqlxError(error))
            | DbErr::Query(RuntimeErr::SqlxError(error)) => of_sqlx(error),
            DbErr::Conn(_) | DbErr::ConnectionAcquire(_) => TransactionErrorKind::Unavailable,
            _ => TransactionErrorKind::Other,
        };
        TransactionError::new(kind, error)
    }
}
