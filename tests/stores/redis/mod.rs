//! The Redis store: it conforms, and what is special to it.

use std::time::Duration;

use idempotent_runtime::{RedisStore, store::Hold};
use idempotent_tests::redis_server::RedisServer;
use tokio::time::{sleep, timeout};

mod conforms;
mod costs;
mod crash;
mod failover;
mod given;
mod hints;
mod moving;
mod on_cluster;
mod refused;
mod replicas;
mod rights;
mod runtimes;
mod sentinel;
mod setup;
mod together;
mod trouble;
mod waiting;

async fn node(server: &RedisServer) -> RedisStore {
    RedisStore::new(server.url()).await.unwrap()
}

/// The key of an entry in a store without a prefix of its own.
fn key(owner: Hold) -> String {
    owner.address.as_bytes().iter().fold("idempotent:".to_owned(), |key, byte| format!("{key}{byte:02x}"))
}

/// Lets time pass for an entry.
async fn pass(server: &RedisServer, owner: Hold, time: Duration) {
    let left: u128 = server.ask(&format!("PTTL {}", key(owner))).await;
    server.ask::<()>(&format!("PEXPIRE {} {}", key(owner), left - time.as_millis())).await;
}

/// Waits until so many stores hear notifications.
async fn until_heard(server: &RedisServer, stores: usize) {
    let heard = async {
        while server.ask::<(String, usize)>("PUBSUB NUMSUB idempotent:changed").await.1 != stores {
            sleep(Duration::from_millis(2)).await;
        }
    };
    timeout(Duration::from_secs(20), heard).await.expect("stores subscribe");
}
