//! A shop with an admin scope, and the requests that its operator sends. Every secret contains the
//! word `secret`, and no answer may contain that word.

use std::time::Duration;

use actix_web::{HttpRequest, HttpResponse, Responder, guard::Header, http::Method, post, web};
use idempotent_runtime::{
    Idempotency, IdempotencyBuilder, IdempotencyContext, ManualClock, MemoryStore, Principal,
    admin::admin_scope, idempotent,
};
use idempotent_tests::{Http1, Reply, TestServer, post};
use serde_json::{Value, json};

use crate::gate::{Gate, keyed, within};

pub(super) const LEASE: Duration = Duration::from_secs(30);

/// Store of the shop's keys, and the clock by which time passes there.
pub(super) struct Fixture {
    pub(super) clock: ManualClock,
    store: MemoryStore,
}

impl Fixture {
    pub(super) fn new() -> Fixture {
        let clock = ManualClock::new();
        Fixture { store: MemoryStore::builder().clock(clock.clone()).build(), clock }
    }

    /// Settings of one process of the shop.
    pub(super) fn process(&self) -> IdempotencyBuilder {
        Idempotency::builder().store(self.store.clone()).lease(LEASE)
    }

    /// A process dies while it runs this order, and its lease runs out.
    pub(super) async fn dies_running(&self, key: &str) {
        let gate = Gate::shut();
        let server = serve(self.process(), &gate);
        let _connection = begin(&server, &gate, key).await;
        drop(server);
        gate.ended().await;
        self.clock.advance(LEASE);
    }
}

/// A process of the shop. Its operator is who says so.
pub(super) fn serve(builder: IdempotencyBuilder, gate: &Gate) -> TestServer {
    let (idempotency, gate) = (builder.build().unwrap(), web::Data::new(gate.clone()));
    TestServer::start(1, move |app| {
        app.app_data(idempotency.clone())
            .app_data(gate.clone())
            .service((orders, transfers, payments, anywhere, counted, panics, compared))
            .service(admin_scope(Header("x-operator", "me")));
    })
}

/// The shop's customers are told apart.
pub(super) fn with_customers(builder: IdempotencyBuilder) -> IdempotencyBuilder {
    builder.principal(|request: &HttpRequest| {
        let customer = request.headers().get("x-customer").map_or(&b""[..], |customer| customer.as_bytes());
        Ok(Principal::new(customer))
    })
}

pub(super) async fn send(server: &TestServer, request: &[u8]) -> Reply {
    within(Http1::once(server.address(), request)).await
}

/// An order of tea with this key.
pub(super) async fn order(server: &TestServer, key: &str) -> Reply {
    send(server, &keyed("/orders", key, "secret tea")).await
}

/// An order whose handler has begun.
pub(super) async fn begin(server: &TestServer, gate: &Gate, key: &str) -> Http1 {
    let connection = Http1::begin(server.address(), &keyed("/orders", key, "secret tea")).await;
    gate.began().await;
    connection
}

/// Name of the entry of such an order, as an operator sends it.
pub(super) fn named(key: &str) -> Value {
    json!({ "entry": { "method": "POST", "route": "/orders", "key": key } })
}

/// Body that an operator sends to forget an entry as it is now.
pub(super) async fn as_seen(server: &TestServer, named: &Value) -> Value {
    let seen = tell(server, "/inspect", named).await.json();
    json!({ "entry": named["entry"], "version": seen["version"] })
}

/// Reply to an operator who reads at `path`.
pub(super) async fn read(server: &TestServer, path: &str) -> Reply {
    let request =
        format!("GET /idempotency{path} HTTP/1.1\r\nHost: test\r\nX-Operator: me\r\n\r\n").into_bytes();
    told(send(server, &request).await)
}

/// Reply to an operator who sends `body` to `path`.
pub(super) async fn tell(server: &TestServer, path: &str, body: &Value) -> Reply {
    tell_bytes(server, path, body.to_string().as_bytes()).await
}

pub(super) async fn tell_bytes(server: &TestServer, path: &str, body: &[u8]) -> Reply {
    told(send(server, &from_operator(path, body)).await)
}

