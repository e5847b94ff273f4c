//! Execution that died, as far as it is known.

use std::{borrow::Cow, fmt, time::Duration};

use actix_web::{HttpRequest, http::Method};
use bytes::Bytes;

use crate::request::{self, Address, Key};

/// An execution that died without an outcome, as far as it is known.
///
/// A retry has found it, or a walk over the stuck entries
/// ([`reconcile_stuck`](crate::Idempotency::reconcile_stuck)), or another call of
/// [`once`](crate::Idempotency::once). In each case its endpoint, the number of attempts and its
/// derived keys are known. Only a retry brings the [`request`](Self::request).
pub struct AbandonedExecution {
    pub(crate) address: Address,
    pub(crate) endpoint: Cow<'static, str>,
    pub(crate) attempt: u32,
    pub(crate) age: Option<Duration>,
    pub(crate) request: Option<AbandonedRequest>,
}

impl AbandonedExecution {
    /// Endpoint of the request: method and route pattern, such as `POST /orders/{id}`, or the name
    /// of the operation of [`once`](crate::Idempotency::once). See [`Entry::endpoint`].
    ///
    /// [`Entry::endpoint`]: crate::Entry::endpoint
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// Number of attempts that have been made. The last of them is this one; those before it were
    /// found abandoned too.
    ///
    /// A takeover that came to no end counts, even if its handler did not begin: the process died,
    /// or this was asked and brought no answer.
    pub fn attempt(&self) -> u32 {
        self.attempt
    }

    /// Time since the lease of the execution has run out, where a walk has found it.
    pub fn age(&self) -> Option<Duration> {
        self.age
    }

    /// Key that [`IdempotencyContext::derive_key`](crate::IdempotencyContext::derive_key) or
    /// [`OnceContext::derive_key`](crate::OnceContext::derive_key) has given the handler or the
    /// step for `name`.
    pub fn derive_key(&self, name: &str) -> String {
        request::derived_key(self.address, name)
    }

    /// The retry that has found it. `None` where no request has come: the walk over the stuck
    /// entries knows none, and an operation has none.
    pub fn request(&self) -> Option<&AbandonedRequest> {
        self.request.as_ref()
    }
}

/// The retry that has found an execution dead.
///
/// It is the same request as far as the endpoint's scope and fingerprint can tell. It has the same
/// key, by the same caller, with the same body unless a fingerprint function says otherwise.
pub struct AbandonedRequest {
    pub(crate) handler: &'static str,
    pub(crate) key: Option<Key>,
    pub(crate) request: HttpRequest,
    pub(crate) body: Bytes,
}

impl AbandonedRequest {
    /// The handler, by its module path and name.
    pub fn handler(&self) -> &'static str {
        self.handler
    }

    /// The client's key, decoded. Not for logs, nor for other services.
    pub fn key(&self) -> &str {
        self.key.as_ref().map_or("", Key::as_str)
    }

    /// The request's method.
    pub fn method(&self) -> &Method {
        self.request.method()
    }

    /// The request's path.
    pub fn path(&self) -> &str {
        self.request.path()
    }

    /// The request's body.
    pub fn body(&self) -> &Bytes {
        &self.body
    }

    /// The retry as actix has it, with its headers and the application's data. Its payload has been
    /// read: see [`body`](Self::body).
    pub fn http(&self) -> &HttpRequest {
        &self.request
    }
}

/// Shows neither key nor body.
impl fmt::Debug for AbandonedExecution {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AbandonedExecution")
            .field("endpoint", &self.endpoint)
            .field("attempt", &self.attempt)
            .field("age", &self.age)
            .field("address", &self.address)
            .field("request", &self.request)
            .finish()
    }
}

/// Shows the handler alone.
impl fmt::Debug for AbandonedRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AbandonedRequest").field("handler", &self.handler).finish_non_exhaustive()
    }
}
