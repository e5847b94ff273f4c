//! Entries of operations, as an operator sees them.

use std::{convert::Infallible, future::pending, time::Duration};

use futures_util::FutureExt;
use idempotent_runtime::{EntryName, EntryState, Idempotency, ManualClock, MemoryStore, Once, Principal};

use super::fixture::{Runs, settle};

const LEASE: Duration = Duration::from_secs(30);

fn setup() -> (Idempotency, ManualClock) {
    let clock = ManualClock::new();
    let store = MemoryStore::builder().clock(clock.clone()).build();
    (Idempotency::builder().store(store).lease(LEASE).namespace("shop").build().unwrap(), clock)
}

/// Begins a step, and drops the call half-way.
fn die(idempotency: &Idempotency, operation: &str, key: &str) {
    let call = idempotency.once(operation, key);
    let mut run = Box::pin(call.run(async |_| pending::<Result<u32, Infallible>>().await));
    assert!((&mut run).now_or_never().is_none());
}

#[tokio::test]
async fn an_entry_of_an_operation_is_found_by_its_name_and_tells_the_operation() {
    let (idempotency, _) = setup();
    let ran = settle(&idempotency, "k", &Runs::default()).await.unwrap();
    assert_eq!(ran, Once::Ran(1));
    let found = idempotency.inspect(&EntryName::operation("settle", "k")).await.unwrap().unwrap();
    assert_eq!((found.endpoint(), found.attempt), ("settle", 1));
    assert!(matches!(found.state, EntryState::Completed { status: None, .. }), "{found:?}");
    let elsewhere = Idempotency::builder().store(MemoryStore::new()).build().unwrap();
    for (handle, name) in [
        (&idempotency, EntryName::operation("settle", "K")),
        (&idempotency, EntryName::operation("settl", "ek")),
        (&idempotency, EntryName::operation("settle", "k").principal(Principal::new("somebody"))),
        (&idempotency, EntryName::operation("settle", "k").namespace("")),
        (&elsewhere, EntryName::operation("settle", "k")),
        (&idempotency, EntryName::group("settle", "k")),
    ] {
        assert_eq!(handle.inspect(&name).await.unwrap(), None, "{name:?}");
    }
}

#[tokio::test]
async fn an_operation_or_a_key_of_another_length_is_told_to_be_none() {
    let (idempotency, _) = setup();
    let long = "x".repeat(256);
    for name in [("", "k"), ("settle", ""), (&long, "k"), ("settle", &*long)] {
        let error = idempotency.inspect(&EntryName::operation(name.0, name.1)).await.unwrap_err();
        assert!(error.to_string().contains("1 to 255 bytes"), "{error}");
    }
}

#[tokio::test]
async fn operations_that_died_are_listed_one_by_one() {
    let (idempotency, clock) = setup();
    for (operation, key) in [("settle", "a"), ("settle", "b"), ("a line\nof its own", "c")] {
        die(&idempotency, operation, key);
    }
    clock.advance(LEASE);
    let listed = async |endpoint: &str| {
        let page = idempotency.stuck_at(endpoint, None, 10).await.unwrap();
        page.entries.iter().map(|entry| entry.endpoint().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(listed("settle").await, ["settle", "settle"]);
    assert_eq!(listed("a line\u{fffd}of its own").await, ["a line\u{fffd}of its own"]);
    assert_eq!(listed("settl").await, [""; 0]);
    assert_eq!(idempotency.stuck(None, 10).await.unwrap().entries.len(), 3);
}

#[tokio::test]
async fn who_fills_the_memory_is_told_of_operations_too() {
    let (idempotency, _) = setup();
    for key in ["a", "b"] {
        assert_eq!(settle(&idempotency, key, &Runs::default()).await.unwrap(), Once::Ran(1));
    }
    die(&idempotency, "notify", "c");
    let endpoints = idempotency.usage().await.unwrap().endpoints;
    let endpoints: Vec<_> = endpoints.iter().map(|each| (each.endpoint, each.keys)).collect();
    assert_eq!(endpoints, [("settle", 2), ("notify", 1)]);
}
