//! Deletes the rows whose time has ended, now and then.

use std::{sync::Weak, time::Duration};

use tokio::time::sleep;

use super::SqliteShared;
use crate::backoff::Backoff;

/// Sweeps every so often, until the store is gone.
///
/// Any number of processes may do so at once. A sweep is a transaction like any other, and each
/// finds what the others have left. The intervals differ from one another by up to a quarter, so
/// that processes started together do not sweep together.
pub(super) async fn run(store: Weak<SqliteShared>, every: Duration) {
    let mut pace = Backoff::new(every, every);
    loop {
        sleep(pace.next_delay()).await;
        let Some(store) = store.upgrade() else { return };
        if let Err(error) = store.sweep().await {
            tracing::warn!(%error, "the sqlite store could not delete what has expired; it tries again");
        }
    }
}
