//! The policies of this process: one entry for each annotated handler of all its crates, collected before `main`.
//!
//! A handler is here whether or not it is registered with an application.

use actix_web::HttpRequest;

use crate::{
    policy::Policy,
    request::{Principal, PrincipalFuture},
};

/// One annotated handler.
#[derive(Debug)]
pub struct Entry {
    /// What its attribute asks for. A function, of a fingerprint or a principal, says only that there is one: it must not be called.
    pub policy: Policy,
    /// What utoipa says of it.
    #[cfg(feature = "openapi")]
    pub documentation: fn() -> Option<crate::openapi::Described>,
    /// What nobody asks for.
    #[cfg(not(feature = "openapi"))]
    pub documentation: (),
}

inventory::collect!(Entry);

/// All annotated handlers, by their module path and name.
pub(crate) fn entries() -> Vec<&'static Entry> {
    let mut entries: Vec<_> = inventory::iter::<Entry>().collect();
    entries.sort_by_key(|entry| entry.policy.handler);
    entries
}

/// Stands in entries for the fingerprint functions of handlers.
pub fn not_called(_: &HttpRequest, _: &[u8]) -> Vec<u8> {
    Vec::new()
}

/// Stands in entries for the functions of handlers that tell who calls.
pub fn not_asked(_: &HttpRequest) -> PrincipalFuture<'_> {
    Box::pin(async { Ok(Principal::anonymous()) })
}
