//! Answers to claims.

use std::{collections::HashSet, time::Duration};

use super::fact::Fact;
use crate::{
    conformance::harness::{
        Harness, LONG, Verdict, WON, hold, is, is_in_flight, is_replay, record, retry, reuse,
    },
    request::Address,
    store::{Claim, Completion, Hold, OnAbandoned, Store},
};

/// Facts about claims.
pub(super) fn facts<S: Store>() -> Vec<Fact<S>> {
    facts![
        a_vacant_address_is_won_as_attempt_1,
        a_claim_repeated_with_its_token_is_won_again,
        a_claim_repeated_after_its_lease_is_won_again,
        a_claim_repeated_counts_its_lease_anew,
        a_claim_repeated_counts_its_retention_anew,
        a_running_claim_is_in_flight_for_others,
        another_fingerprint_is_reused_while_claimed,
        another_fingerprint_is_reused_with_the_same_token,
        another_fingerprint_is_reused_after_the_lease,
        another_fingerprint_is_reused_once_abandoned,
        another_fingerprint_is_reused_once_completed,
        another_fingerprint_is_reused_once_expired,
        addresses_do_not_touch_each_other,
        handles_to_the_same_data_see_the_same,
        no_claim_is_forgotten_for_newer_ones,
        no_two_claims_get_the_same_token,
    ]
}

pub(super) async fn a_vacant_address_is_won_as_attempt_1<S: Store>(harness: Harness<S>) -> Verdict {
    is(harness.claim(hold()?).await?, WON, "a claim on a vacant address")?;
    is(harness.rerun(hold()?).await?, WON, "a rerun on a vacant address")
}

pub(super) async fn a_claim_repeated_with_its_token_is_won_again<S: Store>(harness: Harness<S>) -> Verdict {
    let first = harness.won().await?;
    is(harness.claim(first).await?, WON, "the repeated claim")?;
    let (_, second) = harness.taken_over().await?;
    is(harness.rerun(second).await?, Claim::Won { attempt: 2 }, "the repeated takeover")
}

pub(super) async fn a_claim_repeated_after_its_lease_is_won_again<S: Store>(harness: Harness<S>) -> Verdict {
    let first = harness.lapsed().await?;
    is(harness.claim(first).await?, WON, "the repeated claim under refuse")?;
    let first = harness.lapsed().await?;
    is(harness.rerun(first).await?, WON, "the repeated claim under rerun")
}

pub(super) async fn a_claim_repeated_counts_its_lease_anew<S: Store>(harness: Harness<S>) -> Verdict {
    let first = hold()?;
    let lease = harness.unit() * 2;
    let claim = async || harness.ask(first, lease, OnAbandoned::Refuse, LONG).await;
    is(claim().await?, WON, "the claim")?;
    harness.pass(1.2).await;
    is(claim().await?, WON, "the repeated claim")?;
    harness.pass(1.2).await;
    is_in_flight(harness.claim(retry(first)?).await?, lease, "a claim within the repeated claim's lease")
}

pub(super) async fn a_claim_repeated_counts_its_retention_anew<S: Store>(harness: Harness<S>) -> Verdict {
    let (shortened, prolonged) = (hold()?, hold()?);
    for (owner, first, repeated) in [(shortened, LONG, Duration::ZERO), (prolonged, Duration::ZERO, LONG)] {
        for retention in [first, repeated] {
            let claim = harness.ask(owner, harness.unit(), OnAbandoned::Refuse, retention).await?;
            is(claim, WON, "the claim, and the claim repeated")?;
        }
    }
    harness.pass(1.5).await;
    is(harness.claim(reuse(shortened)?).await?, WON, "another request after the repeated claim's retention")?;
    let claim = harness.claim(retry(prolonged)?).await?;
    is(claim, Claim::Abandoned, "a claim within the repeated claim's retention")
}

pub(super) async fn a_running_claim_is_in_flight_for_others<S: Store>(harness: Harness<S>) -> Verdict {
    let first = harness.won().await?;
    is_in_flight(harness.claim(retry(first)?).await?, LONG, "a claim under refuse")?;
    is_in_flight(harness.rerun(retry(first)?).await?, LONG, "a claim under rerun")?;
    match harness.claim(retry(first)?).await? {
        Claim::InFlight { lease_left } if lease_left > LONG / 2 => Ok(()),
        other => Err(format!("much of the lease was left, and the claim was {other:?}")),
    }
}

