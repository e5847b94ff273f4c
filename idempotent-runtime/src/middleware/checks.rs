//! Checks of a middleware's arguments, which the compiler does for an attribute.

use actix_web::http::header::HeaderName;

use crate::{
    idempotency::{BuildError, check_ttl},
    policy::{KeySource, Policy, Scope},
};

const LONGEST_GROUP: usize = 64;

/// Arguments that are values.
pub(super) fn policy(policy: &Policy) -> Result<(), BuildError> {
    policy.ttl.map_or(Ok(()), check_ttl)?;
    if let Scope::Group(name) = policy.scope
        && !is_group(name)
    {
        return Err(BuildError::Group(name.to_owned()));
    }
    if is_place(policy.key) { Ok(()) } else { Err(BuildError::Key(format!("{:?}", policy.key))) }
}

fn is_group(name: &str) -> bool {
    let belongs = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    (1..=LONGEST_GROUP).contains(&name.len()) && name.bytes().all(belongs)
}

/// True for a place that a request can have.
fn is_place(key: KeySource) -> bool {
    match key {
        KeySource::Header(name) => HeaderName::from_bytes(name.as_bytes()).is_ok(),
        KeySource::Json(pointer) => is_pointer(pointer),
        KeySource::Form(name) | KeySource::Query(name) => !name.is_empty(),
        KeySource::Application | KeySource::Function(_) => true,
    }
}

/// True for a JSON pointer (RFC 6901) to a member: `~` stands only before 0 or 1.
fn is_pointer(pointer: &str) -> bool {
    let escapes = pointer.split('~').skip(1);
    pointer.starts_with('/') && escapes.into_iter().all(|after| after.starts_with(['0', '1']))
}

/// Name of a header that is compared, in small letters.
pub(super) fn header(name: &str) -> Result<String, BuildError> {
    let header = HeaderName::from_bytes(name.as_bytes());
    header.map(|header| header.as_str().to_owned()).map_err(|_| BuildError::Header(name.to_owned()))
}

/// Pattern that is left alone.
pub(super) fn excepted(pattern: &str) -> Result<&str, BuildError> {
    if pattern.starts_with('/') { Ok(pattern) } else { Err(BuildError::Except(pattern.to_owned())) }
}
