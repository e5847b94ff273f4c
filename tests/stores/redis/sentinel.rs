//! A primary that sentinels watch: it dies or steps down, and the store follows the next one.

use std::time::Duration;

use idempotent_runtime::{RedisStore, SetupError, StoreError};
use idempotent_tests::{
    redis_sentinel::{NAME, Watched},
    redis_server::{RedisServer, free_port},
    requests::{WON, claim, complete, hold, is_replay, retry},
};
use tokio::time::{Instant, sleep, timeout};

use super::{key, replicas::TIMEOUT, until_heard};
use crate::{
    load::{Acknowledged, Load, first_success},
    times::{WAKE_UP, is_within},
    waiters::median_wake_up,
};

async fn store(watched: &Watched) -> RedisStore {
    RedisStore::sentinel(watched.urls(), NAME).await.unwrap()
}

/// Time that a test may wait for sentinels to do something.
const LIMIT: Duration = Duration::from_secs(60);

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_store_follows_the_promoted_replica_when_the_primary_is_killed_under_load() {
    let mut watched = Watched::start().await;
    let (owning, waiting) = (store(&watched).await, store(&watched).await);
    until_heard(&watched.primary, 2).await;
    let done = hold();
    claim(&owning, done).await.unwrap();
    complete(&owning, done).await.unwrap();
    watched.primary.ask::<u64>("WAIT 1 1000").await;
    let load = Load::start(&owning, 16);
    load.until_claimed(500).await;
    watched.primary.kill();
    watched.until_promoted().await;
    let back = first_success(&owning).await;
    let before = load.claimed();
    load.until_claimed(before + 500).await;
    let acknowledged = load.stop().await;
    println!("{} claims, the first of the new primary after {back:?}", acknowledged.claims());
    assert!(back < Duration::from_secs(2), "{back:?}");
    is_replay(&claim(&owning, retry(done)).await.unwrap(), done);
    // Waiters are notified by the new primary.
    until_heard(&watched.replica, 2).await;
    is_within(WAKE_UP, "wake-up by the new primary", async || median_wake_up(&owning, &waiting, 11).await)
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_primary_that_steps_down_and_lives_on_is_left() {
    let watched = Watched::start().await;
    let store = store(&watched).await;
    let load = Load::start(&store, 16);
    load.until_claimed(300).await;
    // Sentinels that have not heard enough of the replica yet refuse.
    let failover = async {
        while watched.sentinels[0].try_ask::<()>(&format!("SENTINEL FAILOVER {NAME}")).await.is_err() {
            sleep(Duration::from_millis(100)).await;
        }
    };
    timeout(LIMIT, failover).await.expect("the sentinel fails over");
    watched.until_promoted().await;
    is_replica(&watched.primary).await;
    first_success(&store).await;
    let before = load.claimed();
    load.until_claimed(before + 300).await;
    load.stop().await;
    let owner = hold();
    assert_eq!(claim(&store, owner).await.unwrap(), WON);
    assert_eq!(watched.replica.ask::<u64>(&format!("EXISTS {}", key(owner))).await, 1);
}

async fn is_replica(server: &RedisServer) {
    let follows = async {
        while !server.ask::<String>("INFO replication").await.contains("role:slave") {
            sleep(Duration::from_millis(50)).await;
        }
    };
    timeout(LIMIT, follows).await.expect("the old primary follows the new one");
}

/// Claims and responses that were acknowledged, and how many are lost when the primary, whose
/// replica gets nothing more, dies under load and the sentinels promote that replica.
async fn failover(watched: &mut Watched, replicas: Option<u32>) -> (Acknowledged, (usize, usize)) {
    let mut builder = RedisStore::builder_with_sentinel(watched.urls(), NAME);
    if let Some(count) = replicas {
        builder = builder.wait_replicas(count, TIMEOUT);
    }
    let load = Load::start(&builder.build().await.unwrap(), 32);
    load.until_claimed(500).await;
    watched.cut_replication().await;
    if replicas.is_none() {
        load.until_claimed(load.claimed() + 500).await;
    }
    watched.primary.kill();
    watched.until_promoted().await;
    let acknowledged = load.stop().await;
    // Asked by a store that does not wait: it has come to the new primary by the same sentinels.
    let lost = acknowledged.lost(&store(watched).await).await;
    (acknowledged, lost)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn sentinels_lose_nothing_that_a_replica_has_acknowledged_and_go_on_with_the_next_replica() {
    let mut watched = Watched::start().await;
    let (acknowledged, (claims, responses)) = failover(&mut watched, Some(1)).await;
    println!("{} claims acknowledged, lost {claims} claims, {responses} responses", acknowledged.claims());
    assert_eq!((claims, responses), (0, 0));
    let builder = RedisStore::builder_with_sentinel(watched.urls(), NAME).wait_replicas(1, TIMEOUT);
    let store = builder.build().await.unwrap();
    let alone = claim(&store, hold()).await;
    assert!(matches!(alone, Err(StoreError::Unavailable { .. })), "{alone:?}");
    // The old primary comes back, and is made the replica.
    watched.primary.restart().await;
    is_replica(&watched.primary).await;
    let began = Instant::now();
    while claim(&store, hold()).await.is_err() {
        assert!(began.elapsed() < LIMIT, "{}", watched.replica.log());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn sentinels_lose_what_no_replica_was_waited_for() {
    let mut watched = Watched::start().await;
    let (acknowledged, (claims, responses)) = failover(&mut watched, None).await;
    println!("{} claims acknowledged, lost {claims} claims, {responses} responses", acknowledged.claims());
    assert!(claims > 0 && responses > 0, "the test sees no loss: {claims} claims, {responses} responses");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_sentinel_that_knows_of_the_last_failover_is_believed() {
    let mut watched = Watched::start().await;
    watched.primary.kill();
    watched.until_promoted().await;
    watched.primary.restart().await;
    // It knows the old primary only, which has come back.
    let late = watched.sentinel_of(watched.primary.port(), &[]).await;
    let urls = [vec![late.url()], watched.urls()].concat();
    for _ in 0..10 {
        let store = RedisStore::sentinel(urls.clone(), NAME).await.unwrap();
        let owner = hold();
        assert_eq!(claim(&store, owner).await.unwrap(), WON);
        assert_eq!(watched.replica.ask::<u64>(&format!("EXISTS {}", key(owner))).await, 1);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn one_sentinel_that_answers_is_enough() {
    let mut watched = Watched::start().await;
    watched.sentinels[0].kill();
    watched.sentinels[1].freeze();
    let began = Instant::now();
    let store = store(&watched).await;
    assert_eq!(claim(&store, hold()).await.unwrap(), WON);
    println!("connected in {:?}", began.elapsed());
    assert!(began.elapsed() < LIMIT / 4);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn sentinels_and_their_primary_have_users_of_their_own() {
    let rights = "user app on >app ~idempotent:* &idempotent:changed +@all";
    let watched = Watched::start_with(&[rights], &["user app on >other -@all +sentinel|master"]).await;
    let urls: Vec<String> = watched.urls().iter().map(|url| url.replace("://", "://app:other@")).collect();
    let store = RedisStore::sentinel(urls.clone(), format!("redis://app:app@{NAME}")).await.unwrap();
    assert_eq!(claim(&store, hold()).await.unwrap(), WON);
    let wrong = RedisStore::sentinel(urls, format!("redis://app:wrong@{NAME}")).await;
    let Err(SetupError::Unreachable { source, .. }) = wrong else { panic!("{wrong:?}") };
    assert!(source.to_string().to_lowercase().contains("password"), "{source}");
}

#[tokio::test]
async fn a_primary_that_cannot_be_named_is_an_error_that_says_why() {
    let watched = Watched::start().await;
    for (urls, name, why) in [
        (Vec::new(), NAME, "at least one sentinel has to be named"),
        (vec!["mymaster".to_owned()], NAME, "redis://user:password@host:port/database"),
        (watched.urls(), "redis+unix:///tmp/mymaster", "and not by a path"),
        (watched.urls(), "nobody", "No such master"),
        (vec![format!("redis://127.0.0.1:{}", free_port())], NAME, "refused"),
        // No sentinel, but a server that knows none.
        (vec![watched.primary.url()], NAME, "unknown command"),
    ] {
        let error = RedisStore::sentinel(urls, name).await.expect_err(why);
        let source = std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default();
        assert!(format!("{error}: {source}").contains(why), "{error}: {source}");
    }
}
