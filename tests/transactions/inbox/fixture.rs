//! A step that adds a row, and does what else it is told.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering::SeqCst},
    },
    time::Duration,
};

use idempotent_runtime::{Idempotency, IdempotencyBuilder, IdempotentTx, Once, OnceError, TransactionError};
use idempotent_tests::lent::Lent;
use tokio::time::sleep;

use crate::fixture::{Fixture, within};

pub(super) type Settled = Result<Once<u32>, OnceError<TransactionError>>;

/// A node that settles messages.
pub(super) struct Inbox<P: Fixture> {
    pub(super) pool: P::Pool,
    pub(super) idempotency: Idempotency,
    table: String,
    runs: Arc<AtomicU32>,
}

impl<P: Fixture> Inbox<P> {
    pub(super) async fn new(fixture: &P) -> Self {
        let pool = fixture.pool(4);
        Self::with(fixture, pool.clone(), Idempotency::builder().store(fixture.store(pool).await))
    }

    pub(super) fn with(fixture: &P, pool: P::Pool, builder: IdempotencyBuilder) -> Self {
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
            while P::connections(&self.pool).0 < P::connections(&self.pool).1 {
                sleep(Duration::from_millis(5)).await;
            }
        })
        .await;
    }

    /// Adds the row of `key`, and tells the number of the run.
    pub(super) async fn add(
        &self,
        key: &str,
        tx: &mut IdempotentTx<P::Database>,
    ) -> Result<u32, TransactionError> {
        let run = self.runs.fetch_add(1, SeqCst) + 1;
        P::Database::text(tx, format!("INSERT INTO {} VALUES ('{key}')", self.table)).await?;
        Ok(run)
    }

    /// Adds the row of `key`, and then runs these statements.
    pub(super) async fn add_and_run(
        &self,
        key: &str,
        then: &[&str],
        tx: &mut IdempotentTx<P::Database>,
    ) -> Result<u32, TransactionError> {
        let run = self.add(key, tx).await?;
        for statement in then {
            P::Database::text(tx, (*statement).to_owned()).await?;
        }
        Ok(run)
    }

    /// Settles the message `key` with a step that does that.
    pub(super) async fn settle(&self, key: &str, then: &[&str]) -> Settled {
        let step = async |_, mut tx: IdempotentTx<P::Database>| self.add_and_run(key, then, &mut tx).await;
        within(self.idempotency.once("settle", key).run_in(step)).await
    }
}
