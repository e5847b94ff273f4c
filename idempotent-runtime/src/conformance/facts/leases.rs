//! Claims whose lease runs out.

use super::fact::Fact;
use crate::{
    conformance::harness::{
        FENCED, Harness, LONG, Verdict, WON, hold, is, is_in_flight, is_replay, record, retry, reuse,
    },
    store::{Claim, Completion, OnAbandoned, Renewal, Store},
};

/// Facts about leases.
pub(super) fn facts<S: Store>() -> Vec<Fact<S>> {
    facts![
        a_renewed_lease_runs_from_now,
        an_expired_lease_that_nobody_saw_is_renewed,
        an_expired_lease_that_nobody_saw_is_completed,
        an_expired_lease_that_nobody_saw_is_released,
        an_expired_lease_that_was_seen_is_abandoned_for_good,
        an_abandoned_claim_is_not_run_again,
        an_abandoned_claim_is_lost_to_its_owner,
        an_abandoned_claim_is_forgotten_after_its_retention,
        an_expired_claim_is_forgotten_after_its_retention,
        a_hold_is_fenced_after_its_retention,
        a_hold_is_renewed_and_completed_within_its_retention,
        an_expired_lease_is_taken_over_as_the_next_attempt,
        a_running_lease_is_not_taken_over,
    ]
}

pub(super) async fn a_renewed_lease_runs_from_now<S: Store>(harness: Harness<S>) -> Verdict {
    let owner = hold()?;
    let lease = harness.unit() * 2;
    is(harness.ask(owner, lease, OnAbandoned::Refuse, LONG).await?, WON, "the claim")?;
    harness.pass(1.2).await;
    is(harness.renew(owner, lease).await?, Renewal::Renewed, "the owner's renewal")?;
    harness.pass(1.2).await;
    is_in_flight(harness.claim(retry(owner)?).await?, lease, "a claim within the renewed lease")?;
    harness.pass(1.2).await;
    is(harness.claim(retry(owner)?).await?, Claim::Abandoned, "a claim after the renewed lease")
}

pub(super) async fn an_expired_lease_that_nobody_saw_is_renewed<S: Store>(harness: Harness<S>) -> Verdict {
    let owner = harness.lapsed().await?;
    is(harness.renew(owner, LONG).await?, Renewal::Renewed, "the owner's renewal")?;
    is_in_flight(harness.rerun(retry(owner)?).await?, LONG, "a claim within the renewed lease")
}

pub(super) async fn an_expired_lease_that_nobody_saw_is_completed<S: Store>(harness: Harness<S>) -> Verdict {
    let owner = harness.lapsed().await?;
    is(harness.complete(owner, &record(b"late")).await?, Completion::Stored, "the owner's completion")?;
    is_replay(harness.claim(retry(owner)?).await?, record(b"late"), "a retry")
}

pub(super) async fn an_expired_lease_that_nobody_saw_is_released<S: Store>(harness: Harness<S>) -> Verdict {
    let owner = harness.lapsed().await?;
    harness.release(owner).await?;
    is(harness.claim(retry(owner)?).await?, WON, "a claim after the owner's release")
}

pub(super) async fn an_expired_lease_that_was_seen_is_abandoned_for_good<S: Store>(
    harness: Harness<S>,
) -> Verdict {
    let owner = harness.abandoned().await?;
    is(harness.claim(retry(owner)?).await?, Claim::Abandoned, "the next claim")?;
    is(harness.claim(owner).await?, Claim::Abandoned, "the owner's claim repeated")
}

pub(super) async fn an_abandoned_claim_is_not_run_again<S: Store>(harness: Harness<S>) -> Verdict {
    let owner = harness.abandoned().await?;
    is(harness.rerun(retry(owner)?).await?, Claim::Abandoned, "a rerun of what was abandoned under refuse")
}

