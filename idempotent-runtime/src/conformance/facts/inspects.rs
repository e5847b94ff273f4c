//! An operator looks at keys, forgets them and lists them. For stores that can be looked into.

use std::time::Duration;

use super::fact::Fact;
use super::waits::{ended, waiting};
use crate::{
    conformance::harness::{
        FENCED, Harness, LONG, Verdict, WON, beneath, hold, is, is_in_flight, is_replay, record, retry, reuse,
    },
    store::{
        Claim, Completion, Forget, Hold, Inspection, OnAbandoned, Renewal,
        Stage::{Claimed, Completed},
        Standing, Store, StuckCursor,
    },
};

/// Facts about looks, and about what is forgotten.
pub(super) fn facts<S: Store>() -> Vec<Fact<S>> {
    facts![
        nothing_is_found_where_nothing_is,
        what_runs_is_found_running,
        an_expired_lease_is_found_whether_or_not_it_was_seen,
        what_is_completed_is_found_with_its_record,
        what_was_completed_is_found_with_its_attempt,
        what_has_expired_is_found_expired_and_forgotten,
        a_look_changes_nothing,
        what_runs_is_not_forgotten,
        what_is_completed_is_forgotten,
        an_owner_whose_claim_was_forgotten_is_fenced,
        no_other_entry_is_forgotten_than_the_one_that_is_meant,
        what_was_completed_after_it_was_seen_is_not_forgotten,
        nothing_is_forgotten_as_completed_that_is_not,
        what_lies_beneath_is_forgotten_unless_it_runs,
        waiting_ends_when_the_claim_is_forgotten,
        what_is_stuck_is_listed_and_nothing_else_is,
        what_is_stuck_is_listed_page_by_page_and_in_order,
        a_cursor_of_nobodys_is_an_error,
    ]
}

/// Holds if the entry is found under this hold's token, at this attempt.
async fn is_found<S: Store>(
    harness: &Harness<S>,
    owner: Hold,
    what: &str,
    attempt: u32,
    is_so: impl Fn(&Standing) -> bool,
) -> Verdict {
    match harness.inspect(owner).await? {
        Some(found) if found.address == owner.address && found.token == owner.token => {
            if is_so(&found.standing)
                && found.attempt == attempt
                && found.fingerprint == owner.fingerprint
                && found.kept_for <= LONG * 2
                && !found.kept_for.is_zero()
            {
                return Ok(());
            }
            Err(format!("{what} was found as {found:?}"))
        }
        other => Err(format!("{what} was found as {other:?}")),
    }
}

pub(super) async fn nothing_is_found_where_nothing_is<S: Store>(harness: Harness<S>) -> Verdict {
    let (never, released) = (hold()?, harness.won().await?);
    harness.release(released).await?;
    let (claimed, completed) = (hold()?, harness.won().await?);
    is(harness.ask(claimed, harness.unit(), OnAbandoned::Refuse, harness.unit()).await?, WON, "the claim")?;
    harness.complete_for(completed, &record(b"a"), harness.unit(), Duration::ZERO).await?;
    harness.pass(2.5).await;
    for owner in [never, released, claimed, completed] {
        is(harness.inspect(owner).await?, None, "a look where nothing is")?;
        for stage in [Claimed, Completed] {
            is(harness.forget(owner, stage).await?, Forget::Vacant, "forgetting nothing")?;
        }
        is(harness.claim(reuse(owner)?).await?, WON, "a claim after it, of another request")?;
    }
    Ok(())
}

pub(super) async fn what_runs_is_found_running<S: Store>(harness: Harness<S>) -> Verdict {
    let runs = |standing: &Standing| match standing {
        Standing::Running { lease_left } => *lease_left <= LONG && *lease_left > LONG / 2,
        _ => false,
    };
    is_found(&harness, harness.won().await?, "what runs", 1, runs).await?;
    let (_, second) = harness.taken_over().await?;
    is_found(&harness, second, "what was taken over", 2, runs).await?;
    is_found(&harness.another().await, second, "what runs, through another handle", 2, runs).await
}

pub(super) async fn an_expired_lease_is_found_whether_or_not_it_was_seen<S: Store>(
    harness: Harness<S>,
) -> Verdict {
    let most = harness.unit() * 30;
    let lapsed = |standing: &Standing| match standing {
        Standing::Abandoned { lapsed } => !lapsed.is_zero() && *lapsed < most,
        _ => false,
    };
    is_found(&harness, harness.lapsed().await?, "what nobody saw", 1, lapsed).await?;
    is_found(&harness, harness.abandoned().await?, "what was seen", 1, lapsed).await
}

