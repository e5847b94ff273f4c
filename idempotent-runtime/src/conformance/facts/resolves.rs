//! Ending entries by hand, by somebody who knows what became of the request; and entries that may
//! not be ended so. For stores that can do it.

use super::fact::Fact;
use super::waits::{ended, waiting};
use crate::{
    conformance::harness::{
        FENCED, Harness, LONG, Verdict, WON, hold, is, is_in_flight, is_replay, record, retry, reuse,
    },
    store::{Claim, Completion, Hold, Record, Renewal, Resolve, Store},
};

/// Facts about entries that are ended by hand.
pub(super) fn facts<S: Store>() -> Vec<Fact<S>> {
    facts![
        nothing_is_resolved_where_nothing_is,
        nothing_is_resolved_after_its_retention,
        what_runs_is_not_resolved,
        an_abandoned_claim_is_resolved_with_a_record,
        an_abandoned_claim_is_resolved_to_be_vacant,
        an_expired_lease_that_nobody_saw_is_resolved,
        an_owner_whose_claim_was_resolved_is_fenced,
        what_is_resolved_is_kept_as_long_as_it_would_have_been,
        what_is_completed_is_not_resolved_unless_that_record_is_meant,
        an_empty_record_is_resolved_like_any_other,
        a_replaced_record_keeps_the_time_of_the_one_before,
        what_has_expired_is_not_resolved,
        a_resolution_repeated_is_done_and_changes_nothing,
        waiting_ends_when_the_claim_is_resolved,
    ]
}

/// The record that is written by hand.
fn by_hand() -> Record {
    record(b"by hand")
}

/// Ends a claim that nobody runs, with a record.
async fn complete<S: Store>(harness: &Harness<S>, owner: Hold) -> Verdict {
    is(harness.resolve(owner, None, Some(by_hand())).await?, Resolve::Done, "ending it with a record")
}

/// Ends a claim that nobody runs, and leaves nothing.
async fn free<S: Store>(harness: &Harness<S>, owner: Hold) -> Verdict {
    is(harness.resolve(owner, None, None).await?, Resolve::Done, "ending it with nothing")
}

pub(super) async fn nothing_is_resolved_where_nothing_is<S: Store>(harness: Harness<S>) -> Verdict {
    let owner = hold()?;
    for outcome in [None, Some(by_hand())] {
        is(
            harness.resolve(owner, None, outcome).await?,
            Resolve::Vacant,
            "ending an entry that was never claimed",
        )?;
    }
    is(harness.claim(owner).await?, WON, "a claim after it")?;
    harness.release(owner).await?;
    is(harness.resolve(owner, None, Some(by_hand())).await?, Resolve::Vacant, "ending a released entry")
}

pub(super) async fn nothing_is_resolved_after_its_retention<S: Store>(harness: Harness<S>) -> Verdict {
    let (claimed, completed) = (hold()?, harness.won().await?);
    let on_abandoned = crate::store::OnAbandoned::Refuse;
    is(harness.ask(claimed, harness.unit(), on_abandoned, harness.unit()).await?, WON, "the claim")?;
    harness.complete_for(completed, &record(b"a"), harness.unit(), std::time::Duration::ZERO).await?;
    harness.pass(2.5).await;
    for owner in [claimed, completed] {
        let answer = harness.resolve(owner, Some(record(b"a")), Some(by_hand())).await?;
        is(answer, Resolve::Vacant, "ending what is forgotten")?;
        is(harness.claim(reuse(owner)?).await?, WON, "a claim after it, of another request")?;
    }
    Ok(())
}

pub(super) async fn what_runs_is_not_resolved<S: Store>(harness: Harness<S>) -> Verdict {
    let owner = harness.won().await?;
    for outcome in [None, Some(by_hand())] {
        match harness.resolve(owner, Some(record(b"")), outcome).await? {
            Resolve::Running { lease_left } if lease_left <= LONG && lease_left > LONG / 2 => {}
            other => return Err(format!("ending what runs was {other:?}")),
        }
    }
    is_in_flight(harness.claim(retry(owner)?).await?, LONG, "a claim after it")?;
    is(harness.renew(owner, LONG).await?, Renewal::Renewed, "the owner's renewal")?;
    is(harness.complete(owner, &record(b"a")).await?, Completion::Stored, "the owner's completion")?;
    is_replay(harness.claim(retry(owner)?).await?, record(b"a"), "a retry")
}

