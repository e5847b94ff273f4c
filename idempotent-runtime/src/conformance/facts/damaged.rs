//! Entries that cannot be read.

use super::fact::Fact;
use crate::{
    conformance::harness::{FENCED, Harness, LONG, Verdict, is, record},
    store::{Renewal, Store},
};

/// Facts about entries that cannot be read.
pub(super) fn facts<S: Store>() -> Vec<Fact<S>> {
    facts![
        an_unreadable_claim_is_never_won,
        an_unreadable_record_is_never_run_again,
        no_hold_on_an_unreadable_entry_stands,
        an_unreadable_entry_is_not_ended_by_hand,
    ]
}

pub(super) async fn an_unreadable_claim_is_never_won<S: Store>(harness: Harness<S>) -> Verdict {
    let (running, lapsed) = (harness.won().await?, harness.lapsed().await?);
    for owner in [running, lapsed] {
        harness.damage(owner).await;
        harness.is_unreadable(owner).await?;
    }
    Ok(())
}

pub(super) async fn an_unreadable_record_is_never_run_again<S: Store>(harness: Harness<S>) -> Verdict {
    let owner = harness.completed(&record(b"a response")).await?;
    harness.damage(owner).await;
    harness.is_unreadable(owner).await
}

pub(super) async fn no_hold_on_an_unreadable_entry_stands<S: Store>(harness: Harness<S>) -> Verdict {
    let owner = harness.won().await?;
    harness.damage(owner).await;
    is(harness.renew(owner, LONG).await?, Renewal::Fenced, "the owner's renewal")?;
    is(harness.complete(owner, &record(b"a response")).await?, FENCED, "the owner's completion")?;
    harness.release(owner).await?;
    harness.is_unreadable(owner).await
}

pub(super) async fn an_unreadable_entry_is_not_ended_by_hand<S: Store>(harness: Harness<S>) -> Verdict {
    let owner = harness.lapsed().await?;
    harness.damage(owner).await;
    harness.is_unreadable_by_hand(owner).await?;
    harness.is_unreadable(owner).await
}
