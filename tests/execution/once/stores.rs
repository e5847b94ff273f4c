//! The stores outside the process: who comes at once, at two nodes, and who comes later.

use std::convert::Infallible;

use futures_util::future::join;
use idempotent_runtime::{Idempotency, Once};
use idempotent_tests::{
    Scratch,
    scripted::Script,
    space::Space,
    stores::{database_url, redis_url, with_store},
};

use super::runtimes::race;

/// Two nodes on the store at `url`.
async fn nodes(url: &str, space: &str) -> [Idempotency; 2] {
    let node = async || {
        let builder = with_store(Idempotency::builder(), url, space, &Script::default()).await.unwrap();
        builder.build().unwrap()
    };
    [node().await, node().await]
}

async fn runs_once_and_replays(url: &str, space: &str) {
    let [one, other] = nodes(url, space).await;
    race(&one, "raced").await;
    let step = async |_| Ok::<_, Infallible>(("other".to_owned(), 2));
    let replayed = other.once("settle", "raced").run(step).await.unwrap();
    assert_eq!(replayed, Once::Replayed(("raced".to_owned(), 1)));
    let once = |node: &Idempotency, value| {
        let call = node.once("settle", "met");
        async move { call.run(async move |_| Ok::<_, Infallible>(value)).await.unwrap() }
    };
    let met = join(once(&one, 1), once(&other, 2)).await;
    let agree = [(Once::Ran(1), Once::Replayed(1)), (Once::Replayed(2), Once::Ran(2))];
    assert!(agree.contains(&met), "{met:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_sqlite_one_step_runs_and_both_nodes_replay_it() {
    let scratch = Scratch::new();
    let url = format!("sqlite:{}", scratch.file("keys.db").display());
    runs_once_and_replays(&url, "").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_postgres_one_step_runs_and_both_nodes_replay_it() {
    let space = Space::at(&database_url());
    runs_once_and_replays(&database_url(), space.name()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_redis_one_step_runs_and_both_nodes_replay_it() {
    let space = Space::at(&redis_url());
    runs_once_and_replays(&redis_url(), space.name()).await;
}
