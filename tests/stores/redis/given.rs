//! Stores on connections of the application's own.

use std::{sync::Arc, time::Duration};

use futures_util::future::join_all;
use idempotent_runtime::{
    RedisConnection, RedisStore, SetupError, StoreError,
    conformance::{Subject, check},
};
use idempotent_tests::{
    redis::Keys,
    redis_cluster::RedisCluster,
    redis_server::RedisServer,
    requests::{WON, claim, complete, hold, is_replay, retry},
};
use redis::{
    AsyncConnectionConfig, Client,
    aio::{ConnectionManager, ConnectionManagerConfig, MultiplexedConnection},
    cluster::ClusterClient,
};

use super::conforms::UNIT;
use crate::{load::first_success, times::is_within, waiters::wake_up};

/// A connection as an application opens it.
async fn opened(url: String) -> redis::RedisResult<MultiplexedConnection> {
    let patient = AsyncConnectionConfig::new().set_response_timeout(None);
    Client::open(url)?.get_multiplexed_async_connection_with_config(&patient).await
}

/// A manager as an application makes it.
async fn managed(url: String) -> ConnectionManager {
    let patient = ConnectionManagerConfig::new().set_response_timeout(None);
    Client::open(url).unwrap().get_connection_manager_with_config(patient).await.unwrap()
}

async fn store(connection: impl Into<RedisConnection>) -> RedisStore {
    RedisStore::builder_with_connection(connection).build().await.unwrap()
}

/// Runs the conformance suite, each of whose nodes has a connection that `connect` gives.
async fn conforms<F>(keys: Keys, connect: impl Fn() -> F + Send + Sync + 'static)
where
    F: Future<Output = RedisConnection> + Send + 'static,
{
    let keys = Arc::new(keys);
    let (opened, shifted) = (Arc::clone(&keys), keys);
    let open = move || {
        let (keys, connection) = (Arc::clone(&opened), connect());
        async move { keys.store_on(connection.await).await }
    };
    let shift = move |time| {
        let keys = Arc::clone(&shifted);
        async move { keys.shift(time).await }
    };
    let subject = Subject::new(open).shift(shift).unit(UNIT).keys(20).calls(5_000);
    check(subject.resolves().inspects()).await.assert();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_store_on_a_connection_of_the_applications_own_conforms() {
    let server = RedisServer::start(&[]).await;
    let url = server.url();
    let connection = opened(url.clone()).await.unwrap();
    conforms(Keys::of_user(&server, url), move || std::future::ready(connection.clone().into())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_store_on_a_connection_manager_in_the_newer_protocol_conforms() {
    let server = RedisServer::start(&[]).await;
    let url = format!("{}/?protocol=resp3", server.url());
    let keys = Keys::of_user(&server, url.clone());
    let connect = move || {
        let manager = managed(url.clone());
        async move { manager.await.into() }
    };
    conforms(keys, connect).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_store_on_a_connection_to_a_cluster_conforms() {
    let cluster = RedisCluster::start(3).await;
    let urls: Vec<String> = cluster.nodes.iter().map(RedisServer::url).collect();
    let connect = move || {
        let client = ClusterClient::new(urls.clone()).unwrap();
        async move { client.get_async_connection().await.unwrap().into() }
    };
    conforms(Keys::in_cluster(&cluster, cluster.urls()), connect).await;
}

/// Claims after every connection to the server was closed, many at once and one by one.
async fn goes_on(server: &RedisServer, store: &RedisStore) {
    for _ in 0..5 {
        assert_eq!(claim(store, hold()).await.unwrap(), WON);
        server.ask::<u64>("CLIENT KILL TYPE normal").await;
        first_success(store).await;
        for claimed in join_all((0..64).map(|_| claim(store, hold()))).await {
            assert_eq!(claimed.unwrap(), WON);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_manager_and_a_function_connect_anew_where_a_connection_ends() {
    let mut server = RedisServer::start(&[]).await;
    let url = server.url();
    let managed = store(managed(server.url()).await).await;
    let opening = store(RedisConnection::opened_by(move || opened(url.clone()))).await;
    let lent = store(opened(server.url()).await.unwrap()).await;
    for store in [&managed, &opening] {
        goes_on(&server, store).await;
    }
    // A connection by itself is closed for good.
    for _ in 0..2 {
        let closed = claim(&lent, hold()).await;
        assert!(matches!(closed, Err(StoreError::Unavailable { .. })), "{closed:?}");
    }
    server.kill();
    for store in [&managed, &opening] {
        claim(store, hold()).await.unwrap_err();
    }
    server.restart().await;
    for store in [&managed, &opening] {
        first_success(store).await;
        goes_on(&server, store).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_silent_server_fails_calls_in_bounded_time_whatever_limit_the_connection_has() {
    let server = RedisServer::start(&[]).await;
    let store = store(opened(server.url()).await.unwrap()).await;
    let refused = async || {
        server.freeze();
        let began = tokio::time::Instant::now();
        for failed in join_all((0..64).map(|_| claim(&store, hold()))).await {
            failed.unwrap_err();
        }
        server.thaw();
        began.elapsed()
    };
    is_within(Duration::from_millis(4_500), "calls to a server that stands still", refused).await;
    first_success(&store).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_waiter_finds_the_response_by_looking_where_nothing_is_subscribed_to() {
    let server = RedisServer::start(&[]).await;
    let stores =
        [store(opened(server.url()).await.unwrap()).await, store(opened(server.url()).await.unwrap()).await];
    let found = async || wake_up(&stores[0], &stores[1]).await;
    is_within(Duration::from_millis(600), "a look finds the completion", found).await;
    assert!(stores[1].polls() > 0);
    assert_eq!(server.ask::<(String, usize)>("PUBSUB NUMSUB idempotent:changed").await.1, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_replay_on_a_connection_that_may_read_from_elsewhere_is_decided_by_a_script() {
    let server = RedisServer::start(&[]).await;
    let store = store(opened(server.url()).await.unwrap()).await;
    let owner = hold();
    assert_eq!(claim(&store, owner).await.unwrap(), WON);
    complete(&store, owner).await.unwrap();
    let before = server.calls().await["evalsha"];
    for _ in 0..3 {
        is_replay(&claim(&store, retry(owner)).await.unwrap(), owner);
    }
    assert_eq!(server.calls().await["evalsha"], before + 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_cannot_be_done_on_a_connection_of_others_is_refused_when_the_store_is_built() {
    let (server, cluster) = (RedisServer::start(&[]).await, RedisCluster::start(3).await);
    let one_node = RedisStore::builder_with_connection(opened(cluster.nodes[0].url()).await.unwrap());
    let waiting = RedisStore::builder_with_connection(opened(server.url()).await.unwrap());
    let waiting = waiting.wait_replicas(1, Duration::from_millis(100));
    for (refused, why) in [(one_node, "a `ClusterConnection` is needed"), (waiting, "that others use")] {
        match refused.build().await {
            Err(SetupError::Setting { why: said, .. }) => assert!(said.contains(why), "{said}"),
            other => panic!("{other:?}"),
        }
    }
    server.ask::<()>("ACL SETUSER app on >app ~* &* +@all -evalsha").await;
    let app = opened(server.url().replace("://", "://app:app@")).await.unwrap();
    match RedisStore::builder_with_connection(app).build().await {
        Err(SetupError::Rights { user, missing, .. }) => assert_eq!((&*user, &*missing), ("app", "EVALSHA")),
        other => panic!("{other:?}"),
    }
}
