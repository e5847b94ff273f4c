//! Identity of a request.

use super::{Address, RequestFingerprint};

/// Identity of a request: the address of its entry, and what the request asks for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Identity {
    pub(crate) address: Address,
    pub(crate) fingerprint: RequestFingerprint,
}
