//! The Redis store where replicas have to acknowledge.

use std::time::{Duration, Instant};

use idempotent_runtime::{
    RedisStore, Store, StoreError,
    store::{Completion, Forget, ForgetRequest, Stage},
};
use idempotent_tests::{
    redis_server::RedisServer,
    requests::{WON, claim, complete, hold, is_replay, retry},
};

use super::key;
use crate::load::Load;

pub(super) const TIMEOUT: Duration = Duration::from_millis(500);

/// A primary and a replica, connected.
pub(super) async fn pair() -> (RedisServer, RedisServer) {
    let primary = RedisServer::start(&["repl-diskless-sync-delay 0"]).await;
    let replica = RedisServer::start(&[&format!("replicaof 127.0.0.1 {}", primary.port())]).await;
    until_connected(&primary).await;
    (primary, replica)
}

/// Waits until the replica has what is written. The primary begins to send up to a second after it
/// calls the replica online. What is written before there is a replica counts as acknowledged, so
/// once is not enough.
async fn until_connected(primary: &RedisServer) {
    let mut connection = primary.connection().await.unwrap();
    let began = Instant::now();
    let mut acknowledged = 0;
    while acknowledged < 2 {
        let mut written = redis::pipe();
        written.cmd("SET").arg(&["settling", "1", "PX", "1"]).ignore().cmd("WAIT").arg(&[1, 400]);
        acknowledged += written.query_async::<(u64,)>(&mut connection).await.unwrap().0;
        assert!(began.elapsed() < Duration::from_secs(20), "{}", primary.log());
    }
}

async fn store(url: String) -> RedisStore {
    RedisStore::builder(url).wait_replicas(1, TIMEOUT).build().await.unwrap()
}

