//! Rights of a token, and their limits.

use super::super::desk::{
    Desk, FENCED, LONG, Verdict, WON, hold, is, is_in_flight, is_replay, record, retry, reuse,
};
use crate::store::{Completion, Renewal, Store};

pub(super) async fn a_released_address_is_vacant<S: Store>(desk: Desk<S>) -> Verdict {
    let owner = desk.won().await?;
    desk.release(owner).await?;
    is(desk.claim(reuse(owner)?).await?, WON, "another request after the release")?;
    let (_, second) = desk.taken_over().await?;
    desk.release(second).await?;
    is(desk.rerun(retry(second)?).await?, WON, "a claim after the second attempt's release")
}

pub(super) async fn a_release_with_another_token_changes_nothing<S: Store>(desk: Desk<S>) -> Verdict {
    let owner = desk.won().await?;
    desk.release(retry(owner)?).await?;
    is_in_flight(desk.claim(retry(owner)?).await?, LONG, "a claim after the wrong release")?;
    is(desk.complete(owner, &record(b"a")).await?, Completion::Stored, "the owner's completion")
}

pub(super) async fn a_release_of_a_vacant_address_changes_nothing<S: Store>(desk: Desk<S>) -> Verdict {
    let nobody = hold()?;
    desk.release(nobody).await?;
    is(desk.claim(nobody).await?, WON, "a claim after the release")?;
    desk.release(nobody).await?;
    desk.release(nobody).await?;
    is(desk.claim(nobody).await?, WON, "a claim after the release was repeated")
}

pub(super) async fn a_release_after_completion_changes_nothing<S: Store>(desk: Desk<S>) -> Verdict {
    let owner = desk.completed(&record(b"a")).await?;
    desk.release(owner).await?;
    is_replay(desk.claim(retry(owner)?).await?, record(b"a"), "a retry after the release")
}

pub(super) async fn a_renewal_with_another_token_is_fenced<S: Store>(desk: Desk<S>) -> Verdict {
    let owner = desk.won().await?;
    is(desk.renew(retry(owner)?, LONG).await?, Renewal::Fenced, "a renewal with another token")?;
    is(desk.renew(owner, LONG).await?, Renewal::Renewed, "the owner's renewal")
}

pub(super) async fn a_renewal_of_a_vacant_address_is_fenced<S: Store>(desk: Desk<S>) -> Verdict {
    let nobody = hold()?;
    is(desk.renew(nobody, LONG).await?, Renewal::Fenced, "a renewal of nothing")?;
    is(desk.claim(retry(nobody)?).await?, WON, "a claim after it")
}

pub(super) async fn a_renewal_after_completion_is_fenced<S: Store>(desk: Desk<S>) -> Verdict {
    let owner = desk.completed(&record(b"a")).await?;
    is(desk.renew(owner, LONG).await?, Renewal::Fenced, "a renewal of a completed claim")?;
    is_replay(desk.claim(retry(owner)?).await?, record(b"a"), "a retry after it")
}

pub(super) async fn a_completion_with_another_token_is_fenced<S: Store>(desk: Desk<S>) -> Verdict {
    let owner = desk.won().await?;
    is(desk.complete(retry(owner)?, &record(b"stranger")).await?, FENCED, "a completion with another token")?;
    is_in_flight(desk.claim(retry(owner)?).await?, LONG, "a claim after it")?;
    is(desk.complete(owner, &record(b"owner")).await?, Completion::Stored, "the owner's completion")?;
    is_replay(desk.claim(retry(owner)?).await?, record(b"owner"), "a retry")
}

pub(super) async fn a_completion_of_a_vacant_address_is_fenced<S: Store>(desk: Desk<S>) -> Verdict {
    let nobody = hold()?;
    is(desk.complete(nobody, &record(b"a")).await?, FENCED, "a completion of nothing")?;
    is(desk.claim(retry(nobody)?).await?, WON, "a claim after it")?;
    let owner = desk.won().await?;
    desk.release(owner).await?;
    is(desk.complete(owner, &record(b"a")).await?, FENCED, "a completion after the release")?;
    is(desk.claim(retry(owner)?).await?, WON, "a claim after that")
}

pub(super) async fn a_completion_repeated_is_stored_and_changes_nothing<S: Store>(desk: Desk<S>) -> Verdict {
    let owner = desk.completed(&record(b"first")).await?;
    is(desk.complete(owner, &record(b"first")).await?, Completion::Stored, "the completion repeated")?;
    is(
        desk.complete(owner, &record(b"second")).await?,
        Completion::Stored,
        "the completion with another record",
    )?;
    is_replay(desk.claim(retry(owner)?).await?, record(b"first"), "a retry")
}

pub(super) async fn a_completion_after_another_is_told_the_winner<S: Store>(desk: Desk<S>) -> Verdict {
    let owner = desk.completed(&record(b"winner")).await?;
    let told = desk.complete(retry(owner)?, &record(b"loser")).await?;
    is(told, Completion::Fenced(Some(record(b"winner"))), "a completion after another's")?;
    is_replay(desk.claim(retry(owner)?).await?, record(b"winner"), "a retry")
}

pub(super) async fn an_owner_taken_over_changes_nothing<S: Store>(desk: Desk<S>) -> Verdict {
    let (old, new) = desk.taken_over().await?;
    is(desk.complete(old, &record(b"old")).await?, FENCED, "the old owner's completion")?;
    is(desk.renew(old, LONG).await?, Renewal::Fenced, "the old owner's renewal")?;
    desk.release(old).await?;
    is_in_flight(desk.rerun(retry(new)?).await?, LONG, "a claim after all this")?;
    is(desk.complete(new, &record(b"new")).await?, Completion::Stored, "the new owner's completion")?;
    is_replay(desk.claim(retry(new)?).await?, record(b"new"), "a retry")
}

pub(super) async fn an_owner_taken_over_is_told_the_winner<S: Store>(desk: Desk<S>) -> Verdict {
    let (old, new) = desk.taken_over().await?;
    is(desk.complete(new, &record(b"new")).await?, Completion::Stored, "the new owner's completion")?;
    let told = desk.complete(old, &record(b"old")).await?;
    is(told, Completion::Fenced(Some(record(b"new"))), "the old owner's completion")?;
    is_replay(desk.claim(retry(new)?).await?, record(b"new"), "a retry")
}

pub(super) async fn an_owner_is_not_told_of_another_request<S: Store>(desk: Desk<S>) -> Verdict {
    let old = desk.won().await?;
    desk.release(old).await?;
    let new = reuse(old)?;
    is(desk.claim(new).await?, WON, "another request's claim")?;
    is(
        desk.complete(old, &record(b"old")).await?,
        FENCED,
        "the old owner's completion before the new one's",
    )?;
    is(desk.complete(new, &record(b"new")).await?, Completion::Stored, "the new owner's completion")?;
    is(desk.complete(old, &record(b"old")).await?, FENCED, "the old owner's completion after the new one's")?;
    is_replay(desk.claim(retry(new)?).await?, record(b"new"), "the other request's retry")
}
