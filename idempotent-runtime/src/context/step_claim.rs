//! Turns of the attempts at running a step.

use std::{fmt::Display, time::Duration};

use tokio::time::{sleep, timeout};

use super::{error::CheckpointFailure, state::State};
use crate::{
    backoff::Backoff,
    engine::{Executing, Idempotency, Settings},
    execution::{
        Claimed, CompletionOutcome, Sent, carried, complete, keep_leases, release_unknown, renewed_in_time,
    },
    flight::{Ending, Entry, Leader},
    observe::EventGuard,
    policy_ref::PolicyRef,
    request,
    store::{CallError, Changes, Claim, ClaimRequest, Hold, OnAbandoned, Origin, Record, Renewal, Retention},
};

/// Pauses between two looks at a flight that nobody else may wait for.
const FIRST_PAUSE: Duration = Duration::from_millis(5);
const LONGEST_PAUSE: Duration = Duration::from_millis(250);

/// State in which an attempt finds a step.
pub(super) enum StepClaim {
    /// The step is to be run, here and now.
    Won(RunningStep),
    /// The step has run. Holds what was recorded.
    Recorded(Record),
}

/// A step that runs. If it is dropped without an end, its claim is given back.
pub(super) struct RunningStep(Option<Claimed>);

impl StepClaim {
    /// Waits until the step `name` of this execution has run, or is to be run here.
    ///
    /// Goes on by itself where nobody waits for it any more, and then gives back the claim that it
    /// has won.
    pub(super) async fn come(of: &State, name: &str) -> Result<StepClaim, CheckpointFailure> {
        #[cfg(any(feature = "sqlite", feature = "postgres"))]
        if crate::execution::keeps_the_store_from_writing() {
            return Err(CheckpointFailure::InTransaction);
        }
        let State { attempt, app, .. } = of;
        let Hold { address, fingerprint, .. } = attempt.hold;
        let address = request::step(address, fingerprint, name);
        let token = app.0.store.token().map_err(|error| unavailable(&attempt.policy, &error))?;
        let asking = Asking {
            policy: attempt.policy.clone(),
            app: app.clone(),
            execution: attempt.hold,
            origin: attempt.origin,
            step: Hold { address, token, fingerprint },
            executing: app.0.executions.count(),
        };
        carried(Box::pin(asking.turn())).await.unwrap_or(Err(CheckpointFailure::Unavailable))
    }
}

/// Everything that is needed to ask for a turn.
struct Asking {
    policy: PolicyRef,
    app: Idempotency,
    execution: Hold,
    origin: Origin,
    step: Hold,
    executing: Executing,
}

impl Asking {
    /// Leads the step's flight, or waits for the one who does. That is an earlier attempt of this
    /// process, which has not ended with its handler.
    async fn turn(self) -> Result<StepClaim, CheckpointFailure> {
        let mut pace = Backoff::new(FIRST_PAUSE, LONGEST_PAUSE);
        loop {
            match self.app.0.flights.enter(self.step.address, self.origin.caller_or_nobody()) {
                Entry::Leads(leader) => return self.claim(leader).await,
                Entry::Follows(mut follower) => {
                    if let Ending::Completed(_, record) | Ending::Unrecorded(_, record) =
                        follower.ended().await
                    {
                        return Ok(StepClaim::Recorded(record));
                    }
                }
                Entry::Crowded => sleep(pace.next_delay()).await,
            }
        }
    }

