//! Transactions of every kind of database that handlers are lent, as tests use them.

#[path = "../../examples/src/bin/tokio_postgres/database.rs"]
mod tokio_postgres_database;

use std::{mem, time::Duration};

pub use self::tokio_postgres_database::TokioPostgres;
use self::tokio_postgres_database::failed;
use deadpool_postgres::{Manager, ManagerConfig, Pool, RecyclingMethod};
use diesel_async::{AnsiTransactionManager, SimpleAsyncConnection, TransactionManager as _};
use idempotent_runtime::{DieselPg, IdempotentTx, SeaOrm, TransactionError, TransactionalDatabase};
use sea_orm::{ConnectionTrait, TransactionTrait};
use sqlx::{AssertSqlSafe, Connection, Executor, Postgres, Sqlite, postgres::PgConnectOptions};
use tokio::time::sleep;

/// A database whose lent transactions run text.
pub trait Lent: TransactionalDatabase {
    /// Runs a text of statements.
    fn text(
        tx: &mut IdempotentTx<Self>,
        sql: String,
    ) -> impl Future<Output = Result<(), TransactionError>> + Send;

    /// Opens a transaction inside the lent one, by the library's own means, and leaves it open.
    fn open_inner(tx: &mut IdempotentTx<Self>) -> impl Future<Output = Result<(), TransactionError>> + Send;
}

/// Databases of sqlx.
macro_rules! on_sqlx {
    ($($database:ty),*) => {
        $(
            impl Lent for $database {
                async fn text(tx: &mut IdempotentTx<Self>, sql: String) -> Result<(), TransactionError> {
                    (&mut **tx).execute(AssertSqlSafe(sql)).await?;
                    Ok(())
                }

                async fn open_inner(tx: &mut IdempotentTx<Self>) -> Result<(), TransactionError> {
                    mem::forget(tx.begin().await?);
                    Ok(())
                }
            }
        )*
    };
}

on_sqlx!(Postgres, Sqlite);

impl Lent for SeaOrm {
    async fn text(tx: &mut IdempotentTx<Self>, sql: String) -> Result<(), TransactionError> {
        tx.execute_unprepared(&sql).await?;
        Ok(())
    }

    // Forgotten, it would keep its share of the connection for ever.
    async fn open_inner(tx: &mut IdempotentTx<Self>) -> Result<(), TransactionError> {
        let inner = tx.begin().await?;
        tokio::spawn(async move {
            sleep(Duration::from_millis(100)).await;
            drop(inner);
        });
        Ok(())
    }
}

impl Lent for DieselPg {
    async fn text(tx: &mut IdempotentTx<Self>, sql: String) -> Result<(), TransactionError> {
        Ok(tx.batch_execute(&sql).await?)
    }

    async fn open_inner(tx: &mut IdempotentTx<Self>) -> Result<(), TransactionError> {
        Ok(AnsiTransactionManager::begin_transaction(&mut **tx).await?)
    }
}

impl Lent for TokioPostgres {
    async fn text(tx: &mut IdempotentTx<Self>, sql: String) -> Result<(), TransactionError> {
        tx.batch_execute(&sql).await.map_err(failed)
    }

    async fn open_inner(tx: &mut IdempotentTx<Self>) -> Result<(), TransactionError> {
        tx.batch_execute("SAVEPOINT inner_one").await.map_err(failed)
    }
}

/// A pool of the example's library, of at most `connections`.
pub fn tokio_postgres_pool(url: &str, connections: usize) -> Pool {
    let fast = ManagerConfig { recycling_method: RecyclingMethod::Fast };
    let manager = Manager::from_config(url.parse().unwrap(), tokio_postgres::NoTls, fast);
    Pool::builder(manager).max_size(connections).build().unwrap()
}

/// URL for libraries that know no options but the standard's.
pub fn plain_url(options: &PgConnectOptions) -> String {
    let (user, host, port) = (options.get_username(), options.get_host(), options.get_port());
    format!("postgres://{user}@{host}:{port}/{}", options.get_database().unwrap_or(user))
}
