//! A duplicate on another node learns of the end of the execution.

use std::time::Duration;

use idempotent_runtime::RedisStore;
use idempotent_tests::{
    redis_server::RedisServer,
    requests::{claim, complete, hold},
};
use tokio::{
    task::JoinSet,
    time::{Instant, sleep, timeout},
};

use super::{node, until_heard};
use crate::{
    times::{WAKE_UP, is_within, looked, looks_each_half_second},
    waiters::{median_wake_up, response},
};

async fn nodes(server: &RedisServer) -> [RedisStore; 2] {
    let nodes = [node(server).await, node(server).await];
    until_heard(server, 2).await;
    nodes
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_waiter_on_another_node_has_the_response_within_20_ms() {
    let server = RedisServer::start(&[]).await;
    let [owning, waiting] = nodes(&server).await;
    let began = Instant::now();
    is_within(WAKE_UP, "median wake-up", async || median_wake_up(&owning, &waiting, 51).await).await;
    // Somebody waits nearly all the time, and all are woken between two looks of those that come
    // each five seconds.
    let looks = began.elapsed().as_secs() / 5 + 1;
    assert!(waiting.polls() <= looks, "{} polls", waiting.polls());
}

/// Command after which the user may not subscribe, and may do all else.
const DEAF: &str = "ACL SETUSER default resetchannels";

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn waiters_poll_at_a_bounded_rate_while_notifications_are_cut() {
    let server = RedisServer::start(&[]).await;
    let [owning, waiting] = nodes(&server).await;
    server.ask::<()>(DEAF).await;
    until_heard(&server, 0).await;

    let owners: Vec<_> = (0..20).map(|_| hold()).collect();
    let mut waiters = JoinSet::new();
    for owner in &owners {
        claim(&owning, *owner).await.unwrap();
        (0..10).for_each(|_| drop(waiters.spawn(response(waiting.clone(), *owner))));
    }
    // Pauses between looks begin short.
    looked(|| waiting.polls(), 8 * 20).await;
    let (polls, seen) = (waiting.polls(), server.calls().await["getrange"]);
    looks_each_half_second(|| waiting.polls(), 20).await;
    // What is counted is what the server sees, but for rounds that are under way.
    let (looks, at_least) = (server.calls().await["getrange"] - seen, 8 * 20 - 20);
    assert!((at_least..=waiting.polls() - polls + 20).contains(&looks), "{looks} looks at the server");

    for owner in &owners {
        complete(&owning, *owner).await.expect("a completion that cannot notify");
    }
    timeout(Duration::from_secs(20), waiters.join_all()).await.expect("a look finds the completions");

    server.ask::<()>("ACL SETUSER default allchannels").await;
    until_heard(&server, 2).await;
    is_within(WAKE_UP, "notifications are back", async || median_wake_up(&owning, &waiting, 11).await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_waiter_is_left_asleep_while_notifications_come_and_go() {
    let server = RedisServer::start(&[]).await;
    let [owning, waiting] = nodes(&server).await;
    let began = Instant::now();
    let mut waiters = JoinSet::new();
    while began.elapsed() < Duration::from_secs(3) {
        let owner = hold();
        claim(&owning, owner).await.unwrap();
        waiters.spawn(timeout(Duration::from_secs(3), response(waiting.clone(), owner)));
        sleep(Duration::from_millis(5)).await;
        server.ask::<u64>("CLIENT KILL TYPE pubsub").await;
        complete(&owning, owner).await.unwrap();
    }
    for woken in waiters.join_all().await {
        woken.expect("a waiter is woken within 3 s");
    }
    until_heard(&server, 2).await;
    is_within(WAKE_UP, "notifications are back", async || median_wake_up(&owning, &waiting, 11).await).await;
}
