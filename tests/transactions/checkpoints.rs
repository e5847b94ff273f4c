//! Steps of handlers with a transaction.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering::SeqCst},
};

use actix_web::{HttpResponse, web};
use idempotent_runtime::{
    CheckpointError, Idempotency, IdempotencyContext, IdempotentTx, TransactionError, idempotent,
};
use idempotent_tests::{Http1, Reply, TestServer, lent::Lent, post};

use crate::fixture::{Fixture, OnPostgres, OnSqlite, within};

struct Shared {
    table: String,
    charges: AtomicUsize,
    failures: AtomicUsize,
}

/// Inserts a row, charges in a checkpoint, and answers 500 where it is to fail. `body` is what it
/// does first.
#[idempotent(transaction)]
async fn charge<DB: Lent>(
    body: String,
    context: IdempotencyContext,
    mut tx: IdempotentTx<DB>,
    shared: web::Data<Shared>,
) -> Result<HttpResponse, actix_web::Error> {
    let insert = format!("INSERT INTO {} VALUES ('k')", shared.table);
    for statement in [body, insert].into_iter().filter(|statement| !statement.is_empty()) {
        DB::text(&mut tx, statement).await?;
    }
    let step = async { Ok::<_, TransactionError>(shared.charges.fetch_add(1, SeqCst) + 1) };
    let number = context.checkpoint("charge", step).await?;
    match shared.failures.fetch_update(SeqCst, SeqCst, |left| left.checked_sub(1)) {
        Ok(_) => Ok(HttpResponse::InternalServerError().finish()),
        Err(_) => Ok(HttpResponse::Created().body(format!("charge {number}"))),
    }
}

/// Charges without having asked for the transaction.
#[idempotent(transaction)]
async fn without(context: IdempotencyContext) -> Result<HttpResponse, CheckpointError<TransactionError>> {
    let number = context.checkpoint("charge", async { Ok(1) }).await?;
    Ok(HttpResponse::Created().body(format!("charge {number}")))
}

async fn server<P: Fixture>(fixture: &P, failures: usize) -> (TestServer, Arc<Shared>) {
    let store = fixture.store(fixture.pool(4)).await;
    let idempotency = Idempotency::builder().store(store).build().unwrap();
    let shared = Shared { table: fixture.rows(), charges: AtomicUsize::new(0), failures: failures.into() };
    let shared = Arc::new(shared);
    let counted = Arc::clone(&shared);
    let server = TestServer::start(1, move |app| {
        app.app_data(idempotency.clone())
            .app_data(web::Data::from(Arc::clone(&counted)))
            .route("/charge", web::post().to(charge::<P::Database>))
            .route("/without", web::post().to(without));
    });
    (server, shared)
}

async fn ask(server: &TestServer, path: &str, first: &str) -> Reply {
    within(Http1::once(server.address(), &post(path, &["Idempotency-Key: k"], first.as_bytes()))).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_step_is_kept_when_the_rows_of_its_handler_are_not() {
    let fixture = OnPostgres::new().await;
    let (server, shared) = server(&fixture, 2).await;
    for _ in 0..2 {
        assert_eq!(ask(&server, "/charge", "").await.status, 500);
        assert_eq!(fixture.count().await, 0);
    }
    let reply = ask(&server, "/charge", "").await;
    assert_eq!((reply.status, reply.text()), (201, "charge 1"));
    assert_eq!((fixture.count().await, shared.charges.load(SeqCst)), (1, 1));
    fixture.clean().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_step_between_the_statements_of_a_serializable_transaction_costs_one_attempt() {
    let fixture = OnPostgres::new().await;
    let (server, shared) = server(&fixture, 0).await;
    let serializable = "SET TRANSACTION ISOLATION LEVEL SERIALIZABLE";
    let first = ask(&server, "/charge", serializable).await;
    assert_eq!((first.status, first.code().as_str(), fixture.count().await), (503, "store_unavailable", 0));
    // What is recorded asks for nothing of the execution's claim.
    let retry = ask(&server, "/charge", serializable).await;
    assert_eq!((retry.status, retry.text()), (201, "charge 1"));
    assert_eq!((fixture.count().await, shared.charges.load(SeqCst)), (1, 1));
    fixture.clean().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_step_in_a_transaction_that_has_the_file_to_itself_is_an_error_at_once_that_says_so() {
    let fixture = OnSqlite::new().await;
    let (server, shared) = server(&fixture, 0).await;
    let reply = ask(&server, "/charge", "").await;
    let text = "a SQLite file has one writer, and that is the handler's transaction: a checkpoint cannot be recorded before it has ended";
    assert_eq!((reply.status, reply.text()), (500, text));
    assert_eq!((fixture.count().await, shared.charges.load(SeqCst)), (0, 0));
    let without = ask(&server, "/without", "other").await;
    assert_eq!((without.status, without.text()), (201, "charge 1"));
}
