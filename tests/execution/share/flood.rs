//! One caller floods, and another works.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
};

use idempotent_runtime::{Idempotency, MemoryStore};
use idempotent_tests::{Http1, TestServer};

use super::fixture::{Caller, is_refused, serve};
use crate::gate::{Gate, keyed_by};

/// Of the store that nobody has set up.
const BUDGET: u64 = 256 << 20;
const LONG: usize = 1_000_000;

/// As many requests for long responses as it takes to fill the store, over a few connections.
async fn fills(server: &TestServer) -> usize {
    let (next, stored) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let connections = (0..4).map(|_| {
        let (address, next, stored) = (server.address(), Arc::clone(&next), Arc::clone(&stored));
        tokio::spawn(async move {
            let mut connection = Http1::open(address).await;
            loop {
                let number = next.fetch_add(1, SeqCst);
                if number >= 269 {
                    return;
                }
                let request = keyed_by("flooder", "/reports", &format!("long-{number}"), &LONG.to_string());
                let reply = connection.exchange(&request).await;
                match reply.status {
                    201 => drop(stored.fetch_add(1, SeqCst)),
                    _ => is_refused(&reply, 429, "too_many_keys"),
                }
            }
        })
    });
    for connection in connections.collect::<Vec<_>>() {
        connection.await.unwrap();
    }
    stored.load(SeqCst)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_caller_floods_and_another_sees_no_refusal_in_10_000_requests() {
    let store = MemoryStore::new();
    let idempotency = Idempotency::builder().store(store.clone()).build().unwrap();
    let server = serve(&idempotency, &Gate::open());
    let stored = fills(&server).await;
    assert!((130..140).contains(&stored), "{stored} of 269 are half of the budget");
    let over = Arc::new(AtomicBool::new(false));
    let flood = {
        let (mut flooder, over) = (Caller::of(&server, "flooder").await, Arc::clone(&over));
        tokio::spawn(async move {
            let mut refused = 0;
            while !over.load(SeqCst) {
                let reply = flooder.report(&format!("short-{refused}"), 0).await;
                is_refused(&reply, 429, "too_many_keys");
                refused += 1;
            }
            refused
        })
    };
    let mut worker = Caller::of(&server, "worker").await;
    for number in 0..10_000 {
        let reply = worker.report(&format!("order-{number}"), 100).await;
        assert_eq!(reply.status, 201, "{number}: {reply:?}");
        assert!(store.used_bytes() <= BUDGET, "{}", store.used_bytes());
    }
    over.store(true, SeqCst);
    assert!(flood.await.unwrap() > 0);
}
