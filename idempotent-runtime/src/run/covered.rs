//! Mark of a request that a middleware has claimed: an attribute below it does nothing.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, PoisonError},
};

use actix_web::{HttpMessage, HttpRequest, HttpResponse, http::StatusCode};

use crate::{policy::Policy, response::OwnAnswer};

/// Mark of a request that a middleware has claimed. Holds the pattern by which the middleware knows
/// the route.
#[derive(Clone)]
pub(crate) struct Covered(pub(crate) Option<Arc<str>>);

/// Handlers and middlewares that have been told of.
static TOLD: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());

const WITHOUT_TRANSACTION: &str = "this endpoint's `transaction` is below the middleware `Idempotent`, which has claimed the request before";

impl Covered {
    /// Marks `request`.
    pub(crate) fn mark(self, request: &HttpRequest) {
        request.extensions_mut().insert(self);
    }

    /// The mark of `request`, if a middleware has claimed it.
    pub(crate) fn of(request: &HttpRequest) -> Option<Self> {
        request.extensions().get().cloned()
    }

    /// Tells, once, that what `name` asks for does nothing.
    pub(crate) fn tell(&self, name: &str) {
        let pattern = self.0.as_deref().unwrap_or_default();
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

    /// Refusal to run a handler with this policy as if it had none: its transaction cannot be left
    /// out. Any other runs, and is told of.
    pub(super) fn refusal(&self, policy: &Policy) -> Option<HttpResponse> {
        if !policy.transaction {
            self.tell(policy.handler);
            return None;
        }
        let pattern = self.0.as_deref().unwrap_or_default();
        tracing::error!(
            handler = policy.handler,
            pattern,
            "a handler with `transaction` is below the middleware `Idempotent`: except its pattern, as in \
             `Idempotent::builder().except({pattern:?})`"
        );
        Some(OwnAnswer::Failed.respond(StatusCode::INTERNAL_SERVER_ERROR, &WITHOUT_TRANSACTION))
    }
}
