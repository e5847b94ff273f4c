//! Mark of a request that a middleware has claimed: an attribute below it does nothing.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, PoisonError},
};

use actix_web::{HttpMessage, HttpRequest, HttpResponse, http::StatusCode};

use crate::{
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
}

/// Handlers and middlewares that have been told of.
static TOLD: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());

/// Tells, once, that what `name` asks for does nothing on the route of this pattern.
pub(crate) fn tell_of(name: &str, pattern: Option<&str>) {
    let pattern = pattern.unwrap_or_default();
    let told = format!("{name} {pattern}");
    if TOLD.lock().unwrap_or_else(PoisonError::into_inner).insert(told) {
        tracing::warn!(
            handler = name,
            pattern,
            "below the middleware `Idempotent`, whose claim stands, this does nothing: to leave the request to it, except the pattern, \
             as in `Idempotent::builder().except({pattern:?})`"
        );
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

    /// Refusal to run what has this policy, called `name`, as if it had none: some arguments cannot
    /// be left out. Anything else runs, and is told of.
    pub(crate) fn refusal(&self, name: &str, policy: &Policy) -> Option<HttpResponse> {
        let pattern = self.pattern.as_deref();
        let Some(argument) = self.missed(policy) else {
            tell_of(name, pattern);
            return None;
        };
        let pattern = pattern.unwrap_or_default();
        tracing::error!(
            handler = name,
            pattern,
            "a handler with `{argument}` is below the middleware `Idempotent`, which has claimed the request without it: except its \
             pattern, as in `Idempotent::builder().except({pattern:?})`"
        );
        let text = format!(
            "this endpoint's `{argument}` is below the middleware `Idempotent`, which has claimed the request before"
        );
        Some(OwnAnswer::Failed.respond(StatusCode::INTERNAL_SERVER_ERROR, &text))
    }

    /// Argument of `policy` that the middleware's claim cannot do without: rows would not commit
    /// with the record, or somebody would be given another's response.
    fn missed(&self, policy: &Policy) -> Option<&'static str> {
        let compares = |name| self.policy.headers.contains(name);
        match policy {
            Policy { transaction: true, .. } => Some("transaction"),
            Policy { principal: PrincipalSource::Function(_) | PrincipalSource::Middleware(_), .. } => {
                Some("principal")
            }
            Policy { headers, .. } if !headers.iter().all(compares) => Some("headers"),
            _ => None,
        }
    }
}
