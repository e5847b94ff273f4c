//! Decision about an execution that died without an outcome, and who makes it.

use actix_web::HttpResponse;
use futures_util::{FutureExt, future::LocalBoxFuture};

use super::AbandonedExecution;

/// Decision about a request whose earlier execution died without an outcome.
#[derive(Debug)]
pub enum Resolution {
    /// The execution had no effect, or one that may happen again: the handler is run.
    Rerun,
    /// The effect is not known: the request is `outcome_unknown`, for as long as a response would
    /// have been replayed.
    Refuse,
    /// It cannot be found out now, since somebody who has to be asked does not answer. Nothing is
    /// decided: the request is `outcome_unknown` for now, and the next takeover, after a lease,
    /// asks again.
    Later,
    /// The execution had its effect, and this is its response. It is recorded, with any status and
    /// any `replay` of the endpoint, and replayed.
    Complete(HttpResponse),
    /// The step of [`once`](crate::Idempotency::once) had its effect, and this is its value. It is
    /// recorded, and read as the type that the step returns. A request is not completed with it.
    Value(serde_json::Value),
}

/// The application's function for abandoned executions.
pub(crate) trait Reconcile: Send + Sync {
    /// Decides about this execution.
    fn ask<'a>(&'a self, abandoned: &'a AbandonedExecution) -> LocalBoxFuture<'a, Resolution>;
}

impl<F: AsyncFn(&AbandonedExecution) -> Resolution + Send + Sync> Reconcile for F {
    fn ask<'a>(&'a self, abandoned: &'a AbandonedExecution) -> LocalBoxFuture<'a, Resolution> {
        self(abandoned).boxed_local()
    }
}
