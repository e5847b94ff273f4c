//! The memory store conforms.

use std::{future::ready, time::Duration};

use idempotent_runtime::{
    Address, ManualClock, MemoryStore, RequestFingerprint, Store,
    conformance::{Subject, check},
    store::{Claim, ClaimRequest, Hold, OnAbandoned, Token},
};
use tokio::time::{sleep, timeout};

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

#[tokio::test]
async fn the_suite_says_that_one_thread_is_not_enough() {
    let clock = ManualClock::new();
    let store = MemoryStore::builder().clock(clock.clone()).build();
    let report = check(Subject::new(move || ready(store.clone())).clock(clock).keys(1)).await;
    let failed: Vec<_> = report.failures().iter().map(|failure| failure.fact).collect();
    assert_eq!(failed, ["the_suite_runs_on_several_threads"]);
}

fn claim(address: u8) -> ClaimRequest {
    let hold = Hold {
        address: Address::from_bytes([address; 32]),
        token: Token::from_bytes([address; 16]),
        fingerprint: RequestFingerprint::from_bytes([0; 32]),
    };
    let second = Duration::from_secs(1);
    ClaimRequest { hold, lease: second, on_abandoned: OnAbandoned::Refuse, retention: second }
}

#[tokio::test]
async fn waiting_ends_when_a_full_store_forgets_an_old_claim() {
    let clock = ManualClock::new();
    let store = MemoryStore::builder().budget(600).clock(clock.clone()).build();
    assert_eq!(store.claim(claim(1)).await.unwrap(), Claim::Won { attempt: 1 });
    let waiting = {
        let store = store.clone();
        tokio::spawn(async move { store.changed(claim(1).hold.address).await })
    };
    sleep(Duration::from_millis(10)).await;
    assert!(store.claim(claim(2)).await.is_err(), "there is room for one");
    clock.advance(Duration::from_secs(3));
    assert_eq!(store.claim(claim(2)).await.unwrap(), Claim::Won { attempt: 1 });
    timeout(Duration::from_secs(5), waiting).await.expect("waiting ends").unwrap();
}
