//! Rights that the user of the store needs.

use std::{sync::Arc, time::Duration};

use futures_util::future::join_all;
use idempotent_runtime::{
    RedisStore, SetupError,
    conformance::{Subject, check},
};
use idempotent_tests::{
    redis::Keys,
    redis_cluster::RedisCluster,
    redis_server::RedisServer,
    requests::{WON, claim, complete, hold, is_in_flight, is_replay, retry},
};

use super::{conforms::UNIT, node};
use crate::log::Log;

/// The rights that the documentation names: those that are needed, and those that are of use.
fn documented() -> [String; 2] {
    const DOCUMENTATION: &str = include_str!("../../../idempotent-runtime/src/store/redis/mod.rs");
    let lines = DOCUMENTATION.lines().filter_map(|line| line.strip_prefix("/// ACL SETUSER app "));
    let rights: Vec<_> = lines.map(|line| line.replace(">secret", ">app")).collect();
    let (needed, useful) = rights.split_first().unwrap();
    [needed.clone(), useful.join(" ")]
}

/// A server whose user `app` has these rights.
async fn server(rights: &str) -> RedisServer {
    let server = RedisServer::start(&[]).await;
    server.ask::<()>(&format!("ACL SETUSER app {rights}")).await;
    server
}

fn url(server: &RedisServer) -> String {
    server.url().replace("://", "://app:app@")
}

#[tokio::test]
async fn a_user_with_the_fewest_rights_is_enough() {
    let server = server(&documented()[0]).await;
    let store = RedisStore::new(url(&server)).await.unwrap();
    let (owner, other) = (hold(), node(&server).await);
    assert_eq!(claim(&store, owner).await.unwrap(), WON);
    is_in_flight(&claim(&other, retry(owner)).await.unwrap());
    complete(&store, owner).await.unwrap();
    // Also where many at once would go together.
    for claimed in join_all((0..64).map(|_| claim(&store, retry(owner)))).await {
        is_replay(&claimed.unwrap(), owner);
    }
}

/// Runs the conformance suite as the user `app`, who has the documented rights on these servers.
async fn conforms_as_the_user(keys: Keys, servers: &[RedisServer]) {
    let keys = Arc::new(keys);
    for (server, rights) in servers.iter().flat_map(|server| documented().map(|rights| (server, rights))) {
        let rights = rights.replace("idempotent:", &format!("{}:", keys.prefix()));
        server.ask::<()>(&format!("ACL SETUSER app {rights}")).await;
    }
    let (log, guard) = Log::listen();
    keys.store().await;
    drop(guard);
    assert!(!log.text().contains("may not") && !log.text().contains("cannot see"), "{}", log.text());
    let (opened, shifted) = (Arc::clone(&keys), keys);
    let open = move || {
        let keys = Arc::clone(&opened);
        async move { keys.store().await }
    };
    let shift = move |time| {
        let keys = Arc::clone(&shifted);
        async move { keys.shift(time).await }
    };
    check(Subject::new(open).shift(shift).unit(UNIT).keys(20).calls(10_000).resolves().inspects())
        .await
        .assert();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_user_with_the_documented_rights_runs_the_store() {
    let server = RedisServer::start(&[]).await;
    conforms_as_the_user(Keys::of_user(&server, url(&server)), &[server]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_user_with_the_documented_rights_runs_the_store_on_a_cluster() {
    let cluster = RedisCluster::start(3).await;
    let keys = Keys::in_cluster(&cluster, url(&cluster.nodes[0]));
    conforms_as_the_user(keys, &cluster.nodes).await;
}

/// Rights that are said to be missing.
async fn missing(server: &RedisServer) -> String {
    match RedisStore::builder(url(server)).build().await {
        Err(SetupError::Rights { store: "redis", user, missing }) => {
            assert_eq!(user, "app");
            missing
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_right_that_is_missing_is_named_when_the_store_is_built() {
    let [needed, _] = documented();
    for command in ["EVALSHA", "EVAL", "GET", "GETRANGE", "PTTL", "SET", "PEXPIRE", "DEL"] {
        let right = format!("+{}", command.to_lowercase());
        let rights: Vec<_> = needed.split(' ').filter(|word| *word != right).collect();
        assert_eq!(rights.len() + 1, needed.split(' ').count(), "{command}");
        let server = server(&rights.join(" ")).await;
        assert_eq!(missing(&server).await, command);
        assert_eq!(server.ask::<Vec<String>>("KEYS *").await, [""; 0]);
    }
    let nothing = server("on >app ~idempotent:* +ping").await;
    assert_eq!(missing(&nothing).await, "EVALSHA, EVAL");
    let elsewhere = server(&needed.replace("~idempotent:*", "~shop:*")).await;
    assert_eq!(missing(&elsewhere).await, "the keys idempotent:*");
    let unknown = RedisServer::start(&["rename-command EVALSHA \"\"", "user app on >app ~* &* +@all"]).await;
    assert_eq!(missing(&unknown).await, "EVALSHA");
    let waits = server(&needed).await;
    let replicas = RedisStore::builder(url(&waits)).wait_replicas(1, Duration::from_millis(1));
    let error = replicas.build().await.unwrap_err();
    assert!(matches!(&error, SetupError::Rights { missing, .. } if missing == "WAIT, PUBLISH"), "{error}");
}

#[tokio::test]
async fn a_right_that_is_only_of_use_is_warned_of() {
    let server = server(&documented()[0]).await;
    let (log, guard) = Log::listen();
    RedisStore::new(url(&server)).await.unwrap();
    drop(guard);
    for command in ["PUBLISH", "SCAN"] {
        assert_eq!(log.text().matches(&format!("the user may not {command}")).count(), 1, "{}", log.text());
    }
}
