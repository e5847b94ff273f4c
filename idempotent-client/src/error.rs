use std::{error::Error as StdError, fmt};

use reqwest_middleware::Error;

use crate::{BoxError, Key};

/// A call that has ended without an answer. What it asked for may be done, and may not.
///
/// [`send`](reqwest_middleware::RequestBuilder::send) gives it as an [`Error::Middleware`]:
///
/// ```
/// use idempotent_client::{Key, Unanswered};
/// use reqwest_middleware::Error;
///
/// /// The key of a request that may have had its effect; `None` where nothing was sent.
/// fn key_of(error: &Error) -> Option<&Key> {
///     match error {
///         Error::Middleware(error) => error.downcast_ref::<Unanswered>().map(Unanswered::key),
///         Error::Reqwest(_) => None,
///     }
/// }
/// ```
#[derive(Debug)]
pub struct Unanswered {
    pub(crate) key: Key,
    pub(crate) source: Error,
}

impl Unanswered {
    /// Key that each of the request's tries was sent with.
    pub fn key(&self) -> &Key {
        &self.key
    }

    /// Outcome of the last try; also this error's source.
    pub fn last(&self) -> &Error {
        &self.source
    }
}

impl fmt::Display for Unanswered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no answer to the request with idempotency key {}", self.key)
    }
}

impl StdError for Unanswered {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        Some(&self.source)
    }
}

/// A request has no key that it could be sent with, so it was not.
#[derive(Debug)]
pub(crate) struct NotSent {
    why: String,
    source: Option<BoxError>,
}

impl NotSent {
    pub(crate) fn new(why: String) -> Self {
        NotSent { why, source: None }
    }

    pub(crate) fn because(why: String, source: impl Into<BoxError>) -> Self {
        NotSent { why, source: Some(source.into()) }
    }
}

impl fmt::Display for NotSent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "nothing was sent: {}", self.why)
    }
}

impl StdError for NotSent {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}
