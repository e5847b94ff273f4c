//! Execution that died, as far as it is known.

use std::fmt;

use actix_web::{HttpRequest, http::Method};
use bytes::Bytes;

use crate::{attempt::Attempt, request};

/// An execution that died without an outcome, as far as it is known: through the retry that has
/// found it.
///
/// The retry is the same request as far as the endpoint's scope and fingerprint can tell. It has
/// the same key, by the same caller, with the same body unless a fingerprint function says
/// otherwise.
pub struct AbandonedExecution {
    pub(crate) attempt: Attempt,
    pub(crate) request: HttpRequest,
    pub(crate) body: Bytes,
}

impl AbandonedExecution {
    /// The handler, by its module path and name.
    pub fn handler(&self) -> &'static str {
        self.attempt.policy.handler
    }

    /// The client's key, decoded. Not for logs, nor for other services.
    pub fn key(&self) -> &str {
        self.attempt.key()
    }

    /// Number of attempts that have been made. The last of them is this one; those before it were
    /// found abandoned too.
    ///
    /// A takeover that came to no end counts, even if its handler did not begin: the process died,
    /// or this was asked and brought no answer.
    pub fn attempt(&self) -> u32 {
        self.attempt.number - 1
    }

    /// Key that [`IdempotencyContext::derive_key`](crate::IdempotencyContext::derive_key) has given
    /// the handler for `name`.
    pub fn derive_key(&self, name: &str) -> String {
        request::derived_key(self.attempt.hold.address, name)
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

    /// The retry, with its headers and the application's data. Its payload has been read: see
    /// [`body`](Self::body).
    pub fn request(&self) -> &HttpRequest {
        &self.request
    }
}

/// Without key and body.
impl fmt::Debug for AbandonedExecution {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AbandonedExecution")
            .field("handler", &self.handler())
            .field("attempt", &self.attempt())
            .field("address", &self.attempt.hold.address)
            .finish_non_exhaustive()
    }
}
