//! Fingerprint of a request, a hash: two requests with one key have to have the same fingerprint.
//!
//! The fingerprint is SHA-256 over a version byte and length-prefixed parts:
//!
//! 1. the parts that the scope leaves out of the address: their number, and each of them;
//! 2. the caller's credentials, where no principal is configured: the number of values, and of each
//!    its kind, name and bytes;
//! 3. the headers that the endpoint names and the request has: the number of lines, and the name
//!    and the value of each;
//! 4. the way to compare the rest, and the rest:
//!    - raw: query string, `Content-Type`, `Content-Encoding`, body, byte for byte;
//!    - canonical: query string, media type, and the meaning of the body, by [`json`], [`form`] or
//!      [`multipart`]; raw where a body's meaning is not known, and where it is encoded;
//!    - by a function of the application: its return value.
//!
//! Each way to compare has a tag of its own, so two requests that are compared in different ways
//! never have the same fingerprint. The parts of a version never change after its release; the
//! golden values in the tests prove that. A new version is a new byte.

mod content;
pub(crate) mod form;
pub(crate) mod json;
pub(crate) mod multipart;
mod number;
mod order;
mod string;

use std::fmt;

use actix_web::HttpRequest;
use actix_web::http::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderMap};
use bytes::Bytes;

use super::{Presented, digest::PartsHasher};
use crate::policy::{Fingerprint, Policy};
use content::{Content, Kind};

/// First version of the algorithm. Addresses have another byte.
const VERSION_1: u8 = 2;

/// Fingerprint of a request: 32 bytes that are the same for two requests only if they ask for the
/// same.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct RequestFingerprint([u8; 32]);

impl RequestFingerprint {
    /// Bytes that a store keeps.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Makes the fingerprint of the bytes that [`as_bytes`](Self::as_bytes) gave.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        RequestFingerprint(bytes)
    }
}

/// Shows the first four bytes: enough to compare two log lines by eye.
impl fmt::Debug for RequestFingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, ..] = self.0;
        write!(f, "RequestFingerprint({a:02x}{b:02x}{c:02x}{d:02x}…)")
    }
}

/// Fingerprint of `request`, whose whole body is `body`.
///
/// `scope_parts` are the parts that the scope leaves out of the address. `credentials` are the
/// caller's where no principal is configured, so that nobody gets another caller's response.
pub(crate) fn fingerprint(
    policy: &Policy,
    request: &HttpRequest,
    scope_parts: &[&[u8]],
    credentials: &[Presented<'_>],
    body: &Bytes,
) -> RequestFingerprint {
    let mut hasher = PartsHasher::new(VERSION_1);
    hasher.count(scope_parts.len());
    hasher.parts(scope_parts);
    hasher.count(credentials.len());
    for credential in credentials {
        hasher.parts(&credential.parts());
    }
    hash_headers(&mut hasher, request.headers(), policy.headers);
    match &policy.fingerprint {
        Fingerprint::Raw => hash_raw(&mut hasher, request, body),
        Fingerprint::Canonical => hash_canonical(&mut hasher, request, body),
        Fingerprint::Function(function) => hasher.parts(&[b"function", &function(request, body)]),
    }
    RequestFingerprint(hasher.finish())
}

/// Domain of the fingerprints of operations.
const OPERATION: u8 = 20;

/// Fingerprint of an operation. `input` is what a key stands for; without one the key alone counts.
pub(crate) fn of_operation(input: Option<&[u8]>) -> RequestFingerprint {
    let mut hasher = PartsHasher::new(OPERATION);
    hasher.count(input.iter().len());
    input.iter().for_each(|input| hasher.part(input));
    RequestFingerprint(hasher.finish())
}

/// Adds the headers with these names, which are in small letters. A header that is not there adds
/// nothing, so that an endpoint can begin to name another header while keys are alive.
fn hash_headers(hasher: &mut PartsHasher, headers: &HeaderMap, names: &[&str]) {
    let named = |name| headers.iter().filter(move |(header, _)| header.as_str() == name);
    hasher.count(names.iter().map(|name| named(*name).count()).sum());
    for (name, value) in names.iter().flat_map(|name| named(*name)) {
        hasher.parts(&[name.as_str().as_bytes(), value.as_bytes()]);
    }
}

fn hash_raw(hasher: &mut PartsHasher, request: &HttpRequest, body: &[u8]) {
    hasher.parts(&[b"raw", request.query_string().as_bytes()]);
    for name in [CONTENT_TYPE, CONTENT_ENCODING] {
        let lines = request.headers().get_all(name);
        hasher.count(lines.len());
        for line in lines {
            hasher.part(line.as_bytes());
        }
    }
    hasher.part(body);
}

fn hash_canonical(hasher: &mut PartsHasher, request: &HttpRequest, body: &[u8]) {
    let known = Content::of(request.headers())
        .and_then(|content| Meaning::of(&content, body).map(|meaning| (content, meaning)));
    match known {
        Some((content, meaning)) => {
            hasher.parts(&[meaning.tag(), request.query_string().as_bytes()]);
            content.hash(hasher);
            meaning.hash(hasher);
        }
        None => hash_raw(hasher, request, body),
    }
}

/// Body whose meaning is known.
enum Meaning<'a> {
    Json(Vec<u8>),
    Form(&'a [u8]),
    Multipart(Vec<multipart::Part<'a>>),
}

impl<'a> Meaning<'a> {
    fn of(content: &Content, body: &'a [u8]) -> Option<Meaning<'a>> {
        match content.kind {
            Kind::Json => json::canonical(body).map(Meaning::Json),
            Kind::Form => Some(Meaning::Form(body)),
            Kind::Multipart => multipart::parts(body, content.boundary()?).map(Meaning::Multipart),
        }
    }

    fn tag(&self) -> &'static [u8] {
        match self {
            Meaning::Json(_) => b"json",
            Meaning::Form(_) => b"form",
            Meaning::Multipart(_) => b"multipart",
        }
    }

    fn hash(&self, hasher: &mut PartsHasher) {
        match self {
            Meaning::Json(text) => hasher.part(text),
            Meaning::Form(body) => form::hash_fields(hasher, body),
            Meaning::Multipart(parts) => multipart::hash_parts(hasher, parts),
        }
    }
}

#[cfg(test)]
mod tests;
