//! Facts that a handler is told of its execution.

use std::time::Duration;

use actix_web::{HttpResponse, Responder, post, web};
use idempotent_runtime::{Idempotency, IdempotencyContext, ManualClock, MemoryStore, Principal, idempotent};
use idempotent_tests::{Http1, TestServer, fresh, post};
use tokio::sync::mpsc;

use crate::gate::{keyed, within};

fn told(context: &IdempotencyContext) -> HttpResponse {
    HttpResponse::Ok().json((
        context.key(),
        context.attempt(),
        context.derive_key("charge"),
        context.derive_key("mail"),
    ))
}

#[post("/told")]
#[idempotent]
async fn required(context: IdempotencyContext) -> impl Responder {
    told(&context)
}

#[post("/optional")]
#[idempotent(required = false)]
async fn optional(context: Option<IdempotencyContext>) -> impl Responder {
    context.as_ref().map_or_else(|| HttpResponse::NoContent().finish(), told)
}

#[post("/careless")]
#[idempotent(required = false)]
async fn careless(context: IdempotencyContext) -> impl Responder {
    told(&context)
}

#[post("/bare")]
async fn bare(context: IdempotencyContext) -> impl Responder {
    told(&context)
}

#[post("/dies_once")]
#[idempotent(abandoned = "rerun", wait = "60s")]
async fn dies_once(context: IdempotencyContext, first: web::Data<First>) -> impl Responder {
    if context.attempt() == 1 {
        first.0.send(context.derive_key("charge")).unwrap();
        std::future::pending::<()>().await;
    }
    told(&context)
}

/// Channel on which the derived key of a first attempt is told.
struct First(mpsc::UnboundedSender<String>);

fn server(idempotency: &Idempotency, first: mpsc::UnboundedSender<String>) -> TestServer {
    let (idempotency, first) = (idempotency.clone(), web::Data::new(First(first)));
    TestServer::start(1, move |app| {
        app.app_data(idempotency.clone())
            .app_data(first.clone())
            .service((required, optional, careless, bare, dies_once));
    })
}

fn simple_server(idempotency: &Idempotency) -> TestServer {
    server(idempotency, mpsc::unbounded_channel().0)
}

type Told = (String, u32, String, String);

async fn ask(server: &TestServer, request: &[u8]) -> Told {
    let reply = within(Http1::once(server.address(), request)).await;
    serde_json::from_str(reply.text()).unwrap_or_else(|_| panic!("{reply:?}"))
}

#[tokio::test]
async fn a_handler_is_told_its_key_decoded_and_that_it_is_the_first_attempt() {
    let server = simple_server(&fresh().build().unwrap());
    for (sent, key) in [("abc", "abc"), (r#""d e, \"f\"""#, r#"d e, "f""#)] {
        let told = ask(&server, &keyed("/told", sent, "")).await;
        assert_eq!((told.0.as_str(), told.1), (key, 1));
    }
}

#[tokio::test]
async fn a_derived_key_is_the_same_on_the_next_attempt() {
    let clock = ManualClock::new();
    let store = MemoryStore::builder().clock(clock.clone()).build();
    let lease = Duration::from_secs(30);
    let process = || Idempotency::builder().store(store.clone()).lease(lease).build().unwrap();
    let (telling, mut told) = mpsc::unbounded_channel();
    let request = keyed("/dies_once", "k", "");
    let first = server(&process(), telling.clone());
    let _connection = Http1::begin(first.address(), &request).await;
    let derived = within(told.recv()).await.unwrap();
    drop(first);
    clock.advance(lease);
    let second = server(&process(), telling);
    let again = ask(&second, &request).await;
    assert_eq!((again.1, &again.2), (2, &derived));
}

#[tokio::test]
async fn derived_keys_differ_by_name_key_principal_and_namespace_and_have_the_form_of_a_uuid() {
    let by_account = |request: &actix_web::HttpRequest| {
        let account = request.headers().get("x-account").map_or(&b""[..], |value| value.as_bytes());
        Ok(Principal::new(account))
    };
    let shop = simple_server(&fresh().namespace("shop").principal(by_account).build().unwrap());
    let test = simple_server(&fresh().namespace("test").principal(by_account).build().unwrap());
    let as_account = |account: &str, key: &str| {
        let (account, key) = (format!("X-Account: {account}"), format!("Idempotency-Key: {key}"));
        post("/told", &[&account, &key], b"")
    };
    let mut derived = Vec::new();
    for (server, account, key) in [(&shop, "a", "k"), (&shop, "b", "k"), (&shop, "a", "l"), (&test, "a", "k")]
    {
        let told = ask(server, &as_account(account, key)).await;
        derived.extend([told.2, told.3]);
    }
    for key in &derived {
        let groups: Vec<_> = key.split('-').map(str::len).collect();
        assert_eq!(groups, [8, 4, 4, 4, 12], "{key}");
        assert!(key.chars().all(|c| c == '-' || c.is_ascii_hexdigit()), "{key}");
        assert_eq!(key.as_bytes()[14], b'8', "{key}: the version of a UUID that says what it likes");
    }
    derived.sort();
    derived.dedup();
    assert_eq!(derived.len(), 8);
}

#[tokio::test]
async fn a_derived_key_never_changes_from_one_release_to_the_next() {
    let server = simple_server(&fresh().namespace("shop").build().unwrap());
    let told = ask(&server, &keyed("/told", "8e03978e", "")).await;
    assert_eq!(told.2, "2df19684-1a8e-8a9d-b10a-f0ee9cf6d9c5");
}

#[tokio::test]
async fn without_a_key_there_is_no_context() {
    let server = simple_server(&fresh().build().unwrap());
    let without = Http1::once(server.address(), &post("/optional", &[], b"")).await;
    assert_eq!(without.status, 204);
    assert_eq!(ask(&server, &keyed("/optional", "k", "")).await.0, "k");
}

#[tokio::test]
async fn asking_for_a_context_where_no_key_protects_is_a_500_that_says_so() {
    let server = simple_server(&fresh().build().unwrap());
    for request in [post("/careless", &[], b""), keyed("/bare", "k", "")] {
        let reply = Http1::once(server.address(), &request).await;
        assert_eq!(reply.status, 500);
        assert!(reply.text().starts_with("no idempotency key protects this request"), "{reply:?}");
    }
}
