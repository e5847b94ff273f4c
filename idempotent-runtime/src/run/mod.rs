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

mod callee;
mod cookies;
mod covered;
mod handler;
mod identify;
mod replay;
mod warned;
mod work;

use std::pin::Pin;

use actix_web::{
    FromRequest, Handler, HttpRequest, HttpResponse, Responder, dev::Payload,
    error::ErrorInternalServerError, web,
};
use tracing::{Instrument, instrument::Instrumented};

#[cfg(feature = "openapi")]
pub(crate) use self::covered::{missed, tell_of, tell_of_refusal};
pub(crate) use self::{
    callee::{Callee, Handled},
    covered::Covered,
};
use self::{
    handler::HandlerCallee,
    identify::{Identified, Rejection, arrive, identify},
    replay::replay,
    work::Call,
};
use crate::{
    engine::{Idempotency, Settings},
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
    let payload = payload.into_inner();
    let callee = HandlerCallee::new(request, handler);
    if callee.request().method().is_safe() {
        return Box::pin(callee.pass_through(payload)).await;
    }
    if let Some(covered) = Covered::of(callee.request()) {
        return match covered.refusal(policy.handler, policy, callee.request()) {
            None => Box::pin(callee.pass_through(payload)).await,
            Some(refusal) => refusal,
        };
    }
    protected(PolicyRef::Handler(policy), payload, callee).await
}

/// Answers the request of `callee`, which has no safe method: runs it if it is the first of its
/// key, and replays the response if it is not.
#[allow(clippy::manual_async_fn, reason = "an async fn has room for its arguments twice")]
pub(crate) fn protected<C: Callee>(
    policy: PolicyRef,
    mut payload: Payload,
    callee: C,
) -> impl Future<Output = HttpResponse> {
    async move {
        let app = Idempotency::of(callee.request()).clone();
        let settings = &app.0.settings;
        let mut event = EventGuard::open(settings.listener.as_ref(), &policy, || subject(&callee));
        #[cfg(feature = "admin")]
        if let Some(route) = event.counted_route() {
            app.0.endpoints.note(&policy, route, settings);
        }
        let request = callee.request();
        let in_head = request::key_in_head(policy.key, request, &settings.header_name, settings.key_rules());
        // A key in the body is found once the body has arrived.
        let mut key = match in_head.transpose() {
            Ok(key) => key,
            Err(KeyError::Missing) if !policy.required(&settings.defaults) => {
                event.ends(Outcome::Unprotected);
                return Box::pin(callee.pass_through(payload).instrument(event.span())).await;
            }
            Err(error) => {
                let (reason, key) = refused(error);
                event.refused(reason.code);
                let refusal = app.0.refusals.respond(reason, &policy, key.as_ref());
                return unread::instead_of(payload, refusal);
            }
        };
        let once = |event| once(&policy, &app, callee, &mut key, &mut payload, event);
        let answered = if event.has_span() { in_span(event, once).await } else { once(event).await };
        let refusal = match answered {
            Ok(response) => return response,
            Err(Rejection::Refused(reason)) => {
                let reason = if settings.name_callers(&policy) { reason } else { reason.by_credentials() };
                app.0.refusals.respond(reason, &policy, key.as_ref())
            }
            Err(Rejection::Failed(error)) => HttpResponse::from_error(error),
        };
        unread::instead_of(payload, refusal)
    }
}

/// Subject of the request's event.
fn subject(callee: &impl Callee) -> Subject {
    Subject { method: Some(callee.request().method().clone()), route: callee.pattern() }
}

/// Does `work` in a span that somebody looks at.
fn in_span<F: Future>(event: EventGuard, work: impl FnOnce(EventGuard) -> F) -> Pin<Box<Instrumented<F>>> {
    let span = event.span();
    Box::pin(work(event).instrument(span))
}

/// Runs the request of `key`, or replays its response: from memory, if it is there, without asking
/// the store. A key that is not known yet is in the body.
async fn once<C: Callee>(
    policy: &PolicyRef,
    app: &Idempotency,
    callee: C,
    key: &mut Option<Key>,
    payload: &mut Payload,
    mut event: EventGuard,
) -> Result<HttpResponse, Rejection> {
    if policy.transaction && app.0.store.transactions().is_none() {
        event.ends(Outcome::Rejected);
        return Err(without_transactions(policy));
    }
    let arrived = arrive(policy, app, callee.request(), payload).await;
    let arrived = arrived.inspect_err(|rejection| rejection.write(&mut event))?;
    let settings = &app.0.settings;
    let found = key_of(policy, settings, callee.request(), &arrived.body, key);
    let Some(key) = found.inspect_err(|reason| event.refused(reason.code))? else {
        event.ends(Outcome::Unprotected);
        let body = arrived.into_body();
        return Ok(Box::pin(callee.pass_through(body::again(body))).await);
    };
    let Identified { identity, caller, target, body } = identify(policy, settings, &callee, key, arrived);
    event.is_at(identity.address);
    let address = identity.address;
    let endpoint = || target.endpoint(&settings.namespace, policy.scope, || callee.pattern());
    if let Some(record) = app.0.store.recall(address, identity.fingerprint) {
        let answer = replay(&record);
        event.answered(&answer);
        let endpoint = || endpoint().as_str();
        return Ok(
            answer.inspect_err(|reason| warnings::refused(policy.handler, endpoint, address, reason.code))?
        );
    }
    let (endpoint, name) = (endpoint(), policy.handler);
    let origin = Origin::new(endpoint, caller).in_transaction(policy.transaction);
    let (policy, app, key) = (policy.clone(), app.clone(), Some(key.clone()));
    let work = Call { callee, body };
    let answer = answer(Job { policy, app, key, identity, origin, event, work }).await;
    Ok(answer.inspect_err(|reason| warnings::refused(name, || endpoint.as_str(), address, reason.code))?)
}

/// The key of a request whose `body` has arrived, if it has one: `key`, which its head has brought,
/// else the body's. A key that is refused is left in `key`, for what is said of it.
fn key_of<'a>(
    policy: &Policy,
    settings: &Settings,
    request: &HttpRequest,
    body: &[u8],
    key: &'a mut Option<Key>,
) -> Result<Option<&'a Key>, Reason> {
    if key.is_none() {
        match request::key_in_body(policy.key, request, body, settings.key_rules()) {
            Ok(found) => *key = Some(found),
            Err(KeyError::Missing) if !policy.required(&settings.defaults) => {}
            Err(error) => {
                let (reason, read) = refused(error);
                *key = read;
                return Err(reason);
            }
        }
    }
    Ok(key.as_ref())
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
