//! Errors that a store has answered: nothing was done, so nothing is released and nothing is tried
//! again for them.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use idempotent_runtime::{Drained, Idempotency, RedisStore};
use idempotent_tests::{Http1, Reply, TestServer, redis_server::RedisServer};
use tokio::time::sleep;

use crate::gate::{Gate, keyed};

const REQUESTS: usize = 4_000;
const CONNECTIONS: usize = 16;
/// The default.
const LEASE: Duration = Duration::from_secs(30);
/// Commands per second of a node that nobody asks for anything: its notifications are kept alive.
const IDLE: f64 = 5.0;

/// A node on a Redis server of its own.
struct Node {
    redis: RedisServer,
    idempotency: Idempotency,
    gate: Gate,
    server: TestServer,
}

impl Node {
    async fn start(settings: &[&str], user: &str) -> Node {
        let redis = RedisServer::start(settings).await;
        let url = redis.url().replace("://", &format!("://{user}"));
        let store = RedisStore::new(url).await.unwrap();
        let (idempotency, gate) = (Idempotency::builder().store(store).build().unwrap(), Gate::open());
        let server = gate.server(&idempotency);
        Node { redis, idempotency, gate, server }
    }

    /// Number of commands that the server has been sent, with those that it has refused.
    async fn commands(&self) -> u64 {
        let stats: String = self.redis.ask("INFO commandstats").await;
        let numbers = stats.lines().flat_map(|line| line.split([':', ',']));
        let counted = numbers.filter_map(|part| {
            part.strip_prefix("calls=")
                .or_else(|| part.strip_prefix("rejected_calls="))?
                .trim()
                .parse::<u64>()
                .ok()
        });
        counted.sum()
    }

    /// Sends every key once, on a few connections.
    async fn send_all(&self) -> Vec<Reply> {
        let connections = (0..CONNECTIONS).map(async |connection| {
            let mut http = Http1::open(self.server.address()).await;
            let mut replies = Vec::new();
            for key in (connection..REQUESTS).step_by(CONNECTIONS) {
                replies.push(http.exchange(&keyed("/patient", &key.to_string(), "")).await);
            }
            replies
        });
        join_all(connections).await.concat()
    }

    /// Fails where anything goes on after all requests have been answered, or a drain waits for it.
    async fn is_at_rest(&self, what: &str) {
        let (before, began) = (self.commands().await, Instant::now());
        sleep(Duration::from_secs(4)).await;
        let (after, took) = (self.commands().await, began.elapsed());
        // The question about the number asks for one command, and for what greets it.
        let rate = after.saturating_sub(before + 4) as f64 / took.as_secs_f64();
        let began = Instant::now();
        let drained = self.idempotency.drain(Duration::from_secs(20)).await;
        println!(
            "{what}: {rate:.1} commands a second when idle, drained in {:?}: {drained:?}",
            began.elapsed()
        );
        assert!(rate < IDLE, "{rate} commands a second");
        assert_eq!(drained, Drained::Complete);
        assert!(began.elapsed() < LEASE);
    }
}

#[track_caller]
fn are_all(replies: &[Reply], status: u16, code: &str) {
    assert_eq!(replies.len(), REQUESTS);
    for reply in replies {
        assert_eq!((reply.status, reply.code().as_str()), (status, code), "{reply:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_without_room_on_its_disk_leaves_an_idle_node_idle() {
    let node = Node::start(&["save 3600 1"], "").await;
    node.redis.cannot_save().await;
    are_all(&node.send_all().await, 503, "store_unavailable");
    node.is_at_rest("a server without room on its disk").await;
    assert_eq!(node.gate.effects(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_user_who_may_not_run_scripts_leaves_an_idle_node_idle() {
    let node = Node::start(&["user app on >app ~* &* +@all"], "app:app@").await;
    node.redis.ask::<()>("ACL SETUSER app -evalsha").await;
    are_all(&node.send_all().await, 503, "store_unavailable");
    node.is_at_rest("a user who may not run scripts").await;
    assert_eq!(node.gate.effects(), 0);
}

/// Damages every entry there is: nobody knows this state.
const DAMAGE: &str =
    "for _, key in ipairs(redis.call('KEYS', '*')) do redis.call('SETRANGE', key, 0, 'X') end";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn damaged_entries_leave_an_idle_node_idle_and_are_run_by_nobody() {
    let node = Node::start(&[], "").await;
    node.send_all().await.iter().for_each(|reply| assert_eq!(reply.status, 201, "{reply:?}"));
    let mut connection = node.redis.connection().await.unwrap();
    redis::cmd("EVAL").arg(DAMAGE).arg(0).exec_async(&mut connection).await.unwrap();
    let replies = node.send_all().await;
    are_all(&replies, 409, "outcome_unknown");
    assert!(replies.iter().all(|reply| reply.json()["retryable"] == false));
    node.is_at_rest("damaged entries").await;
    assert_eq!(node.gate.effects(), REQUESTS);
}
