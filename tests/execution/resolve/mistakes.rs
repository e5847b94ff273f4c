//! Operators who cannot be helped, and stores that fail them.

use std::{convert::Infallible, sync::Arc, time::Duration};

use actix_web::{HttpResponse, http::StatusCode, web::Bytes};
use futures_util::stream;
use idempotent_runtime::{
    Address, Entry, EntryError, EntryName, EntryVersion, Forgotten, Idempotency, KeyFormat, Resolution,
    ResolveError, Resolved, Store, StoreError, StuckCursor,
    store::{Claim, ClaimRequest, Completion, Hold, Record, Renewal, Retention},
};
use idempotent_tests::{
    fresh, said,
    scripted::{Fault, Verb},
};
use tokio::sync::Semaphore;

use super::{
    fixture::{Fixture, OnMemory},
    process::{Died, Process, dies_running, has_run, is_paid, is_unknown, order, paid},
};
use crate::gate::Gate;

#[tokio::test]
async fn what_cannot_be_a_key_is_said_to_be_none() {
    let idempotency = fresh().build().unwrap();
    for (key, why) in [
        ("", "there cannot be such a key: the key is empty; 1 to 255 characters are allowed"),
        (
            &"k".repeat(256),
            "there cannot be such a key: the key is too long; 1 to 255 characters are allowed",
        ),
        ("two words", "without quotes"),
        ("\"open", "RFC 8941"),
    ] {
        let error = idempotency.resolve(&EntryName::global(key), Resolution::Rerun).await.unwrap_err();
        assert!(matches!(error, ResolveError::Key(_)) && error.to_string().contains(why), "{error}");
    }
    let uuids = fresh().key_format(KeyFormat::Uuid).build().unwrap();
    let error = uuids.resolve(&EntryName::global("k"), Resolution::Rerun).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "there cannot be such a key: the key must be a UUID of 36 characters with hyphens"
    );
}

#[tokio::test]
async fn a_response_that_cannot_be_recorded_ends_nothing() {
    let fixture = OnMemory::new().await;
    let process = Process::with(&fixture, Gate::open(), |builder| builder.max_response_body(100)).await;
    let (request, entry) = order("k");
    dies_running(&fixture, &request, Died::Seen).await;
    for response in [
        HttpResponse::Ok().content_type("text/event-stream").body("data: 1\n\n"),
        HttpResponse::Ok().body("x".repeat(101)),
    ] {
        let error = process.try_resolve(&entry, Resolution::Complete(response)).await.unwrap_err();
        assert!(matches!(error, ResolveError::Response), "{error}");
        assert!(error.to_string().contains("max_response_body"), "{error}");
    }
    assert_eq!(process.store.calls(Verb::Resolve), 0);
    is_unknown(&process.ask(&request).await);
}

#[tokio::test]
async fn a_response_whose_status_has_no_body_is_not_recorded_with_one() {
    let fixture = OnMemory::new().await;
    let process = Process::with(&fixture, Gate::open(), |builder| builder).await;
    let (request, entry) = order("k");
    dies_running(&fixture, &request, Died::Seen).await;
    let with_body = [204, 205, 304].map(|status| HttpResponse::build(status_of(status)).body("stray"));
    let streamed =
        HttpResponse::NoContent().streaming(stream::iter([Ok::<_, Infallible>(Bytes::from("stray"))]));
    let interim = [100, 101, 103].map(|status| HttpResponse::build(status_of(status)).finish());
    for response in with_body.into_iter().chain([streamed]).chain(interim) {
        let status = response.status();
        let error = process.try_resolve(&entry, Resolution::Complete(response)).await.unwrap_err();
        assert!(matches!(error, ResolveError::Status(refused) if refused == status), "{error}");
    }
    assert_eq!(process.store.calls(Verb::Resolve), 0);
    is_unknown(&process.ask(&request).await);
    let without = HttpResponse::NoContent().finish();
    assert_eq!(process.try_resolve(&entry, Resolution::Complete(without)).await.unwrap(), Resolved::Done);
    let replay = process.ask(&request).await;
    assert_eq!((replay.status, replay.is_replay(), replay.text()), (204, true, ""));
}

fn status_of(status: u16) -> StatusCode {
    StatusCode::from_u16(status).unwrap()
}

/// A store of before there were operators.
struct Old;

impl Store for Old {
    fn name(&self) -> &'static str {
        "old"
    }

    async fn claim(&self, _: ClaimRequest) -> Result<Claim, StoreError> {
        Ok(Claim::Abandoned)
    }

    async fn renew(&self, _: Hold, _: Duration) -> Result<Renewal, StoreError> {
        Ok(Renewal::Fenced)
    }

    async fn complete(&self, _: Hold, _: Record, _: Retention) -> Result<Completion, StoreError> {
        Ok(Completion::Fenced(None))
    }

    async fn release(&self, _: Hold) -> Result<(), StoreError> {
        Ok(())
    }

    async fn changed(&self, _: Address) {}
}

