//! Execution without protection, where the store fails and the application has said to go on
//! without it.

use actix_web::{FromRequest, Handler, HttpResponse, Responder};

use super::{Handled, Job, complete::mark_not_stored, handle};
use crate::{
    flight::{Ending, Lead},
    observe::Outcome,
    request::body,
    response::Code,
};

/// Runs the handler without protection, as the application has asked for. Only requests that wait
/// for this one do not run too.
pub(crate) async fn unprotected<H, Args>(job: Job<H>, lead: Lead) -> HttpResponse
where
    H: Handler<Args>,
    Args: FromRequest,
    H::Output: Responder,
{
    tracing::warn!(handler = job.policy.handler, "the store failed: executing unprotected, as configured");
    let (fingerprint, limit) = (job.identity.fingerprint, job.app.0.settings.max_response_body);
    lead.unprotected(fingerprint);
    let Job { policy, request, body, handler, mut account, .. } = job;
    account.ends(Outcome::Unprotected);
    let response = match handle(&handler, request, body::again(body), limit, policy).await {
        Handled::NeverBegan(response) => {
            account.ends(Outcome::NeverBegan);
            lead.end(Ending::Released);
            return response;
        }
        Handled::Answered(captured) | Handled::Panicked(captured) => captured.into_response(),
    };
    lead.end(Ending::Settled(fingerprint, Code::ResponseNotStored.into()));
    mark_not_stored(response)
}
