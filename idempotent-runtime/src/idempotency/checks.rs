//! Checks of settings.

use std::{ops::RangeInclusive, time::Duration};

use actix_web::http::{StatusCode, header::HeaderName};

use super::error::BuildError;
use crate::{
    engine::Settings,
    request::{Credential, Credentials, KeyFormat},
};

const SHORTEST_LEASE: Duration = Duration::from_millis(100);

/// Bounds of a ttl. A longer one would overflow the dates of some stores.
const TTLS: RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_secs(36_500 * 24 * 60 * 60);

/// Durations and limits.
pub(super) fn numbers(settings: &Settings) -> Result<(), BuildError> {
    let Settings { lease, body_timeout, max_request_body, max_response_body, .. } = settings;
    positive("lease", lease)?;
    if *lease < SHORTEST_LEASE {
        return Err(BuildError::Lease);
    }
    positive("body_timeout", body_timeout)?;
    positive("max_request_body", max_request_body)?;
    positive("max_response_body", max_response_body)?;
    ttl(settings.defaults.ttl)
}

/// Setting `name`, which must not be zero.
fn positive<T: Default + PartialEq>(name: &'static str, set: &T) -> Result<(), BuildError> {
    if *set == T::default() { Err(BuildError::Zero(name)) } else { Ok(()) }
}

/// Time for which responses are replayed.
pub(crate) fn ttl(ttl: Duration) -> Result<(), BuildError> {
    positive("ttl", &ttl)?;
    if TTLS.contains(&ttl) { Ok(()) } else { Err(BuildError::Ttl(ttl)) }
}

/// Name of the header that carries the key.
pub(super) fn header_name(name: &str) -> Result<HeaderName, BuildError> {
    HeaderName::from_bytes(name.as_bytes()).map_err(|_| BuildError::HeaderName(name.to_owned()))
}

/// Credentials that tell callers apart.
pub(super) fn credentials(named: Vec<Credential>) -> Result<Credentials, BuildError> {
    Credentials::named(named).map_err(BuildError::Credential)
}

/// Status of `key_reused`.
pub(super) fn reused_status(status: StatusCode) -> Result<(), BuildError> {
    match status {
        StatusCode::CONFLICT | StatusCode::UNPROCESSABLE_ENTITY => Ok(()),
        status => Err(BuildError::ReusedStatus(status)),
    }
}

/// Form of keys. Under a greatest age of zero no key is ever taken.
pub(super) fn key_format(format: KeyFormat) -> Result<(), BuildError> {
    match format {
        KeyFormat::UuidV7 { max_age: Duration::ZERO } => Err(BuildError::Zero("max_age")),
        _ => Ok(()),
    }
}
