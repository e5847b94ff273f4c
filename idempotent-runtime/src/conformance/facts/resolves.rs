//! Ending entries by hand, by somebody who knows what became of the request; and entries that may
//! not be ended so. For stores that can do it.

use super::super::desk::{
    Desk, FENCED, LONG, Verdict, WON, hold, is, is_in_flight, is_replay, record, retry, reuse,
};
use super::waits::{ended, waiting};
use crate::store::{Claim, Completion, Hold, Record, Renewal, Resolve, Store};

/// The record that is written by hand.
fn by_hand() -> Record {
    record(b"by hand")
}

/// Ends a claim that nobody runs, with a record.
async fn complete<S: Store>(desk: &Desk<S>, owner: Hold) -> Verdict {
    is(desk.resolve(owner, None, Some(by_hand())).await?, Resolve::Done, "ending it with a record")
}

/// Ends a claim that nobody runs, and leaves nothing.
async fn free<S: Store>(desk: &Desk<S>, owner: Hold) -> Verdict {
    is(desk.resolve(owner, None, None).await?, Resolve::Done, "ending it with nothing")
}

pub(super) async fn nothing_is_resolved_where_nothing_is<S: Store>(desk: Desk<S>) -> Verdict {
    let owner = hold()?;
    for outcome in [None, Some(by_hand())] {
        is(
            desk.resolve(owner, None, outcome).await?,
            Resolve::Vacant,
            "ending an entry that was never claimed",
        )?;
    }
    is(desk.claim(owner).await?, WON, "a claim after it")?;
    desk.release(owner).await?;
    is(desk.resolve(owner, None, Some(by_hand())).await?, Resolve::Vacant, "ending a released entry")
}

pub(super) async fn nothing_is_resolved_after_its_retention<S: Store>(desk: Desk<S>) -> Verdict {
    let (claimed, completed) = (hold()?, desk.won().await?);
    let on_abandoned = crate::store::OnAbandoned::Refuse;
    is(desk.ask(claimed, desk.unit(), on_abandoned, desk.unit()).await?, WON, "the claim")?;
    desk.complete_for(completed, &record(b"a"), desk.unit(), std::time::Duration::ZERO).await?;
    desk.pass(2.5).await;
    for owner in [claimed, completed] {
        let answer = desk.resolve(owner, Some(record(b"a")), Some(by_hand())).await?;
        is(answer, Resolve::Vacant, "ending what is forgotten")?;
        is(desk.claim(reuse(owner)?).await?, WON, "a claim after it, of another request")?;
    }
    Ok(())
}

pub(super) async fn what_runs_is_not_resolved<S: Store>(desk: Desk<S>) -> Verdict {
    let owner = desk.won().await?;
    for outcome in [None, Some(by_hand())] {
        match desk.resolve(owner, Some(record(b"")), outcome).await? {
            Resolve::Running { lease_left } if lease_left <= LONG && lease_left > LONG / 2 => {}
            other => return Err(format!("ending what runs was {other:?}")),
        }
    }
    is_in_flight(desk.claim(retry(owner)?).await?, LONG, "a claim after it")?;
    is(desk.renew(owner, LONG).await?, Renewal::Renewed, "the owner's renewal")?;
    is(desk.complete(owner, &record(b"a")).await?, Completion::Stored, "the owner's completion")?;
    is_replay(desk.claim(retry(owner)?).await?, record(b"a"), "a retry")
}

pub(super) async fn an_abandoned_claim_is_resolved_with_a_record<S: Store>(desk: Desk<S>) -> Verdict {
    let owner = desk.abandoned().await?;
    complete(&desk, owner).await?;
    is_replay(desk.claim(retry(owner)?).await?, by_hand(), "a retry")?;
    is_replay(desk.rerun(retry(owner)?).await?, by_hand(), "a retry under rerun")?;
    is(desk.claim(reuse(owner)?).await?, Claim::Reused, "another request")?;
    is_replay(desk.another().await.claim(retry(owner)?).await?, by_hand(), "a retry through another handle")
}

pub(super) async fn an_abandoned_claim_is_resolved_to_be_vacant<S: Store>(desk: Desk<S>) -> Verdict {
    let owner = desk.abandoned().await?;
    free(&desk, owner).await?;
    let next = reuse(owner)?;
    is(desk.another().await.claim(next).await?, WON, "another request through another handle")?;
    is(desk.complete(next, &record(b"a")).await?, Completion::Stored, "its completion")
}

pub(super) async fn an_expired_lease_that_nobody_saw_is_resolved<S: Store>(desk: Desk<S>) -> Verdict {
    let (completed, freed) = (desk.lapsed().await?, desk.lapsed().await?);
    complete(&desk, completed).await?;
    is_replay(desk.rerun(retry(completed)?).await?, by_hand(), "a retry under rerun")?;
    free(&desk, freed).await?;
    is(desk.rerun(retry(freed)?).await?, WON, "a claim under rerun")
}

pub(super) async fn an_owner_whose_claim_was_resolved_is_fenced<S: Store>(desk: Desk<S>) -> Verdict {
    for owner in [desk.abandoned().await?, desk.lapsed().await?] {
        complete(&desk, owner).await?;
        is(desk.renew(owner, LONG).await?, Renewal::Fenced, "the owner's renewal")?;
        let told = desk.complete(owner, &record(b"late")).await?;
        is(told, Completion::Fenced(Some(by_hand())), "the owner's completion")?;
        desk.release(owner).await?;
        is_replay(desk.claim(owner).await?, by_hand(), "the owner's claim repeated")?;
    }
    for owner in [desk.abandoned().await?, desk.lapsed().await?] {
        free(&desk, owner).await?;
        is(desk.renew(owner, LONG).await?, Renewal::Fenced, "the owner's renewal of nothing")?;
        is(desk.complete(owner, &record(b"late")).await?, FENCED, "the owner's completion of nothing")?;
        let next = retry(owner)?;
        is(desk.claim(next).await?, WON, "a claim after it")?;
        desk.release(owner).await?;
        is_in_flight(desk.claim(retry(owner)?).await?, LONG, "a claim after the old owner's release")?;
    }
    Ok(())
}

