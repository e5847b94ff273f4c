//! Errors that a server has answered, and entries that cannot be read.

use std::time::Duration;

use futures_util::future::join_all;
use idempotent_runtime::{
    Store, StoreError,
    store::{ForgetRequest, Hold, Stage, StuckRequest},
};
use idempotent_tests::{
    redis_server::{RedisServer, free_port},
    requests::{WON, claim, complete, hold, is_replay, record_of, retry},
};
use tokio::time::timeout;

use super::{key, node};
use crate::refusals::{did_nothing, hurts_no_other, is_unreadable, refuses};

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_call_that_the_server_refuses_has_done_nothing() {
    let server = RedisServer::start(&[]).await;
    let store = node(&server).await;
    let (running, nowhere) = (hold(), free_port());
    claim(&store, running).await.unwrap();
    for (before, after) in [
        ("ACL SETUSER default -evalsha -eval", "ACL SETUSER default +@all"),
        ("ACL SETUSER default -set -del", "ACL SETUSER default +@all"),
        (&*format!("REPLICAOF 127.0.0.1 {nowhere}"), "REPLICAOF NO ONE"),
        ("CONFIG SET min-replicas-to-write 1", "CONFIG SET min-replicas-to-write 0"),
    ] {
        server.ask::<()>(before).await;
        println!("{before}");
        refuses(&store, running).await;
        server.ask::<()>(after).await;
        assert_eq!(server.ask::<u64>("DBSIZE").await, 1, "{before}");
    }
    assert_eq!(claim(&store, hold()).await.unwrap(), WON, "it goes on when it is let in again");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_server_that_is_busy_with_a_script_has_done_nothing() {
    let server = RedisServer::start(&["busy-reply-threshold 10"]).await;
    let store = node(&server).await;
    assert_eq!(claim(&store, hold()).await.unwrap(), WON);
    let mut connection = server.connection().await.unwrap();
    let endless = tokio::spawn(async move {
        redis::cmd("EVAL").arg("while true do end").arg(0).exec_async(&mut connection).await
    });
    let busy = async {
        loop {
            match claim(&store, hold()).await {
                Ok(claim) => assert_eq!(claim, WON),
                busy => break did_nothing(&store, busy),
            }
        }
    };
    timeout(Duration::from_secs(20), busy).await.expect("it is busy in time");
    server.ask::<()>("SCRIPT KILL").await;
    endless.await.unwrap().unwrap_err();
    assert_eq!(claim(&store, hold()).await.unwrap(), WON);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_server_without_room_on_its_disk_has_done_nothing_and_reads_on() {
    let server = RedisServer::start(&["save 3600 1"]).await;
    let store = node(&server).await;
    let (done, running) = (hold(), hold());
    claim(&store, running).await.unwrap();
    claim(&store, done).await.unwrap();
    complete(&store, done).await.unwrap();
    server.cannot_save().await;
    refuses(&store, running).await;
    is_replay(&claim(&store, retry(done)).await.unwrap(), done);
    assert_eq!(server.ask::<u64>("DBSIZE").await, 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_refusal_after_a_lost_connection_says_nothing_of_the_call_that_was_lost() {
    let server = RedisServer::start(&["save 3600 1"]).await;
    let store = node(&server).await;
    claim(&store, hold()).await.unwrap();
    server.cannot_save().await;
    for calls in [1, 64] {
        server.ask::<()>("CLIENT KILL TYPE normal").await;
        let lost = join_all((0..calls).map(|_| claim(&store, hold()))).await;
        let of_unknown_fate = |lost: &&Result<_, _>| matches!(lost, Err(StoreError::Unavailable { .. }));
        assert!(lost.iter().filter(of_unknown_fate).count() > 0, "{lost:?}");
        did_nothing(&store, claim(&store, hold()).await);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn an_entry_that_is_damaged_in_any_way_is_unreadable_and_hurts_no_other() {
    let server = RedisServer::start(&[]).await;
    let store = node(&server).await;
    for damage in [
        "SETRANGE {} 0 X",
        "SETRANGE {} 1 7",
        "SETRANGE {} 50 -",
        "SETRANGE {} 60 1e5",
        "SETRANGE {} 74 x",
        "SET {} D0 KEEPTTL",
        "PERSIST {}",
        "LPUSH {} D0",
    ] {
        let (damaged, whole) = (hold(), hold());
        claim(&store, damaged).await.unwrap();
        claim(&store, whole).await.unwrap();
        complete(&store, whole).await.unwrap();
        let key = key(damaged);
        if damage.starts_with("LPUSH") {
            server.ask::<()>(&format!("DEL {key}")).await;
        }
        server.ask::<()>(&damage.replace("{}", &key)).await;
        println!("{damage}");
        hurts_no_other(&store, damaged, whole).await;
        is_unreadable(&store, store.inspect(damaged.address).await);
        let request = StuckRequest { after: None, limit: 10, unknown: record_of(whole), endpoint: None };
        let listed = store.stuck(request).await.unwrap().entries;
        let listed: Vec<_> = listed.iter().map(|entry| entry.address).collect();
        assert_eq!(listed, [whole.address], "one that cannot be read does not hide the others");
        let forget =
            |Hold { address, token, .. }, stage| store.forget(ForgetRequest { address, token, stage });
        is_unreadable(&store, forget(damaged, Stage::Claimed).await);
        forget(whole, Stage::Completed).await.unwrap();
        server.ask::<()>(&format!("DEL {key}")).await;
    }
}
