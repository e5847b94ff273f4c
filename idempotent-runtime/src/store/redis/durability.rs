//! Says loudly what the server's settings may cost.

use redis::{Cmd, from_redis_value};

use super::{client::RedisClient, failure::NAME};

/// Reads the settings that the server shows, and warns of those that may lose keys.
pub(super) async fn warn(client: &RedisClient) {
    let limited = setting(client, "maxmemory").await.is_some_and(|limit| limit != "0");
    match setting(client, "maxmemory-policy").await {
        None => tracing::info!(
            store = NAME,
            "this Redis does not show its settings: make sure that maxmemory-policy is noeviction and appendonly is yes"
        ),
        Some(policy) if policy != "noeviction" && limited => tracing::warn!(
            store = NAME,
            policy,
            "this Redis evicts keys when its memory is full: an evicted key is forgotten, and a retry of it runs again; \
             set maxmemory-policy to noeviction"
        ),
        Some(_) => {}
    }
    match setting(client, "appendonly").await.as_deref() {
        Some("no") => tracing::warn!(
            store = NAME,
            "this Redis writes no append-only file: a restart forgets keys, and retries of them run again; set appendonly to yes"
        ),
        Some(_) => warn_of_sync(setting(client, "appendfsync").await.as_deref()),
        None => {}
    }
}

fn warn_of_sync(appendfsync: Option<&str>) {
    if let Some(policy) = appendfsync.filter(|policy| *policy != "always") {
        tracing::warn!(
            store = NAME,
            policy,
            "this Redis syncs its append-only file now and then: a crash of its machine forgets the keys of the last second or \
             more; set appendfsync to always where that is too much"
        );
    }
}

/// A setting of the server, if it shows it.
async fn setting(client: &RedisClient, name: &str) -> Option<String> {
    let reply = client.send(Cmd::new().arg("CONFIG").arg("GET").arg(name)).await.ok()?;
    let pairs: Vec<(String, String)> = from_redis_value(reply).ok()?;
    pairs.into_iter().find(|(found, _)| found == name).map(|(_, value)| value)
}
