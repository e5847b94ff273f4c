//! Endpoint and caller of a claim.

use crate::request::{CallerId, Endpoint};

/// Endpoint that was asked, and the caller who asked.
///
/// The answer to a claim does not depend on it. A store keeps the [label](Self::label) with the
/// entry, in clear, for operators to read: nothing else of a request is. The claim that was won
/// last counts; one that has no label leaves that of the claim before. The caller is told to the
/// memory store alone, which bounds what one caller may hold.
///
/// The claim of a step has the endpoint and the caller of its execution.
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

    /// The same origin, of a claim for a transaction if `is_in_transaction`.
    pub(crate) fn in_transaction(self, is_in_transaction: bool) -> Self {
        let endpoint = if is_in_transaction { self.endpoint.in_transaction() } else { self.endpoint };
        Origin { endpoint, ..self }
    }

    /// The endpoint's method and route pattern, such as `POST /orders/{id}`, or the name of the
    /// operation of [`once`](crate::Idempotency::once). Empty where it is not known.
    ///
    /// It has one line. What is longer than 200 bytes or so is cut off. A process tells 4,096
    /// operations apart. All others are `*`.
    pub fn endpoint(&self) -> &'static str {
        self.endpoint.as_str()
    }

    /// Text that a store keeps with the entry and gives back as
    /// [`Inspection::label`](super::Inspection::label): the endpoint, and before it the
    /// application's namespace, if that is not empty. Control characters at its head tell what kind
    /// of work the claim is for. It has 255 bytes at most, in UTF-8.
    pub fn label(&self) -> &'static str {
        self.endpoint.label()
    }

    /// The endpoint that was asked.
    pub(crate) fn named_endpoint(&self) -> Endpoint {
        self.endpoint
    }

    /// The same caller at the endpoint of `other`, if that has one.
    pub(crate) fn at(self, other: Origin) -> Self {
        let endpoint = if other.label().is_empty() { self.endpoint } else { other.endpoint };
        Origin { endpoint, ..self }
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
