//! Stores that fail, hang, or give back what cannot be read.

use std::{sync::Arc, time::Duration};

use actix_web::{HttpResponse, Responder, post, web};
use idempotent_runtime::{Idempotency, MemoryStore, OnStoreError, StoreError, idempotent};
use idempotent_tests::{
    Http1, Reply, TestServer,
    scripted::{Fault, Scripted, Verb},
};
use tokio::sync::Semaphore;

use crate::gate::{Gate, keyed, within};

const FOREVER: usize = usize::MAX;

struct Setup {
    store: Scripted,
    gate: Gate,
    server: TestServer,
}

fn with(on_store_error: OnStoreError) -> Setup {
    let store = Scripted::new(MemoryStore::new());
    let idempotency =
        Idempotency::builder().store(store.clone()).on_store_error(on_store_error).build().unwrap();
    let gate = Gate::open();
    let server = gate.server(&idempotency);
    Setup { store, gate, server }
}

impl Setup {
    async fn request(&self) -> Reply {
        within(Http1::once(self.server.address(), &keyed("/patient", "k", ""))).await
    }
}

#[track_caller]
fn is_unavailable(reply: &Reply) {
    assert_eq!((reply.status, reply.code().as_str()), (503, "store_unavailable"), "{reply:?}");
    assert_eq!(reply.json()["retryable"], true);
    assert!(reply.header("retry-after").unwrap().parse::<u32>().unwrap() >= 1);
    assert!(!reply.text().contains("secret-host"), "what a store says is not sent");
}

#[track_caller]
fn is_first(reply: &Reply) {
    assert_eq!((reply.status, reply.is_replay(), reply.text()), (201, false, "effect 1"), "{reply:?}");
}

#[track_caller]
fn is_replay(reply: &Reply) {
    assert_eq!((reply.status, reply.is_replay(), reply.text()), (201, true, "effect 1"), "{reply:?}");
}

#[tokio::test]
async fn a_claim_that_fails_executes_nothing_and_leaves_the_key_free() {
    let it = with(OnStoreError::Refuse);
    it.store.next(Verb::Claim, FOREVER, Fault::Fails);
    is_unavailable(&it.request().await);
    is_unavailable(&it.request().await);
    assert_eq!(it.gate.effects(), 0);
    it.store.heal(Verb::Claim);
    is_first(&it.request().await);
    is_replay(&it.request().await);
}

#[tokio::test]
async fn a_claim_that_wins_and_whose_reply_is_lost_does_not_wedge_the_key() {
    let it = with(OnStoreError::Refuse);
    it.store.next(Verb::Claim, 1, Fault::ReplyIsLost);
    is_unavailable(&it.request().await);
    assert_eq!(it.gate.effects(), 0);
    is_first(&it.request().await);
    is_replay(&it.request().await);
}

#[tokio::test]
async fn a_lost_claim_is_released_however_often_the_release_fails() {
    let it = with(OnStoreError::Refuse);
    it.store.next(Verb::Claim, 1, Fault::ReplyIsLost);
    it.store.next(Verb::Release, 2, Fault::Fails);
    is_unavailable(&it.request().await);
    is_first(&it.request().await);
    assert_eq!(it.store.calls(Verb::Release), 3);
}

#[tokio::test]
async fn a_claim_that_hangs_is_refused_in_time_and_may_come_late() {
    let it = with(OnStoreError::Refuse);
    let until = Arc::new(Semaphore::new(0));
    it.store.next(Verb::Claim, 1, Fault::Hangs(Arc::clone(&until)));
    is_unavailable(&it.request().await);
    assert_eq!(it.gate.effects(), 0);
    // The claim is written when its request has long been refused, and must not stay.
    until.add_permits(1);
    it.store.called(Verb::Release, 1).await;
    is_first(&it.request().await);
    is_replay(&it.request().await);
}

#[tokio::test]
async fn a_claim_that_wins_and_answers_too_late_does_not_wedge_the_key() {
    let it = with(OnStoreError::Refuse);
    let until = Arc::new(Semaphore::new(0));
    it.store.next(Verb::Claim, 1, Fault::AnswersLate(Arc::clone(&until)));
    is_unavailable(&it.request().await);
    assert_eq!(it.gate.effects(), 0);
    until.add_permits(1);
    is_first(&it.request().await);
    is_replay(&it.request().await);
}

#[tokio::test]
async fn duplicates_share_the_refusal_of_a_claim_that_fails() {
    let it = with(OnStoreError::Refuse);
    it.store.next(Verb::Claim, 1, Fault::Hangs(Arc::new(Semaphore::new(0))));
    let replies = futures_util::future::join_all((0..8).map(|_| it.request())).await;
    replies.iter().for_each(is_unavailable);
    assert_eq!((it.gate.effects(), it.store.calls(Verb::Claim)), (0, 1));
}

