//! Futures of a store that are dropped, after however many polls: nothing is dropped but the
//! answer.

use std::{future::poll_fn, pin::pin, sync::Arc, task::Poll, time::Duration};

use futures_util::{StreamExt, stream};
use idempotent_runtime::{
    MemoryStore, PostgresStore, SqliteStore, Store,
    store::{Claim, Completion, Hold, Renewal},
};
use idempotent_tests::{
    postgres::Schema,
    redis::Keys,
    requests::{HOUR, WON, claim, complete, hold, is_in_flight, is_replay, retry},
    scratch::Scratch,
};
use sqlx::PgPool;
use tokio::{
    task::yield_now,
    time::{sleep, timeout},
};

/// Number of futures that are dropped at each call site.
const TRIES: usize = 1_000;
/// After at most so many polls.
const POLLS: usize = 12;
/// Number of keys that are worked upon at a time.
const AT_A_TIME: usize = 8;

/// Answer to the same request, sent by somebody else.
async fn again(store: &impl Store, hold: Hold) -> Claim {
    claim(store, retry(hold)).await.unwrap()
}

async fn won(store: &impl Store) -> Hold {
    let hold = hold();
    assert_eq!(claim(store, hold).await.unwrap(), WON);
    hold
}

/// Answer to the completion of `hold`.
async fn completed(store: &impl Store, hold: Hold) -> Completion {
    complete(store, hold).await.unwrap()
}

/// Polls `future` so many times, and drops it. Its output, if that was enough.
async fn dropped<F: Future>(future: F, polls: usize) -> Option<F::Output> {
    let mut future = pin!(future);
    for poll in 0..polls {
        let polled = poll_fn(|context| Poll::Ready(future.as_mut().poll(context))).await;
        if let Poll::Ready(output) = polled {
            return Some(output);
        }
        match poll % 3 {
            0 => yield_now().await,
            _ => sleep(Duration::from_micros(200)).await,
        }
    }
    None
}

async fn a_dropped_claim(store: &impl Store, polls: usize) -> bool {
    let hold = hold();
    let answer = dropped(claim(store, hold), polls).await;
    let acknowledged = answer.is_some();
    match (answer, again(store, hold).await) {
        (Some(answer), claim) => {
            assert_eq!(answer.unwrap(), WON);
            is_in_flight(&claim);
        }
        (None, WON) => {}
        (None, claim) => is_in_flight(&claim),
    }
    acknowledged
}

async fn a_dropped_renewal(store: &impl Store, polls: usize) -> bool {
    let hold = won(store).await;
    let answer = dropped(store.renew(hold, HOUR), polls).await;
    assert!(answer.as_ref().is_none_or(|answer| matches!(answer, Ok(Renewal::Renewed))), "{answer:?}");
    is_in_flight(&again(store, hold).await);
    assert_eq!(completed(store, hold).await, Completion::Stored);
    answer.is_some()
}

async fn a_dropped_completion(store: &impl Store, polls: usize) -> bool {
    let hold = won(store).await;
    let answer = dropped(completed(store, hold), polls).await;
    match answer {
        Some(_) => assert_eq!(answer, Some(Completion::Stored)),
        None => assert_eq!(completed(store, hold).await, Completion::Stored),
    }
    is_replay(&again(store, hold).await, hold);
    answer.is_some()
}

async fn a_dropped_release(store: &impl Store, polls: usize) -> bool {
    let hold = won(store).await;
    let answer = dropped(store.release(hold), polls).await;
    if answer.is_none() {
        store.release(hold).await.unwrap();
    }
    assert_eq!(again(store, hold).await, WON);
    answer.is_some()
}

async fn a_dropped_wait(store: &impl Store, polls: usize) -> bool {
    let hold = won(store).await;
    is_in_flight(&again(store, hold).await);
    let ended = dropped(store.changed(hold.address), polls).await.is_some();
    assert_eq!(completed(store, hold).await, Completion::Stored);
    timeout(Duration::from_secs(10), store.changed(hold.address)).await.expect("waiting ends");
    ended
}

/// Drops a thousand futures of each verb. Checks each time that what was acknowledged is there, and
/// that all can go on.
async fn leave_nothing_behind(store: impl Store) {
    let store = Arc::new(store);
    let mut acknowledged = [0; 4];
    for first in (0..TRIES).step_by(AT_A_TIME) {
        let tries = stream::iter(first..TRIES.min(first + AT_A_TIME)).map(|number| {
            let store = Arc::clone(&store);
            async move {
                let (store, polls) = (&*store, number % (POLLS + 1));
                let acknowledged = [
                    a_dropped_claim(store, polls).await,
                    a_dropped_renewal(store, polls).await,
                    a_dropped_completion(store, polls).await,
                    a_dropped_release(store, polls).await,
                ];
                a_dropped_wait(store, polls).await;
                acknowledged
            }
        });
        let tries: Vec<_> = tries.buffer_unordered(AT_A_TIME).collect().await;
        for verbs in tries {
            verbs.iter().zip(&mut acknowledged).for_each(|(&one, all)| *all += usize::from(one));
        }
    }
    for verb in acknowledged {
        assert!(
            (1..TRIES).contains(&verb),
            "{acknowledged:?} of {TRIES} were acknowledged: some have to be, and some not"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn dropped_futures_of_the_sqlite_store_leave_nothing_behind() {
    let folder = Scratch::new();
    leave_nothing_behind(SqliteStore::open(folder.file("keys.db")).await.unwrap()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn dropped_futures_of_the_redis_store_leave_nothing_behind() {
    let keys = Keys::shared();
    leave_nothing_behind(keys.store().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn dropped_futures_of_the_postgres_store_leave_nothing_behind() {
    let schema = Schema::new().await;
    // The store's connections say by their name whose they are.
    let pool = PgPool::connect_lazy_with(schema.options().application_name(&schema.name));
    leave_nothing_behind(PostgresStore::builder(pool).schema(&schema.name).build().await.unwrap()).await;
    let idle = "SELECT count(*) FROM pg_stat_activity WHERE application_name = '{}' AND state LIKE 'idle in transaction%'";
    assert_eq!(schema.number(idle).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_acknowledged_at_once_is_there_too() {
    let store = MemoryStore::new();
    for polls in 1..=POLLS {
        assert!(a_dropped_claim(&store, polls).await);
        assert!(a_dropped_renewal(&store, polls).await);
        assert!(a_dropped_completion(&store, polls).await);
        assert!(a_dropped_release(&store, polls).await);
        a_dropped_wait(&store, polls).await;
    }
}
