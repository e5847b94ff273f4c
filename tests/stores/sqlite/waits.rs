//! Waiting for what happens through another handle on the same file, which notifies nobody.

use std::time::Duration;

use futures_util::future::join_all;
use idempotent_runtime::{
    SqliteStore, Store,
    store::{Claim, Completion, Hold, Record, Retention},
};
use idempotent_tests::Scratch;
use tokio::time::{Instant, sleep};

use super::{HOUR, claim, hold, open, retry};
use crate::times::{WAKE_UP, is_within, looked, median_of};

const RETENTION: Retention = Retention { replay: HOUR, remember: Duration::ZERO };

async fn complete(store: &SqliteStore, hold: Hold) {
    let stored = store.complete(hold, Record::from_bytes(&b"done"[..]), RETENTION).await.unwrap();
    assert_eq!(stored, Completion::Stored);
}

/// A claim of `owner` through one store, and a waiter for it at another. Gives when the waiter
/// woke.
async fn wait(owner: &SqliteStore, other: &SqliteStore) -> (Hold, tokio::task::JoinHandle<Instant>) {
    let request = hold();
    assert_eq!(owner.claim(claim(request)).await.unwrap(), Claim::Won { attempt: 1 });
    let found = other.claim(claim(retry(request))).await.unwrap();
    assert!(matches!(found, Claim::InFlight { .. }), "{found:?}");
    let other = other.clone();
    let waiter = tokio::spawn(async move {
        other.changed(request.address).await;
        Instant::now()
    });
    (request, waiter)
}

/// Time from the acknowledgement of a completion until a waiter woke. The waiter began to wait
/// `after` before the completion.
async fn wake_up(owner: &SqliteStore, other: &SqliteStore, after: Duration) -> Duration {
    let (request, waiter) = wait(owner, other).await;
    sleep(after).await;
    complete(owner, request).await;
    let acknowledged = Instant::now();
    waiter.await.unwrap().saturating_duration_since(acknowledged)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_waiter_at_another_handle_wakes_within_20_ms_of_the_completion() {
    let scratch = Scratch::new();
    let path = scratch.file("keys.db");
    let (owner, other) = (open(&path).await, open(&path).await);
    let mut round = 0;
    let mut one = async || {
        round += 1;
        // Some complete while the pauses are short, some when they are at their longest.
        wake_up(&owner, &other, Duration::from_millis(round * 7 % 200)).await
    };
    is_within(WAKE_UP, "median wake-up", async || median_of(41, &mut one).await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_waiter_in_the_same_process_wakes_without_a_look() {
    let scratch = Scratch::new();
    let store = open(&scratch.file("keys.db")).await;
    let mut without = 0;
    for _ in 0..21 {
        let (request, waiter) = wait(&store, &store).await;
        // Looks are some 20 ms apart by then.
        sleep(Duration::from_millis(60)).await;
        let looks = store.polls();
        complete(&store, request).await;
        waiter.await.unwrap();
        without += usize::from(store.polls() == looks);
    }
    println!("{without} of 21 waiters woke without a look");
    assert!(without > 5, "{without} of 21");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_looks_while_nobody_waits() {
    let scratch = Scratch::new();
    let path = scratch.file("keys.db");
    let (owner, other) = (open(&path).await, open(&path).await);
    sleep(Duration::from_millis(100)).await;
    assert_eq!((owner.polls(), other.polls()), (0, 0));
    let (request, waiter) = wait(&owner, &other).await;
    complete(&owner, request).await;
    waiter.await.unwrap();
    sleep(Duration::from_millis(50)).await;
    let polls = other.polls();
    assert!(polls > 0);
    sleep(Duration::from_millis(300)).await;
    assert_eq!(other.polls(), polls, "it went on looking");
    assert_eq!(owner.polls(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_waiters_look_as_often_as_one() {
    let scratch = Scratch::new();
    let path = scratch.file("keys.db");
    let (owner, other) = (open(&path).await, open(&path).await);
    let request = hold();
    assert_eq!(owner.claim(claim(request)).await.unwrap(), Claim::Won { attempt: 1 });
    // Polled first, so that all wait.
    let waiters = join_all((0..1_000).map(|_| other.changed(request.address)));
    let looks = async {
        // Pauses between looks begin short.
        looked(|| other.polls(), 10).await;
        let began = Instant::now();
        looked(|| other.polls(), 40).await;
        // Every 15 to 25 ms.
        println!("40 looks in {:?}", began.elapsed());
        assert!(began.elapsed() > Duration::from_millis(15) * 38, "{:?}", began.elapsed());
        complete(&owner, request).await;
    };
    tokio::join!(waiters, looks);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_waiter_that_leaves_ends_the_looking() {
    let scratch = Scratch::new();
    let path = scratch.file("keys.db");
    let (owner, other) = (open(&path).await, open(&path).await);
    let (_, waiter) = wait(&owner, &other).await;
    sleep(Duration::from_millis(50)).await;
    waiter.abort();
    assert!(waiter.await.unwrap_err().is_cancelled());
    sleep(Duration::from_millis(50)).await;
    let polls = other.polls();
    sleep(Duration::from_millis(200)).await;
    assert_eq!(other.polls(), polls);
}
