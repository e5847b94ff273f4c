//! Claims whose lease runs out.

use super::super::desk::{
    Desk, FENCED, LONG, Verdict, WON, hold, is, is_in_flight, is_replay, record, retry, reuse,
};
use crate::store::{Claim, Completion, OnAbandoned, Renewal, Store};

pub(super) async fn a_renewed_lease_runs_from_now<S: Store>(desk: Desk<S>) -> Verdict {
    let owner = hold()?;
    let lease = desk.unit() * 2;
    is(desk.ask(owner, lease, OnAbandoned::Refuse, LONG).await?, WON, "the claim")?;
    desk.pass(1.2).await;
    is(desk.renew(owner, lease).await?, Renewal::Renewed, "the owner's renewal")?;
    desk.pass(1.2).await;
    is_in_flight(desk.claim(retry(owner)?).await?, lease, "a claim within the renewed lease")?;
    desk.pass(1.2).await;
    is(desk.claim(retry(owner)?).await?, Claim::Abandoned, "a claim after the renewed lease")
}

pub(super) async fn an_expired_lease_that_nobody_saw_is_renewed<S: Store>(desk: Desk<S>) -> Verdict {
    let owner = desk.lapsed().await?;
    is(desk.renew(owner, LONG).await?, Renewal::Renewed, "the owner's renewal")?;
    is_in_flight(desk.rerun(retry(owner)?).await?, LONG, "a claim within the renewed lease")
}

pub(super) async fn an_expired_lease_that_nobody_saw_is_completed<S: Store>(desk: Desk<S>) -> Verdict {
    let owner = desk.lapsed().await?;
    is(desk.complete(owner, &record(b"late")).await?, Completion::Stored, "the owner's completion")?;
    is_replay(desk.claim(retry(owner)?).await?, record(b"late"), "a retry")
}

pub(super) async fn an_expired_lease_that_nobody_saw_is_released<S: Store>(desk: Desk<S>) -> Verdict {
    let owner = desk.lapsed().await?;
    desk.release(owner).await?;
    is(desk.claim(retry(owner)?).await?, WON, "a claim after the owner's release")
}

pub(super) async fn an_expired_lease_that_was_seen_is_abandoned_for_good<S: Store>(desk: Desk<S>) -> Verdict {
    let owner = desk.abandoned().await?;
    is(desk.claim(retry(owner)?).await?, Claim::Abandoned, "the next claim")?;
    is(desk.claim(owner).await?, Claim::Abandoned, "the owner's claim repeated")
}

pub(super) async fn an_abandoned_claim_is_not_run_again<S: Store>(desk: Desk<S>) -> Verdict {
    let owner = desk.abandoned().await?;
    is(desk.rerun(retry(owner)?).await?, Claim::Abandoned, "a rerun of what was abandoned under refuse")
}

pub(super) async fn an_abandoned_claim_is_lost_to_its_owner<S: Store>(desk: Desk<S>) -> Verdict {
    let owner = desk.abandoned().await?;
    is(desk.renew(owner, LONG).await?, Renewal::Fenced, "the owner's renewal")?;
    is(desk.complete(owner, &record(b"late")).await?, FENCED, "the owner's completion")?;
    desk.release(owner).await?;
    is(desk.claim(retry(owner)?).await?, Claim::Abandoned, "a claim after all this")
}

pub(super) async fn an_abandoned_claim_is_forgotten_after_its_retention<S: Store>(desk: Desk<S>) -> Verdict {
    let owner = hold()?;
    let unit = desk.unit();
    is(desk.ask(owner, unit, OnAbandoned::Refuse, unit * 2).await?, WON, "the claim")?;
    desk.pass(1.5).await;
    is(desk.claim(retry(owner)?).await?, Claim::Abandoned, "a claim within the retention")?;
    desk.pass(2.0).await;
    is(desk.claim(reuse(owner)?).await?, WON, "a claim after the retention, of another request")
}

pub(super) async fn an_expired_claim_is_forgotten_after_its_retention<S: Store>(desk: Desk<S>) -> Verdict {
    let owner = hold()?;
    let unit = desk.unit();
    is(desk.ask(owner, unit, OnAbandoned::Refuse, unit).await?, WON, "the claim")?;
    desk.pass(2.5).await;
    let next = reuse(owner)?;
    is(desk.rerun(next).await?, WON, "a claim after the retention, of another request")?;
    is(desk.complete(owner, &record(b"late")).await?, FENCED, "the old owner's completion")
}

pub(super) async fn a_hold_is_fenced_after_its_retention<S: Store>(desk: Desk<S>) -> Verdict {
    let (owner, unit) = (hold()?, desk.unit());
    is(desk.ask(owner, unit, OnAbandoned::Refuse, unit).await?, WON, "the claim")?;
    desk.pass(2.5).await;
    is(desk.renew(owner, LONG).await?, Renewal::Fenced, "the owner's renewal")?;
    is(desk.complete(owner, &record(b"late")).await?, FENCED, "the owner's completion")?;
    desk.release(owner).await?;
    is(desk.rerun(retry(owner)?).await?, WON, "a claim after all this")
}

pub(super) async fn a_hold_is_renewed_and_completed_within_its_retention<S: Store>(desk: Desk<S>) -> Verdict {
    let (owner, unit) = (hold()?, desk.unit());
    is(desk.ask(owner, unit, OnAbandoned::Refuse, unit * 2).await?, WON, "the claim")?;
    desk.pass(1.5).await;
    is(desk.renew(owner, unit).await?, Renewal::Renewed, "the owner's renewal")?;
    desk.pass(2.0).await;
    is(desk.complete(owner, &record(b"late")).await?, Completion::Stored, "the owner's completion")?;
    is_replay(desk.claim(retry(owner)?).await?, record(b"late"), "a retry")
}

pub(super) async fn an_expired_lease_is_taken_over_as_the_next_attempt<S: Store>(desk: Desk<S>) -> Verdict {
    let first = desk.lapsed().await?;
    let second = retry(first)?;
    let taken = desk.ask(second, desk.unit(), OnAbandoned::Rerun, LONG).await?;
    is(taken, Claim::Won { attempt: 2 }, "a rerun after the lease")?;
    desk.pass(1.5).await;
    is(desk.rerun(retry(first)?).await?, Claim::Won { attempt: 3 }, "a rerun after the second lease")
}

pub(super) async fn a_running_lease_is_not_taken_over<S: Store>(desk: Desk<S>) -> Verdict {
    let (first, second) = desk.taken_over().await?;
    is_in_flight(desk.rerun(retry(second)?).await?, LONG, "a rerun within the second lease")?;
    is_in_flight(desk.rerun(first).await?, LONG, "the old owner's claim repeated")?;
    is(desk.renew(second, LONG).await?, Renewal::Renewed, "the new owner's renewal")
}
