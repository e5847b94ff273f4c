//! Replays from the process's memory, before anything is asked of the store.

use std::time::Duration;

use idempotent_runtime::{Drained, Idempotency, MemoryStore, OnStoreError};
use idempotent_tests::{
    Http1, Reply, TestServer,
    scripted::{Fault, Scripted, Verb},
};

use crate::gate::{Gate, keyed, within};

struct Setup {
    store: Scripted,
    idempotency: Idempotency,
    gate: Gate,
    server: TestServer,
}

fn setup() -> Setup {
    let store = Scripted::new(MemoryStore::new()).recalling();
    let idempotency = Idempotency::builder().store(store.clone()).build().unwrap();
    let gate = Gate::open();
    let server = gate.server(&idempotency);
    Setup { store, idempotency, gate, server }
}

impl Setup {
    async fn request(&self, body: &str) -> Reply {
        within(Http1::once(self.server.address(), &keyed("/patient", "k", body))).await
    }

    fn calls(&self) -> [usize; 3] {
        [Verb::Token, Verb::Claim, Verb::Complete].map(|verb| self.store.calls(verb))
    }
}

#[track_caller]
fn is(reply: &Reply, replay: bool) {
    assert_eq!((reply.status, reply.is_replay(), reply.text()), (201, replay, "effect 1"), "{reply:?}");
}

#[tokio::test]
async fn a_response_that_is_recalled_needs_no_token_and_no_claim() {
    let it = setup();
    is(&it.request("").await, false);
    for _ in 0..3 {
        is(&it.request("").await, true);
    }
    assert_eq!((it.store.calls(Verb::Recall), it.calls()), (4, [1, 1, 1]));
}

#[tokio::test]
async fn another_request_with_the_key_of_a_recalled_response_is_told_so_by_the_claim() {
    let it = setup();
    is(&it.request("one").await, false);
    assert_eq!(it.request("another").await.code(), "key_reused");
    assert_eq!((it.calls(), it.gate.effects()), ([2, 2, 1], 1));
}

#[tokio::test]
async fn a_response_is_recalled_in_a_drain_too() {
    let it = setup();
    is(&it.request("").await, false);
    assert_eq!(it.idempotency.drain(Duration::from_secs(30)).await, Drained::Complete);
    is(&it.request("").await, true);
}

#[tokio::test]
async fn a_recalled_record_that_cannot_be_read_is_outcome_unknown() {
    let it = setup();
    it.store.next(Verb::Complete, 1, Fault::Damages(Vec::clear));
    is(&it.request("").await, false);
    assert_eq!(it.request("").await.code(), "outcome_unknown");
    assert_eq!((it.calls(), it.gate.effects()), ([1, 1, 1], 1));
}

#[tokio::test]
async fn a_store_that_panics_when_it_recalls_is_asked_to_claim() {
    let it = setup();
    it.store.next(Verb::Recall, 2, Fault::Panics);
    is(&it.request("").await, false);
    is(&it.request("").await, true);
    is(&it.request("").await, true);
    assert_eq!(it.calls(), [2, 2, 1]);
}

#[tokio::test]
async fn without_a_token_nothing_is_claimed_and_nothing_runs() {
    for (fault, on_store_error) in [
        (Fault::Fails, OnStoreError::Refuse),
        (Fault::Panics, OnStoreError::Refuse),
        (Fault::Fails, OnStoreError::Execute),
    ] {
        let store = Scripted::new(MemoryStore::new());
        let builder = Idempotency::builder().store(store.clone()).on_store_error(on_store_error);
        let idempotency = builder.build().unwrap();
        let gate = Gate::open();
        let server = gate.server(&idempotency);
        let request = || async { within(Http1::once(server.address(), &keyed("/patient", "k", ""))).await };
        store.next(Verb::Token, 1, fault);
        let refused = request().await;
        assert_eq!((refused.status, refused.code().as_str()), (503, "store_unavailable"), "{refused:?}");
        assert!(!refused.text().contains("secret-host"), "what a store says is not sent");
        assert_eq!((store.calls(Verb::Claim), gate.effects()), (0, 0));
        is(&request().await, false);
    }
}
