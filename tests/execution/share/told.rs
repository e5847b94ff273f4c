//! Callers that fill the store, as an operator is told, and the forgetting of what one caller
//! holds.

use idempotent_runtime::{CallerUsage, EntryError, Freed, Idempotency, StoreError};
use idempotent_tests::{Http1, scripted::Scripted};

use super::fixture::{BUDGET, BYTES, DAY, REPORTS, SHARE, Service};
use crate::gate::keyed_by;

/// Room that the service holds for each caller, the largest first.
async fn callers(service: &Service) -> Vec<CallerUsage> {
    service.idempotency.usage().await.unwrap().callers
}

#[tokio::test]
async fn an_operator_is_told_which_endpoints_and_which_callers_fill_the_store() {
    let service = Service::start(|store| store);
    let (mut one, mut two) = (service.caller("one").await, service.caller("two").await);
    for key in ["a", "b", "c"] {
        assert_eq!(one.report(key, BYTES).await.status, 201);
    }
    assert_eq!(two.post("/in_steps", "a", "100").await.status, 201);
    assert_eq!(two.post("/counted/7", "b", "1").await.status, 400, "it is not sent as JSON");
    let usage = service.idempotency.usage().await.unwrap();
    assert_eq!((usage.keys, usage.budget, usage.caller_share), (4, BUDGET, SHARE));
    let endpoints: Vec<_> = usage.endpoints.iter().map(|each| (each.endpoint, each.keys)).collect();
    assert_eq!(endpoints, [("POST /reports", 3), ("POST /in_steps", 1)]);
    let sizes: Vec<_> = usage.callers.iter().map(|caller| (caller.keys, caller.anonymous)).collect();
    assert_eq!(sizes, [(3, false), (1, false)]);
    // Each key with its record and bookkeeping; three steps with theirs.
    let [report, steps] = [usage.endpoints[0].bytes, usage.endpoints[1].bytes];
    assert_eq!((report, steps), (usage.callers[0].bytes, usage.callers[1].bytes));
    assert!((3 * 5_400..3 * 5_600).contains(&report) && (4 * 400..4 * 700).contains(&steps), "{usage:?}");
    assert!(usage.bytes == report + steps && usage.bytes < service.store.used_bytes(), "{usage:?}");
    assert_eq!(callers(&service).await, usage.callers);
}

#[tokio::test]
async fn what_one_caller_holds_is_freed_and_nothing_of_anybody_else() {
    let service = Service::start(|store| store);
    let (mut one, mut two) = (service.caller("one").await, service.caller("two").await);
    assert_eq!(two.post("/in_steps", "k", "100").await.status, 201);
    assert_eq!(one.fill("a").await.0, REPORTS);
    let (flooder, other) = (callers(&service).await[0].clone(), callers(&service).await[1].clone());
    let freed = service.idempotency.forget_caller(flooder.caller).await.unwrap().unwrap();
    assert_eq!((freed.keys, freed.bytes), (REPORTS as u64, flooder.bytes));
    assert_eq!(callers(&service).await, [other]);
    assert!(two.post("/in_steps", "k", "100").await.is_replay());
    assert_eq!(one.fill("a").await.0, REPORTS, "its share is free, and so are its keys");
}

#[tokio::test]
async fn what_runs_is_not_freed() {
    let service = Service::start(|store| store);
    let mut one = service.caller("one").await;
    assert_eq!(one.report("done", 100).await.status, 201);
    let mut running =
        Http1::begin(service.server.address(), &keyed_by("one", "/gated", "running", "100")).await;
    service.gate.began().await;
    let caller = callers(&service).await[0].caller;
    let freed = service.idempotency.forget_caller(caller).await.unwrap().unwrap();
    assert_eq!(freed.keys, 1);
    service.gate.let_one_through();
    assert_eq!(running.reply().await.unwrap().status, 201);
    assert!(one.post("/gated", "running", "100").await.is_replay());
    assert!(!one.report("done", 100).await.is_replay());
}

#[tokio::test]
async fn a_key_whose_execution_died_is_freed_with_its_steps() {
    let service = Service::start(|store| store);
    let _running = Http1::begin(service.server.address(), &keyed_by("one", "/gated", "k", "100")).await;
    service.gate.began().await;
    service.clock.advance(DAY / 2);
    let caller = callers(&service).await[0].clone();
    let freed = service.idempotency.forget_caller(caller.caller).await.unwrap().unwrap();
    assert_eq!((freed.keys, freed.bytes), (1, caller.bytes));
    assert_eq!(service.store.used_bytes(), 0);
}

#[tokio::test]
async fn a_caller_who_holds_nothing_is_not_found() {
    let service = Service::start(|store| store);
    assert_eq!(service.caller("one").await.report("k", 0).await.status, 201);
    let caller = callers(&service).await[0].caller;
    assert!(service.idempotency.forget_caller(caller).await.unwrap().is_some());
    assert_eq!(service.idempotency.forget_caller(caller).await.unwrap(), None::<Freed>);
    assert_eq!(callers(&service).await, []);
}

#[tokio::test]
async fn another_store_does_not_know_its_callers_and_says_so() {
    let idempotency = Idempotency::builder().store(Scripted::saying(|| unreachable!())).build().unwrap();
    let usage = idempotency.usage().await;
    assert!(matches!(usage, Err(EntryError::Store(StoreError::NotDone { .. }))), "{usage:?}");
}

#[tokio::test]
async fn a_callers_hash_tells_nothing_of_its_credentials_and_is_read_as_it_is_shown() {
    let service = Service::start(|store| store);
    assert_eq!(service.caller("secret").await.report("k", 0).await.status, 201);
    let caller = callers(&service).await[0].caller;
    let shown = caller.to_string();
    assert_eq!((shown.len(), shown.parse()), (16, Ok(caller)));
    assert!(!format!("{caller:?} {shown}").contains("secret"));
    assert!("0123".parse::<idempotent_runtime::CallerHash>().is_err());
}
