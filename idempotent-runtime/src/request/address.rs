//! Where a key's entry lives: SHA-256 over the application's namespace, the scope, the principal and the key.

use std::fmt;

use actix_web::HttpRequest;

use super::{Key, PartsHasher, Principal};
use crate::policy::Scope;

/// The address of a stored entry: 32 bytes that reveal neither the key nor the principal.
///
/// Two requests share an address only if namespace, scope, principal and key are all the same: the parts are
/// length-prefixed before they are hashed, whatever characters they hold.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Address([u8; 32]);

impl Address {
    /// The bytes under which a store keeps the entry.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The address that [`as_bytes`](Self::as_bytes) gave.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Address(bytes)
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Address({:02x}{:02x}{:02x}{:02x}…)", self.0[0], self.0[1], self.0[2], self.0[3])
    }
}

const DOMAIN: u8 = 1;

/// Composes the address of this request's entry.
pub(crate) fn address(
    namespace: &str,
    scope: Scope,
    target: &Target<'_>,
    principal: &Principal,
    key: &Key,
) -> Address {
    let mut hasher = PartsHasher::new(DOMAIN);
    hasher.part(namespace.as_bytes());
    match scope {
        Scope::Endpoint => hasher.parts(&[b"endpoint", target.method(), target.pattern.as_bytes()]),
        Scope::Resource => hasher.parts(&[b"resource", target.method(), target.path()]),
        Scope::Global => hasher.parts(&[b"global"]),
        Scope::Group(name) => hasher.parts(&[b"group", name.as_bytes()]),
    }
    match principal.bytes() {
        None => hasher.parts(&[b"anonymous"]),
        Some(bytes) => hasher.parts(&[b"principal", bytes]),
    }
    hasher.part(key.as_bytes());
    Address(hasher.finish())
}

/// What a request is aimed at.
pub(crate) struct Target<'a> {
    request: &'a HttpRequest,
    pattern: String,
}

impl<'a> Target<'a> {
    /// The method and path of `request`, and its route's pattern where `scope` asks for it.
    pub(crate) fn new(request: &'a HttpRequest, scope: Scope) -> Self {
        let pattern = match scope {
            Scope::Endpoint => request.match_pattern().unwrap_or_else(|| request.path().to_owned()),
            _ => String::new(),
        };
        Target { request, pattern }
    }

    fn method(&self) -> &[u8] {
        self.request.method().as_str().as_bytes()
    }

    fn path(&self) -> &[u8] {
        self.request.path().as_bytes()
    }

    /// What the scope leaves out of the address, and the fingerprint therefore has to hold.
    pub(crate) fn fingerprinted(&self, scope: Scope) -> [&[u8]; 2] {
        match scope {
            Scope::Endpoint => [b"", self.path()],
            Scope::Global => [self.method(), self.path()],
            Scope::Resource | Scope::Group(_) => [b"", b""],
        }
    }
}
