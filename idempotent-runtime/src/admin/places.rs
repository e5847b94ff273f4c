//! How much operators may ask of a store at a time: claims are to find it as if nobody looked into
//! it.

use std::sync::Arc;

use tokio::sync::Semaphore;

use super::{problem::Problem, routes::Answer};
use crate::{execution::detached, idempotency::Idempotency};

/// The operators' places at one store.
pub(crate) struct Places(Arc<Semaphore>);

impl Default for Places {
    fn default() -> Self {
        Places(Arc::new(Semaphore::new(4)))
    }
}

/// Does `work` to its end, whoever hangs up, if there is a place for it.
pub(super) async fn in_a_place(
    app: Idempotency,
    work: impl AsyncFnOnce(Idempotency) -> Answer + 'static,
) -> Answer {
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
