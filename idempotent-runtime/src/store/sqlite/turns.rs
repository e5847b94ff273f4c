//! Turns of this process's connections to write to the file.

use std::{io, sync::Arc, time::Duration};

use tokio::{
    sync::{Mutex, OwnedMutexGuard},
    time::timeout,
};

/// Time for which a transaction of the store's waits for those of other connections.
pub(super) const WRITE_TIMEOUT: Duration = Duration::from_millis(1_800);

/// Turns to write to the file, among the handlers and the store of this process. Waiting calls are
/// served in the order in which they came. SQLite by itself would not do that: the connection that
/// looks at the right moment would write.
#[derive(Clone, Default)]
pub(super) struct Turns(Arc<Mutex<()>>);

/// Held while writing.
#[derive(Debug)]
pub(super) struct Turn(
    #[allow(dead_code, reason = "held, and given back when it is dropped")] OwnedMutexGuard<()>,
);

impl Turns {
    /// Waits for a turn, for at most `limit`.
    ///
    /// # Errors
    /// The turn does not come in time.
    pub(super) async fn next(&self, limit: Duration) -> Result<Turn, sqlx::Error> {
        let turn = timeout(limit, Arc::clone(&self.0).lock_owned()).await;
        turn.map(Turn).map_err(|_| too_long())
    }
}

fn too_long() -> sqlx::Error {
    let why = "another transaction of this process on the file takes too long";
    io::Error::new(io::ErrorKind::TimedOut, why).into()
}
