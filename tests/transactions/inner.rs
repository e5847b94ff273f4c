//! Transactions inside the lent one, by the means of each library, and what is left of them behind
//! the handler.

use std::time::Duration;

use actix_web::{HttpResponse, web};
use diesel_async::{AsyncConnection, SimpleAsyncConnection};
use idempotent_runtime::{DieselPg, Idempotency, IdempotentTx, SeaOrm, TransactionError, idempotent};
use idempotent_tests::{Http1, Reply, TestServer, post};
use sea_orm::{ConnectionTrait, DbErr, TransactionTrait};
use tokio::sync::Semaphore;

use crate::{
    fixture::{Fixture, within},
    libraries::{OnDiesel, OnSeaOrm},
};

/// The table of the rows.
type Rows = web::Data<String>;

/// Lets a task go on that a handler has left behind.
type LetGo = web::Data<Semaphore>;

#[idempotent(transaction)]
async fn with_sea_orm(tx: IdempotentTx<SeaOrm>, rows: Rows) -> Result<HttpResponse, TransactionError> {
    let insert = |key: &str| format!("INSERT INTO {} VALUES ('{key}')", rows.as_str());
    tx.execute_unprepared(&insert("outer")).await?;
    let inner = tx.begin().await?;
    inner.execute_unprepared(&insert("inner")).await?;
    let innermost = inner.begin().await?;
    innermost.execute_unprepared(&insert("taken back")).await?;
    innermost.rollback().await?;
    inner.commit().await?;
    let dropped = tx.begin().await?;
    dropped.execute_unprepared(&insert("dropped")).await?;
    drop(dropped);
    let statement = insert("declined");
    let declined = tx.transaction::<_, (), DbErr>(|inner| {
        Box::pin(async move {
            inner.execute_unprepared(&statement).await?;
            Err(DbErr::Custom("no".into()))
        })
    });
    declined.await.unwrap_err();
    Ok(HttpResponse::Created().finish())
}

#[idempotent(transaction)]
async fn with_diesel(mut tx: IdempotentTx<DieselPg>, rows: Rows) -> Result<HttpResponse, TransactionError> {
    let insert = |key: &str| format!("INSERT INTO {} VALUES ('{key}')", rows.as_str());
    tx.batch_execute(&insert("outer")).await?;
    let (inner, innermost) = (insert("inner"), insert("taken back"));
    let done = tx.transaction(async move |tx| {
        tx.batch_execute(&inner).await?;
        let declined = tx.transaction(async move |tx| {
            tx.batch_execute(&innermost).await?;
            Err::<(), _>(diesel::result::Error::RollbackTransaction)
        });
        declined.await.unwrap_err();
        Ok::<_, diesel::result::Error>(())
    });
    done.await?;
    Ok(HttpResponse::Created().finish())
}

/// Leaves an inner transaction to a task, which commits it when it is let go.
#[idempotent(transaction)]
async fn leaves_one_behind(
    body: String,
    tx: IdempotentTx<SeaOrm>,
    (rows, let_go): (Rows, LetGo),
) -> Result<HttpResponse, TransactionError> {
    let insert = |key: &str| format!("INSERT INTO {} VALUES ('{key}')", rows.as_str());
    tx.execute_unprepared(&insert("the handler''s")).await?;
    let (inner, last) = (tx.begin().await?, insert("the task''s"));
    actix_web::rt::spawn(async move {
        let _gone = let_go.acquire().await.unwrap();
        let _ = inner.execute_unprepared(&last).await;
        let _ = inner.commit().await;
    });
    Ok(HttpResponse::build(body.parse().unwrap()).finish())
}

async fn server(fixture: &impl Fixture, let_go: LetGo, connections: u32) -> TestServer {
    let store = fixture.store(fixture.pool(connections)).await;
    let idempotency = Idempotency::builder().store(store).build().unwrap();
    let rows = Rows::new(fixture.rows());
    TestServer::start(1, move |app| {
        app.app_data(idempotency.clone())
            .app_data(rows.clone())
            .app_data(let_go.clone())
            .route("/sea_orm", web::post().to(with_sea_orm))
            .route("/diesel", web::post().to(with_diesel))
            .route("/leaves", web::post().to(leaves_one_behind));
    })
}

fn none_to_let_go() -> LetGo {
    LetGo::new(Semaphore::new(0))
}

async fn ask(server: &TestServer, path: &str, key: &str, body: &str) -> Reply {
    let request = post(path, &[&format!("Idempotency-Key: {key}")], body.as_bytes());
    within(Http1::once(server.address(), &request)).await
}

async fn commits_what_was_not_taken_back(fixture: impl Fixture, path: &str) {
    let server = server(&fixture, none_to_let_go(), 2).await;
    for replay in [false, true] {
        let reply = ask(&server, path, "k", "").await;
        assert_eq!((reply.status, reply.is_replay(), fixture.count().await), (201, replay, 2), "{reply:?}");
    }
    fixture.clean().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn inner_transactions_of_sea_orm_commit_with_the_handlers_and_what_they_took_back_does_not() {
    commits_what_was_not_taken_back(OnSeaOrm::new().await, "/sea_orm").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn inner_transactions_of_diesel_commit_with_the_handlers_and_what_they_took_back_does_not() {
    commits_what_was_not_taken_back(OnDiesel::new().await, "/diesel").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_inner_transaction_of_sea_orm_that_is_left_to_a_task_changes_nothing_behind_the_handlers_end() {
    let fixture = OnSeaOrm::new().await;
    let let_go = none_to_let_go();
    let server = server(&fixture, let_go.clone(), 4).await;
    for (status, rows) in [("422", 0), ("500", 0), ("201", 1)] {
        let reply = ask(&server, "/leaves", status, status).await;
        assert_eq!((reply.status.to_string().as_str(), fixture.count().await), (status, rows), "{reply:?}");
    }
    let_go.add_permits(3);
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(fixture.count().await, 1);
    assert!(ask(&server, "/leaves", "201", "201").await.is_replay());
    // The connections are of use again, and are as they came.
    for key in 0..8 {
        assert_eq!(ask(&server, "/sea_orm", &format!("k{key}"), "").await.status, 201);
    }
    assert_eq!(fixture.count().await, 17);
    fixture.clean().await;
}
