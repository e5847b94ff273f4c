//! Limit on what operators ask of a store at a time: claims are to find the store as if nobody
//! looked into it.

use std::sync::Arc;

use tokio::sync::Semaphore;

use super::problem::{AdminResult, Problem};
use crate::{execution::detached, idempotency::Idempotency};

/// Places of the operators at one store.
pub(crate) struct Places(Arc<Semaphore>);

impl Default for Places {
    fn default() -> Self {
        Places(Arc::new(Semaphore::new(4)))
    }
}

/// Does `work` to its end, if there is a place for it, even if the client hangs up.
pub(super) async fn within_limit(
    app: Idempotency,
    work: impl AsyncFnOnce(Idempotency) -> AdminResult + 'static,
) -> AdminResult {
    let Places(places) = &app.0.operators;
    let place = Arc::clone(places).try_acquire_owned().map_err(|_| Problem::busy())?;
    let work = async move {
        let _place = place;
        work(app).await
    };
    detached(Box::pin(work)).await.unwrap_or_else(|error| {
        tracing::error!(%error, "an operator's request ended without an answer");
        Err(Problem::store_failed())
    })
}
