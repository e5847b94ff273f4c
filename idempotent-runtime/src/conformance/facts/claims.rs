//! Answers to claims.

use std::{collections::HashSet, time::Duration};

use super::super::desk::{Desk, LONG, Verdict, WON, hold, is, is_in_flight, is_replay, record, retry, reuse};
use crate::{
    request::Address,
    store::{Claim, Completion, Hold, OnAbandoned, Store},
};

pub(super) async fn a_vacant_address_is_won_as_attempt_1<S: Store>(desk: Desk<S>) -> Verdict {
    is(desk.claim(hold()?).await?, WON, "a claim on a vacant address")?;
    is(desk.rerun(hold()?).await?, WON, "a rerun on a vacant address")
}

pub(super) async fn a_claim_repeated_with_its_token_is_won_again<S: Store>(desk: Desk<S>) -> Verdict {
    let first = desk.won().await?;
    is(desk.claim(first).await?, WON, "the repeated claim")?;
    let (_, second) = desk.taken_over().await?;
    is(desk.rerun(second).await?, Claim::Won { attempt: 2 }, "the repeated takeover")
}

pub(super) async fn a_claim_repeated_after_its_lease_is_won_again<S: Store>(desk: Desk<S>) -> Verdict {
    let first = desk.lapsed().await?;
    is(desk.claim(first).await?, WON, "the repeated claim under refuse")?;
    let first = desk.lapsed().await?;
    is(desk.rerun(first).await?, WON, "the repeated claim under rerun")
}

pub(super) async fn a_claim_repeated_counts_its_lease_anew<S: Store>(desk: Desk<S>) -> Verdict {
    let first = hold()?;
    let lease = desk.unit() * 2;
    let claim = async || desk.ask(first, lease, OnAbandoned::Refuse, LONG).await;
    is(claim().await?, WON, "the claim")?;
    desk.pass(1.2).await;
    is(claim().await?, WON, "the repeated claim")?;
    desk.pass(1.2).await;
    is_in_flight(desk.claim(retry(first)?).await?, lease, "a claim within the repeated claim's lease")
}

pub(super) async fn a_claim_repeated_counts_its_retention_anew<S: Store>(desk: Desk<S>) -> Verdict {
    let (shortened, prolonged) = (hold()?, hold()?);
    for (owner, first, repeated) in [(shortened, LONG, Duration::ZERO), (prolonged, Duration::ZERO, LONG)] {
        for retention in [first, repeated] {
            let claim = desk.ask(owner, desk.unit(), OnAbandoned::Refuse, retention).await?;
            is(claim, WON, "the claim, and the claim repeated")?;
        }
    }
    desk.pass(1.5).await;
    is(desk.claim(reuse(shortened)?).await?, WON, "another request after the repeated claim's retention")?;
    let claim = desk.claim(retry(prolonged)?).await?;
    is(claim, Claim::Abandoned, "a claim within the repeated claim's retention")
}

pub(super) async fn a_running_claim_is_in_flight_for_others<S: Store>(desk: Desk<S>) -> Verdict {
    let first = desk.won().await?;
    is_in_flight(desk.claim(retry(first)?).await?, LONG, "a claim under refuse")?;
    is_in_flight(desk.rerun(retry(first)?).await?, LONG, "a claim under rerun")?;
    match desk.claim(retry(first)?).await? {
        Claim::InFlight { lease_left } if lease_left > LONG / 2 => Ok(()),
        other => Err(format!("much of the lease was left, and the claim was {other:?}")),
    }
}

async fn is_reused<S: Store>(desk: &Desk<S>, owner: Hold) -> Verdict {
    is(desk.claim(reuse(owner)?).await?, Claim::Reused, "another request under refuse")?;
    is(desk.rerun(reuse(owner)?).await?, Claim::Reused, "another request under rerun")
}

pub(super) async fn another_fingerprint_is_reused_while_claimed<S: Store>(desk: Desk<S>) -> Verdict {
    is_reused(&desk, desk.won().await?).await
}

