//! Steps on the stores that outlive the process.

use std::time::Duration;

use futures_util::future::join_all;
use idempotent_runtime::{Idempotency, PostgresStore, RedisStore, SqliteStore, Store, store::Token};
use idempotent_tests::{
    scratch::Scratch,
    stores::{database_url, redis_url},
};

use super::fixture::{Fixture, ask, begun, charge_of};

/// Long enough for a machine with much to do, and waited out once.
const LEASE: Duration = Duration::from_secs(5);

/// A process dies behind its step; then many retry at once, over two others.
async fn outlives_its_process<S: Store, O: Future<Output = S>>(open: impl Fn() -> O) {
    let process = async |fixture: &Fixture| {
        let builder = Idempotency::builder().store(open().await).lease(LEASE);
        fixture.server(&builder.build().unwrap())
    };
    let key = Token::random().unwrap().as_bytes().map(|byte| format!("{byte:02x}")).concat();
    let (request, dead) = (charge_of(&key), Fixture::rest_shut());
    let server = process(&dead).await;
    let _connection = begun(&server, &request).await;
    dead.rest.began().await;
    drop(server);
    dead.rest.ended().await;
    let fixture = Fixture::open();
    let servers = [process(&fixture).await, process(&fixture).await];
    let replies = join_all((0..64).map(|index| ask(&servers[index % 2], &request))).await;
    for reply in &replies {
        assert_eq!((reply.status, reply.text()), (201, "charge 1, attempt 2"), "{reply:?}");
    }
    assert_eq!((dead.step.effects(), fixture.step.effects(), fixture.rest.effects()), (1, 0, 1));
}

#[tokio::test]
async fn a_step_outlives_its_process_on_sqlite() {
    let folder = Scratch::new();
    let url = format!("sqlite:{}", folder.file("keys.db").display());
    outlives_its_process(async || SqliteStore::open(&url).await.unwrap()).await;
}

#[tokio::test]
async fn a_step_outlives_its_process_on_redis() {
    outlives_its_process(async || RedisStore::new(redis_url()).await.unwrap()).await;
}

#[tokio::test]
async fn a_step_outlives_its_process_on_postgres() {
    outlives_its_process(async || PostgresStore::connect(&database_url()).await.unwrap()).await;
}
