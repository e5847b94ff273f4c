//! Which request this is.

use super::{Address, RequestFingerprint};

/// Where a request's entry lives, and what the request asks for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Identity {
    pub(crate) address: Address,
    pub(crate) fingerprint: RequestFingerprint,
}
