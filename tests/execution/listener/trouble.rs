//! Clients that leave, processes that die, stores that are late, and listeners that panic.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering::SeqCst},
};

use idempotent_runtime::{Event, MemoryStore, OnStoreError, Outcome};
use idempotent_tests::{
    fresh, post,
    scripted::{Fault, Scripted, Verb},
};

use super::fixture::{Ears, begin, send, serve};
use crate::gate::{Gate, keyed, within};

#[tokio::test]
async fn an_execution_whose_client_has_gone_is_told_once_when_it_has_ended() {
    let (mut ears, gate) = (Ears::open(), Gate::shut());
    let server = serve(ears.listening(), &gate);
    let request = keyed("/gated", "k", "");
    begin(&server, &gate, &request).await.reset();
    // The server looks at its connections before it serves another one.
    send(&server, &keyed("/orders/1", "k", "")).await;
    assert_eq!(ears.next().await.route.as_deref(), Some("/orders/{id}"));
    assert_eq!(ears.all(), []);
    gate.let_one_through();
    let heard = ears.next().await;
    assert_eq!((heard.outcome, heard.attempt), (Outcome::Executed, Some(1)));
    assert!(send(&server, &request).await.is_replay());
    let outcomes: Vec<Outcome> = ears.all().iter().map(|heard| heard.outcome).collect();
    assert_eq!(outcomes, [Outcome::Replayed]);
}

#[tokio::test]
async fn an_execution_that_is_lost_with_its_server_is_told_as_abandoned() {
    let (mut ears, gate) = (Ears::open(), Gate::shut());
    let server = serve(ears.listening(), &gate);
    let _connection = begin(&server, &gate, &keyed("/gated", "k", "")).await;
    drop(server);
    assert_eq!(ears.next().await.outcome, Outcome::Abandoned);
    assert_eq!(ears.all(), []);
}

#[tokio::test]
async fn what_is_stored_only_after_its_client_was_answered_is_told_once_and_as_not_stored() {
    let (mut ears, store) = (Ears::open(), Scripted::new(MemoryStore::new()));
    store.next(Verb::Complete, usize::MAX, Fault::Fails);
    let server = serve(ears.listening().store(store.clone()), &Gate::open());
    let request = keyed("/orders/1", "k", "");
    let reply = send(&server, &request).await;
    assert_eq!((reply.status, reply.header("idempotency-stored")), (201, Some("false")));
    assert_eq!(ears.next().await.outcome, Outcome::NotStored);
    store.heal(Verb::Complete);
    let retry = send(&server, &request).await;
    assert!(retry.is_replay(), "{retry:?}");
    let outcomes: Vec<Outcome> = ears.all().iter().map(|heard| heard.outcome).collect();
    assert_eq!(outcomes, [Outcome::Joined]);
}

#[tokio::test]
async fn what_runs_without_a_store_by_setting_is_told_as_unprotected() {
    let (mut ears, store) = (Ears::open(), Scripted::new(MemoryStore::new()));
    store.next(Verb::Claim, usize::MAX, Fault::Fails);
    let builder = ears.listening().store(store).on_store_error(OnStoreError::Execute);
    let server = serve(builder, &Gate::open());
    for (path, body, outcome) in
        [("/orders/1", "", Outcome::Unprotected), ("/json", "{", Outcome::NeverBegan)]
    {
        send(&server, &keyed(path, "k", body)).await;
        assert_eq!(ears.next().await.outcome, outcome);
    }
}

#[tokio::test]
async fn a_listener_that_panics_hurts_no_request() {
    let heard = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&heard);
    let panics = move |_: &Event<'_>| {
        counted.fetch_add(1, SeqCst);
        panic!("a listener's mistake");
    };
    let gate = Gate::open();
    let server = serve(fresh().listener(panics), &gate);
    let expected = [
        (keyed("/orders/1", "k", ""), 201, false),
        (keyed("/orders/1", "k", ""), 201, true),
        (keyed("/orders/1", "k", "x"), 409, false),
        (keyed("/panics", "k", ""), 500, false),
        (keyed("/panics", "k", ""), 500, true),
        (keyed("/json", "k", "{"), 400, false),
        (keyed("/gated", "k", ""), 201, false),
        (keyed("/gated", "k", ""), 201, true),
        (post("/orders/1", &[], b""), 400, false),
        (post("/optional", &[], b""), 201, false),
    ];
    for (number, (request, status, replayed)) in expected.iter().enumerate() {
        let reply = send(&server, request).await;
        assert_eq!((reply.status, reply.is_replay()), (*status, *replayed), "request {number}");
        assert_eq!(heard.load(SeqCst), number + 1);
    }
    assert_eq!(gate.effects(), 1);
}

#[tokio::test]
async fn a_listener_may_be_shared() {
    struct Counts(AtomicUsize);

    impl idempotent_runtime::Listener for Counts {
        fn heard(&self, _: &Event<'_>) {
            self.0.fetch_add(1, SeqCst);
        }
    }

    let counts = Arc::new(Counts(AtomicUsize::new(0)));
    let server = serve(fresh().listener(Arc::clone(&counts)), &Gate::open());
    within(send(&server, &keyed("/orders/1", "k", ""))).await;
    assert_eq!(counts.0.load(SeqCst), 1);
}
