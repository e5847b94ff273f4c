//! Claims: asks the store for one, and does what the answer says.

use std::time::Duration;

use futures_util::{FutureExt, future::LocalBoxFuture};

#[cfg(any(feature = "sqlite", feature = "postgres"))]
use super::transactional::execute_in_transaction;
use super::{
    execute::execute,
    job::Job,
    late::{Sent, renewed_in_time},
    lease::keep_leases,
    release::{release, release_unknown},
    takeover::take_over,
    unprotected::unprotected,
    work::Work,
};
use crate::{
    engine::{Executing, OnStoreError},
    flight::{Ending, Follower, Leader},
    observe::warnings,
    reason::{Reason, RefusalCode},
    request::Identity,
    store::{CallError, Claim, ClaimRequest, Hold, Renewal, StoreError},
};

/// Result of asking for an answer.
pub(super) enum ClaimOutcome<W: Work> {
    Answered(Result<W::Output, Reason>),
    /// This process runs the request, or asks the store about it.
    Following(Box<Job<W>>, Follower),
    /// Another node runs the request. Holds how much of its lease is left.
    Elsewhere(Box<Job<W>>, Leader, Duration),
}

/// Next step for a request.
pub(super) enum Step<W: Work> {
    /// Nothing is left to do.
    Done(ClaimOutcome<W>),
    /// This work is to be done, to its end.
    Pending(LocalBoxFuture<'static, ClaimOutcome<W>>),
}

/// A request for which a claim is sent.
struct Claiming<W> {
    job: Job<W>,
    hold: Hold,
    leader: Leader,
    executing: Executing,
}

/// Asks the store for a claim. A claim that is answered at once cannot be dropped half-way, and
/// needs no future.
pub(super) fn ask<W: Work>(mut job: Job<W>, leader: Leader) -> Step<W> {
    let executing = job.app.0.executions.count();
    let Identity { address, fingerprint } = job.identity;
    job.event.asks();
    let claiming = match job.app.0.store.token() {
        Ok(token) => Claiming { job, hold: Hold { address, token, fingerprint }, leader, executing },
        Err(error) => {
            tracing::error!(%error, handler = job.policy.handler, "there is no token for a claim");
            return settled(job, leader, RefusalCode::StoreUnavailable);
        }
    };
    match claiming.job.app.0.store.claim_now(&claiming.request()) {
        Some(claim) => claiming.told(claim),
        None => Step::Pending(Box::pin(claiming.sent())),
    }
}

/// Refuses the request, and all who wait with the same request: the store's answer holds for them
/// too.
fn settled<W: Work>(mut job: Job<W>, leader: Leader, reason: impl Into<Reason>) -> Step<W> {
    let reason = reason.into();
    job.event.refused(reason.code);
    leader.end(Ending::Settled(job.identity.fingerprint, reason));
    Step::Done(ClaimOutcome::Answered(Err(reason)))
}

/// Reason to refuse a new key for which the store has no room, with the time after which there may
/// be room. `None` for any other error.
fn without_room(error: &CallError<Claim>) -> Option<Reason> {
    match error {
        CallError::Failed(StoreError::Full { retry_after, .. }) => {
            Some(Reason::new(RefusalCode::StoreFull).retry_after(*retry_after))
        }
        CallError::Failed(StoreError::TooManyKeys { retry_after, .. }) => {
            Some(Reason::new(RefusalCode::TooManyKeys).retry_after(Some(*retry_after)))
        }
        _ => None,
    }
}

impl<W: Work> Claiming<W> {
    fn request(&self) -> ClaimRequest {
        self.job.claim_request(self.hold)
    }

    async fn sent(self) -> ClaimOutcome<W> {
        keep_leases(&self.job.app);
        self.leader.claims(self.hold);
        let (app, sent) = (&self.job.app.0, Sent::now());
        let claim = match self.job.policy.transaction {
            true => app.store.claim_for_transaction(self.request()).await,
            false => app.store.claim(self.request()).await,
        };
        let step = match claim {
            Ok(Claim::Won { attempt }) if sent.is_late(app.settings.lease) => {
                Box::pin(self.late(attempt)).await
            }
            claim => self.told(claim),
        };
        match step {
            Step::Done(outcome) => outcome,
            Step::Pending(work) => work.await,
        }
    }

    /// Renews a claim that has been won, but whose answer was heard so late that its lease may have
    /// run out since. Where the claim has been lost, the store is asked again.
    async fn late(mut self, attempt: u32) -> Step<W> {
        let handler = self.job.policy.handler;
        match renewed_in_time(&self.job.app, self.hold).await {
            Ok(Renewal::Renewed) => self.told(Ok(Claim::Won { attempt })),
            Ok(Renewal::Fenced) => {
                tracing::warn!(handler, "a claim had been lost before its execution began: asking again");
                self.job.event.claimed();
                let step = ask(self.job, self.leader);
                drop(self.executing);
                step
            }
            Err(error) => {
                let error = error.into_error();
                Step::Pending(Box::pin(not_renewed(self, attempt, error).map(ClaimOutcome::Answered)))
            }
        }
    }

