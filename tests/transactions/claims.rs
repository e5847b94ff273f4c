//! Claims of transactions, by nodes that race, and where the application's pool is used up.

use actix_web::{HttpResponse, web};
use futures_util::future::join_all;
use idempotent_runtime::{Idempotency, idempotent};
use idempotent_tests::{Http1, TestServer};
use sqlx::PgPool;

use crate::fixture::{Fixture, OnPostgres, Setup, keyed, within};

on_both! {
    of_two_nodes_that_race_for_many_keys_one_runs_each_and_both_answer_so,
}

const KEYS: usize = 100;

async fn of_two_nodes_that_race_for_many_keys_one_runs_each_and_both_answer_so(fixture: &impl Fixture) {
    let nodes = [Setup::new(fixture).await, Setup::new(fixture).await];
    let keys: Vec<_> = (0..KEYS).map(|key| format!("k{key}")).collect();
    let race = |key| {
        let [one, other] = &nodes;
        async move { tokio::join!(one.ask(key, "insert 201"), other.ask(key, "insert 201")) }
    };
    for (key, (one, other)) in keys.iter().zip(join_all(keys.iter().map(|key| race(key))).await) {
        assert_eq!((one.status, other.status, one.text()), (201, 201, other.text()), "{key}");
        assert_ne!(one.is_replay(), other.is_replay(), "{key}");
    }
    let runs: usize = nodes.iter().map(|node| node.handler.runs()).sum();
    assert_eq!((runs, fixture.count().await), (KEYS, KEYS as i64));
}

/// Takes a connection out of the pool itself.
#[idempotent(transaction)]
async fn by_itself(pool: web::Data<PgPool>) -> HttpResponse {
    let one: i32 = sqlx::query_scalar("SELECT 1").fetch_one(pool.get_ref()).await.unwrap();
    HttpResponse::Created().body(one.to_string())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_handler_that_asks_for_no_transaction_finds_the_pools_only_connection_free() {
    let fixture = OnPostgres::new().await;
    let pool = fixture.pool(1);
    let idempotency = Idempotency::builder().store(fixture.store(pool.clone()).await).build().unwrap();
    let server = TestServer::start(1, move |app| {
        app.app_data(idempotency.clone())
            .app_data(web::Data::new(pool.clone()))
            .route("/act", web::post().to(by_itself));
    });
    for replay in [false, true] {
        let reply = within(Http1::once(server.address(), &keyed("k", "201"))).await;
        assert_eq!((reply.status, reply.is_replay(), reply.text()), (201, replay, "1"), "{reply:?}");
    }
    fixture.clean().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_comes_while_the_pool_is_used_up_is_replayed_all_the_same() {
    let fixture = OnPostgres::new().await;
    let it = Setup::new(&fixture).await;
    assert_eq!(it.ask("k", "insert 201").await.status, 201);
    let other = Setup::new(&fixture).await;
    let taken = join_all((0..4).map(|_| other.pool.acquire())).await;
    let reply = other.ask("k", "insert 201").await;
    assert_eq!((reply.status, reply.is_replay()), (201, true), "{reply:?}");
    drop(taken);
    fixture.clean().await;
}
