//! Claims: asks the store for one, and does what the answer says.

use futures_util::{FutureExt, future::Either};

use super::{
    claim_request::claim_of,
    execute::execute,
    job::{Job, Won},
    lease::keep_leases,
    lease_age::{Sent, renewed_in_time},
    pending::{Answered, ClaimOutcome, Claiming, Pending},
    release::release,
    unanswered_claim::release_unknown,
    unprotected::unprotected,
    work::{OutcomeOf, Work},
};
use crate::{
    engine::{Executing, OnStoreError},
    flight::{Ending, Leader},
    reason::{Reason, RefusalCode},
    request::Identity,
    store::{CallError, Claim, ClaimRequest, Hold, Renewal, StoreError},
};

/// Next step for a request.
#[allow(
    clippy::large_enum_variant,
    reason = "it is taken apart at once, and a box would be an allocation per claim"
)]
pub(super) enum Step<W: Work> {
    /// Nothing is left to do.
    Done(OutcomeOf<W>),
    /// This is to be done, to its end.
    Pending(Pending<W>),
}

/// Result of a claim that has been answered.
#[allow(
    clippy::large_enum_variant,
    reason = "it is taken apart at once, and a box would be an allocation per claim"
)]
enum AfterClaim<W: Work> {
    Done(OutcomeOf<W>),
    Pending(Answered<W>),
}

impl<W: Work> From<AfterClaim<W>> for Step<W> {
    fn from(told: AfterClaim<W>) -> Self {
        match told {
            AfterClaim::Done(outcome) => Step::Done(outcome),
            AfterClaim::Pending(answered) => Step::Pending(Pending::Answered(answered)),
        }
    }
}

/// Does what is pending, to its end. The usual work has a box that holds nothing else: a future is
/// as large as all that it may ever hold.
pub(super) fn done<W: Work>(pending: Pending<W>) -> impl Future<Output = OutcomeOf<W>> + Unpin {
    match pending {
        Pending::Answered(Answered::Won(won)) if won.is_usual() => Either::Left(Box::pin(executed(won))),
        pending => Either::Right(Box::pin(do_all(pending))),
    }
}

/// Runs the work of a claim that has been won, for the first time.
fn executed<W: Work>(won: Won<W>) -> impl Future<Output = OutcomeOf<W>> {
    execute(won).map(|output| ClaimOutcome::Answered(Ok(output)))
}

/// Does everything that may be pending, to its end.
async fn do_all<W: Work>(pending: Pending<W>) -> OutcomeOf<W> {
    let answered = match pending {
        Pending::Answered(answered) => answered,
        Pending::Claim(claiming) => match Box::pin(claiming.sent()).await {
            AfterClaim::Done(outcome) => return outcome,
            AfterClaim::Pending(answered) => answered,
        },
    };
    match answered {
        Answered::Won(won) if won.is_usual() => Box::pin(executed(won)).await,
        Answered::Won(won) => ClaimOutcome::Answered(won.run_otherwise().await),
        Answered::Unwanted(won) => ClaimOutcome::Answered(Box::pin(given_back(won)).await),
        Answered::Failed(claiming, error) => {
            ClaimOutcome::Answered(Box::pin(store_failed(claiming, error)).await)
        }
    }
}

/// Asks the store for a claim. A claim that is answered at once cannot be dropped half-way, and
/// needs no future.
pub(super) fn ask<W: Work>(job: Job<W>, leader: Leader) -> Step<W> {
    let claiming = match claiming(job, leader) {
        Ok(claiming) => claiming,
        Err(outcome) => return Step::Done(outcome),
    };
    match claiming.job.app.0.store.claim_now(&claiming.request()) {
        Some(claim) => claiming.told(claim).into(),
        None => Step::Pending(Pending::Claim(claiming)),
    }
}

/// Claim of the request, before it is sent.
#[inline(always)]
fn claiming<W: Work>(mut job: Job<W>, leader: Leader) -> Result<Claiming<W>, OutcomeOf<W>> {
    let executing = job.app.0.executions.count();
    let Identity { address, fingerprint } = job.identity;
    job.event.asks();
    match job.app.0.store.token() {
        Ok(token) => Ok(Claiming { job, hold: Hold { address, token, fingerprint }, leader, executing }),
        Err(error) => {
            tracing::error!(%error, handler = job.policy.name(), "there is no token for a claim");
            Err(settled(job, leader, RefusalCode::StoreUnavailable))
        }
    }
}

