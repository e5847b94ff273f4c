//! A step that counts, and what it settles.

use std::{
    convert::Infallible,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering::SeqCst},
    },
};

use idempotent_runtime::{Idempotency, Once, OnceError};

/// Number of times that a step has run.
#[derive(Clone, Default)]
pub(super) struct Runs(Arc<AtomicU32>);

impl Runs {
    /// Runs, and tells the number of the run.
    pub(super) fn one(&self) -> u32 {
        self.0.fetch_add(1, SeqCst) + 1
    }

    pub(super) fn count(&self) -> u32 {
        self.0.load(SeqCst)
    }
}

/// Settles the message `key`.
pub(super) async fn settle(
    idempotency: &Idempotency,
    key: &str,
    runs: &Runs,
) -> Result<Once<u32>, OnceError<Infallible>> {
    idempotency.once("settle", key).run(async |_| Ok(runs.one())).await
}