pub(super) async fn what_is_completed_is_found_with_its_record<S: Store>(harness: Harness<S>) -> Verdict {
    for bytes in [&b""[..], b"a", &[7; 100_000]] {
        let owner = harness.completed(&record(bytes)).await?;
        let is_completed = |standing: &Standing| match standing {
            Standing::Completed { record: found, left } => *found == record(bytes) && *left <= LONG,
            _ => false,
        };
        is_found(&harness, owner, "what is completed", 1, is_completed).await?;
    }
    Ok(())
}

/// Test of a completed entry: has its record expired, or not?
fn has_expired(wanted: bool) -> impl Fn(&Standing) -> bool {
    move |standing| match standing {
        Standing::Completed { .. } => !wanted,
        Standing::Expired => wanted,
        _ => false,
    }
}

pub(super) async fn what_was_completed_is_found_with_its_attempt<S: Store>(harness: Harness<S>) -> Verdict {
    let (_, second) = harness.taken_over().await?;
    is(
        harness.complete(second, &record(b"a")).await?,
        Completion::Stored,
        "the second attempt's completion",
    )?;
    is_found(&harness, second, "what was completed", 2, has_expired(false)).await?;
    let (_, short) = harness.taken_over().await?;
    harness.complete_for(short, &record(b"a"), harness.unit(), LONG).await?;
    harness.pass(1.5).await;
    is_found(&harness, short, "what was completed, and has expired", 2, has_expired(true)).await?;
    is(harness.claim(retry(short)?).await?, Claim::Expired, "a retry")?;
    is_found(&harness, short, "what was seen to have expired", 2, has_expired(true)).await
}

pub(super) async fn what_has_expired_is_found_expired_and_forgotten<S: Store>(
    harness: Harness<S>,
) -> Verdict {
    let owner = harness.won().await?;
    harness.complete_for(owner, &record(b"a"), harness.unit(), LONG).await?;
    harness.pass(1.5).await;
    is_found(&harness, owner, "what has expired", 1, has_expired(true)).await?;
    is(harness.claim(retry(owner)?).await?, Claim::Expired, "a retry after the look")?;
    is_found(&harness, owner, "what was seen to have expired", 1, has_expired(true)).await?;
    is(harness.forget(owner, Completed).await?, Forget::Done, "forgetting what has expired")?;
    is(harness.claim(reuse(owner)?).await?, WON, "another request after it")
}

pub(super) async fn a_look_changes_nothing<S: Store>(harness: Harness<S>) -> Verdict {
    let owner = harness.lapsed().await?;
    harness.inspect(owner).await?;
    is(harness.renew(owner, LONG).await?, Renewal::Renewed, "the owner's renewal")?;
    let waiter = waiting(&harness, owner).await;
    harness.inspect(owner).await?;
    is_in_flight(harness.claim(retry(owner)?).await?, LONG, "a claim after it")?;
    is(harness.complete(owner, &record(b"a")).await?, Completion::Stored, "the owner's completion")?;
    ended(&harness, waiter).await?;
    harness.inspect(owner).await?;
    is_replay(harness.claim(retry(owner)?).await?, record(b"a"), "a retry")
}

pub(super) async fn what_runs_is_not_forgotten<S: Store>(harness: Harness<S>) -> Verdict {
    let owner = harness.won().await?;
    match harness.forget(owner, Claimed).await? {
        Forget::Running { lease_left } if lease_left <= LONG && lease_left > LONG / 2 => {}
        other => return Err(format!("forgetting what runs was {other:?}")),
    }
    is_in_flight(harness.claim(retry(owner)?).await?, LONG, "a claim after it")?;
    is(harness.renew(owner, LONG).await?, Renewal::Renewed, "the owner's renewal")?;
    is(harness.complete(owner, &record(b"a")).await?, Completion::Stored, "the owner's completion")
}

pub(super) async fn what_is_completed_is_forgotten<S: Store>(harness: Harness<S>) -> Verdict {
    let owner = harness.completed(&record(b"a")).await?;
    is(harness.forget(owner, Completed).await?, Forget::Done, "forgetting what is completed")?;
    is(harness.recall(owner), None, "what is recalled after it")?;
    is(harness.inspect(owner).await?, None, "a look after it")?;
    is(harness.forget(owner, Completed).await?, Forget::Vacant, "forgetting it again")?;
    let next = reuse(owner)?;
    is(harness.claim(next).await?, WON, "another request after it")?;
    is(harness.complete(owner, &record(b"late")).await?, FENCED, "the old owner's completion")?;
    is(harness.complete(next, &record(b"b")).await?, Completion::Stored, "the new owner's completion")?;
    is_replay(harness.another().await.claim(retry(next)?).await?, record(b"b"), "a retry")
}

