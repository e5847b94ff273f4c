//! Turns of the attempts at running a step.

use std::{fmt::Display, time::Duration};

use tokio::time::{sleep, timeout};

use super::{CheckpointFailure, Inner};
use crate::{
    execution::{Claimed, Filed, Sent, carried, file, give_back_unknown, keep_leases, renewed_in_time},
    flight::{Ending, Entry, Lead},
    idempotency::{Executing, Idempotency},
    observe::Account,
    pace::Pace,
    policy::Policy,
    request::{self, Identity},
    store::{CallError, Changes, Claim, ClaimRequest, Hold, OnAbandoned, Origin, Record, Renewal, Retention},
};

/// Pauses between two looks at a flight that nobody else may wait for.
const FIRST_PAUSE: Duration = Duration::from_millis(5);
const LONGEST_PAUSE: Duration = Duration::from_millis(250);

/// State in which an attempt finds a step.
pub(super) enum Turn {
    /// The step is to be run, here and now.
    Ours(Running),
    /// The step has run. Holds what was recorded.
    Over(Record),
}

/// A step that runs. If it is dropped without an end, its claim is given back.
pub(super) struct Running(Option<Claimed>);

impl Turn {
    /// Waits until the step `name` of this execution has run, or is to be run here.
    ///
    /// Goes on by itself where nobody waits for it any more, and then gives back the claim that it
    /// has won.
    pub(super) async fn come(of: &Inner, name: &str) -> Result<Turn, CheckpointFailure> {
        #[cfg(any(feature = "sqlite", feature = "postgres"))]
        if crate::transaction::Slot::keeps_the_store_from_writing() {
            return Err(CheckpointFailure::InTransaction);
        }
        let Inner { execution, app, .. } = of;
        let Hold { address, fingerprint, .. } = execution.hold;
        let address = request::step(Identity { address, fingerprint }, name);
        let token = app.0.store.token().map_err(|error| unavailable(execution.policy, &error))?;
        let asking = Asking {
            policy: execution.policy,
            app: app.clone(),
            execution: execution.hold,
            origin: execution.origin,
            step: Hold { address, token, fingerprint },
            executing: app.0.executions.count(),
        };
        carried(Box::pin(asking.turn())).await.unwrap_or(Err(CheckpointFailure::Unavailable))
    }
}

/// Everything that is needed to ask for a turn.
struct Asking {
    policy: &'static Policy,
    app: Idempotency,
    execution: Hold,
    origin: Origin,
    step: Hold,
    executing: Executing,
}

impl Asking {
    /// Leads the step's flight, or waits for the one who does. That is an earlier attempt of this
    /// process, which has not ended with its handler.
    async fn turn(self) -> Result<Turn, CheckpointFailure> {
        let mut pace = Pace::new(FIRST_PAUSE, LONGEST_PAUSE);
        loop {
            match self.app.0.flights.enter(self.step.address, self.origin.caller_or_nobody()) {
                Entry::Lead(lead) => return self.claim(lead).await,
                Entry::Follow(mut follower) => {
                    if let Ending::Completed(_, record) | Ending::Unrecorded(_, record) =
                        follower.ended().await
                    {
                        return Ok(Turn::Over(record));
                    }
                }
                Entry::Crowded => sleep(pace.pause()).await,
            }
        }
    }

    /// Claims the step, and again each time that it was found running elsewhere.
    async fn claim(self, lead: Lead) -> Result<Turn, CheckpointFailure> {
        let mut changes = Changes::default();
        keep_leases(&self.app);
        loop {
            lead.claims(self.step);
            let sent = Sent::now();
            match self.app.0.store.claim(&self.request()).await {
                Ok(Claim::Won { .. }) => return self.won(lead, sent).await,
                Ok(Claim::Replay { record, .. }) => {
                    lead.end(Ending::Completed(self.step.fingerprint, record.clone()));
                    return Ok(Turn::Over(record));
                }
                Ok(Claim::InFlight { lease_left }) => {
                    lead.elsewhere(self.step.fingerprint);
                    let changed = changes.next(&self.app.0.store, self.step.address);
                    // Where nothing has changed, the lease has run out.
                    let _ = timeout(lease_left, changed).await;
                }
                Ok(Claim::Reused | Claim::Expired | Claim::Abandoned) => {
                    return Err(CheckpointFailure::Unreadable);
                }
                Err(error) if error.is_full() => return Err(CheckpointFailure::Full),
                Err(error) => {
                    let failure = unavailable(self.policy, &error);
                    if !error.did_nothing() {
                        give_back_unknown(&self.app, self.request(), error);
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
        self.policy.ttl.saturating_mul(2).saturating_add(self.app.0.settings.lease)
    }

    /// Checks that the execution's own claim stands: an execution that has lost it begins nothing
    /// new.
    async fn won(self, lead: Lead, sent: Sent) -> Result<Turn, CheckpointFailure> {
        let retention = Retention { replay: self.retention(), remember: Duration::ZERO };
        let Asking { policy, app, execution, step, executing, .. } = self;
        let claimed = Claimed::begin(policy, app.clone(), step, lead, Account::default(), executing);
        let running = Running(Some(Claimed { retention, ..claimed }));
        let failure = match both_stand(&app, execution, step, sent).await {
            Ok(Renewal::Renewed) => return Ok(Turn::Ours(running)),
            Ok(Renewal::Fenced) => CheckpointFailure::Fenced,
            Err(error) => unavailable(policy, &error),
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

fn unavailable(policy: &Policy, error: &impl Display) -> CheckpointFailure {
    tracing::error!(%error, handler = policy.handler, "the store failed at a checkpoint");
    CheckpointFailure::Unavailable
}

impl Running {
    /// Records that the step has run. Goes on by itself where nobody waits for it any more.
    pub(super) async fn over(mut self, record: Record) -> Filed {
        let Some(claimed) = self.0.take() else { return Filed::Late };
        carried(Box::pin(file(claimed, record))).await.unwrap_or(Filed::Late)
    }

    /// Lets the step be run again.
    pub(super) async fn given_up(mut self) {
        if let Some(claimed) = self.0.take() {
            let _ = carried(Box::pin(claimed.release(()))).await;
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(claimed) = self.0.take() {
            claimed.release_later();
        }
    }
}
