//! A replica takes over.

use std::time::Duration;

use idempotent_runtime::{
    RedisStore,
    store::{Claim, Hold},
};
use idempotent_tests::{
    proxy::Proxy,
    redis_server::RedisServer,
    requests::{claim, complete, hold, is_replay, retry},
};
use tokio::time::{Instant, sleep, timeout};

use super::{key, node};
use crate::{load::first_success, times::is_within};

/// A server, and a replica of it that has caught up.
async fn replicated() -> (RedisServer, RedisServer) {
    let primary = RedisServer::start(&["repl-diskless-sync-delay 0"]).await;
    let replica = RedisServer::start(&[]).await;
    replica.ask::<()>(&format!("REPLICAOF 127.0.0.1 {}", primary.port())).await;
    let caught_up = async {
        primary.ask::<()>("SET written 1").await;
        while replica.try_ask::<u64>("EXISTS written").await != Ok(1) {
            sleep(Duration::from_millis(10)).await;
        }
        while primary.ask::<u64>("WAIT 1 100").await == 0 {}
    };
    timeout(Duration::from_secs(30), caught_up).await.expect("the replica catches up");
    (primary, replica)
}

/// Waits until a completion has come to the replica.
async fn until_replicated(replica: &RedisServer, owner: Hold) {
    let arrives = async {
        while replica.ask::<String>(&format!("GETRANGE {} 0 0", key(owner))).await != "D" {
            sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(Duration::from_secs(30), arrives).await.expect("the replica gets the completion");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_store_finds_the_new_primary_behind_the_same_address() {
    is_within(Duration::from_secs(1), "first success after the failover", failover).await;
}

/// Time that a store takes to find the new primary.
async fn failover() -> Duration {
    let (primary, replica) = replicated().await;
    let proxy = Proxy::to(primary.port()).await;
    let store = RedisStore::new(format!("redis://127.0.0.1:{}", proxy.port())).await.unwrap();
    let owner = hold();
    claim(&store, owner).await.unwrap();
    complete(&store, owner).await.unwrap();
    until_replicated(&replica, owner).await;
    // The primary steps down, and lives on: its connections stay open.
    replica.ask::<()>("REPLICAOF NO ONE").await;
    primary.ask::<()>(&format!("REPLICAOF 127.0.0.1 {}", replica.port())).await;
    proxy.lead_to(replica.port());
    let first = first_success(&store).await;
    is_replay(&claim(&store, retry(owner)).await.unwrap(), owner);
    first
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_server_that_has_stepped_down_replays_what_it_has_and_nothing_else_whoever_knows_it() {
    let (primary, replica) = replicated().await;
    let (knowing, other) = (node(&primary).await, node(&primary).await);
    let owner = hold();
    claim(&knowing, owner).await.unwrap();
    complete(&knowing, owner).await.unwrap();
    until_replicated(&replica, owner).await;
    replica.ask::<()>("REPLICAOF NO ONE").await;
    primary.ask::<()>(&format!("REPLICAOF 127.0.0.1 {}", replica.port())).await;
    for store in [&knowing, &other] {
        is_replay(&claim(store, retry(owner)).await.unwrap(), owner);
    }
    let key = key(owner);
    let forgotten = async {
        replica.ask::<u64>(&format!("DEL {key}")).await;
        while primary.ask::<u64>(&format!("EXISTS {key}")).await == 1 {
            sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(Duration::from_secs(30), forgotten).await.expect("it follows the new primary");
    for store in [&knowing, &other] {
        claim(store, retry(owner)).await.unwrap_err();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_replica_that_stays_one_is_not_flooded_with_connections() {
    let (primary, replica) = replicated().await;
    let store = node(&replica).await;
    let (before, began) = (connections(&replica).await, Instant::now());
    while began.elapsed() < Duration::from_secs(1) {
        let calls = (0..64).map(|_| claim(&store, hold()));
        for refused in futures_util::future::join_all(calls).await {
            let refused: Result<Claim, _> = refused;
            refused.unwrap_err();
        }
    }
    let opened = connections(&replica).await - before;
    println!("{opened} connections in {:?} of refusals", began.elapsed());
    assert!(u128::from(opened) < 2 + began.elapsed().as_millis() / 100, "{opened} connections");
    drop(primary);
}

async fn connections(server: &RedisServer) -> u64 {
    let stats: String = server.ask("INFO stats").await;
    stats.lines().find_map(|line| line.strip_prefix("total_connections_received:")?.parse().ok()).unwrap()
}
