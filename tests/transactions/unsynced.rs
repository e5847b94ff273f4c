//! Claims of transactions, which do not wait for the disk.

use std::time::Duration;

use idempotent_runtime::Idempotency;
use idempotent_tests::{Reply, postgres::Schema, postgres_server::PostgresServer};
use sqlx::{PgPool, postgres::PgPoolOptions};
use tokio::time::sleep;

use crate::fixture::{Fixture, OnPostgres, Setup, within};

/// A service on this server whose transactions have one connection.
async fn on(server: &PostgresServer) -> (OnPostgres, PgPool, Setup<OnPostgres>) {
    let fixture = OnPostgres::on(Schema::on(server.options()).await).await;
    let pool = PgPoolOptions::new().max_connections(1).connect_lazy_with(server.options());
    let store = fixture.store(pool.clone()).await;
    let it = Setup::with(&fixture, pool.clone(), Idempotency::builder().store(store)).await;
    (fixture, pool, it)
}

async fn claims(fixture: &OnPostgres) -> i64 {
    fixture.0.number("SELECT count(*) FROM {}.keys").await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transaction_begins_although_no_commit_reaches_its_standby() {
    let server = PostgresServer::start(&[]).await;
    let (fixture, _, it) = on(&server).await;
    server.stall_commits().await;
    let (reply, ()) = tokio::join!(it.ask("k", "insert wait 201"), async {
        it.handler.began().await;
        server.heal_commits().await;
        it.handler.let_one_through();
    });
    assert_eq!((reply.status, fixture.count().await), (201, 1), "{reply:?}");
}

/// Reply to a request whose transaction cannot begin before `meanwhile` is over.
async fn held_up(
    it: &Setup<OnPostgres>,
    fixture: &OnPostgres,
    pool: &PgPool,
    meanwhile: impl Future,
) -> Reply {
    let only = pool.acquire().await.unwrap();
    let (reply, ()) = tokio::join!(it.ask("k", "insert 201"), async {
        within(async {
            while claims(fixture).await == 0 {
                sleep(Duration::from_millis(1)).await;
            }
        })
        .await;
        meanwhile.await;
        drop(only);
    });
    reply
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crash_that_takes_a_claim_back_takes_its_transaction_too() {
    let mut server = PostgresServer::start(&["autovacuum=off"]).await;
    let (fixture, pool, it) = on(&server).await;
    server.stop_wal_writer();
    let lost = held_up(&it, &fixture, &pool, async {
        server.kill();
        server.restart().await;
        assert_eq!(claims(&fixture).await, 0, "the claim had reached the disk, and this shows nothing");
    })
    .await;
    assert_eq!((lost.status, fixture.count().await), (409, 0), "{lost:?}");
    let again = it.ask("k", "insert 201").await;
    assert_eq!((again.status, again.is_replay(), fixture.count().await), (201, false, 1), "{again:?}");
}
