//! A standby takes over.

use std::time::Duration;

use idempotent_runtime::PostgresStore;
use idempotent_tests::{postgres::Schema, postgres_server::PostgresServer, proxy::Proxy};
use sqlx::{PgPool, postgres::PgPoolOptions};
use tokio::time::{sleep, timeout};

use super::{claim, complete, hold, is_replay, retry};
use crate::{
    load::{Load, first_success},
    log::Log,
    times::is_within,
};

fn pool(port: u16, server: &PostgresServer) -> PgPool {
    PgPoolOptions::new().connect_lazy_with(server.options().port(port))
}

/// A standby without which no commit ends, or one that follows as it can.
#[derive(PartialEq)]
enum Replication {
    Synchronous,
    Asynchronous,
}

/// Number of acknowledged claims and responses that are lost when the primary, cut off from its
/// standby, dies under load and the standby takes its place. The third number is that of the
/// claims.
async fn failover(replication: Replication) -> (usize, usize, usize) {
    let mut primary = PostgresServer::start(&[]).await;
    let schema = Schema::on(primary.options()).await;
    let store = schema.store().await;
    let standby = primary.standby().await;
    if replication == Replication::Synchronous {
        primary.wait_for_standby().await;
    }
    let load = Load::start(&store, 32);
    load.until_claimed(500).await;
    standby.leave(&primary).await;
    match replication {
        Replication::Synchronous => load.wins_nothing().await,
        Replication::Asynchronous => load.until_claimed(load.claimed() + 500).await,
    }
    primary.kill();
    standby.promote().await;
    let acknowledged = load.stop().await;
    let promoted = PostgresStore::builder(pool(standby.port(), &standby)).schema(&schema.name);
    let (claims, responses) = acknowledged.lost(&promoted.build().await.unwrap()).await;
    (claims, responses, acknowledged.claims())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_failover_loses_nothing_that_a_synchronous_standby_has_confirmed() {
    let (claims, responses, number) = failover(Replication::Synchronous).await;
    println!("{number} claims acknowledged, lost {claims} claims and {responses} responses");
    assert_eq!((claims, responses), (0, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_failover_to_an_asynchronous_standby_loses_what_it_has_not_received() {
    let (claims, responses, number) = failover(Replication::Asynchronous).await;
    println!("{number} claims acknowledged, lost {claims} claims and {responses} responses");
    assert!(claims > 0 && responses > 0, "the test sees no loss: {claims} claims, {responses} responses");
}

/// Time from the promotion of a standby until the store answers. The store's address leads to the
/// standby by then.
async fn promotion() -> Duration {
    let mut primary = PostgresServer::start(&[]).await;
    let schema = Schema::on(primary.options()).await;
    let proxy = Proxy::to(primary.port()).await;
    let store =
        PostgresStore::builder(pool(proxy.port(), &primary)).schema(&schema.name).build().await.unwrap();
    let standby = primary.standby().await;
    primary.wait_for_standby().await;
    let owner = hold();
    claim(&store, owner).await.unwrap();
    complete(&store, owner).await.unwrap();
    primary.kill();
    proxy.lead_to(standby.port());
    for _ in 0..5 {
        claim(&store, hold()).await.expect_err("a standby that has not been promoted executes nothing");
    }
    standby.promote().await;
    let first = first_success(&store).await;
    is_replay(&claim(&store, retry(owner)).await.unwrap(), owner);
    first
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_store_finds_the_promoted_standby_behind_the_same_address() {
    is_within(Duration::from_secs(1), "first success after the promotion", promotion).await;
}

#[tokio::test]
async fn a_store_that_cannot_listen_says_so_once_and_listens_when_it_can() {
    let primary = PostgresServer::start(&[]).await;
    let schema = Schema::on(primary.options()).await;
    schema.builder().migrate().await.unwrap();
    let standby = primary.standby().await;
    let (log, _guard) = Log::listen();
    // A standby lets nobody listen.
    let builder = PostgresStore::builder(pool(standby.port(), &standby)).schema(&schema.name);
    let store = builder.migrate_at_start(false).build().await.unwrap();
    sleep(Duration::from_secs(1)).await;
    let said = log.text();
    let warnings: Vec<_> = said.lines().filter(|line| line.contains("notifications")).collect();
    assert_eq!(warnings.len(), 1, "{said}");
    assert!(warnings[0].contains("WARN") && warnings[0].contains("polling until they can"), "{said}");
    assert!(warnings[0].contains("cannot execute LISTEN during recovery"), "{said}");
    standby.promote().await;
    let listens = async {
        while standby.listeners().await == 0 {
            sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(Duration::from_secs(20), listens).await.expect("it listens");
    first_success(&store).await;
}
