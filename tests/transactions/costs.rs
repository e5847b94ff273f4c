//! Round trips to PostgreSQL, counted by a proxy.

use idempotent_runtime::{Idempotency, PostgresStore};
use idempotent_tests::proxy::Proxy;
use sqlx::postgres::PgPoolOptions;

use crate::fixture::{Fixture, OnPostgres, Setup};

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
async fn is_back(it: &Setup<OnPostgres>) {
    while it.pool.num_idle() == 0 {
        tokio::task::yield_now().await;
    }
}
