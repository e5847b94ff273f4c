//! A server that is full, has forgotten its scripts, or does not answer.

use std::time::Duration;

use idempotent_runtime::{
    RedisStore, Store, StoreError,
    store::{Claim, ClaimRequest, Completion, Hold, OnAbandoned, Record, Renewal, Retention},
};
use idempotent_tests::{
    proxy::Proxy,
    redis_server::RedisServer,
    requests::{HOUR, KEPT, WON, claim, complete, hold, is_in_flight, is_replay, request, retry},
};
use tokio::time::Instant;

use super::{key, node, pass, until_heard};
use crate::{
    load::first_success,
    times::{WAKE_UP, is_within},
    waiters::wake_up,
};

/// Claims until there is no room for another, and gives what was won.
pub(super) async fn fill(server: &RedisServer, store: &RedisStore) -> Vec<Hold> {
    server.ask::<()>("CONFIG SET maxmemory-policy noeviction").await;
    let memory: String = server.ask("INFO memory").await;
    let used =
        memory.lines().find_map(|line| line.strip_prefix("used_memory:")).unwrap().parse::<u64>().unwrap();
    let mut won = Vec::new();
    server.ask::<()>(&format!("CONFIG SET maxmemory {}", used + 300_000)).await;
    loop {
        let owner = hold();
        match claim(store, owner).await {
            Ok(claim) => assert_eq!(claim, WON),
            Err(StoreError::Full { .. }) => return won,
            Err(error) => assert_eq!(format!("{error:?}"), "full"),
        }
        won.push(owner);
        assert!(won.len() < 100_000, "there is always room");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_full_server_refuses_new_keys_and_finishes_what_it_has_begun() {
    let server = RedisServer::start(&[]).await;
    let (store, other) = (node(&server).await, node(&server).await);
    until_heard(&server, 2).await;
    let done = hold();
    claim(&store, done).await.unwrap();
    complete(&store, done).await.unwrap();
    let (leased, taken_over) = (request(hold()), request(hold()));
    for abandoned in [leased, taken_over] {
        store.claim(abandoned).await.unwrap();
        pass(&server, abandoned.hold, abandoned.lease).await;
    }

    let won = fill(&server, &store).await;
    println!("{} claims fit", won.len());
    is_replay(&claim(&store, retry(done)).await.unwrap(), done);
    for owner in &won {
        is_in_flight(&claim(&other, retry(*owner)).await.unwrap());
        assert_eq!(store.renew(*owner, HOUR).await.unwrap(), Renewal::Renewed);
        assert_eq!(claim(&store, *owner).await.unwrap(), WON, "the same claim again");
    }
    let abandoned = ClaimRequest { hold: retry(leased.hold), ..leased };
    assert_eq!(store.claim(abandoned).await.unwrap(), Claim::Abandoned);
    let rerun = ClaimRequest {
        hold: retry(taken_over.hold),
        on_abandoned: OnAbandoned::Rerun,
        lease: HOUR,
        ..taken_over
    };
    assert_eq!(store.claim(rerun).await.unwrap(), Claim::Won { attempt: 2 });

    // A response is longer than its claim.
    let record = |owner: Hold| Record::from_bytes(owner.token.as_bytes().repeat(64));
    for owner in &won {
        let waiter = {
            let other = other.clone();
            let address = owner.address;
            tokio::spawn(async move { other.changed(address).await })
        };
        assert_eq!(store.complete(*owner, record(*owner), KEPT).await.unwrap(), Completion::Stored);
        waiter.await.unwrap();
    }
    assert!(matches!(claim(&store, hold()).await, Err(StoreError::Full { .. })), "it is still full");
    server.ask::<()>("CONFIG SET maxmemory 0").await;
    assert_eq!(claim(&store, hold()).await.unwrap(), WON);
    for owner in won {
        let replay = claim(&store, retry(owner)).await.unwrap();
        assert!(
            matches!(&replay, Claim::Replay { record: found, .. } if *found == record(owner)),
            "{replay:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_server_that_forgets_its_scripts_is_told_them_again() {
    let mut server = RedisServer::start(&["appendonly yes", "appendfsync always"]).await;
    let store = node(&server).await;
    for round in 0..10 {
        let owner = hold();
        assert_eq!(claim(&store, owner).await.unwrap(), WON);
        server.ask::<()>("SCRIPT FLUSH").await;
        assert_eq!(store.renew(owner, HOUR).await.unwrap(), Renewal::Renewed);
        server.ask::<()>("SCRIPT FLUSH").await;
        assert_eq!(complete(&store, owner).await.unwrap(), Completion::Stored);
        if round % 3 == 0 {
            server.kill();
            server.restart().await;
            first_success(&store).await;
        }
        is_replay(&claim(&store, retry(owner)).await.unwrap(), owner);
        server.ask::<()>("SCRIPT FLUSH").await;
        store.release(hold()).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_server_that_stands_still_fails_calls_in_bounded_time_and_is_found_again() {
    let server = RedisServer::start(&[]).await;
    let store = node(&server).await;
    let owner = hold();
    claim(&store, owner).await.unwrap();
    server.freeze();
    let refused = async || {
        let began = Instant::now();
        let calls = (0..64).map(|_| claim(&store, hold()));
        for failed in futures_util::future::join_all(calls).await {
            failed.unwrap_err();
        }
        began.elapsed()
    };
    for _ in 0..2 {
        is_within(Duration::from_millis(4_500), "calls to a server that stands still", refused).await;
    }
    let back = async || {
        server.freeze();
        claim(&store, hold()).await.unwrap_err();
        server.thaw();
        first_success(&store).await
    };
    is_within(Duration::from_secs(1), "first success after the server went on", back).await;
    assert_eq!(complete(&store, owner).await.unwrap(), Completion::Stored);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_connection_that_has_died_without_a_word_is_left() {
    let server = RedisServer::start(&[]).await;
    let proxy = Proxy::to(server.port()).await;
    let store = RedisStore::new(format!("redis://127.0.0.1:{}", proxy.port())).await.unwrap();
    let other = node(&server).await;
    until_heard(&server, 2).await;
    let back = async || {
        proxy.swallow();
        first_success(&store).await
    };
    is_within(Duration::from_secs(3), "first success after a silence", back).await;
    // Notifications are heard again too. Until then those who wait are found by looks, seconds
    // later.
    is_within(WAKE_UP, "wake-up after a silence", async || wake_up(&other, &store).await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_response_that_is_only_remembered_gives_its_bytes_back() {
    let server = RedisServer::start(&[]).await;
    let store = node(&server).await;
    let owner = hold();
    claim(&store, owner).await.unwrap();
    let retention = Retention { replay: HOUR, remember: HOUR };
    store.complete(owner, Record::from_bytes(vec![7; 10_000]), retention).await.unwrap();
    let key = key(owner);
    assert!(server.ask::<u64>(&format!("STRLEN {key}")).await > 10_000);
    pass(&server, owner, HOUR).await;
    for _ in 0..2 {
        assert_eq!(claim(&store, retry(owner)).await.unwrap(), Claim::Expired);
        assert!(server.ask::<u64>(&format!("STRLEN {key}")).await < 100);
    }
    assert!(server.ask::<u64>(&format!("PTTL {key}")).await > 3_500_000);
    assert_eq!(complete(&store, owner).await.unwrap(), Completion::Stored, "the same completion again");
    assert_eq!(claim(&store, retry(owner)).await.unwrap(), Claim::Expired);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_connection_that_was_lost_while_nobody_used_it_fails_no_call() {
    let mut server = RedisServer::start(&["appendonly yes", "appendfsync always"]).await;
    let store = node(&server).await;
    for _ in 0..5 {
        let owner = hold();
        assert_eq!(claim(&store, owner).await.unwrap(), WON);
        server.kill();
        server.restart().await;
        assert_eq!(complete(&store, owner).await.unwrap(), Completion::Stored);
        server.ask::<()>("CLIENT KILL TYPE normal").await;
        is_replay(&claim(&store, retry(owner)).await.unwrap(), owner);
    }
}
