//! Handlers on SQLite that set hooks of their own, where the library has its own.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering::SeqCst},
};

use actix_web::{HttpResponse, web};
use idempotent_runtime::{Idempotency, IdempotentTx, TransactionError, idempotent};
use idempotent_tests::{Http1, Reply, TestServer, post};
use sqlx::Sqlite;
use tokio::sync::Semaphore;

use crate::fixture::{Fixture, OnSqlite, within};

/// Number of calls of the handler's own hook.
type Calls = web::Data<AtomicUsize>;

/// Sets a commit hook, adds a row, and runs what its body says.
#[idempotent(transaction)]
async fn hooked(
    body: String,
    mut tx: IdempotentTx<Sqlite>,
    calls: Calls,
) -> Result<HttpResponse, TransactionError> {
    let counted = calls.clone();
    tx.lock_handle().await?.set_commit_hook(move || {
        counted.fetch_add(1, SeqCst);
        true
    });
    for statement in ["INSERT INTO rows VALUES ('k')", &body] {
        sqlx::raw_sql(sqlx::AssertSqlSafe(statement.to_owned())).execute(&mut *tx).await?;
    }
    Ok(HttpResponse::Created().finish())
}

/// Sets a commit hook, adds a row, and leaves behind what commits it when it is let go.
#[idempotent(transaction)]
async fn left_behind(
    mut tx: IdempotentTx<Sqlite>,
    let_go: web::Data<Semaphore>,
) -> Result<HttpResponse, TransactionError> {
    tx.lock_handle().await?.set_commit_hook(|| true);
    sqlx::raw_sql("INSERT INTO rows VALUES ('k')").execute(&mut *tx).await?;
    actix_web::rt::spawn(async move {
        let _may_commit = let_go.acquire().await.unwrap();
        sqlx::raw_sql("COMMIT").execute(&mut *tx).await.unwrap();
    });
    Ok(HttpResponse::Created().finish())
}

async fn server(fixture: &OnSqlite) -> (TestServer, Arc<AtomicUsize>) {
    let store = fixture.store(fixture.pool(4)).await;
    let idempotency = Idempotency::builder().store(store).build().unwrap();
    let calls = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&calls);
    let server = TestServer::start(1, move |app| {
        app.app_data(idempotency.clone())
            .app_data(Calls::from(Arc::clone(&counted)))
            .route("/hooked", web::post().to(hooked));
    });
    (server, calls)
}

async fn ask(server: &TestServer, key: &str, body: &str) -> Reply {
    let request = post("/hooked", &[&format!("Idempotency-Key: {key}")], body.as_bytes());
    within(Http1::once(server.address(), &request)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_hook_of_the_handlers_own_is_called_once_and_its_rows_are_kept() {
    let fixture = OnSqlite::new().await;
    let (server, calls) = server(&fixture).await;
    for replay in [false, true] {
        let reply = ask(&server, "k", "SELECT 1").await;
        assert_eq!((reply.status, reply.is_replay()), (201, replay), "{reply:?}");
        assert_eq!((fixture.count().await, calls.load(SeqCst)), (1, 1));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_handler_with_a_commit_hook_of_its_own_that_ends_its_transaction_leaves_an_unknown_outcome() {
    let fixture = OnSqlite::new().await;
    let (server, _) = server(&fixture).await;
    for (key, deeds) in [("commits", "COMMIT"), ("goes-on", "ROLLBACK; INSERT INTO rows VALUES ('k')")] {
        let before = fixture.count().await;
        assert_eq!(ask(&server, key, deeds).await.status, 500);
        assert_eq!(fixture.count().await, before + 1);
        assert_eq!(ask(&server, key, deeds).await.code(), "outcome_unknown");
        assert_eq!(fixture.count().await, before + 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transaction_left_behind_without_the_librarys_hooks_leaves_an_unknown_outcome() {
    let fixture = OnSqlite::new().await;
    let store = fixture.store(fixture.pool(4)).await;
    let idempotency = Idempotency::builder().store(store).build().unwrap();
    let let_go = web::Data::new(Semaphore::new(0));
    let data = let_go.clone();
    let server = TestServer::start(1, move |app| {
        app.app_data(idempotency.clone())
            .app_data(data.clone())
            .route("/left_behind", web::post().to(left_behind));
    });
    let request = post("/left_behind", &["Idempotency-Key: k"], b"");
    assert_eq!(within(Http1::once(server.address(), &request)).await.status, 500);
    let_go.add_permits(1);
    let retry = within(Http1::once(server.address(), &request)).await;
    assert_eq!((retry.status, retry.code().as_str()), (409, "outcome_unknown"));
    assert_eq!(fixture.count().await, 1);
}
