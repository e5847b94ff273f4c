//! The suite, against one handle's clones and against handles that share nothing but the file.

use std::{
    env,
    future::ready,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use idempotent_runtime::{
    Address, ManualClock, SqliteStore,
    conformance::{Subject, check},
    store::LocalCache,
};
use idempotent_tests::Scratch;
use sqlx::SqlitePool;

use super::{open, pool};

/// For how many keys races are repeated: every one of them costs several syncs of the disk.
fn keys(usual: usize) -> usize {
    env::var("CONFORMANCE_KEYS").map_or(usual, |keys| keys.parse().unwrap())
}

/// Handles to one file. Like a server's connections, they are few: each has a writer, a poller and
/// a file of its own.
async fn handles(scratch: &Scratch, clock: &ManualClock) -> Vec<SqliteStore> {
    let path = scratch.file("keys.db");
    let mut handles = Vec::new();
    for _ in 0..4 {
        let builder = SqliteStore::builder(pool(&path).await);
        handles.push(builder.clock(clock.clone()).build().await.unwrap());
    }
    handles
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_sqlite_store_conforms() {
    let (scratch, clock) = (Scratch::new(), ManualClock::new());
    let path = scratch.file("keys.db");
    let store = SqliteStore::builder_at(&path).unwrap().clock(clock.clone()).build().await.unwrap();
    let pool = pool(&path).await;
    let sweeping = store.clone();
    let sweep = move || {
        let store = sweeping.clone();
        async move { assert!(store.sweep().await.is_ok()) }
    };
    let subject = Subject::new(move || ready(store.clone())).clock(clock).sweep(sweep).keys(keys(1_000));
    let subject = subject.resolves().inspects().damage(move |address| damage(pool.clone(), address));
    let report = check(subject.timeout(Duration::from_secs(60))).await;
    report.assert();
    assert_eq!(report.facts(), 125);
    assert!(report.calls() >= 100_000, "{}", report.calls());
}

/// Gives an entry a state that nobody knows.
async fn damage(pool: SqlitePool, address: Address) {
    let query = sqlx::query("UPDATE idempotency_keys SET state = 9 WHERE address = ?");
    let damaged = query.bind(address.as_bytes().to_vec()).execute(&pool).await.unwrap();
    assert_eq!(damaged.rows_affected(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn sqlite_stores_that_share_nothing_but_the_file_conform() {
    let (scratch, clock) = (Scratch::new(), ManualClock::new());
    let handles = Arc::new(handles(&scratch, &clock).await);
    let next = AtomicUsize::new(0);
    let open = move || ready(handles[next.fetch_add(1, Ordering::Relaxed) % handles.len()].clone());
    check(Subject::new(open).clock(clock).keys(keys(100)).calls(20_000).resolves().inspects()).await.assert();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_local_cache_before_the_sqlite_store_conforms() {
    let (scratch, clock) = (Scratch::new(), ManualClock::new());
    let handles = Arc::new(handles(&scratch, &clock).await);
    let next = AtomicUsize::new(0);
    let open = {
        let clock = clock.clone();
        move || {
            let store = handles[next.fetch_add(1, Ordering::Relaxed) % handles.len()].clone();
            ready(LocalCache::new(store, 16 << 20, clock.clone()))
        }
    };
    check(Subject::new(open).clock(clock).keys(keys(100)).resolves().inspects()).await.assert();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_sqlite_store_conforms_by_the_wall_clock() {
    let scratch = Scratch::new();
    let store = open(&scratch.file("keys.db")).await;
    check(Subject::new(move || ready(store.clone())).keys(8).resolves().inspects()).await.assert();
}