#[tokio::test]
async fn by_setting_a_claim_that_fails_executes_unprotected() {
    let it = with(OnStoreError::Execute);
    it.store.next(Verb::Claim, 1, Fault::Fails);
    let reply = it.request().await;
    is_first(&reply);
    assert_eq!(reply.header("idempotency-stored"), Some("false"));
    assert_eq!(it.store.calls(Verb::Complete), 0);
    let retry = it.request().await;
    assert_eq!((retry.status, retry.is_replay(), retry.text()), (201, false, "effect 2"));
    assert_eq!(retry.header("idempotency-stored"), None);
}

#[tokio::test]
async fn by_setting_a_claim_that_hangs_executes_unprotected() {
    let it = with(OnStoreError::Execute);
    it.store.next(Verb::Claim, 1, Fault::Hangs(Arc::new(Semaphore::new(0))));
    let reply = it.request().await;
    is_first(&reply);
    assert_eq!(reply.header("idempotency-stored"), Some("false"));
    assert_eq!(it.gate.effects(), 1);
}

#[tokio::test]
async fn a_completion_that_fails_a_few_times_is_tried_again() {
    let it = with(OnStoreError::Refuse);
    it.store.next(Verb::Complete, 3, Fault::Fails);
    let reply = it.request().await;
    is_first(&reply);
    assert_eq!(reply.header("idempotency-stored"), None, "it is stored");
    assert_eq!(it.store.calls(Verb::Complete), 4);
    is_replay(&it.request().await);
    assert_eq!(it.gate.effects(), 1);
}

#[tokio::test]
async fn a_completion_whose_reply_is_lost_is_stored_all_the_same() {
    let it = with(OnStoreError::Refuse);
    it.store.next(Verb::Complete, 1, Fault::ReplyIsLost);
    let reply = it.request().await;
    is_first(&reply);
    assert_eq!(reply.header("idempotency-stored"), None);
    is_replay(&it.request().await);
    assert_eq!(it.gate.effects(), 1);
}

#[tokio::test]
async fn a_completion_that_fails_for_long_is_never_a_failed_request() {
    let it = with(OnStoreError::Refuse);
    it.store.next(Verb::Complete, FOREVER, Fault::Fails);
    let reply = it.request().await;
    is_first(&reply);
    assert_eq!(reply.header("idempotency-stored"), Some("false"));
    let tried = it.store.calls(Verb::Complete);
    it.store.called(Verb::Complete, tried + 1).await;
    it.store.heal(Verb::Complete);
    // It joins the execution, which ends when its response is stored.
    is_replay(&it.request().await);
    assert_eq!(it.gate.effects(), 1);
}

#[tokio::test]
async fn a_completion_that_hangs_is_never_a_failed_request() {
    let it = with(OnStoreError::Refuse);
    it.store.next(Verb::Complete, FOREVER, Fault::Hangs(Arc::new(Semaphore::new(0))));
    let reply = it.request().await;
    is_first(&reply);
    assert_eq!(reply.header("idempotency-stored"), Some("false"));
    it.store.heal(Verb::Complete);
    is_replay(&it.request().await);
    assert_eq!(it.gate.effects(), 1);
}

#[tokio::test]
async fn a_lease_is_kept_for_as_long_as_its_response_cannot_be_stored() {
    let store = Scripted::new(MemoryStore::new());
    let lease = Duration::from_millis(300);
    let idempotency = Idempotency::builder().store(store.clone()).lease(lease).build().unwrap();
    let (gate, another_gate) = (Gate::open(), Gate::open());
    let server = gate.server(&idempotency);
    let process = Idempotency::builder().store(store.clone()).lease(lease).build().unwrap();
    let another = another_gate.server(&process);
    store.next(Verb::Complete, FOREVER, Fault::Fails);
    let request = keyed("/patient", "k", "");
    let reply = Http1::once(server.address(), &request).await;
    assert_eq!(reply.header("idempotency-stored"), Some("false"));
    // The client has its answer; the claim lives on beyond its lease.
    let renewed = store.calls(Verb::Renew);
    store.called(Verb::Renew, renewed + 5).await;
    let mut duplicate = Http1::begin(another.address(), &request).await;
    store.called(Verb::Changed, 1).await;
    store.heal(Verb::Complete);
    is_replay(&within(duplicate.reply()).await.unwrap());
    assert_eq!((gate.effects(), another_gate.effects()), (1, 0));
}

#[tokio::test]
async fn a_renewal_that_fails_is_tried_again() {
    let store = Scripted::new(MemoryStore::new());
    let lease = Duration::from_millis(300);
    let idempotency = Idempotency::builder().store(store.clone()).lease(lease).build().unwrap();
    let gate = Gate::shut();
    let server = gate.server(&idempotency);
    store.next(Verb::Renew, 2, Fault::Fails);
    let mut connection = Http1::begin(server.address(), &keyed("/patient", "k", "")).await;
    store.called(Verb::Renew, 6).await;
    gate.let_one_through();
    let reply = within(connection.reply()).await.unwrap();
    assert_eq!((reply.status, reply.header("idempotency-stored")), (201, None));
}

#[post("/json")]
#[idempotent(ttl = "24h", wait = "60s", fingerprint = "raw")]
async fn takes_json(_body: web::Json<Vec<u8>>, gate: web::Data<Gate>) -> impl Responder {
    gate.pass().await;
    HttpResponse::Created().finish()
}

