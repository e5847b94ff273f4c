//! Ends of waiting for a change.

use std::{future::poll_fn, pin::pin, task::Poll, time::Duration};

use tokio::{task::JoinHandle, time::sleep};

use super::super::desk::{Desk, FENCED, Verdict, WON, hold, is, is_replay, record, retry};
use crate::store::{Claim, Completion, Hold, Store};

pub(super) async fn waiting_ends_at_once_on_a_vacant_address<S: Store>(desk: Desk<S>) -> Verdict {
    desk.prompt(desk.changed(hold()?.address), "waiting on an address never claimed").await?;
    let owner = desk.won().await?;
    desk.release(owner).await?;
    desk.prompt(desk.changed(owner.address), "waiting on a released address").await
}

pub(super) async fn waiting_ends_at_once_on_a_completed_address<S: Store>(desk: Desk<S>) -> Verdict {
    let owner = desk.completed(&record(b"a")).await?;
    desk.prompt(desk.changed(owner.address), "waiting").await
}

pub(super) async fn waiting_ends_at_once_on_an_abandoned_address<S: Store>(desk: Desk<S>) -> Verdict {
    let owner = desk.abandoned().await?;
    desk.prompt(desk.changed(owner.address), "waiting").await
}

/// Starts waiting, and gives it the time to begin.
pub(super) async fn waiting<S: Store>(desk: &Desk<S>, owner: Hold) -> JoinHandle<()> {
    let desk = desk.clone();
    let waiting = tokio::spawn(async move { desk.changed(owner.address).await });
    sleep(Duration::from_millis(20)).await;
    waiting
}

pub(super) async fn ended<S: Store>(desk: &Desk<S>, waiting: JoinHandle<()>) -> Verdict {
    desk.prompt(waiting, "waiting").await?.map_err(|panicked| panicked.to_string())
}

pub(super) async fn waiting_ends_when_the_claim_completes<S: Store>(desk: Desk<S>) -> Verdict {
    let owner = desk.won().await?;
    let (first, second) = (waiting(&desk, owner).await, waiting(&desk, owner).await);
    is(desk.complete(owner, &record(b"a")).await?, Completion::Stored, "the owner's completion")?;
    ended(&desk, first).await?;
    ended(&desk, second).await
}

pub(super) async fn waiting_ends_when_the_claim_is_released<S: Store>(desk: Desk<S>) -> Verdict {
    let owner = desk.won().await?;
    let waiting = waiting(&desk, owner).await;
    desk.release(owner).await?;
    ended(&desk, waiting).await
}

pub(super) async fn waiting_ends_when_the_claim_is_abandoned<S: Store>(desk: Desk<S>) -> Verdict {
    let owner = desk.lapsed().await?;
    let waiting = waiting(&desk, owner).await;
    is(desk.claim(retry(owner)?).await?, Claim::Abandoned, "a claim after the lease")?;
    ended(&desk, waiting).await
}

pub(super) async fn waiting_ends_when_a_takeover_completes<S: Store>(desk: Desk<S>) -> Verdict {
    let old = desk.lapsed().await?;
    let before = waiting(&desk, old).await;
    let new = retry(old)?;
    is(desk.rerun(new).await?, Claim::Won { attempt: 2 }, "a rerun after the lease")?;
    let after = waiting(&desk, new).await;
    is(desk.complete(old, &record(b"old")).await?, FENCED, "the old owner's completion")?;
    is(desk.complete(new, &record(b"new")).await?, Completion::Stored, "the new owner's completion")?;
    ended(&desk, before).await?;
    ended(&desk, after).await
}

pub(super) async fn waiting_ends_when_another_handle_completes<S: Store>(desk: Desk<S>) -> Verdict {
    let owner = desk.won().await?;
    let waiting = waiting(&desk, owner).await;
    let other = desk.another().await;
    is(
        other.complete(owner, &record(b"a")).await?,
        Completion::Stored,
        "a completion through another handle",
    )?;
    ended(&desk, waiting).await
}

const WAITERS: usize = 128;

pub(super) async fn waiting_holds_nothing<S: Store>(desk: Desk<S>) -> Verdict {
    let owner = desk.won().await?;
    let mut waiters = Vec::new();
    for _ in 0..WAITERS {
        let desk = desk.clone();
        waiters.push(tokio::spawn(async move { desk.changed(owner.address).await }));
    }
    sleep(Duration::from_millis(50)).await;
    let other =
        desk.prompt(desk.completed(&record(b"b")), "another key's execution beside the waiters").await??;
    let replay = desk.prompt(desk.claim(retry(other)?), "another key's retry beside the waiters").await??;
    is_replay(replay, record(b"b"), "another key's retry")?;
    desk.prompt(desk.complete(owner, &record(b"a")), "the completion that they wait for").await??;
    for waiter in waiters {
        ended(&desk, waiter).await?;
    }
    Ok(())
}

pub(super) async fn waiting_that_is_dropped_holds_nothing<S: Store>(desk: Desk<S>) -> Verdict {
    let owner = desk.won().await?;
    for _ in 0..WAITERS {
        let mut waiting = pin!(desk.changed(owner.address));
        poll_fn(|context| Poll::Ready(waiting.as_mut().poll(context).is_ready())).await;
    }
    let aborted: Vec<_> = (0..WAITERS)
        .map(|_| {
            let desk = desk.clone();
            tokio::spawn(async move { desk.changed(owner.address).await })
        })
        .collect();
    sleep(Duration::from_millis(50)).await;
    aborted.iter().for_each(JoinHandle::abort);
    let last = waiting(&desk, owner).await;
    desk.prompt(desk.release(owner), "the release after the waiters have gone").await??;
    ended(&desk, last).await?;
    is(desk.prompt(desk.claim(retry(owner)?), "a claim after it").await??, WON, "a claim after the release")
}
