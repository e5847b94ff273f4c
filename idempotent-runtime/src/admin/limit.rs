//! Limit on what operators ask of a store at a time: claims are to find the store as if nobody
//! looked into it.

use super::problem::{AdminResult, Problem};
use crate::{engine::Idempotency, execution::detached};

/// Does `work` to its end, if there is a place for it, even if the client hangs up.
pub(super) async fn within_limit(
    app: Idempotency,
    work: impl AsyncFnOnce(Idempotency) -> AdminResult + 'static,
) -> AdminResult {
    let permit = app.0.operators.permit().ok_or_else(Problem::busy)?;
    let work = async move {
        let _permit = permit;
        work(app).await
    };
    detached(Box::pin(work)).await.unwrap_or_else(|error| {
        tracing::error!(%error, "an operator's request ended without an answer");
        Err(Problem::store_failed())
    })
}
