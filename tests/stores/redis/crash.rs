//! The server is killed under load.

use idempotent_tests::redis_server::RedisServer;

use super::node;
use crate::load::{Killed, kill_under_load};

async fn killed(settings: &[&str], times: usize) -> Killed {
    let mut server = RedisServer::start(settings).await;
    let store = node(&server).await;
    kill_under_load(&mut server, &store, times).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_server_killed_under_load_loses_nothing_it_has_acknowledged() {
    killed(&["appendonly yes", "appendfsync always"], 5).await.assert_nothing_is_lost();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_server_without_an_append_only_file_loses_what_it_has_acknowledged() {
    killed(&["appendonly no"], 2).await.assert_a_loss_is_seen();
}
