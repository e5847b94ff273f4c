//! Behind a pooler that lends a session of the server's for one transaction at a time.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    time::Duration,
};

use idempotent_runtime::{
    PoolMode, PostgresStore, SetupError, Store,
    store::{Claim, Record},
};
use idempotent_tests::{
    pgbouncer::{PgBouncer, TAKES_SQLX},
    pooled::{Pooled, through},
    postgres::Schema,
    postgres_server::PostgresServer,
    requests::KEPT,
};
use sqlx::{Connection, Executor, PgConnection};
use tokio::task::JoinSet;

use super::{WON, claim, complete, hold, is_replay, retry};
use crate::{log::Log, times::is_within, waiters::median_wake_up};

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn behind_a_pooler_in_session_mode_that_is_said_to_be_one_notifications_are_heard() {
    let server = PostgresServer::start(&[]).await;
    let settings = ["pool_mode = session", "default_pool_size = 20", TAKES_SQLX];
    let pooler = PgBouncer::start(server.options(), &settings).await;
    let schema = Schema::on(server.options()).await;
    let store = through(pooler.options(), &schema).pool_mode(PoolMode::Session).build().await.unwrap();
    let listening = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'LISTEN%'";
    assert_eq!(schema.number(listening).await, 1);
    for node in [&store, &through(pooler.options(), &schema).build().await.unwrap()] {
        let owner = hold();
        assert_eq!(claim(&store, owner).await.unwrap(), WON);
        complete(&store, owner).await.unwrap();
        is_replay(&claim(node, retry(owner)).await.unwrap(), owner);
    }
}

#[tokio::test]
async fn a_pooler_in_statement_mode_is_refused_with_the_remedy() {
    let server = PostgresServer::start(&[]).await;
    let pooler = PgBouncer::start(server.options(), &["pool_mode = statement", TAKES_SQLX]).await;
    let error = through(pooler.options(), &Schema::on(server.options()).await).build().await.unwrap_err();
    assert!(matches!(error, SetupError::Setting { .. }), "{error}");
    assert!(error.to_string().contains("set its `pool_mode` to `transaction`"), "{error}");
}

#[tokio::test]
async fn a_pooler_that_refuses_what_the_pool_asks_for_is_an_error_with_the_remedy() {
    let server = PostgresServer::start(&[]).await;
    // Newer ones take options, but none that they do not know.
    let pooler = PgBouncer::start(server.options(), &["pool_mode = transaction"]).await;
    let schema = Schema::on(server.options()).await;
    let asks = pooler.options().options([("jit", "off")]);
    let error = through(asks, &schema).build().await.unwrap_err();
    assert!(error.to_string().contains("`ignore_startup_parameters`"), "{error}");
    // What sqlx asks for by itself, and PgBouncer refuses by default, the store leaves out.
    through(pooler.options(), &schema).build().await.unwrap();
    PostgresStore::connect(&pooler.url()).await.unwrap();
}

#[tokio::test]
async fn a_pooler_that_takes_no_simple_queries_is_an_error_with_the_remedy() {
    let server = PostgresServer::start(&[]).await;
    let settings = ["pool_mode = transaction", "disable_pqexec = 1", TAKES_SQLX];
    let pooler = PgBouncer::start(server.options(), &settings).await;
    let error = through(pooler.options(), &Schema::on(server.options()).await).build().await.unwrap_err();
    assert!(error.to_string().contains("set the pooler's `disable_pqexec` to 0"), "{error}");
}

#[tokio::test]
async fn a_pooler_in_session_mode_without_a_second_session_is_an_error_with_the_remedy() {
    let server = PostgresServer::start(&[]).await;
    let settings = ["pool_mode = session", "default_pool_size = 1", TAKES_SQLX];
    let pooler = PgBouncer::start(server.options(), &settings).await;
    let error = through(pooler.options(), &Schema::on(server.options()).await).build().await.unwrap_err();
    assert!(matches!(error, SetupError::Setting { .. }), "{error}");
    assert!(error.to_string().contains("set its `pool_mode` to `transaction`"), "{error}");
}

