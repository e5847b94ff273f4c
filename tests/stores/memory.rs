//! The memory store conforms.

use std::{future::ready, time::Duration};

use idempotent_runtime::{
    Address, ManualClock, MemoryStore, RequestFingerprint, Store, WhenFull,
    conformance::{Subject, check},
    store::{Claim, ClaimRequest, Completion, Hold, OnAbandoned, Record, Retention, Token},
};
use idempotent_tests::requests::request;
use tokio::time::{sleep, timeout};

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_memory_store_conforms() {
    let clock = ManualClock::new();
    let store = MemoryStore::builder().clock(clock.clone()).build();
    let report =
        check(Subject::new(move || ready(store.clone())).clock(clock).keys(1_000).resolves().inspects())
            .await;
    report.assert();
    assert_eq!(report.facts(), 121);
    assert!(report.calls() >= 100_000, "{}", report.calls());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_memory_store_conforms_by_a_real_clock() {
    let store = MemoryStore::new();
    check(Subject::new(move || ready(store.clone())).unit(Duration::from_millis(400)).resolves().inspects())
        .await
        .assert();
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
    ClaimRequest { lease: second, retention: second, ..request(hold) }
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

async fn run(store: &MemoryStore, address: u8, ttl: Duration) {
    let claim = claim(address);
    assert_eq!(store.claim(claim).await.unwrap(), Claim::Won { attempt: 1 });
    let retention = Retention { replay: ttl, remember: Duration::ZERO };
    let stored = store.complete(claim.hold, Record::from_bytes(vec![1; 1_000]), retention).await.unwrap();
    assert_eq!(stored, Completion::Stored);
}

const HOUR: Duration = Duration::from_secs(3600);

#[tokio::test]
async fn what_completed_first_is_evicted_first_wherever_it_lies_and_however_long_it_would_live() {
    let store = MemoryStore::builder().budget(30_000).when_full(WhenFull::EvictOldest).build();
    for address in 0..200 {
        run(&store, address, HOUR * (1 + u32::from(address) * 7 % 5)).await;
        assert!(store.used_bytes() <= 30_000, "{}", store.used_bytes());
    }
    let evicted = u8::try_from(store.evicted()).unwrap();
    assert!((170..190).contains(&evicted), "{evicted}");
    for address in evicted..200 {
        let found = store.claim(claim(address)).await.unwrap();
        assert!(matches!(found, Claim::Replay { .. }), "{address}: {found:?}");
    }
    assert_eq!(store.claim(claim(evicted - 1)).await.unwrap(), Claim::Won { attempt: 1 });
}

#[tokio::test]
async fn no_live_entry_is_evicted_while_expired_ones_take_up_room() {
    let clock = ManualClock::new();
    let store = MemoryStore::builder().budget(30_000).when_full(WhenFull::EvictOldest).clock(clock.clone());
    let store = store.build();
    run(&store, 0, HOUR * 2).await;
    for address in 1..20 {
        run(&store, address, HOUR).await;
    }
    clock.advance(HOUR);
    for address in 20..39 {
        run(&store, address, HOUR).await;
    }
    assert_eq!(store.evicted(), 0);
    assert!(matches!(store.claim(claim(0)).await.unwrap(), Claim::Replay { .. }));
}

#[tokio::test]
async fn expired_memory_is_given_back_as_new_keys_come() {
    let clock = ManualClock::new();
    let store = MemoryStore::builder().clock(clock.clone()).build();
    for address in 0..200 {
        run(&store, address, HOUR).await;
        clock.advance(HOUR / 10);
    }
    assert!(store.used_bytes() < 120 * 1_500, "{}", store.used_bytes());
}

#[tokio::test]
async fn of_what_is_completed_255_attempts_are_told_apart() {
    let clock = ManualClock::new();
    let store = MemoryStore::builder().clock(clock.clone()).build();
    for (address, attempts, shown) in [(1, 254, 254), (2, 255, 255), (3, 256, 255), (4, 600, 255)] {
        let mut request = ClaimRequest { on_abandoned: OnAbandoned::Rerun, ..claim(address) };
        for attempt in 1..=attempts {
            request.hold.token = store.token().unwrap();
            assert_eq!(store.claim(request).await.unwrap(), Claim::Won { attempt });
            assert_eq!(store.inspect(request.hold.address).await.unwrap().unwrap().attempt, attempt);
            clock.advance(request.lease);
        }
        let retention = Retention { replay: HOUR, remember: Duration::ZERO };
        let record = Record::from_bytes(vec![1; 10]);
        assert_eq!(store.complete(request.hold, record, retention).await.unwrap(), Completion::Stored);
        assert_eq!(store.inspect(request.hold.address).await.unwrap().unwrap().attempt, shown);
    }
}