    /// Claims the step, and again each time that it was found running elsewhere.
    async fn claim(self, leader: Leader) -> Result<StepClaim, CheckpointFailure> {
        let mut changes = Changes::default();
        keep_leases(&self.app);
        loop {
            leader.claims(self.step);
            let sent = Sent::now();
            match self.app.0.store.claim(self.request()).await {
                Ok(Claim::Won { .. }) => return self.won(leader, sent).await,
                Ok(Claim::Replay { record, .. }) => {
                    leader.end(Ending::Completed(self.step.fingerprint, record.clone()));
                    return Ok(StepClaim::Recorded(record));
                }
                Ok(Claim::InFlight { lease_left }) => {
                    leader.elsewhere(self.step.fingerprint);
                    let changed = changes.next(&self.app.0.store, self.step.address);
                    // Where nothing has changed, the lease has run out.
                    let _ = timeout(lease_left, changed).await;
                }
                Ok(Claim::Reused | Claim::Expired | Claim::Abandoned) => {
                    return Err(CheckpointFailure::Unreadable);
                }
                Err(error) if error.is_full() => return Err(CheckpointFailure::Full),
                Err(error) => {
                    let failure = unavailable(&self.policy, &error);
                    if !error.did_nothing() {
                        release_unknown(&self.app, self.request(), error);
                    }
                    return Err(failure);
                }
            }
        }
    }

    fn request(&self) -> ClaimRequest {
        ClaimRequest {
            hold: self.step,
            lease: self.app.0.settings.lease,
            on_abandoned: OnAbandoned::Rerun,
            retention: self.retention(),
            origin: self.origin,
        }
    }

    /// Time for which the step is kept: twice the ttl and a lease.
    ///
    /// A key whose execution died is remembered for a lease and a ttl. The rest is for what that
    /// execution did after the step.
    fn retention(&self) -> Duration {
        let Settings { defaults, lease, .. } = &self.app.0.settings;
        self.policy.ttl(defaults).saturating_mul(2).saturating_add(*lease)
    }

    /// Checks that the execution's own claim stands: an execution that has lost it begins nothing
    /// new.
    async fn won(self, leader: Leader, sent: Sent) -> Result<StepClaim, CheckpointFailure> {
        let retention = Retention { replay: self.retention(), remember: Duration::ZERO };
        let Asking { policy, app, execution, step, executing, .. } = self;
        let claimed =
            Claimed::begin(policy.clone(), app.clone(), step, leader, EventGuard::default(), executing);
        let running = RunningStep(Some(Claimed { retention, ..claimed }));
        let failure = match both_stand(&app, execution, step, sent).await {
            Ok(Renewal::Renewed) => return Ok(StepClaim::Won(running)),
            Ok(Renewal::Fenced) => CheckpointFailure::Fenced,
            Err(error) => unavailable(&policy, &error),
        };
        running.given_up().await;
        Err(failure)
    }
}

/// Checks that the claims of an execution and of its step stand, and that neither lease may have
/// run out during the check. The step's claim was sent at `sent`.
async fn both_stand(
    app: &Idempotency,
    execution: Hold,
    step: Hold,
    mut sent: Sent,
) -> Result<Renewal, CallError<Renewal>> {
    loop {
        let renewal = renewed_in_time(app, execution).await?;
        if renewal == Renewal::Fenced || !sent.is_late(app.0.settings.lease) {
            return Ok(renewal);
        }
        sent = Sent::now();
        if renewed_in_time(app, step).await? == Renewal::Fenced {
            return Ok(Renewal::Fenced);
        }
    }
}

fn unavailable(policy: &PolicyRef, error: &impl Display) -> CheckpointFailure {
    tracing::error!(%error, handler = policy.name(), "the store failed at a checkpoint");
    CheckpointFailure::Unavailable
}

impl RunningStep {
    /// Records that the step has run. Goes on by itself where nobody waits for it any more.
    pub(super) async fn over(mut self, record: Record) -> CompletionOutcome {
        let Some(claimed) = self.0.take() else { return CompletionOutcome::Late };
        carried(Box::pin(complete(claimed, record))).await.unwrap_or(CompletionOutcome::Late)
    }

    /// Lets the step be run again.
    pub(super) async fn given_up(mut self) {
        if let Some(claimed) = self.0.take() {
            let _ = carried(Box::pin(claimed.release(()))).await;
        }
    }
}

impl Drop for RunningStep {
    fn drop(&mut self) {
        if let Some(claimed) = self.0.take() {
            claimed.release_later();
        }
    }
}
