//! What becomes of executions that died without an outcome, where the application or an operator
//! can find out.

mod abandoned;
mod by_hand;

use actix_web::HttpResponse;
use futures_util::{FutureExt, future::LocalBoxFuture};

pub use abandoned::AbandonedExecution;
pub use by_hand::{ResolveError, Resolved};

/// What becomes of a request whose earlier execution died without an outcome.
#[derive(Debug)]
pub enum Resolution {
    /// It had no effect, or one that may happen again: the handler is run.
    Rerun,
    /// It cannot be told: the request is `outcome_unknown`, for as long as a response would have
    /// been replayed.
    Refuse,
    /// It had its effect, and this is its response: recorded, whatever its status and the
    /// endpoint's `replay` are, and replayed.
    Complete(HttpResponse),
}

/// What the application says of abandoned executions.
pub(crate) trait Reconcile: Send + Sync {
    /// What becomes of this one.
    fn ask<'a>(&'a self, abandoned: &'a AbandonedExecution) -> LocalBoxFuture<'a, Resolution>;
}

impl<F: AsyncFn(&AbandonedExecution) -> Resolution + Send + Sync> Reconcile for F {
    fn ask<'a>(&'a self, abandoned: &'a AbandonedExecution) -> LocalBoxFuture<'a, Resolution> {
        self(abandoned).boxed_local()
    }
}