#[track_caller]
fn is_unavailable<T: std::fmt::Debug>(answer: Result<T, StoreError>) {
    assert!(matches!(answer, Err(StoreError::Unavailable { .. })), "{answer:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_a_replica_has_acknowledged_counts() {
    let (primary, replica) = pair().await;
    let store = store(primary.url()).await;
    for _ in 0..20 {
        let owner = hold();
        assert_eq!(claim(&store, owner).await.unwrap(), WON);
        let claimed = format!("EXISTS {}", key(owner));
        assert_eq!(replica.ask::<u64>(&claimed).await, 1);
        assert_eq!(complete(&store, owner).await.unwrap(), Completion::Stored);
        is_replay(&claim(&store, retry(owner)).await.unwrap(), owner);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_no_replica_has_is_not_won_not_stored_and_not_replayed() {
    let (primary, replica) = pair().await;
    let store = store(primary.url()).await;
    let (done, begun) = (hold(), hold());
    assert_eq!(claim(&store, done).await.unwrap(), WON);
    assert_eq!(claim(&store, begun).await.unwrap(), WON);
    replica.freeze();
    is_unavailable(claim(&store, hold()).await);
    is_unavailable(complete(&store, done).await);
    // It is completed at the primary now. That alone does not count, whoever asks and on whichever
    // connection.
    is_unavailable(complete(&store, done).await);
    is_unavailable(claim(&store, retry(done)).await);
    let newcomer = self::store(primary.url()).await;
    is_unavailable(complete(&newcomer, done).await);
    is_unavailable(claim(&newcomer, retry(done)).await);
    replica.thaw();
    until_connected(&primary).await;
    assert_eq!(complete(&store, done).await.unwrap(), Completion::Stored);
    is_replay(&claim(&newcomer, retry(done)).await.unwrap(), done);
    assert_eq!(complete(&store, begun).await.unwrap(), Completion::Stored);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_is_forgotten_is_forgotten_by_a_replica_too() {
    let (primary, replica) = pair().await;
    let store = store(primary.url()).await;
    let owner = hold();
    let request = ForgetRequest { address: owner.address, token: owner.token, stage: Stage::Completed };
    assert_eq!(claim(&store, owner).await.unwrap(), WON);
    assert_eq!(complete(&store, owner).await.unwrap(), Completion::Stored);
    assert_eq!(store.forget(request).await.unwrap(), Forget::Done);
    assert_eq!(replica.ask::<u64>(&format!("EXISTS {}", key(owner))).await, 0);
    assert_eq!(claim(&store, owner).await.unwrap(), WON);
    assert_eq!(complete(&store, owner).await.unwrap(), Completion::Stored);
    replica.freeze();
    is_unavailable(store.forget(request).await);
    replica.thaw();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_primary_without_replicas_wins_nothing() {
    let primary = RedisServer::start(&[]).await;
    let store = store(primary.url()).await;
    let owner = hold();
    let began = Instant::now();
    let Err(StoreError::Unavailable { source, .. }) = claim(&store, owner).await else { panic!("it is won") };
    assert_eq!(source.source().unwrap().to_string(), "too few replicas have acknowledged in time");
    assert!(began.elapsed() >= TIMEOUT, "{:?}", began.elapsed());
    // Its claim is taken back as usual: by its token, in the background.
    is_unavailable(store.release(owner).await);
    assert_eq!(primary.ask::<u64>("DBSIZE").await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn scripts_are_told_again_where_replicas_are_waited_for() {
    let (primary, _replica) = pair().await;
    let store = store(primary.url()).await;
    for _ in 0..5 {
        let owner = hold();
        primary.ask::<()>("SCRIPT FLUSH").await;
        assert_eq!(claim(&store, owner).await.unwrap(), WON);
        primary.ask::<()>("SCRIPT FLUSH").await;
        assert_eq!(complete(&store, owner).await.unwrap(), Completion::Stored);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn executions_at_once_share_the_waiting() {
    let (primary, _replica) = pair().await;
    let store = store(primary.url()).await;
    claim(&store, hold()).await.unwrap();
    let before = primary.calls().await["wait"];
    let executions = (0..500).map(|_| async {
        let owner = hold();
        assert_eq!(claim(&store, owner).await.unwrap(), WON);
        assert_eq!(complete(&store, owner).await.unwrap(), Completion::Stored);
    });
    futures_util::future::join_all(executions).await;
    let waits = primary.calls().await["wait"] - before;
    println!("500 executions at once: {waits} times WAIT");
    assert!(waits < 60, "{waits}");
}

/// Number of acknowledged claims and responses that are lost when the primary, cut off from its
/// replica, dies under load and the replica takes its place. The third number is that of the
/// claims.
async fn failover(replicas: Option<u32>) -> (usize, usize, usize) {
    let (mut primary, replica) = pair().await;
    let mut builder = RedisStore::builder(primary.url());
    if let Some(count) = replicas {
        builder = builder.wait_replicas(count, TIMEOUT);
    }
    let load = Load::start(&builder.build().await.unwrap(), 32);
    load.until_claimed(500).await;
    replica.ask::<()>("REPLICAOF 127.0.0.1 1").await;
    if replicas.is_none() {
        load.until_claimed(load.claimed() + 500).await;
    }
    primary.kill();
    replica.ask::<()>("REPLICAOF NO ONE").await;
    let acknowledged = load.stop().await;
    let promoted = RedisStore::new(replica.url()).await.unwrap();
    let (claims, responses) = acknowledged.lost(&promoted).await;
    (claims, responses, acknowledged.claims())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_failover_loses_nothing_that_a_replica_has_acknowledged() {
    let (claims, responses, number) = failover(Some(1)).await;
    println!("{number} claims acknowledged, lost {claims} claims and {responses} responses");
    assert_eq!((claims, responses), (0, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_failover_without_waiting_loses_what_has_been_acknowledged() {
    let (claims, responses, number) = failover(None).await;
    println!("{number} claims acknowledged, lost {claims} claims and {responses} responses");
    assert!(claims > 0 && responses > 0, "the test sees no loss: {claims} claims, {responses} responses");
}