pub(super) async fn what_is_resolved_is_kept_as_long_as_it_would_have_been<S: Store>(
    desk: Desk<S>,
) -> Verdict {
    let owner = hold()?;
    let on_abandoned = crate::store::OnAbandoned::Refuse;
    is(desk.ask(owner, desk.unit(), on_abandoned, desk.unit() * 3).await?, WON, "the claim")?;
    desk.pass(1.5).await;
    complete(&desk, owner).await?;
    desk.pass(1.5).await;
    match desk.claim(retry(owner)?).await? {
        Claim::Replay { record, left } if left <= desk.unit() * 5 / 2 => is(record, by_hand(), "a retry")?,
        other => return Err(format!("a retry within the retention was {other:?}")),
    }
    desk.pass(1.5).await;
    is(desk.claim(reuse(owner)?).await?, WON, "a claim after the retention, of another request")
}

pub(super) async fn what_is_completed_is_not_resolved_unless_that_record_is_meant<S: Store>(
    desk: Desk<S>,
) -> Verdict {
    let owner = desk.completed(&record(b"a")).await?;
    for (instead_of, outcome) in [
        (None, Some(by_hand())),
        (None, None),
        (Some(record(b"b")), Some(by_hand())),
        (Some(record(b"")), None),
    ] {
        let answer = desk.resolve(owner, instead_of, outcome).await?;
        is(answer, Resolve::Completed(record(b"a")), "ending what is completed")?;
    }
    is_replay(desk.claim(retry(owner)?).await?, record(b"a"), "a retry after it")?;
    let answer = desk.resolve(owner, Some(record(b"a")), Some(by_hand())).await?;
    is(answer, Resolve::Done, "replacing the record that is meant")?;
    is_replay(desk.claim(retry(owner)?).await?, by_hand(), "a retry after that")?;
    is(desk.claim(reuse(owner)?).await?, Claim::Reused, "another request after that")?;
    let answer = desk.resolve(owner, Some(by_hand()), None).await?;
    is(answer, Resolve::Done, "ending the record that is meant")?;
    is(desk.claim(reuse(owner)?).await?, WON, "another request after all")
}

pub(super) async fn an_empty_record_is_resolved_like_any_other<S: Store>(desk: Desk<S>) -> Verdict {
    let owner = desk.completed(&record(b"")).await?;
    is(desk.resolve(owner, None, None).await?, Resolve::Completed(record(b"")), "ending what is completed")?;
    is(
        desk.resolve(owner, Some(record(b"")), None).await?,
        Resolve::Done,
        "ending the record that is meant",
    )?;
    let owner = desk.abandoned().await?;
    is(desk.resolve(owner, None, Some(record(b""))).await?, Resolve::Done, "recording nothing")?;
    is_replay(desk.claim(retry(owner)?).await?, record(b""), "a retry")
}

pub(super) async fn a_replaced_record_keeps_the_time_of_the_one_before<S: Store>(desk: Desk<S>) -> Verdict {
    let owner = desk.won().await?;
    desk.complete_for(owner, &record(b"a"), desk.unit() * 2, desk.unit() * 2).await?;
    desk.pass(1.0).await;
    let answer = desk.resolve(owner, Some(record(b"a")), Some(by_hand())).await?;
    is(answer, Resolve::Done, "replacing a record")?;
    is_replay(desk.claim(retry(owner)?).await?, by_hand(), "a retry within the ttl")?;
    desk.pass(1.5).await;
    is(desk.claim(retry(owner)?).await?, Claim::Expired, "a retry after the ttl")?;
    desk.pass(2.0).await;
    is(desk.claim(retry(owner)?).await?, WON, "a retry after the memory")
}

pub(super) async fn what_has_expired_is_not_resolved<S: Store>(desk: Desk<S>) -> Verdict {
    let owner = desk.won().await?;
    desk.complete_for(owner, &record(b"a"), desk.unit(), LONG).await?;
    desk.pass(1.5).await;
    for outcome in [None, Some(by_hand())] {
        let answer = desk.resolve(owner, Some(record(b"a")), outcome).await?;
        is(answer, Resolve::Expired, "ending what has expired")?;
    }
    is(desk.claim(retry(owner)?).await?, Claim::Expired, "a retry after it")
}

pub(super) async fn a_resolution_repeated_is_done_and_changes_nothing<S: Store>(desk: Desk<S>) -> Verdict {
    let owner = desk.abandoned().await?;
    let resolution = hold()?.token;
    let resolve =
        async |outcome: &[u8]| desk.resolve_by(resolution, owner, None, Some(record(outcome))).await;
    is(resolve(b"first").await?, Resolve::Done, "ending an entry")?;
    is(resolve(b"first").await?, Resolve::Done, "the same again")?;
    is(resolve(b"second").await?, Resolve::Done, "the same with another record")?;
    is_replay(desk.claim(retry(owner)?).await?, record(b"first"), "a retry")
}

pub(super) async fn waiting_ends_when_the_claim_is_resolved<S: Store>(desk: Desk<S>) -> Verdict {
    let (completed, freed) = (desk.lapsed().await?, desk.lapsed().await?);
    let (first, second) = (waiting(&desk, completed).await, waiting(&desk, freed).await);
    let other = desk.another().await;
    complete(&other, completed).await?;
    free(&other, freed).await?;
    ended(&desk, first).await?;
    ended(&desk, second).await
}
