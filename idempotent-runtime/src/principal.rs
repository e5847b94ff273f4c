//! Principal of a request: its caller.

use std::{fmt, sync::Arc};

use actix_web::{Error, HttpRequest};
use futures_util::future::LocalBoxFuture;

/// A caller, as bytes that are the same for every request of this caller: an account id, a tenant
/// and user.
///
/// Part of the address: two principals with the same key have two entries. The bytes are hashed,
/// never stored or logged.
#[derive(Clone, PartialEq, Eq)]
pub struct Principal(Option<Box<[u8]>>);

impl Principal {
    /// The caller that `bytes` identify.
    ///
    /// ```
    /// use idempotent_runtime::Principal;
    ///
    /// let alice = Principal::new("account:42");
    /// assert_ne!(alice, Principal::new(""));
    /// assert_ne!(Principal::new(""), Principal::anonymous());
    /// ```
    pub fn new(bytes: impl AsRef<[u8]>) -> Self {
        Principal(Some(bytes.as_ref().into()))
    }

    /// The caller of requests that name none: all anonymous callers share one key space.
    pub const fn anonymous() -> Self {
        Principal(None)
    }

    pub(crate) fn bytes(&self) -> Option<&[u8]> {
        self.0.as_deref()
    }
}

impl fmt::Debug for Principal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "Principal(…)" } else { "Principal(anonymous)" })
    }
}

/// Function with extractors of any types that tells who calls.
#[derive(Clone)]
pub struct ExtractingPrincipal(pub(crate) Arc<dyn Extracting>);

/// A function that tells who calls, without the types of its extractors.
pub(crate) trait Extracting: Send + Sync {
    fn principal<'a>(&'a self, request: &'a HttpRequest) -> PrincipalFuture<'a>;
}

impl ExtractingPrincipal {
    /// Caller of `request`.
    pub(crate) fn of<'a>(&'a self, request: &'a HttpRequest) -> PrincipalFuture<'a> {
        self.0.principal(request)
    }
}

impl fmt::Debug for ExtractingPrincipal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ExtractingPrincipal")
    }
}

/// Answer of a function that tells who calls.
pub(crate) type PrincipalFuture<'a> = LocalBoxFuture<'a, Result<Principal, Error>>;
