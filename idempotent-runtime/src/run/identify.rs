//! Which request it is: its principal, its whole body, its address and its fingerprint.

use actix_web::{HttpRequest, http::header::AUTHORIZATION, web};
use bytes::Bytes;

use crate::{
    idempotency::Idempotency,
    observe::{Account, Outcome},
    policy::Policy,
    request::{self, Identity, Key, Principal, Target, body},
    response::{Code, Reason},
};

/// Why a request has no response of its own.
pub(super) enum Unanswered {
    Refused(Reason),
    Failed(actix_web::Error),
}

/// Reads the body, and finds out where the request's entry lives and what it asks for.
pub(super) async fn identify(
    policy: &Policy,
    app: &Idempotency,
    request: &HttpRequest,
    key: &Key,
    payload: web::Payload,
) -> Result<(Identity, Bytes), Unanswered> {
    let settings = &app.0.settings;
    let principal = match &settings.principal {
        Some(principal) => Some(principal(request).map_err(Unanswered::Failed)?),
        None => None,
    };
    let mut payload = payload.into_inner();
    let body =
        body::read(&mut payload, request.headers(), settings.max_request_body, settings.body_timeout).await?;
    let target = Target::new(request, policy.scope);
    let caller = match principal {
        Some(_) => None,
        None => request.headers().get(AUTHORIZATION).map(|value| value.as_bytes()),
    };
    let principal = principal.unwrap_or(Principal::anonymous());
    let scope_parts = target.fingerprinted(policy.scope);
    let address = request::address(&settings.namespace, &target.place(policy.scope), &principal, key);
    let fingerprint =
        request::fingerprint::fingerprint(&policy.fingerprint, request, &scope_parts, caller, &body);
    Ok((Identity { address, fingerprint }, body))
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
