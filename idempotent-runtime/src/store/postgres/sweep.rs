//! Deletes forgotten keys, in small batches, by one node at a time.

use std::{sync::Arc, time::Duration};

use sqlx::{Connection, Row};
use tokio::time::{sleep, timeout};

use super::{
    connections::Connections,
    failure::{NAME, timed_out},
    function::{Function, Value},
    names::Names,
};
use crate::{backoff::Backoff, store::StoreError};

/// Rows that one statement deletes, and the pause after it.
const BATCH: i32 = 1_000;
const PAUSE: Duration = Duration::from_millis(50);
/// Time that one statement may take.
const SWEEP_TIMEOUT: Duration = Duration::from_secs(30);

/// Sweeps one table.
#[derive(Clone, Debug)]
pub(super) struct Sweeper {
    connections: Arc<Connections>,
    function: Function,
}

impl Sweeper {
    pub(super) fn new(connections: Arc<Connections>, names: &Names) -> Self {
        Sweeper { connections, function: Function::new(names, "SELECT {schema}.{table}_sweep", 1) }
    }

    /// Sweeps again and again, for as long as it is polled.
    pub(super) async fn every(self, interval: Duration) {
        loop {
            // Nodes that started together do not sweep together.
            sleep(Backoff::new(interval, interval).next_delay()).await;
            match self.sweep().await {
                Ok(rows) => tracing::debug!(store = NAME, rows, "swept"),
                Err(error) => tracing::warn!(store = NAME, %error, "cannot sweep; will try again"),
            }
        }
    }

    /// Sweeps until nothing is due, or another node sweeps. Gives the number of rows.
    pub(super) async fn sweep(&self) -> Result<u64, StoreError> {
        self.pass().await.map_err(|error| StoreError::unavailable(NAME, error))
    }

    async fn pass(&self) -> Result<u64, sqlx::Error> {
        let mut connection = self.connections.connect_for_sweeping().await?;
        let mut swept = 0;
        loop {
            let batch =
                timeout(SWEEP_TIMEOUT, self.function.call(&mut connection, &[Value::Count(BATCH)])).await;
            let batch = batch.unwrap_or_else(|_| Err(timed_out("sweeping")))?;
            let rows = batch.first().map(|row| row.try_get::<Option<i64>, _>(0)).transpose()?;
            // `None` where another node sweeps.
            let rows = rows.flatten().unwrap_or_default();
            swept += rows.unsigned_abs();
            if rows < i64::from(BATCH) {
                break;
            }
            sleep(PAUSE).await;
        }
        let _ = connection.session.close().await;
        Ok(swept)
    }
}