async fn is_reused<S: Store>(harness: &Harness<S>, owner: Hold) -> Verdict {
    is(harness.claim(reuse(owner)?).await?, Claim::Reused, "another request under refuse")?;
    is(harness.rerun(reuse(owner)?).await?, Claim::Reused, "another request under rerun")
}

pub(super) async fn another_fingerprint_is_reused_while_claimed<S: Store>(harness: Harness<S>) -> Verdict {
    is_reused(&harness, harness.won().await?).await
}

pub(super) async fn another_fingerprint_is_reused_with_the_same_token<S: Store>(
    harness: Harness<S>,
) -> Verdict {
    let owner = harness.won().await?;
    let other = Hold { token: owner.token, ..reuse(owner)? };
    is(harness.claim(other).await?, Claim::Reused, "another request with the same token")
}

pub(super) async fn another_fingerprint_is_reused_after_the_lease<S: Store>(harness: Harness<S>) -> Verdict {
    let owner = harness.lapsed().await?;
    is_reused(&harness, owner).await?;
    let stored = harness.complete(owner, &record(b"a")).await?;
    is(stored, Completion::Stored, "the owner's completion after another request was turned away")
}

pub(super) async fn another_fingerprint_is_reused_once_abandoned<S: Store>(harness: Harness<S>) -> Verdict {
    is_reused(&harness, harness.abandoned().await?).await
}

pub(super) async fn another_fingerprint_is_reused_once_completed<S: Store>(harness: Harness<S>) -> Verdict {
    is_reused(&harness, harness.completed(&record(b"a")).await?).await
}

pub(super) async fn another_fingerprint_is_reused_once_expired<S: Store>(harness: Harness<S>) -> Verdict {
    let owner = harness.won().await?;
    harness.complete_for(owner, &record(b"a"), harness.unit(), LONG).await?;
    harness.pass(1.5).await;
    is_reused(&harness, owner).await
}

pub(super) async fn addresses_do_not_touch_each_other<S: Store>(harness: Harness<S>) -> Verdict {
    // Only the address differs, and that in its last bit.
    let first = harness.won().await?;
    let mut bytes = *first.address.as_bytes();
    bytes[31] ^= 1;
    let second = Hold { address: Address::from_bytes(bytes), ..first };
    is(harness.claim(second).await?, WON, "a claim on the second address")?;
    is(harness.complete(first, &record(b"a")).await?, Completion::Stored, "the first completion")?;
    is_in_flight(harness.claim(retry(second)?).await?, LONG, "a claim on the second address")?;
    harness.release(second).await?;
    is_replay(harness.claim(retry(first)?).await?, record(b"a"), "a claim on the first address")
}

pub(super) async fn handles_to_the_same_data_see_the_same<S: Store>(harness: Harness<S>) -> Verdict {
    let other = harness.another().await;
    let owner = harness.won().await?;
    is_in_flight(other.claim(retry(owner)?).await?, LONG, "a claim through another handle")?;
    is(other.claim(owner).await?, WON, "the claim repeated through another handle")?;
    is(
        other.complete(owner, &record(b"a")).await?,
        Completion::Stored,
        "a completion through another handle",
    )?;
    let third = harness.another().await;
    is_replay(third.claim(retry(owner)?).await?, record(b"a"), "a claim through a third handle")?;
    let owner = harness.won().await?;
    other.release(owner).await?;
    let lease = Duration::from_secs(60);
    let again = harness.ask(retry(owner)?, lease, OnAbandoned::Refuse, LONG).await?;
    is(again, WON, "a claim after another handle's release")
}

pub(super) async fn no_claim_is_forgotten_for_newer_ones<S: Store>(harness: Harness<S>) -> Verdict {
    let mut owners = Vec::new();
    for _ in 0..harness.keys() {
        owners.push(harness.won().await?);
    }
    for owner in owners {
        is_in_flight(harness.claim(retry(owner)?).await?, LONG, "a claim after other keys were claimed")?;
    }
    Ok(())
}

pub(super) async fn no_two_claims_get_the_same_token<S: Store>(harness: Harness<S>) -> Verdict {
    let (other, mut tokens) = (harness.another().await, HashSet::new());
    for _ in 0..1_000 {
        let new = tokens.insert(harness.token()?) && tokens.insert(other.token()?);
        is(new, true, "whether a token was new")?;
    }
    Ok(())
}
