//! Rights of a token, and their limits.

use super::fact::Fact;
use crate::{
    conformance::harness::{
        FENCED, Harness, LONG, Verdict, WON, hold, is, is_in_flight, is_replay, record, retry, reuse,
    },
    store::{Completion, Renewal, Store},
};

/// Facts about holds that do not stand.
pub(super) fn facts<S: Store>() -> Vec<Fact<S>> {
    facts![
        a_released_address_is_vacant,
        a_release_with_another_token_changes_nothing,
        a_release_of_a_vacant_address_changes_nothing,
        a_release_after_completion_changes_nothing,
        a_renewal_with_another_token_is_fenced,
        a_renewal_of_a_vacant_address_is_fenced,
        a_renewal_after_completion_is_fenced,
        a_completion_with_another_token_is_fenced,
        a_completion_of_a_vacant_address_is_fenced,
        a_completion_repeated_is_stored_and_changes_nothing,
        a_completion_after_another_is_told_the_winner,
        an_owner_taken_over_changes_nothing,
        an_owner_taken_over_is_told_the_winner,
        an_owner_is_not_told_of_another_request,
    ]
}

pub(super) async fn a_released_address_is_vacant<S: Store>(harness: Harness<S>) -> Verdict {
    let owner = harness.won().await?;
    harness.release(owner).await?;
    is(harness.claim(reuse(owner)?).await?, WON, "another request after the release")?;
    let (_, second) = harness.taken_over().await?;
    harness.release(second).await?;
    is(harness.rerun(retry(second)?).await?, WON, "a claim after the second attempt's release")
}

pub(super) async fn a_release_with_another_token_changes_nothing<S: Store>(harness: Harness<S>) -> Verdict {
    let owner = harness.won().await?;
    harness.release(retry(owner)?).await?;
    is_in_flight(harness.claim(retry(owner)?).await?, LONG, "a claim after the wrong release")?;
    is(harness.complete(owner, &record(b"a")).await?, Completion::Stored, "the owner's completion")
}

pub(super) async fn a_release_of_a_vacant_address_changes_nothing<S: Store>(harness: Harness<S>) -> Verdict {
    let nobody = hold()?;
    harness.release(nobody).await?;
    is(harness.claim(nobody).await?, WON, "a claim after the release")?;
    harness.release(nobody).await?;
    harness.release(nobody).await?;
    is(harness.claim(nobody).await?, WON, "a claim after the release was repeated")
}

pub(super) async fn a_release_after_completion_changes_nothing<S: Store>(harness: Harness<S>) -> Verdict {
    let owner = harness.completed(&record(b"a")).await?;
    harness.release(owner).await?;
    is_replay(harness.claim(retry(owner)?).await?, record(b"a"), "a retry after the release")
}

pub(super) async fn a_renewal_with_another_token_is_fenced<S: Store>(harness: Harness<S>) -> Verdict {
    let owner = harness.won().await?;
    is(harness.renew(retry(owner)?, LONG).await?, Renewal::Fenced, "a renewal with another token")?;
    is(harness.renew(owner, LONG).await?, Renewal::Renewed, "the owner's renewal")
}

pub(super) async fn a_renewal_of_a_vacant_address_is_fenced<S: Store>(harness: Harness<S>) -> Verdict {
    let nobody = hold()?;
    is(harness.renew(nobody, LONG).await?, Renewal::Fenced, "a renewal of nothing")?;
    is(harness.claim(retry(nobody)?).await?, WON, "a claim after it")
}

pub(super) async fn a_renewal_after_completion_is_fenced<S: Store>(harness: Harness<S>) -> Verdict {
    let owner = harness.completed(&record(b"a")).await?;
    is(harness.renew(owner, LONG).await?, Renewal::Fenced, "a renewal of a completed claim")?;
    is_replay(harness.claim(retry(owner)?).await?, record(b"a"), "a retry after it")
}

