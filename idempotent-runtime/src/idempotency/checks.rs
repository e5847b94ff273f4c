//! Checks of settings.

use std::time::Duration;

use actix_web::http::{StatusCode, header::HeaderName};

use super::error::BuildError;
use crate::{
    engine::settings::LEASE,
    request::{Credential, Credentials, KeyFormat},
};

const SHORTEST_LEASE: Duration = Duration::from_millis(100);

/// Lease of claims.
pub(super) fn lease(set: Option<Duration>) -> Result<Duration, BuildError> {
    let lease = positive("lease", set, LEASE)?;
    if lease < SHORTEST_LEASE { Err(BuildError::Lease) } else { Ok(lease) }
}

/// Setting `name`, or its `default`. A zero is an error.
pub(super) fn positive<T: Default + PartialEq>(
    name: &'static str,
    set: Option<T>,
    default: T,
) -> Result<T, BuildError> {
    match set {
        Some(value) if value == T::default() => Err(BuildError::Zero(name)),
        Some(value) => Ok(value),
        None => Ok(default),
    }
}

/// Name of the header that carries the key.
pub(super) fn header_name(name: &str) -> Result<HeaderName, BuildError> {
    HeaderName::from_bytes(name.as_bytes()).map_err(|_| BuildError::HeaderName(name.to_owned()))
}

/// Credentials that tell callers apart.
pub(super) fn credentials(named: Option<Vec<Credential>>) -> Result<Credentials, BuildError> {
    named.map_or(Ok(Credentials::Usual), |named| Credentials::named(named).map_err(BuildError::Credential))
}

/// Status of `key_reused`.
pub(super) fn reused_status(status: Option<StatusCode>) -> Result<StatusCode, BuildError> {
    match status.unwrap_or(StatusCode::CONFLICT) {
        status @ (StatusCode::CONFLICT | StatusCode::UNPROCESSABLE_ENTITY) => Ok(status),
        status => Err(BuildError::ReusedStatus(status)),
    }
}

/// Form of keys. Under a greatest age of zero no key is ever taken.
pub(super) fn key_format(format: KeyFormat) -> Result<KeyFormat, BuildError> {
    match format {
        KeyFormat::UuidV7 { max_age: Duration::ZERO } => Err(BuildError::Zero("max_age")),
        format => Ok(format),
    }
}
