//! What is told of a request.

use std::{fmt, time::Duration};

use actix_web::http::Method;

use super::Outcome;
use crate::{request::Address, response::Code};

/// How one request to an annotated handler ended. It holds no key, no principal and no body.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Event<'a> {
    /// Module path and name of the handler.
    pub handler: &'static str,
    /// The request's method.
    pub method: &'a Method,
    /// The pattern of its route, such as `/orders/{id}`. `None` where no route matched, and the
    /// handler is the default service.
    pub route: Option<&'a str>,
    /// How it ended.
    pub outcome: Outcome,
    /// Why it was refused, if it was.
    pub code: Option<Code>,
    /// Which attempt at its key it was, counted from 1. `None` where nothing was claimed for it.
    pub attempt: Option<u32>,
    /// What tells its key from others. `None` where there is no key, or its address was not found
    /// out.
    pub key: Option<KeyHash>,
    /// How long it took, from when the attribute saw it until now, right before its response is
    /// sent. It includes the rest.
    pub took: Duration,
    /// How long it waited for another execution with its key.
    pub waited: Duration,
    /// How long the store took to answer its claims. Zero where it was not asked.
    pub claim: Duration,
    /// How long the store took to record its response. Zero where it was not asked.
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
