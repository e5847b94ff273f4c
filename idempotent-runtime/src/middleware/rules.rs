//! Rules of a middleware: its policy, and the requests that it covers.

use std::{collections::BTreeSet, sync::Arc};

use actix_web::{HttpRequest, http::Method};

#[cfg(feature = "openapi")]
use super::pattern::bare;
use super::pattern::nameless;
use crate::policy::Policy;

/// Middleware that makes every POST and PATCH below it safe to retry, by the same rules as the
/// attribute [`#[idempotent]`](crate::idempotent).
///
/// ```
/// use actix_web::{App, HttpResponse, web};
/// use idempotent_runtime::Idempotent;
///
/// # async fn create() -> HttpResponse { HttpResponse::Created().finish() }
/// # async fn hook() -> HttpResponse { HttpResponse::Ok().finish() }
/// # fn main() -> Result<(), idempotent_runtime::BuildError> {
/// let idempotent = Idempotent::builder().except("/v1/hooks/{id}").build()?;
/// let app = App::new().service(
///     web::scope("/v1")
///         .wrap(idempotent.clone())
///         .route("/orders", web::post().to(create))
///         .route("/hooks/{id}", web::post().to(hook)),
/// );
/// # let _ = app;
/// # Ok(()) }
/// ```
///
/// It is cheap to clone: make it once, before the factory of `HttpServer::new`, and clone it into
/// each worker. What its builder leaves out is the application's default, as with the attribute,
/// and store and settings are those of the [`Idempotency`](crate::Idempotency) that holds for the
/// scope.
///
/// # A middleware acts before it is known who answers
///
/// 1. Its claim stands, whoever answers. An annotated handler below it runs as if it had no
///    attribute; the log tells of it once, with the pattern to
///    [`except`](crate::IdempotentBuilder::except). One with `transaction`, with `principal`, with
///    `headers` that the middleware does not compare, or under a handle that tells keys apart
///    otherwise, is a 500 that says so.
/// 2. Nobody can tell whose a 400 is: the handler's, or that of an extractor before it. So 400,
///    404, 405, 413 and 415 are never stored.
/// 3. A key counts for method and pattern, as with the attribute. The pattern is found by the
///    path, before any guard: handlers that guards tell apart share it. Name what the guards look
///    at with [`headers`](crate::IdempotentBuilder::headers).
/// 4. The whole body has arrived before anything below runs, up to `max_request_body`. Except what
///    takes longer ones.
///
/// The [guide](crate::guide::scopes) has more: the order of middlewares, streams, and errors.
#[derive(Clone, Debug)]
pub struct Idempotent(pub(super) Arc<Rules>);

/// Rules of one middleware.
#[derive(Debug)]
pub(super) struct Rules {
    pub(super) policy: Arc<Policy>,
    /// Patterns of routes that are left alone, without the names of their parameters.
    pub(super) excepted: BTreeSet<String>,
}

/// Methods that are covered.
const METHODS: [Method; 2] = [Method::POST, Method::PATCH];

impl Idempotent {
    /// Policy of all that is covered.
    #[cfg(feature = "openapi")]
    pub(crate) fn policy(&self) -> &Policy {
        &self.0.policy
    }

    /// True where an operation of this method and path is covered, if it is below. Documents know
    /// no expressions of parameters.
    #[cfg(feature = "openapi")]
    pub(crate) fn covers(&self, method: &str, pattern: &str) -> bool {
        let is_excepted = self.0.excepted.iter().any(|excepted| bare(excepted) == bare(pattern));
        METHODS.iter().any(|covered| covered == method) && !is_excepted
    }
}

impl Rules {
    /// True where a request for the route with this pattern is covered.
    pub(super) fn cover(&self, request: &HttpRequest, pattern: Option<&str>) -> bool {
        METHODS.contains(request.method())
            && !pattern.is_some_and(|pattern| self.excepts(pattern))
            && !self.excepts_path(request.match_info().as_str())
    }

    fn excepts(&self, pattern: &str) -> bool {
        !self.excepted.is_empty() && self.excepted.contains(&nameless(pattern))
    }

    /// True where a pattern without parameters is excepted, and this is its path. The pattern that
    /// was found may be that of a route for another method.
    fn excepts_path(&self, path: &str) -> bool {
        self.excepted.contains(path)
    }
}
