//! Name of an entry, as an operator knows it.

use std::fmt;

use actix_web::http::Method;

use super::{
    Address, NormalPath, Principal,
    address::{Extent, address, may_be_an_operation, operation_address},
    key::parse_key,
    key_format::KeyFormat,
};

/// Names the entry of a key by the parts of its address: the endpoint's scope, or the operation of
/// [`once`](crate::Idempotency::once), who called, and the key.
///
/// The rest comes from the [`Idempotency`](crate::Idempotency): its namespace, unless [another
/// one](Self::namespace) is named, and the form of its keys. A key is written as a client writes it
/// in the header, quoted or bare. The fingerprint is not needed, since a key belongs to one
/// request.
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
    namespace: Option<String>,
    principal: Principal,
    key: Vec<u8>,
}

#[derive(Clone, Debug)]
enum Named {
    Endpoint(Method, NormalPath<'static>),
    Resource(Method, NormalPath<'static>),
    Global,
    Group(String),
    /// Bytes of an operation's name.
    Operation(Vec<u8>),
}

impl EntryName {
    /// Names an entry of `scope = "endpoint"`, the default. `pattern` is the route's, with the
    /// prefixes of the scopes that the route is in, as
    /// [`HttpRequest::match_pattern`](actix_web::HttpRequest::match_pattern) gives it. A handler
    /// that has none, a default service, is named by the request's path.
    pub fn endpoint(method: Method, pattern: impl Into<String>, key: impl Into<String>) -> Self {
        Self::new(Named::Endpoint(method, NormalPath::of_pattern(pattern.into())), key.into())
    }

    /// Names an entry of `scope = "resource"`. `path` is the request's, without the query, in any
    /// spelling: as RFC 3986 (section 6.2.2) normalises it, `/al%69ce` is `/alice`.
    pub fn resource(method: Method, path: impl Into<String>, key: impl Into<String>) -> Self {
        Self::new(Named::Resource(method, NormalPath::of(&path.into()).into_owned()), key.into())
    }

    /// Names an entry of `scope = "global"`.
    pub fn global(key: impl Into<String>) -> Self {
        Self::new(Named::Global, key.into())
    }

    /// Names an entry of `scope = "group:NAME"`, where `group` is the `NAME`.
    pub fn group(group: impl Into<String>, key: impl Into<String>) -> Self {
        Self::new(Named::Group(group.into()), key.into())
    }

    /// Names an entry of [`once`](crate::Idempotency::once). Operation and key are what `once` was
    /// given, byte for byte: no form is asked of the key.
    pub fn operation(operation: impl AsRef<[u8]>, key: impl AsRef<[u8]>) -> Self {
        Self::of_bytes(Named::Operation(operation.as_ref().to_vec()), key.as_ref().to_vec())
    }

    fn new(place: Named, key: String) -> Self {
        Self::of_bytes(place, key.into_bytes())
    }

    fn of_bytes(place: Named, key: Vec<u8>) -> Self {
        EntryName { place, namespace: None, principal: Principal::anonymous(), key }
    }

    /// Sets the namespace, where the entry is that of another application or environment on the
    /// same store. Default: the namespace of the [`Idempotency`](crate::Idempotency) that is asked.
    #[must_use]
    pub fn namespace(mut self, namespace: impl Into<String>) -> Self {
        self.namespace = Some(namespace.into());
        self
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
        let (namespace, principal) = (self.namespace.as_deref().unwrap_or(namespace), &self.principal);
        if let Named::Operation(name) = &self.place {
            let address = || operation_address(namespace, name, principal, &self.key);
            return may_be_an_operation(name, &self.key).then(address).ok_or(LENGTHS);
        }
        let key = parse_key(&self.key, format)?;
        Ok(address(namespace, &self.place.extent(), principal, &key))
    }
}

/// Sentence about an operation or a key of another length.
pub(crate) const LENGTHS: &str = "an operation and its key have 1 to 255 bytes each";

impl Named {
    fn extent(&self) -> Extent<'_> {
        match self {
            Named::Endpoint(method, pattern) => Extent::Endpoint { method, pattern },
            Named::Resource(method, path) => Extent::Resource { method, path },
            Named::Global => Extent::Global,
            Named::Group(name) => Extent::Group(name),
            Named::Operation(name) => Extent::Operation(name),
        }
    }
}

/// Shows no key and no principal.
impl fmt::Debug for EntryName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EntryName")
            .field("place", &self.place)
            .field("namespace", &self.namespace)
            .finish_non_exhaustive()
    }
}
