//! Endpoint and caller of a claim.

use crate::request::{CallerId, Endpoint};

/// Endpoint that was asked, and the caller who asked.
///
/// The answer to a claim does not depend on it, and it need not be kept. A store may write the
/// endpoint's name down with the entry, for operators to read. The caller is told to the memory
/// store alone, which bounds what one caller may hold.
///
/// The default says nothing: no endpoint, and nobody in particular as the caller. Such a claim
/// counts for no caller's share.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Origin {
    endpoint: Endpoint,
    caller: Option<CallerId>,
}

impl Origin {
    /// The origin of a claim by `caller` at `endpoint`.
    pub(crate) fn new(endpoint: Endpoint, caller: CallerId) -> Self {
        Origin { endpoint, caller: Some(caller) }
    }

    /// The endpoint's method and route pattern, such as `POST /orders/{id}`; empty where it is not
    /// known.
    pub fn endpoint(&self) -> &'static str {
        self.endpoint.as_str()
    }

    /// The endpoint that was asked.
    pub(crate) fn named_endpoint(&self) -> Endpoint {
        self.endpoint
    }

    /// The caller, if the caller was said.
    pub(crate) fn caller(&self) -> Option<CallerId> {
        self.caller
    }

    /// The caller, or else nobody in particular.
    pub(crate) fn caller_or_nobody(&self) -> CallerId {
        self.caller.unwrap_or(CallerId::NOBODY)
    }
}
