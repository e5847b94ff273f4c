//! The transaction as a handler's argument.

use std::{
    fmt,
    ops::{Deref, DerefMut},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use actix_web::{
    Error, FromRequest, HttpRequest, HttpResponse, ResponseError, dev::Payload, http::StatusCode,
};
use futures_util::{FutureExt, TryFutureExt, future::LocalBoxFuture};
use tokio::sync::{OwnedMappedMutexGuard, OwnedMutexGuard};

use super::{
    open_transaction::OpenTransaction,
    slot::{NoTransaction, NotBegun, Slot},
};
use crate::{response::OwnAnswer, store::transactional::TransactionalDatabase};

/// The transaction in which the handler's rows, its claim and its response commit: an argument of a
/// handler with `#[idempotent(…, transaction)]`, or of a step of
/// [`run_in`](crate::OnceBuilder::run_in).
///
/// It dereferences to the connection of the library that `DB` names, so every query runs on
/// `&mut *tx`: sqlx's for `Postgres` and `Sqlite`, SeaORM's `DatabaseTransaction` for `SeaOrm`,
/// Diesel's `AsyncPgConnection` for `DieselPg`, or one that the application has
/// [told](TransactionalDatabase) of. It is begun before the handler and ended after it, by what the
/// handler answers:
///
/// | the handler | its rows | its response | a retry |
/// | --- | --- | --- | --- |
/// | answers 2xx or 3xx | kept | stored, in the same commit | gets that response |
/// | answers 5xx, 401, 407, 408, 421, 425, 429, or panics | taken back | sent once | runs |
/// | answers any other 4xx | taken back | stored | gets that response |
/// | dies with its process or database | taken back | – | runs, when the claim's lease is over |
///
/// The store has to be a `PostgresStore` or a `SqliteStore` in the handler's own database; the
/// transaction is on a connection of the pool that the store was made with, or was given for this
/// `DB`. With any other store the handler is not run and the request is a 500.
///
/// # What to know
///
/// - A handler has one. It is not left to a task that outlives the handler: the request is a 500
///   then. In SQLite that task can commit nothing, and the key is
///   free. In PostgreSQL nobody can prevent its `COMMIT`, so the key is `outcome_unknown`.
/// - `begin` on it, of sqlx or SeaORM, and Diesel's `transaction` make savepoints. With sqlx and
///   Diesel, one that is left open keeps nothing: a 500. To end the transaction is not the
///   handler's business. Where it has ended before the handler has, the request is a 500 and the
///   log says why. Rolled back, by a `ROLLBACK` or by SQLite (a full disk, `RAISE(ROLLBACK, …)`,
///   `ON CONFLICT ROLLBACK`), nothing is kept and the key is free. After a `COMMIT` of the
///   handler's own what it did stands, and the key is `outcome_unknown`; where the process dies in
///   between, a retry runs it again.
/// - SQLite refuses what a handler runs after that. PostgreSQL carries it out: what runs there
///   after a `ROLLBACK` of the handler's own is not part of the transaction, and each retry runs it
///   again.
/// - In SQLite the commit and rollback hooks of its connection are taken for it, and removed
///   afterwards.
/// - A conflict with another transaction, and a lost connection, are 503 with `Retry-After` if the
///   handler answers with [`TransactionError`](crate::TransactionError), as `?` on an error of
///   sqlx, SeaORM or Diesel does; the key is free again.
/// - An isolation level above `READ COMMITTED` (`SET TRANSACTION ISOLATION LEVEL …` as the first
///   statement) works for handlers that take less than a third of the lease: renewing it changes
///   the row that the commit has to change.
/// - In SQLite transactions run one after the other: a handler holds up every other claim on the
///   file for as long as it runs.
///
/// ```
/// # #[cfg(feature = "postgres")] mod with_postgres {
/// use actix_web::{HttpResponse, post, web};
/// use idempotent_runtime::{IdempotentTx, TransactionError, idempotent};
/// use sqlx::Postgres;
///
/// #[post("/orders")]
/// #[idempotent(ttl = "24h", scope = "endpoint", transaction)]
/// async fn create_order(
///     sku: web::Json<String>,
///     mut tx: IdempotentTx<Postgres>,
/// ) -> Result<HttpResponse, TransactionError> {
///     sqlx::query("INSERT INTO orders (sku) VALUES ($1)").bind(&*sku).execute(&mut *tx).await?;
///     Ok(HttpResponse::Created().finish())
/// }
/// # }
/// ```
pub struct IdempotentTx<DB: TransactionalDatabase> {
    connection: OwnedMappedMutexGuard<OpenTransaction<DB>, DB::Connection>,
    is_used: Arc<AtomicBool>,
}

impl<DB: TransactionalDatabase> IdempotentTx<DB> {
    /// Begins the transaction of the execution that runs.
    pub(crate) async fn begin() -> Result<Self, NotBegun> {
        let slot = Slot::current()?;
        let offer = slot.beginning::<DB>()?;
        let open = OpenTransaction::begin(offer).await?;
        let is_used = open.is_used();
        let begun = slot.begun(open).lock_owned().await;
        let lent = OwnedMutexGuard::try_map(begun, OpenTransaction::lent);
        let connection = lent.map_err(|_| NoTransaction::Ended)?;
        Ok(IdempotentTx { connection, is_used })
    }

    fn is_used(&self) {
        self.is_used.store(true, Ordering::Relaxed);
    }
}

impl From<NotBegun> for Error {
    fn from(not_begun: NotBegun) -> Self {
        match not_begun {
            NotBegun::Mistake(mistake) => mistake.into(),
            NotBegun::Database(error) => error.into(),
        }
    }
}

impl ResponseError for NoTransaction {
    fn status_code(&self) -> StatusCode {
        StatusCode::INTERNAL_SERVER_ERROR
    }

    fn error_response(&self) -> HttpResponse {
        tracing::error!(why = %self, "a handler has no transaction");
        OwnAnswer::Failed.respond(self.status_code(), self)
    }
}

impl<DB: TransactionalDatabase> FromRequest for IdempotentTx<DB> {
    type Error = Error;
    type Future = LocalBoxFuture<'static, Result<Self, Error>>;

    fn from_request(_: &HttpRequest, _: &mut Payload) -> Self::Future {
        Self::begin().map_err(Error::from).boxed_local()
    }
}

impl<DB: TransactionalDatabase> Deref for IdempotentTx<DB> {
    type Target = DB::Connection;

    fn deref(&self) -> &Self::Target {
        self.is_used();
        &self.connection
    }
}

impl<DB: TransactionalDatabase> DerefMut for IdempotentTx<DB> {
    fn deref_mut(&mut self) -> &mut Self::Target {
        self.is_used();
        &mut self.connection
    }
}

impl<DB: TransactionalDatabase> fmt::Debug for IdempotentTx<DB> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IdempotentTx").finish_non_exhaustive()
    }
}
