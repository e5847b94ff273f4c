//! How many may wait in one process, whichever handle they wait at.

use std::process::Command;

use futures_util::{
    FutureExt,
    future::{LocalBoxFuture, join_all, select_all},
};
use idempotent_runtime::Idempotency;
use idempotent_tests::{Http2, Http2Exchange, Reply, TestServer};

use crate::gate::{Gate, within};

const ALONE: &str = "IDEMPOTENT_TEST_ALONE";
const A_KEY: usize = 1024;
const A_PROCESS: usize = 8192;
const A_CONNECTION: usize = 64;

/// The bound is one of the process, so the test has a process to itself.
#[test]
fn the_8193rd_waiter_of_a_process_is_refused_at_once() {
    if std::env::var_os(ALONE).is_none() {
        let own = std::env::current_exe().unwrap();
        let name = "crowd::the_8193rd_waiter_of_a_process_is_refused_at_once";
        let alone = Command::new(own).args(["--exact", name]).env(ALONE, "1").output().unwrap();
        assert!(alone.status.success(), "{}", String::from_utf8_lossy(&alone.stdout));
        return;
    }
    tokio::runtime::Runtime::new().unwrap().block_on(the_8193rd_waiter_is_refused());
}

async fn the_8193rd_waiter_is_refused() {
    let gate = Gate::shut();
    let servers = [(); 2].map(|()| gate.server(&Idempotency::builder().build().unwrap()));
    let mut crowd = Vec::new();
    for key in 0..A_PROCESS / A_KEY {
        crowd.push(leads(&servers[key % 2], key, &gate).await.reply().boxed_local());
        crowd.extend(fill(&servers[key % 2], key).await);
    }
    let ninth = leads(&servers[0], 8, &gate).await;
    is_in_progress(within(sent(&servers[0], 8).await.reply()).await);
    for _ in 0..=A_PROCESS / A_KEY {
        gate.let_one_through();
    }
    let replies = within(join_all(crowd)).await;
    let replays = replies.into_iter().flatten().filter(Reply::is_replay).count();
    assert_eq!(replays, A_PROCESS);
    assert_eq!(within(ninth.reply()).await.unwrap().status, 201);
    waits_again(&servers[1], &gate).await;
    assert_eq!(gate.effects(), 10);
}

/// Who has been answered has given its place back.
async fn waits_again(server: &TestServer, gate: &Gate) {
    let first = leads(server, 9, gate).await;
    let duplicate = sent(server, 9).await;
    let another = sent(server, 9).await;
    gate.let_one_through();
    assert_eq!(within(first.reply()).await.unwrap().status, 201);
    assert!(within(duplicate.reply()).await.unwrap().is_replay());
    assert!(within(another.reply()).await.unwrap().is_replay());
}

async fn leads(server: &TestServer, key: usize, gate: &Gate) -> Http2Exchange {
    let first = sent(server, key).await;
    gate.began().await;
    first
}

/// Sends one more than may wait for a key: when that one has been refused, the others wait.
async fn fill(server: &TestServer, key: usize) -> Vec<LocalBoxFuture<'static, Option<Reply>>> {
    let mut sent = Vec::new();
    while sent.len() <= A_KEY {
        let (connection, _) = Http2::open(server.address()).await;
        for _ in 0..A_CONNECTION.min(A_KEY + 1 - sent.len()) {
            sent.push(send(&connection, key).await.reply().boxed_local());
        }
    }
    let (refused, _, waiting) = within(select_all(sent)).await;
    is_in_progress(refused);
    waiting
}

async fn sent(server: &TestServer, key: usize) -> Http2Exchange {
    let (connection, _) = Http2::open(server.address()).await;
    send(&connection, key).await
}

async fn send(connection: &Http2, key: usize) -> Http2Exchange {
    connection.send("/patient", &[("idempotency-key", &key.to_string())], "same".into()).await
}

#[track_caller]
fn is_in_progress(reply: Option<Reply>) {
    let reply = reply.unwrap();
    assert_eq!((reply.status, reply.code().as_str()), (409, "in_progress"), "{reply:?}");
}