#[tokio::test]
async fn a_release_that_fails_is_tried_again() {
    let (store, gate) = (Scripted::new(MemoryStore::new()), Gate::open());
    let idempotency = Idempotency::builder().store(store.clone()).build().unwrap();
    let counted = gate.clone();
    let server = TestServer::start(1, move |app| {
        let gate = web::Data::new(counted.clone());
        app.app_data(idempotency.clone()).app_data(gate).service(takes_json);
    });
    store.next(Verb::Release, 3, Fault::Fails);
    let json = |body: &str| {
        let headers = ["Idempotency-Key: k", "Content-Type: application/json"];
        idempotent_tests::post("/json", &headers, body.as_bytes())
    };
    let broken = Http1::once(server.address(), &json("{")).await;
    assert_eq!((broken.status, gate.effects()), (400, 0), "the extractor's answer, whatever the store does");
    store.called(Verb::Release, 4).await;
    // The key is free even for another body.
    let corrected = within(Http1::once(server.address(), &json("[1]"))).await;
    assert_eq!((corrected.status, corrected.is_replay(), gate.effects()), (201, false, 1));
}

async fn is_unknown_when(damage: fn(&mut Vec<u8>)) {
    let it = with(OnStoreError::Refuse);
    it.store.next(Verb::Complete, 1, Fault::Damages(damage));
    is_first(&it.request().await);
    for _ in 0..2 {
        let retry = it.request().await;
        assert_eq!((retry.status, retry.code().as_str()), (409, "outcome_unknown"), "{retry:?}");
        assert_eq!(retry.json()["retryable"], false);
    }
    assert_eq!(it.gate.effects(), 1);
}

#[tokio::test]
async fn a_record_with_one_wrong_bit_is_outcome_unknown() {
    is_unknown_when(|bytes| *bytes.last_mut().unwrap() ^= 1).await;
}

#[tokio::test]
async fn a_record_cut_short_is_outcome_unknown() {
    is_unknown_when(|bytes| bytes.truncate(bytes.len() - 1)).await;
}

#[tokio::test]
async fn an_empty_record_is_outcome_unknown() {
    is_unknown_when(Vec::clear).await;
}

#[tokio::test]
async fn a_record_of_a_newer_version_is_outcome_unknown() {
    is_unknown_when(|bytes| bytes[0] += 1).await;
}

#[tokio::test]
async fn who_waits_for_an_unprotected_execution_does_not_execute_again() {
    let (store, gate) = (Scripted::new(MemoryStore::new()), Gate::shut());
    let idempotency =
        Idempotency::builder().store(store.clone()).on_store_error(OnStoreError::Execute).build().unwrap();
    let server = gate.server(&idempotency);
    store.next(Verb::Claim, FOREVER, Fault::Fails);
    let request = keyed("/patient", "k", "");
    let mut first = Http1::begin(server.address(), &request).await;
    gate.began().await;
    let other = within(Http1::once(server.address(), &keyed("/patient", "k", "other"))).await;
    assert_eq!((other.status, other.code().as_str()), (409, "key_reused"), "at once");
    let mut duplicate = Http1::begin(server.address(), &request).await;
    // Served after the duplicate has been, since there is one worker.
    within(Http1::once(server.address(), &keyed("/patient", "k", "other"))).await;
    gate.let_one_through();
    assert_eq!(within(first.reply()).await.unwrap().header("idempotency-stored"), Some("false"));
    let duplicate = within(duplicate.reply()).await.unwrap();
    assert_eq!((duplicate.status, duplicate.code().as_str()), (409, "response_not_stored"));
    assert_eq!(gate.effects(), 1);
}

#[tokio::test]
async fn a_store_that_panics_is_a_store_that_fails() {
    let it = with(OnStoreError::Refuse);
    it.store.next(Verb::Claim, 1, Fault::Panics);
    is_unavailable(&it.request().await);
    it.store.next(Verb::Complete, 1, Fault::Panics);
    let reply = it.request().await;
    is_first(&reply);
    assert_eq!(reply.header("idempotency-stored"), None, "it is tried again");
    is_replay(&it.request().await);
    assert_eq!(it.gate.effects(), 1);
}

#[tokio::test]
async fn an_entry_that_cannot_be_read_is_outcome_unknown_and_run_by_nobody_whatever_is_set() {
    for on_store_error in [OnStoreError::Refuse, OnStoreError::Execute] {
        let it = with(on_store_error);
        let unreadable = || Err(StoreError::unreadable("scripted", "secret-host has an unknown state"));
        it.store.next(Verb::Claim, FOREVER, Fault::Says(unreadable));
        for _ in 0..2 {
            let reply = it.request().await;
            assert_eq!((reply.status, reply.code().as_str()), (409, "outcome_unknown"), "{reply:?}");
            assert_eq!(reply.json()["retryable"], false);
            assert!(!reply.text().contains("secret-host"), "what a store says is not sent");
        }
        assert_eq!(
            (it.gate.effects(), it.store.calls(Verb::Claim), it.store.calls(Verb::Release)),
            (0, 2, 0)
        );
    }
}