pub(super) async fn an_abandoned_claim_is_resolved_with_a_record<S: Store>(harness: Harness<S>) -> Verdict {
    let owner = harness.abandoned().await?;
    complete(&harness, owner).await?;
    is_replay(harness.claim(retry(owner)?).await?, by_hand(), "a retry")?;
    is_replay(harness.rerun(retry(owner)?).await?, by_hand(), "a retry under rerun")?;
    is(harness.claim(reuse(owner)?).await?, Claim::Reused, "another request")?;
    is_replay(
        harness.another().await.claim(retry(owner)?).await?,
        by_hand(),
        "a retry through another handle",
    )
}

pub(super) async fn an_abandoned_claim_is_resolved_to_be_vacant<S: Store>(harness: Harness<S>) -> Verdict {
    let owner = harness.abandoned().await?;
    free(&harness, owner).await?;
    let next = reuse(owner)?;
    is(harness.another().await.claim(next).await?, WON, "another request through another handle")?;
    is(harness.complete(next, &record(b"a")).await?, Completion::Stored, "its completion")
}

pub(super) async fn an_expired_lease_that_nobody_saw_is_resolved<S: Store>(harness: Harness<S>) -> Verdict {
    let (completed, freed) = (harness.lapsed().await?, harness.lapsed().await?);
    complete(&harness, completed).await?;
    is_replay(harness.rerun(retry(completed)?).await?, by_hand(), "a retry under rerun")?;
    free(&harness, freed).await?;
    is(harness.rerun(retry(freed)?).await?, WON, "a claim under rerun")
}

pub(super) async fn an_owner_whose_claim_was_resolved_is_fenced<S: Store>(harness: Harness<S>) -> Verdict {
    for owner in [harness.abandoned().await?, harness.lapsed().await?] {
        complete(&harness, owner).await?;
        is(harness.renew(owner, LONG).await?, Renewal::Fenced, "the owner's renewal")?;
        let told = harness.complete(owner, &record(b"late")).await?;
        is(told, Completion::Fenced(Some(by_hand())), "the owner's completion")?;
        harness.release(owner).await?;
        is_replay(harness.claim(owner).await?, by_hand(), "the owner's claim repeated")?;
    }
    for owner in [harness.abandoned().await?, harness.lapsed().await?] {
        free(&harness, owner).await?;
        is(harness.renew(owner, LONG).await?, Renewal::Fenced, "the owner's renewal of nothing")?;
        is(harness.complete(owner, &record(b"late")).await?, FENCED, "the owner's completion of nothing")?;
        let next = retry(owner)?;
        is(harness.claim(next).await?, WON, "a claim after it")?;
        harness.release(owner).await?;
        is_in_flight(harness.claim(retry(owner)?).await?, LONG, "a claim after the old owner's release")?;
    }
    Ok(())
}

pub(super) async fn what_is_resolved_is_kept_as_long_as_it_would_have_been<S: Store>(
    harness: Harness<S>,
) -> Verdict {
    let owner = hold()?;
    let on_abandoned = crate::store::OnAbandoned::Refuse;
    is(harness.ask(owner, harness.unit(), on_abandoned, harness.unit() * 3).await?, WON, "the claim")?;
    harness.pass(1.5).await;
    complete(&harness, owner).await?;
    harness.pass(1.5).await;
    match harness.claim(retry(owner)?).await? {
        Claim::Replay { record, left } if left <= harness.unit() * 5 / 2 => is(record, by_hand(), "a retry")?,
        other => return Err(format!("a retry within the retention was {other:?}")),
    }
    harness.pass(1.5).await;
    is(harness.claim(reuse(owner)?).await?, WON, "a claim after the retention, of another request")
}

