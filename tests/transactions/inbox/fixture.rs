//! A step that adds a row, and does what else it is told.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering::SeqCst},
    },
    time::Duration,
};

use idempotent_runtime::{Idempotency, IdempotencyBuilder, IdempotentTx, Once, OnceError};
use sqlx::{AssertSqlSafe, Database, Executor, Pool};
use tokio::time::sleep;

use crate::fixture::{Fixture, within};

pub(super) type Settled = Result<Once<u32>, OnceError<sqlx::Error>>;

/// Database on whose connections statements are run.
pub(super) trait Executes: Fixture {
    /// Runs a statement in a transaction.
    fn execute(
        tx: &mut IdempotentTx<Self::Database>,
        sql: String,
    ) -> impl Future<Output = sqlx::Result<()>> + Send;
}

impl<P: Fixture> Executes for P
where
    for<'c> &'c mut <P::Database as Database>::Connection: Executor<'c, Database = P::Database>,
{
    async fn execute(tx: &mut IdempotentTx<Self::Database>, sql: String) -> sqlx::Result<()> {
        (&mut **tx).execute(AssertSqlSafe(sql)).await.map(|_| ())
    }
}

/// A node that settles messages.
pub(super) struct Inbox<P: Fixture> {
    pub(super) pool: Pool<P::Database>,
    pub(super) idempotency: Idempotency,
    table: String,
    runs: Arc<AtomicU32>,
}

impl<P: Executes> Inbox<P> {
    pub(super) async fn new(fixture: &P) -> Self {
        let pool = fixture.pool(4);
        Self::with(fixture, pool.clone(), Idempotency::builder().store(fixture.store(pool).await))
    }

    pub(super) fn with(fixture: &P, pool: Pool<P::Database>, builder: IdempotencyBuilder) -> Self {
        let idempotency = builder.build().unwrap();
        Inbox { pool, idempotency, table: fixture.rows(), runs: Arc::default() }
    }

    /// Number of times that a step has run.
    pub(super) fn runs(&self) -> u32 {
        self.runs.load(SeqCst)
    }

    /// Waits until every connection is back in the pool.
    pub(super) async fn all_are_back(&self) {
        within(async {
            while self.pool.num_idle() < self.pool.size() as usize {
                sleep(Duration::from_millis(5)).await;
            }
        })
        .await;
    }

    /// Adds the row of `key`, and tells the number of the run.
    pub(super) async fn add(&self, key: &str, tx: &mut IdempotentTx<P::Database>) -> sqlx::Result<u32> {
        let run = self.runs.fetch_add(1, SeqCst) + 1;
        P::execute(tx, format!("INSERT INTO {} VALUES ('{key}')", self.table)).await?;
        Ok(run)
    }

    /// Adds the row of `key`, and then runs these statements.
    pub(super) async fn add_and_run(
        &self,
        key: &str,
        then: &[&str],
        tx: &mut IdempotentTx<P::Database>,
    ) -> sqlx::Result<u32> {
        let run = self.add(key, tx).await?;
        for statement in then {
            P::execute(tx, (*statement).to_owned()).await?;
        }
        Ok(run)
    }

    /// Settles the message `key` with a step that does that.
    pub(super) async fn settle(&self, key: &str, then: &[&str]) -> Settled {
        let step = async |_, mut tx: IdempotentTx<P::Database>| self.add_and_run(key, then, &mut tx).await;
        within(self.idempotency.once("settle", key).run_in(step)).await
    }
}
