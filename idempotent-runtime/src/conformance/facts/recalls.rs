//! Recalls without a claim: a store recalls the record that a claim would replay, or nothing.

use super::fact::Fact;
use crate::{
    conformance::harness::{Harness, LONG, Verdict, WON, is, record, retry, reuse},
    store::{Hold, Store},
};

/// Facts about what is held in memory.
pub(super) fn facts<S: Store>() -> Vec<Fact<S>> {
    facts![
        nothing_is_recalled_before_it_is_completed,
        what_is_recalled_is_what_a_claim_replays,
        nothing_is_recalled_for_another_request,
        nothing_is_recalled_after_it_has_expired,
    ]
}

async fn is_nothing<S: Store>(harness: &Harness<S>, request: Hold, when: &str) -> Verdict {
    is(harness.recall(request), None, &format!("what is recalled of a request {when}"))?;
    is(
        harness.another().await.recall(request),
        None,
        &format!("what another handle recalls of a request {when}"),
    )
}

pub(super) async fn nothing_is_recalled_before_it_is_completed<S: Store>(harness: Harness<S>) -> Verdict {
    let owner = harness.won().await?;
    is_nothing(&harness, owner, "that runs").await?;
    harness.release(owner).await?;
    is_nothing(&harness, owner, "whose key was released").await?;
    is_nothing(&harness, harness.lapsed().await?, "whose lease has run out").await?;
    is_nothing(&harness, harness.abandoned().await?, "that was abandoned").await
}

pub(super) async fn what_is_recalled_is_what_a_claim_replays<S: Store>(harness: Harness<S>) -> Verdict {
    let owner = harness.completed(&record(b"a response")).await?;
    for handle in [harness.clone(), harness.another().await] {
        // A claim may bring something into this process's memory. Then it is there the second time.
        for _ in 0..2 {
            let recalled = handle.recall(retry(owner)?);
            is(recalled.unwrap_or(record(b"a response")), record(b"a response"), "what is recalled")?;
            handle.claim(retry(owner)?).await?;
        }
    }
    Ok(())
}

pub(super) async fn nothing_is_recalled_for_another_request<S: Store>(harness: Harness<S>) -> Verdict {
    let owner = harness.completed(&record(b"a response")).await?;
    is_nothing(&harness, reuse(owner)?, "whose key was another's").await?;
    let other = reuse(owner)?;
    harness.claim(other).await?;
    is_nothing(&harness, other, "that was told so").await
}

pub(super) async fn nothing_is_recalled_after_it_has_expired<S: Store>(harness: Harness<S>) -> Verdict {
    let (forgotten, remembered) = (harness.won().await?, harness.won().await?);
    harness.complete_for(forgotten, &record(b"a"), harness.unit(), std::time::Duration::ZERO).await?;
    harness.complete_for(remembered, &record(b"a"), harness.unit(), LONG).await?;
    harness.pass(1.5).await;
    is_nothing(&harness, forgotten, "that has expired").await?;
    is_nothing(&harness, remembered, "that has expired and is remembered").await?;
    is(harness.claim(retry(forgotten)?).await?, WON, "a claim after the ttl")?;
    is_nothing(&harness, forgotten, "that runs anew").await
}
