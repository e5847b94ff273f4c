//! Handles that are built in the factory of the workers, one for each.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering::SeqCst},
    },
    thread,
    time::Duration,
};

use actix_web::{HttpResponse, Responder, post, web};
use futures_util::future::{join, join_all};
use idempotent_runtime::{Idempotency, IdempotencyBuilder, ManualClock, MemoryStore, idempotent};
use idempotent_tests::{Http1, Reply, TestServer, alone};
use tokio::sync::Semaphore;

use crate::gate::{keyed, within};

const WORKERS: usize = 4;
const REQUESTS: usize = 40;

/// Effects of a server's handlers, and what holds them up.
struct Effects {
    count: AtomicUsize,
    open: Semaphore,
}

#[post("/built/{test}")]
#[idempotent(wait = "60s")]
async fn built(effects: web::Data<Effects>) -> impl Responder {
    effects.count.fetch_add(1, SeqCst);
    effects.open.acquire().await.unwrap().forget();
    HttpResponse::Created().finish()
}

/// A server of four workers, each with a handle of its own.
fn server(
    handle: impl Fn() -> IdempotencyBuilder + Clone + Send + 'static,
    permits: usize,
) -> (TestServer, web::Data<Effects>) {
    let effects = web::Data::new(Effects { count: AtomicUsize::new(0), open: Semaphore::new(permits) });
    let seen = effects.clone();
    let server = TestServer::start(WORKERS, move |app| {
        app.app_data(handle().build().unwrap()).app_data(seen.clone()).service(built);
    });
    (server, effects)
}

/// The same request over many connections, which the workers share.
async fn sent_to_all(server: &TestServer, path: &str) -> Vec<Reply> {
    let request = keyed(path, path, "");
    within(join_all((0..REQUESTS).map(|_| Http1::once(server.address(), &request)))).await
}

#[track_caller]
fn is_one_response(replies: &[Reply]) {
    let odd = replies.iter().find(|reply| reply.status != 201);
    assert!(odd.is_none(), "{odd:?}");
    assert_eq!(replies.iter().filter(|reply| !reply.is_replay()).count(), 1);
}

#[tokio::test]
async fn a_key_runs_once_though_every_worker_has_built_a_handle() {
    let (server, effects) = server(Idempotency::builder, REQUESTS);
    is_one_response(&sent_to_all(&server, "/built/at-once").await);
    let after = sent_to_all(&server, "/built/at-once").await;
    assert!(after.iter().all(Reply::is_replay));
    assert_eq!(effects.count.load(SeqCst), 1);
}

#[tokio::test]
async fn duplicates_at_other_workers_join_the_one_that_runs() {
    let (server, effects) = server(Idempotency::builder, 0);
    let replies = sent_to_all(&server, "/built/joined");
    let opened = async {
        while effects.count.load(SeqCst) == 0 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        effects.open.add_permits(1);
    };
    let (replies, ()) = join(replies, opened).await;
    is_one_response(&replies);
    assert_eq!(effects.count.load(SeqCst), 1);
}

#[tokio::test]
async fn handles_with_settings_of_their_own_share_the_memory_too() {
    let handles = Arc::new(AtomicU64::new(0));
    let handle = move || {
        let lease = Duration::from_secs(handles.fetch_add(1, SeqCst) + 1);
        Idempotency::builder().lease(lease).local_cache(1 << 20)
    };
    let (server, effects) = server(handle, REQUESTS);
    is_one_response(&sent_to_all(&server, "/built/other-settings").await);
    assert_eq!(effects.count.load(SeqCst), 1);
}

#[tokio::test]
async fn namespaces_keep_handles_apart_in_the_memory_that_they_share() {
    for namespace in ["shop", "bank"] {
        let handle = move || Idempotency::builder().namespace(namespace);
        let (server, effects) = server(handle, REQUESTS);
        is_one_response(&sent_to_all(&server, "/built/namespaces").await);
        assert_eq!(effects.count.load(SeqCst), 1, "{namespace}");
    }
}

#[tokio::test]
async fn a_handle_that_is_given_a_clock_or_a_store_shares_with_nobody() {
    let own_store = || Idempotency::builder().store(MemoryStore::new());
    let own_clock = || Idempotency::builder().clock(ManualClock::new());
    for build in [own_store, own_clock] {
        for _ in 0..2 {
            let handle = build().build().unwrap();
            let effects = web::Data::new(Effects { count: AtomicUsize::new(0), open: Semaphore::new(1) });
            let seen = effects.clone();
            let server = TestServer::start(1, move |app| {
                app.app_data(handle.clone()).app_data(seen.clone()).service(built);
            });
            let reply = Http1::once(server.address(), &keyed("/built/alone", "one-key", "")).await;
            assert!(!reply.is_replay());
            assert_eq!(effects.count.load(SeqCst), 1);
        }
    }
}

#[test]
fn memory_stores_that_are_made_in_the_factory_are_warned_of_once() {
    let test = "factory::memory_stores_that_are_made_in_the_factory_are_warned_of_once";
    if let Some(said) = alone(test) {
        let (before, after) = said.split_once("-- made in the factory --").unwrap();
        let warnings = |said: &str| {
            said.matches(" WARN ").count() - said.matches("is declared for several handlers").count()
        };
        assert_eq!((warnings(before), warnings(after)), (0, 1), "{said}");
        assert!(after.contains("a `MemoryStore` of its own") && after.contains("HttpServer::new"), "{said}");
        return;
    }
    tracing_subscriber::fmt().with_ansi(false).init();
    what_is_right();
    println!("-- made in the factory --");
    let workers =
        (0..WORKERS).map(|_| thread::spawn(|| Idempotency::builder().store(MemoryStore::new()).build()));
    let handles = workers.collect::<Vec<_>>().into_iter().map(|worker| worker.join().unwrap().unwrap());
    drop(handles.collect::<Vec<_>>());
}

/// Builds handles that there is nothing to say of.
fn what_is_right() {
    let shared = MemoryStore::new();
    let right: [&dyn Fn() -> IdempotencyBuilder; 4] = [
        &Idempotency::builder,
        &|| Idempotency::builder().store(shared.clone()),
        &|| Idempotency::builder().store(shared.clone()).local_cache(1 << 20),
        &|| Idempotency::builder().clock(ManualClock::new()),
    ];
    let handles = right.map(|build| [build().build().unwrap(), build().build().unwrap()]);
    drop((handles, shared));
    // The one before is no more.
    drop(Idempotency::builder().store(MemoryStore::new()).build().unwrap());
}
