//! Ends of waiting for a change.

use std::{future::poll_fn, pin::pin, task::Poll, time::Duration};

use tokio::{task::JoinHandle, time::sleep};

use super::fact::Fact;
use crate::{
    conformance::harness::{FENCED, Harness, Verdict, WON, hold, is, is_replay, record, retry},
    store::{Claim, Completion, Hold, Store},
};

/// Facts about waiting.
pub(super) fn facts<S: Store>() -> Vec<Fact<S>> {
    facts![
        waiting_ends_at_once_on_a_vacant_address,
        waiting_ends_at_once_on_a_completed_address,
        waiting_ends_at_once_on_an_abandoned_address,
        waiting_ends_when_the_claim_completes,
        waiting_ends_when_the_claim_is_released,
        waiting_ends_when_the_claim_is_abandoned,
        waiting_ends_when_a_takeover_completes,
        waiting_ends_when_another_handle_completes,
        waiting_holds_nothing,
        waiting_that_is_dropped_holds_nothing,
    ]
}

pub(super) async fn waiting_ends_at_once_on_a_vacant_address<S: Store>(harness: Harness<S>) -> Verdict {
    harness.prompt(harness.changed(hold()?.address), "waiting on an address never claimed").await?;
    let owner = harness.won().await?;
    harness.release(owner).await?;
    harness.prompt(harness.changed(owner.address), "waiting on a released address").await
}

pub(super) async fn waiting_ends_at_once_on_a_completed_address<S: Store>(harness: Harness<S>) -> Verdict {
    let owner = harness.completed(&record(b"a")).await?;
    harness.prompt(harness.changed(owner.address), "waiting").await
}

pub(super) async fn waiting_ends_at_once_on_an_abandoned_address<S: Store>(harness: Harness<S>) -> Verdict {
    let owner = harness.abandoned().await?;
    harness.prompt(harness.changed(owner.address), "waiting").await
}

/// Starts waiting, and gives it the time to begin.
pub(super) async fn waiting<S: Store>(harness: &Harness<S>, owner: Hold) -> JoinHandle<()> {
    let harness = harness.clone();
    let waiting = tokio::spawn(async move { harness.changed(owner.address).await });
    sleep(Duration::from_millis(20)).await;
    waiting
}

pub(super) async fn ended<S: Store>(harness: &Harness<S>, waiting: JoinHandle<()>) -> Verdict {
    harness.prompt(waiting, "waiting").await?.map_err(|panicked| panicked.to_string())
}

pub(super) async fn waiting_ends_when_the_claim_completes<S: Store>(harness: Harness<S>) -> Verdict {
    let owner = harness.won().await?;
    let (first, second) = (waiting(&harness, owner).await, waiting(&harness, owner).await);
    is(harness.complete(owner, &record(b"a")).await?, Completion::Stored, "the owner's completion")?;
    ended(&harness, first).await?;
    ended(&harness, second).await
}

pub(super) async fn waiting_ends_when_the_claim_is_released<S: Store>(harness: Harness<S>) -> Verdict {
    let owner = harness.won().await?;
    let waiting = waiting(&harness, owner).await;
    harness.release(owner).await?;
    ended(&harness, waiting).await
}

pub(super) async fn waiting_ends_when_the_claim_is_abandoned<S: Store>(harness: Harness<S>) -> Verdict {
    let owner = harness.lapsed().await?;
    let waiting = waiting(&harness, owner).await;
    is(harness.claim(retry(owner)?).await?, Claim::Abandoned, "a claim after the lease")?;
    ended(&harness, waiting).await
}

pub(super) async fn waiting_ends_when_a_takeover_completes<S: Store>(harness: Harness<S>) -> Verdict {
    let old = harness.lapsed().await?;
    let before = waiting(&harness, old).await;
    let new = retry(old)?;
    is(harness.rerun(new).await?, Claim::Won { attempt: 2 }, "a rerun after the lease")?;
    let after = waiting(&harness, new).await;
    is(harness.complete(old, &record(b"old")).await?, FENCED, "the old owner's completion")?;
    is(harness.complete(new, &record(b"new")).await?, Completion::Stored, "the new owner's completion")?;
    ended(&harness, before).await?;
    ended(&harness, after).await
}

pub(super) async fn waiting_ends_when_another_handle_completes<S: Store>(harness: Harness<S>) -> Verdict {
    let owner = harness.won().await?;
    let waiting = waiting(&harness, owner).await;
    let other = harness.another().await;
    is(
        other.complete(owner, &record(b"a")).await?,
        Completion::Stored,
        "a completion through another handle",
    )?;
    ended(&harness, waiting).await
}

const WAITERS: usize = 128;

pub(super) async fn waiting_holds_nothing<S: Store>(harness: Harness<S>) -> Verdict {
    let owner = harness.won().await?;
    let mut waiters = Vec::new();
    for _ in 0..WAITERS {
        let harness = harness.clone();
        waiters.push(tokio::spawn(async move { harness.changed(owner.address).await }));
    }
    sleep(Duration::from_millis(50)).await;
    let other = harness
        .prompt(harness.completed(&record(b"b")), "another key's execution beside the waiters")
        .await??;
    let replay =
        harness.prompt(harness.claim(retry(other)?), "another key's retry beside the waiters").await??;
    is_replay(replay, record(b"b"), "another key's retry")?;
    harness.prompt(harness.complete(owner, &record(b"a")), "the completion that they wait for").await??;
    for waiter in waiters {
        ended(&harness, waiter).await?;
    }
    Ok(())
}

pub(super) async fn waiting_that_is_dropped_holds_nothing<S: Store>(harness: Harness<S>) -> Verdict {
    let owner = harness.won().await?;
    for _ in 0..WAITERS {
        let mut waiting = pin!(harness.changed(owner.address));
        poll_fn(|context| Poll::Ready(waiting.as_mut().poll(context).is_ready())).await;
    }
    let aborted: Vec<_> = (0..WAITERS)
        .map(|_| {
            let harness = harness.clone();
            tokio::spawn(async move { harness.changed(owner.address).await })
        })
        .collect();
    sleep(Duration::from_millis(50)).await;
    aborted.iter().for_each(JoinHandle::abort);
    let last = waiting(&harness, owner).await;
    harness.prompt(harness.release(owner), "the release after the waiters have gone").await??;
    ended(&harness, last).await?;
    is(
        harness.prompt(harness.claim(retry(owner)?), "a claim after it").await??,
        WON,
        "a claim after the release",
    )
}
