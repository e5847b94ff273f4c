//! Calls come from workers that stand still and end. The connection stands on none of them.

use std::{
    future::poll_fn,
    pin::pin,
    sync::mpsc,
    task::Poll,
    thread::{self, JoinHandle},
    time::Duration,
};

use futures_util::future::join_all;
use idempotent_runtime::{RedisStore, Store, store::Completion};
use idempotent_tests::{
    proxy::Proxy,
    redis_cluster::RedisCluster,
    redis_server::RedisServer,
    requests::{HOUR, claim, complete, hold, is_in_flight, is_replay, retry},
};
use tokio::{runtime::Builder, sync::oneshot, task::yield_now};

use super::{node, replicas::pair};
use crate::load::first_success;

/// Time in which a call succeeds again after its connection was lost.
const RECOVERY_TIME: Duration = Duration::from_secs(20);

/// A worker whose handler blocks it.
struct Blocked {
    lets_go: mpsc::Sender<()>,
    worker: JoinHandle<()>,
}

impl Blocked {
    /// A worker that has done this, and stands still from then on.
    async fn after(work: impl Future<Output = ()> + Send + 'static) -> Self {
        let (done, is_done) = oneshot::channel();
        let (lets_go, let_go) = mpsc::channel();
        let worker = thread::spawn(move || {
            let runtime = Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                work.await;
                done.send(()).unwrap();
                let _ = let_go.recv();
            });
        });
        is_done.await.unwrap();
        Blocked { lets_go, worker }
    }

    /// The worker goes on, and ends.
    fn ends(self) {
        drop(self.lets_go);
        self.worker.join().unwrap();
    }
}

/// All verbs, many times at once.
async fn answers(store: &RedisStore) {
    let executions = (0..32).map(|_| async {
        let owner = hold();
        claim(store, owner).await.unwrap();
        store.renew(owner, HOUR).await.unwrap();
        is_in_flight(&claim(store, retry(owner)).await.unwrap());
        assert_eq!(complete(store, owner).await.unwrap(), Completion::Stored);
        store.changed(owner.address).await;
        is_replay(&claim(store, retry(owner)).await.unwrap(), owner);
        store.release(owner).await.unwrap();
    });
    join_all(executions).await;
}

/// Loses the connection, several times; whoever finds that out stands still then, and ends.
async fn goes_on(store: &RedisStore, mut lose: impl AsyncFnMut()) {
    for _ in 0..3 {
        lose().await;
        let calling = store.clone();
        let worker =
            Blocked::after(async move { assert!(first_success(&calling).await < RECOVERY_TIME) }).await;
        answers(store).await;
        worker.ends();
        answers(store).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_that_stands_still_or_ends_after_the_server_was_restarted_holds_up_no_call() {
    let mut server = RedisServer::start(&[]).await;
    let store = node(&server).await;
    let restart = async || {
        server.kill();
        server.restart().await;
    };
    goes_on(&store, restart).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_that_stands_still_or_ends_after_a_silence_holds_up_no_call() {
    let server = RedisServer::start(&[]).await;
    let proxy = Proxy::to(server.port()).await;
    let store = RedisStore::new(format!("redis://127.0.0.1:{}", proxy.port())).await.unwrap();
    goes_on(&store, async || proxy.swallow()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_that_stands_still_or_ends_holds_up_no_call_to_a_cluster() {
    let cluster = RedisCluster::start(3).await;
    let store = RedisStore::new(cluster.urls()).await.unwrap();
    let cut = async || {
        for node in &cluster.nodes {
            node.ask::<u64>("CLIENT KILL TYPE normal").await;
        }
    };
    goes_on(&store, cut).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_that_stands_still_or_ends_holds_up_no_call_that_replicas_acknowledge() {
    let (primary, _replica) = pair().await;
    let builder = RedisStore::builder(primary.url());
    let store = builder.wait_replicas(1, super::replicas::TIMEOUT).build().await.unwrap();
    let cut = async || assert!(primary.ask::<u64>("CLIENT KILL TYPE normal").await > 0);
    goes_on(&store, cut).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wait_that_is_given_up_while_the_connection_is_sought_holds_up_no_call() {
    let server = RedisServer::start(&[]).await;
    let store = node(&server).await;
    for polls in 1..8 {
        server.ask::<u64>("CLIENT KILL TYPE normal").await;
        let waiting = store.clone();
        let given_up = async move {
            let mut wait = pin!(waiting.changed(hold().address));
            for _ in 0..polls {
                if poll_fn(|context| Poll::Ready(wait.as_mut().poll(context))).await.is_ready() {
                    return;
                }
                yield_now().await;
            }
        };
        let worker = Blocked::after(given_up).await;
        answers(&store).await;
        worker.ends();
        answers(&store).await;
    }
}
