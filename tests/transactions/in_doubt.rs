//! Commits whose answer does not arrive.

use std::time::Duration;

use idempotent_runtime::{Idempotency, PostgresStore};
use idempotent_tests::{
    postgres::Schema,
    postgres_server::PostgresServer,
    proxy::{Cut, How, Proxy},
};
use sqlx::postgres::PgPoolOptions;

use crate::fixture::{Fixture, OnPostgres, Setup};

/// End of the message that commits. The word alone would not tell it apart: the store's connections
/// speak of READ COMMITTED when they begin.
const COMMIT: &str = "COMMIT\0";

/// A service that reaches its database through a proxy.
async fn through_a_proxy(fixture: &OnPostgres) -> (Setup<OnPostgres>, Proxy) {
    let options = fixture.0.options();
    let proxy = Proxy::to(options.get_port()).await;
    let options = options.host("127.0.0.1").port(proxy.port());
    let pool = PgPoolOptions::new().max_connections(2).connect_lazy_with(options);
    let store = PostgresStore::builder(pool.clone()).schema(&fixture.0.name).build().await.unwrap();
    (Setup::with(fixture, pool, Idempotency::builder().store(store)).await, proxy)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_whose_answer_is_lost_is_answered_as_what_it_was() {
    let fixture = OnPostgres::new().await;
    let (it, proxy) = through_a_proxy(&fixture).await;
    proxy.cut(Cut { text: COMMIT, how: How::After });
    let first = it.ask("k", "insert 201").await;
    assert_eq!((first.status, first.is_replay(), first.text()), (201, false, "run 1 of k"), "{first:?}");
    let again = it.ask("k", "insert 201").await;
    assert_eq!((again.status, again.is_replay(), again.text()), (201, true, "run 1 of k"));
    assert_eq!((it.handler.runs(), fixture.count().await), (1, 1));
    fixture.clean().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_that_is_lost_on_its_way_is_a_503_and_the_next_attempt_runs() {
    let fixture = OnPostgres::new().await;
    let (it, proxy) = through_a_proxy(&fixture).await;
    proxy.cut(Cut { text: COMMIT, how: How::Before });
    let lost = it.ask("k", "insert 201").await;
    assert_eq!((lost.status, lost.code().as_str()), (503, "store_unavailable"), "{lost:?}");
    assert_eq!(fixture.count().await, 0);
    let again = it.ask("k", "insert 201").await;
    assert_eq!((again.status, again.is_replay(), again.text()), (201, false, "run 2 of k"));
    assert_eq!((it.handler.runs(), fixture.count().await), (2, 1));
    fixture.clean().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_that_stands_still_takes_effect_once_whatever_its_client_is_told() {
    let server = PostgresServer::start(&[]).await;
    let fixture = OnPostgres::on(Schema::on(server.options()).await).await;
    let it = Setup::new(&fixture).await;
    let (told, ()) = tokio::join!(it.ask("k", "insert wait 201"), async {
        it.handler.began().await;
        waits_for_a_standby(&fixture, "nobody").await;
        it.handler.let_one_through();
    });
    assert_eq!((told.status, told.code().as_str()), (503, "store_unavailable"), "{told:?}");
    assert!(told.json()["detail"].as_str().unwrap().contains("not known yet"), "{told:?}");
    waits_for_a_standby(&fixture, "").await;
    let again = it.ask("k", "insert wait 201").await;
    assert_eq!((again.status, again.is_replay(), again.text()), (201, true, "run 1 of k"), "{again:?}");
    assert_eq!((it.handler.runs(), fixture.count().await), (1, 1));
}

/// From now on commits wait for this standby, until somebody takes that back.
async fn waits_for_a_standby(fixture: &OnPostgres, name: &str) {
    let set = format!("ALTER SYSTEM SET synchronous_standby_names = '{name}'");
    for statement in [set.as_str(), "SELECT pg_reload_conf()"] {
        fixture.0.execute(statement).await;
    }
    let is_set = format!(
        "SELECT count(*) FROM pg_settings WHERE name = 'synchronous_standby_names' AND setting = '{name}'"
    );
    while fixture.0.number(&is_set).await == 0 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
