//! Settings that a handle may have beside those of another handle on the same store.

use std::{sync::Arc, time::Duration};

use actix_web::http::StatusCode;

use super::builder::IdempotencyBuilder;
use crate::{
    engine::OnStoreError,
    observe::{Listener, ListenerHandle},
    reconcile::{AbandonedExecution, Resolution},
    request::KeyFormat,
    response::ProblemFormat,
};

impl<Base> IdempotencyBuilder<Base> {
    /// Sets the function that is asked about every execution that died without an outcome, when a
    /// retry finds it, or a [walk](crate::Idempotency::reconcile_stuck) over what is stuck: did it
    /// have its effect, and what is its response? Default: nobody is asked, and the endpoint's
    /// `abandoned` decides.
    ///
    /// ```
    /// use actix_web::HttpResponse;
    /// use idempotent_runtime::{AbandonedExecution, Idempotency, Resolution};
    ///
    /// # struct Charge { id: String }
    /// # async fn find_charge(key: &str) -> Result<Option<Charge>, ()> { let _ = key; Ok(None) }
    /// async fn reconcile(abandoned: &AbandonedExecution) -> Resolution {
    ///     match find_charge(&abandoned.derive_key("charge")).await {
    ///         Ok(Some(charge)) => Resolution::Complete(HttpResponse::Created().body(charge.id)),
    ///         Ok(None) => Resolution::Rerun,
    ///         Err(_) => Resolution::Later,
    ///     }
    /// }
    ///
    /// # fn main() -> Result<(), idempotent_runtime::BuildError> {
    /// let idempotency = Idempotency::builder().reconcile(reconcile).build()?;
    /// # Ok(()) }
    /// ```
    ///
    /// `Ok(None)` has to mean that there is no charge and none will come, or that the handler,
    /// which is run again, makes it by the same derived key.
    ///
    /// The function is asked once per takeover of a claim, in the execution of the request that
    /// found it, for each value of `abandoned`. Meanwhile the claim is kept and duplicates wait. A
    /// request that is to be run again is run only if the claim still stands then. If the function
    /// panics, or takes longer than 30 seconds, nothing is decided: the request is
    /// `outcome_unknown`, and the next takeover, after the lease, asks again.
    ///
    /// It is asked about calls of [`once`](crate::Idempotency::once) too, whose value a
    /// [`Resolution::Value`] is.
    ///
    /// Retries do not ask under `transaction`, where an execution that died has left nothing, nor
    /// about executions that were seen abandoned before it was set. All processes on one store
    /// should have it: one without it ends such a key for good, unless an operator
    /// [resolves](crate::Idempotency::resolve) it. An execution that only seemed to have died may
    /// still be at work when this is asked. It cannot record anything, and begins no checkpoint.
    pub fn reconcile(
        mut self,
        reconcile: impl AsyncFn(&AbandonedExecution) -> Resolution + Send + Sync + 'static,
    ) -> Self {
        self.settings.reconcile = Some(Arc::new(reconcile));
        self
    }

    /// Sets the listener, which hears how each request ended. Default: none, and then nothing is
    /// measured.
    ///
    /// ```
    /// use idempotent_runtime::{Event, Idempotency, Outcome};
    ///
    /// # fn main() -> Result<(), idempotent_runtime::BuildError> {
    /// let idempotency = Idempotency::builder()
    ///     .listener(|event: &Event<'_>| {
    ///         if event.outcome == Outcome::KeyReused {
    ///             eprintln!("{} got a key that was used with another request", event.handler);
    ///         }
    ///     })
    ///     .build()?;
    /// # Ok(()) }
    /// ```
    ///
    /// It is told exactly once of every request that reaches an annotated handler, or a middleware
    /// that covers it, but for those with a safe method; and of every call of
    /// [`once`](crate::Idempotency::once). A listener that panics hurts no request. See
    /// [`Listener`].
    pub fn listener(mut self, listener: impl Listener) -> Self {
        self.settings.listener = Some(Arc::new(ListenerHandle::new(listener)));
        self
    }

    /// Sets the header that carries the key. Default: `Idempotency-Key`.
    pub fn header_name(mut self, name: impl Into<String>) -> Self {
        self.header_name = Some(name.into());
        self
    }

    /// Sets the form that keys must have. Default: any.
    pub fn key_format(mut self, format: KeyFormat) -> Self {
        self.settings.key_format = format;
        self
    }

    /// Sets the longest time for which a client may send nothing of a body that it has announced.
    /// Over this time it also has to bring 512 bytes per second. Default: 30 s. A slower client is
    /// refused with 408 `body_timeout`; a steady one may take as long as it needs.
    pub fn body_timeout(mut self, timeout: Duration) -> Self {
        self.settings.body_timeout = timeout;
        self
    }

    /// Sets the longest request body, in bytes. Default: 1 MiB.
    pub fn max_request_body(mut self, bytes: usize) -> Self {
        self.settings.max_request_body = bytes;
        self
    }

    /// Sets the longest response body that is stored, in bytes. Default: 1 MiB.
    pub fn max_response_body(mut self, bytes: usize) -> Self {
        self.settings.max_response_body = bytes;
        self
    }

    /// Sets the status of `key_reused`: 409 (the default) or 422 (the IETF draft's).
    pub fn reused_status(mut self, status: StatusCode) -> Self {
        self.refusals.reused_status = status;
        self
    }

    /// Sets the answer to a request for which the store fails at its claim. Default: refuse.
    pub fn on_store_error(mut self, on_store_error: OnStoreError) -> Self {
        self.settings.on_store_error = on_store_error;
        self
    }

    /// Sets for how long after its ttl a key is remembered and refused with `key_expired`. Default:
    /// zero, so that a retry after the ttl is a new execution.
    pub fn remember_expired_keys(mut self, duration: Duration) -> Self {
        self.settings.remember_expired = duration;
        self
    }

    /// Sets whether `Set-Cookie` is stored and replayed. Default: no.
    pub fn replay_set_cookie(mut self, replay: bool) -> Self {
        self.settings.replay_set_cookie = replay;
        self
    }

    /// Sets the URL under which the application documents refusals. A problem's `type` is this URL,
    /// a slash and the code. Default: the section of the IETF draft.
    pub fn problem_type_base(mut self, url: impl Into<String>) -> Self {
        self.refusals.type_base = Some(url.into());
        self
    }

    /// Sets the form of refusals. Default: [`ProblemFormat::Problem`].
    pub fn problem_format(mut self, format: ProblemFormat) -> Self {
        self.refusals.format = format;
        self
    }

    /// Sets whether refusals that are not retryable say `x-should-retry: false`. Default: no.
    ///
    /// SDKs that Stainless generates try again after every 409 that does not say so. A
    /// `problem_format` of the application's own that sets this header keeps its value.
    pub fn should_retry_header(mut self, says_so: bool) -> Self {
        self.refusals.should_retry_header = says_so;
        self
    }
}
