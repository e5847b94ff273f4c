//! Stores whose replies are lost: what they have done stands, and nobody is told.

use std::{convert::Infallible, time::Duration};

use futures_util::future::join_all;
use idempotent_runtime::{Idempotency, MemoryStore, Once, OnceError};
use idempotent_tests::{
    Scratch,
    scripted::{Fault, Script, Scripted, Verb},
    space::Space,
    stores::{database_url, redis_url, with_store},
};

use super::fixture::{Runs, settle};
use crate::gate::within;

/// Calls until the store has answered.
async fn settled(idempotency: &Idempotency, key: &str, runs: &Runs) -> Once<u32> {
    loop {
        match within(settle(idempotency, key, runs)).await {
            Ok(told) => return told,
            Err(OnceError::Unavailable { retry_after }) => assert!(!retry_after.is_zero()),
            Err(error) => panic!("{error}"),
        }
    }
}

/// Loses each of the store's replies in turn, while sixteen settle one message.
async fn takes_effect_once_whatever_is_lost(url: &str, space: &str) {
    let script = Script::default();
    let builder = with_store(Idempotency::builder(), url, space, &script).await.unwrap();
    let idempotency = builder.build().unwrap();
    for verb in [Verb::Claim, Verb::Complete, Verb::Release] {
        let (key, runs) = (format!("{verb:?}"), Runs::default());
        script.next(verb, 2, Fault::ReplyIsLost);
        let failed = idempotency.once("settle", &key).run(async |_| Err::<u32, _>("declined")).await;
        assert!(
            matches!(failed, Err(OnceError::Step(_) | OnceError::Unavailable { .. })),
            "{verb:?}: {failed:?}"
        );
        let told = join_all((0..16).map(|_| settled(&idempotency, &key, &runs))).await;
        assert!(
            told.iter().all(|told| matches!(told, Once::Ran(1) | Once::Replayed(1))),
            "{verb:?}: {told:?}"
        );
        assert_eq!(settled(&idempotency, &key, &runs).await, Once::Replayed(1), "{verb:?}");
        assert_eq!(runs.count(), 1, "{verb:?}");
        script.heal(verb);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_sqlite_a_step_takes_effect_once_whichever_reply_is_lost() {
    let scratch = Scratch::new();
    let url = format!("sqlite:{}", scratch.file("keys.db").display());
    takes_effect_once_whatever_is_lost(&url, "").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_postgres_a_step_takes_effect_once_whichever_reply_is_lost() {
    let space = Space::at(&database_url());
    takes_effect_once_whatever_is_lost(&database_url(), space.name()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_redis_a_step_takes_effect_once_whichever_reply_is_lost() {
    let space = Space::at(&redis_url());
    takes_effect_once_whatever_is_lost(&redis_url(), space.name()).await;
}

#[tokio::test]
async fn a_value_that_the_store_does_not_take_in_time_is_not_stored_and_is_replayed_once_it_has_it() {
    let (store, runs) = (Scripted::new(MemoryStore::new()), Runs::default());
    let idempotency = Idempotency::builder().store(store.clone()).build().unwrap();
    store.next(Verb::Complete, usize::MAX, Fault::Fails);
    assert_eq!(settle(&idempotency, "k", &runs).await.unwrap(), Once::NotStored);
    store.heal(Verb::Complete);
    let waits = idempotency.once("settle", "k").wait(Duration::from_secs(60));
    let told = waits.run(async |_| Ok::<_, Infallible>(runs.one())).await.unwrap();
    assert_eq!((told, runs.count()), (Once::Replayed(1), 1));
}
