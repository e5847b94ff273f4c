//! Room that is counted for a caller, and given back.

use actix_web::{HttpRequest, http::Method};
use idempotent_runtime::{EntryName, Forgotten, Idempotency, MemoryStore, Principal};
use idempotent_tests::Http1;

use super::fixture::{BUDGET, BYTES, Caller, DAY, REPORTS, SHARE, Service, is_refused, serve};
use crate::gate::{Gate, keyed, keyed_by};

#[tokio::test]
async fn a_caller_holds_its_share_and_another_one_the_rest() {
    let service = Service::start(|store| store);
    let (mut one, mut two) = (service.caller("one").await, service.caller("two").await);
    let (count, refusal) = one.fill("a").await;
    is_refused(&refusal, 429, "too_many_keys");
    assert!(count == REPORTS && service.store.used_bytes() <= SHARE + BYTES as u64, "{count}");
    let (count, refusal) = two.fill("b").await;
    is_refused(&refusal, 429, "too_many_keys");
    assert_eq!(count, REPORTS);
    assert!(service.store.used_bytes() <= BUDGET + 2 * BYTES as u64);
    // What is held is replayed as ever.
    assert!(one.report("a-0", BYTES).await.is_replay());
    assert!(two.report("b-8", BYTES).await.is_replay());
}

#[tokio::test]
async fn all_who_have_no_credentials_are_one_caller() {
    let service = Service::start(|store| store);
    let post = async |key: usize| {
        let request = keyed("/reports", &key.to_string(), &BYTES.to_string());
        Http1::once(service.server.address(), &request).await
    };
    for key in 0..REPORTS {
        assert_eq!(post(key).await.status, 201);
    }
    is_refused(&post(REPORTS).await, 429, "too_many_keys");
    assert_eq!(service.caller("somebody").await.report("k", BYTES).await.status, 201);
}

#[tokio::test]
async fn callers_whom_the_application_names_are_counted_by_that_name_and_not_by_their_credentials() {
    let store = MemoryStore::builder().budget(BUDGET).build();
    let principal = |request: &HttpRequest| {
        let credentials = request.headers().get("authorization").map_or(&b""[..], |value| value.as_bytes());
        // Both tokens of one account.
        Ok(Principal::new(&credentials[..credentials.len().min(7)]))
    };
    let idempotency = Idempotency::builder().store(store).principal(principal).build().unwrap();
    let server = serve(&idempotency, &Gate::open());
    let mut one = Caller::of(&server, "account-1").await;
    assert_eq!(one.fill("a").await.0, REPORTS);
    let mut same = Caller::of(&server, "account-2").await;
    is_refused(&same.report("b", BYTES).await, 429, "too_many_keys");
    let mut other = Caller::of(&server, "another").await;
    assert_eq!(other.fill("a").await.0, REPORTS);
}

#[tokio::test]
async fn the_share_is_what_the_application_says() {
    let service = Service::start(|store| store.caller_share(20));
    let mut one = service.caller("one").await;
    let (count, refusal) = one.fill("a").await;
    is_refused(&refusal, 429, "too_many_keys");
    assert_eq!(count, 4);
    let service = Service::start(|store| store.caller_share(100));
    let (count, refusal) = service.caller("one").await.fill("a").await;
    is_refused(&refusal, 503, "store_full");
    assert!((15..20).contains(&count), "{count}");
}

#[tokio::test]
async fn what_expires_is_given_back_to_its_caller() {
    let service = Service::start(|store| store);
    let mut one = service.caller("one").await;
    for round in ["a", "b", "c"] {
        let (count, refusal) = one.fill(round).await;
        is_refused(&refusal, 429, "too_many_keys");
        assert_eq!(count, REPORTS, "{round}");
        service.clock.advance(DAY);
    }
}

#[tokio::test]
async fn what_an_operator_forgets_is_given_back_to_its_caller() {
    let service = Service::start(|store| store);
    let mut one = service.caller("one").await;
    one.fill("a").await;
    let name = EntryName::endpoint(Method::POST, "/reports", "a-4");
    let seen = service.idempotency.inspect(&name).await.unwrap().unwrap();
    assert_eq!(service.idempotency.forget(&name, seen.version).await.unwrap(), Forgotten::Done);
    assert_eq!(one.report("b", BYTES).await.status, 201);
    is_refused(&one.report("c", BYTES).await, 429, "too_many_keys");
}

#[tokio::test]
async fn a_request_that_never_began_holds_nothing() {
    let service = Service::start(|store| store);
    let mut one = service.caller("one").await;
    for key in 0..300 {
        assert_eq!(one.post("/counted/1", &key.to_string(), "{").await.status, 400);
    }
    assert_eq!(service.store.used_bytes(), 0);
    assert_eq!(one.fill("a").await.0, REPORTS);
}

#[tokio::test]
async fn what_runs_counts_for_its_caller_until_it_is_forgotten() {
    // Room for six claims.
    let service = Service::start(|store| store.budget(5_000));
    let mut one = service.caller("one").await;
    let running = runs(&service, 6, 0).await;
    is_refused(&one.report("new", 0).await, 429, "too_many_keys");
    complete(&service, running).await;
    is_refused(&one.report("new", 0).await, 429, "too_many_keys");
    service.clock.advance(DAY);
    assert_eq!(one.report("new", 0).await.status, 201);
}

/// Sends so many requests of one caller. Their handlers have begun, and their responses will have
/// so many bytes.
async fn runs(service: &Service, requests: usize, bytes: u64) -> Vec<Http1> {
    let mut running = Vec::new();
    for key in 0..requests {
        let connection = Http1::begin(
            service.server.address(),
            &keyed_by("one", "/gated", &key.to_string(), &bytes.to_string()),
        )
        .await;
        service.gate.began().await;
        running.push(connection);
    }
    running
}

async fn complete(service: &Service, running: Vec<Http1>) {
    running.iter().for_each(|_| service.gate.let_one_through());
    for mut connection in running {
        assert_eq!(connection.reply().await.unwrap().status, 201);
    }
}

#[tokio::test]
async fn steps_are_counted_for_the_caller_and_none_is_refused() {
    let service = Service::start(|store| store);
    let (mut one, mut two) = (service.caller("one").await, service.caller("two").await);
    // The last of them begins within the share, and its steps go beyond it.
    for key in 0..3 {
        let reply = one.post("/in_steps", &key.to_string(), &(BYTES + 100).to_string()).await;
        assert_eq!(reply.status, 201, "{key}: {reply:?}");
    }
    assert!(service.store.used_bytes() > SHARE, "{}", service.store.used_bytes());
    is_refused(&one.report("new", 0).await, 429, "too_many_keys");
    assert_eq!(two.fill("a").await.0, REPORTS);
}

#[tokio::test]
async fn what_a_caller_holds_beyond_its_share_takes_no_room_from_others() {
    let service = Service::start(|store| store);
    // Each is let in, and then they are longer than the whole budget.
    let running = runs(&service, 8, BUDGET / 4).await;
    complete(&service, running).await;
    assert!(service.store.used_bytes() > 2 * BUDGET, "{}", service.store.used_bytes());
    is_refused(&service.caller("one").await.report("new", 0).await, 429, "too_many_keys");
    let (count, refusal) = service.caller("two").await.fill("a").await;
    is_refused(&refusal, 429, "too_many_keys");
    assert_eq!(count, REPORTS);
}
