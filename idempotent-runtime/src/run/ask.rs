//! Asks the store for a claim, and does what the answer says.

use std::time::Duration;

use actix_web::{FromRequest, Handler, HttpResponse, Responder};
use futures_util::{FutureExt, future::LocalBoxFuture};

use super::replay;
use crate::{
    context::Execution,
    execution::{self, Job, Sent, renewed_in_time},
    flight::{Ending, Follower, Lead},
    idempotency::{Executing, OnStoreError},
    observe::warnings,
    request::Identity,
    response::{Code, Reason},
    store::{CallError, Claim, ClaimRequest, Hold, Renewal, StoreError},
};

/// Result of asking for an answer.
pub(super) enum Asked<H> {
    Answered(Result<HttpResponse, Reason>),
    /// This process runs the request, or asks the store about it.
    Here(Box<Job<H>>, Follower),
    /// Another node runs the request. Holds how much of its lease is left.
    Elsewhere(Box<Job<H>>, Lead, Duration),
}

/// Next step for a request.
pub(super) enum Told<H> {
    /// Nothing is left to do.
    Known(Asked<H>),
    /// This work is to be done, to its end.
    Work(LocalBoxFuture<'static, Asked<H>>),
}

/// A request for which a claim is sent.
struct Claiming<H> {
    job: Job<H>,
    hold: Hold,
    lead: Lead,
    executing: Executing,
}

/// Asks the store for a claim. A claim that is answered at once cannot be dropped half-way, and
/// needs no future.
pub(super) fn ask<H, Args>(mut job: Job<H>, lead: Lead) -> Told<H>
where
    H: Handler<Args>,
    Args: FromRequest + 'static,
    H::Output: Responder,
{
    let executing = job.app.0.executions.count();
    let Identity { address, fingerprint } = job.identity;
    job.account.asks();
    let claiming = match job.app.0.store.token() {
        Ok(token) => Claiming { job, hold: Hold { address, token, fingerprint }, lead, executing },
        Err(error) => {
            tracing::error!(%error, handler = job.policy.handler, "there is no token for a claim");
            return settled(job, lead, Code::StoreUnavailable);
        }
    };
    match claiming.job.app.0.store.claim_now(&claiming.request()) {
        Some(claim) => claiming.told(claim),
        None => Told::Work(Box::pin(claiming.ask())),
    }
}

/// Refuses the request, and all who wait with the same request: the store's answer holds for them
/// too.
fn settled<H>(mut job: Job<H>, lead: Lead, reason: impl Into<Reason>) -> Told<H> {
    let reason = reason.into();
    job.account.refused(reason.code);
    lead.end(Ending::Settled(job.identity.fingerprint, reason));
    Told::Known(Asked::Answered(Err(reason)))
}

/// Reason to refuse a new key for which the store has no room, with the time after which there may
/// be room. `None` for any other error.
fn without_room(error: &CallError<Claim>) -> Option<Reason> {
    match error {
        CallError::Failed(StoreError::Full { retry_after, .. }) => {
            Some(Reason::new(Code::StoreFull).retry_after(*retry_after))
        }
        CallError::Failed(StoreError::TooManyKeys { retry_after, .. }) => {
            Some(Reason::new(Code::TooManyKeys).retry_after(Some(*retry_after)))
        }
        _ => None,
    }
}

impl<H> Claiming<H> {
    fn request(&self) -> ClaimRequest {
        execution::claim_request(self.job.policy, &self.job.app, self.hold, self.job.origin)
    }

    async fn ask<Args>(self) -> Asked<H>
    where
        H: Handler<Args>,
        Args: FromRequest + 'static,
        H::Output: Responder,
    {
        execution::keep_leases(&self.job.app);
        self.lead.claims(self.hold);
        let (app, sent) = (&self.job.app.0, Sent::now());
        let claim = match self.job.policy.transaction {
            true => app.store.claim_for_transaction(&self.request()).await,
            false => app.store.claim(&self.request()).await,
        };
        let told = match claim {
            Ok(Claim::Won { attempt }) if sent.is_late(app.settings.lease) => {
                Box::pin(self.late(attempt)).await
            }
            claim => self.told(claim),
        };
        match told {
            Told::Known(asked) => asked,
            Told::Work(work) => work.await,
        }
    }

    /// Renews a claim that has been won, but whose answer was heard so late that its lease may have
    /// run out since. Where the claim has been lost, the store is asked again.
    async fn late<Args>(mut self, attempt: u32) -> Told<H>
    where
        H: Handler<Args>,
        Args: FromRequest + 'static,
        H::Output: Responder,
    {
        let handler = self.job.policy.handler;
        match renewed_in_time(&self.job.app, self.hold).await {
            Ok(Renewal::Renewed) => self.told(Ok(Claim::Won { attempt })),
            Ok(Renewal::Fenced) => {
                tracing::warn!(handler, "a claim had been lost before its execution began: asking again");
                self.job.account.claimed();
                let told = ask(self.job, self.lead);
                drop(self.executing);
                told
            }
            Err(error) => {
                let error = error.into_error();
                Told::Work(Box::pin(not_renewed(self, attempt, error).map(Asked::Answered)))
            }
        }
    }

