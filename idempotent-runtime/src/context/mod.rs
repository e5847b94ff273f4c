//! Knowledge that a handler may have of its own execution.

mod checkpoint;
mod error;
mod once;
mod state;
mod step_claim;
mod steps;
mod value;

use std::{
    fmt,
    future::{Ready, ready},
    sync::Arc,
};

use actix_web::{FromRequest, HttpRequest, HttpResponse, ResponseError, dev::Payload, http::StatusCode};
use serde::{Serialize, de::DeserializeOwned};

use self::state::State;
pub use self::{
    error::{CheckpointError, CheckpointFailure},
    once::OnceContext,
};
use crate::response::OwnAnswer;

/// Execution that the handler runs in: an extractor for any annotated handler.
///
/// ```
/// use actix_web::{HttpResponse, Responder, post};
/// use idempotent_runtime::{IdempotencyContext, idempotent};
///
/// #[post("/orders")]
/// #[idempotent]
/// async fn create_order(context: IdempotencyContext) -> impl Responder {
///     // Sent to the payment service as its own idempotency key: however often this handler runs,
///     // it charges once.
///     let key = context.derive_key("charge");
///     HttpResponse::Created().body(key)
/// }
/// # let _ = actix_web::App::new().service(create_order);
/// ```
///
/// # Errors
/// Without a key that protects the request, extracting it is a 500 that says so, and
/// `Option<IdempotencyContext>` is `None`. There is no such key where none was sent and
/// `required = false`, where the method is a safe one, where the store failed and `on_store_error`
/// says to execute, and where the handler is not annotated.
#[derive(Clone)]
pub struct IdempotencyContext(Arc<State>);

impl IdempotencyContext {
    /// The client's key, decoded. Not for logs, nor for other services: see
    /// [`derive_key`](Self::derive_key).
    pub fn key(&self) -> &str {
        self.0.attempt.key()
    }

    /// Number of this execution of the key: 1, or one more for every earlier execution that was
    /// abandoned and taken over.
    pub fn attempt(&self) -> u32 {
        self.0.attempt.number
    }

    /// Derives a key for a call to another service. It is the same on every attempt, and a
    /// different one for each `name`, key, principal, scope and namespace.
    ///
    /// It has 36 characters in the form of a UUID (version 8, RFC 9562), which services that take
    /// an idempotency key accept. It is made by SHA-256 from the address of the entry, so it tells
    /// nobody the client's key or the principal.
    pub fn derive_key(&self, name: &str) -> String {
        self.0.derive_key(name)
    }

    /// Runs `step` once per key, and returns its recorded result on every later attempt: a recovery
    /// point.
    ///
    /// A later attempt comes after one that died (under `abandoned = "rerun"`), or after one whose
    /// answer has freed the key (under `replay = "final"` and `"success"`). It does not poll
    /// `step`, and gets the value that an earlier attempt made. Only `Ok` is recorded: after an
    /// `Err`, a panic, or a step that was dropped half-way, the next attempt runs it again.
    ///
    /// The value is recorded before this returns. Every attempt gets it as it was recorded, read
    /// back from JSON, the first attempt too.
    ///
    /// ```
    /// # use actix_web::{HttpResponse, Responder, ResponseError, post};
    /// # use serde::{Deserialize, Serialize};
    /// use idempotent_runtime::{CheckpointError, IdempotencyContext, idempotent};
    ///
    /// # #[derive(Deserialize, Serialize)] struct Charge { id: String }
    /// # #[derive(Debug)] struct Declined;
    /// # impl std::fmt::Display for Declined {
    /// #     fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
    /// #         f.write_str("declined")
    /// #     }
    /// # }
    /// # impl ResponseError for Declined {}
    /// # async fn charge(key: &str, cents: u64) -> Result<Charge, Declined> {
    /// #     Ok(Charge { id: key.into() })
    /// # }
    /// #[post("/orders")]
    /// #[idempotent(abandoned = "rerun", replay = "final")]
    /// async fn create_order(
    ///     context: IdempotencyContext,
    /// ) -> Result<impl Responder, CheckpointError<Declined>> {
    ///     let key = context.derive_key("charge");
    ///     let paid: Charge = context.checkpoint("charge", charge(&key, 4_200)).await?;
    ///     // Whoever dies from here on: the next attempt begins here, with the same charge.
    ///     Ok(HttpResponse::Created().body(paid.id))
    /// }
    /// # let _ = actix_web::App::new().service(create_order);
    /// ```
    ///
    /// # What to know
    ///
    /// - A step whose process dies while it runs is run again: nobody knows how far it came. A
    ///   [derived key](Self::derive_key) tells the service on the other side that it is the same
    ///   call.
    /// - A recorded step is kept for twice the key's `ttl` and a lease, counted from when it was
    ///   recorded. If the attempt that recorded it lived no longer than a ttl, every later attempt
    ///   finds it. A request that comes later than its ttl is a new execution, and still finds the
    ///   steps that are kept. A request with a different body finds none.
    /// - A memory store that makes room by forgetting (`WhenFull::EvictOldest`) forgets steps too.
    /// - Under `transaction` a step is recorded at once too, on a connection of the store's: it
    ///   stands for an effect outside the database, which no rollback takes back. With SQLite it is
    ///   an error while the handler has an `IdempotentTx`, since the file has one writer. Under
    ///   `SERIALIZABLE` and `REPEATABLE READ` let the steps come before the first statement: after
    ///   it they cost one more attempt, answered 503.
    /// - Concurrent steps are fine. A name stands for one step of an execution. To try a step
    ///   again, loop inside it.
    ///
    /// # Errors
    /// [`CheckpointError::Step`] is the step's own error. Any other is a [`CheckpointFailure`],
    /// which says whether the step has run.
    ///
    /// Both turn into an answer with `?`. The answer to the step's error is recorded like any other
    /// answer of a handler. The answer to a failure is never recorded, and the key is free again.
    pub async fn checkpoint<T, E>(
        &self,
        name: &str,
        step: impl Future<Output = Result<T, E>>,
    ) -> Result<T, CheckpointError<E>>
    where
        T: Serialize + DeserializeOwned,
    {
        self.0.checkpoint(name, step).await
    }
}

/// Error of extracting a context where no key protects the request.
#[derive(Debug, thiserror::Error)]
#[error(
    "no idempotency key protects this request, so it has no IdempotencyContext; extract Option<IdempotencyContext> instead"
)]
struct Unprotected;

impl ResponseError for Unprotected {
    fn status_code(&self) -> StatusCode {
        StatusCode::INTERNAL_SERVER_ERROR
    }

    fn error_response(&self) -> HttpResponse {
        OwnAnswer::Failed.respond(self.status_code(), self)
    }
}

impl FromRequest for IdempotencyContext {
    type Error = actix_web::Error;
    type Future = Ready<Result<Self, Self::Error>>;

    fn from_request(_: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(State::of_running().map(IdempotencyContext).ok_or_else(|| Unprotected.into()))
    }
}

impl fmt::Debug for IdempotencyContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt_as("IdempotencyContext", f)
    }
}
