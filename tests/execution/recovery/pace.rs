//! Claims while stuck entries are walked.
//!
//! `STUCK_ENTRIES=10000` measures by that many, on every store, in rounds with and without a walk.

use std::{
    convert::Infallible,
    env,
    future::pending,
    time::{Duration, Instant},
};

use futures_util::{
    StreamExt,
    future::{Either, select},
    stream,
};
use idempotent_runtime::{AbandonedExecution, Idempotency, Once, Resolution};
use idempotent_tests::{
    Scratch,
    scripted::Script,
    space::Space,
    stores::{database_url, redis_url, with_store},
};
use serde_json::json;
use tokio::{sync::oneshot, time::sleep};

const LEASE: Duration = Duration::from_secs(1);
/// Number of claims that are timed in one round.
const CLAIMS: usize = 200;
const ROUNDS: usize = 3;
/// Number of stuck entries, unless the environment says another.
const DEAD: usize = 40;

/// A step begins under each of these keys, and its caller leaves.
async fn die(dying: &Idempotency, round: usize, dead: usize) {
    stream::iter(0..dead)
        .for_each_concurrent(32, async |number| {
            let (begin, begun) = oneshot::channel();
            let step = async move |_| {
                begin.send(()).unwrap();
                pending::<Result<u32, Infallible>>().await
            };
            let run = Box::pin(dying.once("settle", format!("{round} {number}")).run(step));
            assert!(matches!(select(run, begun).await, Either::Right((Ok(()), _))), "it ended");
        })
        .await;
    sleep(LEASE + LEASE / 5).await;
}

/// Times of first executions, one after the other.
async fn claims(node: &Idempotency, name: &str) -> Vec<Duration> {
    let mut took = Vec::new();
    for number in 0..CLAIMS {
        let began = Instant::now();
        let ran = node.once("claimed", format!("{name} {number}")).run(async |_| Ok::<_, Infallible>(1));
        assert_eq!(ran.await.unwrap(), Once::Ran(1));
        took.push(began.elapsed());
    }
    took.sort();
    took
}

async fn go_on_while_it_is_walked(url: &str, space: &str) {
    let dead = env::var("STUCK_ENTRIES").map_or(DEAD, |dead| dead.parse().unwrap());
    let rounds = if dead > DEAD { ROUNDS } else { 1 };
    let (mut without, mut with) = (Vec::new(), Vec::new());
    let reconcile = async |_: &AbandonedExecution| Resolution::Value(json!(7));
    for round in 0..rounds {
        let builder = with_store(Idempotency::builder(), url, space, &Script::default()).await.unwrap();
        // A turn of its own: the one before holds for its whole interval.
        let builder = builder.namespace(format!("round {round}"));
        let node = builder.lease(LEASE).reconcile(reconcile).build().unwrap();
        die(&node, round, dead).await;
        without.push(claims(&node, &format!("without {round}")).await);
        let began = Instant::now();
        node.reconcile_stuck(Duration::from_secs(3600)).unwrap();
        with.push(claims(&node, &format!("with {round}")).await);
        while node.sample().running > 0 {
            sleep(Duration::from_millis(20)).await;
        }
        println!("{dead} were walked in {:?}", began.elapsed());
        assert_eq!(node.stuck(None, 10).await.unwrap().entries, []);
        let found = node.once("settle", format!("{round} 0")).run(async |_| Ok::<_, Infallible>(0)).await;
        assert_eq!(found.unwrap(), Once::Replayed(7));
    }
    for ((without, with), round) in without.iter().zip(&with).zip(0..) {
        let ratio = |at: usize| with[at].as_secs_f64() / without[at].as_secs_f64();
        let (median, late) = (CLAIMS / 2, CLAIMS * 99 / 100);
        println!(
            "{url} round {round}: median {:?} without, {:?} with ({:.2}); 99 of 100 {:?}, {:?} ({:.2})",
            without[median],
            with[median],
            ratio(median),
            without[late],
            with[late],
            ratio(late),
        );
    }
    let longest = with.iter().flatten().max().unwrap();
    assert!(*longest < Duration::from_secs(5), "a claim stood for {longest:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_sqlite_claims_go_on_while_stuck_entries_are_walked() {
    let scratch = Scratch::new();
    go_on_while_it_is_walked(&format!("sqlite:{}", scratch.file("keys.db").display()), "").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_postgres_claims_go_on_while_stuck_entries_are_walked() {
    let space = Space::at(&database_url());
    go_on_while_it_is_walked(&database_url(), space.name()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_redis_claims_go_on_while_stuck_entries_are_walked() {
    let space = Space::at(&redis_url());
    go_on_while_it_is_walked(&redis_url(), space.name()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_memory_claims_go_on_while_stuck_entries_are_walked() {
    go_on_while_it_is_walked("memory", "").await;
}
