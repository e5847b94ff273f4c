//! One entry of a walk: it is taken over, the application is asked, and the entry ends.

use super::{
    ask::{Dead, Verdict, ask},
    policy::POLICY,
};
use crate::{
    engine::{Executing, Idempotency},
    execution::{
        Claimed, Sent, complete, complete_as_unknown, keep_leases, release_unknown, renewed_in_time,
    },
    flight::{Ending, Entry, Leader},
    observe::EventGuard,
    policy_ref::PolicyRef,
    record,
    request::{CallerId, label},
    store::{
        CallError, Claim, ClaimRequest, Hold, Inspection, OnAbandoned, Origin, Record, Renewal, Resolve,
        ResolveRequest, Retention, Standing, StoreError,
    },
};

// An entry that was found dead, and what the walk makes of it. Retries that come meanwhile wait for
// the claim, in this process for the flight:
//
//   lapsed ─ claimed, as a later attempt ─▶ taken over: the lease is kept, the application asked
//          ─ a retry, or another walk, was quicker ─▶ theirs
//   taken over ─ Complete, Value ─▶ completed: whoever asks later gets it
//              ─ Refuse ──────────▶ completed: it is recorded that there is no outcome to be known
//              ─ Rerun ───────────▶ vacant: the key is free
//              ─ no answer, or the node dies ─▶ lapsed, a lease later: the next walk asks again
//   seen dead (abandoned for good, which no claim moves) ─ the application is asked ─▶
//              completed or vacant, as by hand, if it is still the entry that was seen
//
// Nothing else is asked for: a claim that finds the key free again is given back.
pub(super) async fn recover(app: &Idempotency, found: &Inspection) {
    let Entry::Leads(leader) = app.0.flights.enter(found.address, CallerId::NOBODY) else { return };
    let executing = app.0.executions.count();
    if executing.is_draining() {
        return;
    }
    let recovered = match take_over(app, found, leader, executing).await {
        Ok(Taken::Ours(claimed, attempt)) => decided(app, found, claimed, attempt).await,
        Ok(Taken::SeenDead(leader)) => ended_by_hand(app, found, leader).await,
        Ok(Taken::Nothing) => return,
        Err(error) => Err(error),
    };
    let (endpoint, address) = (label::endpoint_of(&found.label), found.address);
    match recovered {
        Ok(Some(decision)) => tracing::info!(
            endpoint,
            %address,
            attempt = found.attempt,
            decision,
            "an execution that died was reconciled without a retry"
        ),
        // That there is no answer is logged where it is asked for.
        Ok(None) => {}
        Err(error) => {
            tracing::warn!(%error, endpoint, %address, "an execution that died was not reconciled: the store failed")
        }
    }
}

/// Result of a takeover.
enum Taken {
    /// The entry is ours, at this attempt.
    Ours(Claimed, u32),
    /// The entry was seen dead before, and no claim moves it.
    SeenDead(Leader),
    /// The entry is not there any more, or somebody else is at it.
    Nothing,
}

async fn take_over(
    app: &Idempotency,
    found: &Inspection,
    leader: Leader,
    executing: Executing,
) -> Result<Taken, StoreError> {
    let token = app.0.store.token().map_err(CallError::into_error)?;
    let hold = Hold { address: found.address, token, fingerprint: found.fingerprint };
    let request = ClaimRequest {
        hold,
        lease: app.0.settings.lease,
        on_abandoned: OnAbandoned::Rerun,
        // Remembered for no longer than it would have been: this counts from the end of the lease.
        retention: found.kept_for.saturating_sub(app.0.settings.lease),
        // It is of the endpoint that it was of.
        origin: Origin::default(),
    };
    keep_leases(app);
    leader.claims(hold);
    let sent = Sent::now();
    match app.0.store.claim(request).await {
        Ok(Claim::Won { attempt }) => {
            let (policy, event) = (PolicyRef::Handler(&POLICY), EventGuard::default());
            let claimed = Claimed::begin(policy, app.clone(), hold, leader, event, executing);
            let remember = app.0.settings.remember_expired;
            let claimed = Claimed { retention: Retention { replay: found.kept_for, remember }, ..claimed };
            if attempt <= 1 {
                claimed.release(()).await;
                return Ok(Taken::Nothing);
            }
            let is_held = !sent.is_late(app.0.settings.lease)
                || renewed_in_time(app, hold).await.map_err(CallError::into_error)? == Renewal::Renewed;
            Ok(if is_held { Taken::Ours(claimed, attempt) } else { Taken::Nothing })
        }
        Ok(Claim::Abandoned) => Ok(Taken::SeenDead(leader)),
        Ok(_) => Ok(Taken::Nothing),
        Err(error) if error.did_nothing() => Err(error.into_error()),
        Err(error) => {
            release_unknown(app, request, error);
            Ok(Taken::Nothing)
        }
    }
}

/// Asks the application about an entry that was taken over, and does what it says.
async fn decided(
    app: &Idempotency,
    found: &Inspection,
    claimed: Claimed,
    attempt: u32,
) -> Result<Option<&'static str>, StoreError> {
    let Some(verdict) = ask(app, dead(found, attempt - 1)).await else {
        claimed.leader.end(Ending::Lost);
        return Ok(None);
    };
    match verdict {
        Verdict::Rerun => {
            claimed.release(()).await;
            Ok(Some("rerun"))
        }
        Verdict::Refuse => {
            complete_as_unknown(claimed).await;
            Ok(Some("refuse"))
        }
        Verdict::Record(record) => {
            complete(claimed, record).await;
            Ok(Some("complete"))
        }
    }
}

/// Asks the application about an entry that was seen dead, and ends it if it is still that one.
async fn ended_by_hand(
    app: &Idempotency,
    found: &Inspection,
    leader: Leader,
) -> Result<Option<&'static str>, StoreError> {
    let Some(verdict) = ask(app, dead(found, found.attempt)).await else { return Ok(None) };
    let (decision, outcome) = match verdict {
        Verdict::Rerun => ("rerun", None),
        Verdict::Refuse => ("refuse", Some(record::of_unknown())),
        Verdict::Record(record) => ("complete", Some(record)),
    };
    let is_ended = end(app, found, outcome).await?;
    leader.end(Ending::Lost);
    Ok(is_ended.then_some(decision))
}

/// Ends the entry. It takes a lease for another one to be dead in its place, so nothing comes in
/// between the look and the end.
async fn end(app: &Idempotency, found: &Inspection, outcome: Option<Record>) -> Result<bool, StoreError> {
    let store = &app.0.store;
    let now = store.inspect(found.address).await.map_err(CallError::into_error)?;
    let is_it =
        |now: &Inspection| now.token == found.token && matches!(now.standing, Standing::Abandoned { .. });
    if !now.as_ref().is_some_and(is_it) {
        return Ok(false);
    }
    let token = store.token().map_err(CallError::into_error)?;
    let request = ResolveRequest { address: found.address, token, instead_of: None, outcome };
    let resolved = store.resolve(request).await.map_err(CallError::into_error)?;
    Ok(resolved == Resolve::Done)
}

fn dead(found: &Inspection, attempt: u32) -> Dead {
    let age = match found.standing {
        Standing::Abandoned { lapsed } => Some(lapsed),
        _ => None,
    };
    let endpoint = label::endpoint_of(&found.label).to_owned().into();
    let is_operation = label::is_of_operation(&found.label);
    Dead { address: found.address, endpoint, is_operation, attempt, age }
}