pub(super) async fn an_abandoned_claim_is_lost_to_its_owner<S: Store>(harness: Harness<S>) -> Verdict {
    let owner = harness.abandoned().await?;
    is(harness.renew(owner, LONG).await?, Renewal::Fenced, "the owner's renewal")?;
    is(harness.complete(owner, &record(b"late")).await?, FENCED, "the owner's completion")?;
    harness.release(owner).await?;
    is(harness.claim(retry(owner)?).await?, Claim::Abandoned, "a claim after all this")
}

pub(super) async fn an_abandoned_claim_is_forgotten_after_its_retention<S: Store>(
    harness: Harness<S>,
) -> Verdict {
    let owner = hold()?;
    let unit = harness.unit();
    is(harness.ask(owner, unit, OnAbandoned::Refuse, unit * 2).await?, WON, "the claim")?;
    harness.pass(1.5).await;
    is(harness.claim(retry(owner)?).await?, Claim::Abandoned, "a claim within the retention")?;
    harness.pass(2.0).await;
    is(harness.claim(reuse(owner)?).await?, WON, "a claim after the retention, of another request")
}

pub(super) async fn an_expired_claim_is_forgotten_after_its_retention<S: Store>(
    harness: Harness<S>,
) -> Verdict {
    let owner = hold()?;
    let unit = harness.unit();
    is(harness.ask(owner, unit, OnAbandoned::Refuse, unit).await?, WON, "the claim")?;
    harness.pass(2.5).await;
    let next = reuse(owner)?;
    is(harness.rerun(next).await?, WON, "a claim after the retention, of another request")?;
    is(harness.complete(owner, &record(b"late")).await?, FENCED, "the old owner's completion")
}

pub(super) async fn a_hold_is_fenced_after_its_retention<S: Store>(harness: Harness<S>) -> Verdict {
    let (owner, unit) = (hold()?, harness.unit());
    is(harness.ask(owner, unit, OnAbandoned::Refuse, unit).await?, WON, "the claim")?;
    harness.pass(2.5).await;
    is(harness.renew(owner, LONG).await?, Renewal::Fenced, "the owner's renewal")?;
    is(harness.complete(owner, &record(b"late")).await?, FENCED, "the owner's completion")?;
    harness.release(owner).await?;
    is(harness.rerun(retry(owner)?).await?, WON, "a claim after all this")
}

pub(super) async fn a_hold_is_renewed_and_completed_within_its_retention<S: Store>(
    harness: Harness<S>,
) -> Verdict {
    let (owner, unit) = (hold()?, harness.unit());
    is(harness.ask(owner, unit, OnAbandoned::Refuse, unit * 2).await?, WON, "the claim")?;
    harness.pass(1.5).await;
    is(harness.renew(owner, unit).await?, Renewal::Renewed, "the owner's renewal")?;
    harness.pass(2.0).await;
    is(harness.complete(owner, &record(b"late")).await?, Completion::Stored, "the owner's completion")?;
    is_replay(harness.claim(retry(owner)?).await?, record(b"late"), "a retry")
}

pub(super) async fn an_expired_lease_is_taken_over_as_the_next_attempt<S: Store>(
    harness: Harness<S>,
) -> Verdict {
    let first = harness.lapsed().await?;
    let second = retry(first)?;
    let taken = harness.ask(second, harness.unit(), OnAbandoned::Rerun, LONG).await?;
    is(taken, Claim::Won { attempt: 2 }, "a rerun after the lease")?;
    harness.pass(1.5).await;
    is(harness.rerun(retry(first)?).await?, Claim::Won { attempt: 3 }, "a rerun after the second lease")
}

pub(super) async fn a_running_lease_is_not_taken_over<S: Store>(harness: Harness<S>) -> Verdict {
    let (first, second) = harness.taken_over().await?;
    is_in_flight(harness.rerun(retry(second)?).await?, LONG, "a rerun within the second lease")?;
    is_in_flight(harness.rerun(first).await?, LONG, "the old owner's claim repeated")?;
    is(harness.renew(second, LONG).await?, Renewal::Renewed, "the new owner's renewal")
}
