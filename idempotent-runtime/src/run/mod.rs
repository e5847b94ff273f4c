//! The story of one request: who it is, whether it may run, and what it is answered.

mod ask;
mod cookies;
mod identify;
mod wait;

use std::pin::Pin;

use actix_web::{
    FromRequest, Handler, HttpRequest, HttpResponse, Responder, error::ErrorInternalServerError, web,
};
use tracing::{Instrument, instrument::Instrumented};

use self::{
    ask::{Asked, Told, ask},
    identify::{Identified, Unanswered, identify},
    wait::wait,
};
use crate::{
    execution::{Job, Panicked, detached},
    flight::Entry,
    idempotency::Idempotency,
    observe::{Account, Outcome, warnings},
    policy::Policy,
    request::{self, Key, KeyError},
    response::{
        Code, Reason,
        record::{self, Recorded},
    },
    store::{Origin, Record},
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
    if request.method().is_safe() {
        return Box::pin(pass_through(&request, payload, &handler)).await;
    }
    let app = Idempotency::of(&request).clone();
    let settings = &app.0.settings;
    let mut account = Account::open(settings.audience.as_ref(), policy, &request);
    let key = match request::read_key(request.headers(), &settings.header_name, settings.key_format) {
        Ok(key) => key,
        Err(KeyError::Missing) if !policy.required => {
            account.ends(Outcome::Unprotected);
            return Box::pin(pass_through(&request, payload, &handler).instrument(account.span())).await;
        }
        Err(error) => {
            let reason = Reason::from(error);
            account.refused(reason.code);
            return app.0.refusals.respond(reason, None);
        }
    };
    let once = |account| once(policy, &app, request, &key, payload, handler, account);
    let answered = if account.has_span() { in_span(account, once).await } else { once(account).await };
    match answered {
        Ok(response) => response,
        Err(Unanswered::Refused(reason)) => {
            let reason = if settings.name_callers(policy) { reason } else { reason.by_credentials() };
            app.0.refusals.respond(reason, Some(&key))
        }
        Err(Unanswered::Failed(error)) => HttpResponse::from_error(error),
    }
}

/// Does `work` in a span that somebody looks at.
fn in_span<F: Future>(account: Account, work: impl FnOnce(Account) -> F) -> Pin<Box<Instrumented<F>>> {
    let span = account.span();
    Box::pin(work(account).instrument(span))
}

async fn pass_through<H, Args>(request: &HttpRequest, payload: web::Payload, handler: &H) -> HttpResponse
where
    H: Handler<Args>,
    Args: FromRequest,
    H::Output: Responder,
{
    match Args::from_request(request, &mut payload.into_inner()).await {
        Ok(args) => handler.call(args).await.respond_to(request).map_into_boxed_body(),
        Err(error) => HttpResponse::from_error(error),
    }
}

/// Runs the request of `key`, or replays its response: from memory, if it is there, without asking
/// the store.
async fn once<H, Args>(
    policy: &'static Policy,
    app: &Idempotency,
    request: HttpRequest,
    key: &Key,
    payload: web::Payload,
    handler: H,
    mut account: Account,
) -> Result<HttpResponse, Unanswered>
where
    H: Handler<Args>,
    Args: FromRequest + 'static,
    H::Output: Responder,
{
    if policy.transaction && app.0.store.transactions().is_none() {
        account.ends(Outcome::Rejected);
        return Err(without_transactions(policy));
    }
    let identified = identify(policy, app, &request, key, payload).await;
    let Identified { identity, caller, target, body } =
        identified.inspect_err(|unanswered| unanswered.write(&mut account))?;
    account.is_at(identity.address);
    let address = identity.address;
    let answer = match app.0.store.recall(address, identity.fingerprint) {
        Some(record) => {
            let answer = replay(&record);
            account.answered(&answer);
            answer
        }
        None => {
            let origin = Origin::new(target.endpoint(policy.scope), caller);
            let app = app.clone();
            answer(Job { policy, app, request, body, handler, identity, origin, account }).await
        }
    };
    Ok(answer.inspect_err(|reason| warnings::refused(policy, address, reason.code))?)
}

/// Refuses to run a handler that relies on what the store cannot do.
fn without_transactions(policy: &Policy) -> Unanswered {
    tracing::error!(
        handler = policy.handler,
        "`transaction` needs a store with transactions: a PostgresStore, or a SqliteStore that was made with the application's pool"
    );
    Unanswered::Failed(ErrorInternalServerError("the idempotency store of this endpoint has no transactions"))
}

/// Leads the flight of this request's address, or follows it, until there is an answer.
///
/// The waiting part is boxed: a future is as large as all that it may ever hold, and is moved
/// about.
fn answer<H, Args>(job: Job<H>) -> impl Future<Output = Result<HttpResponse, Reason>>
where
    H: Handler<Args>,
    Args: FromRequest + 'static,
    H::Output: Responder,
{
    let (policy, told) = (job.policy, enter(job));
    async move {
        match done(told).await? {
            Asked::Answered(answer) => answer,
            waiting => Box::pin(wait(policy, waiting)).await,
        }
    }
}

/// Leads the flight and asks the store, or follows one who does.
fn enter<H, Args>(mut job: Job<H>) -> Told<H>
where
    H: Handler<Args>,
    Args: FromRequest + 'static,
    H::Output: Responder,
{
    match job.app.0.flights.enter(job.identity.address, job.origin.caller_or_nobody()) {
        Entry::Lead(lead) => ask(job, lead),
        Entry::Follow(follower) => Told::Known(Asked::Here(Box::new(job), follower)),
        Entry::Crowded => {
            job.account.refused(Code::InProgress);
            Told::Known(Asked::Answered(Err(Code::InProgress.into())))
        }
    }
}

/// Does the next step, to its end.
async fn done<H: 'static>(told: Told<H>) -> Result<Asked<H>, Reason> {
    match told {
        Told::Known(asked) => Ok(asked),
        Told::Work(work) => detached(work).await.map_err(|panicked| lost(&panicked).into()),
    }
}

fn lost(panicked: &Panicked) -> Code {
    tracing::error!(error = %panicked, "an execution ended without an outcome");
    Code::OutcomeUnknown
}

fn replay(record: &Record) -> Result<HttpResponse, Reason> {
    match record::read(record) {
        Ok(Recorded::Response(replay)) => Ok(replay.into_response()),
        Ok(Recorded::NotStored) => Err(Code::ResponseNotStored.into()),
        Ok(Recorded::Unknown) => Err(Code::OutcomeUnknown.into()),
        Err(error) => {
            tracing::error!(%error, "a record cannot be read");
            Err(Code::OutcomeUnknown.into())
        }
    }
}

const OTHER_FORMAT: &str = "it is not a UUID of 36 characters with hyphens, which `key_format` asks for";

impl From<KeyError> for Reason {
    fn from(error: KeyError) -> Self {
        match error {
            KeyError::Missing => Code::KeyMissing.into(),
            KeyError::Invalid(mistake) => Reason { detail: Some(mistake), ..Reason::new(Code::KeyInvalid) },
            KeyError::OtherFormat => Reason { detail: Some(OTHER_FORMAT), ..Reason::new(Code::KeyInvalid) },
        }
    }
}
