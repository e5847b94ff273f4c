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
    /// The name of a group that no attribute may have either.
    #[error("`scope` must name a group with 1 to 64 of `A-Z`, `a-z`, `0-9`, `.`, `_` and `-`, not {0:?}")]
    Group(String),
    /// A place of the key that no request can have.
    #[error(
        "`key` must be a header of RFC 9110, a JSON pointer of RFC 6901 such as `/data/id`, or a field with a name, not {0}"
    )]
    Key(String),
    /// The name of a header that no request can have.
    #[error("`headers` must name headers of RFC 9110, such as `Accept`, not {0:?}")]
    Header(String),
    /// A pattern that is no route's.
    #[error(
        "`except` must be the whole pattern of a route, which begins with `/`, such as `/v1/hooks/{{id}}`, not {0:?}"
    )]
    Except(String),
}