    fn told(self, claim: Result<Claim, CallError<Claim>>) -> Step<W> {
        let Claiming { mut job, hold, leader, executing } = self;
        job.event.claimed();
        match claim {
            Ok(Claim::Won { attempt }) if executing.is_draining() => Step::Pending(Box::pin(
                given_back(job, hold, attempt, leader, executing).map(ClaimOutcome::Answered),
            )),
            Ok(Claim::Won { attempt }) => won(job, hold, attempt, leader, executing),
            Ok(Claim::Replay { record, .. }) => {
                let answer = W::read(&record);
                job.event.answered(&answer);
                leader.end(Ending::Completed(hold.fingerprint, record));
                Step::Done(ClaimOutcome::Answered(answer))
            }
            Ok(Claim::InFlight { lease_left }) => {
                Step::Done(ClaimOutcome::Elsewhere(Box::new(job), leader, lease_left))
            }
            Ok(Claim::Reused) => settled(job, leader, RefusalCode::KeyReused),
            Ok(Claim::Expired) => settled(job, leader, RefusalCode::KeyExpired),
            Ok(Claim::Abandoned) => settled(job, leader, RefusalCode::OutcomeUnknown),
            Err(error) if error.is_unreadable() => {
                tracing::error!(%error, handler = job.policy.handler, "an entry cannot be read");
                settled(job, leader, RefusalCode::OutcomeUnknown)
            }
            Err(error) => match without_room(&error) {
                Some(reason) => settled(job, leader, reason),
                None => {
                    let failed = store_failed(job, hold, leader, executing, error);
                    Step::Pending(Box::pin(failed.map(ClaimOutcome::Answered)))
                }
            },
        }
    }
}

/// Work of a request that has won its claim.
fn won<W: Work>(mut job: Job<W>, hold: Hold, number: u32, leader: Leader, executing: Executing) -> Step<W> {
    job.event.begins(number);
    if number > 1 {
        warnings::taken_over(job.policy, hold.address, number);
    }
    #[cfg(any(feature = "sqlite", feature = "postgres"))]
    if job.policy.transaction {
        let run = execute_in_transaction(job, hold, number, leader, executing);
        return Step::Pending(Box::pin(run.map(ClaimOutcome::Answered)));
    }
    if number > 1 && W::is_reconciled(&job.app.0) {
        let run = take_over(job, hold, number, leader, executing);
        return Step::Pending(Box::pin(run.map(ClaimOutcome::Answered)));
    }
    let run = execute(job, hold, number, leader, executing);
    Step::Pending(Box::pin(run.map(|output| ClaimOutcome::Answered(Ok(output)))))
}

/// Gives back a claim that was won while the server shuts down.
async fn given_back<W: Work>(
    mut job: Job<W>,
    hold: Hold,
    attempt: u32,
    leader: Leader,
    _executing: Executing,
) -> Result<W::Output, Reason> {
    job.event.refused(RefusalCode::ShuttingDown);
    release_unused(&job, hold, attempt).await;
    leader.end(Ending::Settled(hold.fingerprint, RefusalCode::ShuttingDown.into()));
    Err(RefusalCode::ShuttingDown.into())
}

/// Gives back a claim under which nothing has run. A claim that was taken over from an execution
/// that died is left to its lease, since the next attempt would not be told otherwise.
async fn release_unused<W: Work>(job: &Job<W>, hold: Hold, attempt: u32) {
    if attempt == 1 {
        release(&job.app, job.policy, hold).await;
    }
}

/// Answers a request for which the store failed while its claim was renewed, before its execution
/// began.
async fn not_renewed<W: Work>(
    claiming: Claiming<W>,
    attempt: u32,
    error: StoreError,
) -> Result<W::Output, Reason> {
    let Claiming { mut job, hold, leader, executing } = claiming;
    job.event.claimed();
    tracing::error!(%error, handler = job.policy.handler, "the store failed before an execution began");
    release_unused(&job, hold, attempt).await;
    without_claim(job, leader, executing).await
}

async fn store_failed<W: Work>(
    job: Job<W>,
    hold: Hold,
    leader: Leader,
    executing: Executing,
    error: CallError<Claim>,
) -> Result<W::Output, Reason> {
    tracing::error!(%error, handler = job.policy.handler, "the store failed at a claim");
    if !error.did_nothing() {
        let request = job.claim_request(hold);
        release_unknown(&job.app, request, error);
    }
    without_claim(job, leader, executing).await
}

/// Does what the application has chosen for a store that fails.
async fn without_claim<W: Work>(
    mut job: Job<W>,
    leader: Leader,
    mut executing: Executing,
) -> Result<W::Output, Reason> {
    let code = match job.app.0.settings.on_store_error {
        OnStoreError::Refuse => RefusalCode::StoreUnavailable,
        OnStoreError::Execute if executing.is_draining() => RefusalCode::ShuttingDown,
        OnStoreError::Execute => {
            executing.begins();
            return Ok(unprotected(job, leader).await);
        }
    };
    job.event.refused(code);
    leader.end(Ending::Settled(job.identity.fingerprint, code.into()));
    Err(code.into())
}
