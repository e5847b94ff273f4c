//! Identity of a request: its principal, its whole body, its address and its fingerprint.

use actix_web::{HttpRequest, dev::Payload};
use bytes::Bytes;

use super::{callee::Callee, cookies::warn_of_cookies};
use crate::{
    engine::{Idempotency, Settings},
    observe::{EventGuard, Outcome},
    policy::{Policy, PrincipalSource},
    policy_ref::PolicyRef,
    reason::{Detail, Reason, RefusalCode},
    request::{self, AppPrincipal, Caller, CallerId, Identity, Key, Principal, Target, body},
};

/// Reason that a request has no response of its own.
pub(super) enum Rejection {
    Refused(Reason),
    Failed(actix_web::Error),
}

/// Refusal of a body that is not waited for.
const CROWDED: Reason = Reason {
    code: RefusalCode::InProgress,
    detail: Some(Detail::Sentence(
        "Too many requests of this caller wait or are still being sent, so this one was not read. Retry later with the same key.",
    )),
    retry_after: None,
};

/// A request whose caller is known and whose whole body has arrived.
pub(super) struct Arrived<'a> {
    caller: Caller<'a>,
    pub(super) body: Bytes,
}

impl Arrived<'_> {
    /// The body alone.
    pub(super) fn into_body(self) -> Bytes {
        self.body
    }
}

/// A request whose identity is known.
pub(super) struct Identified<'a> {
    pub(super) identity: Identity,
    pub(super) caller: CallerId,
    pub(super) target: Target<'a>,
    pub(super) body: Bytes,
}

/// Finds out who calls, and reads the body.
pub(super) async fn arrive<'a>(
    policy: &Policy,
    app: &'a Idempotency,
    request: &'a HttpRequest,
    payload: &mut Payload,
) -> Result<Arrived<'a>, Rejection> {
    let settings = &app.0.settings;
    let principal = principal_of(policy, settings, request).await.map_err(Rejection::Failed)?;
    let caller = Caller::new(principal, &settings.credentials, request.headers());
    let headers = request.headers();
    let place = || app.0.flights.place(caller.id());
    let body = body::read(payload, headers, settings.max_request_body, settings.body_timeout, place).await?;
    Ok(Arrived { caller, body })
}

/// Finds out which entry is the request's and what the request asks for.
pub(super) fn identify<'a>(
    policy: &PolicyRef,
    settings: &Settings,
    callee: &'a impl Callee,
    key: &Key,
    Arrived { caller, body }: Arrived<'a>,
) -> Identified<'a> {
    let request = callee.request();
    let target = Target::new(request, policy.scope, || callee.pattern());
    warn_of_cookies(policy, &settings.credentials, &caller);
    let scope_parts = target.fingerprinted(policy.scope);
    let address =
        request::address(&settings.namespace, &target.extent(policy.scope), caller.principal(), key);
    let fingerprint =
        request::fingerprint::fingerprint(policy, request, &scope_parts, caller.credentials(), &body);
    Identified { identity: Identity { address, fingerprint }, caller: caller.id(), target, body }
}

/// Principal, where the endpoint or the application says who calls.
async fn principal_of(
    policy: &Policy,
    settings: &Settings,
    request: &HttpRequest,
) -> Result<Option<Principal>, actix_web::Error> {
    match (&policy.principal, &settings.principal) {
        (PrincipalSource::Function(function), _) => function(request).await.map(Some),
        (PrincipalSource::Middleware(function), _) => function.of(request).await.map(Some),
        (PrincipalSource::Application, Some(AppPrincipal::Plain(function))) => function(request).map(Some),
        (PrincipalSource::Application, Some(AppPrincipal::Extracting(function))) => {
            function.of(request).await.map(Some)
        }
        (PrincipalSource::Application, None) => Ok(None),
    }
}

impl Rejection {
    /// Notes the reason for the listener.
    pub(super) fn write(&self, event: &mut EventGuard) {
        match self {
            Rejection::Refused(reason) => event.refused(reason.code),
            Rejection::Failed(_) => event.ends(Outcome::Rejected),
        }
    }
}

impl From<Reason> for Rejection {
    fn from(reason: Reason) -> Self {
        Rejection::Refused(reason)
    }
}

impl From<body::BodyError> for Rejection {
    fn from(error: body::BodyError) -> Self {
        match error {
            body::BodyError::TooLarge => Rejection::Refused(RefusalCode::BodyTooLarge.into()),
            body::BodyError::Timeout => Rejection::Refused(RefusalCode::BodyTimeout.into()),
            body::BodyError::Crowded => Rejection::Refused(CROWDED),
            body::BodyError::Failed(error) => Rejection::Failed(error.into()),
        }
    }
}