/// Refuses the request, and all who wait with the same request: the store's answer holds for them
/// too.
fn settled<W: Work>(mut job: Job<W>, leader: Leader, reason: impl Into<Reason>) -> OutcomeOf<W> {
    let reason = reason.into();
    job.event.refused(reason.code);
    leader.end(Ending::Settled(job.identity.fingerprint, reason));
    ClaimOutcome::Answered(Err(reason))
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
        claim_of(&self.job, self.hold)
    }

    /// Sends the claim, and another one where the first was won and lost before its answer came.
    async fn sent(mut self) -> AfterClaim<W> {
        keep_leases(&self.job.app);
        loop {
            self.leader.claims(self.hold);
            let (app, sent) = (&self.job.app.0, Sent::now());
            let claim = match self.job.policy.transaction {
                true => app.store.claim_for_transaction(self.request()).await,
                false => app.store.claim(self.request()).await,
            };
            let attempt = match claim {
                Ok(Claim::Won { attempt }) if sent.is_late(app.settings.lease) => attempt,
                claim => return self.told(claim),
            };
            // The answer was heard so late that the lease may have run out since.
            match Box::pin(renewed_in_time(&self.job.app, self.hold)).await {
                Ok(Renewal::Renewed) => return self.told(Ok(Claim::Won { attempt })),
                Ok(Renewal::Fenced) => match self.again() {
                    Ok(claiming) => self = claiming,
                    Err(outcome) => return AfterClaim::Done(outcome),
                },
                Err(error) => {
                    return AfterClaim::Done(ClaimOutcome::Answered(
                        Box::pin(not_renewed(self, attempt, error.into_error())).await,
                    ));
                }
            }
        }
    }

    /// Another claim, in place of one that has been lost.
    fn again(mut self) -> Result<Self, OutcomeOf<W>> {
        let handler = self.job.policy.name();
        tracing::warn!(handler, "a claim had been lost before its execution began: asking again");
        self.job.event.claimed();
        // The first is counted until the second is.
        let Claiming { job, leader, executing: _executing, .. } = self;
        claiming(job, leader)
    }

    fn told(self, claim: Result<Claim, CallError<Claim>>) -> AfterClaim<W> {
        let Claiming { mut job, hold, leader, executing } = self;
        job.event.claimed();
        let settled = |job, leader, reason: Reason| AfterClaim::Done(settled(job, leader, reason));
        match claim {
            Ok(Claim::Won { attempt }) => {
                let is_unwanted = executing.is_draining();
                let won = Won { job, hold, number: attempt, leader, executing };
                AfterClaim::Pending(match is_unwanted {
                    true => Answered::Unwanted(won),
                    false => Answered::Won(won.begins()),
                })
            }
            Ok(Claim::Replay { record, .. }) => {
                let answer = W::read(&record);
                job.event.answered(&answer);
                leader.end(Ending::Completed(hold.fingerprint, record));
                AfterClaim::Done(ClaimOutcome::Answered(answer))
            }
            Ok(Claim::InFlight { lease_left }) => {
                AfterClaim::Done(ClaimOutcome::Elsewhere(Box::new(job), leader, lease_left))
            }
            Ok(Claim::Reused) => settled(job, leader, RefusalCode::KeyReused.into()),
            Ok(Claim::Expired) => settled(job, leader, RefusalCode::KeyExpired.into()),
            Ok(Claim::Abandoned) => settled(job, leader, RefusalCode::OutcomeUnknown.into()),
            Err(error) if error.is_unreadable() => {
                let (handler, endpoint) = (job.policy.name(), job.origin.endpoint());
                tracing::error!(%error, handler, endpoint, address = %hold.address, "an entry cannot be read");
                settled(job, leader, RefusalCode::OutcomeUnknown.into())
            }
            Err(error) => match without_room(&error) {
                Some(reason) => settled(job, leader, reason),
                None => {
                    AfterClaim::Pending(Answered::Failed(Claiming { job, hold, leader, executing }, error))
                }
            },
        }
    }
}

/// Gives back a claim that was won while the server shuts down.
async fn given_back<W: Work>(won: Won<W>) -> Result<W::Output, Reason> {
    let Won { mut job, hold, number, leader, executing: _executing } = won;
    job.event.refused(RefusalCode::ShuttingDown);
    release_unused(&job, hold, number).await;
    leader.end(Ending::Settled(hold.fingerprint, RefusalCode::ShuttingDown.into()));
    Err(RefusalCode::ShuttingDown.into())
}

/// Gives back a claim under which nothing has run. A claim that was taken over from an execution
/// that died is left to its lease, since the next attempt would not be told otherwise.
async fn release_unused<W>(job: &Job<W>, hold: Hold, attempt: u32) {
    if attempt == 1 {
        release(&job.app, &job.policy, hold).await;
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
    tracing::error!(%error, handler = job.policy.name(), "the store failed before an execution began");
    release_unused(&job, hold, attempt).await;
    without_claim(job, leader, executing).await
}

async fn store_failed<W: Work>(claiming: Claiming<W>, error: CallError<Claim>) -> Result<W::Output, Reason> {
    let Claiming { job, hold, leader, executing } = claiming;
    tracing::error!(%error, handler = job.policy.name(), "the store failed at a claim");
    if !error.did_nothing() {
        let request = claim_of(&job, hold);
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
    let code = match W::on_store_error(&job.app.0) {
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
