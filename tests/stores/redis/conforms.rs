//! The Redis store conforms, on one server and on a cluster.

use std::{sync::Arc, time::Duration};

use idempotent_runtime::{
    ManualClock,
    conformance::{Subject, check},
    store::LocalCache,
};
use idempotent_tests::{redis::Keys, redis_cluster::RedisCluster};

/// For how many keys each race is repeated.
fn keys() -> usize {
    std::env::var("CONFORMANCE_KEYS").map_or(200, |keys| keys.parse().unwrap())
}

/// Leases and retentions that the suite lets end by moving time on. They are so long that none ends
/// by itself, however busy the machine is.
pub(super) const UNIT: Duration = Duration::from_secs(300);

/// Calls of random sequences.
const MANY: usize = 100_000;
/// Calls of random sequences where others have sent the usual number already.
const FEW: usize = 20_000;

async fn conforms(keys: Keys, number: usize, calls: usize) {
    let keys = Arc::new(keys);
    let (opened, shifted, damaged) = (Arc::clone(&keys), Arc::clone(&keys), Arc::clone(&keys));
    let open = move || {
        let keys = Arc::clone(&opened);
        async move { keys.store().await }
    };
    let shift = move |time| {
        let keys = Arc::clone(&shifted);
        async move { keys.shift(time).await }
    };
    let damage = move |address| {
        let keys = Arc::clone(&damaged);
        async move { keys.damage(address).await }
    };
    let subject = Subject::new(open).shift(shift).unit(UNIT).damage(damage);
    check(subject.keys(number).calls(calls).resolves().inspects()).await.assert();
}

async fn conforms_behind_a_local_cache(keys: Keys, number: usize, calls: usize) {
    let (keys, clock) = (Arc::new(keys), ManualClock::new());
    let (opened, shifted) = ((Arc::clone(&keys), clock.clone()), (Arc::clone(&keys), clock));
    let open = move || {
        let (keys, clock) = opened.clone();
        async move { LocalCache::new(keys.store().await, 1 << 20, clock) }
    };
    let shift = move |time| {
        let (keys, clock) = shifted.clone();
        clock.advance(time);
        async move { keys.shift(time).await }
    };
    check(Subject::new(open).shift(shift).unit(UNIT).keys(number).calls(calls).resolves().inspects())
        .await
        .assert();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_redis_store_conforms() {
    conforms(Keys::shared(), keys(), MANY).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_redis_store_conforms_before_redis_7() {
    conforms(Keys::before_redis_7(), keys(), FEW).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_redis_store_conforms_behind_a_local_cache() {
    conforms_behind_a_local_cache(Keys::shared(), keys(), MANY).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_redis_store_conforms_on_a_cluster() {
    let cluster = RedisCluster::start(3).await;
    conforms(Keys::in_cluster(&cluster, cluster.urls()), 200, FEW).await;
    for node in &cluster.nodes {
        let claims = node.calls().await["evalsha"];
        assert!(claims > 100, "every node has its share of the keys: {claims}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_redis_store_conforms_on_a_cluster_behind_a_local_cache() {
    let cluster = RedisCluster::start(3).await;
    conforms_behind_a_local_cache(Keys::in_cluster(&cluster, cluster.urls()), 64, FEW).await;
}
