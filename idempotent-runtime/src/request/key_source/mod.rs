//! The key of a request, from the place where its endpoint looks for it.
//!
//! A header and the query are there at once. What is in the body is found after the whole body has
//! arrived. Wherever a key is, the same characters are allowed, and a place that holds two values
//! holds no key.

mod json;

use actix_web::{
    HttpRequest,
    http::header::{CONTENT_ENCODING, HeaderMap, HeaderName},
};

use super::{
    fingerprint::form::fields,
    key::{Key, KeyError, KeyRules, key_of_text, read_key, read_lines},
};
use crate::{clock::Timestamp, policy::KeySource};

/// Reads the key from the head of `request`. `None` where the endpoint's keys are in the body.
///
/// `name` is the application's header.
pub(crate) fn key_in_head(
    source: KeySource,
    request: &HttpRequest,
    name: &HeaderName,
    rules: KeyRules<impl FnOnce() -> Timestamp>,
) -> Option<Result<Key, KeyError>> {
    let headers = request.headers();
    Some(match source {
        KeySource::Application => read_key(headers, name, rules),
        KeySource::Header(name) => read_lines(lines(headers, name), rules),
        KeySource::Query(name) => only_field(request.query_string().as_bytes(), name, rules),
        KeySource::Json(_) | KeySource::Form(_) | KeySource::Function(_) => return None,
    })
}

/// Reads the key from the whole `body` of `request`.
pub(crate) fn key_in_body(
    source: KeySource,
    request: &HttpRequest,
    body: &[u8],
    rules: KeyRules<impl FnOnce() -> Timestamp>,
) -> Result<Key, KeyError> {
    match source {
        KeySource::Json(_) | KeySource::Form(_) if is_encoded(request.headers()) => {
            Err(KeyError::Invalid(ENCODED))
        }
        KeySource::Json(pointer) => {
            let found = json::find(body, pointer).map_err(KeyError::Invalid)?;
            rules.check(key_of_text(found.ok_or(KeyError::Missing)?.as_bytes())?)
        }
        KeySource::Form(name) => only_field(body, name, rules),
        KeySource::Function(function) => {
            let found = function(request, body).ok_or(KeyError::Missing)?;
            rules.check(key_of_text(found.as_bytes())?)
        }
        KeySource::Application | KeySource::Header(_) | KeySource::Query(_) => Err(KeyError::Missing),
    }
}

const ENCODED: &str = "the body has a `Content-Encoding`, and a key is not looked for in an encoded body";

/// Lines of the header called `name`, in whatever case.
fn lines<'a>(headers: &'a HeaderMap, name: &'a str) -> impl Iterator<Item = &'a [u8]> {
    headers
        .iter()
        .filter(move |(header, _)| header.as_str().eq_ignore_ascii_case(name))
        .map(|(_, value)| value.as_bytes())
}

fn is_encoded(headers: &HeaderMap) -> bool {
    let mut codings = headers.get_all(CONTENT_ENCODING);
    codings.any(|coding| !coding.as_bytes().trim_ascii().eq_ignore_ascii_case(b"identity"))
}

/// Reads the key from the only field called `name` of a form or a query.
fn only_field(form: &[u8], name: &str, rules: KeyRules<impl FnOnce() -> Timestamp>) -> Result<Key, KeyError> {
    let mut values = fields(form).filter(|(field, _)| **field == *name.as_bytes()).map(|(_, value)| value);
    let value = values.next().ok_or(KeyError::Missing)?;
    if values.next().is_some() {
        return Err(KeyError::Invalid("it was sent more than once, and exactly one is allowed"));
    }
    rules.check(key_of_text(&value)?)
}
