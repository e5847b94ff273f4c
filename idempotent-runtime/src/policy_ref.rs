//! Policy of an execution: of a handler, of a middleware, or of one call of
//! [`once`](crate::Idempotency::once).

use std::{ops::Deref, sync::Arc};

use crate::policy::Policy;

/// Policy that an execution runs under. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) enum PolicyRef {
    /// Arguments of an attribute.
    Handler(&'static Policy),
    /// Arguments of a middleware, and the endpoint that was asked: its method and pattern.
    Middleware(Arc<Policy>, &'static str),
    /// Made for one call of an operation.
    Operation(Arc<Operation>),
}

/// An operation, and the policy of one call.
#[derive(Debug)]
pub(crate) struct Operation {
    pub(crate) name: String,
    pub(crate) policy: Policy,
}

impl PolicyRef {
    /// Name for logs: the handler's, the endpoint's below a middleware, or the operation's.
    pub(crate) fn name(&self) -> &str {
        match self {
            PolicyRef::Handler(policy) => policy.handler,
            PolicyRef::Middleware(_, endpoint) => endpoint,
            PolicyRef::Operation(operation) => &operation.name,
        }
    }

    /// Name of the operation, if it is one.
    pub(crate) fn operation(&self) -> Option<&str> {
        match self {
            PolicyRef::Handler(_) | PolicyRef::Middleware(..) => None,
            PolicyRef::Operation(operation) => Some(&operation.name),
        }
    }
}

impl Deref for PolicyRef {
    type Target = Policy;

    fn deref(&self) -> &Policy {
        match self {
            PolicyRef::Handler(policy) => policy,
            PolicyRef::Middleware(policy, _) => policy,
            PolicyRef::Operation(operation) => &operation.policy,
        }
    }
}
