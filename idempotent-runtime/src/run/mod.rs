//! The story of one request: who it is, whether it may run, and what it is answered.
//!
//! ```text
//!   run ─ a key in the head is read ─▶ once ─ arrive ─ a key in the body is read ─▶ identify ─┐
//!                                             ┌───────────────────────────────────────────────┘
//!                                             ├─ recalled ─▶ replay
//!                                             └─ `execution::answer`, the handler as its work
//! ```
//!
//! This is where HTTP begins: below it a response is a record, and a refusal is a reason.

mod cookies;
mod endpoint;
mod handler;
mod identify;
mod replay;
mod work;

use std::pin::Pin;

use actix_web::{
    FromRequest, Handler, HttpRequest, HttpResponse, Responder, dev::Payload,
    error::ErrorInternalServerError, web,
};
use tracing::{Instrument, instrument::Instrumented};

use self::{
    endpoint::Endpoint,
    identify::{Identified, Rejection, arrive, identify},
    replay::replay,
    work::HandlerCall,
};
use crate::{
    engine::Idempotency,
    execution::{Job, answer},
    observe::{EventGuard, Outcome, Subject, warnings},
    policy::Policy,
    policy_ref::PolicyRef,
    reason::{Detail, Reason, RefusalCode},
    request::{self, Key, KeyError, body},
    response::unread,
    store::Origin,
};

/// Answers `request`: runs `handler` if it is the first of its key, and replays its response if it
/// is not.
pub async fn run<H, Args>(
    policy: &'static Policy,
    request: HttpRequest,
    payload: web::Payload,
    handler: H,
) -> HttpResponse
where
    H: Handler<Args>,
    Args: FromRequest + 'static,
    H::Output: Responder,
{
    let mut payload = payload.into_inner();
    if request.method().is_safe() {
        return Box::pin(pass_through(&request, &mut payload, &handler)).await;
    }
    let app = Idempotency::of(&request).clone();
    let settings = &app.0.settings;
    let mut event =
        EventGuard::open(settings.listener.as_ref(), &PolicyRef::Handler(policy), || subject(&request));
    #[cfg(feature = "admin")]
    if let Some(route) = event.counted_route() {
        app.0.endpoints.note(&PolicyRef::Handler(policy), route, settings);
    }
    let in_head = request::key_in_head(policy.key, &request, &settings.header_name, settings.key_rules());
    // A key in the body is found once the body has arrived.
    let mut key = match in_head.transpose() {
        Ok(key) => key,
        Err(KeyError::Missing) if !policy.required(&settings.defaults) => {
            event.ends(Outcome::Unprotected);
            let passing = pass_through(&request, &mut payload, &handler).instrument(event.span());
            return Box::pin(passing).await;
        }
        Err(error) => {
            let (reason, key) = refused(error);
            event.refused(reason.code);
            return unread::instead_of(payload, app.0.refusals.respond(reason, policy, key.as_ref()));
        }
    };
    let once = |event| once(policy, &app, request, &mut key, &mut payload, handler, event);
    let answered = if event.has_span() { in_span(event, once).await } else { once(event).await };
    let refusal = match answered {
        Ok(response) => return response,
        Err(Rejection::Refused(reason)) => {
            let reason = if settings.name_callers(policy) { reason } else { reason.by_credentials() };
            app.0.refusals.respond(reason, policy, key.as_ref())
        }
        Err(Rejection::Failed(error)) => HttpResponse::from_error(error),
    };
    unread::instead_of(payload, refusal)
}

/// Subject of the request's event.
fn subject(request: &HttpRequest) -> Subject {
    Subject { method: Some(request.method().clone()), route: request.match_pattern() }
}

/// Does `work` in a span that somebody looks at.
fn in_span<F: Future>(event: EventGuard, work: impl FnOnce(EventGuard) -> F) -> Pin<Box<Instrumented<F>>> {
    let span = event.span();
    Box::pin(work(event).instrument(span))
}

async fn pass_through<H: Endpoint<Args>, Args: FromRequest>(
    request: &HttpRequest,
    payload: &mut Payload,
    handler: &H,
) -> HttpResponse {
    match Args::from_request(request, payload).await {
        Ok(args) => handler.call(args).await.respond_to(request).map_into_boxed_body(),
        Err(error) => HttpResponse::from_error(error),
    }
}

/// Runs the request of `key`, or replays its response: from memory, if it is there, without asking
/// the store. A key that is not known yet is in the body.
async fn once<H: Endpoint<Args>, Args: FromRequest + 'static>(
    policy: &'static Policy,
    app: &Idempotency,
    request: HttpRequest,
    key: &mut Option<Key>,
    payload: &mut Payload,
    handler: H,
    mut event: EventGuard,
) -> Result<HttpResponse, Rejection> {
    if policy.transaction && app.0.store.transactions().is_none() {
        event.ends(Outcome::Rejected);
        return Err(without_transactions(policy));
    }
    let arrived = arrive(policy, app, &request, payload).await;
    let arrived = arrived.inspect_err(|rejection| rejection.write(&mut event))?;
    let settings = &app.0.settings;
    let key = match key {
        Some(key) => key,
        None => match request::key_in_body(policy.key, &request, &arrived.body, settings.key_rules()) {
            Ok(found) => key.insert(found),
            Err(KeyError::Missing) if !policy.required(&settings.defaults) => {
                event.ends(Outcome::Unprotected);
                return Ok(Box::pin(pass_through(&request, &mut body::again(arrived.body), &handler)).await);
            }
            Err(error) => {
                let (reason, read) = refused(error);
                *key = read;
                event.refused(reason.code);
                return Err(reason.into());
            }
        },
    };
    let Identified { identity, caller, target, body } = identify(policy, settings, &request, key, arrived);
    event.is_at(identity.address);
    let address = identity.address;
    if let Some(record) = app.0.store.recall(address, identity.fingerprint) {
        let answer = replay(&record);
        event.answered(&answer);
        let endpoint = || target.endpoint(&settings.namespace, policy.scope).as_str();
        return Ok(
            answer.inspect_err(|reason| warnings::refused(policy.handler, endpoint, address, reason.code))?
        );
    }
    let (endpoint, name) = (target.endpoint(&settings.namespace, policy.scope), policy.handler);
    let origin = Origin::new(endpoint, caller);
    let (policy, app, key) = (PolicyRef::Handler(policy), app.clone(), Some(key.clone()));
    let work = HandlerCall::new(request, body, handler);
    let answer = answer(Job { policy, app, key, identity, origin, event, work }).await;
    Ok(answer.inspect_err(|reason| warnings::refused(name, || endpoint.as_str(), address, reason.code))?)
}

/// Refuses to run a handler that relies on what the store cannot do.
fn without_transactions(policy: &Policy) -> Rejection {
    tracing::error!(
        handler = policy.handler,
        "`transaction` needs a store with transactions: a PostgresStore, or a SqliteStore that was made with the application's pool"
    );
    Rejection::Failed(ErrorInternalServerError("the idempotency store of this endpoint has no transactions"))
}

/// Reason for which a request without a valid key is refused, and the key, if one was read.
fn refused(error: KeyError) -> (Reason, Option<Key>) {
    let because = |code, detail| Reason { detail: Some(detail), ..Reason::new(code) };
    match error {
        KeyError::Missing => (RefusalCode::KeyMissing.into(), None),
        KeyError::Invalid(mistake) => (because(RefusalCode::KeyInvalid, Detail::Mistake(mistake)), None),
        KeyError::Expired(key) => (because(RefusalCode::KeyExpired, Detail::Old), Some(key)),
    }
}
