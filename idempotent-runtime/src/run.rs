//! The story of one request: who it is, whether it may run, and what it is answered.

use std::time::Duration;

use actix_web::{
    FromRequest, Handler, HttpRequest, HttpResponse, Responder, http::header::AUTHORIZATION, web,
};
use tokio::time::{Instant, timeout, timeout_at};

use crate::{
    execution::{self, Job, detached},
    flight::{Ending, Entry, Follower, Lead, Phase},
    idempotency::{Executing, Idempotency, OnStoreError},
    policy::{Abandoned, Policy},
    request::{self, Key, KeyError, Principal, Target, body},
    response::{
        Code, Reason,
        record::{self, Recorded},
    },
    store::{CallError, Claim, ClaimRequest, Hold, OnAbandoned, Record, Token},
};

/// Answers `request`: runs `handler` if it is the first of its key, and replays its response if it is not.
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
        return pass_through(&request, payload, &handler).await;
    }
    let app = Idempotency::of(&request).clone();
    let settings = &app.0.settings;
    let key = match request::read_key(request.headers(), &settings.header_name, settings.key_format) {
        Ok(key) => key,
        Err(KeyError::Missing) if !policy.required => return pass_through(&request, payload, &handler).await,
        Err(error) => return app.0.refusals.respond(error.into(), None),
    };
    match identify(policy, &app, &request, &key, payload).await {
        Ok((hold, body)) => {
            let job = Job { policy, app: app.clone(), request, body, handler, hold };
            answer(job).await.unwrap_or_else(|reason| app.0.refusals.respond(reason, Some(&key)))
        }
        Err(Unidentified::Refused(reason)) => app.0.refusals.respond(reason, Some(&key)),
        Err(Unidentified::Failed(error)) => HttpResponse::from_error(error),
    }
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

/// Why it is not known which request this is.
enum Unidentified {
    Refused(Reason),
    Failed(actix_web::Error),
}