#[tokio::test]
async fn a_pooler_that_takes_no_more_clients_is_an_error_with_the_remedy() {
    let server = PostgresServer::start(&[]).await;
    let settings = ["pool_mode = transaction", "max_client_conn = 1", TAKES_SQLX];
    let pooler = PgBouncer::start(server.options(), &settings).await;
    let error = through(pooler.options(), &Schema::on(server.options()).await).build().await.unwrap_err();
    assert!(error.to_string().contains("raise the pooler's `max_client_conn`"), "{error}");
}

#[tokio::test]
async fn a_server_itself_is_not_taken_for_a_pooler() {
    let schema = Schema::new().await;
    for _ in 0..20 {
        let (log, guard) = Log::listen();
        let store = schema.store().await;
        drop(guard);
        assert!(!log.text().contains("pooler"), "{}", log.text());
        drop(store);
    }
    schema.drop().await;
}

#[tokio::test]
async fn a_pooler_is_told_of_once() {
    let pooled = Pooled::new().await;
    let (log, guard) = Log::listen();
    let _store = pooled.store().await;
    drop(guard);
    assert_eq!(log.text().matches("a pooler lends sessions of the server").count(), 1, "{}", log.text());
}

/// However busy the pooler is, and however few sessions it has opened yet.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_pooler_is_recognised_while_others_use_it() {
    for busy in [0, 1, 4, 20] {
        let pooled = Pooled::new().await;
        let ends = Arc::new(AtomicBool::new(false));
        let mut others = JoinSet::new();
        for _ in 0..busy {
            let (options, ends) = (pooled.pooler.options(), Arc::clone(&ends));
            others.spawn(async move {
                let mut connection = PgConnection::connect_with(&options).await.unwrap();
                while !ends.load(SeqCst) {
                    connection.execute("SELECT pg_sleep(0.001 * random())").await.unwrap();
                }
            });
        }
        for _ in 0..10 {
            let (log, guard) = Log::listen();
            let _store = pooled.store().await;
            drop(guard);
            assert!(log.text().contains("a pooler lends sessions"), "{busy} others: {}", log.text());
        }
        ends.store(true, SeqCst);
        others.join_all().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_duplicate_on_another_node_behind_a_pooler_has_the_response_soon() {
    let pooled = Pooled::new().await;
    let (owning, waiting) = (pooled.store().await, pooled.store().await);
    let wake_up = async || median_wake_up(&owning, &waiting, 11).await;
    is_within(Duration::from_millis(60), "median wake-up by looks", wake_up).await;
}

/// Bytes that look like SQL, and as many as a response may have by default.
#[tokio::test]
async fn records_of_any_length_and_bytes_come_back_through_a_pooler() {
    let pooled = Pooled::new().await;
    let store = pooled.store().await;
    let every_byte: Vec<u8> = (0..=255).cycle().take(1 << 20).collect();
    for bytes in [Vec::new(), vec![0], b"'; DROP TABLE keys; --\\\\".to_vec(), every_byte] {
        let (owner, record) = (hold(), Record::from_bytes(bytes));
        assert_eq!(claim(&store, owner).await.unwrap(), WON);
        store.complete(owner, record.clone(), KEPT).await.unwrap();
        let Claim::Replay { record: found, .. } = claim(&store, retry(owner)).await.unwrap() else {
            panic!("a replay")
        };
        assert!(found == record, "{} bytes", record.as_bytes().len());
    }
}

/// A call through a pooler is text, which holds the record in hexadecimal.
#[tokio::test]
async fn no_record_is_logged_on_its_way_through_a_pooler() {
    let pooled = Pooled::new().await;
    let (log, guard) = Log::listen_to_all();
    let store = pooled.store().await;
    let owner = hold();
    claim(&store, owner).await.unwrap();
    store.complete(owner, Record::from_bytes(b"a secret".to_vec()), KEPT).await.unwrap();
    drop(guard);
    let (log, secret) = (log.text(), "6120736563726574");
    assert!(log.contains("CREATE TABLE"), "statements are logged");
    assert!(!log.contains(secret), "{log}");
}
