//! The memory store conforms.

use std::{future::ready, time::Duration};

use idempotent_runtime::{
    ManualClock, MemoryStore,
    conformance::{Subject, check},
};

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_memory_store_conforms() {
    let clock = ManualClock::new();
    let store = MemoryStore::builder().clock(clock.clone()).build();
    let report = check(Subject::new(move || ready(store.clone())).clock(clock).keys(1_000)).await;
    report.assert();
    assert_eq!(report.facts(), 67);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_memory_store_conforms_by_a_real_clock() {
    let store = MemoryStore::new();
    check(Subject::new(move || ready(store.clone())).unit(Duration::from_millis(400))).await.assert();
}