#[tokio::test]
async fn a_store_that_cannot_end_entries_says_so() {
    let version: EntryVersion = "0123456789abcdef".parse().unwrap();
    for cache in [false, true] {
        let builder = Idempotency::builder().store(Arc::new(Old));
        let idempotency = if cache { builder.local_cache(1 << 20) } else { builder }.build().unwrap();
        let error = idempotency.resolve(&order("k").1, Resolution::Rerun).await.unwrap_err();
        assert!(matches!(error, ResolveError::Store(StoreError::NotDone { .. })), "{error:?}");
        assert_eq!(
            said(&error),
            "the entry could not be ended: the old store did nothing: this store cannot end an entry by hand: it has no `resolve`"
        );
        for (verb, error) in [
            ("inspect", idempotency.inspect(&order("k").1).await.unwrap_err()),
            ("inspect", idempotency.forget(&order("k").1, version).await.unwrap_err()),
            ("stuck", idempotency.stuck(None, 1).await.unwrap_err()),
        ] {
            assert!(matches!(error, EntryError::Store(StoreError::NotDone { .. })), "{error:?}");
            let why = format!("this store cannot be looked into: it has no `{verb}`");
            assert!(said(&error).ends_with(&why), "{}", said(&error));
        }
    }
}

#[tokio::test]
async fn a_store_that_fails_is_asked_again_and_tells() {
    let fixture = OnMemory::new().await;
    let process = Process::open(&fixture).await;
    let (request, entry) = order("k");
    dies_running(&fixture, &request, Died::Seen).await;
    process.store.next(Verb::Token, 1, Fault::Fails);
    process.store.next(Verb::Resolve, 1, Fault::Fails);
    process.store.next(Verb::Resolve, 1, Fault::Panics);
    for _ in 0..3 {
        let error = process.try_resolve(&entry, paid()).await.unwrap_err();
        assert!(matches!(error, ResolveError::Store(_)), "{error:?}");
        is_unknown(&process.ask(&request).await);
    }
    process.store.next(Verb::Resolve, 1, Fault::ReplyIsLost);
    process.try_resolve(&entry, paid()).await.unwrap_err();
    assert_eq!(process.resolve(&entry, paid()).await, Resolved::Settled);
    is_paid(&process.ask(&request).await);
}

#[tokio::test]
async fn a_store_that_fails_at_a_look_or_at_forgetting_tells_and_is_asked_again() {
    let process = Process::open(&OnMemory::new().await).await;
    let (request, entry) = order("k");
    has_run(&process.ask(&request).await, false);
    let Entry { address, version, .. } = process.seen(&entry).await;
    process.store.next(Verb::Inspect, 1, Fault::Fails);
    process.store.next(Verb::Stuck, 1, Fault::Panics);
    process.store.next(Verb::Forget, 1, Fault::Fails);
    assert!(matches!(process.idempotency.inspect(address).await, Err(EntryError::Store(_))));
    assert!(matches!(process.idempotency.stuck(None, 1).await, Err(EntryError::Store(_))));
    assert!(matches!(process.idempotency.forget(address, version).await, Err(EntryError::Store(_))));
    has_run(&process.ask(&request).await, true);
    process.store.next(Verb::Forget, 1, Fault::ReplyIsLost);
    process.idempotency.forget(address, version).await.unwrap_err();
    assert_eq!(process.idempotency.forget(address, version).await.unwrap(), Forgotten::NotFound);
    let cursor = StuckCursor::new("none of a store's");
    assert!(matches!(process.idempotency.stuck(Some(&cursor), 1).await, Err(EntryError::Cursor)));
    let name = EntryName::global("two words");
    assert!(matches!(process.idempotency.inspect(&name).await, Err(EntryError::Key(_))));
    assert!(matches!(process.idempotency.forget(&name, version).await, Err(EntryError::Key(_))));
}

#[tokio::test]
async fn a_store_that_does_not_answer_is_not_waited_for_for_long_and_may_do_it_later() {
    let fixture = OnMemory::new().await;
    let process = Process::open(&fixture).await;
    let (request, entry) = order("k");
    dies_running(&fixture, &request, Died::Seen).await;
    let later = Arc::new(Semaphore::new(0));
    process.store.next(Verb::Resolve, 1, Fault::Hangs(Arc::clone(&later)));
    let error = process.try_resolve(&entry, paid()).await.unwrap_err();
    assert!(
        said(&error).ends_with("the scripted store is unavailable: it did not answer in time"),
        "{}",
        said(&error)
    );
    is_unknown(&process.ask(&request).await);
    later.add_permits(1);
    while process.resolve(&entry, paid()).await != Resolved::Settled {
        tokio::task::yield_now().await;
    }
    is_paid(&process.ask(&request).await);
}

#[test]
fn a_version_is_its_text_and_nothing_else_is_one() {
    let version: EntryVersion = "00f3456789abcdef".parse().unwrap();
    assert_eq!(version.to_string(), "00f3456789abcdef");
    for text in ["", "0123456789abcde", "0123456789abcdef0", "+123456789abcdef", "0123456789abcdeg"] {
        let error = text.parse::<EntryVersion>().unwrap_err();
        assert_eq!(error.to_string(), "a version has 16 digits from 0 to 9 and a to f");
    }
}