    fn told<Args>(self, claim: Result<Claim, CallError<Claim>>) -> Told<H>
    where
        H: Handler<Args>,
        Args: FromRequest + 'static,
        H::Output: Responder,
    {
        let Claiming { mut job, hold, lead, executing } = self;
        job.account.claimed();
        match claim {
            Ok(Claim::Won { attempt }) if executing.is_draining() => {
                Told::Work(Box::pin(given_back(job, hold, attempt, lead, executing).map(Asked::Answered)))
            }
            Ok(Claim::Won { attempt }) => {
                let won = Execution { policy: job.policy, hold, attempt, origin: job.origin };
                execution(job, won, lead, executing)
            }
            Ok(Claim::Replay { record, .. }) => {
                let answer = replay(&record);
                job.account.answered(&answer);
                lead.end(Ending::Completed(hold.fingerprint, record));
                Told::Known(Asked::Answered(answer))
            }
            Ok(Claim::InFlight { lease_left }) => {
                Told::Known(Asked::Elsewhere(Box::new(job), lead, lease_left))
            }
            Ok(Claim::Reused) => settled(job, lead, Code::KeyReused),
            Ok(Claim::Expired) => settled(job, lead, Code::KeyExpired),
            Ok(Claim::Abandoned) => settled(job, lead, Code::OutcomeUnknown),
            Err(error) if error.is_unreadable() => {
                tracing::error!(%error, handler = job.policy.handler, "an entry cannot be read");
                settled(job, lead, Code::OutcomeUnknown)
            }
            Err(error) => match without_room(&error) {
                Some(reason) => settled(job, lead, reason),
                None => {
                    let failed = store_failed(job, hold, lead, executing, error);
                    Told::Work(Box::pin(failed.map(Asked::Answered)))
                }
            },
        }
    }
}

/// Work of a request that has won its claim.
fn execution<H, Args>(mut job: Job<H>, execution: Execution, lead: Lead, executing: Executing) -> Told<H>
where
    H: Handler<Args>,
    Args: FromRequest + 'static,
    H::Output: Responder,
{
    job.account.begins(execution.attempt);
    if execution.attempt > 1 {
        warnings::taken_over(job.policy, execution.hold.address, execution.attempt);
    }
    #[cfg(any(feature = "sqlite", feature = "postgres"))]
    if job.policy.transaction {
        let run = execution::execute_in_transaction(job, execution, lead, executing);
        return Told::Work(Box::pin(run.map(Asked::Answered)));
    }
    if execution.attempt > 1 && job.app.0.settings.reconcile.is_some() {
        let run = execution::reconciled(job, execution, lead, executing);
        return Told::Work(Box::pin(run.map(Asked::Answered)));
    }
    let run = execution::execute(job, execution, lead, executing);
    Told::Work(Box::pin(run.map(|response| Asked::Answered(Ok(response)))))
}

/// Gives back a claim that was won while the server shuts down.
async fn given_back<H>(
    mut job: Job<H>,
    hold: Hold,
    attempt: u32,
    lead: Lead,
    _executing: Executing,
) -> Result<HttpResponse, Reason> {
    job.account.refused(Code::ShuttingDown);
    release_unused(&job, hold, attempt).await;
    lead.end(Ending::Settled(hold.fingerprint, Code::ShuttingDown.into()));
    Err(Code::ShuttingDown.into())
}

/// Gives back a claim under which nothing has run. A claim that was taken over from an execution
/// that died is left to its lease, since the next attempt would not be told otherwise.
async fn release_unused<H>(job: &Job<H>, hold: Hold, attempt: u32) {
    if attempt == 1 {
        execution::give_back(&job.app, job.policy, hold).await;
    }
}

/// Answers a request for which the store failed while its claim was renewed, before its execution
/// began.
async fn not_renewed<H, Args>(
    claiming: Claiming<H>,
    attempt: u32,
    error: StoreError,
) -> Result<HttpResponse, Reason>
where
    H: Handler<Args>,
    Args: FromRequest,
    H::Output: Responder,
{
    let Claiming { mut job, hold, lead, executing } = claiming;
    job.account.claimed();
    tracing::error!(%error, handler = job.policy.handler, "the store failed before an execution began");
    release_unused(&job, hold, attempt).await;
    without_claim(job, lead, executing).await
}

async fn store_failed<H, Args>(
    job: Job<H>,
    hold: Hold,
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
    if !error.did_nothing() {
        let request = execution::claim_request(job.policy, &job.app, hold, job.origin);
        execution::give_back_unknown(&job.app, request, error);
    }
    without_claim(job, lead, executing).await
}

/// Does what the application has chosen for a store that fails.
async fn without_claim<H, Args>(
    mut job: Job<H>,
    lead: Lead,
    mut executing: Executing,
) -> Result<HttpResponse, Reason>
where
    H: Handler<Args>,
    Args: FromRequest,
    H::Output: Responder,
{
    let code = match job.app.0.settings.on_store_error {
        OnStoreError::Refuse => Code::StoreUnavailable,
        OnStoreError::Execute if executing.is_draining() => Code::ShuttingDown,
        OnStoreError::Execute => {
            executing.begins();
            return Ok(execution::unprotected(job, lead).await);
        }
    };
    job.account.refused(code);
    lead.end(Ending::Settled(job.identity.fingerprint, code.into()));
    Err(code.into())
}
