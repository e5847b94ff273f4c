//! Errors that a server has answered, and rows that cannot be read.

use idempotent_runtime::Store;
use idempotent_tests::{postgres::Schema, postgres_server::PostgresServer};

use super::{WON, claim, complete, hold};
use crate::refusals::{did_nothing, hurts_no_other, refuses};

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
    did_nothing(&store, store.release(running).await);
    did_nothing(&store, complete(&store, running).await);
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
    hurts_no_other(&store, damaged, whole).await;
}
