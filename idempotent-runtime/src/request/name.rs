//! Name of an entry, as an operator knows it.

use std::fmt;

use actix_web::http::Method;

use super::{
    Address, NormalPath, Principal,
    address::{Extent, address},
    key::parse_key,
    key_format::KeyFormat,
};

/// Names the entry of a key by the parts of its address: the endpoint's scope, who called, and the
/// key.
///
/// The rest comes from the [`Idempotency`](crate::Idempotency): its namespace, and the form of its
/// keys. A key is written as a client writes it in the header, quoted or bare. The fingerprint is
/// not needed, since a key belongs to one request.
///
/// ```
/// use actix_web::http::Method;
/// use idempotent_runtime::{EntryName, Principal};
///
/// // #[post("/accounts/{id}/transfers")]
/// // #[idempotent(scope = "endpoint")]
/// // The application's principal is the account's owner.
/// let key = "8e03978e-40d5-43dd-bc93-6894a57f9324";
/// let transfer = EntryName::endpoint(Method::POST, "/accounts/{id}/transfers", key);
/// let transfer = transfer.principal(Principal::new("customer:42"));
/// # let _ = transfer;
/// ```
#[derive(Clone)]
pub struct EntryName {
    place: Named,
    principal: Principal,
    key: String,
}

#[derive(Clone, Debug)]
enum Named {
    Endpoint(Method, NormalPath<'static>),
    Resource(Method, NormalPath<'static>),
    Global,
    Group(String),
}

impl EntryName {
    /// Names an entry of `scope = "endpoint"`, the default. `pattern` is the route's, with the
    /// prefixes of the scopes that the route is in, as
    /// [`HttpRequest::match_pattern`](actix_web::HttpRequest::match_pattern) gives it. A handler
    /// that has none, a default service, is named by the request's path.
    pub fn endpoint(method: Method, pattern: impl Into<String>, key: impl Into<String>) -> Self {
        Self::new(Named::Endpoint(method, NormalPath::of_pattern(pattern.into())), key)
    }

    /// Names an entry of `scope = "resource"`. `path` is the request's, without the query, in any
    /// spelling: as RFC 3986 (section 6.2.2) normalises it, `/al%69ce` is `/alice`.
    pub fn resource(method: Method, path: impl Into<String>, key: impl Into<String>) -> Self {
        Self::new(Named::Resource(method, NormalPath::of(&path.into()).into_owned()), key)
    }

    /// Names an entry of `scope = "global"`.
    pub fn global(key: impl Into<String>) -> Self {
        Self::new(Named::Global, key)
    }

    /// Names an entry of `scope = "group:NAME"`, where `group` is the `NAME`.
    pub fn group(group: impl Into<String>, key: impl Into<String>) -> Self {
        Self::new(Named::Group(group.into()), key)
    }

    fn new(place: Named, key: impl Into<String>) -> Self {
        EntryName { place, principal: Principal::anonymous(), key: key.into() }
    }

    /// Sets the caller, where the application's [`principal`](crate::IdempotencyBuilder::principal)
    /// tells that. Default: anonymous.
    #[must_use]
    pub fn principal(mut self, principal: Principal) -> Self {
        self.principal = principal;
        self
    }

    /// Address of the entry.
    ///
    /// # Errors
    /// A key that is not valid; the text says what is wrong and what is allowed.
    pub(crate) fn address(&self, namespace: &str, format: KeyFormat) -> Result<Address, &'static str> {
        let key = parse_key(self.key.as_bytes(), format)?;
        Ok(address(namespace, &self.place.extent(), &self.principal, &key))
    }
}

impl Named {
    fn extent(&self) -> Extent<'_> {
        match self {
            Named::Endpoint(method, pattern) => Extent::Endpoint { method, pattern },
            Named::Resource(method, path) => Extent::Resource { method, path },
            Named::Global => Extent::Global,
            Named::Group(name) => Extent::Group(name),
        }
    }
}

/// Without key and principal.
impl fmt::Debug for EntryName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EntryName").field("place", &self.place).finish_non_exhaustive()
    }
}
