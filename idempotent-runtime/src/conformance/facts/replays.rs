//! Answers to a retry of a completed request, and the times for which they are given.

use std::time::Duration;

use super::fact::Fact;
use crate::{
    conformance::harness::{FENCED, Harness, LONG, Verdict, WON, is, is_replay, record, retry, reuse},
    store::{Claim, Completion, OnAbandoned, Record, Store},
};

/// Facts about replays.
pub(super) fn facts<S: Store>() -> Vec<Fact<S>> {
    facts![
        a_completed_request_is_replayed,
        a_completed_request_is_replayed_to_its_owner,
        every_replay_has_the_same_bytes,
        a_record_of_no_bytes_is_replayed,
        a_record_of_every_byte_is_replayed,
        a_record_of_a_mebibyte_is_replayed,
        a_record_is_replayed_until_its_ttl_ends,
        the_ttl_counts_from_completion,
        an_address_is_vacant_after_the_ttl,
        a_remembered_record_is_expired_then_vacant,
        a_completion_repeated_after_its_record_has_expired_is_stored,
        a_completion_repeated_after_it_is_forgotten_is_fenced,
        reruns_replay_too,
        no_record_is_forgotten_for_newer_ones,
    ]
}

pub(super) async fn a_completed_request_is_replayed<S: Store>(harness: Harness<S>) -> Verdict {
    let owner = harness.completed(&record(b"a response")).await?;
    is_replay(harness.claim(retry(owner)?).await?, record(b"a response"), "a retry")
}

pub(super) async fn a_completed_request_is_replayed_to_its_owner<S: Store>(harness: Harness<S>) -> Verdict {
    let owner = harness.completed(&record(b"a response")).await?;
    is_replay(harness.claim(owner).await?, record(b"a response"), "the owner's claim repeated")
}

pub(super) async fn every_replay_has_the_same_bytes<S: Store>(harness: Harness<S>) -> Verdict {
    let owner = harness.completed(&record(b"a response")).await?;
    for _ in 0..8 {
        is_replay(harness.claim(retry(owner)?).await?, record(b"a response"), "a retry")?;
    }
    Ok(())
}

async fn comes_back<S: Store>(harness: Harness<S>, record: Record) -> Verdict {
    let owner = harness.completed(&record).await?;
    is_replay(harness.claim(retry(owner)?).await?, record, "a retry")
}

pub(super) async fn a_record_of_no_bytes_is_replayed<S: Store>(harness: Harness<S>) -> Verdict {
    comes_back(harness, record(b"")).await
}

pub(super) async fn a_record_of_every_byte_is_replayed<S: Store>(harness: Harness<S>) -> Verdict {
    let every: Vec<u8> = (0..=u8::MAX).chain((0..=u8::MAX).rev()).collect();
    comes_back(harness, Record::from_bytes(every)).await
}

pub(super) async fn a_record_of_a_mebibyte_is_replayed<S: Store>(harness: Harness<S>) -> Verdict {
    let varied = (0_u32..1 << 18).flat_map(|number| number.wrapping_mul(0x9e37_79b9).to_le_bytes());
    comes_back(harness, Record::from_bytes(varied.collect::<Vec<u8>>())).await
}

pub(super) async fn a_record_is_replayed_until_its_ttl_ends<S: Store>(harness: Harness<S>) -> Verdict {
    let owner = harness.won().await?;
    harness.complete_for(owner, &record(b"a"), harness.unit() * 2, Duration::ZERO).await?;
    harness.pass(1.0).await;
    is_replay(harness.claim(retry(owner)?).await?, record(b"a"), "a retry within the ttl")
}

pub(super) async fn the_ttl_counts_from_completion<S: Store>(harness: Harness<S>) -> Verdict {
    let owner = harness.won().await?;
    harness.pass(2.0).await;
    harness.complete_for(owner, &record(b"a"), harness.unit() * 2, Duration::ZERO).await?;
    harness.pass(1.0).await;
    is_replay(harness.claim(retry(owner)?).await?, record(b"a"), "a retry within the ttl")
}