/// Reads the body, and finds out where the request's entry lives and what it asks for.
async fn identify(
    policy: &Policy,
    app: &Idempotency,
    request: &HttpRequest,
    key: &Key,
    payload: web::Payload,
) -> Result<(Hold, bytes::Bytes), Unidentified> {
    let settings = &app.0.settings;
    let principal = match &settings.principal {
        Some(principal) => Some(principal(request).map_err(Unidentified::Failed)?),
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
    let hold = Hold {
        address: request::address(&settings.namespace, policy.scope, &target, &principal, key),
        token: Token::random().map_err(|error| Unidentified::Failed(internal(error)))?,
        fingerprint: request::fingerprint::fingerprint(
            &policy.fingerprint,
            request,
            &scope_parts,
            caller,
            &body,
        ),
    };
    Ok((hold, body))
}

fn internal(error: impl std::error::Error) -> actix_web::Error {
    tracing::error!(%error, "an idempotent request could not be run");
    actix_web::error::ErrorInternalServerError("")
}

/// Leads the flight of this request's address, or follows it, until there is an answer.
async fn answer<H, Args>(mut job: Job<H>) -> Result<HttpResponse, Reason>
where
    H: Handler<Args>,
    Args: FromRequest + 'static,
    H::Output: Responder,
{
    let flights = job.app.0.flights.clone();
    let mut deadline = Deadline { wait: job.policy.wait, at: None };
    loop {
        let lead = match flights.enter(job.hold.address) {
            Entry::Crowded => return Err(Code::InProgress.into()),
            Entry::Follow(follower) => match follow(follower, &job.hold, &mut deadline).await? {
                Some(response) => return Ok(response),
                None => continue,
            },
            Entry::Lead(lead) => lead,
        };
        match detached(Box::pin(ask(job, lead))).await.map_err(|error| Reason::from(lost(&error)))? {
            Asked::Answered(answer) => return answer,
            Asked::Elsewhere(back, lead, lease_left) => {
                job = back;
                wait_elsewhere(&job, lead, lease_left, &mut deadline).await?;
            }
        }
    }
}

fn lost(error: &tokio::task::JoinError) -> Code {
    tracing::error!(%error, "an execution ended without an outcome");
    Code::OutcomeUnknown
}

/// When a duplicate stops waiting: its policy's `wait` after it first had to.
struct Deadline {
    wait: Duration,
    at: Option<Instant>,
}

impl Deadline {
    /// The deadline, unless it has passed.
    fn left(&mut self) -> Option<Instant> {
        let now = Instant::now();
        let at = *self.at.get_or_insert(now + self.wait);
        (now < at).then_some(at)
    }
}

/// Waits for the flight's end. `None` where the store has to be asked.
async fn follow(
    mut follower: Follower,
    hold: &Hold,
    deadline: &mut Deadline,
) -> Result<Option<HttpResponse>, Reason> {
    let ending = match follower.claimed().await {
        Phase::Ended(ending) => ending,
        Phase::Running(running) | Phase::Elsewhere(running) if running != hold.fingerprint => {
            return Err(Code::KeyReused.into());
        }
        _ => {
            let at = deadline.left().ok_or(Code::InProgress)?;
            timeout_at(at, follower.ended()).await.map_err(|_| Code::InProgress)?
        }
    };
    match ending {
        Ending::Completed(fingerprint, _) if fingerprint != hold.fingerprint => Err(Code::KeyReused.into()),
        Ending::Completed(_, record) => replay(&record).map(Some),
        Ending::Settled(fingerprint, code) if fingerprint == hold.fingerprint => Err(code.into()),
        Ending::Settled(..) | Ending::Released | Ending::Lost | Ending::Panicked => Ok(None),
    }
}

/// What came of asking the store.
enum Asked<H> {
    Answered(Result<HttpResponse, Reason>),
    /// Another node runs the request, for as long as its lease does.
    Elsewhere(Job<H>, Lead, Duration),
}

/// Claims the address and does what the store says.
async fn ask<H, Args>(job: Job<H>, lead: Lead) -> Asked<H>
where
    H: Handler<Args>,
    Args: FromRequest,
    H::Output: Responder,
{
    let (hold, executing) = (job.hold, job.app.0.executions.count());
    let settled = |lead: Lead, code: Code| {
        lead.end(Ending::Settled(hold.fingerprint, code));
        Asked::Answered(Err(code.into()))
    };
    match job.app.0.store.claim(claim_request(&job)).await {
        Ok(Claim::Won { .. }) => Asked::Answered(Box::pin(execute(job, lead, executing)).await),
        Ok(Claim::Replay(record)) => {
            let answer = replay(&record);
            lead.end(Ending::Completed(hold.fingerprint, record));
            Asked::Answered(answer)
        }
        Ok(Claim::InFlight { lease_left }) => Asked::Elsewhere(job, lead, lease_left),
        Ok(Claim::Reused) => settled(lead, Code::KeyReused),
        Ok(Claim::Expired) => settled(lead, Code::KeyExpired),
        Ok(Claim::Abandoned) => settled(lead, Code::OutcomeUnknown),
        Err(error) if error.is_full() => settled(lead, Code::StoreFull),
        Err(error) => Asked::Answered(Box::pin(store_failed(job, lead, executing, error)).await),
    }
}

fn claim_request<H>(job: &Job<H>) -> ClaimRequest {
    ClaimRequest {
        hold: job.hold,
        lease: job.app.0.settings.lease,
        on_abandoned: match job.policy.abandoned {
            Abandoned::Refuse => OnAbandoned::Refuse,
            Abandoned::Rerun => OnAbandoned::Rerun,
        },
        retention: job.policy.ttl,
    }
}

/// Runs what has been claimed, unless the server is shutting down.
async fn execute<H, Args>(job: Job<H>, lead: Lead, executing: Executing) -> Result<HttpResponse, Reason>
where
    H: Handler<Args>,
    Args: FromRequest,
    H::Output: Responder,
{
    if !executing.is_draining() {
        return Ok(execution::execute(job, lead, executing).await);
    }
    execution::give_back(&job.app, job.hold).await;
    lead.end(Ending::Settled(job.hold.fingerprint, Code::ShuttingDown));
    Err(Code::ShuttingDown.into())
}

async fn store_failed<H, Args>(
    job: Job<H>,
    lead: Lead,
    executing: Executing,
    error: CallError<Claim>,
) -> Result<HttpResponse, Reason>
where
    H: Handler<Args>,
    Args: FromRequest,
    H::Output: Responder,
{
    tracing::error!(%error, handler = job.policy.handler, "the store failed at a claim");
    execution::give_back_unknown(&job.app, job.hold, error);
    let code = match job.app.0.settings.on_store_error {
        OnStoreError::Refuse => Code::StoreUnavailable,
        OnStoreError::Execute if executing.is_draining() => Code::ShuttingDown,
        OnStoreError::Execute => return Ok(execution::unprotected(job, lead).await),
    };
    lead.end(Ending::Settled(job.hold.fingerprint, code));
    Err(code.into())
}

/// Waits until the other node's claim may have changed. This future may be dropped: it holds the flight and a place, no claim.
async fn wait_elsewhere<H>(
    job: &Job<H>,
    lead: Lead,
    lease_left: Duration,
    deadline: &mut Deadline,
) -> Result<(), Reason> {
    let Some(at) = deadline.left() else {
        // Those who follow do not wait either, where none of them may: they need not ask one after the other.
        let waitless = job.policy.wait.is_zero();
        lead.end(if waitless {
            Ending::Settled(job.hold.fingerprint, Code::InProgress)
        } else {
            Ending::Released
        });
        return Err(Code::InProgress.into());
    };
    let _place = job.app.0.flights.place().ok_or(Code::InProgress)?;
    lead.elsewhere(job.hold.fingerprint);
    let changed = timeout(lease_left, job.app.0.store.changed(job.hold.address));
    let in_time = timeout_at(at, changed).await;
    lead.end(Ending::Released);
    in_time.map(|_| ()).map_err(|_| Code::InProgress.into())
}

fn replay(record: &Record) -> Result<HttpResponse, Reason> {
    match record::read(record) {
        Ok(Recorded::Response(replay)) => Ok(replay.into_response()),
        Ok(Recorded::NotStored) => Err(Code::ResponseNotStored.into()),
        Err(error) => {
            tracing::error!(%error, "a record cannot be read");
            Err(Code::OutcomeUnknown.into())
        }
    }
}

impl From<KeyError> for Reason {
    fn from(error: KeyError) -> Self {
        match error {
            KeyError::Missing => Code::KeyMissing.into(),
            KeyError::Invalid(detail) => Reason { code: Code::KeyInvalid, detail: Some(detail) },
        }
    }
}

impl From<body::BodyError> for Unidentified {
    fn from(error: body::BodyError) -> Self {
        match error {
            body::BodyError::TooLarge => Unidentified::Refused(Code::BodyTooLarge.into()),
            body::BodyError::Timeout => Unidentified::Refused(Code::BodyTimeout.into()),
            body::BodyError::Failed(error) => Unidentified::Failed(error.into()),
        }
    }
}