pub(super) async fn an_owner_whose_claim_was_forgotten_is_fenced<S: Store>(harness: Harness<S>) -> Verdict {
    for owner in [harness.abandoned().await?, harness.lapsed().await?] {
        is(harness.forget(owner, Claimed).await?, Forget::Done, "forgetting what nobody runs")?;
        is(harness.renew(owner, LONG).await?, Renewal::Fenced, "the owner's renewal of nothing")?;
        is(harness.complete(owner, &record(b"late")).await?, FENCED, "the owner's completion of nothing")?;
        let next = retry(owner)?;
        is(harness.rerun(next).await?, WON, "a claim after it")?;
        is(harness.renew(owner, LONG).await?, Renewal::Fenced, "the owner's renewal")?;
        is(harness.complete(owner, &record(b"late")).await?, FENCED, "the owner's completion")?;
        harness.release(owner).await?;
        is_in_flight(harness.claim(retry(owner)?).await?, LONG, "a claim after the old owner's release")?;
    }
    Ok(())
}

pub(super) async fn no_other_entry_is_forgotten_than_the_one_that_is_meant<S: Store>(
    harness: Harness<S>,
) -> Verdict {
    let first = harness.completed(&record(b"a")).await?;
    is(
        harness.forget(retry(first)?, Completed).await?,
        Forget::Another,
        "forgetting by a token of nobody's",
    )?;
    is_replay(harness.claim(retry(first)?).await?, record(b"a"), "a retry")?;
    is(harness.forget(first, Completed).await?, Forget::Done, "forgetting it")?;
    let second = retry(first)?;
    is(harness.claim(second).await?, WON, "a claim after it")?;
    is(
        harness.forget(first, Completed).await?,
        Forget::Another,
        "forgetting the first while the second runs",
    )?;
    is(harness.complete(second, &record(b"b")).await?, Completion::Stored, "its completion")?;
    is(harness.forget(first, Completed).await?, Forget::Another, "forgetting the first once more")?;
    is_replay(harness.claim(retry(first)?).await?, record(b"b"), "a retry of the second")?;
    let (old, new) = harness.taken_over().await?;
    is(harness.forget(old, Claimed).await?, Forget::Another, "forgetting what was taken over")?;
    is(harness.renew(new, LONG).await?, Renewal::Renewed, "the new owner's renewal")
}

pub(super) async fn what_was_completed_after_it_was_seen_is_not_forgotten<S: Store>(
    harness: Harness<S>,
) -> Verdict {
    let (late, expired) = (harness.lapsed().await?, harness.lapsed().await?);
    is(harness.complete(late, &record(b"late")).await?, Completion::Stored, "the late completion")?;
    is(harness.forget(late, Claimed).await?, Forget::Another, "forgetting what was seen dead")?;
    is_replay(harness.claim(retry(late)?).await?, record(b"late"), "a retry")?;
    harness.complete_for(expired, &record(b"late"), harness.unit(), LONG).await?;
    harness.pass(1.5).await;
    is(
        harness.forget(expired, Claimed).await?,
        Forget::Another,
        "forgetting what was seen dead, once expired",
    )?;
    is(harness.claim(retry(expired)?).await?, Claim::Expired, "a retry of it")?;
    for owner in [late, expired] {
        is(
            harness.forget(owner, Completed).await?,
            Forget::Done,
            "forgetting what was seen to be completed",
        )?;
    }
    Ok(())
}

pub(super) async fn nothing_is_forgotten_as_completed_that_is_not<S: Store>(harness: Harness<S>) -> Verdict {
    for owner in [harness.abandoned().await?, harness.lapsed().await?] {
        is(harness.forget(owner, Completed).await?, Forget::Another, "forgetting as completed what is dead")?;
        is(harness.claim(retry(owner)?).await?, Claim::Abandoned, "a retry")?;
    }
    Ok(())
}

