//! Entries that cannot be read.

use super::super::desk::{Desk, FENCED, LONG, Verdict, is, record};
use crate::store::{Renewal, Store};

pub(super) async fn an_unreadable_claim_is_never_won<S: Store>(desk: Desk<S>) -> Verdict {
    let (running, lapsed) = (desk.won().await?, desk.lapsed().await?);
    for owner in [running, lapsed] {
        desk.damage(owner).await;
        desk.is_unreadable(owner).await?;
    }
    Ok(())
}

pub(super) async fn an_unreadable_record_is_never_run_again<S: Store>(desk: Desk<S>) -> Verdict {
    let owner = desk.completed(&record(b"a response")).await?;
    desk.damage(owner).await;
    desk.is_unreadable(owner).await
}

pub(super) async fn no_hold_on_an_unreadable_entry_stands<S: Store>(desk: Desk<S>) -> Verdict {
    let owner = desk.won().await?;
    desk.damage(owner).await;
    is(desk.renew(owner, LONG).await?, Renewal::Fenced, "the owner's renewal")?;
    is(desk.complete(owner, &record(b"a response")).await?, FENCED, "the owner's completion")?;
    desk.release(owner).await?;
    desk.is_unreadable(owner).await
}

pub(super) async fn an_unreadable_entry_is_not_ended_by_hand<S: Store>(desk: Desk<S>) -> Verdict {
    let owner = desk.lapsed().await?;
    desk.damage(owner).await;
    desk.is_unreadable_by_hand(owner).await?;
    desk.is_unreadable(owner).await
}