pub(super) async fn a_completion_with_another_token_is_fenced<S: Store>(harness: Harness<S>) -> Verdict {
    let owner = harness.won().await?;
    is(
        harness.complete(retry(owner)?, &record(b"stranger")).await?,
        FENCED,
        "a completion with another token",
    )?;
    is_in_flight(harness.claim(retry(owner)?).await?, LONG, "a claim after it")?;
    is(harness.complete(owner, &record(b"owner")).await?, Completion::Stored, "the owner's completion")?;
    is_replay(harness.claim(retry(owner)?).await?, record(b"owner"), "a retry")
}

pub(super) async fn a_completion_of_a_vacant_address_is_fenced<S: Store>(harness: Harness<S>) -> Verdict {
    let nobody = hold()?;
    is(harness.complete(nobody, &record(b"a")).await?, FENCED, "a completion of nothing")?;
    is(harness.claim(retry(nobody)?).await?, WON, "a claim after it")?;
    let owner = harness.won().await?;
    harness.release(owner).await?;
    is(harness.complete(owner, &record(b"a")).await?, FENCED, "a completion after the release")?;
    is(harness.claim(retry(owner)?).await?, WON, "a claim after that")
}

pub(super) async fn a_completion_repeated_is_stored_and_changes_nothing<S: Store>(
    harness: Harness<S>,
) -> Verdict {
    let owner = harness.completed(&record(b"first")).await?;
    is(harness.complete(owner, &record(b"first")).await?, Completion::Stored, "the completion repeated")?;
    is(
        harness.complete(owner, &record(b"second")).await?,
        Completion::Stored,
        "the completion with another record",
    )?;
    is_replay(harness.claim(retry(owner)?).await?, record(b"first"), "a retry")
}

pub(super) async fn a_completion_after_another_is_told_the_winner<S: Store>(harness: Harness<S>) -> Verdict {
    let owner = harness.completed(&record(b"winner")).await?;
    let told = harness.complete(retry(owner)?, &record(b"loser")).await?;
    is(told, Completion::Fenced(Some(record(b"winner"))), "a completion after another's")?;
    is_replay(harness.claim(retry(owner)?).await?, record(b"winner"), "a retry")
}

pub(super) async fn an_owner_taken_over_changes_nothing<S: Store>(harness: Harness<S>) -> Verdict {
    let (old, new) = harness.taken_over().await?;
    is(harness.complete(old, &record(b"old")).await?, FENCED, "the old owner's completion")?;
    is(harness.renew(old, LONG).await?, Renewal::Fenced, "the old owner's renewal")?;
    harness.release(old).await?;
    is_in_flight(harness.rerun(retry(new)?).await?, LONG, "a claim after all this")?;
    is(harness.complete(new, &record(b"new")).await?, Completion::Stored, "the new owner's completion")?;
    is_replay(harness.claim(retry(new)?).await?, record(b"new"), "a retry")
}

pub(super) async fn an_owner_taken_over_is_told_the_winner<S: Store>(harness: Harness<S>) -> Verdict {
    let (old, new) = harness.taken_over().await?;
    is(harness.complete(new, &record(b"new")).await?, Completion::Stored, "the new owner's completion")?;
    let told = harness.complete(old, &record(b"old")).await?;
    is(told, Completion::Fenced(Some(record(b"new"))), "the old owner's completion")?;
    is_replay(harness.claim(retry(new)?).await?, record(b"new"), "a retry")
}

pub(super) async fn an_owner_is_not_told_of_another_request<S: Store>(harness: Harness<S>) -> Verdict {
    let old = harness.won().await?;
    harness.release(old).await?;
    let new = reuse(old)?;
    is(harness.claim(new).await?, WON, "another request's claim")?;
    is(
        harness.complete(old, &record(b"old")).await?,
        FENCED,
        "the old owner's completion before the new one's",
    )?;
    is(harness.complete(new, &record(b"new")).await?, Completion::Stored, "the new owner's completion")?;
    is(
        harness.complete(old, &record(b"old")).await?,
        FENCED,
        "the old owner's completion after the new one's",
    )?;
    is_replay(harness.claim(retry(new)?).await?, record(b"new"), "the other request's retry")
}
