//! Executions that died are found without their clients: one node at a time walks the stuck
//! entries, and asks the application about each.
//!
//! ```text
//!   reconcile_stuck ─ walker ─ turn ─┬─ somebody else's, or taken lately ─▶ later
//!                                    └─ ours ─▶ walk ─ entry by entry ─▶ take over ─ ask ─▶ end
//! ```

mod ask;
mod dead;
mod error;
mod policy;
mod turn;
mod walk;
mod walker;

pub(crate) use self::ask::{Dead, Verdict, ask};
pub use self::error::ReconcileStuckError;

use std::time::Duration;

use tokio::runtime::Handle;

use crate::engine::{Idempotency, OwnedTask};

impl Idempotency {
    /// Walks the stuck entries, now and then again each time that the interval is over, and asks
    /// [`reconcile`](crate::IdempotencyBuilder::reconcile) about each execution that died: nobody
    /// has to retry.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use idempotent_runtime::{AbandonedExecution, Idempotency, Resolution};
    ///
    /// # async fn find_order(id: &str) -> Result<Option<String>, ()> { let _ = id; Ok(None) }
    /// async fn reconcile(abandoned: &AbandonedExecution) -> Resolution {
    ///     match abandoned.endpoint() {
    ///         "POST /orders" => match find_order(&abandoned.derive_key("order")).await {
    ///             Ok(Some(order)) => {
    ///                 Resolution::Complete(actix_web::HttpResponse::Created().body(order))
    ///             }
    ///             // It is a row of the dead one's own transaction, so it cannot come any more.
    ///             Ok(None) => Resolution::Rerun,
    ///             Err(_) => Resolution::Later,
    ///         },
    ///         // An endpoint of a newer release, perhaps, whose nodes know what to say.
    ///         _ => Resolution::Later,
    ///     }
    /// }
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let idempotency = Idempotency::builder().reconcile(reconcile).build()?;
    /// idempotency.reconcile_stuck(Duration::from_secs(60))?;
    /// # Ok(()) }
    /// ```
    ///
    /// # What to know
    ///
    /// - Of an execution its [endpoint](crate::AbandonedExecution::endpoint), the number of
    ///   attempts, its [age](crate::AbandonedExecution::age) and its derived keys are known, and
    ///   the [request](crate::AbandonedExecution::request) is not. Keep with the effect what the
    ///   answer to it needs.
    /// - [`Complete`](crate::Resolution::Complete) records the response for whoever asks later, and
    ///   [`Value`](crate::Resolution::Value) the value of an operation of [`once`](Self::once), for
    ///   as long as the key would have been remembered. [`Refuse`](crate::Resolution::Refuse)
    ///   leaves the key to people: it is `outcome_unknown`, stays in the list of
    ///   [stuck](Self::stuck) keys, and nobody is asked about it again.
    ///   [`Rerun`](crate::Resolution::Rerun) frees the key: it runs nothing, since there is no
    ///   request to run. So no effect may come after it: a call of another service may still be
    ///   under way when its caller has died.
    /// - Of all nodes that share store and namespace one walks at a time, and a walk is due when
    ///   the interval has passed since the last one ended, whichever node that was on. A node that
    ///   dies in the midst of a walk is followed by another one after a lease.
    /// - Each execution is taken over before the application is asked, so it is asked once,
    ///   whatever other nodes and retries do. Retries that come meanwhile wait, and get what is
    ///   recorded. After [`Later`](crate::Resolution::Later), and if the function panics, takes
    ///   longer than 30 seconds or its node dies, the next walk asks again, one attempt later.
    /// - Keys that were seen dead while nobody was to be asked, and are `outcome_unknown` since,
    ///   are asked about too. A key whose record says that nothing is known is not: somebody has
    ///   refused it.
    /// - Executions under `transaction` and `run_in` left nothing, so nobody is asked about them:
    ///   their keys are free when their leases are over.
    /// - A `Value` for a request and a `Complete` for an operation decide nothing: this is logged,
    ///   and the next walk asks again.
    /// - Of an endpoint that the function does not know say `Later`: it may be one of a newer
    ///   release, which runs beside this one while it is deployed. `Refuse` would settle the key.
    /// - Nobody is asked about the operations that a process does not tell apart, whose endpoint is
    ///   `*`.
    /// - Applications that share a store need
    ///   [namespaces](crate::IdempotencyBuilder::namespace), or one is asked about what is
    ///   another's.
    /// - Entries of other namespaces are left alone, and so are those of a store of the
    ///   application's own that keeps no [label](crate::store::Origin::label).
    /// - Few executions are asked about at a time, with pauses in between, so that claims find the
    ///   store as if nobody walked. Nothing is walked while the process drains. It ends with the
    ///   last clone of this handle.
    ///
    /// # Errors
    /// An interval of zero, no `reconcile` to ask, no tokio runtime to run on, and a second call.
    pub fn reconcile_stuck(&self, every: Duration) -> Result<(), ReconcileStuckError> {
        if every.is_zero() {
            return Err(ReconcileStuckError::Zero);
        }
        if self.0.settings.reconcile.is_none() {
            return Err(ReconcileStuckError::Nobody);
        }
        let runtime = Handle::try_current().map_err(|_| ReconcileStuckError::NoRuntime)?;
        let walker = walker::run(std::sync::Arc::downgrade(&self.0), self.0.executions.clone(), every);
        let is_first = self.0.recovery.start(|| OwnedTask::new(runtime.spawn(walker)));
        is_first.then_some(()).ok_or(ReconcileStuckError::Running)
    }
}
