//! Errors that a server has answered, and rows that cannot be read.

use std::fmt::Debug;

use futures_util::future::join_all;
use idempotent_runtime::{PostgresStore, Store, StoreError, store::Hold};
use idempotent_tests::{postgres::Schema, postgres_server::PostgresServer};

use super::{HOUR, WON, claim, complete, hold, is_replay, retry};

#[track_caller]
fn did_nothing<T: Debug>(answer: Result<T, StoreError>) {
    assert!(matches!(answer, Err(StoreError::Undone { store: "postgres", .. })), "{answer:?}");
}

#[track_caller]
fn is_unreadable<T: Debug>(answer: Result<T, StoreError>) {
    assert!(matches!(answer, Err(StoreError::Unreadable { store: "postgres", .. })), "{answer:?}");
}

/// Fails where the store does not say of every call, alone and among others, that the server has
/// done nothing.
async fn refuses(store: &PostgresStore, running: Hold) {
    did_nothing(claim(store, hold()).await);
    join_all((0..64).map(|_| claim(store, hold()))).await.into_iter().for_each(did_nothing);
    did_nothing(store.renew(running, HOUR).await);
    did_nothing(complete(store, running).await);
    did_nothing(store.release(running).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_call_that_the_server_refuses_has_done_nothing() {
    let server = PostgresServer::start(&[]).await;
    let schema = Schema::on(server.options()).await;
    let store = schema.store().await;
    let running = hold();
    claim(&store, running).await.unwrap();
    // As on a server that has become a standby, also for connections that have been used before.
    schema.execute("ALTER SYSTEM SET default_transaction_read_only = on").await;
    schema.execute("SELECT pg_reload_conf(), pg_sleep(0.2)").await;
    refuses(&store, running).await;
    schema.execute("ALTER SYSTEM RESET default_transaction_read_only").await;
    schema.execute("SELECT pg_reload_conf(), pg_sleep(0.2)").await;

    // What is done before an error is taken back.
    schema.execute("ALTER FUNCTION {}.keys_tell(bytea, boolean) RENAME TO gone").await;
    did_nothing(store.release(running).await);
    did_nothing(complete(&store, running).await);
    schema.execute("ALTER FUNCTION {}.gone(bytea, boolean) RENAME TO keys_tell").await;
    assert_eq!(schema.number("SELECT count(*) FROM {}.keys WHERE state = 'c'").await, 1);
    assert_eq!(claim(&store, hold()).await.unwrap(), WON, "it goes on when it is let in again");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_record_that_was_swept_before_the_clock_went_back_is_unreadable() {
    let schema = Schema::new().await;
    let store = schema.store().await;
    let (damaged, whole) = (hold(), hold());
    for owner in [damaged, whole] {
        claim(&store, owner).await.unwrap();
        complete(&store, owner).await.unwrap();
    }
    let row = format!("address = decode('{}', 'hex')", damaged.address);
    schema.execute(&format!("UPDATE {{}}.keys SET record = NULL WHERE {row}")).await;
    is_unreadable(claim(&store, retry(damaged)).await);
    let calls = (0..64).map(|number| claim(&store, retry(if number % 2 == 0 { damaged } else { whole })));
    for (number, answer) in join_all(calls).await.into_iter().enumerate() {
        match number % 2 {
            0 => is_unreadable(answer),
            _ => is_replay(&answer.unwrap(), whole),
        }
    }
}
