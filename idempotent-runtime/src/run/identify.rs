//! Which request it is: its principal, its whole body, its address and its fingerprint.

use actix_web::{HttpRequest, web};
use bytes::Bytes;

use super::cookies::warn_of_cookies;
use crate::{
    idempotency::Idempotency,
    observe::{Account, Outcome},
    policy::Policy,
    request::{self, Caller, CallerId, Identity, Key, Target, body},
    response::{Code, Reason},
};

/// Why a request has no response of its own.
pub(super) enum Unanswered {
    Refused(Reason),
    Failed(actix_web::Error),
}

/// A request that is known.
pub(super) struct Identified {
    pub(super) identity: Identity,
    pub(super) caller: CallerId,
    pub(super) body: Bytes,
}

/// Reads the body, and finds out where the request's entry lives and what it asks for.
pub(super) async fn identify(
    policy: &Policy,
    app: &Idempotency,
    request: &HttpRequest,
    key: &Key,
    payload: web::Payload,
) -> Result<Identified, Unanswered> {
    let settings = &app.0.settings;
    let principal = match &settings.principal {
        Some(principal) => Some(principal(request).map_err(Unanswered::Failed)?),
        None => None,
    };
    let mut payload = payload.into_inner();
    let body =
        body::read(&mut payload, request.headers(), settings.max_request_body, settings.body_timeout).await?;
    let target = Target::new(request, policy.scope);
    let caller = Caller::new(principal, &settings.credentials, request.headers());
    warn_of_cookies(policy, &settings.credentials, &caller);
    let scope_parts = target.fingerprinted(policy.scope);
    let address = request::address(&settings.namespace, &target.place(policy.scope), caller.principal(), key);
    let fingerprint = request::fingerprint::fingerprint(
        &policy.fingerprint,
        request,
        &scope_parts,
        caller.credentials(),
        &body,
    );
    Ok(Identified { identity: Identity { address, fingerprint }, caller: caller.id(), body })
}

impl Unanswered {
    /// Notes why, for whoever listens.
    pub(super) fn write(&self, account: &mut Account) {
        match self {
            Unanswered::Refused(reason) => account.refused(reason.code),
            Unanswered::Failed(_) => account.ends(Outcome::Rejected),
        }
    }
}

impl From<Reason> for Unanswered {
    fn from(reason: Reason) -> Self {
        Unanswered::Refused(reason)
    }
}

impl From<body::BodyError> for Unanswered {
    fn from(error: body::BodyError) -> Self {
        match error {
            body::BodyError::TooLarge => Unanswered::Refused(Code::BodyTooLarge.into()),
            body::BodyError::Timeout => Unanswered::Refused(Code::BodyTimeout.into()),
            body::BodyError::Failed(error) => Unanswered::Failed(error.into()),
        }
    }
}
