//! A duplicate on another node learns of the end of the execution.

use std::time::Duration;

use idempotent_runtime::{PostgresStore, Store};
use idempotent_tests::{postgres::Schema, postgres_server::PostgresServer, proxy::Proxy};
use sqlx::postgres::PgPoolOptions;
use tokio::{
    task::JoinSet,
    time::{sleep, timeout},
};

use super::{HOUR, claim, complete, hold, is_replay, retry};
use crate::{
    log::Log,
    times::{WAKE_UP, is_within, looked, looks_each_half_second},
    waiters::{median_wake_up, response},
};

/// Two nodes, and each hears the other: notifications are received a moment after a store is made.
async fn nodes(schema: &Schema) -> [PostgresStore; 2] {
    let nodes = [schema.store().await, schema.store().await];
    let listening = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'LISTEN \"{}.%'";
    while schema.number(listening).await < 2 {
        sleep(Duration::from_millis(5)).await;
    }
    nodes
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_waiter_on_another_node_has_the_response_within_20_ms() {
    let schema = Schema::new().await;
    let [owning, waiting] = nodes(&schema).await;
    is_within(WAKE_UP, "median wake-up", async || median_wake_up(&owning, &waiting, 41).await).await;
    schema.drop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn waiters_hold_no_connection_of_the_pool() {
    let schema = Schema::new().await;
    let pool = schema.pool(2);
    let store = PostgresStore::builder(pool.clone()).schema(&schema.name).build().await.unwrap();
    let owner = hold();
    claim(&store, owner).await.unwrap();
    let mut waiters = JoinSet::new();
    for _ in 0..200 {
        let store = store.clone();
        waiters.spawn(async move {
            let duplicate = retry(owner);
            claim(&store, duplicate).await.unwrap();
            store.changed(duplicate.address).await;
            is_replay(&claim(&store, duplicate).await.unwrap(), owner);
        });
    }
    sleep(Duration::from_millis(200)).await;
    assert_eq!(pool.size() as usize - pool.num_idle(), 0);
    complete(&store, owner).await.unwrap();
    timeout(Duration::from_secs(10), waiters.join_all()).await.expect("all are woken");
    schema.drop().await;
}

/// Number of statements of the store that the server has carried out.
async fn statements(schema: &Schema) -> i64 {
    let calls =
        "SELECT coalesce(sum(calls), 0)::bigint FROM pg_stat_statements WHERE query LIKE '%{}_.keys_%(%'";
    schema.number(calls).await
}

/// A node of a user who may have two connections: one for calls, which the store has, and
/// one to listen.
async fn limited_node(schema: &Schema) -> PostgresStore {
    let grants = "CREATE ROLE app LOGIN CONNECTION LIMIT 2; GRANT USAGE ON SCHEMA {} TO app;
        GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA {} TO app";
    schema.execute(grants).await;
    let pool = PgPoolOptions::new().connect_lazy_with(schema.options().username("app"));
    let builder = PostgresStore::builder(pool).schema(&schema.name).connections(1);
    let store = builder.sweep_every(HOUR).build().await.unwrap();
    claim(&store, hold()).await.unwrap();
    store
}

async fn until(schema: &Schema, wanted: i64, count: &str) {
    let reached = async {
        while schema.number(count).await != wanted {
            sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(Duration::from_secs(20), reached).await.expect("it comes about");
}

const LISTENING: &str =
    "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'LISTEN%' AND usename = 'app'";

async fn cut(schema: &Schema) {
    until(schema, 1, LISTENING).await;
    let cut = "ALTER ROLE app CONNECTION LIMIT 1;
        SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'LISTEN%' AND usename = 'app'";
    schema.execute(cut).await;
    until(schema, 0, LISTENING).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn waiters_poll_at_a_bounded_rate_while_notifications_are_cut() {
    let server = PostgresServer::start(&["shared_preload_libraries=pg_stat_statements"]).await;
    let schema = Schema::on(server.options()).await;
    schema.execute("CREATE EXTENSION pg_stat_statements").await;
    let owning = schema.store().await;
    let waiting = limited_node(&schema).await;
    cut(&schema).await;

    let owners: Vec<_> = (0..20).map(|_| hold()).collect();
    let mut waiters = JoinSet::new();
    for owner in &owners {
        claim(&owning, *owner).await.unwrap();
        (0..10).for_each(|_| drop(waiters.spawn(response(waiting.clone(), *owner))));
    }
    // Pauses between looks begin short.
    looked(|| waiting.polls(), 8 * 20).await;
    let (looks, before) = (waiting.polls(), statements(&schema).await);
    looks_each_half_second(|| waiting.polls(), 20).await;
    let (looks, statements) = (waiting.polls() - looks, statements(&schema).await - before);
    println!("200 waiters on 20 keys: {looks} looks in {statements} statements");
    assert!(
        (1..60).contains(&statements),
        "looks share statements, one or two each half second: {statements}"
    );

    for owner in &owners {
        complete(&owning, *owner).await.unwrap();
    }
    timeout(Duration::from_secs(20), waiters.join_all()).await.expect("a look finds the completions");

    schema.execute("ALTER ROLE app CONNECTION LIMIT -1").await;
    until(&schema, 1, LISTENING).await;
    is_within(WAKE_UP, "notifications are back", async || median_wake_up(&owning, &waiting, 11).await).await;
}

/// A pooler that is not recognised, and is said to be none, lets none through.
#[tokio::test]
async fn where_a_notification_of_its_own_is_not_heard_the_store_says_so_once_and_looks() {
    let schema = Schema::new().await;
    let proxy = Proxy::to(schema.options().get_port()).await;
    proxy.lose_notifications();
    let options = schema.options().host("127.0.0.1").port(proxy.port()).application_name(&schema.name);
    let builder =
        PostgresStore::builder(PgPoolOptions::new().connect_lazy_with(options)).schema(&schema.name);
    let (log, guard) = Log::listen();
    let (owning, waiting) = (schema.store().await, builder.build().await.unwrap());
    let said = "notifications cannot be heard; polling";
    let tells = async {
        while !log.text().contains(said) {
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(Duration::from_secs(20), tells).await.expect("it is told");
    is_within(Duration::from_millis(60), "wake-up by looks", async || {
        median_wake_up(&owning, &waiting, 11).await
    })
    .await;
    drop(guard);
    assert_eq!(log.text().matches(said).count(), 1, "{}", log.text());
    assert!(log.text().contains("say so with `pool_mode`"), "{}", log.text());
    let listening =
        "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%LISTEN%' AND application_name = '{}'";
    until(&schema, 0, listening).await;
    schema.drop().await;
}
