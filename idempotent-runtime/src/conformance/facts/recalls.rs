//! Recalls without a claim: a store recalls the record that a claim would replay, or nothing.

use super::super::desk::{Desk, LONG, Verdict, WON, is, record, retry, reuse};
use crate::store::{Hold, Store};

async fn is_nothing<S: Store>(desk: &Desk<S>, request: Hold, when: &str) -> Verdict {
    is(desk.recall(request), None, &format!("what is recalled of a request {when}"))?;
    is(
        desk.another().await.recall(request),
        None,
        &format!("what another handle recalls of a request {when}"),
    )
}

pub(super) async fn nothing_is_recalled_before_it_is_completed<S: Store>(desk: Desk<S>) -> Verdict {
    let owner = desk.won().await?;
    is_nothing(&desk, owner, "that runs").await?;
    desk.release(owner).await?;
    is_nothing(&desk, owner, "whose key was released").await?;
    is_nothing(&desk, desk.lapsed().await?, "whose lease has run out").await?;
    is_nothing(&desk, desk.abandoned().await?, "that was abandoned").await
}

pub(super) async fn what_is_recalled_is_what_a_claim_replays<S: Store>(desk: Desk<S>) -> Verdict {
    let owner = desk.completed(&record(b"a response")).await?;
    for handle in [desk.clone(), desk.another().await] {
        // A claim may bring something into this process's memory. Then it is there the second time.
        for _ in 0..2 {
            let recalled = handle.recall(retry(owner)?);
            is(recalled.unwrap_or(record(b"a response")), record(b"a response"), "what is recalled")?;
            handle.claim(retry(owner)?).await?;
        }
    }
    Ok(())
}

pub(super) async fn nothing_is_recalled_for_another_request<S: Store>(desk: Desk<S>) -> Verdict {
    let owner = desk.completed(&record(b"a response")).await?;
    is_nothing(&desk, reuse(owner)?, "whose key was another's").await?;
    let other = reuse(owner)?;
    desk.claim(other).await?;
    is_nothing(&desk, other, "that was told so").await
}

pub(super) async fn nothing_is_recalled_after_it_has_expired<S: Store>(desk: Desk<S>) -> Verdict {
    let (forgotten, remembered) = (desk.won().await?, desk.won().await?);
    desk.complete_for(forgotten, &record(b"a"), desk.unit(), std::time::Duration::ZERO).await?;
    desk.complete_for(remembered, &record(b"a"), desk.unit(), LONG).await?;
    desk.pass(1.5).await;
    is_nothing(&desk, forgotten, "that has expired").await?;
    is_nothing(&desk, remembered, "that has expired and is remembered").await?;
    is(desk.claim(retry(forgotten)?).await?, WON, "a claim after the ttl")?;
    is_nothing(&desk, forgotten, "that runs anew").await
}
