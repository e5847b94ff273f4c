//! The Redis store on a cluster.

use std::time::Duration;

use futures_util::future::join_all;
use idempotent_runtime::{RedisStore, SetupError, Store};
use idempotent_tests::{
    redis_cluster::RedisCluster,
    requests::{WON, claim, complete, hold, is_replay, retry},
};
use tokio::time::{Instant, sleep, timeout};

use super::until_heard;
use crate::{
    times::{WAKE_UP, is_within},
    waiters::median_wake_up,
};

/// Executes until every node has had its turn.
async fn executes_everywhere(store: &impl Store) {
    for _ in 0..50 {
        let owner = hold();
        assert_eq!(claim(store, owner).await.unwrap(), WON);
        complete(store, owner).await.unwrap();
        is_replay(&claim(store, retry(owner)).await.unwrap(), owner);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn one_node_of_a_cluster_is_enough_to_find_it() {
    let cluster = RedisCluster::start(3).await;
    executes_everywhere(&RedisStore::new(cluster.nodes[1].url()).await.unwrap()).await;
    let client = redis::Client::open(cluster.nodes[2].url()).unwrap();
    executes_everywhere(&RedisStore::builder_with_client(client).build().await.unwrap()).await;
}

/// The URL of a node, for a user who may do all but this on every node.
async fn restricted(cluster: &RedisCluster, denied: &str) -> String {
    for node in &cluster.nodes {
        node.ask::<()>(&format!("ACL SETUSER app on >app ~idempotent:* &* +@all {denied}")).await;
    }
    cluster.nodes[1].url().replace("://", "://app:app@")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_cluster_that_does_not_say_that_it_is_one_is_recognised() {
    let cluster = RedisCluster::start(3).await;
    let url = restricted(&cluster, "-info").await;
    executes_everywhere(&RedisStore::new(url).await.unwrap()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_cluster_that_does_not_show_its_slots_is_an_error_that_says_so() {
    let cluster = RedisCluster::start(3).await;
    for denied in ["-cluster", "-info -cluster"] {
        let refused = RedisStore::new(restricted(&cluster, denied).await).await;
        let Err(SetupError::Unreachable { source, .. }) = refused else { panic!("{refused:?}") };
        assert!(source.to_string().contains("no permissions to run the 'cluster|slots' command"), "{source}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_cluster_forgets_no_script_for_good() {
    let cluster = RedisCluster::start(3).await;
    let store = RedisStore::new(cluster.urls()).await.unwrap();
    for _ in 0..3 {
        executes_everywhere(&store).await;
        for node in &cluster.nodes {
            node.ask::<()>("SCRIPT FLUSH").await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn waiters_are_woken_across_a_cluster() {
    let cluster = RedisCluster::start(3).await;
    let owning = RedisStore::new(cluster.nodes[0].url()).await.unwrap();
    let waiting = RedisStore::new(cluster.nodes[1].url()).await.unwrap();
    until_heard(&cluster.nodes[0], 1).await;
    until_heard(&cluster.nodes[1], 1).await;
    let median = async || median_wake_up(&owning, &waiting, 51).await;
    is_within(WAKE_UP, "median wake-up across a cluster", median).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_node_that_dies_takes_only_its_own_keys_along_and_is_found_again() {
    let mut cluster = RedisCluster::start(3).await;
    let store = RedisStore::new(cluster.urls()).await.unwrap();
    executes_everywhere(&store).await;
    cluster.nodes[0].kill();
    let forty = async || {
        let began = Instant::now();
        let answers = join_all((0..40).map(|_| claim(&store, hold()))).await;
        let won = answers.iter().filter(|answer| answer.is_ok()).count();
        assert!(won < answers.len(), "all are won");
        // Now and then the cluster's client stands in its own way when a node dies, until it is
        // left for another one.
        if won == 0 { Duration::MAX } else { began.elapsed() }
    };
    is_within(Duration::from_secs(4), "claims while a node is gone", forty).await;
    let returns = async || {
        cluster.nodes[0].kill();
        cluster.nodes[0].restart().await;
        until_whole(&cluster).await;
        until_all_keys_are_served(&store, &cluster).await
    };
    is_within(Duration::from_secs(1), "all keys are served after the node's return", returns).await;
}

async fn is_whole(cluster: &RedisCluster) -> bool {
    let says = cluster.nodes.iter().map(|node| node.ask::<String>("CLUSTER INFO"));
    join_all(says).await.iter().all(|says| says.contains("cluster_state:ok"))
}

async fn until_whole(cluster: &RedisCluster) {
    let whole = async {
        while !is_whole(cluster).await {
            sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(Duration::from_secs(60), whole).await.expect("the cluster is whole again");
}

/// Time until thirty claims in a row are won, from when the cluster is whole. On a slow machine,
/// its nodes may miss each other once more.
async fn until_all_keys_are_served(store: &RedisStore, cluster: &RedisCluster) -> Duration {
    let (mut began, mut row) = (Instant::now(), 0);
    while row < 30 {
        let claimed = claim(store, hold()).await;
        row = if claimed.is_ok() { row + 1 } else { 0 };
        if row == 0 && !is_whole(cluster).await {
            until_whole(cluster).await;
            began = Instant::now();
        }
        assert!(began.elapsed() < Duration::from_secs(20), "keys are not served: {claimed:?}");
    }
    began.elapsed()
}