pub(super) async fn what_is_completed_is_not_resolved_unless_that_record_is_meant<S: Store>(
    harness: Harness<S>,
) -> Verdict {
    let owner = harness.completed(&record(b"a")).await?;
    for (instead_of, outcome) in [
        (None, Some(by_hand())),
        (None, None),
        (Some(record(b"b")), Some(by_hand())),
        (Some(record(b"")), None),
    ] {
        let answer = harness.resolve(owner, instead_of, outcome).await?;
        is(answer, Resolve::Completed(record(b"a")), "ending what is completed")?;
    }
    is_replay(harness.claim(retry(owner)?).await?, record(b"a"), "a retry after it")?;
    let answer = harness.resolve(owner, Some(record(b"a")), Some(by_hand())).await?;
    is(answer, Resolve::Done, "replacing the record that is meant")?;
    is_replay(harness.claim(retry(owner)?).await?, by_hand(), "a retry after that")?;
    is(harness.claim(reuse(owner)?).await?, Claim::Reused, "another request after that")?;
    let answer = harness.resolve(owner, Some(by_hand()), None).await?;
    is(answer, Resolve::Done, "ending the record that is meant")?;
    is(harness.claim(reuse(owner)?).await?, WON, "another request after all")
}

pub(super) async fn an_empty_record_is_resolved_like_any_other<S: Store>(harness: Harness<S>) -> Verdict {
    let owner = harness.completed(&record(b"")).await?;
    is(
        harness.resolve(owner, None, None).await?,
        Resolve::Completed(record(b"")),
        "ending what is completed",
    )?;
    is(
        harness.resolve(owner, Some(record(b"")), None).await?,
        Resolve::Done,
        "ending the record that is meant",
    )?;
    let owner = harness.abandoned().await?;
    is(harness.resolve(owner, None, Some(record(b""))).await?, Resolve::Done, "recording nothing")?;
    is_replay(harness.claim(retry(owner)?).await?, record(b""), "a retry")
}

pub(super) async fn a_replaced_record_keeps_the_time_of_the_one_before<S: Store>(
    harness: Harness<S>,
) -> Verdict {
    let owner = harness.won().await?;
    harness.complete_for(owner, &record(b"a"), harness.unit() * 2, harness.unit() * 2).await?;
    harness.pass(1.0).await;
    let answer = harness.resolve(owner, Some(record(b"a")), Some(by_hand())).await?;
    is(answer, Resolve::Done, "replacing a record")?;
    is_replay(harness.claim(retry(owner)?).await?, by_hand(), "a retry within the ttl")?;
    harness.pass(1.5).await;
    is(harness.claim(retry(owner)?).await?, Claim::Expired, "a retry after the ttl")?;
    harness.pass(2.0).await;
    is(harness.claim(retry(owner)?).await?, WON, "a retry after the memory")
}

pub(super) async fn what_has_expired_is_not_resolved<S: Store>(harness: Harness<S>) -> Verdict {
    let owner = harness.won().await?;
    harness.complete_for(owner, &record(b"a"), harness.unit(), LONG).await?;
    harness.pass(1.5).await;
    for outcome in [None, Some(by_hand())] {
        let answer = harness.resolve(owner, Some(record(b"a")), outcome).await?;
        is(answer, Resolve::Expired, "ending what has expired")?;
    }
    is(harness.claim(retry(owner)?).await?, Claim::Expired, "a retry after it")
}

pub(super) async fn a_resolution_repeated_is_done_and_changes_nothing<S: Store>(
    harness: Harness<S>,
) -> Verdict {
    let owner = harness.abandoned().await?;
    let resolution = hold()?.token;
    let resolve =
        async |outcome: &[u8]| harness.resolve_by(resolution, owner, None, Some(record(outcome))).await;
    is(resolve(b"first").await?, Resolve::Done, "ending an entry")?;
    is(resolve(b"first").await?, Resolve::Done, "the same again")?;
    is(resolve(b"second").await?, Resolve::Done, "the same with another record")?;
    is_replay(harness.claim(retry(owner)?).await?, record(b"first"), "a retry")
}

pub(super) async fn waiting_ends_when_the_claim_is_resolved<S: Store>(harness: Harness<S>) -> Verdict {
    let (completed, freed) = (harness.lapsed().await?, harness.lapsed().await?);
    let (first, second) = (waiting(&harness, completed).await, waiting(&harness, freed).await);
    let other = harness.another().await;
    complete(&other, completed).await?;
    free(&other, freed).await?;
    ended(&harness, first).await?;
    ended(&harness, second).await
}
