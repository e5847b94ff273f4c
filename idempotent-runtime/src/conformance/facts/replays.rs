//! Answers to a retry of a completed request, and the times for which they are given.

use std::time::Duration;

use super::super::desk::{Desk, FENCED, LONG, Verdict, WON, is, is_replay, record, retry, reuse};
use crate::store::{Claim, Completion, OnAbandoned, Record, Store};

pub(super) async fn a_completed_request_is_replayed<S: Store>(desk: Desk<S>) -> Verdict {
    let owner = desk.completed(&record(b"a response")).await?;
    is_replay(desk.claim(retry(owner)?).await?, record(b"a response"), "a retry")
}

pub(super) async fn a_completed_request_is_replayed_to_its_owner<S: Store>(desk: Desk<S>) -> Verdict {
    let owner = desk.completed(&record(b"a response")).await?;
    is_replay(desk.claim(owner).await?, record(b"a response"), "the owner's claim repeated")
}

pub(super) async fn every_replay_has_the_same_bytes<S: Store>(desk: Desk<S>) -> Verdict {
    let owner = desk.completed(&record(b"a response")).await?;
    for _ in 0..8 {
        is_replay(desk.claim(retry(owner)?).await?, record(b"a response"), "a retry")?;
    }
    Ok(())
}

async fn comes_back<S: Store>(desk: Desk<S>, record: Record) -> Verdict {
    let owner = desk.completed(&record).await?;
    is_replay(desk.claim(retry(owner)?).await?, record, "a retry")
}

pub(super) async fn a_record_of_no_bytes_is_replayed<S: Store>(desk: Desk<S>) -> Verdict {
    comes_back(desk, record(b"")).await
}

pub(super) async fn a_record_of_every_byte_is_replayed<S: Store>(desk: Desk<S>) -> Verdict {
    let every: Vec<u8> = (0..=u8::MAX).chain((0..=u8::MAX).rev()).collect();
    comes_back(desk, Record::from_bytes(every)).await
}

pub(super) async fn a_record_of_a_mebibyte_is_replayed<S: Store>(desk: Desk<S>) -> Verdict {
    let varied = (0_u32..1 << 18).flat_map(|number| number.wrapping_mul(0x9e37_79b9).to_le_bytes());
    comes_back(desk, Record::from_bytes(varied.collect::<Vec<u8>>())).await
}

pub(super) async fn a_record_is_replayed_until_its_ttl_ends<S: Store>(desk: Desk<S>) -> Verdict {
    let owner = desk.won().await?;
    desk.complete_for(owner, &record(b"a"), desk.unit() * 2, Duration::ZERO).await?;
    desk.pass(1.0).await;
    is_replay(desk.claim(retry(owner)?).await?, record(b"a"), "a retry within the ttl")
}

pub(super) async fn the_ttl_counts_from_completion<S: Store>(desk: Desk<S>) -> Verdict {
    let owner = desk.won().await?;
    desk.pass(2.0).await;
    desk.complete_for(owner, &record(b"a"), desk.unit() * 2, Duration::ZERO).await?;
    desk.pass(1.0).await;
    is_replay(desk.claim(retry(owner)?).await?, record(b"a"), "a retry within the ttl")
}

pub(super) async fn an_address_is_vacant_after_the_ttl<S: Store>(desk: Desk<S>) -> Verdict {
    let owner = desk.won().await?;
    desk.complete_for(owner, &record(b"a"), desk.unit(), Duration::ZERO).await?;
    desk.pass(1.5).await;
    let next = reuse(owner)?;
    is(desk.claim(next).await?, WON, "a claim after the ttl, of another request")?;
    is(desk.complete(next, &record(b"b")).await?, Completion::Stored, "its completion")?;
    is_replay(desk.claim(retry(next)?).await?, record(b"b"), "its retry")
}

pub(super) async fn a_remembered_record_is_expired_then_vacant<S: Store>(desk: Desk<S>) -> Verdict {
    let owner = desk.won().await?;
    desk.complete_for(owner, &record(b"a"), desk.unit() * 2, desk.unit() * 2).await?;
    desk.pass(1.0).await;
    is_replay(desk.claim(retry(owner)?).await?, record(b"a"), "a retry within the ttl")?;
    desk.pass(2.0).await;
    is(desk.claim(retry(owner)?).await?, Claim::Expired, "a retry after the ttl")?;
    is(desk.rerun(retry(owner)?).await?, Claim::Expired, "a rerun after the ttl")?;
    is(desk.claim(owner).await?, Claim::Expired, "the owner's claim after the ttl")?;
    desk.pass(1.5).await;
    is(desk.claim(retry(owner)?).await?, WON, "a retry after the memory")
}

pub(super) async fn a_completion_repeated_after_its_record_has_expired_is_stored<S: Store>(
    desk: Desk<S>,
) -> Verdict {
    let owner = desk.won().await?;
    desk.complete_for(owner, &record(b"a"), desk.unit(), LONG).await?;
    desk.pass(1.5).await;
    for at_last in [b"a", b"b"] {
        let repeated = desk.complete_for(owner, &record(at_last), LONG, LONG).await?;
        is(repeated, Completion::Stored, "the completion repeated")?;
        is(desk.claim(retry(owner)?).await?, Claim::Expired, "a retry after it")?;
    }
    is(desk.complete(retry(owner)?, &record(b"a")).await?, FENCED, "a completion with another token")
}

pub(super) async fn a_completion_repeated_after_it_is_forgotten_is_fenced<S: Store>(
    desk: Desk<S>,
) -> Verdict {
    let owner = desk.won().await?;
    desk.complete_for(owner, &record(b"a"), desk.unit(), desk.unit()).await?;
    desk.pass(2.5).await;
    is(desk.complete(owner, &record(b"a")).await?, FENCED, "the completion repeated")?;
    is(desk.claim(reuse(owner)?).await?, WON, "a claim of another request")
}

pub(super) async fn reruns_replay_too<S: Store>(desk: Desk<S>) -> Verdict {
    let (_, winner) = desk.taken_over().await?;
    is(
        desk.complete(winner, &record(b"second")).await?,
        Completion::Stored,
        "the second attempt's completion",
    )?;
    let again = desk.ask(retry(winner)?, LONG, OnAbandoned::Rerun, LONG).await?;
    is_replay(again, record(b"second"), "a retry under rerun")?;
    is_replay(desk.claim(retry(winner)?).await?, record(b"second"), "a retry under refuse")
}

pub(super) async fn no_record_is_forgotten_for_newer_ones<S: Store>(desk: Desk<S>) -> Verdict {
    let mut owners = Vec::new();
    for _ in 0..desk.keys() {
        owners.push(desk.completed(&record(b"a")).await?);
    }
    for owner in owners {
        let claim = desk.claim(retry(owner)?).await?;
        is_replay(claim, record(b"a"), "a retry after other keys have completed")?;
    }
    Ok(())
}