pub(super) fn from_operator(path: &str, body: &[u8]) -> Vec<u8> {
    let headers = ["X-Operator: me", "Content-Type: application/json"];
    post(&format!("/idempotency{path}"), &headers, body)
}

/// Checks what holds of every reply to an operator.
#[track_caller]
pub(super) fn told(reply: Reply) -> Reply {
    assert_eq!(reply.header("cache-control"), Some("no-store"), "{reply:?}");
    let kind = if reply.status == 200 { "application/json" } else { "application/problem+json" };
    assert_eq!(reply.header("content-type"), Some(kind), "{reply:?}");
    assert!(!reply.text().contains("secret"), "{reply:?}");
    if reply.status != 200 {
        assert_eq!(reply.json()["status"], reply.status, "{reply:?}");
        assert!(reply.json()["detail"].as_str().unwrap().ends_with('.'), "{reply:?}");
    }
    reply
}

/// That this was refused so.
#[track_caller]
pub(super) fn is_refused(reply: &Reply, status: u16, code: &str) {
    assert_eq!((reply.status, reply.code().as_str()), (status, code), "{reply:?}");
}

#[post("/orders")]
#[idempotent(wait = "60s")]
async fn orders(gate: web::Data<Gate>, context: IdempotencyContext) -> impl Responder {
    let text = format!("secret effect {}, attempt {}", gate.pass().await, context.attempt());
    HttpResponse::Created().body(text)
}

#[post("/accounts/{id}/transfers")]
#[idempotent(scope = "resource", wait = "0s", ttl = "3d", replay = "final")]
async fn transfers() -> impl Responder {
    HttpResponse::Created()
}

#[post("/payments")]
#[idempotent(scope = "group:money", required = false, fingerprint = "canonical", abandoned = "rerun")]
async fn payments() -> impl Responder {
    HttpResponse::Created()
}

#[post("/anywhere")]
#[idempotent(scope = "global", replay = "success")]
async fn anywhere() -> impl Responder {
    HttpResponse::Ok()
}

#[post("/counted/{id}")]
#[idempotent]
async fn counted(_: web::Json<u64>) -> impl Responder {
    HttpResponse::Created()
}

#[post("/panics")]
#[idempotent]
async fn panics() -> HttpResponse {
    panic!("on purpose");
}

fn by_length(_: &HttpRequest, body: &[u8]) -> Vec<u8> {
    body.len().to_be_bytes().to_vec()
}

#[post("/compared")]
#[idempotent(fingerprint = "by_length", headers = "X-Api-Version, Accept")]
async fn compared() -> impl Responder {
    HttpResponse::Created()
}

/// It needs a database, and is only looked at.
#[idempotent(transaction)]
#[allow(dead_code, reason = "what its policy says is looked at")]
async fn transacted(tx: idempotent_runtime::IdempotentTx<sqlx::Sqlite>) -> impl Responder {
    drop(tx);
    HttpResponse::Created()
}

/// Entries of every scope: what makes them, and how they are named.
pub(super) fn of_every_scope() -> Vec<(Vec<u8>, Value)> {
    let request = |path: &str, customer: &str| {
        post(path, &["Idempotency-Key: secret-1", &format!("X-Customer: {customer}")], b"")
    };
    let (post, principal) = (Method::POST.as_str(), "secret person");
    vec![
        (
            request("/accounts/%37/transfers", principal),
            json!({ "scope": "resource", "method": post, "path": "/accounts/7/transfers", "key": "secret-1", "principal": principal }),
        ),
        (
            request("/payments", principal),
            json!({ "scope": "group:money", "key": "secret-1", "principal": principal }),
        ),
        (
            request("/anywhere", principal),
            json!({ "scope": "global", "key": "\"secret-1\"", "principal": principal }),
        ),
        (
            request("/compared", principal),
            json!({ "scope": "endpoint", "method": post, "route": "/compared", "key": "secret-1", "principal": principal }),
        ),
        (
            request("/compared", "secret other"),
            json!({ "method": post, "route": "/compared", "key": "secret-1", "principal": "secret other" }),
        ),
    ]
}
