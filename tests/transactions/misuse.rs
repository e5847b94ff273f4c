//! Handlers that ask for a transaction where there is none.

use actix_web::{HttpResponse, Responder, web};
use idempotent_runtime::{Idempotency, IdempotentTx, MemoryStore, SqliteStore, idempotent};
use idempotent_tests::{Http1, Scratch, TestServer, post};
use sqlx::{Postgres, Sqlite};

use crate::fixture::{Fixture, OnSqlite};

#[idempotent(transaction)]
async fn good(_tx: IdempotentTx<Sqlite>) -> impl Responder {
    HttpResponse::Created()
}

#[idempotent(transaction)]
async fn other(_tx: IdempotentTx<Postgres>) -> impl Responder {
    HttpResponse::Created()
}

#[idempotent(transaction)]
async fn twice(_tx: IdempotentTx<Sqlite>, _and: IdempotentTx<Sqlite>) -> impl Responder {
    HttpResponse::Created()
}

#[idempotent(transaction, required = false)]
async fn optional(_tx: IdempotentTx<Sqlite>) -> impl Responder {
    HttpResponse::Created()
}

async fn bare(_tx: IdempotentTx<Sqlite>) -> impl Responder {
    HttpResponse::Created()
}

fn server(idempotency: Idempotency) -> TestServer {
    TestServer::start(1, move |app| {
        app.app_data(idempotency.clone())
            .route("/good", web::post().to(good))
            .route("/other", web::post().to(other))
            .route("/twice", web::post().to(twice))
            .route("/optional", web::post().to(optional))
            .route("/bare", web::post().to(bare));
    })
}

async fn ask(server: &TestServer, path: &str) -> (u16, String) {
    let reply = Http1::once(server.address(), &post(path, &["Idempotency-Key: k"], b"")).await;
    (reply.status, reply.text().to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_without_transactions_runs_nothing() {
    let scratch = Scratch::new();
    let no_pool = SqliteStore::open(scratch.file("keys.db")).await.unwrap();
    for idempotency in [
        Idempotency::builder().store(MemoryStore::new()).build().unwrap(),
        Idempotency::builder().store(no_pool).local_cache(1 << 20).build().unwrap(),
    ] {
        let (status, text) = ask(&server(idempotency), "/good").await;
        assert_eq!(
            (status, text.as_str()),
            (500, "the idempotency store of this endpoint has no transactions")
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_handler_that_asks_for_the_wrong_transaction_is_not_run_and_its_key_stays_free() {
    let fixture = OnSqlite::new().await;
    let store = fixture.store(fixture.pool(1)).await;
    let server = server(Idempotency::builder().store(store).local_cache(1 << 20).build().unwrap());
    for (path, why) in [
        (
            "/other",
            "the store keeps its keys in another database than the IdempotentTx is of, or was not given its pool",
        ),
        ("/twice", "a handler has one IdempotentTx, and it is lent already"),
        ("/bare", "IdempotentTx needs `#[idempotent(…, transaction)]` on the handler, and a key"),
    ] {
        for _ in 0..3 {
            assert_eq!(ask(&server, path).await, (500, why.to_owned()));
        }
    }
    let without_a_key = Http1::once(server.address(), &post("/optional", &[], b"")).await;
    assert_eq!(without_a_key.status, 500);
    assert_eq!(ask(&server, "/good").await.0, 201, "the pool's only connection is back");
}
