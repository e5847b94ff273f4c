//! Mark of a request that a middleware has claimed: an attribute below it does nothing.

use std::sync::Arc;

use actix_web::{HttpMessage, HttpRequest, HttpResponse, http::StatusCode};

use super::warned::Warned;
use crate::{
    engine::Idempotency,
    policy::{Policy, PrincipalSource},
    response::OwnAnswer,
};

/// Mark of a request that a middleware has claimed.
#[derive(Clone)]
pub(crate) struct Covered {
    /// Pattern by which the middleware knows the route.
    pub(crate) pattern: Option<Arc<str>>,
    /// Policy under which the middleware has claimed the request.
    pub(crate) policy: Arc<Policy>,
    /// Handle with which the middleware has claimed the request.
    pub(crate) app: Idempotency,
}

/// Handlers and middlewares of which it was told that they do nothing, and that they are refused.
static IDLE: Warned = Warned::nothing();
static REFUSED: Warned = Warned::nothing();

/// Tells, once, that what `name` asks for does nothing on the route of this pattern.
pub(crate) fn tell_of(name: &str, pattern: Option<&str>) {
    let pattern = pattern.unwrap_or_default();
    if IDLE.is_first(name, pattern) {
        tracing::warn!(
            handler = name,
            pattern,
            "below the middleware `Idempotent`, whose claim stands, this does nothing: to leave the request to it, except the pattern, \
             as in `Idempotent::builder().except({pattern:?})`"
        );
    }
}

/// Tells, once, of what a middleware's claim cannot do without.
pub(crate) fn tell_of_refusal(name: &str, pattern: Option<&str>, argument: &str) {
    let pattern = pattern.unwrap_or_default();
    if REFUSED.is_first(name, pattern) {
        tracing::error!(
            handler = name,
            pattern,
            "every request is a 500: the middleware `Idempotent` above claims it, and does not know the `{argument}` that holds here. Except the \
             pattern, as in `Idempotent::builder().except({pattern:?})`"
        );
    }
}

/// Argument of the policy `own` that a claim under the policy `covering` cannot do without: rows
/// would not commit with the record, or somebody would be given another's response.
pub(crate) fn missed(own: &Policy, covering: &Policy) -> Option<&'static str> {
    let compares = |name| covering.headers.contains(name);
    match own {
        Policy { transaction: true, .. } => Some("transaction"),
        Policy { principal: PrincipalSource::Function(_) | PrincipalSource::Middleware(_), .. } => {
            Some("principal")
        }
        Policy { headers, .. } if !headers.iter().all(compares) => Some("headers"),
        _ => None,
    }
}

impl Covered {
    /// Marks `request`.
    pub(crate) fn mark(self, request: &HttpRequest) {
        request.extensions_mut().insert(self);
    }

    /// The mark of `request`, if a middleware has claimed it.
    pub(crate) fn of(request: &HttpRequest) -> Option<Self> {
        request.extensions().get().cloned()
    }

    /// Refusal to run what has this policy, called `name`, as if it had none: some arguments, and
    /// some settings of the handle that `request` finds there, cannot be left out. Anything else
    /// runs, and is told of.
    pub(crate) fn refusal(&self, name: &str, policy: &Policy, request: &HttpRequest) -> Option<HttpResponse> {
        let pattern = self.pattern.as_deref();
        let of_handle = || self.app.0.difference_of_keys(&Idempotency::of(request).0);
        let Some(argument) = missed(policy, &self.policy).or_else(of_handle) else {
            tell_of(name, pattern);
            return None;
        };
        tell_of_refusal(name, pattern, argument);
        let text = format!(
            "the middleware `Idempotent` above this endpoint has claimed the request, and does not know the endpoint's `{argument}`"
        );
        Some(OwnAnswer::Failed.respond(StatusCode::INTERNAL_SERVER_ERROR, &text))
    }
}
