//! Caller of a request, as far as the application tells.

use actix_web::http::header::HeaderMap;

use super::{CallerId, Credentials, Presented, Principal};

/// Caller of a request: its principal, or else the application's credentials that the request
/// presents.
///
/// All who have neither are one caller.
pub(crate) enum Caller<'a> {
    Principal(Principal),
    Credentials(Vec<Presented<'a>>),
}

impl<'a> Caller<'a> {
    /// Caller that the application names, or else the one that `headers` tell from others.
    pub(crate) fn new(
        principal: Option<Principal>,
        credentials: &'a Credentials,
        headers: &'a HeaderMap,
    ) -> Self {
        match principal {
            Some(principal) => Caller::Principal(principal),
            None => Caller::Credentials(credentials.presented(headers)),
        }
    }

    /// Principal whose key space a key belongs to.
    pub(crate) fn principal(&self) -> &Principal {
        const ANONYMOUS: &Principal = &Principal::anonymous();
        match self {
            Caller::Principal(principal) => principal,
            Caller::Credentials(_) => ANONYMOUS,
        }
    }

    /// Caller as a number.
    pub(crate) fn id(&self) -> CallerId {
        match self {
            Caller::Principal(principal) => CallerId::of_principal(principal),
            Caller::Credentials(presented) => CallerId::of_credentials(presented),
        }
    }

    /// Credentials that are compared. There are none where a principal tells callers apart.
    pub(crate) fn credentials(&self) -> &[Presented<'a>] {
        match self {
            Caller::Principal(_) => &[],
            Caller::Credentials(presented) => presented,
        }
    }
}