pub(super) async fn an_address_is_vacant_after_the_ttl<S: Store>(harness: Harness<S>) -> Verdict {
    let owner = harness.won().await?;
    harness.complete_for(owner, &record(b"a"), harness.unit(), Duration::ZERO).await?;
    harness.pass(1.5).await;
    let next = reuse(owner)?;
    is(harness.claim(next).await?, WON, "a claim after the ttl, of another request")?;
    is(harness.complete(next, &record(b"b")).await?, Completion::Stored, "its completion")?;
    is_replay(harness.claim(retry(next)?).await?, record(b"b"), "its retry")
}

pub(super) async fn a_remembered_record_is_expired_then_vacant<S: Store>(harness: Harness<S>) -> Verdict {
    let owner = harness.won().await?;
    harness.complete_for(owner, &record(b"a"), harness.unit() * 2, harness.unit() * 2).await?;
    harness.pass(1.0).await;
    is_replay(harness.claim(retry(owner)?).await?, record(b"a"), "a retry within the ttl")?;
    harness.pass(2.0).await;
    is(harness.claim(retry(owner)?).await?, Claim::Expired, "a retry after the ttl")?;
    is(harness.rerun(retry(owner)?).await?, Claim::Expired, "a rerun after the ttl")?;
    is(harness.claim(owner).await?, Claim::Expired, "the owner's claim after the ttl")?;
    harness.pass(1.5).await;
    is(harness.claim(retry(owner)?).await?, WON, "a retry after the memory")
}

pub(super) async fn a_completion_repeated_after_its_record_has_expired_is_stored<S: Store>(
    harness: Harness<S>,
) -> Verdict {
    let owner = harness.won().await?;
    harness.complete_for(owner, &record(b"a"), harness.unit(), LONG).await?;
    harness.pass(1.5).await;
    for at_last in [b"a", b"b"] {
        let repeated = harness.complete_for(owner, &record(at_last), LONG, LONG).await?;
        is(repeated, Completion::Stored, "the completion repeated")?;
        is(harness.claim(retry(owner)?).await?, Claim::Expired, "a retry after it")?;
    }
    is(harness.complete(retry(owner)?, &record(b"a")).await?, FENCED, "a completion with another token")
}

pub(super) async fn a_completion_repeated_after_it_is_forgotten_is_fenced<S: Store>(
    harness: Harness<S>,
) -> Verdict {
    let owner = harness.won().await?;
    harness.complete_for(owner, &record(b"a"), harness.unit(), harness.unit()).await?;
    harness.pass(2.5).await;
    is(harness.complete(owner, &record(b"a")).await?, FENCED, "the completion repeated")?;
    is(harness.claim(reuse(owner)?).await?, WON, "a claim of another request")
}

pub(super) async fn reruns_replay_too<S: Store>(harness: Harness<S>) -> Verdict {
    let (_, winner) = harness.taken_over().await?;
    is(
        harness.complete(winner, &record(b"second")).await?,
        Completion::Stored,
        "the second attempt's completion",
    )?;
    let again = harness.ask(retry(winner)?, LONG, OnAbandoned::Rerun, LONG).await?;
    is_replay(again, record(b"second"), "a retry under rerun")?;
    is_replay(harness.claim(retry(winner)?).await?, record(b"second"), "a retry under refuse")
}

pub(super) async fn no_record_is_forgotten_for_newer_ones<S: Store>(harness: Harness<S>) -> Verdict {
    let mut owners = Vec::new();
    for _ in 0..harness.keys() {
        owners.push(harness.completed(&record(b"a")).await?);
    }
    for owner in owners {
        let claim = harness.claim(retry(owner)?).await?;
        is_replay(claim, record(b"a"), "a retry after other keys have completed")?;
    }
    Ok(())
}