pub(super) async fn another_fingerprint_is_reused_with_the_same_token<S: Store>(desk: Desk<S>) -> Verdict {
    let owner = desk.won().await?;
    let other = Hold { token: owner.token, ..reuse(owner)? };
    is(desk.claim(other).await?, Claim::Reused, "another request with the same token")
}

pub(super) async fn another_fingerprint_is_reused_after_the_lease<S: Store>(desk: Desk<S>) -> Verdict {
    let owner = desk.lapsed().await?;
    is_reused(&desk, owner).await?;
    let stored = desk.complete(owner, &record(b"a")).await?;
    is(stored, Completion::Stored, "the owner's completion after another request was turned away")
}

pub(super) async fn another_fingerprint_is_reused_once_abandoned<S: Store>(desk: Desk<S>) -> Verdict {
    is_reused(&desk, desk.abandoned().await?).await
}

pub(super) async fn another_fingerprint_is_reused_once_completed<S: Store>(desk: Desk<S>) -> Verdict {
    is_reused(&desk, desk.completed(&record(b"a")).await?).await
}

pub(super) async fn another_fingerprint_is_reused_once_expired<S: Store>(desk: Desk<S>) -> Verdict {
    let owner = desk.won().await?;
    desk.complete_for(owner, &record(b"a"), desk.unit(), LONG).await?;
    desk.pass(1.5).await;
    is_reused(&desk, owner).await
}

pub(super) async fn addresses_do_not_touch_each_other<S: Store>(desk: Desk<S>) -> Verdict {
    // Only the address differs, and that in its last bit.
    let first = desk.won().await?;
    let mut bytes = *first.address.as_bytes();
    bytes[31] ^= 1;
    let second = Hold { address: Address::from_bytes(bytes), ..first };
    is(desk.claim(second).await?, WON, "a claim on the second address")?;
    is(desk.complete(first, &record(b"a")).await?, Completion::Stored, "the first completion")?;
    is_in_flight(desk.claim(retry(second)?).await?, LONG, "a claim on the second address")?;
    desk.release(second).await?;
    is_replay(desk.claim(retry(first)?).await?, record(b"a"), "a claim on the first address")
}

pub(super) async fn handles_to_the_same_data_see_the_same<S: Store>(desk: Desk<S>) -> Verdict {
    let other = desk.another().await;
    let owner = desk.won().await?;
    is_in_flight(other.claim(retry(owner)?).await?, LONG, "a claim through another handle")?;
    is(other.claim(owner).await?, WON, "the claim repeated through another handle")?;
    is(
        other.complete(owner, &record(b"a")).await?,
        Completion::Stored,
        "a completion through another handle",
    )?;
    let third = desk.another().await;
    is_replay(third.claim(retry(owner)?).await?, record(b"a"), "a claim through a third handle")?;
    let owner = desk.won().await?;
    other.release(owner).await?;
    let lease = Duration::from_secs(60);
    let again = desk.ask(retry(owner)?, lease, OnAbandoned::Refuse, LONG).await?;
    is(again, WON, "a claim after another handle's release")
}

pub(super) async fn no_claim_is_forgotten_for_newer_ones<S: Store>(desk: Desk<S>) -> Verdict {
    let mut owners = Vec::new();
    for _ in 0..desk.keys() {
        owners.push(desk.won().await?);
    }
    for owner in owners {
        is_in_flight(desk.claim(retry(owner)?).await?, LONG, "a claim after other keys were claimed")?;
    }
    Ok(())
}

pub(super) async fn no_two_claims_get_the_same_token<S: Store>(desk: Desk<S>) -> Verdict {
    let (other, mut tokens) = (desk.another().await, HashSet::new());
    for _ in 0..1_000 {
        let new = tokens.insert(desk.token()?) && tokens.insert(other.token()?);
        is(new, true, "whether a token was new")?;
    }
    Ok(())
}
