//! Fields of an event beside the outcome.

use std::{sync::Arc, time::Duration};

use idempotent_runtime::{MemoryStore, Outcome, RefusalCode};
use idempotent_tests::scripted::{Fault, Scripted, Verb};
use tokio::{sync::Semaphore, time::sleep};

use super::fixture::{Ears, asking, begin, open, send, serve};
use crate::gate::{Gate, keyed, within};

#[tokio::test]
async fn an_event_names_the_endpoint_and_neither_key_nor_body() {
    let mut ears = Ears::open();
    let server = serve(ears.listening(), &Gate::open());
    send(&server, &keyed("/orders/17", "secret-key", "secret-body")).await;
    let heard = ears.next().await;
    assert!(heard.handler.ends_with("listener::fixture::orders"), "{heard:?}");
    assert_eq!((heard.method.as_str(), heard.route.as_deref()), ("POST", Some("/orders/{id}")));
    assert_eq!((heard.outcome, heard.code, heard.attempt), (Outcome::Executed, None, Some(1)));
    assert!(!heard.debug.contains("secret"), "{heard:?}");
    assert!(heard.took >= heard.claim + heard.completion, "{heard:?}");
}

#[tokio::test]
async fn a_key_is_told_from_others_by_its_hash() {
    let mut ears = Ears::open();
    let server = serve(ears.listening(), &Gate::open());
    let mut hashes = Vec::new();
    for key in ["one", "one", "another", "a,b"] {
        send(&server, &keyed("/orders/1", key, "")).await;
        hashes.push(ears.next().await.key);
    }
    let hash = hashes[0].as_deref().unwrap();
    assert!(hash.len() == 8 && hash.bytes().all(|byte| byte.is_ascii_hexdigit()), "{hash}");
    assert_eq!(hashes[0], hashes[1]);
    assert_ne!(hashes[1], hashes[2]);
    assert_eq!(hashes[3], None);
}

#[tokio::test]
async fn a_refusal_says_its_code() {
    let mut ears = Ears::open();
    let store = Scripted::new(MemoryStore::new());
    store.next(Verb::Claim, 1, Fault::Fails);
    let server = serve(ears.listening().store(store), &Gate::open());
    send(&server, &keyed("/orders/1", "k", "")).await;
    let heard = ears.next().await;
    assert_eq!((heard.outcome, heard.code), (Outcome::StoreError, Some(RefusalCode::StoreUnavailable)));
    assert_eq!(heard.attempt, None);
}

#[tokio::test]
async fn whoever_waits_says_for_how_long() {
    let (mut ears, gate, asked) = (Ears::open(), Gate::shut(), Arc::new(Semaphore::new(0)));
    let server = serve(asking(ears.listening(), &asked), &gate);
    let mut first = begin(&server, &gate, &keyed("/gated", "k", "")).await;
    asked.acquire().await.unwrap().forget();
    let mut second = open(&server, &keyed("/gated", "k", "")).await;
    within(asked.acquire()).await.unwrap().forget();
    sleep(Duration::from_millis(20)).await;
    gate.let_one_through();
    within(first.reply()).await.unwrap();
    within(second.reply()).await.unwrap();
    let (executed, joined) = (ears.next().await, ears.next().await);
    assert_eq!((executed.outcome, executed.waited), (Outcome::Executed, Duration::ZERO));
    assert_eq!((joined.outcome, joined.claim), (Outcome::Joined, Duration::ZERO));
    assert!(joined.waited >= Duration::from_millis(10) && joined.waited <= joined.took, "{joined:?}");
}

#[tokio::test]
async fn a_slow_store_is_told_from_a_slow_handler() {
    let (mut ears, store) = (Ears::open(), Scripted::new(MemoryStore::new()));
    let until = Arc::new(Semaphore::new(0));
    store.next(Verb::Complete, 1, Fault::AnswersLate(Arc::clone(&until)));
    let server = serve(ears.listening().store(store.clone()), &Gate::open());
    let mut connection = open(&server, &keyed("/orders/1", "k", "")).await;
    store.called(Verb::Complete, 1).await;
    sleep(Duration::from_millis(20)).await;
    until.add_permits(1);
    within(connection.reply()).await.unwrap();
    let heard = ears.next().await;
    assert!(heard.completion >= Duration::from_millis(20) && heard.completion <= heard.took, "{heard:?}");
    assert!(heard.claim > Duration::ZERO && heard.claim < heard.took, "{heard:?}");
}
