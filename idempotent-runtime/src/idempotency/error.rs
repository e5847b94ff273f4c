//! Errors of setting an application up.

use std::time::Duration;

use actix_web::http::StatusCode;

/// A setting that cannot work.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// A duration or limit of zero.
    #[error("`{0}` must be greater than zero")]
    Zero(&'static str),
    /// A header name that is not valid.
    #[error("`header_name` must be a header name of RFC 9110, such as `Idempotency-Key`, not {0:?}")]
    HeaderName(String),
    /// The name of a credential that no request can have.
    #[error("`credentials` must name headers of RFC 9110, such as `X-Api-Key`, or cookies, not {0:?}")]
    Credential(String),
    /// A status for reused keys that clients would misunderstand.
    #[error("`reused_status` must be 409 or 422, not {0}")]
    ReusedStatus(StatusCode),
    /// A lease too short to be renewed in time.
    #[error("`lease` must be at least 100 ms, since it is renewed at a third of its length")]
    Lease,
    /// A ttl under which nothing would be replayed, or that is longer than stores can count.
    #[error("`ttl` must be from one second to a hundred years (36,500 days), not {0:?}")]
    Ttl(Duration),
}
