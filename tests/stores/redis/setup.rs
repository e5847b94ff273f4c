//! Setup of the store, and its messages about the server's settings.

use std::time::Duration;

use idempotent_runtime::{RedisStore, SetupError};
use idempotent_tests::{
    redis_server::{RedisServer, free_port},
    requests::{WON, claim, hold},
};
use tokio::time::timeout;

use crate::log::Log;

/// Everything that is said to an operator or a developer.
fn whole(refused: Result<RedisStore, SetupError>) -> String {
    let error = refused.expect_err("a store that should have been refused");
    let cause = std::error::Error::source(&error).map(ToString::to_string);
    format!("{error}: {} {error:?}", cause.unwrap_or_default())
}

#[tokio::test]
async fn a_prefix_that_needs_quoting_is_refused() {
    let server = RedisServer::start(&[]).await;
    for prefix in ["", "Shop", "1shop", "shop:eu", "{shop}", "shop production"] {
        let refused = RedisStore::builder(server.url()).prefix(prefix).build().await;
        assert!(matches!(refused, Err(SetupError::Name { what: "prefix", .. })), "{refused:?}");
    }
}

#[tokio::test]
async fn stores_with_different_prefixes_do_not_know_each_other() {
    let server = RedisServer::start(&[]).await;
    let owner = hold();
    for prefix in ["eu", "us"] {
        let store = RedisStore::builder(server.url()).prefix(prefix).build().await.unwrap();
        assert_eq!(claim(&store, owner).await.unwrap(), WON);
        assert_eq!(server.ask::<Vec<String>>(&format!("KEYS {prefix}:*")).await.len(), 1);
    }
}

#[tokio::test]
async fn a_url_that_is_not_one_is_refused_without_being_repeated() {
    for url in ["", "http://user:secret@localhost", "redis://user:secret@[", "redis://a:secret@h/db"] {
        let said = whole(RedisStore::new(url).await);
        assert!(said.contains("redis://user:password@host:port/database"), "{said}");
        assert!(!said.contains("secret"), "{said}");
    }
    let several = whole(RedisStore::new("redis://127.0.0.1:1,http://:secret@localhost").await);
    assert!(
        several.contains("redis://user:password@host:port/database") && !several.contains("secret"),
        "{several}"
    );
}

#[tokio::test]
async fn a_url_with_tls_says_which_feature_it_needs() {
    let said = whole(RedisStore::new("rediss://:secret@127.0.0.1:1").await);
    assert!(said.contains("tokio-rustls-comp") && !said.contains("secret"), "{said}");
}

#[tokio::test]
async fn a_server_that_is_not_there_is_an_error_soon() {
    let connecting = RedisStore::new(format!("redis://:secret@127.0.0.1:{}", free_port()));
    let said = whole(timeout(Duration::from_secs(20), connecting).await.expect("an error soon"));
    assert!(said.contains("cannot be reached") && said.contains("refused"), "{said}");
    assert!(!said.contains("secret"), "{said}");
}

#[tokio::test]
async fn a_wrong_password_is_an_error_that_does_not_repeat_it() {
    let server = RedisServer::start(&["requirepass right"]).await;
    let said = whole(RedisStore::new(server.url().replace("://", "://:wrong@")).await);
    assert!(said.contains("cannot be reached") && said.to_lowercase().contains("password"), "{said}");
    assert!(!said.contains("wrong@"), "{said}");
}

#[tokio::test]
async fn replicas_that_cannot_be_waited_for_are_refused() {
    let server = RedisServer::start(&[]).await;
    for (count, timeout) in [(0, 100), (1, 0), (1, 1_001)] {
        let builder = RedisStore::builder(server.url()).wait_replicas(count, Duration::from_millis(timeout));
        let refused = builder.build().await;
        assert!(matches!(refused, Err(SetupError::Setting { .. })), "{refused:?}");
    }
}

/// Log of the setup of a store.
async fn logged(server: &RedisServer, url: &str) -> String {
    let (log, guard) = Log::listen();
    let store = RedisStore::new(url).await.unwrap();
    drop(guard);
    assert_eq!(claim(&store, hold()).await.unwrap(), WON, "{}", server.log());
    log.text()
}

#[tokio::test]
async fn settings_that_keep_keys_are_not_warned_of() {
    let settings = ["appendonly yes", "appendfsync always", "maxmemory 100mb", "maxmemory-policy noeviction"];
    let server = RedisServer::start(&settings).await;
    assert_eq!(logged(&server, &server.url()).await, "");
}

#[tokio::test]
async fn eviction_is_warned_of() {
    let settings =
        ["appendonly yes", "appendfsync always", "maxmemory 100mb", "maxmemory-policy allkeys-lru"];
    let server = RedisServer::start(&settings).await;
    let logged = logged(&server, &server.url()).await;
    assert!(logged.contains("WARN") && logged.contains("allkeys-lru"), "{logged}");
    assert!(logged.contains("set maxmemory-policy to noeviction"), "{logged}");
}

#[tokio::test]
async fn a_missing_append_only_file_is_warned_of() {
    let server = RedisServer::start(&["appendonly no"]).await;
    let logged = logged(&server, &server.url()).await;
    assert!(logged.contains("WARN") && logged.contains("set appendonly to yes"), "{logged}");
}

#[tokio::test]
async fn syncing_now_and_then_is_warned_of() {
    let server = RedisServer::start(&["appendonly yes", "appendfsync everysec"]).await;
    let logged = logged(&server, &server.url()).await;
    assert!(logged.contains("WARN") && logged.contains("set appendfsync to always"), "{logged}");
}

#[tokio::test]
async fn a_server_that_hides_its_settings_is_no_obstacle_and_said() {
    let denied = RedisServer::start(&["user app on >app ~* &* +@all -config -info"]).await;
    let url = denied.url().replace("://", "://app:app@");
    let logged = logged(&denied, &url).await;
    assert_eq!(logged.matches("cannot see whether keys may be forgotten").count(), 1, "{logged}");
    assert!(logged.contains("make sure that maxmemory-policy is noeviction"), "{logged}");
    assert!(logged.contains("maxmemory-policy, appendonly, appendfsync"), "{logged}");
}

#[tokio::test]
async fn what_a_server_tells_among_its_statistics_is_not_hidden() {
    let settings = ["rename-command CONFIG \"\"", "appendonly yes", "maxmemory 100mb"];
    let keeps = RedisServer::start(&[&settings[..], &["maxmemory-policy noeviction"]].concat()).await;
    let said = logged(&keeps, &keeps.url()).await;
    assert_eq!(said.matches("cannot see whether keys may be forgotten").count(), 1, "{said}");
    assert!(said.contains("hidden=\"appendfsync\"") && !said.contains("evicts"), "{said}");
    let evicts = RedisServer::start(&[&settings[..], &["maxmemory-policy allkeys-lru"]].concat()).await;
    let said = logged(&evicts, &evicts.url()).await;
    assert!(said.contains("set maxmemory-policy to noeviction"), "{said}");
}
