//! The server is killed under load, or does not answer in time.

use std::time::Duration;

use idempotent_runtime::store::{Claim, Completion};
use idempotent_tests::{postgres::Schema, postgres_server::PostgresServer};
use sqlx::AssertSqlSafe;
use tokio::time::{Instant, sleep};

use super::{claim, complete, hold, retry};
use crate::{
    load::{Killed, kill_under_load},
    times::is_within,
};

async fn killed(mut server: PostgresServer, times: usize) -> Killed {
    let schema = Schema::on(server.options()).await;
    let store = schema.store().await;
    // Whatever the settings may lose, the schema stays.
    schema.execute("CHECKPOINT").await;
    kill_under_load(&mut server, &store, times).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_server_killed_under_load_loses_nothing_it_has_acknowledged() {
    killed(PostgresServer::start(&[]).await, 5).await.assert_nothing_is_lost();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_server_that_commits_asynchronously_loses_what_it_has_acknowledged() {
    // Buffers that are not full before the server is killed.
    let mut server = PostgresServer::start(&["synchronous_commit=off", "wal_buffers=64MB"]).await;
    server.stop_wal_writer();
    killed(server, 3).await.assert_a_loss_is_seen();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_call_that_meets_a_lock_fails_in_time_and_is_not_done_later() {
    let schema = Schema::new().await;
    let store = schema.store().await;
    let owner = hold();
    claim(&store, owner).await.unwrap();
    let pool = schema.pool(1);
    let mut transaction = pool.begin().await.unwrap();
    let lock = AssertSqlSafe(format!("SELECT 1 FROM {}.keys FOR UPDATE", schema.name));
    sqlx::raw_sql(lock).execute(&mut *transaction).await.unwrap();
    let refused = async || {
        let began = Instant::now();
        assert!(complete(&store, owner).await.is_err());
        began.elapsed()
    };
    is_within(Duration::from_secs(2), "a call that meets a lock", refused).await;
    transaction.rollback().await.unwrap();
    sleep(Duration::from_millis(100)).await;
    assert!(matches!(claim(&store, retry(owner)).await.unwrap(), Claim::InFlight { .. }));
    assert_eq!(complete(&store, owner).await.unwrap(), Completion::Stored);
    schema.drop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn calls_on_connections_that_the_server_has_closed_are_made_again() {
    let schema = Schema::new().await;
    let store = schema.store().await;
    let owner = hold();
    claim(&store, owner).await.unwrap();
    for _ in 0..20 {
        // Found by the statement they carried out last.
        let end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE '%{}_.keys_%' AND pid <> pg_backend_pid()";
        schema.execute(end).await;
        assert!(matches!(claim(&store, retry(owner)).await.unwrap(), Claim::InFlight { .. }));
    }
    schema.drop().await;
}