pub(super) async fn what_lies_beneath_is_forgotten_unless_it_runs<S: Store>(harness: Harness<S>) -> Verdict {
    let owner = harness.completed(&record(b"a")).await?;
    let (done, dead, running) = (beneath(owner)?, beneath(owner)?, beneath(owner)?);
    is(harness.claim(done).await?, WON, "the claim of a step")?;
    is(harness.complete(done, &record(b"step")).await?, Completion::Stored, "its completion")?;
    is(harness.claim_briefly(dead).await?, WON, "the claim of a step that dies")?;
    harness.pass(1.5).await;
    is(harness.claim(running).await?, WON, "the claim of a step that runs")?;
    let other = harness.completed(&record(b"other")).await?;
    is(harness.forget(owner, Completed).await?, Forget::Done, "forgetting the key")?;
    is(harness.recall(done), None, "what is recalled of a step")?;
    for step in [done, dead] {
        is(harness.claim(reuse(step)?).await?, WON, "a claim of a step that was forgotten")?;
    }
    is_in_flight(harness.claim(retry(running)?).await?, LONG, "a claim of the step that runs")?;
    is(harness.complete(running, &record(b"b")).await?, Completion::Stored, "the completion of that step")?;
    is_replay(harness.claim(retry(other)?).await?, record(b"other"), "a retry of another key")?;
    is(harness.forget(done, Claimed).await?, Forget::Another, "forgetting a step by an old token")
}

pub(super) async fn waiting_ends_when_the_claim_is_forgotten<S: Store>(harness: Harness<S>) -> Verdict {
    let owner = harness.lapsed().await?;
    let waiter = waiting(&harness, owner).await;
    is(harness.another().await.forget(owner, Claimed).await?, Forget::Done, "forgetting what nobody runs")?;
    ended(&harness, waiter).await
}

/// The record that says that nothing is known.
const UNKNOWN: &[u8] = b"unknown";

pub(super) async fn what_is_stuck_is_listed_and_nothing_else_is<S: Store>(harness: Harness<S>) -> Verdict {
    let (lapsed, abandoned) = (harness.lapsed().await?, harness.abandoned().await?);
    let unknown = harness.completed(&record(UNKNOWN)).await?;
    let (running, completed) = (harness.won().await?, harness.completed(&record(b"unknowm")).await?);
    let longer = harness.completed(&record(b"unknown, or not")).await?;
    let expired = harness.won().await?;
    harness.complete_for(expired, &record(UNKNOWN), harness.unit(), LONG).await?;
    harness.pass(1.5).await;
    for limit in [1_000, 50] {
        let listed = harness.stuck(&record(UNKNOWN), limit).await?;
        for owner in [lapsed, abandoned, unknown] {
            match listed.iter().find(|entry| entry.address == owner.address) {
                Some(entry) => is(Some(entry.token), Some(owner.token), "the token of what is stuck")?,
                None => return Err("what is stuck was not listed".to_owned()),
            }
        }
        let others = [running, completed, longer, expired];
        if let Some(other) =
            listed.iter().find(|entry| others.iter().any(|hold| hold.address == entry.address))
        {
            return Err(format!("{other:?} was listed"));
        }
    }
    is(harness.claim(retry(lapsed)?).await?, Claim::Abandoned, "a claim after it")?;
    is(harness.forget(unknown, Completed).await?, Forget::Done, "forgetting what is not known")
}

pub(super) async fn what_is_stuck_is_listed_page_by_page_and_in_order<S: Store>(
    harness: Harness<S>,
) -> Verdict {
    let mut holds = Vec::new();
    for more in 1..=16 {
        holds.push(hold()?);
        let retention = LONG + harness.unit() * more;
        let claim =
            harness.ask(holds[holds.len() - 1], harness.unit(), OnAbandoned::Refuse, retention).await?;
        is(claim, WON, "a claim")?;
    }
    harness.pass(1.5).await;
    let (mut after, mut pages, mut found) = (None, 0, 0);
    loop {
        let page = harness.page(after.take(), &record(UNKNOWN), 7).await?;
        let ours = |entry: &&Inspection| holds.iter().any(|hold| hold.address == entry.address);
        let ours: Vec<_> = page.entries.iter().filter(ours).collect();
        if !ours.is_sorted_by_key(|entry| entry.kept_for) {
            return Err(format!("a page is not in order: {ours:?}"));
        }
        (pages, found) = (pages + usize::from(!ours.is_empty()), found + ours.len());
        // A cursor can be kept as text.
        after = page.next.map(|next| StuckCursor::new(next.as_str()));
        if after.is_none() {
            is(found >= holds.len(), true, "whether all that is stuck was listed")?;
            return is(pages > 1, true, "whether there were several pages");
        }
    }
}

pub(super) async fn a_cursor_of_nobodys_is_an_error<S: Store>(harness: Harness<S>) -> Verdict {
    let page = harness.page(Some(StuckCursor::new("nobody's")), &record(UNKNOWN), 1).await;
    is(page.is_err(), true, "whether a cursor that is none is an error")
}
