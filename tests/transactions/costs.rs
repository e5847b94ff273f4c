//! Round trips to PostgreSQL, counted by a proxy.

use std::ops::RangeInclusive;

use idempotent_runtime::{Idempotency, PostgresStore};
use idempotent_tests::{postgres::Schema, proxy::Proxy};
use sqlx::postgres::PgPoolOptions;
use tokio::time::{Duration, sleep};

use crate::{
    fixture::{Fixture, OnPostgres, Setup},
    libraries::{OnDiesel, OnSeaOrm, OnTokioPostgres},
};

/// Number of the handler's own statements.
const OWN: usize = 1;
/// A pool asks a connection that comes back how it is, whoever used it.
const POOLS: usize = 1;

#[tokio::test(flavor = "multi_thread")]
async fn a_first_execution_costs_four_round_trips_beside_the_handlers_own_and_a_replay_one() {
    let fixture = OnPostgres::new().await;
    let options = fixture.0.options();
    let proxy = Proxy::to(options.get_port()).await;
    // It does not ask before it lends one, which it would for everybody too.
    let pool = PgPoolOptions::new().max_connections(1).test_before_acquire(false);
    let pool = pool.connect_lazy_with(options.host("127.0.0.1").port(proxy.port()));
    let store = PostgresStore::builder(pool.clone()).schema(&fixture.0.name).build().await.unwrap();
    let it = Setup::with(&fixture, pool, Idempotency::builder().store(store)).await;
    // Connecting, and preparing each statement once, is over.
    for key in ["one", "two"] {
        assert_eq!(it.ask(key, "insert 201").await.status, 201);
        is_back(&it).await;
    }
    for (replay, expected) in [(false, 4 + OWN + POOLS), (true, 1)] {
        let before = proxy.messages();
        let reply = it.ask("k", "insert 201").await;
        assert_eq!((reply.status, reply.is_replay()), (201, replay));
        is_back(&it).await;
        assert_eq!(proxy.messages() - before, expected, "replay: {replay}");
    }
    fixture.clean().await;
}

/// Waits until the connection is in the pool again.
async fn is_back(it: &Setup<impl Fixture>) {
    while it.connections().0 == 0 {
        tokio::task::yield_now().await;
    }
}

/// Asserts the number of round trips of a first execution, with a pool of the library's defaults.
async fn costs<P: Fixture>(library: impl FnOnce(OnPostgres) -> P, expected: RangeInclusive<usize>) {
    let direct = Schema::new().await;
    let proxy = Proxy::to(direct.options().get_port()).await;
    let options = direct.options().host("127.0.0.1").port(proxy.port());
    let fixture = library(OnPostgres::on(Schema::on(options).await).await);
    let pool = fixture.pool(1);
    let store = fixture.store(pool.clone()).await;
    let it = Setup::with(&fixture, pool, Idempotency::builder().store(store)).await;
    for key in ["one", "two", "three"] {
        assert_eq!(it.ask(key, "insert 201").await.status, 201);
        is_settled(&it, &proxy).await;
    }
    let before = proxy.messages();
    assert_eq!(it.ask("k", "insert 201").await.status, 201);
    is_settled(&it, &proxy).await;
    let cost = proxy.messages() - before;
    assert!(expected.contains(&cost), "{cost} round trips, not {expected:?}");
    fixture.clean().await;
}

/// Waits until the pool has its connection, and has done with it what it does.
async fn is_settled(it: &Setup<impl Fixture>, proxy: &Proxy) {
    loop {
        is_back(it).await;
        let messages = proxy.messages();
        sleep(Duration::from_millis(50)).await;
        if proxy.messages() == messages {
            return;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_first_execution_with_sea_orm_costs_one_round_trip_more_than_with_sqlx() {
    // sqlx's pool asks a connection also before it lends it.
    let sqlx = 4 + OWN + 2 * POOLS;
    costs(|on_postgres| on_postgres, sqlx..=sqlx).await;
    costs(OnSeaOrm, sqlx + 1..=sqlx + 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_first_execution_with_diesel_costs_one_round_trip_more_than_with_sqlx() {
    // Its pool asks a connection before it lends it. A statement that was prepared for one use is
    // closed by a message that nobody waits for, and that may go with the next.
    costs(OnDiesel, 5 + OWN + POOLS..=5 + OWN + POOLS + 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_first_execution_with_tokio_postgres_costs_as_many_round_trips_as_with_sqlx() {
    costs(OnTokioPostgres, 4 + OWN..=4 + OWN).await;
}
