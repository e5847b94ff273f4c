//! Event that is told of a request.

use std::{fmt, time::Duration};

use actix_web::http::Method;

use super::Outcome;
use crate::{reason::RefusalCode, request::Address};

/// Subject of an event, as far as it is known before anything else.
#[derive(Debug)]
pub(crate) struct Subject {
    /// `None` where no request has come.
    pub(crate) method: Option<Method>,
    pub(crate) route: Option<String>,
}

/// End of one request to an annotated handler, or of one call of
/// [`once`](crate::Idempotency::once). It holds no key, no principal and no body.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Event<'a> {
    /// Module path and name of the handler. For a call of [`once`](crate::Idempotency::once) it is
    /// `once`.
    pub handler: &'static str,
    /// Name of the operation of [`once`](crate::Idempotency::once). `None` for a request.
    pub operation: Option<&'a str>,
    /// The request's method. `None` for an operation.
    pub method: Option<&'a Method>,
    /// Pattern of the request's route, such as `/orders/{id}`. `None` where no route matched, and
    /// the handler is the default service, and for an operation.
    pub route: Option<&'a str>,
    /// Outcome of the request.
    pub outcome: Outcome,
    /// Reason of the refusal, if the request was refused.
    pub code: Option<RefusalCode>,
    /// Number of the attempt at its key, counted from 1. `None` where nothing was claimed for the
    /// request.
    pub attempt: Option<u32>,
    /// Hash that tells its key from others. `None` where there is no key, or its address was not
    /// found out.
    pub key: Option<KeyHash>,
    /// Time from when the attribute saw the request until now, right before its response is sent.
    /// The times below are part of it.
    pub took: Duration,
    /// Time that the request waited for another execution with its key.
    pub waited: Duration,
    /// Time that the store took to answer the request's claims. Zero where it was not asked.
    pub claim: Duration,
    /// Time that the store took to record the response. Zero where it was not asked.
    pub completion: Duration,
}

/// Stands for a key in logs: eight hexadecimal digits of its entry's [`Address`], from which the
/// key cannot be computed.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct KeyHash([u8; 4]);

impl From<Address> for KeyHash {
    fn from(address: Address) -> Self {
        let [first, second, third, fourth, ..] = *address.as_bytes();
        KeyHash([first, second, third, fourth])
    }
}

impl fmt::Display for KeyHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x}", u32::from_be_bytes(self.0))
    }
}

impl fmt::Debug for KeyHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyHash({self})")
    }
}
