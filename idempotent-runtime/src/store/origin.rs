//! Where a claim comes from.

use crate::request::{CallerId, Endpoint};

/// Where a claim comes from: which endpoint was asked, and by whom.
///
/// Decides nothing of what a claim is answered, and needs not be kept. A store may write the
/// endpoint's name down with the entry, for operators to read. Who asks is told to the memory store
/// alone, which bounds what one caller may hold.
///
/// The default is what is not said: a claim of no endpoint, by nobody in particular, which counts
/// for no caller's share.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Origin {
    endpoint: Endpoint,
    caller: Option<CallerId>,
}

impl Origin {
    /// This caller has asked that endpoint.
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

    /// Who asked, if that was said.
    pub(crate) fn caller(&self) -> Option<CallerId> {
        self.caller
    }

    /// Who asked, or else nobody in particular.
    pub(crate) fn caller_or_nobody(&self) -> CallerId {
        self.caller.unwrap_or(CallerId::NOBODY)
    }
}
